/* load: where require finds things: C modules, the Lua inside the executable, LUABUILD_LUA for development */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embed.h"
#include "load.h"

#define X(name) int luaopen_lb_##name(lua_State *L);
#include "modules.h"
#undef X
int luaopen_cjson_safe(lua_State *L);
int luaopen_cjson(lua_State *L);
int luaopen_lfs(lua_State *L);

static const luaL_Reg modules[] = {
#define X(name) {#name, luaopen_lb_##name},
#include "modules.h"
#undef X
    {"cjson", luaopen_cjson},
    {"cjson.safe", luaopen_cjson_safe},
    {"lfs", luaopen_lfs},
    {NULL, NULL},
};

static const lb_Embedded *find(const char *name) {
  for (const lb_Embedded *e = lb_embedded; e->name; e++)
    if (strcmp(e->name, name) == 0) return e;
  return NULL;
}

/* Load "core/err.lua" from LUABUILD_LUA, or else from the executable: LUA_OK and the chunk, or an error message;
 * -1 and nothing when there is no such file.  [-0, +(0|1), m] */
static int load_file(lua_State *L, const char *file) {
  const char *dir = getenv("LUABUILD_LUA");
  const lb_Embedded *e;
  if (dir && *dir) {
    const char *path = lua_pushfstring(L, "%s/%s", dir, file);
    FILE *probe = fopen(path, "r");
    if (probe) {
      int status;
      fclose(probe);
      status = luaL_loadfilex(L, path, "t");
      lua_remove(L, -2);
      return status;
    }
    lua_pop(L, 1);
  }
  e = find(file);
  if (!e) return -1;
  return luaL_loadbufferx(L, e->code, e->code_size, file, "b"); /* its name, "@core/err.lua", is in it */
}

static int searcher(lua_State *L) {
  const char *name = luaL_gsub(L, luaL_checkstring(L, 1), ".", "/");
  const char *file = lua_pushfstring(L, "%s.lua", name);
  int status = load_file(L, file);
  if (status == -1) {
    lua_pushfstring(L, "no file '%s' inside luabuild", file);
    return 1;
  }
  if (status != LUA_OK) return luaL_error(L, "error loading module '%s':\n\t%s", name, lua_tostring(L, -1));
  lua_pushstring(L, file);
  return 2;
}

/*
load.source(name) -> string
                  -> nil, message, code
The text of a file inside the executable ("core/err.lua", "src/http.c"): help reads contracts from it.
Codes: notfound.
Blocks: no.
*/
static int load_source(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const lb_Embedded *e = find(name);
  if (!e) return lb_fail(L, "notfound", "no file '%s' inside luabuild", name);
  lua_pushlstring(L, e->text, e->size);
  return 1;
}

/*
load.list() -> {string, ...}
The names of the files inside the executable, sorted as they were given to the build.
Blocks: no.
*/
static int load_list(lua_State *L) {
  lua_newtable(L);
  for (const lb_Embedded *e = lb_embedded; e->name; e++) {
    lua_pushstring(L, e->name);
    lua_rawseti(L, -2, (lua_Integer)luaL_len(L, -2) + 1);
  }
  return 1;
}

static const luaL_Reg functions[] = {{"list", load_list}, {"source", load_source}, {NULL, NULL}};

int luaopen_lb_load(lua_State *L);
int luaopen_lb_load(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}

void lb_openmodules(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  luaL_setfuncs(L, modules, 0);
  lua_pop(L, 1);
  lua_getglobal(L, "package");
  lua_createtable(L, 2, 0); /* package.searchers: preload, then ours; nothing from the file system */
  lua_getfield(L, -2, "searchers");
  lua_rawgeti(L, -1, 1);
  lua_rawseti(L, -3, 1);
  lua_pop(L, 1);
  lua_pushcfunction(L, searcher);
  lua_rawseti(L, -2, 2);
  lua_setfield(L, -2, "searchers");
  lua_pop(L, 1);
}
