/* vim_value: data objects, arrays and references as Lua tables with a type in their metatable */

#include <stdio.h>
#include <string.h>

#include "vim_value.h"

#define DATA "vim.data"   /* registry: type index -> metatable of its data objects */
#define ARRAY "vim.array" /* registry: element type index -> metatable */
#define PLAIN "vim.plain" /* registry: the space of plain references */
#define ANY "vim.any"     /* metatable of vim.any values: { type index, value } */

/* The value on the top as an index of vim_types; NULL for what is none: Lua may have put it there. */
static const vim_Type *type_at_top(lua_State *L) {
  int isnumber;
  lua_Integer i = lua_tointegerx(L, -1, &isnumber);
  return isnumber && i >= 0 && i < vim_ntypes ? &vim_types[i] : NULL;
}

/* Field `key` of the metatable of the value at `index`, as an index of vim_types. */
static const vim_Type *meta_type(lua_State *L, int index, const char *key) {
  const vim_Type *type;
  if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return NULL;
  lua_pushstring(L, key);
  lua_rawget(L, -2);
  type = type_at_top(L);
  lua_pop(L, 2);
  return type;
}

const vim_Type *vim_datatype(lua_State *L, int index) { return meta_type(L, index, "__data"); }

const vim_Type *vim_arraytype(lua_State *L, int index) { return meta_type(L, index, "__array"); }

const vim_Type *vim_anytype(lua_State *L, int index) {
  const vim_Type *type = meta_type(L, index, "__any");
  if (!type) return NULL;
  index = lua_absindex(L, index);
  lua_rawgeti(L, index, 1);
  type = type_at_top(L);
  lua_pop(L, 1);
  if (type) lua_rawgeti(L, index, 2);
  return type;
}

/* ---- data objects ---- */

static void describe_value(lua_State *L, const vim_Field *f) { /* the value on the top becomes "name = value" */
  const vim_Type *type = vim_datatype(L, -1);
  if (f->flags & VIM_SECRET)
    lua_pushliteral(L, "***");
  else if (type)
    lua_pushstring(L, vim_name(type));
  else if (lua_type(L, -1) == LUA_TSTRING)
    lua_pushfstring(L, "\"%s\"", lua_tostring(L, -1));
  else if (f->flags & VIM_LIST)
    lua_pushfstring(L, "[%d]", (int)lua_rawlen(L, -1));
  else
    luaL_tolstring(L, -1, NULL);
  lua_remove(L, -2);
  lua_pushfstring(L, "%s = %s", vim_name(f), lua_tostring(L, -1));
  lua_remove(L, -2);
}

/* Append "name = value" for each field that is set, base types first, to the array at index 2. */
static void list_fields(lua_State *L, const vim_Type *type) {
  const vim_Type *base = vim_base(type);
  if (base) list_fields(L, base);
  for (unsigned i = 0; i < type->count; i++) {
    const vim_Field *f = vim_fields + type->first + i;
    lua_pushstring(L, vim_name(f));
    if (lua_rawget(L, 1) == LUA_TNIL)
      lua_pop(L, 1);
    else {
      describe_value(L, f);
      lua_rawseti(L, 2, (lua_Integer)lua_rawlen(L, 2) + 1);
    }
  }
}

static int data_tostring(lua_State *L) {
  const vim_Type *type = vim_datatype(L, 1);
  luaL_Buffer b;
  lua_Integer n;
  if (!type) return 0;
  lua_settop(L, 1);
  lua_newtable(L);
  list_fields(L, type);
  n = (lua_Integer)lua_rawlen(L, 2);
  luaL_buffinit(L, &b);
  luaL_addstring(&b, vim_name(type));
  luaL_addstring(&b, n ? " { " : " {");
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, 2, i);
    luaL_addvalue(&b);
    luaL_addstring(&b, i < n ? ", " : " ");
  }
  luaL_addstring(&b, "}");
  luaL_pushresult(&b);
  return 1;
}

static int no_field(lua_State *L, const vim_Type *type, int key) {
  const char *near = lua_type(L, key) == LUA_TSTRING ? vim_suggestfield(L, type, lua_tostring(L, key)) : "";
  return luaL_error(L, "%s has no field '%s'%s", vim_name(type), luaL_tolstring(L, key, NULL), near);
}

/* A field that is set for the first time must exist. */
static int data_newindex(lua_State *L) {
  const vim_Type *type = vim_datatype(L, 1);
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
  if (type && !(name && vim_findfield(type, name))) return no_field(L, type, 2);
  lua_rawset(L, 1);
  return 0;
}

/* Push the metatable of `type` from the registry table `cache`: 1, or 0 and nothing when it has none yet. */
static int cached_meta(lua_State *L, const char *cache, const vim_Type *type) {
  lua_getfield(L, LUA_REGISTRYINDEX, cache);
  if (lua_rawgeti(L, -1, vim_index(type)) == LUA_TTABLE) {
    lua_remove(L, -2);
    return 1;
  }
  lua_pop(L, 2);
  return 0;
}

/* Keep the metatable on the top, which is complete but for the type's index under `key`: half of one is never found. */
static void cache_meta(lua_State *L, const char *cache, const vim_Type *type, const char *key) {
  lua_pushinteger(L, vim_index(type));
  lua_setfield(L, -2, key);
  lua_getfield(L, LUA_REGISTRYINDEX, cache);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, vim_index(type));
  lua_pop(L, 1);
}

void vim_setdata(lua_State *L, const vim_Type *type) {
  if (!cached_meta(L, DATA, type)) {
    lua_createtable(L, 0, 4);
    lua_pushstring(L, vim_name(type));
    lua_setfield(L, -2, "__name");
    lua_pushcfunction(L, data_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, data_newindex);
    lua_setfield(L, -2, "__newindex");
    cache_meta(L, DATA, type, "__data");
  }
  lua_setmetatable(L, -2);
}

void vim_setarray(lua_State *L, const vim_Type *element) {
  char name[128];
  if (!cached_meta(L, ARRAY, element)) {
    lua_createtable(L, 0, 2);
    vim_arrayname(element, name, sizeof name);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    cache_meta(L, ARRAY, element, "__array");
  }
  lua_setmetatable(L, -2);
}

/* vim.NAME { ... }: upvalue 1 is the type's index */
int vim_construct(lua_State *L) {
  const vim_Type *type = &vim_types[lua_tointeger(L, lua_upvalueindex(1))];
  if (type->kind == VIM_MANAGED) {
    vim_pushreference(L, 0, vim_name(type), luaL_checkstring(L, 1));
    return 1;
  }
  if (lua_isnone(L, 1)) lua_newtable(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (lua_getmetatable(L, 1) && vim_datatype(L, 1) != type)
    return luaL_error(L, "vim.%s: the table has a type of its own", vim_name(type));
  lua_settop(L, 1);
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    const char *name;
    lua_pop(L, 1);
    name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (!name || !vim_findfield(type, name)) return no_field(L, type, lua_gettop(L));
  }
  vim_setdata(L, type);
  return 1;
}

/* ---- references ---- */

int vim_reference(lua_State *L, int index, const char **kind, const char **moid) {
  int found;
  if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return 0;
  lua_pushliteral(L, "__reference");
  found = lua_rawget(L, -2) != LUA_TNIL;
  lua_pop(L, 2);
  if (!found) return 0;
  index = lua_absindex(L, index);
  lua_pushliteral(L, "kind");
  lua_rawget(L, index);
  lua_pushliteral(L, "moid");
  lua_rawget(L, index);
  found = lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING;
  *kind = lua_tostring(L, -2);
  *moid = lua_tostring(L, -1);
  lua_pop(L, 2);
  return found;
}

static int reference_tostring(lua_State *L) {
  const char *kind, *moid;
  if (!vim_reference(L, 1, &kind, &moid)) return 0;
  lua_pushfstring(L, "%s:%s", kind, moid);
  return 1;
}

static int reference_eq(lua_State *L) {
  const char *kind[2], *moid[2];
  lua_pushboolean(L, vim_reference(L, 1, &kind[0], &moid[0]) && vim_reference(L, 2, &kind[1], &moid[1]) &&
                         strcmp(kind[0], kind[1]) == 0 && strcmp(moid[0], moid[1]) == 0);
  return 1;
}

void vim_pushreference(lua_State *L, int space, const char *kind, const char *moid) {
  if (space)
    lua_pushvalue(L, space);
  else
    lua_getfield(L, LUA_REGISTRYINDEX, PLAIN);
  lua_pushfstring(L, "%s:%s", kind, moid);
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) == LUA_TTABLE) { /* space, key, reference */
    lua_replace(L, -3);
    lua_pop(L, 1);
    return;
  }
  lua_pop(L, 1);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, kind);
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, moid);
  lua_setfield(L, -2, "moid");
  if (lua_getmetatable(L, -3)) { /* space, key, reference, metatable of the space */
    lua_getfield(L, -1, "session");
    lua_setfield(L, -3, "session");
    lua_getfield(L, -1, "object");
    lua_setmetatable(L, -3);
    lua_pop(L, 1);
  }
  lua_insert(L, -3); /* reference, space, key */
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/*
vim.ref(kind, moid) -> reference
The reference to a managed object: two references to the same object are the same value. Its fields `kind` and `moid` are
the arguments; tostring gives "VirtualMachine:vm-12". vim.VirtualMachine("vm-12") is the same.
  kind           string            a managed type's name
  moid           string            the object's id
Blocks: no.
*/
int vim_ref(lua_State *L) {
  const char *kind = luaL_checkstring(L, 1), *moid = luaL_checkstring(L, 2);
  vim_pushreference(L, 0, kind, moid);
  return 1;
}

/* ---- values that need a type of their own ---- */

/*
vim.any(type, value) -> value for an anyType field
A value with an XML Schema type, enum or data type that Lua's own type does not show: vim.any("short", 5).
  type           string            a type's name
  value          any               what the type takes
Raises: an unknown type.  Blocks: no.
*/
int vim_any(lua_State *L) {
  const vim_Type *type = vim_checktype(L, 1);
  luaL_checkany(L, 2);
  lua_createtable(L, 2, 0);
  lua_pushinteger(L, vim_index(type));
  lua_rawseti(L, -2, 1);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, 2);
  luaL_setmetatable(L, ANY);
  return 1;
}

/*
vim.array(type, list) -> list
Make `list` an array of the type, for an anyType field: what the server calls ArrayOfVirtualDevice. Arrays that came from the
server have their type already.
  type           string            the type of the elements
  list           table             is changed: gets a metatable
Raises: an unknown type.  Blocks: no.
*/
int vim_array(lua_State *L) {
  const vim_Type *type = vim_checktype(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  vim_setarray(L, type);
  return 1;
}

/*
vim.typeof(value) -> string|nil
The type's name of a data object ("VirtualDisk") or of what a reference points to ("VirtualMachine"); nil for others.
Blocks: no.
*/
int vim_typeof(lua_State *L) {
  const vim_Type *type = vim_datatype(L, 1);
  const char *kind, *moid;
  if (type)
    lua_pushstring(L, vim_name(type));
  else if (vim_reference(L, 1, &kind, &moid))
    lua_pushstring(L, kind);
  else
    luaL_pushfail(L);
  return 1;
}

/* ---- names that are not there ---- */

#define NAMES 512 /* more fields than any type has with its bases */

static const char *suggestion(lua_State *L, const char *name, const char *const *names) {
  const char *near = lb_nearest(name, names);
  return near ? lua_pushfstring(L, ": did you mean '%s'?", near) : lua_pushliteral(L, "");
}

static const char *type_name(unsigned i) { return vim_name(vim_types + i); }
static const char *method_name(unsigned i) { return vim_name(vim_methods + i); }

/* The suggestion among `n` names, too many for the C stack. */
static const char *suggest_of(lua_State *L, const char *name, const char *(*nth)(unsigned), unsigned n) {
  const char **names = lua_newuserdatauv(L, (n + 1) * sizeof *names, 0);
  for (unsigned i = 0; i < n; i++) names[i] = nth(i);
  names[n] = NULL;
  suggestion(L, name, names);
  lua_remove(L, -2);
  return lua_tostring(L, -1);
}

const char *vim_suggesttype(lua_State *L, const char *name) { return suggest_of(L, name, type_name, vim_ntypes); }

const char *vim_suggestmethod(lua_State *L, const char *name) { return suggest_of(L, name, method_name, vim_nmethods); }

const char *vim_suggestfield(lua_State *L, const vim_Type *type, const char *name) {
  const char *names[NAMES + 1];
  unsigned n = 0;
  for (; type; type = vim_base(type))
    for (unsigned i = 0; i < type->count && n < NAMES; i++) names[n++] = vim_name(vim_fields + type->first + i);
  names[n] = NULL;
  return suggestion(L, name, names);
}

const char *vim_suggest(lua_State *L, const vim_Field *fields, unsigned n, const char *name) {
  const char *names[NAMES + 1];
  if (n > NAMES) n = NAMES;
  for (unsigned i = 0; i < n; i++) names[i] = vim_name(fields + i);
  names[n] = NULL;
  return suggestion(L, name, names);
}

const vim_Type *vim_checktype(lua_State *L, int arg) {
  const char *name = luaL_checkstring(L, arg);
  const vim_Type *type = vim_findtype(name);
  if (!type) luaL_argerror(L, arg, lua_pushfstring(L, "no type '%s'%s", name, vim_suggesttype(L, name)));
  return type;
}

void vim_openvalues(lua_State *L) {
  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, DATA);
  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, ARRAY);
  luaL_newmetatable(L, ANY);
  lua_pushinteger(L, 0);
  lua_setfield(L, -2, "__any");
  lua_pop(L, 1);
  lua_newtable(L);         /* the space of plain references */
  lua_createtable(L, 0, 2); /* its metatable */
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_createtable(L, 0, 4); /* the metatable of its references */
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, "__reference");
  lua_pushcfunction(L, reference_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, reference_eq);
  lua_setfield(L, -2, "__eq");
  lua_pushliteral(L, "vim.reference");
  lua_setfield(L, -2, "__name");
  lua_setfield(L, -2, "object");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, PLAIN);
}
