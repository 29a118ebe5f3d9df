/* ova_copy: a range of a file into another one, or nowhere, with digests on the way */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "ova_copy.h"

#define TYPE "ova.source"

static void release(ova_Source *s) {
  if (!lb_closing(&s->box)) return;
  close(s->fd);
  queue_close(s->queue);
  digest_free(&s->digests);
}

static int source_close(lua_State *L) {
  release(lua_touserdata(L, 1));
  return 0;
}

int ova_opensource(lua_State *L, const char *path, ova_Source **out) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  ova_Source *s;
  struct stat st;
  if (luaL_getmetatable(L, TYPE) == LUA_TNIL) lb_class(L, TYPE, none, source_close);
  lua_pop(L, 1);
  s = lb_newbox(L, sizeof *s, TYPE);
  s->path = path;
  s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not stop us */
  if (s->fd < 0) return lb_failerrno(L, errno, "read %s", path);
  lb_opened(&s->box);
  *out = s;
  if (fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode)) return 0;
  release(s);
  return lb_fail(L, "io", "read %s: not a regular file", path);
}

void ova_adddigests(lua_State *L, int arg, ova_Source *source, const char *what) {
  int type = lua_type(L, arg);
  lua_Integer n = type == LUA_TTABLE ? luaL_len(L, arg) : !lua_isnoneornil(L, arg);
  for (lua_Integer i = 1; i <= n; i++) {
    const char *name;
    if (type == LUA_TTABLE) lua_rawgeti(L, arg, i);
    else lua_pushvalue(L, arg);
    name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (digest_add(&source->digests, name) <= 0) luaL_error(L, "bad %s (sha256, sha1 or sha512, or an array of them)", what);
    lua_pop(L, 1);
  }
}

/* Write all of it: 0, or errno. */
static int put(const ova_Range *r, int64_t done, const char *bytes, size_t n) {
  while (r->to >= 0 && n > 0) {
    ssize_t w = pwrite(r->to, bytes, n, r->to_at + done);
    if (w < 0 && errno != EINTR) return errno;
    if (w < 0) continue; /* of a plain file: the caller looks for signals */
    bytes += w;
    done += w;
    n -= (size_t)w;
  }
  return 0;
}

static int take(void *arg, const char *bytes, size_t n) {
  ova_Source *s = arg;
  digest_feed(&s->digests, bytes, n);
  return 0;
}

int ova_copy(lua_State *L, ova_Source *s, ova_Range *r) {
  int64_t done = 0, total = r->size;
  lb_Progress progress = lb_progress(r->progress);
  struct stat st;
  if (!s->queue) s->queue = queue_open(take, s);
  if (!s->queue) return luaL_error(L, "out of memory");
  if (total < 0 && fstat(s->fd, &st) == 0) total = st.st_size - r->at;
  while (r->size < 0 || done < r->size) {
    size_t want = r->size >= 0 && r->size - done < (int64_t)QUEUE_CHUNK ? (size_t)(r->size - done) : QUEUE_CHUNK;
    char *chunk = queue_room(s->queue);
    int failed;
    ssize_t n;
    lb_checkcancel(L);
    n = pread(s->fd, chunk, want, r->at + done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return lb_failerrno(L, errno, "read %s", s->path);
    if (n == 0 && r->size < 0) break;
    if (n == 0) return lb_fail(L, "format", "read %s: it is cut off", s->path);
    queue_give(s->queue, (size_t)n);
    failed = put(r, done, chunk, (size_t)n);
    if (failed) return lb_failerrno(L, failed, "write %s", r->target);
    done += n;
    lb_report(L, &progress, done, total, 0);
  }
  lb_report(L, &progress, done, done, 1);
  queue_settle(s->queue);
  r->size = done;
  return 0;
}

void ova_pushcopied(lua_State *L, const ova_Source *s, int64_t size) {
  char hex[DIGEST_HEX];
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, size);
  lua_setfield(L, -2, "size");
  lua_createtable(L, 0, (int)s->digests.count);
  for (size_t i = 0; i < s->digests.count; i++) {
    digest_sethex(&s->digests, i, hex);
    lua_pushstring(L, hex);
    lua_setfield(L, -2, s->digests.name[i]);
  }
  lua_setfield(L, -2, "digest");
}
