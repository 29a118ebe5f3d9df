/* process: child processes: started without a shell, read while they run, never left behind */

#define _GNU_SOURCE /* pidfd_open, memfd_create, posix_spawn_file_actions_addchdir_np */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lb.h"

#define PROCESS "process.process"
#define CHUNK 16384
#define MANY 64 /* processes in one process.ready */
#define TIE 100 /* the tie's descriptor in the child: beyond those that shells and scripts use */

extern char **environ;

typedef struct Process {
  lb_Box box;
  pid_t pid;
  int pidfd;  /* readable when it has ended */
  int out[2]; /* its standard output and errors, -1 when they have ended */
  int tie[2]; /* a pipe that carries nothing: when this process dies, its breaking is a signal for the group */
  int reaped;
  int status; /* as from waitpid, once reaped */
} Process;

static Process *check_process(lua_State *L, int arg) { return lb_checkbox(L, arg, PROCESS); }

/* ---- life cycle ---- */

static void close_fd(int *fd) {
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

static void shut(Process *p) {
  if (!lb_closing(&p->box)) return;
  if (!p->reaped) {
    kill(-p->pid, SIGKILL);
    reap(p, 0);
  }
  fcntl(p->tie[0], F_SETFL, 0); /* what an ended process has left running is let go */
  close_fd(&p->pidfd);
  for (int i = 0; i < 2; i++) {
    close_fd(&p->out[i]);
    close_fd(&p->tie[i]);
  }
}

/*
process:close() -> nothing
Kill the process and those it started in its group, if it still runs, and forget it. Safe to call again.
Blocks: no (a killed process ends at once).
*/
static int process_close(lua_State *L) {
  shut(lua_touserdata(L, 1));
  return 0;
}

/* ---- starting ---- */

/* What the child is given; a box, so that nothing leaks when an error is raised. */
typedef struct Start {
  lb_Box box;
  int made; /* actions and attributes are initialised */
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int in, pipes[3][2]; /* of its output, its errors, and the tie */
} Start;
#define START "process.start"

static int start_close(lua_State *L) {
  Start *s = lua_touserdata(L, 1);
  if (!lb_closing(&s->box)) return 0;
  if (s->made) {
    posix_spawn_file_actions_destroy(&s->actions);
    posix_spawnattr_destroy(&s->attributes);
  }
  close_fd(&s->in);
  for (int i = 0; i < 3; i++) {
    close_fd(&s->pipes[i][0]);
    close_fd(&s->pipes[i][1]);
  }
  return 0;
}

/* The string at `index`, if it is one that a program can be given: without a zero byte; or NULL.  [-0, +0, -] */
static const char *plain_string(lua_State *L, int index) {
  const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : NULL;
  return text && strlen(text) == lua_rawlen(L, index) ? text : NULL;
}

/* Push the array at `arg` as a NULL-ended vector; its strings stay alive in the table.  [-0, +1, v] */
static char **push_command(lua_State *L, int arg) {
  lua_Integer n = (lua_Integer)lua_rawlen(L, arg);
  char **argv = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *argv, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, arg, i);
    argv[i - 1] = (char *)plain_string(L, -1);
    if (!argv[i - 1]) luaL_error(L, "bad option 'command' (word %d is no string without zero bytes)", (int)i);
    lua_pop(L, 1);
  }
  argv[n] = NULL;
  return argv;
}

static int named(const char *entry, const char *name) {
  size_t n = strlen(name);
  return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

/* Push our environment with the variables of the table at `arg` in it.  [-0, +2, v] */
static char **push_environment(lua_State *L, int arg) {
  size_t n = 0, extra = 0;
  char **envp;
  while (environ[n]) n++;
  lua_newtable(L); /* keeps the new entries alive */
  if (lua_istable(L, arg)) {
    for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) extra++;
  }
  envp = lua_newuserdatauv(L, (n + extra + 1) * sizeof *envp, 0);
  for (size_t i = 0; i <= n; i++) envp[i] = environ[i];
  if (!lua_istable(L, arg)) return envp;
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    size_t at = 0;
    const char *name = plain_string(L, -2), *value = plain_string(L, -1);
    if (!name || !*name || strchr(name, '=') || !value) luaL_error(L, "bad option 'env' (names, and strings without zero bytes expected)");
    while (envp[at] && !named(envp[at], name)) at++;
    if (!envp[at]) envp[at + 1] = NULL;
    envp[at] = (char *)lua_pushfstring(L, "%s=%s", name, value);
    lua_rawsetp(L, -5, envp[at]);
  }
  return envp;
}

/* Standard input: the bytes, in memory, so that nobody has to feed them; /dev/null without. -1 and errno on failure. */
static int input_of(const char *bytes, size_t n) {
  int fd = bytes ? memfd_create("stdin", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
  while (fd >= 0 && n > 0) {
    ssize_t wrote = write(fd, bytes, n);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      close(fd);
      return -1;
    }
    bytes += wrote, n -= (size_t)wrote;
  }
  if (fd >= 0 && bytes) lseek(fd, 0, SEEK_SET);
  return fd;
}

/* Its own group, so that a Ctrl-C at the terminal reaches it only through us; our signal handling is not inherited.
 * 0, or an errno. */
static int prepare(Start *s, const char *directory) {
  sigset_t none, ours;
  int failed = posix_spawn_file_actions_init(&s->actions);
  if (failed) return failed;
  if ((failed = posix_spawnattr_init(&s->attributes))) {
    posix_spawn_file_actions_destroy(&s->actions);
    return failed;
  }
  s->made = 1;
  sigemptyset(&none);
  sigfillset(&ours);
  posix_spawnattr_setflags(&s->attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&s->attributes, &none);
  posix_spawnattr_setsigdefault(&s->attributes, &ours);
  if (directory) failed = posix_spawn_file_actions_addchdir_np(&s->actions, directory);
  if (!failed) failed = posix_spawn_file_actions_adddup2(&s->actions, s->in, 0);
  if (!failed) failed = posix_spawn_file_actions_adddup2(&s->actions, s->pipes[0][1], 1);
  if (!failed) failed = posix_spawn_file_actions_adddup2(&s->actions, s->pipes[1][1], 2);
  /* last: any of those above may have that number here */
  return failed ? failed : posix_spawn_file_actions_adddup2(&s->actions, s->pipes[2][0], TIE);
}

/* The kernel signals the whole group when the tie's other end, which is ours alone, goes with us; no code of ours need live
 * for that, so a SIGKILL does not get in between. A child that has ended already has no group: that is no failure. */
static void tie(Process *p, int ends[2]) {
  for (int i = 0; i < 2; i++) {
    p->tie[i] = ends[i];
    ends[i] = -1;
  }
  fcntl(p->tie[0], F_SETSIG, SIGTERM);
  fcntl(p->tie[0], F_SETOWN, -p->pid);
  fcntl(p->tie[0], F_SETFL, O_ASYNC);
}

/*
process.start(options) -> process
                       -> nil, message, code
Start a program, found along PATH, without a shell.
  options.command   {string, ...}      the program and its arguments
  options.env       {name = value}|nil added to our environment
  options.directory string|nil         where it runs
  options.stdin     string|nil         its standard input; nothing by default
It runs in a process group of its own: signals for us do not reach it. Close it when done: one that still runs is killed. Should
this process die before that, whatever killed it, the group gets a SIGTERM (its descriptor 100 is for that).
Codes: notfound (no such program or directory), io.
Blocks: no.  Source: posix_spawn(3), pidfd_open(2), fcntl(2) (O_ASYNC, F_SETOWN, F_SETSIG).
*/
static int process_start(lua_State *L) {
  static const char *const keys[] = {"command", "directory", "env", "stdin", NULL};
  const char *directory, *input;
  char **argv, **envp;
  size_t n;
  Process *p;
  Start *s;
  int failed;
  lua_settop(L, 1);
  luaL_checktype(L, 1, LUA_TTABLE);
  lb_checkkeys(L, 1, keys);
  if (lua_getfield(L, 1, "command") != LUA_TTABLE || lua_rawlen(L, 2) == 0) luaL_argerror(L, 1, "option 'command' must be a list");
  argv = push_command(L, 2);            /* 3 */
  lua_getfield(L, 1, "env");            /* 4 */
  envp = push_environment(L, 4);        /* 5, 6 */
  directory = lb_optstring(L, 1, "directory", NULL, NULL);
  input = lb_optstring(L, 1, "stdin", NULL, &n);
  p = lb_newbox(L, sizeof *p, PROCESS);
  p->pidfd = p->out[0] = p->out[1] = p->tie[0] = p->tie[1] = -1;
  s = lb_newbox(L, sizeof *s, START);
  memset(s->pipes, -1, sizeof s->pipes);
  s->in = -1;
  lb_opened(&s->box);
  lua_toclose(L, -1);
  s->in = input_of(input, input ? n : 0);
  if (s->in < 0 || pipe2(s->pipes[0], O_CLOEXEC) < 0 || pipe2(s->pipes[1], O_CLOEXEC) < 0 || pipe2(s->pipes[2], O_CLOEXEC) < 0)
    return lb_failerrno(L, errno, "start %s", argv[0]);
  failed = prepare(s, directory);
  if (!failed) failed = posix_spawnp(&p->pid, argv[0], &s->actions, &s->attributes, argv, envp);
  if (failed) return lb_failerrno(L, failed, "start %s", argv[0]);
  lb_opened(&p->box);
  for (int i = 0; i < 2; i++) {
    p->out[i] = s->pipes[i][0];
    s->pipes[i][0] = -1;
    fcntl(p->out[i], F_SETFL, O_NONBLOCK);
  }
  tie(p, s->pipes[2]);
  p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
  if (p->pidfd < 0) {
    failed = errno;
    shut(p);
    return lb_failerrno(L, failed, "watch %s", argv[0]);
  }
  lua_pushvalue(L, -2);
  return 1;
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
  if (n == 0) close_fd(&p->out[i]);
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
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, PROCESS, methods, process_close);
  lb_class(L, START, none, start_close);
  luaL_newlib(L, functions);
  return 1;
}
