/* sshexec: one command: its input, its output, its end */

#include <stdlib.h>
#include <string.h>

#include "ssh.h"

#define CHUNK 32768
#define GRACE 3  /* seconds to get rid of a packet that is half sent */
#define SHARE 16 /* chunks that go one way before others get their turn: a command may write faster than its listener takes */

typedef struct Exec {
  const char *input; /* at stack index `chunk` when it comes from a function */
  size_t input_len, sent;
  int source, chunk; /* stack indices of the function that gives input, or 0, and of what it gave last */
  size_t limit;
  int listener; /* stack index of on_output, or 0 */
  int eof_sent, truncated;
  int blocked; /* a packet is half sent: only the same call may go on */
  int moved;   /* bytes went either way */
  int share;   /* chunks that may be read in this round */
} Exec;

static const char *const streams[] = {"out", "err"};

/* The next bytes of the function that gives input; at their end there is none any more. */
static void refill(lua_State *L, Exec *x) {
  lua_pushvalue(L, x->source);
  lua_call(L, 0, 1);
  x->sent = x->input_len = 0;
  if (lua_isnil(L, -1)) x->source = 0;
  else if (lua_type(L, -1) == LUA_TSTRING) x->input = lua_tolstring(L, -1, &x->input_len);
  else luaL_error(L, "stdin: a string or nil expected, got %s", luaL_typename(L, -1));
  lua_replace(L, x->chunk);
}

/* Send input, or its end: 0, or libssh2's error. */
static int feed(lua_State *L, Session *s, Exec *x) {
  ssize_t n = 1;
  if (x->eof_sent) return 0;
  while (x->source && x->sent == x->input_len) refill(L, x);
  if (x->sent < x->input_len) {
    for (int i = 0; i < SHARE && n > 0 && x->sent < x->input_len; i++) {
      n = libssh2_channel_write(s->channel, x->input + x->sent, x->input_len - x->sent);
      if (n > 0) x->sent += (size_t)n, x->moved = 1;
    }
  } else if (!x->source) {
    n = libssh2_channel_send_eof(s->channel);
    if (n == 0) x->eof_sent = x->moved = 1;
  }
  x->blocked = n == LIBSSH2_ERROR_EAGAIN && ssh_halfsent(s);
  return n < 0 && n != LIBSSH2_ERROR_EAGAIN ? (int)n : 0;
}

static void keep(lua_State *L, ssh_Op *op, Exec *x, int stream, const char *data, size_t n) {
  ssh_Bytes *bytes = &op->out[stream];
  size_t room = x->limit - bytes->len;
  if (n > room) x->truncated = 1;
  if (!ssh_append(bytes, data, n < room ? n : room)) luaL_error(L, "not enough memory");
  if (x->listener) {
    lua_pushvalue(L, x->listener);
    lua_pushstring(L, streams[stream]);
    lua_pushlstring(L, data, n);
    lua_call(L, 2, 0);
  }
}

/* What has come on a stream, at most `size` bytes: their number, 0 when there is none for now, or libssh2's error. */
static ssize_t read_stream(Session *s, Exec *x, int stream, char *chunk, size_t size) {
  ssize_t n;
  if (x->share <= 0) return 0;
  n = libssh2_channel_read_ex(s->channel, stream ? SSH_EXTENDED_DATA_STDERR : 0, chunk, size);
  if (n > 0) x->moved = 1, x->share--;
  if (n != LIBSSH2_ERROR_EAGAIN) return n;
  if (ssh_halfsent(s)) x->blocked = 1; /* the answer that widens the window */
  return 0;
}

static int drain_out(lua_State *L, Session *s, ssh_Op *op, Exec *x) {
  char chunk[CHUNK];
  ssize_t n;
  while ((n = read_stream(s, x, 0, chunk, sizeof chunk)) > 0) keep(L, op, x, 0, chunk, (size_t)n);
  return (int)n;
}

/* Take what has come on both streams: 0, or libssh2's error. It does not tell in which order they came. Output goes before the errors that
 * were read with it: why a command failed is what it says last. */
static int drain(lua_State *L, Session *s, ssh_Op *op, Exec *x) {
  char chunk[CHUNK];
  ssize_t n;
  int rc = drain_out(L, s, op, x);
  while (!rc && !x->blocked && (n = read_stream(s, x, 1, chunk, sizeof chunk)) != 0) {
    if (n < 0) return (int)n;
    rc = drain_out(L, s, op, x);
    keep(L, op, x, 1, chunk, (size_t)n);
  }
  return rc;
}

/* Output that libssh2 took from the socket while it was asked for the other stream: no poll will tell of it. */
static int queued(Session *s) {
  unsigned long n = 0;
  libssh2_channel_window_read_ex(s->channel, &n, NULL);
  return n > 0;
}

/* Until the server has closed the channel: 0, or libssh2's error. */
static int pump(lua_State *L, Session *s, ssh_Op *op, Exec *x, double deadline) {
  for (;;) {
    int rc;
    x->moved = 0;
    x->share = SHARE;
    if ((rc = feed(L, s, x))) return rc;
    if (!x->blocked && (rc = drain(L, s, op, x))) return rc;
    if (!x->blocked && libssh2_channel_eof(s->channel)) {
      rc = libssh2_channel_wait_closed(s->channel);
      if (rc != LIBSSH2_ERROR_EAGAIN) return rc;
    }
    if (lb_now() >= deadline) return LIBSSH2_ERROR_TIMEOUT;
    if (x->moved || (!x->blocked && queued(s))) lb_wait(L, NULL, 0, 0);
    else if ((rc = ssh_wait(L, s, deadline))) return rc;
  }
}

/* Give the channel back, without waiting for the server to agree: after a timeout OpenSSH does so only when the process has
 * ended. What libssh2 cannot free yet, it frees with the session. */
static void release(lua_State *L, Session *s) {
  double deadline = lb_now() + GRACE;
  LIBSSH2_CHANNEL *channel = s->channel;
  s->channel = NULL;
  while (libssh2_channel_free(channel) == LIBSSH2_ERROR_EAGAIN && ssh_halfsent(s))
    if (ssh_wait(L, s, deadline)) {
      s->broken = "an earlier call timed out";
      return;
    }
}

static int push_result(lua_State *L, Session *s, ssh_Op *op, const Exec *x) {
  char *name = NULL, kept[32]; /* RFC 4254 6.10: short words */
  size_t len = 0;
  int killed;
  libssh2_channel_get_exit_signal(s->channel, &name, &len, NULL, NULL, NULL, NULL);
  killed = name != NULL;
  if (killed) {
    if (len > sizeof kept) len = sizeof kept;
    memcpy(kept, name, len);
    libssh2_free(s->ssh, name); /* before anything that may raise */
  }
  lua_createtable(L, 0, 5);
  if (killed) {
    lua_pushlstring(L, kept, len);
    lua_setfield(L, -2, "signal");
  } else {
    lua_pushinteger(L, libssh2_channel_get_exit_status(s->channel));
    lua_setfield(L, -2, "status");
  }
  for (int i = 0; i < 2; i++) {
    lua_pushlstring(L, op->out[i].data ? op->out[i].data : "", op->out[i].len);
    lua_setfield(L, -2, streams[i]);
  }
  lua_pushboolean(L, x->truncated);
  lua_setfield(L, -2, "truncated");
  return 1;
}

/* Set the variables in the table at `index`: 0, or 3 with a triple. */
static int set_variables(lua_State *L, Session *s, int index, double deadline) {
  int rc;
  if (lua_isnil(L, index)) return 0;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    size_t name_len, value_len;
    const char *name = lua_tolstring(L, -2, &name_len), *value = lua_tolstring(L, -1, &value_len);
    SSH_LOOP(rc, libssh2_channel_setenv_ex(s->channel, name, (unsigned)name_len, value, (unsigned)value_len));
    if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
      return lb_fail(L, "ssh", "set %s at %s: the server does not take this variable (its AcceptEnv)", name, s->peer);
    if (rc) return ssh_fail(L, s, rc, "set %s at %s", name, s->peer);
    lua_pop(L, 1);
  }
  return 0;
}

/* For messages: the first line of the command, not all of it. */
static const char *brief(lua_State *L, const char *command) {
  size_t len = strcspn(command, "\r\n");
  int cut = command[len] || len > 60;
  lua_pushlstring(L, command, len > 60 ? 60 : len);
  lua_pushstring(L, cut ? "..." : "");
  lua_concat(L, 2);
  return lua_tostring(L, -1);
}

static int start(lua_State *L, Session *s, const char *command, int pty, int env, double deadline) {
  int rc, n;
  SSH_LOOP_POINTER(rc, s->channel, libssh2_channel_open_session(s->ssh));
  if (!s->channel) return ssh_fail(L, s, rc, "open a channel to %s", s->peer);
  if ((n = set_variables(L, s, env, deadline))) return n;
  if (pty) {
    SSH_LOOP(rc, libssh2_channel_request_pty(s->channel, "vt100"));
    if (rc) return ssh_fail(L, s, rc, "get a terminal at %s", s->peer);
  }
  SSH_LOOP(rc, libssh2_channel_exec(s->channel, command));
  if (rc) return ssh_fail(L, s, rc, "run '%s' at %s", brief(L, command), s->peer);
  return 0;
}

static const char *const exec_keys[] = {"stdin", "timeout", "limit", "pty", "env", "on_output", NULL};

static void check_variables(lua_State *L, int index) {
  if (lua_isnil(L, index)) return;
  luaL_argcheck(L, lua_istable(L, index), 3, "bad option 'env' (table expected)");
  lua_pushnil(L);
  while (lua_next(L, index)) {
    luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING, 3,
                  "bad option 'env' (names and values are strings)");
    lua_pop(L, 1);
  }
}

/* run(L, op, ...) with everything read from the options */
static int run(lua_State *L, ssh_Op *op, Exec *x, const char *command, int pty, int env, double deadline) {
  Session *s = op->session;
  int rc, n = start(L, s, command, pty, env, deadline);
  if (n) {
    if (s->channel && !s->broken) release(L, s);
    return n;
  }
  rc = pump(L, s, op, x, deadline);
  if (rc == LIBSSH2_ERROR_TIMEOUT && !x->blocked) { /* nothing is half done: only the channel ends */
    release(L, s);
    return lb_fail(L, "timeout", "run '%s' at %s: not done in time", brief(L, command), s->peer);
  }
  if (rc) {
    n = ssh_fail(L, s, rc, "run '%s' at %s", brief(L, command), s->peer);
    if (!s->broken) release(L, s);
    return n;
  }
  n = push_result(L, s, op, x);
  release(L, s);
  return n;
}

/*
ssh.exec(session, command [, options]) -> result
                                       -> nil, message, code
Run one command and collect its output. On a timeout its channel is closed and the session can be used again; the server
decides what becomes of the process (OpenSSH lets it run on, unless it has a terminal).
  command            string             passed to the remote shell as it is
  options.stdin      string|function = ""  bytes, then end of file; or a function that gives the next ones each time, nil at the end
  options.timeout    number = 600       seconds, whole command
  options.limit      integer = 1 MiB    bytes kept per stream; the rest is read and dropped
  options.pty        boolean = false    run it in a terminal; both streams then come as one
  options.env        table|nil          name -> value, strings; a server takes only names it knows (OpenSSH: AcceptEnv)
  options.on_output  function|nil       called with stream ("out", "err") and bytes as they come
An error in one of these functions ends the call.
result = { status = integer|nil, signal = string|nil ("KILL"), out = string, err = string, truncated = boolean }
The status is also 0 when a server closes the channel without telling one.
Codes: timeout, net, ssh.  Raises: closed session, another call under way, cancelled.
Blocks: yes.  Source: RFC 4254 6.4, 6.5, 6.10; libssh2_channel_exec(3).
*/
int ssh_exec(lua_State *L) {
  Exec x = {0};
  const char *command = luaL_checkstring(L, 2);
  lua_Integer limit;
  double deadline;
  int pty, env;
  ssh_Op *op;
  lua_settop(L, 3);
  lb_checkkeys(L, 3, exec_keys);
  if (lua_isnil(L, 3)) {
    lua_newtable(L);
    lua_replace(L, 3);
  }
  if (lua_getfield(L, 3, "stdin") == LUA_TFUNCTION) {
    x.source = lua_gettop(L);
    lua_pushnil(L);
    x.chunk = lua_gettop(L);
  } else {
    x.input = lb_optstring(L, 3, "stdin", "", &x.input_len);
  }
  deadline = ssh_deadline(lb_optnumber(L, 3, "timeout", 600));
  limit = lb_optinteger(L, 3, "limit", 1 << 20);
  luaL_argcheck(L, limit >= 0, 3, "bad option 'limit' (0 or more)");
  x.limit = (size_t)limit;
  pty = lb_optboolean(L, 3, "pty", 0);
  x.listener = lb_optfunction(L, 3, "on_output");
  lua_getfield(L, 3, "env");
  env = lua_gettop(L);
  check_variables(L, env);
  op = ssh_begin(L);
  if (!op) return 3;
  return run(L, op, &x, command, pty, env, deadline);
}
