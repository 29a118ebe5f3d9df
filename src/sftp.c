/* sftp: files and directories at the server; part of module ssh */

#include <string.h>

#include "sftp.h"

double sftp_patience(lua_State *L, int arg) { return lb_optnumber(L, arg, "timeout", 60); }

static int is_mode(lua_Integer mode) { return mode >= 0 && mode <= 07777; }

lua_Integer sftp_mode(lua_State *L, int arg, lua_Integer def) {
  lua_Integer mode = lb_optinteger(L, arg, "mode", def);
  luaL_argcheck(L, mode == def || is_mode(mode), arg, "bad option 'mode' (0 to 07777)");
  return mode;
}

/* ---- failures ---- */

/* Status codes: draft-ietf-secsh-filexfer-02 7 (version 3), -13 9.1 for those above 8. */
static const struct {
  unsigned long status;
  const char *code, *text;
} statuses[] = {
    {LIBSSH2_FX_NO_SUCH_FILE, "notfound", "no such file or directory"},
    {LIBSSH2_FX_NO_SUCH_PATH, "notfound", "no such directory"},
    {LIBSSH2_FX_PERMISSION_DENIED, "io", "permission denied"},
    {LIBSSH2_FX_WRITE_PROTECT, "io", "write-protected"},
    {LIBSSH2_FX_FILE_ALREADY_EXISTS, "exists", "exists already"},
    {LIBSSH2_FX_NO_SPACE_ON_FILESYSTEM, "io", "no space left"},
    {LIBSSH2_FX_QUOTA_EXCEEDED, "io", "quota exceeded"},
    {LIBSSH2_FX_OP_UNSUPPORTED, "io", "the server cannot do this"},
    {LIBSSH2_FX_NOT_A_DIRECTORY, "io", "not a directory"},
    {LIBSSH2_FX_DIR_NOT_EMPTY, "io", "the directory is not empty"},
    {LIBSSH2_FX_FAILURE, "io", "the server says no more than 'failure'"},
};

int sftp_fail(lua_State *L, Session *s, int rc, const char *doing, const char *path) {
  unsigned long status = s->sftp ? libssh2_sftp_last_error(s->sftp) : 0;
  if (rc == LIBSSH2_ERROR_SFTP_PROTOCOL)
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
      if (statuses[i].status == status)
        return lb_fail(L, statuses[i].code, "%s %s at %s: %s", doing, path, s->peer, statuses[i].text);
  return ssh_fail(L, s, rc, "%s %s at %s", doing, path, s->peer);
}

/* ---- one operation each: libssh2's outcome ---- */

static int open_sftp(lua_State *L, Session *s, double deadline) {
  int rc = 0;
  if (s->sftp) return 0;
  SSH_LOOP_POINTER(rc, s->sftp, libssh2_sftp_init(s->ssh));
  return s->sftp ? 0 : rc;
}

int sftp_open(lua_State *L, Session *s, const char *path, unsigned long flags, long mode, double deadline) {
  int rc = 0, type = flags ? LIBSSH2_SFTP_OPENFILE : LIBSSH2_SFTP_OPENDIR;
  SSH_LOOP_POINTER(rc, s->file, libssh2_sftp_open_ex(s->sftp, path, (unsigned)strlen(path), flags, mode, type));
  return s->file ? 0 : rc;
}

int sftp_close(lua_State *L, Session *s, double deadline) {
  int rc;
  while ((rc = libssh2_sftp_close_handle(s->file)) == LIBSSH2_ERROR_EAGAIN) {
    rc = ssh_wait(L, s, deadline);
    if (rc) { /* not closed, not freed: the session does that at its end */
      s->broken = "an earlier call timed out";
      return rc;
    }
  }
  s->file = NULL;
  return rc;
}

int sftp_stat(lua_State *L, Session *s, const char *path, int how, LIBSSH2_SFTP_ATTRIBUTES *a, double deadline) {
  int rc;
  SSH_LOOP(rc, libssh2_sftp_stat_ex(s->sftp, path, (unsigned)strlen(path), how, a));
  return rc;
}

static int set_mode(lua_State *L, Session *s, const char *path, lua_Integer mode, double deadline) {
  LIBSSH2_SFTP_ATTRIBUTES a = {0};
  a.flags = LIBSSH2_SFTP_ATTR_PERMISSIONS;
  a.permissions = (unsigned long)mode;
  return sftp_stat(L, s, path, LIBSSH2_SFTP_SETSTAT, &a, deadline);
}

int sftp_unlink(lua_State *L, Session *s, const char *path, double deadline) {
  int rc;
  SSH_LOOP(rc, libssh2_sftp_unlink_ex(s->sftp, path, (unsigned)strlen(path)));
  return rc;
}

int sftp_rename(lua_State *L, Session *s, const char *from, const char *to, double deadline) {
  int rc;
  SSH_LOOP(rc, libssh2_sftp_rename_ex(s->sftp, from, (unsigned)strlen(from), to, (unsigned)strlen(to),
                                      LIBSSH2_SFTP_RENAME_OVERWRITE | LIBSSH2_SFTP_RENAME_ATOMIC |
                                          LIBSSH2_SFTP_RENAME_NATIVE));
  return rc;
}

ssh_Op *sftp_begin(lua_State *L, double deadline) {
  ssh_Op *op = ssh_begin(L);
  Session *s;
  int rc;
  if (!op) return NULL;
  s = op->session;
  rc = open_sftp(L, s, deadline);
  if (rc == 0) return op;
  if (rc == LIBSSH2_ERROR_CHANNEL_FAILURE || rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
    lb_fail(L, "ssh", "open sftp at %s: the server has no sftp subsystem", s->peer);
  else
    ssh_fail(L, s, rc, "open sftp at %s", s->peer);
  return NULL;
}

/* ---- methods ---- */

static const char *type_name(const LIBSSH2_SFTP_ATTRIBUTES *a) {
  if (!(a->flags & LIBSSH2_SFTP_ATTR_PERMISSIONS)) return "other";
  if (LIBSSH2_SFTP_S_ISREG(a->permissions)) return "file";
  if (LIBSSH2_SFTP_S_ISDIR(a->permissions)) return "directory";
  if (LIBSSH2_SFTP_S_ISLNK(a->permissions)) return "link";
  return "other";
}

/* Push { type, mode, size, mtime, uid, gid }. */
static void push_attributes(lua_State *L, const LIBSSH2_SFTP_ATTRIBUTES *a) {
  lua_createtable(L, 0, 7);
  lua_pushstring(L, type_name(a));
  lua_setfield(L, -2, "type");
  lua_pushinteger(L, a->flags & LIBSSH2_SFTP_ATTR_PERMISSIONS ? (lua_Integer)(a->permissions & 07777) : 0);
  lua_setfield(L, -2, "mode");
  lua_pushinteger(L, (lua_Integer)a->filesize);
  lua_setfield(L, -2, "size");
  lua_pushinteger(L, (lua_Integer)a->mtime);
  lua_setfield(L, -2, "mtime");
  lua_pushinteger(L, (lua_Integer)a->uid);
  lua_setfield(L, -2, "uid");
  lua_pushinteger(L, (lua_Integer)a->gid);
  lua_setfield(L, -2, "gid");
}

/* The deadline of a method whose options, at `arg`, are only a timeout. */
static double only_timeout(lua_State *L, int arg) {
  static const char *const keys[] = {"timeout", NULL};
  lua_settop(L, arg);
  lb_checkkeys(L, arg, keys);
  return ssh_deadline(sftp_patience(L, arg));
}

static int done(lua_State *L, Session *s, int rc, const char *doing, const char *path) {
  if (rc) return sftp_fail(L, s, rc, doing, path);
  lua_pushboolean(L, 1);
  return 1;
}

/*
ssh.stat(session, path [, options]) -> attributes
                                    -> nil, message, code
What is at a path of the server's; links are followed.
  options.timeout    number = 60        seconds
attributes = { type = "file"|"directory"|"link"|"other", mode = integer (07777), size = integer (bytes), mtime = integer (seconds
since 1970), uid = integer, gid = integer }
Codes: notfound, io, ssh (no sftp there), net, timeout.  Raises: closed session, another call under way, cancelled.
Blocks: yes.  Source: draft-ietf-secsh-filexfer-02 5, 6.8.
*/
int ssh_stat(lua_State *L) {
  LIBSSH2_SFTP_ATTRIBUTES a = {0};
  const char *path = luaL_checkstring(L, 2);
  double deadline = only_timeout(L, 3);
  ssh_Op *op = sftp_begin(L, deadline);
  int rc;
  if (!op) return 3;
  rc = sftp_stat(L, op->session, path, LIBSSH2_SFTP_STAT, &a, deadline);
  if (rc) return sftp_fail(L, op->session, rc, "look at", path);
  push_attributes(L, &a);
  return 1;
}

/*
ssh.list(session, path [, options]) -> {attributes, ...}
                                    -> nil, message, code
The entries of a directory of the server's, without "." and "..", as they come; links are not followed.
  options.timeout    number = 60        seconds
attributes: as in ssh.stat, and name = string
Codes: notfound, io, ssh (no sftp there), net, timeout.  Raises: closed session, another call under way, cancelled.
Blocks: yes.  Source: draft-ietf-secsh-filexfer-02 6.7.
*/
int ssh_list(lua_State *L) {
  const char *path = luaL_checkstring(L, 2);
  double deadline = only_timeout(L, 3);
  ssh_Op *op = sftp_begin(L, deadline);
  Session *s;
  int rc;
  if (!op) return 3;
  s = op->session;
  rc = sftp_open(L, s, path, 0, 0, deadline);
  if (rc) return sftp_fail(L, s, rc, "list", path);
  lua_newtable(L);
  for (lua_Integer count = 0;;) {
    LIBSSH2_SFTP_ATTRIBUTES a = {0};
    char name[4096];
    SSH_LOOP(rc, libssh2_sftp_readdir_ex(s->file, name, sizeof name, NULL, 0, &a));
    if (rc <= 0) break;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    push_attributes(L, &a);
    lua_pushlstring(L, name, (size_t)rc);
    lua_setfield(L, -2, "name");
    lua_rawseti(L, -2, ++count);
  }
  if (rc < 0) {
    int n = sftp_fail(L, s, rc, "list", path);
    if (!s->broken) sftp_close(L, s, deadline);
    return n;
  }
  sftp_close(L, s, deadline);
  return 1;
}

/*
ssh.mkdir(session, path [, options]) -> true
                                     -> nil, message, code
Make a directory.
  options.mode       integer = 0755     permissions, whatever the server's umask
  options.timeout    number = 60        seconds
Codes: exists, notfound (its parent), io, ssh (no sftp there), net, timeout.  Raises: closed session, another call under way,
cancelled.
Blocks: yes.  Source: draft-ietf-secsh-filexfer-02 6.6.
*/
int ssh_mkdir(lua_State *L) {
  static const char *const keys[] = {"mode", "timeout", NULL};
  LIBSSH2_SFTP_ATTRIBUTES a = {0};
  const char *path = luaL_checkstring(L, 2);
  lua_Integer mode;
  double deadline;
  Session *s;
  ssh_Op *op;
  int rc;
  lua_settop(L, 3);
  lb_checkkeys(L, 3, keys);
  mode = sftp_mode(L, 3, 0755);
  deadline = ssh_deadline(sftp_patience(L, 3));
  op = sftp_begin(L, deadline);
  if (!op) return 3;
  s = op->session;
  SSH_LOOP(rc, libssh2_sftp_mkdir_ex(s->sftp, path, (unsigned)strlen(path), (long)mode));
  if (rc == 0) return done(L, s, set_mode(L, s, path, mode, deadline), "set the mode of", path);
  if (rc == LIBSSH2_ERROR_SFTP_PROTOCOL) { /* a server says only 'failure' when something is there */
    int n = sftp_fail(L, s, rc, "make directory", path);
    if (sftp_stat(L, s, path, LIBSSH2_SFTP_LSTAT, &a, deadline)) return n;
    return lb_fail(L, "exists", "make directory %s at %s: a %s of that name exists", path, s->peer, type_name(&a));
  }
  return sftp_fail(L, s, rc, "make directory", path);
}

/*
ssh.chmod(session, path, mode [, options]) -> true
                                           -> nil, message, code
Set the permissions of a file or directory.
  mode               integer            0 to 07777
  options.timeout    number = 60        seconds
Codes: notfound, io, ssh (no sftp there), net, timeout.  Raises: closed session, another call under way, cancelled.
Blocks: yes.  Source: draft-ietf-secsh-filexfer-02 6.9.
*/
int ssh_chmod(lua_State *L) {
  const char *path = luaL_checkstring(L, 2);
  lua_Integer mode = luaL_checkinteger(L, 3);
  double deadline = only_timeout(L, 4);
  ssh_Op *op;
  luaL_argcheck(L, is_mode(mode), 3, "0 to 07777 expected");
  op = sftp_begin(L, deadline);
  if (!op) return 3;
  return done(L, op->session, set_mode(L, op->session, path, mode, deadline), "set the mode of", path);
}

/*
ssh.remove(session, path [, options]) -> true
                                      -> nil, message, code
Remove a file, or a directory that is empty.
  options.timeout    number = 60        seconds
Codes: notfound, io, ssh (no sftp there), net, timeout.  Raises: closed session, another call under way, cancelled.
Blocks: yes.  Source: draft-ietf-secsh-filexfer-02 6.5, 6.6.
*/
int ssh_remove(lua_State *L) {
  LIBSSH2_SFTP_ATTRIBUTES a = {0};
  const char *path = luaL_checkstring(L, 2);
  double deadline = only_timeout(L, 3);
  ssh_Op *op = sftp_begin(L, deadline);
  Session *s;
  int rc;
  if (!op) return 3;
  s = op->session;
  rc = sftp_stat(L, s, path, LIBSSH2_SFTP_LSTAT, &a, deadline);
  if (rc) return sftp_fail(L, s, rc, "remove", path);
  if (strcmp(type_name(&a), "directory") != 0) return done(L, s, sftp_unlink(L, s, path, deadline), "remove", path);
  SSH_LOOP(rc, libssh2_sftp_rmdir_ex(s->sftp, path, (unsigned)strlen(path)));
  return done(L, s, rc, "remove", path);
}

/*
ssh.rename(session, from, to [, options]) -> true
                                          -> nil, message, code
Rename a file or directory; nothing may have the new name.
  options.timeout    number = 60        seconds
Codes: notfound, io, ssh (no sftp there), net, timeout.  Raises: closed session, another call under way, cancelled.
Blocks: yes.  Source: draft-ietf-secsh-filexfer-02 6.5.
*/
int ssh_rename(lua_State *L) {
  const char *from = luaL_checkstring(L, 2), *to = luaL_checkstring(L, 3);
  double deadline = only_timeout(L, 4);
  ssh_Op *op = sftp_begin(L, deadline);
  if (!op) return 3;
  return done(L, op->session, sftp_rename(L, op->session, from, to, deadline), "rename", from);
}
