/* digest: digests of strings and streams, random bytes, password hashes (libcrypto, crypt) */

#include <errno.h>
#include <string.h>

#include <crypt.h>
#include <openssl/crypto.h>
#include <sys/random.h>

#include "digest.h"
#include "digest_set.h"
#include "lb.h"

#define STREAM "digest.stream"

/* ---- streams ---- */

typedef struct Stream {
  lb_Box box;
  digest_Set set;
} Stream;

static Stream *check_stream(lua_State *L) { return lb_checkbox(L, 1, STREAM); }

static int stream_close(lua_State *L) {
  Stream *s = lua_touserdata(L, 1);
  if (lb_closing(&s->box)) digest_free(&s->set);
  return 0;
}

/* Push a new stream for the algorithm at `arg`. */
static Stream *push_stream(lua_State *L, int arg) {
  const char *name = digest_names[luaL_checkoption(L, arg, NULL, digest_names)];
  Stream *s = lb_newbox(L, sizeof *s, STREAM);
  int added;
  lb_opened(&s->box);
  added = digest_add(&s->set, name);
  if (added < 0) luaL_error(L, "libcrypto: out of memory");
  return s;
}

/*
digest.new(algorithm) -> stream
Begin the digest of a stream of bytes.
  algorithm      string            "sha256", "sha1" or "sha512"
Close the stream when done with it.
Blocks: no.  Source: FIPS 180-4; EVP_DigestInit(3).
*/
static int digest_new(lua_State *L) {
  push_stream(L, 1);
  return 1;
}

/*
stream:update(bytes) -> stream
Take more bytes.
Raises: closed stream.
Blocks: no.
*/
static int stream_update(lua_State *L) {
  Stream *s = check_stream(L);
  size_t n;
  const char *bytes = luaL_checklstring(L, 2, &n);
  digest_feed(&s->set, bytes, n);
  lua_settop(L, 1);
  return 1;
}

/*
stream:hex() -> string
The digest of the bytes so far, in lower-case hex; more may follow.
Raises: closed stream.
Blocks: no.
*/
static int stream_hex(lua_State *L) {
  char hex[DIGEST_HEX];
  digest_sethex(&check_stream(L)->set, 0, hex);
  lua_pushstring(L, hex);
  return 1;
}

/* ---- digests at once ---- */

/*
digest.string(algorithm, bytes) -> string
The digest of a string, in lower-case hex.
  algorithm      string            "sha256", "sha1" or "sha512"
Blocks: no.  Source: FIPS 180-4.
*/
static int digest_string(lua_State *L) {
  char hex[DIGEST_HEX];
  size_t n;
  const char *name = digest_names[luaL_checkoption(L, 1, NULL, digest_names)];
  const char *bytes = luaL_checklstring(L, 2, &n);
  digest_Set set = {0};
  int added = digest_add(&set, name);
  if (added > 0) digest_feed(&set, bytes, n), digest_sethex(&set, 0, hex);
  digest_free(&set);
  if (added < 0) return luaL_error(L, "libcrypto: out of memory");
  lua_pushstring(L, hex);
  return 1;
}

/* ---- texts and random bytes ---- */

/*
digest.hex(bytes) -> string
Lower-case hex of a string's bytes.
Blocks: no.
*/
static int digest_hex(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  luaL_Buffer b;
  digest_tohex((const unsigned char *)bytes, n, luaL_buffinitsize(L, &b, 2 * n + 1));
  luaL_pushresultsize(&b, 2 * n);
  return 1;
}

/*
digest.base64(bytes) -> string
Base64 of a string's bytes, padded, in one line.
Blocks: no.  Source: RFC 4648 4; EVP_EncodeBlock(3).
*/
static int digest_base64(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  luaL_Buffer b;
  luaL_argcheck(L, n <= 1 << 30, 1, "too long");
  EVP_EncodeBlock((unsigned char *)luaL_buffinitsize(L, &b, (n + 2) / 3 * 4 + 1), (const unsigned char *)bytes, (int)n);
  luaL_pushresultsize(&b, (n + 2) / 3 * 4);
  return 1;
}

/* Fill with random bytes, or raise: a kernel without them is no place to make keys. */
static void fill_random(lua_State *L, void *to, size_t n) {
  char *p = to;
  while (n > 0) {
    ssize_t got = getrandom(p, n, 0);
    if (got < 0 && errno != EINTR) luaL_error(L, "getrandom: %s", strerror(errno));
    if (got > 0) p += got, n -= (size_t)got;
  }
}

/*
digest.random(n) -> string
  n              integer           how many random bytes, 1 to 65536
Blocks: no.  Source: getrandom(2).
*/
static int digest_random(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_Buffer b;
  luaL_argcheck(L, n >= 1 && n <= 65536, 1, "1 to 65536 bytes");
  fill_random(L, luaL_buffinitsize(L, &b, (size_t)n), (size_t)n);
  luaL_pushresultsize(&b, (size_t)n);
  return 1;
}

/* "$6$" and 16 characters of the alphabet of crypt(5) */
static void push_salt(lua_State *L) {
  static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  unsigned char bits[16];
  char salt[3 + sizeof bits];
  memcpy(salt, "$6$", 3);
  fill_random(L, bits, sizeof bits);
  for (size_t i = 0; i < sizeof bits; i++) salt[3 + i] = alphabet[bits[i] & 63];
  lua_pushlstring(L, salt, sizeof salt);
}

/*
digest.crypt(password [, salt]) -> string
                                -> nil, message, code
The password hash an installer or /etc/shadow takes: SHA-512 crypt, "$6$salt$...".
  salt           string|nil        "$6$" and up to 16 characters; random by default. A whole hash may be given: a right
                                   password then gives the same hash back
Codes: format (a salt that crypt refuses, a password with a zero byte).
Blocks: no (some milliseconds).  Source: crypt(5).
*/
static int digest_crypt(lua_State *L) {
  size_t n;
  const char *password = luaL_checklstring(L, 1, &n), *hash;
  struct crypt_data *data;
  if (strlen(password) != n) return lb_fail(L, "format", "hash the password: it contains a zero byte");
  if (lua_isnoneornil(L, 2)) lua_settop(L, 1), push_salt(L);
  data = lua_newuserdatauv(L, sizeof *data, 0);
  memset(data, 0, sizeof *data);
  hash = crypt_rn(password, luaL_checkstring(L, 2), data, (int)sizeof *data); /* crypt_r would hide refusals in the hash */
  lua_pushstring(L, hash);
  OPENSSL_cleanse(data, sizeof *data);
  return hash ? 1 : lb_fail(L, "format", "hash the password: crypt refuses the salt or the password");
}

static const luaL_Reg stream_methods[] = {{"hex", stream_hex}, {"update", stream_update}, {NULL, NULL}};
static const luaL_Reg functions[] = {
    {"base64", digest_base64}, {"crypt", digest_crypt},   {"file", digest_file},     {"hex", digest_hex},
    {"new", digest_new},       {"random", digest_random}, {"string", digest_string}, {NULL, NULL},
};

int luaopen_lb_digest(lua_State *L);
int luaopen_lb_digest(lua_State *L) {
  lb_class(L, STREAM, stream_methods, stream_close);
  digest_openfile(L);
  luaL_newlib(L, functions);
  return 1;
}
