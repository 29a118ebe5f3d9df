/* http_tls.h: whom a client trusts, and what is known of the servers it met; knows nothing of Lua */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include <stddef.h>
#include <curl/curl.h>

#define TLS_THUMBPRINT 96 /* 32 bytes as "AA:BB:...", with the end */

/* The last certificate seen at "host:port". */
typedef struct tls_Peer {
  struct tls_Peer *next;
  unsigned char sha1[20], sha256[32];
  int seen;   /* the two above are known */
  int refused; /* it is not the pinned one */
  int cause;  /* X509_V_ code of the last verification */
  char name[];
} tls_Peer;

/* A client's policy. Zeroed: the certificate authorities and the host name decide. It outlives its connections. */
typedef struct tls_Trust {
  tls_Peer *peers;
  unsigned char pin[32];
  size_t pinned; /* 0, or the size of the pinned digest: 20 (SHA-1) or 32 (SHA-256) */
  int insecure;
} tls_Trust;

/* Read "AA:BB:..." or "aabb...": 1, or 0 when it is no SHA-1 or SHA-256 thumbprint. */
int tls_pin(tls_Trust *trust, const char *text);

/* Let `easy` use the policy. `ca_file` NULL: the system's authorities. */
CURLcode tls_apply(CURL *easy, tls_Trust *trust, const char *ca_file);

/* What is known of the server of `url`, NULL when nothing. */
const tls_Peer *tls_peer(const tls_Trust *trust, const char *url);

/* "AA:BB:..." of `n` <= 32 bytes */
void tls_thumbprint(const unsigned char *bytes, size_t n, char out[TLS_THUMBPRINT]);

/* Why the peer was not trusted ("self-signed certificate"), NULL when its certificate was accepted. */
const char *tls_cause(const tls_Peer *peer);

void tls_forget(tls_Trust *trust);

#endif
