/* sftpcopy: whole files to and from the server; part of module ssh */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "partial.h"
#include "sftp.h"

#define PART ".part"
#define WINDOW (1024 * 1024) /* bytes that may be under way without an acknowledgement */
#define CHUNK (256 * 1024)
#define CREATE (LIBSSH2_FXF_WRITE | LIBSSH2_FXF_CREAT | LIBSSH2_FXF_TRUNC)

typedef struct Copy {
  lb_Progress progress; /* options.progress */
  double patience;
  lua_Integer done, total;
} Copy;

static void read_copy(lua_State *L, int arg, Copy *c) {
  *c = (Copy){0};
  c->patience = sftp_patience(L, arg);
  c->progress = lb_progress(lb_optfunction(L, arg, "progress"));
}

/* Where the bytes of an upload come from: a string, or a local file. */
typedef struct Source {
  const char *text;
  size_t text_len;
  int fd;
} Source;

/* Up to `size` bytes; 0 at the end, -1 and errno on error. */
static ssize_t next_bytes(Source *from, char *buffer, size_t size) {
  size_t n = from->text_len < size ? from->text_len : size;
  if (!from->text) return read(from->fd, buffer, size);
  memcpy(buffer, from->text, n);
  from->text += n;
  from->text_len -= n;
  return (ssize_t)n;
}

/* Write all of the source to s->file. libssh2 sends what it is given in packets of 30000 bytes and gets the acknowledged
 * front back from the caller each time: a large window keeps many packets under way. 0, libssh2's error, or 1 with
 * *error set when the source failed. */
static int send_all(lua_State *L, Session *s, Source *from, Copy *c, int *error) {
  size_t size = c->total < WINDOW ? (size_t)c->total + 1 : WINDOW, start = 0, end = 0;
  char *window = lua_newuserdatauv(L, size, 0);
  int eof = 0;
  double deadline = lb_now() + c->patience;
  for (;;) {
    ssize_t n;
    int rc;
    if (start > size / 2 || start == end) {
      memmove(window, window + start, end - start);
      end -= start;
      start = 0;
    }
    if (!eof && end < size) {
      n = next_bytes(from, window + end, size - end);
      if (n < 0 && errno == EINTR) n = 0;
      else if (n == 0) eof = 1;
      if (n < 0) {
        *error = errno;
        return 1;
      }
      end += (size_t)n;
    }
    if (start == end && eof) return 0;
    if (start == end) continue;
    n = libssh2_sftp_write(s->file, window + start, end - start);
    if (n < 0 && n != LIBSSH2_ERROR_EAGAIN) return (int)n;
    if (n == LIBSSH2_ERROR_EAGAIN) {
      if ((rc = ssh_wait(L, s, deadline))) return rc;
      continue;
    }
    if (n > 0) deadline = lb_now() + c->patience;
    start += (size_t)n;
    c->done += n;
    if (!ssh_halfsent(s)) lb_report(L, &c->progress, c->done, c->total, 0);
    lb_checkcancel(L);
  }
}

/* Rename over what may be there: version 3 of the protocol refuses that, and libssh2 1.10 has no posix-rename@openssh.com,
 * so a file in the way is removed first. */
static int replace_path(lua_State *L, Session *s, const char *from, const char *to, double deadline) {
  int rc = sftp_rename(L, s, from, to, deadline);
  if (rc != LIBSSH2_ERROR_SFTP_PROTOCOL) return rc;
  if (sftp_unlink(L, s, to, deadline)) return rc;
  return sftp_rename(L, s, from, to, deadline);
}

/* Is the file system of s->file full? For a message: a server says only 'failure'. */
static int is_full(lua_State *L, Session *s, double deadline) {
  LIBSSH2_SFTP_STATVFS v = {0};
  int rc;
  SSH_LOOP(rc, libssh2_sftp_fstatvfs(s->file, &v));
  return rc == 0 && v.f_blocks > 0 && v.f_bavail == 0;
}

static int is_directory(lua_State *L, Session *s, const char *path, double deadline) {
  LIBSSH2_SFTP_ATTRIBUTES a = {0};
  return sftp_stat(L, s, path, LIBSSH2_SFTP_STAT, &a, deadline) == 0 && (a.flags & LIBSSH2_SFTP_ATTR_PERMISSIONS) &&
         LIBSSH2_SFTP_S_ISDIR(a.permissions);
}

/* Write to `part`, then rename to `path`. Returns 0, or 3 with a triple. */
static int store(lua_State *L, Session *s, Source *from, const char *part, const char *path, lua_Integer mode, Copy *c) {
  int rc, error = 0, n;
  rc = sftp_open(L, s, part, CREATE, (long)(mode & 0700) | 0600, lb_now() + c->patience);
  if (rc) return sftp_fail(L, s, rc, "create", path);
  rc = send_all(L, s, from, c, &error);
  if (rc == 0) {
    LIBSSH2_SFTP_ATTRIBUTES a = {0};
    double deadline = lb_now() + c->patience;
    a.flags = LIBSSH2_SFTP_ATTR_PERMISSIONS;
    a.permissions = (unsigned long)mode;
    SSH_LOOP(rc, libssh2_sftp_fstat_ex(s->file, &a, 1));
  }
  if (rc == 0) rc = sftp_close(L, s, lb_now() + c->patience);
  if (rc == 0) rc = replace_path(L, s, part, path, lb_now() + c->patience);
  if (rc == 0) return 0;
  if (error) n = lb_failerrno(L, error, "upload %s: read the local file", path);
  else n = sftp_fail(L, s, rc, "upload", path);
  if (s->broken) return n;
  if (!s->file && is_directory(L, s, path, lb_now() + c->patience))
    n = lb_fail(L, "io", "upload %s at %s: a directory has that name", path, s->peer);
  if (s->file && is_full(L, s, lb_now() + c->patience)) n = lb_fail(L, "io", "upload %s at %s: no space left", path, s->peer);
  if (s->file) sftp_close(L, s, lb_now() + c->patience);
  sftp_unlink(L, s, part, lb_now() + c->patience);
  return n;
}

/* Open the local file of argument 2, or take its text: 0, or 3 with a triple. */
static int open_source(lua_State *L, ssh_Op *op, Source *from, Copy *c, lua_Integer *mode) {
  struct stat st;
  const char *path;
  if (from->text) {
    c->total = (lua_Integer)from->text_len;
    return 0;
  }
  path = lua_tostring(L, 2);
  op->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (op->fd < 0) return lb_failerrno(L, errno, "open %s", path);
  if (fstat(op->fd, &st)) return lb_failerrno(L, errno, "open %s", path);
  if (!S_ISREG(st.st_mode)) return lb_fail(L, "io", "open %s: not a regular file", path);
  from->fd = op->fd;
  c->total = st.st_size;
  if (*mode < 0) *mode = st.st_mode & 0777;
  return 0;
}

/*
ssh.upload(session, source, path [, options]) -> integer
                                              -> nil, message, code
Write a file at the server: to path .. ".part" first, which then takes the place of whatever file has the name. Returns the
number of bytes.
  source             string|table       path of a local file, or { content = string }
  path               string             at the server; not a directory
  options.mode       integer|nil        permissions; default: those of the local file, 0644 for content
  options.progress   function|nil       called with bytes done and total twice a second and at the end
  options.timeout    number = 60        seconds without progress
Codes: notfound, io, ssh (no sftp there), net, timeout.  Raises: closed session, another call under way, cancelled.
Blocks: yes.  Source: draft-ietf-secsh-filexfer-02; libssh2_sftp_write(3).
*/
int ssh_upload(lua_State *L) {
  static const char *const content_keys[] = {"content", NULL};
  static const char *const keys[] = {"mode", "progress", "timeout", NULL};
  Source from = {NULL, 0, -1};
  const char *path = luaL_checkstring(L, 3), *part;
  lua_Integer mode;
  Copy c;
  ssh_Op *op;
  int n;
  lua_settop(L, 4);
  if (lua_istable(L, 2)) {
    lb_checkkeys(L, 2, content_keys);
    from.text = lb_optstring(L, 2, "content", NULL, &from.text_len);
    luaL_argcheck(L, from.text, 2, "option 'content' is missing");
  } else {
    luaL_checkstring(L, 2);
  }
  lb_checkkeys(L, 4, keys);
  mode = sftp_mode(L, 4, from.text ? 0644 : -1);
  read_copy(L, 4, &c);
  part = lua_pushfstring(L, "%s%s", path, PART);
  op = sftp_begin(L, ssh_deadline(c.patience));
  if (!op) return 3;
  if ((n = open_source(L, op, &from, &c, &mode))) return n;
  if ((n = store(L, op->session, &from, part, path, mode, &c))) return n;
  lb_report(L, &c.progress, c.done, c.total, 1);
  lua_pushinteger(L, c.done);
  return 1;
}

/* Read s->file to the end, into the local file, or into op->out[0]: 0, libssh2's error, or 1 with *error set. */
static int receive_all(lua_State *L, ssh_Op *op, partial_File *file, lua_Integer limit, Copy *c, int *error) {
  Session *s = op->session;
  char *chunk = lua_newuserdatauv(L, CHUNK, 0);
  double deadline = lb_now() + c->patience;
  for (;;) {
    int rc;
    ssize_t n = libssh2_sftp_read(s->file, chunk, CHUNK);
    if (n == 0) return 0;
    if (n < 0 && n != LIBSSH2_ERROR_EAGAIN) return (int)n;
    if (n == LIBSSH2_ERROR_EAGAIN) {
      if ((rc = ssh_wait(L, s, deadline))) return rc;
      continue;
    }
    deadline = lb_now() + c->patience;
    c->done += n;
    if (file && partial_write(file, chunk, (size_t)n) < 0) {
      *error = errno;
      return 1;
    }
    if (!file) {
      *error = EFBIG;
      if (c->done > limit) return 1;
      if (!ssh_append(&op->out[0], chunk, (size_t)n)) return luaL_error(L, "not enough memory");
    }
    if (!ssh_halfsent(s)) lb_report(L, &c->progress, c->done, c->total, 0);
    lb_checkcancel(L);
  }
}

/* Open a remote file for reading and ask its size and mode: 0, or 3 with a triple. */
static int open_remote(lua_State *L, Session *s, const char *path, Copy *c, lua_Integer *mode) {
  LIBSSH2_SFTP_ATTRIBUTES a = {0};
  double deadline = lb_now() + c->patience;
  int rc = sftp_open(L, s, path, LIBSSH2_FXF_READ, 0, deadline);
  if (rc) return sftp_fail(L, s, rc, "open", path);
  SSH_LOOP(rc, libssh2_sftp_fstat_ex(s->file, &a, 0));
  if (rc) return sftp_fail(L, s, rc, "open", path);
  if (a.flags & LIBSSH2_SFTP_ATTR_SIZE) c->total = (lua_Integer)a.filesize;
  if (*mode < 0) *mode = a.flags & LIBSSH2_SFTP_ATTR_PERMISSIONS ? (lua_Integer)(a.permissions & 0777) : 0644;
  return 0;
}

/* After a failed read: close the file when the session still works. */
static int give_up(lua_State *L, Session *s, int n) {
  if (s->file && !s->broken) sftp_close(L, s, lb_now() + 10);
  return n;
}

/*
ssh.download(session, path, target [, options]) -> integer
                                                -> nil, message, code
Copy a file of the server's to a local one, which has its name only when it is complete. Returns the number of bytes.
  options.mode       integer|nil        permissions; default: those of the remote file
  options.progress   function|nil       called with bytes done and total twice a second and at the end
  options.timeout    number = 60        seconds without progress
Codes: notfound, io, ssh (no sftp there), net, timeout.  Raises: closed session, another call under way, cancelled.
Blocks: yes.  Source: draft-ietf-secsh-filexfer-02; libssh2_sftp_read(3).
*/
int ssh_download(lua_State *L) {
  static const char *const keys[] = {"mode", "progress", "timeout", NULL};
  const char *path = luaL_checkstring(L, 2), *target = luaL_checkstring(L, 3);
  partial_File *file;
  lua_Integer mode;
  Copy c;
  ssh_Op *op;
  int n, rc, error = 0;
  lua_settop(L, 4);
  lb_checkkeys(L, 4, keys);
  mode = sftp_mode(L, 4, -1);
  read_copy(L, 4, &c);
  op = sftp_begin(L, ssh_deadline(c.patience));
  if (!op) return 3;
  if ((n = open_remote(L, op->session, path, &c, &mode))) return give_up(L, op->session, n);
  if ((n = partial_open(L, target, &file))) return give_up(L, op->session, n);
  lua_toclose(L, -1);
  file->mode = (int)mode;
  rc = receive_all(L, op, file, 0, &c, &error);
  if (rc == 1) return give_up(L, op->session, lb_failerrno(L, error, "write %s", target));
  if (rc) return give_up(L, op->session, sftp_fail(L, op->session, rc, "download", path));
  if ((rc = sftp_close(L, op->session, ssh_deadline(c.patience)))) return sftp_fail(L, op->session, rc, "download", path);
  if ((n = partial_finish(L, file))) return n;
  lb_report(L, &c.progress, c.done, c.total, 1);
  lua_pushinteger(L, c.done);
  return 1;
}

/*
ssh.read(session, path [, options]) -> string
                                    -> nil, message, code
The content of a file of the server's.
  options.limit      integer = 16 MiB   bytes; a longer file is an error (io)
  options.timeout    number = 60        seconds without progress
Codes: notfound, io, ssh (no sftp there), net, timeout.  Raises: closed session, another call under way, cancelled.
Blocks: yes.  Source: draft-ietf-secsh-filexfer-02.
*/
int ssh_read(lua_State *L) {
  static const char *const keys[] = {"limit", "timeout", NULL};
  const char *path = luaL_checkstring(L, 2);
  lua_Integer limit, mode = 0;
  Copy c;
  ssh_Op *op;
  int n, rc, error = 0;
  lua_settop(L, 3);
  lb_checkkeys(L, 3, keys);
  limit = lb_optinteger(L, 3, "limit", 16 << 20);
  read_copy(L, 3, &c);
  op = sftp_begin(L, ssh_deadline(c.patience));
  if (!op) return 3;
  if ((n = open_remote(L, op->session, path, &c, &mode))) return give_up(L, op->session, n);
  rc = receive_all(L, op, NULL, limit, &c, &error);
  if (rc == 1) n = lb_fail(L, "io", "read %s at %s: longer than %lld bytes", path, op->session->peer, (long long)limit);
  else if (rc) n = sftp_fail(L, op->session, rc, "read", path);
  if (n) return give_up(L, op->session, n);
  if ((rc = sftp_close(L, op->session, ssh_deadline(c.patience)))) return sftp_fail(L, op->session, rc, "read", path);
  lua_pushlstring(L, op->out[0].data ? op->out[0].data : "", op->out[0].len);
  return 1;
}
