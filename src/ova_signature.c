/* ova_signature: is the certificate file of a package a signature of its manifest? */

#include <ctype.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "ova.h"

#define TYPE "ova.certificate"
#define SIGNATURE_MAX 2048 /* bytes: RSA of 16384 bits */

typedef struct Certificate {
  lb_Box box;
  BIO *text;
  X509 *x509;
  EVP_MD_CTX *context;
} Certificate;

static int certificate_close(lua_State *L) {
  Certificate *c = lua_touserdata(L, 1);
  if (!lb_closing(&c->box)) return 0;
  EVP_MD_CTX_free(c->context);
  X509_free(c->x509);
  BIO_free(c->text);
  return 0;
}

static int digit(int c) { return isdigit(c) ? c - '0' : isxdigit(c) ? (c | 32) - 'a' + 10 : -1; }

/* The bytes of the hex digits at `p`: how many, 0 when they are no such thing. */
static size_t from_hex(const char *p, unsigned char *out) {
  size_t n = 0;
  while (digit((unsigned char)p[0]) >= 0) {
    if (digit((unsigned char)p[1]) < 0 || n == SIGNATURE_MAX) return 0;
    out[n++] = (unsigned char)(digit((unsigned char)p[0]) << 4 | digit((unsigned char)p[1]));
    p += 2;
  }
  return n;
}

static const EVP_MD *algorithm(const char *text) {
  if (strncmp(text, "SHA256(", 7) == 0) return EVP_sha256();
  if (strncmp(text, "SHA1(", 5) == 0) return EVP_sha1();
  return strncmp(text, "SHA512(", 7) == 0 ? EVP_sha512() : NULL;
}

/*
ova.signature(manifest, certificate) -> { subject = string, file = string (that is signed) }
                                     -> nil, message, code
Check the signature of a manifest by the certificate that comes with it. Who made the certificate is not looked at.
  manifest       string            content of the .mf file
  certificate    string            content of the .cert file: "SHA256(name.mf)= <hex>" and a certificate in PEM
Codes: format (no such signature or certificate, or the signature is not one of this manifest).
Blocks: no.  Source: DSP0243 1.1.0, 5.1 (manifest and certificate); EVP_DigestVerifyInit(3).
*/
int ova_signature(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  size_t length, size, n;
  const char *manifest = luaL_checklstring(L, 1, &length), *text = luaL_checklstring(L, 2, &size);
  const char *close = strstr(text, ")="), *name = strchr(text, '(');
  const EVP_MD *md = algorithm(text);
  unsigned char bytes[SIGNATURE_MAX];
  char subject[512] = "", passphrase[] = ""; /* so that nobody is asked for one */
  Certificate *c;
  int good;
  if (!md || !close || size > 1 << 20) return lb_fail(L, "format", "the certificate does not begin with a signature");
  n = from_hex(close + 2 + strspn(close + 2, " "), bytes);
  if (!n) return lb_fail(L, "format", "the signature in the certificate is not hex");
  if (luaL_getmetatable(L, TYPE) == LUA_TNIL) lb_class(L, TYPE, none, certificate_close);
  c = lb_newbox(L, sizeof *c, TYPE);
  lb_opened(&c->box);
  lua_toclose(L, -1);
  c->text = BIO_new_mem_buf(text, (int)size);
  c->context = EVP_MD_CTX_new();
  if (!c->text || !c->context) return luaL_error(L, "libcrypto: out of memory");
  c->x509 = PEM_read_bio_X509(c->text, NULL, NULL, passphrase);
  ERR_clear_error();
  if (!c->x509) return lb_fail(L, "format", "the certificate has no PEM part that can be read");
  good = EVP_DigestVerifyInit(c->context, NULL, md, NULL, X509_get0_pubkey(c->x509)) == 1 &&
         EVP_DigestVerify(c->context, bytes, n, (const unsigned char *)manifest, length) == 1;
  ERR_clear_error();
  if (!good) return lb_fail(L, "format", "the signature is not one of this manifest");
  X509_NAME_oneline(X509_get_subject_name(c->x509), subject, sizeof subject);
  lua_createtable(L, 0, 2);
  lua_pushstring(L, subject);
  lua_setfield(L, -2, "subject");
  lua_pushlstring(L, name + 1, (size_t)(close - name - 1));
  lua_setfield(L, -2, "file");
  return 1;
}
