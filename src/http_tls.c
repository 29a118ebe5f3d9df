/* http_tls: certificate verification: authorities or a pinned thumbprint, and the thumbprint of whoever was refused */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "http_tls.h"

/* ---- thumbprints ---- */

static int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 32);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int tls_pin(tls_Trust *trust, const char *text) {
  size_t n = 0;
  for (; *text; n++) {
    int high, low;
    if (*text == ':' && n > 0) text++;
    high = nibble(text[0]);
    low = high < 0 ? -1 : nibble(text[1]);
    if (low < 0 || n == sizeof trust->pin) return 0;
    trust->pin[n] = (unsigned char)(high << 4 | low);
    text += 2;
  }
  if (n != 20 && n != 32) return 0;
  trust->pinned = n;
  return 1;
}

void tls_thumbprint(const unsigned char *bytes, size_t n, char out[TLS_THUMBPRINT]) {
  if (!OPENSSL_buf2hexstr_ex(out, TLS_THUMBPRINT, NULL, bytes, n, ':')) *out = '\0';
}

/* ---- peers ---- */

/* "host:port" of a URL, 0 when it has none or is too long. */
static int origin(const char *url, char *out, size_t size) {
  CURLU *u = curl_url();
  char *host = NULL, *port = NULL;
  int n = 0;
  if (u && !curl_url_set(u, CURLUPART_URL, url, 0) && !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
      !curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
    n = snprintf(out, size, "%s:%s", host, port);
  curl_free(host);
  curl_free(port);
  curl_url_cleanup(u);
  return n > 0 && (size_t)n < size;
}

static tls_Peer *find(const tls_Trust *trust, const char *name) {
  tls_Peer *peer = trust->peers;
  while (peer && strcmp(peer->name, name) != 0) peer = peer->next;
  return peer;
}

const tls_Peer *tls_peer(const tls_Trust *trust, const char *url) {
  char name[300];
  return url && origin(url, name, sizeof name) ? find(trust, name) : NULL;
}

static tls_Peer *meet(tls_Trust *trust, const char *name) {
  tls_Peer *peer = find(trust, name);
  if (peer) return peer;
  peer = calloc(1, sizeof *peer + strlen(name) + 1);
  if (!peer) return NULL;
  memcpy(peer->name, name, strlen(name) + 1);
  peer->next = trust->peers;
  trust->peers = peer;
  return peer;
}

void tls_forget(tls_Trust *trust) {
  while (trust->peers) {
    tls_Peer *peer = trust->peers;
    trust->peers = peer->next;
    free(peer);
  }
}

const char *tls_cause(const tls_Peer *peer) {
  if (peer->refused) return "the certificate is not the pinned one";
  return peer->cause == X509_V_OK ? NULL : X509_verify_cert_error_string(peer->cause);
}

/* ---- verification ---- */

/* A peer with the trust it is judged by, in the SSL_CTX of each of its connections */
static int trust_index(void) {
  static int index = -1;
  if (index < 0) index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  return index;
}

/* OpenSSL asks here, during the handshake, before any byte of the request: SSL_CTX_set_cert_verify_callback(3). */
static int verify(X509_STORE_CTX *store, void *arg) {
  tls_Peer *peer = arg;
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  tls_Trust *trust = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), trust_index());
  X509 *leaf = X509_STORE_CTX_get0_cert(store);
  int ok;
  peer->seen = leaf && X509_digest(leaf, EVP_sha1(), peer->sha1, NULL) &&
               X509_digest(leaf, EVP_sha256(), peer->sha256, NULL);
  peer->refused = 0;
  peer->cause = X509_V_OK;
  if (trust->insecure) {
    ok = 1;
  } else if (trust->pinned) {
    const unsigned char *got = trust->pinned == sizeof peer->sha1 ? peer->sha1 : peer->sha256;
    ok = peer->seen && memcmp(got, trust->pin, trust->pinned) == 0;
    peer->refused = !ok;
    X509_STORE_CTX_set_error(store, ok ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
  } else {
    ok = X509_verify_cert(store) > 0;
    peer->cause = X509_STORE_CTX_get_error(store);
  }
  if (trust->insecure) X509_STORE_CTX_set_error(store, X509_V_OK);
  return ok;
}

/* CURLOPT_SSL_CTX_FUNCTION: once for each new connection */
static CURLcode context(CURL *easy, void *ssl_ctx, void *arg) {
  tls_Trust *trust = arg;
  tls_Peer *peer = NULL;
  char *url = NULL, name[300];
  curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
  if (url && origin(url, name, sizeof name)) peer = meet(trust, name);
  if (!peer || !SSL_CTX_set_ex_data(ssl_ctx, trust_index(), trust)) return CURLE_OUT_OF_MEMORY;
  peer->seen = 0;
  SSL_CTX_set_cert_verify_callback(ssl_ctx, verify, peer);
  return CURLE_OK;
}

CURLcode tls_apply(CURL *easy, tls_Trust *trust, const char *ca_file) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, context);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, trust);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* the directory would keep curl from caching the file */
  if (trust->insecure || trust->pinned) {
    /* curl must ask for verification where a pin decides, or OpenSSL would go on after a refusal */
    if (!code) code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, (long)!trust->insecure);
    if (!code) code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    if (!code) code = curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
  } else if (ca_file) {
    if (!code) code = curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
  }
  return code;
}
