/* ssh.h: what the files of the ssh module share. One call at a time works in a session; it is guarded by a to-be-closed
 * box (ssh_begin), so that an error raised in the middle leaves the session closed, usable, or marked as broken. */
#ifndef LB_SSH_H
#define LB_SSH_H

#include <libssh2.h>
#include <libssh2_sftp.h>

#include "lb.h"

#define SESSION "ssh.session"

/* Options of ssh.connect that logging in needs; the strings stay on the Lua stack of ssh.connect. */
typedef struct ssh_Login {
  const char *username, *password, *key, *passphrase;
  size_t password_len, key_len;
  const char *key_name; /* for messages: the file, or "key" */
  int agent, interactive;
} ssh_Login;

typedef struct Session {
  lb_Box box;
  int fd; /* valid while the box is open */
  int busy;    /* a call is under way */
  int waiting; /* in lb_wait on behalf of libssh2: an error raised now leaves libssh2 in the middle of something */
  int ready;   /* logged in */
  int lost;    /* errno of the connection, or SSH_CLOSED; 0 while it works */
  int keepalive;       /* seconds, 0 for none */
  double heard;        /* lb_now() when the last bytes came, or the call began */
  const char *broken;  /* why no further call can work, or NULL; a literal */
  const char *password; /* only while a keyboard-interactive login runs */
  LIBSSH2_SESSION *ssh;
  LIBSSH2_SFTP *sftp; /* opened by the first file operation, kept */
  LIBSSH2_CHANNEL *channel; /* of the exec under way */
  LIBSSH2_SFTP_HANDLE *file; /* of the file operation under way */
  char peer[300];    /* "root@10.0.0.5:22" */
  char goodbye[200]; /* the server's reason for disconnecting, or "" */
  unsigned char hello[4096]; /* the first bytes from the server: banner and algorithms, in clear */
  size_t hello_len;
} Session;
#define SSH_CLOSED (-1)

/* A growing byte buffer in C memory; belongs to an Op. */
typedef struct ssh_Bytes {
  char *data;
  size_t len, size;
} ssh_Bytes;

/* The guard of one call. Pushed and marked to be closed by ssh_begin. */
typedef struct ssh_Op {
  lb_Box box;
  Session *session;
  int connecting;    /* closing the guard closes the session too */
  int fd;            /* of the local file, or -1 */
  ssh_Bytes out[2];  /* collected output */
} ssh_Op;

/* sshcall.c, down to ssh_append. The session at argument 1, free for a call and not broken; otherwise raises or returns NULL
 * with a triple on the stack. Pushes the guard.  [-0, +(1|3), v] */
ssh_Op *ssh_begin(lua_State *L);

/* Push the guard for a session that is not open yet.  [-0, +1, m] */
ssh_Op *ssh_guard(lua_State *L, Session *s);

/* Wait until libssh2 can go on, keeping the connection alive: 0, or LIBSSH2_ERROR_TIMEOUT when `deadline` has passed, or
 * LIBSSH2_ERROR_SOCKET_DISCONNECT when the server has been silent for three keep-alives.  [-0, +0, v] */
int ssh_wait(lua_State *L, Session *s, double deadline);

/* After EAGAIN: is a packet half sent? Then libssh2 wants the same call again before any other.  [-0, +0, -] */
int ssh_halfsent(const Session *s);

/* Repeat `call` until it is not EAGAIN, or waiting fails; `rc` holds the outcome. Needs L, s and deadline in scope. */
#define SSH_LOOP(rc, call) \
  while (((rc) = (int)(call)) == LIBSSH2_ERROR_EAGAIN && ((rc) = ssh_wait(L, s, deadline)) == 0) continue

/* The same for a call that returns a pointer, NULL on error. */
#define SSH_LOOP_POINTER(rc, pointer, call)                                             \
  while (!((pointer) = (call)) && ((rc) = libssh2_session_last_errno(s->ssh)) == LIBSSH2_ERROR_EAGAIN && \
         ((rc) = ssh_wait(L, s, deadline)) == 0)                                        \
  continue

/* The triple for libssh2's error `rc`; `fmt` says what was being done. A connection that is gone, or a libssh2 that was
 * left waiting, marks the session as broken.  [-0, +3, m]; returns 3 */
int ssh_fail(lua_State *L, Session *s, int rc, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A deadline `seconds` from now.  [-0, +0, -] */
double ssh_deadline(lua_Number seconds);

/* Append to a buffer; 0 when memory is short.  [-0, +0, -] */
int ssh_append(ssh_Bytes *bytes, const char *data, size_t len);

/* Close an open session, the library first.  [-0, +0, -] */
void ssh_shut(Session *s);

/* sshconnect.c: socket, key exchange, the server's key. 0, or 3 with a triple pushed.  [-0, +(0|3), v] */
int ssh_dial(lua_State *L, Session *s, const char *host, const char *port, double deadline);
int ssh_handshake(lua_State *L, Session *s, double greeting, double deadline);
/* Push "SHA256:..." of the server's key.  [-0, +1, m] */
void ssh_pushfingerprint(lua_State *L, Session *s);

/* sshlogin.c, sshagent.c: 0, or 3 with a triple pushed.  [-0, +(0|3), v] */
int ssh_login(lua_State *L, Session *s, const ssh_Login *login, double deadline);
/* Offer the agent's keys one by one: 0 logged in, else libssh2's error; *offered counts, *rsa says if one was RSA;
 * *problem is why the agent is of no use, or NULL.  [-0, +0, v] */
int ssh_agent(lua_State *L, Session *s, const char *username, double deadline, int *offered, int *rsa, const char **problem);

/* Declare the classes of these files.  [-0, +0, m] */
void ssh_opencall(lua_State *L);
void ssh_openlookup(lua_State *L);
void ssh_openagent(lua_State *L);

/* Methods. */
int ssh_exec(lua_State *L);
int ssh_upload(lua_State *L);
int ssh_download(lua_State *L);
int ssh_read(lua_State *L);
int ssh_stat(lua_State *L);
int ssh_list(lua_State *L);
int ssh_mkdir(lua_State *L);
int ssh_chmod(lua_State *L);
int ssh_remove(lua_State *L);
int ssh_rename(lua_State *L);

/* A function of the module: sshkey.c. */
int ssh_keygen(lua_State *L);

#endif
