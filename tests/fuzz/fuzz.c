/* fuzz: libFuzzer's side of the targets, tests/fuzz/NAME.lua. A target is a function of some bytes; it may refuse them with an error
 * object. An error that is a text is a finding, as is a handle that stays open. The lines of Lua that run count as coverage, too. */

#define _GNU_SOURCE

#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lualib.h>

#include "load.h"

#define COLLECT 512 /* inputs between two looks at the open handles */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lua_State *L;
static unsigned long inputs;
static int kept; /* open handles of the target itself */

/* libFuzzer reads counters of this section as it does its own */
static uint8_t lines[1 << 15] __attribute__((section("__libfuzzer_extra_counters")));
static uintptr_t before; /* the line that ran last */

static void on_line(lua_State *S, lua_Debug *ar) {
  uintptr_t here;
  lua_getinfo(S, "S", ar);
  here = ((uintptr_t)ar->source >> 4) * 31 + (uintptr_t)ar->currentline;
  lines[(here ^ (before << 3)) % sizeof lines]++;
  before = here;
}

__attribute__((noreturn)) static void fail(const char *what) {
  fprintf(stderr, "FINDING: %s\n", what);
  abort();
}

static int traceback(lua_State *S) {
  if (lua_type(S, 1) == LUA_TSTRING) luaL_traceback(S, S, lua_tostring(S, 1), 1);
  return 1;
}

/* exchange(port, bytes, ms) -> string: what a server of the loopback answers to them, until it is silent for so long */
static int exchange(lua_State *S) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)luaL_checkinteger(S, 1))};
  size_t n;
  const char *bytes = luaL_checklstring(S, 2, &n);
  int silence = (int)luaL_checkinteger(S, 3);
  char answer[65536];
  size_t got = 0;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct pollfd ready = {fd, POLLIN, 0};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) fail("the server does not take connections any more");
  if (send(fd, bytes, n, MSG_NOSIGNAL) >= 0) shutdown(fd, SHUT_WR);
  while (got < sizeof answer && poll(&ready, 1, silence) > 0) {
    ssize_t more = recv(fd, answer + got, sizeof answer - got, 0);
    if (more <= 0) break;
    got += (size_t)more;
  }
  close(fd);
  lua_pushlstring(S, answer, got);
  return 1;
}

static int open_handles(void) {
  static const char count[] = "local n = 0 for _, open in pairs(require 'runtime'.live()) do n = n + open end return n";
  int n;
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCCOLLECT);
  if (luaL_dostring(L, count)) fail(lua_tostring(L, -1));
  n = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

/* at exit: what is left is a leak */
static void finish(void) {
  if (open_handles() != kept) fail("a handle stays open");
  lua_close(L);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  const char *target = getenv("FUZZ");
  (void)argc, (void)argv;
  if (!target) fail("FUZZ names no target, a Lua file");
  L = luaL_newstate();
  luaL_openlibs(L);
  lb_openmodules(L);
  lua_register(L, "exchange", exchange);
  lua_pushcfunction(L, traceback);
  if (luaL_loadfile(L, target) || lua_pcall(L, 0, 1, 1)) fail(lua_tostring(L, -1));
  kept = open_handles();
  atexit(finish);
  return 0; /* the stack: traceback, the target */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  before = 0;
  lua_pushvalue(L, 2);
  lua_pushlstring(L, (const char *)data, size);
  lua_sethook(L, on_line, LUA_MASKLINE, 0);
  if (lua_pcall(L, 1, 0, 1) && lua_type(L, -1) == LUA_TSTRING) fail(lua_tostring(L, -1));
  lua_sethook(L, NULL, 0, 0);
  lua_settop(L, 2);
  if (++inputs % COLLECT == 0 && open_handles() != kept) fail("a handle stays open");
  return 0;
}
