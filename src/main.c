/* main: make the state, hand the arguments to lua/init.lua, turn its answer into the exit status */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <lualib.h>

#include "load.h"

/* What a parent may have left to us. In the place of a standard stream that is closed the next file would be opened, and get what is
 * printed: something else stands there that fails as it did. Where SIGCHLD is ignored, nobody learns how a child has ended. A file
 * beyond a limit (ulimit -f) is an error like a full disk: nothing would be cleaned up after a death by SIGXFSZ. */
static void start_clean(void) {
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  signal(SIGCHLD, SIG_DFL);
  signal(SIGXFSZ, SIG_IGN);
}

/* The list of processes is public: a value in --var NAME=VALUE is not shown there. */
static void hide_values(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *text = strncmp(argv[i], "--var=", 6) == 0 ? argv[i] + 6 : strcmp(argv[i - 1], "--var") == 0 ? argv[i] : NULL;
    char *value = text ? strchr(text, '=') : NULL;
    while (value && *++value) *value = '*';
  }
}

/* A core file would have passwords in it: there is none, but with LUABUILD_CORE set. A limit of 1 byte, since for 0 a program that
 * core_pattern names is run all the same: core(5), fs/coredump.c. */
static void leave_no_core(void) {
  const char *wanted = getenv("LUABUILD_CORE");
  struct rlimit limit;
  if ((wanted && *wanted) || getrlimit(RLIMIT_CORE, &limit) < 0) return;
  if (limit.rlim_max > 0) limit.rlim_cur = 1;
  setrlimit(RLIMIT_CORE, &limit);
}

/* Did all that was printed arrive? The reader of a pipe who has seen enough is not told, but a full disk is. */
static int output_lost(void) {
  struct pollfd out = {STDOUT_FILENO, POLLOUT, 0};
  int failed = ferror(stdout); /* why is forgotten by now */
  errno = 0;
  if (fflush(stdout) == 0 && !failed) return 0;
  if (poll(&out, 1, 0) < 1 || !(out.revents & POLLERR))
    fprintf(stderr, "luabuild: the output could not be written%s%s\n", failed ? "" : ": ", failed ? "; is the disk full?" : strerror(errno));
  return 1;
}

static int traceback(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING) luaL_traceback(L, L, lua_tostring(L, 1), 1);
  return 1;
}

/* pmain(argc, argv) -> exit status */
static int pmain(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  lua_createtable(L, argc, 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, 3, i);
  }
  hide_values(argc, argv); /* before anything that takes time */
  luaL_openlibs(L);
  lb_openmodules(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "init");
  lua_call(L, 1, 1); /* the program's main function */
  lua_insert(L, 3);
  lua_call(L, 1, 1);
  return 1;
}

int main(int argc, char **argv) {
  lua_State *L = luaL_newstate();
  int status = EXIT_FAILURE;
  if (!L) {
    fputs("luabuild: not enough memory\n", stderr);
    return status;
  }
  start_clean();
  leave_no_core();
  lua_pushcfunction(L, traceback);
  lua_pushcfunction(L, pmain);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  if (lua_pcall(L, 2, 1, 1) == LUA_OK)
    status = (int)lua_tointeger(L, -1);
  else
    fprintf(stderr, "luabuild: %s\n", luaL_tolstring(L, -1, NULL));
  lua_close(L);
  return output_lost() && status == EXIT_SUCCESS ? EXIT_FAILURE : status;
}
