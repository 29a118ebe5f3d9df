/* digest: digests of strings, files and streams, random bytes, password hashes (libcrypto, crypt) */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <crypt.h>
#include <openssl/crypto.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "digest.h"
#include "lb.h"
#include "queue.h"

#define STREAM "digest.stream"

/* ---- sets ---- */

const char *const digest_names[] = {"sha256", "sha1", "sha512", NULL};

static const EVP_MD *method(const char *name) {
  if (strcmp(name, "sha256") == 0) return EVP_sha256();
  if (strcmp(name, "sha1") == 0) return EVP_sha1();
  if (strcmp(name, "sha512") == 0) return EVP_sha512();
  return NULL;
}

int digest_add(digest_Set *set, const char *name) {
  size_t i = set->count;
  const char *const *known = digest_names;
  while (*known && strcmp(*known, name) != 0) known++;
  if (!*known || i == DIGEST_MAX) return 0;
  set->method[i] = method(name);
  set->context[i] = EVP_MD_CTX_new();
  if (!set->context[i]) return -1;
  set->name[i] = *known;
  set->count++;
  return EVP_DigestInit_ex(set->context[i], set->method[i], NULL) ? 1 : -1;
}

int digest_restart(digest_Set *set) {
  for (size_t i = 0; i < set->count; i++)
    if (!EVP_DigestInit_ex(set->context[i], set->method[i], NULL)) return 0;
  return 1;
}

void digest_feed(digest_Set *set, const void *data, size_t n) {
  for (size_t i = 0; i < set->count; i++) EVP_DigestUpdate(set->context[i], data, n);
}

static void to_hex(const unsigned char *bytes, size_t n, char *out) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    *out++ = digits[bytes[i] >> 4];
    *out++ = digits[bytes[i] & 15];
  }
  *out = '\0';
}

void digest_sethex(const digest_Set *set, size_t index, char out[DIGEST_HEX]) {
  unsigned char value[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  EVP_MD_CTX *copy = EVP_MD_CTX_new(); /* finishing would end the stream */
  if (copy && EVP_MD_CTX_copy_ex(copy, set->context[index]) && !EVP_DigestFinal_ex(copy, value, &n)) n = 0;
  EVP_MD_CTX_free(copy);
  to_hex(value, n, out);
}

void digest_free(digest_Set *set) {
  for (size_t i = 0; i < set->count; i++) EVP_MD_CTX_free(set->context[i]);
  memset(set, 0, sizeof *set);
}

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
  unsigned char value[EVP_MAX_MD_SIZE];
  char hex[DIGEST_HEX];
  unsigned size = 0;
  size_t n;
  const char *name = digest_names[luaL_checkoption(L, 1, NULL, digest_names)];
  const char *bytes = luaL_checklstring(L, 2, &n);
  if (!EVP_Digest(bytes, n, value, &size, method(name), NULL)) return luaL_error(L, "libcrypto: out of memory");
  to_hex(value, size, hex);
  lua_pushstring(L, hex);
  return 1;
}

typedef struct Range {
  lua_Integer at, size;
  char hex[DIGEST_HEX];
} Range;

/* The boxes of digest.file: the stream of all of it, and what else there is to close */
typedef struct File {
  lb_Box box;
  int fd;
  queue_Queue *queue;
  digest_Set part; /* of the range at hand */
  Range *range, *end;
  lua_Integer done; /* bytes that were looked through for ranges */
} File;
#define FILE_CLASS "digest.file"

static int file_close(lua_State *L) {
  File *f = lua_touserdata(L, 1);
  if (!lb_closing(&f->box)) return 0;
  queue_close(f->queue);
  digest_free(&f->part);
  close(f->fd);
  return 0;
}

/* In a thread of the queue's, but for small files */
static int take(void *arg, const char *bytes, size_t n) {
  digest_feed(arg, bytes, n);
  return 0;
}

/* Likewise; the range at hand is the first that is not complete. */
static int take_ranges(void *arg, const char *bytes, size_t size) {
  File *f = arg;
  lua_Integer n = (lua_Integer)size;
  for (Range *r = f->range; r < f->end && r->at <= f->done + n; r = ++f->range) {
    lua_Integer from = r->at > f->done ? r->at - f->done : 0, end = r->at + r->size - f->done;
    digest_feed(&f->part, bytes + from, (size_t)((end < n ? end : n) - from));
    if (end > n) break;
    digest_sethex(&f->part, 0, r->hex);
    digest_restart(&f->part);
  }
  f->done += n;
  return 0;
}

/* The ranges at `arg` of `L`, in memory that is pushed; NULL when there are none.  [-0, +1, v] */
static Range *push_ranges(lua_State *L, int arg, lua_Integer count) {
  lua_Integer before = 0;
  Range *ranges = lua_newuserdatauv(L, (size_t)count * sizeof *ranges, 0);
  for (Range *r = ranges; r < ranges + count; r++) {
    if (lua_geti(L, arg, r - ranges + 1) != LUA_TTABLE) luaL_argerror(L, arg, "an array of { at =, size = } expected");
    r->at = lb_optinteger(L, -1, "at", -1);
    r->size = lb_optinteger(L, -1, "size", -1);
    if (r->at < before || r->size < 0 || r->size > LUA_MAXINTEGER - r->at) luaL_argerror(L, arg, "the ranges are not in order");
    before = r->at + r->size;
    lua_pop(L, 1);
  }
  return ranges;
}

/* Open the plain file `path` with a queue to `s`: 0 with the box pushed, to be closed, or 3 with a failure pushed.  [-0, +(1|3), v] */
static int file_open(lua_State *L, const char *path, Stream *s, File **out, struct stat *st) {
  File *f = *out = lb_newbox(L, sizeof *f, FILE_CLASS);
  f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not stop us */
  if (f->fd < 0) return lb_failerrno(L, errno, "open %s", path);
  lb_opened(&f->box);
  lua_toclose(L, -1);
  if (fstat(f->fd, st) < 0) return lb_failerrno(L, errno, "look at %s", path);
  if (!S_ISREG(st->st_mode)) return lb_fail(L, "io", "read %s: not a regular file", path);
  f->queue = queue_open(take, &s->set);
  if (!f->queue || digest_add(&f->part, s->set.name[0]) <= 0) return luaL_error(L, "out of memory");
  return 0;
}

/*
digest.file(algorithm, path [, progress [, ranges]]) -> string, integer, {string, ...}|nil
                                                     -> nil, message, code
The digest of a file's content, in lower-case hex, its size in bytes, and the digests of ranges of it when there are any to take. The
file is read once; the whole and the ranges are taken side by side, in threads of their own.
  algorithm      string            "sha256", "sha1" or "sha512"
  progress       function|nil      called with (done, total) bytes every 0.5 s at most, and at the end
  ranges         table|nil         array of { at = integer, size = integer } (bytes), in order and apart from each other
Codes: notfound, io (also when a range reaches beyond the file).  Raises: cancelled, errors of progress, wrong ranges.
Blocks: yes.  Source: FIPS 180-4.
*/
static int digest_file(lua_State *L) {
  const char *path = luaL_checkstring(L, 2);
  struct stat st;
  lua_Integer done = 0, count = 0;
  lb_Progress progress = lb_progress(3);
  Range *ranges;
  Stream *s;
  File *f;
  char hex[DIGEST_HEX], *chunk;
  ssize_t n;
  int status;
  lua_settop(L, 4);
  if (!lua_isnil(L, 4)) luaL_checktype(L, 4, LUA_TTABLE), count = luaL_len(L, 4);
  ranges = push_ranges(L, 4, count); /* 5 */
  s = push_stream(L, 1); /* 6 */
  lua_toclose(L, 6);
  status = file_open(L, path, s, &f, &st); /* 7 */
  if (status) return status;
  f->range = ranges, f->end = ranges + count;
  if (count > 0) queue_also(f->queue, take_ranges, f);
  do {
    chunk = queue_room(f->queue);
    do lb_checkcancel(L), n = read(f->fd, chunk, QUEUE_CHUNK);
    while (n < 0 && errno == EINTR);
    if (n < 0) return lb_failerrno(L, errno, "read %s", path);
    queue_give(f->queue, (size_t)n);
    done += n;
    lb_report(L, &progress, done, n > 0 ? (lua_Integer)st.st_size : done, n == 0);
  } while (n > 0);
  queue_settle(f->queue);
  if (f->range < f->end) return lb_fail(L, "io", "read %s: it is cut off", path);
  digest_sethex(&s->set, 0, hex);
  lua_pushstring(L, hex);
  lua_pushinteger(L, done);
  if (lua_isnil(L, 4)) return 2;
  lua_createtable(L, (int)count, 0);
  for (lua_Integer i = 0; i < count; i++) lua_pushstring(L, ranges[i].hex), lua_seti(L, -2, i + 1);
  return 3;
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
  to_hex((const unsigned char *)bytes, n, luaL_buffinitsize(L, &b, 2 * n + 1));
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
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, STREAM, stream_methods, stream_close);
  lb_class(L, FILE_CLASS, none, file_close);
  luaL_newlib(L, functions);
  return 1;
}
