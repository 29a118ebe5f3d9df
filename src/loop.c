/* loop: after a signal, the end of Lua that waits for nothing */

#include <signal.h>

#include <lualib.h>

#include "wait.h"

#define STRIDE 1000 /* Lua instructions from one look to the next after a signal */
#define LOOKS 1000  /* looks after which Lua that waits for nothing is taken for a loop; and */
#define LOOP 1.0    /* seconds after which it is, where it calls what takes its time */

static volatile double rung_at;         /* when a wait was last told to end */
static volatile sig_atomic_t looks;     /* of the hook since then */
static lua_State *volatile main_state;  /* hooks are for one thread each: these, */
static lua_State *volatile running;     /* and this one, a coroutine; NULL outside of any */

/* All Lua but a loop gets to its next wait, which raises: an error between two instructions anywhere would lose what a call has
   just made before anybody can note that it is to be undone. */
static void hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  looks = looks + 1;
  if (signal_received() && looks < LOOKS && lb_now() - rung_at < LOOP) return;
  signal_calm(L); /* also when the signal was acknowledged meanwhile */
  lb_checkcancel(L);
}

/* One that is counted already goes on: its count would begin again. */
static void hook_thread(lua_State *L) {
  if (L && lua_gethook(L) != hook) lua_sethook(L, hook, LUA_MASKCOUNT, STRIDE);
}

void signal_hurry(void) {
  rung_at = lb_now();
  looks = 0;
  hook_thread(main_state);
  hook_thread(running);
}

void signal_calm(lua_State *L) { lua_sethook(L, NULL, 0, 0); }

/* ---- coroutines ---- */

/* Call the function below its `n` arguments, which resumes the coroutine; all its results, or its error.  [-(n+1), +m, v] */
static int resume(lua_State *L, lua_State *co, int n) {
  lua_State *before = running;
  int base = lua_gettop(L) - n, status;
  if (signal_received()) hook_thread(co);
  running = co;
  status = lua_pcall(L, n, LUA_MULTRET, 0);
  running = before;
  if (status != LUA_OK) return lua_error(L);
  if (signal_received()) hook_thread(L); /* it may have come while the other ran */
  return lua_gettop(L) - base + 1;
}

/* coroutine.resume; upvalue 1: the one of Lua's own. */
static int loop_resume(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTHREAD);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  return resume(L, lua_tothread(L, 2), lua_gettop(L) - 1);
}

/* A function of coroutine.wrap; upvalues: the one of Lua's own, its coroutine. */
static int loop_wrapped(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  return resume(L, lua_tothread(L, lua_upvalueindex(2)), lua_gettop(L) - 1);
}

/* coroutine.wrap; upvalue 1: the one of Lua's own, whose functions have their coroutine in their first upvalue. */
static int loop_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  if (!lua_getupvalue(L, 1, 1)) return 1;
  lua_pushcclosure(L, loop_wrapped, 2);
  return 1;
}

void signal_watch(lua_State *L) {
  static const luaL_Reg ours[] = {{"resume", loop_resume}, {"wrap", loop_wrap}, {NULL, NULL}};
  int known = main_state != NULL;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  main_state = lua_tothread(L, -1);
  lua_pop(L, 1);
  if (known || lua_getglobal(L, LUA_COLIBNAME) != LUA_TTABLE) return;
  for (const luaL_Reg *f = ours; f->name; f++) {
    lua_getfield(L, -1, f->name);
    lua_pushcclosure(L, f->func, 1);
    lua_setfield(L, -2, f->name);
  }
  lua_pop(L, 1);
}

void signal_unwatch(void) { main_state = running = NULL; }
