/* sshcall: one call in a session: its guard, its waits, and how it fails */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ssh.h"

#define OP "ssh.call"
#define SILENCE 3 /* keep-alives without an answer after which the server counts as gone */

double ssh_deadline(lua_Number seconds) { return lb_now() + seconds; }

int ssh_wait(lua_State *L, Session *s, double deadline) {
  int direction = libssh2_session_block_directions(s->ssh);
  double now = lb_now(), until = deadline;
  lb_Fd fd = {s->fd, 0, 0};
  if (now >= deadline) return LIBSSH2_ERROR_TIMEOUT;
  if (direction & LIBSSH2_SESSION_BLOCK_OUTBOUND) fd.events |= LB_WRITE;
  if ((direction & LIBSSH2_SESSION_BLOCK_INBOUND) || !fd.events) fd.events |= LB_READ;
  if (s->ready && s->keepalive) {
    double silent = s->heard + SILENCE * s->keepalive;
    if (now >= silent) {
      s->lost = ETIMEDOUT;
      return LIBSSH2_ERROR_SOCKET_DISCONNECT;
    }
    if (silent < until) until = silent;
    /* libssh2 cannot put a keep-alive between the halves of a packet that is half sent */
    if (!(direction & LIBSSH2_SESSION_BLOCK_OUTBOUND)) {
      int next = 0;
      libssh2_keepalive_send(s->ssh, &next); /* an error shows in the next call */
      if (next > 0 && now + next < until) until = now + next;
    }
  }
  s->waiting = 1;
  lb_wait(L, &fd, 1, lb_until(until));
  s->waiting = 0;
  return 0;
}

int ssh_halfsent(const Session *s) {
  return (libssh2_session_block_directions(s->ssh) & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0;
}

static int is_gone(const Session *s, int rc) {
  return s->lost || rc == LIBSSH2_ERROR_SOCKET_DISCONNECT || rc == LIBSSH2_ERROR_SOCKET_SEND ||
         rc == LIBSSH2_ERROR_SOCKET_RECV || rc == LIBSSH2_ERROR_BANNER_RECV || rc == LIBSSH2_ERROR_BANNER_SEND;
}

int ssh_fail(lua_State *L, Session *s, int rc, const char *fmt, ...) {
  char doing[600], *text = NULL;
  va_list args;
  va_start(args, fmt);
  vsnprintf(doing, sizeof doing, fmt, args);
  va_end(args);
  if (rc == LIBSSH2_ERROR_TIMEOUT) {
    s->broken = "an earlier call timed out";
    return lb_fail(L, "timeout", "%s: no answer in time", doing);
  }
  if (is_gone(s, rc)) {
    s->broken = "the connection is gone";
    if (*s->goodbye) return lb_fail(L, "net", "%s: the server disconnected: %s", doing, s->goodbye);
    if (s->lost > 0) return lb_fail(L, "net", "%s: %s", doing, strerror(s->lost));
    return lb_fail(L, "net", "%s: the server closed the connection", doing);
  }
  libssh2_session_last_error(s->ssh, &text, NULL, 0);
  return lb_fail(L, "ssh", "%s: %s (libssh2 %d)", doing, text && *text ? text : "failed", rc);
}

/* Frees what the call held. When an error was raised while libssh2 was waiting, the session is of no more use. */
static int op_close(lua_State *L) {
  ssh_Op *op = lua_touserdata(L, 1);
  Session *s = op->session;
  if (!lb_closing(&op->box)) return 0;
  for (int i = 0; i < 2; i++) free(op->out[i].data);
  if (op->fd >= 0) close(op->fd);
  s->busy = 0;
  s->password = NULL;
  if (s->waiting) {
    s->waiting = 0;
    s->broken = "an earlier call was interrupted";
  } else if (s->channel) { /* on_output raised: say goodbye to the command; the rest is the session's to free */
    if (libssh2_channel_free(s->channel) == LIBSSH2_ERROR_EAGAIN && ssh_halfsent(s))
      s->broken = "an earlier call was interrupted";
  }
  s->channel = NULL;
  if (s->file) s->broken = "an earlier call was interrupted";
  if (op->connecting) ssh_shut(s);
  return 0;
}

ssh_Op *ssh_guard(lua_State *L, Session *s) {
  ssh_Op *op = lb_newbox(L, sizeof *op, OP);
  op->session = s;
  op->fd = -1;
  lb_opened(&op->box);
  s->busy = 1;
  lua_toclose(L, -1);
  return op;
}

ssh_Op *ssh_begin(lua_State *L) {
  Session *s = lb_checkbox(L, 1, SESSION);
  if (s->busy) luaL_error(L, "a call in this session is under way already");
  if (s->broken) {
    lb_fail(L, "net", "use %s: %s", s->peer, s->broken);
    return NULL;
  }
  s->heard = lb_now();
  return ssh_guard(L, s);
}

int ssh_append(ssh_Bytes *bytes, const char *data, size_t len) {
  if (!len) return 1;
  if (len > bytes->size - bytes->len) {
    size_t size = bytes->size ? bytes->size : 4096;
    char *grown;
    while (len > size - bytes->len) size *= 2;
    grown = realloc(bytes->data, size);
    if (!grown) return 0;
    bytes->data = grown;
    bytes->size = size;
  }
  memcpy(bytes->data + bytes->len, data, len);
  bytes->len += len;
  return 1;
}

void ssh_opencall(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, OP, none, op_close);
}
