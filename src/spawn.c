/* spawn: what a child process is given, and how it is tied to this one; part of module process */

#define _GNU_SOURCE /* pidfd_open, memfd_create, close_range, posix_spawn_file_actions_addchdir_np */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process.h"

#define START "process.start"
#define TIE 100 /* the tie's descriptor in the child: beyond those that shells and scripts use */

extern char **environ;

/* What the child is given; a box, so that nothing leaks when an error is raised. */
typedef struct Start {
  lb_Box box;
  int made; /* actions and attributes are initialised */
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int in, pipes[3][2]; /* of its output, its errors, and the tie */
} Start;

static int start_close(lua_State *L) {
  Start *s = lua_touserdata(L, 1);
  if (!lb_closing(&s->box)) return 0;
  if (s->made) {
    posix_spawn_file_actions_destroy(&s->actions);
    posix_spawnattr_destroy(&s->attributes);
  }
  process_closefd(&s->in);
  for (int i = 0; i < 3; i++) {
    process_closefd(&s->pipes[i][0]);
    process_closefd(&s->pipes[i][1]);
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
It runs in a process group of its own: signals for us do not reach it. It inherits no descriptors but the standard ones. Close it
when done: one that still runs is killed. Should this process die before that, whatever killed it, the group gets a SIGTERM (its
descriptor 100 is for that); what ignores that, or has closed all its descriptors, goes on.
Codes: notfound (no such program or directory), io.
Blocks: no.  Source: posix_spawn(3), close_range(2), pidfd_open(2), fcntl(2) (O_ASYNC, F_SETOWN, F_SETSIG).
*/
int process_start(lua_State *L) {
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
  close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC); /* libcurl's sockets and Lua's files are not; before Linux 5.11 they stay open */
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
    process_shut(p);
    return lb_failerrno(L, failed, "watch %s", argv[0]);
  }
  lua_pushvalue(L, -2);
  return 1;
}

void process_openstart(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, START, none, start_close);
}
