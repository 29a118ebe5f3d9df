/* memerr: an allocator for Lua that fails at its n-th request; oom_test.lua makes it a shared object */

#include <stddef.h>

#include <lua.h>
#include <lauxlib.h>

static lua_Alloc real;
static void *real_data;
static long count, fails; /* requests so far, and which one fails */

/* Lua collects and asks once more after a failure: that one fails too. */
static void *failing(void *data, void *block, size_t old, size_t size) {
  (void)data;
  if (size > (block ? old : 0) && (++count == fails || count == fails + 1)) return NULL;
  return real(real_data, block, old, size);
}

/* memerr(n, f) -> reached, message: call f with the n-th request failing; an error of f is a message */
static int run(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  int status;
  lua_settop(L, 2);
  count = 0;
  fails = (long)n;
  real = lua_getallocf(L, &real_data);
  lua_setallocf(L, failing, NULL);
  status = lua_pcall(L, 0, 0, 0);
  lua_setallocf(L, real, real_data);
  lua_pushboolean(L, count >= fails);
  if (status == LUA_OK) return 1;
  luaL_tolstring(L, 2, NULL);
  return 2;
}

int luaopen_memerr(lua_State *L);
int luaopen_memerr(lua_State *L) {
  lua_pushcfunction(L, run);
  return 1;
}
