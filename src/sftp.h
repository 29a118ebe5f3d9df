/* sftp.h: single file operations, for the two files of module ssh that need them. Each gives 0 or libssh2's error;
 * they wait, so they may raise `cancelled`. */
#ifndef LB_SFTP_H
#define LB_SFTP_H

#include "ssh.h"

/* Seconds without progress after which an operation has failed: options.timeout.  [-0, +0, v] */
double sftp_patience(lua_State *L, int arg);

/* options.mode, or `def` when absent; raises unless it is 0 to 07777.  [-0, +0, v] */
lua_Integer sftp_mode(lua_State *L, int arg, lua_Integer def);

/* Begin a file operation on the session at argument 1: the guard, or NULL with a triple.  [-0, +(1|3), v] */
ssh_Op *sftp_begin(lua_State *L, double deadline);

/* The triple for a failed operation: "doing path at peer: cause".  [-0, +3, m]; returns 3 */
int sftp_fail(lua_State *L, Session *s, int rc, const char *doing, const char *path);

/* Open into s->file: a file with LIBSSH2_FXF_ flags, a directory with flags 0.  [-0, +0, v] */
int sftp_open(lua_State *L, Session *s, const char *path, unsigned long flags, long mode, double deadline);
int sftp_close(lua_State *L, Session *s, double deadline);

/* how: LIBSSH2_SFTP_STAT, _LSTAT, _SETSTAT.  [-0, +0, v] */
int sftp_stat(lua_State *L, Session *s, const char *path, int how, LIBSSH2_SFTP_ATTRIBUTES *a, double deadline);
int sftp_unlink(lua_State *L, Session *s, const char *path, double deadline);
int sftp_rename(lua_State *L, Session *s, const char *from, const char *to, double deadline);

#endif
