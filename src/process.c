/* process: child processes: started without a shell, read while they run, never left behind */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

#define CHUNK 16384
#define MANY 64 /* processes in one process.ready */

static Process *check_process(lua_State *L, int arg) { return lb_checkbox(L, arg, PROCESS); }

/* ---- life cycle ---- */

void process_closefd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* Collect the exit status if there is one: 1 when it has ended. */
static int reap(Process *p, int flags) {
  pid_t got;
  if (p->reaped) return 1;
  do got = waitpid(p->pid, &p->status, flags);
  while (got < 0 && errno == EINTR);
  p->reaped = got != 0;
  return p->reaped;
}

void process_shut(Process *p) {
  if (!lb_closing(&p->box)) return;
  if (!p->reaped) {
    kill(-p->pid, SIGKILL);
    reap(p, 0);
  }
  fcntl(p->tie[0], F_SETFL, 0); /* what an ended process has left running is let go */
  process_closefd(&p->pidfd);
  for (int i = 0; i < 2; i++) {
    process_closefd(&p->out[i]);
    process_closefd(&p->tie[i]);
  }
}

/*
process:close() -> nothing
Kill the process and those it started in its group, if it still runs, and forget it. Safe to call again.
Blocks: no (a killed process ends at once).
*/
static int process_close(lua_State *L) {
  process_shut(lua_touserdata(L, 1));
  return 0;
}

/* ---- while it runs ---- */

/* The descriptors worth waiting for, at most three; how many. */
static unsigned descriptors(const Process *p, lb_Fd *fds) {
  unsigned n = 0;
  for (int i = 0; i < 2; i++)
    if (p->out[i] >= 0) fds[n++] = (lb_Fd){p->out[i], LB_READ, 0};
  if (!p->reaped) fds[n++] = (lb_Fd){p->pidfd, LB_READ, 0};
  return n;
}

/* Push what stream `i` has: 1 when there was something; 0 for nothing yet, or its end. */
static int push_stream(lua_State *L, Process *p, int i) {
  char chunk[CHUNK];
  ssize_t n = p->out[i] < 0 ? -1 : read(p->out[i], chunk, sizeof chunk);
  if (n > 0) {
    lua_pushstring(L, i == 0 ? "out" : "err");
    lua_pushlstring(L, chunk, (size_t)n);
    return 1;
  }
  if (n == 0) process_closefd(&p->out[i]);
  return 0;
}

/* After the process itself has ended, what its descendants still write is not waited for. */
static int all_read(Process *p) {
  return (p->out[0] < 0 && p->out[1] < 0) || reap(p, WNOHANG);
}

/*
process:read([seconds]) -> stream, bytes
                        -> false
                        -> nil
The next piece of output: stream is "out" or "err". false when there was none in that time, nil when no more comes: it has closed both
streams, or has ended and all it wrote was read.
  seconds        number|nil        without it, until there is something
Raises: closed process, cancelled.
Blocks: yes.
*/
static int process_read(lua_State *L) {
  Process *p = check_process(L, 1);
  double until = lb_now() + luaL_optnumber(L, 2, 1e9);
  lb_Fd fds[3];
  if (lb_until(until)) lb_wait(L, NULL, 0, 0); /* one that never stops writing keeps nobody else from going on */
  for (;;) {
    int ended = all_read(p);
    long left = lb_until(until);
    if (push_stream(L, p, 0) || push_stream(L, p, 1)) return 2;
    if (ended) return lua_pushnil(L), 1;
    if (!left) return lua_pushboolean(L, 0), 1;
    lb_wait(L, fds, descriptors(p, fds), left);
  }
}

/*
process:wait([seconds]) -> result
                        -> false
Wait for its end; false when it still runs after that time. Read its output first: one that nobody reads may fill up.
result = { status = integer|nil, signal = integer|nil }
Raises: closed process, cancelled.
Blocks: yes.
*/
static int process_wait(lua_State *L) {
  Process *p = check_process(L, 1);
  double until = lb_now() + luaL_optnumber(L, 2, 1e9);
  while (!reap(p, WNOHANG)) {
    lb_Fd fd = {p->pidfd, LB_READ, 0};
    long left = lb_until(until);
    if (!left) return lua_pushboolean(L, 0), 1;
    lb_wait(L, &fd, 1, left);
  }
  lua_createtable(L, 0, 1);
  lua_pushinteger(L, WIFSIGNALED(p->status) ? WTERMSIG(p->status) : WEXITSTATUS(p->status));
  lua_setfield(L, -2, WIFSIGNALED(p->status) ? "signal" : "status");
  return 1;
}

/*
process:signal(name) -> true
Send a signal to the process and those it started in its group; no harm when it has ended.
  name           string            "INT", "TERM" or "KILL"
Raises: closed process.
Blocks: no.
*/
static int process_signal(lua_State *L) {
  static const char *const names[] = {"INT", "TERM", "KILL", NULL};
  static const int numbers[] = {SIGINT, SIGTERM, SIGKILL};
  Process *p = check_process(L, 1);
  int which = luaL_checkoption(L, 2, NULL, names);
  if (!reap(p, WNOHANG)) kill(-p->pid, numbers[which]);
  lua_pushboolean(L, 1);
  return 1;
}

/*
process.ready(processes, seconds) -> {process, ...}
Wait until one of several has something to read or has ended: those that have; an empty table when time is over.
  processes      array             64 at most; ended ones are always ready
  seconds        number
Raises: closed process, cancelled.
Blocks: yes.
*/
static int process_ready(lua_State *L) {
  lb_Fd fds[3 * MANY];
  unsigned first[MANY + 1] = {0};
  double until = lb_now() + luaL_checknumber(L, 2);
  lua_Integer n, found = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  n = (lua_Integer)lua_rawlen(L, 1);
  luaL_argcheck(L, n <= MANY, 1, "more than 64 processes");
  do {
    int ended = 0;
    for (lua_Integer i = 0; i < n; i++) {
      lua_rawgeti(L, 1, i + 1);
      Process *p = check_process(L, -1);
      ended |= reap(p, WNOHANG);
      first[i + 1] = first[i] + descriptors(p, fds + first[i]);
      lua_pop(L, 1);
    }
    lb_wait(L, fds, first[n], ended ? 0 : lb_until(until));
    lua_settop(L, 2);
    lua_newtable(L);
    for (lua_Integer i = 0; i < n; i++) {
      lua_rawgeti(L, 1, i + 1);
      int is_ready = check_process(L, -1)->reaped;
      for (unsigned k = first[i]; k < first[i + 1]; k++) is_ready |= fds[k].revents != 0;
      if (is_ready) lua_rawseti(L, 3, ++found);
      else lua_pop(L, 1);
    }
  } while (found == 0 && until > lb_now());
  return 1;
}

/*
process.id() -> integer
The number of this process.
Blocks: no.  Source: getpid(2).
*/
static int process_id(lua_State *L) {
  lua_pushinteger(L, getpid());
  return 1;
}

static const luaL_Reg methods[] = {{"read", process_read}, {"signal", process_signal}, {"wait", process_wait}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"id", process_id}, {"ready", process_ready}, {"start", process_start}, {NULL, NULL}};

int luaopen_lb_process(lua_State *L);
int luaopen_lb_process(lua_State *L) {
  lb_class(L, PROCESS, methods, process_close);
  process_openstart(L);
  luaL_newlib(L, functions);
  return 1;
}
