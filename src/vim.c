/* vim: the typed vSphere API (VIM25): requests and responses as Lua values, checked against the schema */

#include <string.h>

#include "vim_value.h"

/* vim.NAME: a constructor for each data type and managed type, kept in upvalue 1 once it was asked for. */
static int index_(lua_State *L) {
  const char *name = luaL_checkstring(L, 2);
  const vim_Type *type;
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  type = vim_findtype(name);
  if (!type) return luaL_error(L, "vim has no type or function '%s'%s", name, vim_suggesttype(L, name));
  if (type->kind < VIM_DATA) return luaL_error(L, "vim.%s: its values are written as they are, without a constructor", name);
  lua_pushinteger(L, vim_index(type));
  lua_pushcclosure(L, vim_construct, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, -2);
  lua_rawset(L, lua_upvalueindex(1));
  return 1;
}

/*
vim.complete(prefix [, base]) -> {string, ...}
The names of the types with a constructor that start with `prefix`, sorted; for completion. With `base` only that type and those
derived from it; none when it is unknown.
Blocks: no.
*/
static int vim_complete(lua_State *L) {
  size_t n;
  const char *prefix = luaL_checklstring(L, 1, &n), *name = luaL_optstring(L, 2, NULL);
  const vim_Type *base = name ? vim_findtype(name) : NULL;
  lua_Integer count = 0;
  lua_newtable(L);
  for (unsigned i = 0; i < vim_ntypes; i++) {
    if (vim_types[i].kind < VIM_DATA || strncmp(vim_name(vim_types + i), prefix, n) != 0) continue;
    if (name && !(base && vim_derives(vim_types + i, base))) continue;
    lua_pushstring(L, vim_name(vim_types + i));
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/*
vim.types(kind) -> {string, ...}
The names of all types of a kind, sorted: "simple", "enum", "data" or "managed".
Raises: no such kind.  Blocks: no.
*/
static int vim_list(lua_State *L) {
  static const char *const names[] = {"simple", "enum", "data", "managed", NULL};
  static const unsigned char first[] = {0, VIM_ENUM, VIM_DATA, VIM_MANAGED}, last[] = {VIM_ENUM - 1, VIM_ENUM, VIM_DATA, VIM_MANAGED};
  int kind = luaL_checkoption(L, 1, NULL, names);
  lua_Integer count = 0;
  lua_newtable(L);
  for (unsigned i = 0; i < vim_ntypes; i++) {
    if (vim_types[i].kind < first[kind] || vim_types[i].kind > last[kind]) continue;
    lua_pushstring(L, vim_name(vim_types + i));
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static const luaL_Reg functions[] = {
    {"encode", vim_encode},   {"decode", vim_decode},   {"ref", vim_ref},       {"any", vim_any},
    {"array", vim_array},     {"typeof", vim_typeof},   {"mask", vim_mask},     {"type", vim_type},
    {"method", vim_method},   {"members", vim_members}, {"member", vim_member}, {"isa", vim_isa},
    {"complete", vim_complete}, {"field", vim_field},   {"types", vim_list},    {NULL, NULL},
};

int luaopen_lb_vim(lua_State *L);
int luaopen_lb_vim(lua_State *L) {
  vim_openvalues(L);
  vim_opendecode(L);
  luaL_newlib(L, functions);
  lua_pushstring(L, vim_api); /* vim.api: the version that the schema describes */
  lua_setfield(L, -2, "api");
  lua_newtable(L); /* vim.versions: oldest first */
  for (unsigned i = 0; i < vim_nversions; i++) {
    lua_pushstring(L, vim_names + vim_versions[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "versions");
  lua_createtable(L, 0, 1);
  lua_newtable(L);
  lua_pushcclosure(L, index_, 1);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  return 1;
}
