/* sshkey: new ed25519 key pairs, in OpenSSH's format (libcrypto) */

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "ssh.h"

#define HALF 32          /* bytes of a seed, and of a public key */
#define COMMENT_MAX 200
#define BYTES_MAX 800    /* of a private key before base64 */
#define TYPE "ssh-ed25519"
#define LINE 70          /* characters of base64 in a line, as ssh-keygen has them */

/* ---- fields of RFC 4251 5 ---- */

typedef struct Blob {
  unsigned char data[BYTES_MAX];
  size_t len;
} Blob;

static void put(Blob *b, const void *data, size_t n) {
  memcpy(b->data + b->len, data, n);
  b->len += n;
}

static void put_number(Blob *b, size_t n) {
  const unsigned char bytes[] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n};
  put(b, bytes, sizeof bytes);
}

static void put_string(Blob *b, const void *data, size_t n) {
  put_number(b, n);
  put(b, data, n);
}

/* ---- a pair ---- */

typedef struct Pair {
  unsigned char seed[HALF], public[HALF], check[4];
} Pair;

static int make_pair(Pair *pair) {
  size_t n = HALF, m = HALF;
  EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
  int done = key && EVP_PKEY_get_raw_private_key(key, pair->seed, &n) == 1 && EVP_PKEY_get_raw_public_key(key, pair->public, &m) == 1 &&
             n == HALF && m == HALF && RAND_bytes(pair->check, sizeof pair->check) == 1;
  EVP_PKEY_free(key);
  return done;
}

static void put_public(Blob *b, const Pair *pair) {
  put_string(b, TYPE, strlen(TYPE));
  put_string(b, pair->public, HALF);
}

/* Without a passphrase: the check number twice, the pair, and padding 1, 2, 3... to a multiple of eight. */
static void put_private(Blob *b, const Pair *pair, const char *comment) {
  unsigned char both[2 * HALF];
  memcpy(both, pair->seed, HALF);
  memcpy(both + HALF, pair->public, HALF);
  put(b, pair->check, sizeof pair->check);
  put(b, pair->check, sizeof pair->check);
  put_public(b, pair);
  put_string(b, both, sizeof both);
  put_string(b, comment, strlen(comment));
  for (unsigned char i = 1; b->len % 8; i++) put(b, &i, 1);
  OPENSSL_cleanse(both, sizeof both);
}

/* Push base64, in lines when `line` is not 0, each with its newline. */
static void push_base64(lua_State *L, const Blob *b, size_t line) {
  char text[BYTES_MAX / 3 * 4 + 8];
  size_t n = (size_t)EVP_EncodeBlock((unsigned char *)text, b->data, (int)b->len);
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  for (size_t at = 0; at < n; at += line ? line : n) {
    luaL_addlstring(&out, text + at, line && n - at > line ? line : n - at);
    if (line) luaL_addchar(&out, '\n');
  }
  luaL_pushresult(&out);
  OPENSSL_cleanse(text, sizeof text);
}

/* Push the text of the private key's file. */
static void push_private(lua_State *L, const Pair *pair, const char *comment) {
  Blob whole = {{0}, 0}, part = {{0}, 0};
  static const char magic[] = "openssh-key-v1"; /* with its zero byte */
  put(&whole, magic, sizeof magic);
  put_string(&whole, "none", 4); /* cipher */
  put_string(&whole, "none", 4); /* key derivation, and its options: */
  put_string(&whole, "", 0);
  put_number(&whole, 1);
  put_public(&part, pair);
  put_string(&whole, part.data, part.len);
  part.len = 0;
  put_private(&part, pair, comment);
  put_string(&whole, part.data, part.len);
  lua_pushliteral(L, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
  push_base64(L, &whole, LINE);
  lua_pushliteral(L, "-----END OPENSSH PRIVATE KEY-----\n");
  lua_concat(L, 3);
  OPENSSL_cleanse(&whole, sizeof whole);
  OPENSSL_cleanse(&part, sizeof part);
}

/*
ssh.keygen([comment]) -> string, string
A new ed25519 key pair: the private half as the text of its file, without a passphrase, and the public half as the line for
authorized_keys, without a newline.
  comment        string = ""       up to 200 characters, no control characters; at the end of the line
Blocks: no.  Source: RFC 8032 5.1; RFC 8709 4; OpenSSH's PROTOCOL.key.
*/
int ssh_keygen(lua_State *L) {
  size_t n;
  const char *comment = luaL_optlstring(L, 1, "", &n);
  Pair pair;
  Blob public = {{0}, 0};
  luaL_argcheck(L, n <= COMMENT_MAX, 1, "too long");
  for (size_t i = 0; i < n; i++) luaL_argcheck(L, (unsigned char)comment[i] >= ' ' && comment[i] != 127, 1, "contains a control character");
  lua_settop(L, 1);
  if (!make_pair(&pair)) return luaL_error(L, "libcrypto makes no ed25519 key");
  push_private(L, &pair, comment);
  put_public(&public, &pair);
  OPENSSL_cleanse(&pair, sizeof pair);
  lua_pushliteral(L, TYPE " ");
  push_base64(L, &public, 0);
  lua_pushstring(L, n ? " " : "");
  lua_pushstring(L, comment);
  lua_concat(L, 4);
  return 2;
}
