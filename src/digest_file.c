/* digest_file: the digest of a file, and of ranges of it, in one reading */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "digest.h"
#include "digest_set.h"
#include "lb.h"
#include "queue.h"

#define TYPE "digest.file"

typedef struct Range {
  lua_Integer at, size;
  char hex[DIGEST_HEX];
} Range;

typedef struct File {
  lb_Box box;
  int fd;
  queue_Queue *queue;
  digest_Set whole, part; /* the latter of the range at hand */
  Range *range, *end;
  lua_Integer done; /* bytes that were looked through for ranges */
} File;

static int file_close(lua_State *L) {
  File *f = lua_touserdata(L, 1);
  if (!lb_closing(&f->box)) return 0;
  queue_close(f->queue);
  digest_free(&f->whole);
  digest_free(&f->part);
  close(f->fd);
  return 0;
}

/* In a thread of the queue's, but for small files */
static int take(void *arg, const char *bytes, size_t n) {
  File *f = arg;
  digest_feed(&f->whole, bytes, n);
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

/* Open the plain file `path`: 0 with the box pushed, to be closed, or 3 with a failure pushed.  [-0, +(1|3), v] */
static int file_open(lua_State *L, const char *path, const char *algorithm, File **out, struct stat *st) {
  File *f = *out = lb_newbox(L, sizeof *f, TYPE);
  f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not stop us */
  if (f->fd < 0) return lb_failerrno(L, errno, "open %s", path);
  lb_opened(&f->box);
  lua_toclose(L, -1);
  if (fstat(f->fd, st) < 0) return lb_failerrno(L, errno, "look at %s", path);
  if (!S_ISREG(st->st_mode)) return lb_fail(L, "io", "read %s: not a regular file", path);
  f->queue = queue_open(take, f);
  if (!f->queue || digest_add(&f->whole, algorithm) <= 0 || digest_add(&f->part, algorithm) <= 0) return luaL_error(L, "out of memory");
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
int digest_file(lua_State *L) {
  const char *algorithm = digest_names[luaL_checkoption(L, 1, NULL, digest_names)], *path = luaL_checkstring(L, 2);
  struct stat st;
  lua_Integer done = 0, count = 0;
  lb_Progress progress = lb_progress(3);
  Range *ranges;
  File *f;
  char hex[DIGEST_HEX], *chunk;
  ssize_t n;
  int status;
  lua_settop(L, 4);
  if (!lua_isnil(L, 4)) luaL_checktype(L, 4, LUA_TTABLE), count = luaL_len(L, 4);
  ranges = push_ranges(L, 4, count); /* 5 */
  status = file_open(L, path, algorithm, &f, &st); /* 6 */
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
  digest_sethex(&f->whole, 0, hex);
  lua_pushstring(L, hex);
  lua_pushinteger(L, done);
  if (lua_isnil(L, 4)) return 2;
  lua_createtable(L, (int)count, 0);
  for (lua_Integer i = 0; i < count; i++) lua_pushstring(L, ranges[i].hex), lua_seti(L, -2, i + 1);
  return 3;
}

void digest_openfile(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, TYPE, none, file_close);
}
