/* vim_describe: types, methods and properties of the API as Lua tables, for help, completion and the object model */

#include <string.h>

#include "vim_value.h"

static const char *const kinds[] = {"simple", "simple", "simple", "simple", "simple", "simple", "simple", "simple",
                                    "simple", "simple", "simple", "simple", "enum", "data", "managed"};

static void set_string(lua_State *L, const char *key, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static void set_true(lua_State *L, const char *key, int flag) {
  if (!flag) return;
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, key);
}

/* { type, list, optional, secret, reference } */
static void push_kind(lua_State *L, unsigned type, int flags) {
  lua_createtable(L, 0, 6);
  set_string(L, "type", vim_name(vim_types + type));
  set_true(L, "list", flags & VIM_LIST);
  set_true(L, "optional", flags & VIM_OPTIONAL);
  set_true(L, "secret", flags & VIM_SECRET);
  set_true(L, "reference", flags & VIM_REF);
}

static void push_field(lua_State *L, const vim_Field *f) {
  push_kind(L, f->type, f->flags);
  set_string(L, "name", vim_name(f));
  set_string(L, "version", vim_names + vim_versions[f->version]);
}

static void append(lua_State *L) { lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1); }

/* Append the fields of the type to the array on the top, those of its bases first. */
static void append_fields(lua_State *L, const vim_Type *type) {
  const vim_Type *base = vim_base(type);
  if (base) append_fields(L, base);
  for (unsigned i = 0; i < type->count; i++) {
    push_field(L, vim_fields + type->first + i);
    set_string(L, "owner", vim_name(type));
    append(L);
  }
}

static void append_values(lua_State *L, const vim_Type *type) {
  for (unsigned i = 0; i < type->count; i++) {
    lua_pushstring(L, vim_name(vim_fields + type->first + i));
    append(L);
  }
}

static void push_method(lua_State *L, const vim_Method *m) {
  lua_createtable(L, 0, 7);
  set_string(L, "name", vim_name(m));
  set_string(L, "owner", vim_name(vim_types + m->owner));
  set_string(L, "version", vim_names + vim_versions[m->version]);
  lua_createtable(L, m->count, 0);
  for (unsigned i = 0; i < m->count; i++) {
    push_field(L, vim_fields + m->first + i);
    append(L);
  }
  lua_setfield(L, -2, "params");
  if (m->result != VIM_NONE) {
    push_kind(L, m->result, m->result_flags);
    lua_setfield(L, -2, "result");
  }
  if (m->task != VIM_NONE) {
    push_kind(L, m->task, m->task_flags);
    lua_setfield(L, -2, "task");
  }
  lua_createtable(L, m->faults, 0);
  for (unsigned i = 0; i < m->faults; i++) {
    lua_pushstring(L, vim_name(vim_types + vim_faults[m->fault + i]));
    append(L);
  }
  lua_setfield(L, -2, "faults");
}

/*
vim.type(name) -> description
               -> nil, message, "notfound"
What a type is: { name, kind = "simple"|"enum"|"data"|"managed", base = string|nil, version, fields = {field, ...} }, for an
enum `values` instead of fields. Fields (properties, for a managed type) come in the order of the schema, those of the
base types first: { name, type, owner, version, list, optional, secret, reference = true|nil }.
Codes: notfound.  Blocks: no.
*/
int vim_type(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const vim_Type *type = vim_findtype(name);
  if (!type) return lb_fail(L, "notfound", "no type '%s'%s", name, vim_suggesttype(L, name));
  lua_createtable(L, 0, 6);
  set_string(L, "name", vim_name(type));
  set_string(L, "kind", kinds[type->kind]);
  set_string(L, "version", vim_names + vim_versions[type->version]);
  if (type->base != VIM_NONE) set_string(L, "base", vim_name(vim_base(type)));
  if (type->kind < VIM_ENUM) return 1;
  lua_newtable(L);
  if (type->kind == VIM_ENUM) append_values(L, type);
  else append_fields(L, type);
  lua_setfield(L, -2, type->kind == VIM_ENUM ? "values" : "fields");
  return 1;
}

/*
vim.field(type, name) -> field|nil
One field of a data type or property of a managed type, or of its bases, as vim.type describes it (without `owner`), quickly. nil for
an unknown type.
Blocks: no.
*/
int vim_field(lua_State *L) {
  const vim_Type *type = vim_findtype(luaL_checkstring(L, 1));
  const char *name = luaL_checkstring(L, 2);
  const vim_Field *f = type && type->kind >= VIM_DATA ? vim_findfield(type, name) : NULL;
  if (f) push_field(L, f);
  else luaL_pushfail(L);
  return 1;
}

/*
vim.method(name) -> description
                 -> nil, message, "notfound"
What a method is: { name, owner, version, params = {field, ...}, result = field|nil, task = field|nil, faults = {string, ...} };
`task` is what the task it returns has as its result. Method names are unique over all managed types.
Codes: notfound.  Blocks: no.
*/
int vim_method(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const vim_Method *m = vim_findmethod(name);
  if (!m) return lb_fail(L, "notfound", "no method '%s'%s", name, vim_suggestmethod(L, name));
  push_method(L, m);
  return 1;
}

/*
vim.members(kind) -> { properties = {field, ...}, methods = {string, ...} }
                  -> nil, message, "notfound"
Properties and method names of a managed type, those of its base types first.
Codes: notfound.  Blocks: no.
*/
int vim_members(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const vim_Type *type = vim_findtype(name), *chain[32];
  int n = 0;
  if (!type || type->kind != VIM_MANAGED) return lb_fail(L, "notfound", "no managed type '%s'", name);
  lua_createtable(L, 0, 2);
  lua_newtable(L);
  append_fields(L, type);
  lua_setfield(L, -2, "properties");
  lua_newtable(L);
  for (; type && n < 32; type = vim_base(type)) chain[n++] = type;
  while (n--)
    for (unsigned i = 0; i < chain[n]->methods; i++) {
      lua_pushstring(L, vim_name(vim_methods + chain[n]->method + i));
      append(L);
    }
  lua_setfield(L, -2, "methods");
  return 1;
}

/*
vim.member(kind, name) -> "property"|"method"|nil
What `name` is in a managed type, quickly. nil for an unknown type.
Blocks: no.
*/
int vim_member(lua_State *L) {
  const vim_Type *type = vim_findtype(luaL_checkstring(L, 1));
  const char *name = luaL_checkstring(L, 2);
  const vim_Method *m;
  if (!type || type->kind != VIM_MANAGED) luaL_pushfail(L);
  else if (vim_findfield(type, name)) lua_pushliteral(L, "property");
  else if ((m = vim_findmethod(name)) && vim_derives(type, vim_types + m->owner)) lua_pushliteral(L, "method");
  else luaL_pushfail(L);
  return 1;
}

/*
vim.isa(type, base) -> boolean
Is the type `base`, or derived from it? False when one of the names is unknown.
Blocks: no.
*/
int vim_isa(lua_State *L) {
  const vim_Type *type = vim_findtype(luaL_checkstring(L, 1)), *base = vim_findtype(luaL_checkstring(L, 2));
  lua_pushboolean(L, type && base && vim_derives(type, base));
  return 1;
}
