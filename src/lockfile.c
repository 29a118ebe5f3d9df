/* lockfile: a file that is ours as long as this process lives, and whose lines are on the disk when they are said to be */

#define _DEFAULT_SOURCE /* flock */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lb.h"

#define FILE_TYPE "lockfile.file"

typedef struct File {
  lb_Box box;
  int fd;
  char *path; /* in the box, behind the struct */
} File;

static File *check_file(lua_State *L, int arg) { return lb_checkbox(L, arg, FILE_TYPE); }

static int shut(File *f) {
  int fd = f->fd;
  f->fd = -1;
  return lb_closing(&f->box) ? close(fd) : 0;
}

/*
file:close() -> nothing
Let the lock go; the file stays. Safe to call again. A process that ends, however it does, lets go too.
Blocks: no.
*/
static int file_close(lua_State *L) {
  shut(lua_touserdata(L, 1));
  return 0;
}

/* A new name is on the disk only when its directory is. */
static void sync_directory(const char *path) {
  char copy[4096];
  int fd;
  if (strlen(path) >= sizeof copy) return;
  strcpy(copy, path);
  fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

/* Is the descriptor still the file of that name? Whoever held it before may have removed it. */
static int same_file(int fd, const char *path) {
  struct stat held, named;
  return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

/*
lockfile.open(path) -> file
                    -> false
                    -> nil, message, code
Open a file for this process alone, and make it if need be (mode 0600, its directory must be there). false when another process
has it, or this one already.
Codes: notfound, io.
Blocks: no.  Source: flock(2): the lock ends with the process that holds it.
*/
static int lockfile_open(lua_State *L) {
  size_t n;
  const char *path = luaL_checklstring(L, 1, &n);
  File *f = lb_newbox(L, sizeof *f + n + 1, FILE_TYPE);
  f->path = memcpy(f + 1, path, n + 1);
  f->fd = -1;
  for (;;) {
    int failed;
    f->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (f->fd < 0) return lb_failerrno(L, errno, "open %s", path);
    lb_opened(&f->box);
    failed = flock(f->fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
    if (!failed && same_file(f->fd, path)) break;
    shut(f);
    if (failed == EWOULDBLOCK) return lua_pushboolean(L, 0), 1;
    if (failed && failed != EINTR) return lb_failerrno(L, failed, "lock %s", path);
    lb_checkcancel(L);
  }
  sync_directory(path);
  return 1;
}

/* The text did not fit: what is there of it goes, or the next one would continue its line. */
static int take_back(lua_State *L, const File *f, off_t end) {
  int saved = errno;
  if (end >= 0 && ftruncate(f->fd, end) < 0) end = -1; /* it stays, then: the cause is what matters */
  return lb_failerrno(L, saved, "write %s", f->path);
}

/*
file:append(text) -> true
                  -> nil, message, code
Add text at the end; it is on the disk when this returns. A text that does not fit is not there at all.
Codes: io.
Blocks: until the disk has it.  Source: fdatasync(2).
*/
static int file_append(lua_State *L) {
  File *f = check_file(L, 1);
  size_t left;
  const char *at = luaL_checklstring(L, 2, &left);
  off_t end = lseek(f->fd, 0, SEEK_END);
  while (left > 0) {
    ssize_t n = write(f->fd, at, left);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return take_back(L, f, end);
    at += n;
    left -= (size_t)n;
  }
  while (fdatasync(f->fd) < 0)
    if (errno != EINTR) return lb_failerrno(L, errno, "write %s", f->path);
  lua_pushboolean(L, 1);
  return 1;
}

/*
file:remove() -> true
              -> nil, message, code
Delete the file, and let its lock go.
Codes: notfound, io.
Blocks: no.
*/
static int file_remove(lua_State *L) {
  File *f = check_file(L, 1);
  int failed = unlink(f->path) < 0 ? errno : 0;
  shut(f);
  if (failed) return lb_failerrno(L, failed, "remove %s", f->path);
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg methods[] = {{"append", file_append}, {"remove", file_remove}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"open", lockfile_open}, {NULL, NULL}};

int luaopen_lb_lockfile(lua_State *L);
int luaopen_lb_lockfile(lua_State *L) {
  lb_class(L, FILE_TYPE, methods, file_close);
  luaL_newlib(L, functions);
  return 1;
}
