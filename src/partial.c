/* partial: a file that has its name only when it is complete */

#define _GNU_SOURCE /* mkostemp */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "partial.h"

#define TYPE "partial"
#define SUFFIX ".part-XXXXXX"

/* Close the descriptor: 0, or -1 and errno. */
static int shut(partial_File *file) {
  int fd = file->fd;
  file->fd = -1;
  return lb_closing(&file->box) ? close(fd) : 0;
}

void partial_drop(partial_File *file) {
  if (!file->box.open) return;
  unlink(file->name);
  shut(file);
}

static int partial_close(lua_State *L) {
  partial_drop(lua_touserdata(L, 1));
  return 0;
}

int partial_open(lua_State *L, const char *path, partial_File **out) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  size_t n = strlen(path);
  partial_File *file;
  struct stat st;
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) /* /dev/stdout would become a file, for root */
    return S_ISDIR(st.st_mode) ? lb_failerrno(L, EISDIR, "write %s", path) : lb_fail(L, "io", "write %s: it is there and no regular file", path);
  if (luaL_getmetatable(L, TYPE) == LUA_TNIL) lb_class(L, TYPE, none, partial_close);
  lua_pop(L, 1);
  file = lb_newbox(L, sizeof *file + 2 * (n + 1) + sizeof SUFFIX, TYPE);
  file->final = (char *)(file + 1);
  memcpy(file->final, path, n + 1);
  file->name = file->final + n + 1;
  memcpy(file->name, path, n);
  memcpy(file->name + n, SUFFIX, sizeof SUFFIX);
  file->mode = -1;
  file->fd = mkostemp(file->name, O_CLOEXEC);
  if (file->fd < 0) return lb_failerrno(L, errno, "write %s", path);
  lb_opened(&file->box);
  *out = file;
  return 0;
}

int partial_write(partial_File *file, const void *bytes, size_t size) {
  const char *at = bytes;
  while (size > 0) {
    ssize_t n = write(file->fd, at, size);
    if (n < 0 && errno == EINTR) continue; /* of a plain file: the caller looks for signals itself */
    if (n < 0) return -1;
    at += n;
    size -= (size_t)n;
  }
  return 0;
}

int partial_finish(lua_State *L, partial_File *file) {
  mode_t mask = umask(0);
  int failed;
  umask(mask);
  failed = fchmod(file->fd, file->mode < 0 ? 0666 & ~mask : (mode_t)file->mode) < 0 ? errno : 0;
  if (shut(file) < 0 && !failed) failed = errno;
  if (!failed && rename(file->name, file->final) < 0) failed = errno;
  if (!failed) return 0;
  unlink(file->name);
  return lb_failerrno(L, failed, "write %s", file->final);
}
