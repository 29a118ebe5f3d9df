/* vim_encode: Lua values to a SOAP request, in the order and with the types of the schema, or an error that names the path */

#include <stdio.h>
#include <string.h>

#include "vim_out.h"

#define DEPTH 60 /* data objects in data objects; the API itself stays below 20 */

/* ---- elements ---- */

static void put_element(Out *out, const Path *path, const char *tag, int index, const vim_Type *type, int flags);

static void open_tag(Out *out, const char *tag, const char *xsi_type, const char *prefix) {
  out_puts(out, "<");
  out_puts(out, tag);
  if (xsi_type) {
    out_puts(out, " xsi:type=\"");
    out_puts(out, prefix);
    out_puts(out, xsi_type);
    out_puts(out, "\"");
  }
}

static void close_tag(Out *out, const char *tag) {
  out_puts(out, "</");
  out_puts(out, tag);
  out_puts(out, ">");
}

static void put_reference(Out *out, const Path *path, const char *tag, int index, const vim_Type *type, int any) {
  const char *kind, *moid;
  const vim_Type *actual;
  char want[160];
  snprintf(want, sizeof want, "%s reference", vim_name(type));
  if (!vim_reference(out->L, index, &kind, &moid)) out_wrongtype(out, path, want, index);
  actual = vim_findtype(kind);
  if (actual && type->kind == VIM_MANAGED && !vim_derives(actual, type)) out_refuse(out, path, "%s expected, got %s:%s", want, kind, moid);
  for (const char *s = kind; *s; s++)
    if (strchr("<>&\"", *s)) out_refuse(out, path, "a reference to a '%s' cannot be", kind);
  open_tag(out, tag, any ? "ManagedObjectReference" : NULL, "");
  out_puts(out, " type=\"");
  out_puts(out, kind);
  out_puts(out, "\">");
  out_escaped(out, path, moid, strlen(moid));
  close_tag(out, tag);
}

static int is_empty(lua_State *L, int table) {
  lua_pushnil(L);
  if (!lua_next(L, table)) return 1;
  lua_pop(L, 2);
  return 0;
}

/* The elements of a list: one `tag` each. */
static void put_list(Out *out, const Path *path, const char *tag, int index, const vim_Type *type, int flags) {
  lua_State *L = out->L;
  const char *kind, *moid;
  lua_Integer n, keys = 0;
  if (lua_type(L, index) != LUA_TTABLE || vim_datatype(L, index) || vim_reference(L, index, &kind, &moid))
    out_refuse(out, path, "list of %s expected, got %s", vim_name(type),
           vim_datatype(L, index) ? vim_name(vim_datatype(L, index)) : luaL_typename(L, index));
  n = (lua_Integer)lua_rawlen(L, index);
  lua_pushnil(L);
  while (lua_next(L, index)) {
    lua_pop(L, 1);
    if (!lua_isinteger(L, -1))
      out_refuse(out, path, "list of %s expected, got a table with the key '%s'", vim_name(type), luaL_tolstring(L, -1, NULL));
    keys++;
  }
  if (keys != n) out_refuse(out, path, "the list has holes");
  for (lua_Integer i = 1; i <= n; i++) {
    Path element = {path, NULL, i, path->depth + 1};
    lua_rawgeti(L, index, i);
    put_element(out, &element, tag, lua_gettop(L), type, flags & ~VIM_LIST);
    lua_pop(L, 1);
  }
}

static void put_field(Out *out, const Path *up, const vim_Field *f, int table, const char *owner) {
  Path path = {up, vim_name(f), 0, up ? up->depth + 1 : 1};
  lua_State *L = out->L;
  int type = LUA_TNIL, list = f->flags & VIM_LIST;
  if (table) {
    lua_pushstring(L, vim_name(f));
    type = lua_rawget(L, table);
  } else
    lua_pushnil(L);
  if (type == LUA_TNIL || (list && type == LUA_TTABLE && is_empty(L, lua_gettop(L)))) {
    if (!(f->flags & VIM_OPTIONAL) && f->version <= out->version)
      out_refuse(out, up, list ? "%s needs at least one '%s' (%s)" : "%s needs '%s' (%s)", owner, vim_name(f),
             vim_name(vim_types + f->type));
    lua_pop(L, 1);
    return;
  }
  out_version(out, up, "field", vim_name(f), f->version);
  if (list) put_list(out, &path, vim_name(f), lua_gettop(L), vim_types + f->type, f->flags);
  else put_element(out, &path, vim_name(f), lua_gettop(L), vim_types + f->type, f->flags);
  lua_pop(L, 1);
}

static void put_fields(Out *out, const Path *path, int table, const vim_Type *type, const char *owner) {
  const vim_Type *base = vim_base(type);
  if (base) put_fields(out, path, table, base, owner);
  for (unsigned i = 0; i < type->count; i++) put_field(out, path, vim_fields + type->first + i, table, owner);
}

static void check_fields(Out *out, const Path *path, int table, const vim_Type *type) {
  lua_State *L = out->L;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    const char *name;
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      out_refuse(out, path, "%s (a table of fields) expected, got a list", vim_name(type));
    name = lua_tostring(L, -1);
    if (!vim_findfield(type, name)) {
      Path field = {path, name, 0, 0};
      out_refuse(out, &field, "%s has no field '%s'%s", vim_name(type), name, vim_suggestfield(L, type, name));
    }
  }
}

static void put_data(Out *out, const Path *path, const char *tag, int index, const vim_Type *type, int any) {
  lua_State *L = out->L;
  const vim_Type *actual = vim_datatype(L, index);
  const char *kind, *moid;
  if (lua_type(L, index) != LUA_TTABLE || vim_reference(L, index, &kind, &moid)) out_wrongtype(out, path, vim_name(type), index);
  if (!actual) actual = type;
  if (!vim_derives(actual, type)) out_wrongtype(out, path, vim_name(type), index);
  if (path->depth > DEPTH) out_refuse(out, NULL, "the arguments are nested too deeply");
  out_version(out, path, "type", vim_name(actual), actual->version);
  check_fields(out, path, index, actual);
  /* a type with derived ones may be abstract: naming it is always right */
  open_tag(out, tag, any || actual != type || type->derived ? vim_name(actual) : NULL, "");
  out_puts(out, ">");
  put_fields(out, path, index, actual, vim_name(actual));
  close_tag(out, tag);
}

/* ---- anyType: the value shows its type ---- */

static const vim_Type *common_base(const vim_Type *a, const vim_Type *b) {
  while (a && !vim_derives(b, a)) a = vim_base(a);
  return a;
}

static const vim_Type *type_of(Out *out, const Path *path, int index) {
  lua_State *L = out->L;
  const vim_Type *type = vim_datatype(L, index);
  const char *kind, *moid;
  if (type) return type;
  if (vim_reference(L, index, &kind, &moid)) return vim_findtype("ManagedObjectReference");
  switch (lua_type(L, index)) {
    case LUA_TSTRING: return vim_findtype("string");
    case LUA_TBOOLEAN: return vim_findtype("boolean");
    case LUA_TNUMBER:
      if (!lua_isinteger(L, index)) return vim_findtype("double");
      return vim_findtype(lua_tointeger(L, index) == (int)lua_tointeger(L, index) ? "int" : "long");
    default: out_refuse(out, path, "a value with a type expected (vim.TypeName { ... }, vim.any or vim.array), got %s", luaL_typename(L, index));
  }
}

/* The type of the elements of a list without one: their nearest common base. */
static const vim_Type *elements_type(Out *out, const Path *path, int index) {
  const vim_Type *type = NULL;
  lua_Integer n = (lua_Integer)lua_rawlen(out->L, index);
  for (lua_Integer i = 1; i <= n; i++) {
    Path element = {path, NULL, i, 0};
    const vim_Type *next;
    lua_rawgeti(out->L, index, i);
    next = type_of(out, &element, lua_gettop(out->L));
    if (type && type->kind == VIM_INT && next->kind == VIM_LONG) type = next;
    else if (!(type && type->kind == VIM_LONG && next->kind == VIM_INT)) type = type ? common_base(type, next) : next;
    if (!type) out_refuse(out, &element, "the elements of the list are of different types");
    lua_pop(out->L, 1);
  }
  if (!type) out_refuse(out, path, "an empty list needs a type: vim.array(type, {})");
  return type;
}

static void put_array(Out *out, const Path *path, const char *tag, int index, const vim_Type *type) {
  char name[128];
  if (path->depth > DEPTH) out_refuse(out, NULL, "the arguments are nested too deeply");
  vim_arrayname(type, name, sizeof name);
  open_tag(out, tag, name, "");
  out_puts(out, ">");
  put_list(out, path, vim_name(type), index, type, type->kind == VIM_MANAGED ? VIM_REF : 0);
  close_tag(out, tag);
}

static void put_any(Out *out, const Path *path, const char *tag, int index) {
  lua_State *L = out->L;
  const vim_Type *type = vim_anytype(L, index);
  const char *kind, *moid;
  int isvalue = type != NULL; /* its value is on the top */
  if (isvalue) index = lua_gettop(L);
  else if (vim_arraytype(L, index)) {
    put_array(out, path, tag, index, vim_arraytype(L, index));
    return;
  } else if (lua_type(L, index) == LUA_TTABLE && !vim_datatype(L, index) && !vim_reference(L, index, &kind, &moid) &&
             (lua_rawlen(L, index) || is_empty(L, index))) {
    put_array(out, path, tag, index, elements_type(out, path, index));
    return;
  } else
    type = type_of(out, path, index);
  if (type->kind == VIM_DATA) put_data(out, path, tag, index, type, 1);
  else if (type->kind == VIM_REFERENCE || type->kind == VIM_MANAGED) put_reference(out, path, tag, index, type, 1);
  else {
    open_tag(out, tag, vim_name(type), type->kind == VIM_ENUM ? "" : "xsd:");
    out_puts(out, ">");
    out_simple(out, path, index, type);
    close_tag(out, tag);
  }
  if (isvalue) lua_pop(L, 1);
}

static void put_element(Out *out, const Path *path, const char *tag, int index, const vim_Type *type, int flags) {
  luaL_checkstack(out->L, 20, "too many nested values");
  if (flags & VIM_REF || type->kind == VIM_REFERENCE) put_reference(out, path, tag, index, type, 0);
  else if (type->kind == VIM_ANY) put_any(out, path, tag, index);
  else if (type->kind == VIM_DATA) put_data(out, path, tag, index, type, 0);
  else {
    open_tag(out, tag, NULL, NULL);
    out_puts(out, ">");
    out_simple(out, path, index, type);
    close_tag(out, tag);
  }
}

/* ---- the envelope ---- */

static void check_arguments(Out *out, int table) {
  const vim_Method *m = out->method;
  lua_State *L = out->L;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    const char *name;
    unsigned i = 0;
    lua_pop(L, 1);
    name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    while (name && i < m->count && strcmp(vim_name(vim_fields + m->first + i), name) != 0) i++;
    if (!name || i == m->count)
      out_refuse(out, NULL, "no parameter '%s'%s", name ? name : "[number]",
             name ? vim_suggest(L, vim_fields + m->first, m->count, name) : "");
  }
}

static void put_call(Out *out, int this, int table) {
  const vim_Method *m = out->method;
  Path self = {NULL, "_this", 0, 1};
  out_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
             "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\""
             " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
             "<soapenv:Body>");
  out_puts(out, "<");
  out_puts(out, vim_name(m));
  out_puts(out, " xmlns=\"");
  out_puts(out, vim_namespace);
  out_puts(out, "\">");
  put_reference(out, &self, "_this", this, vim_types + m->owner, 0);
  for (unsigned i = 0; i < m->count; i++) put_field(out, NULL, vim_fields + m->first + i, table, vim_name(m));
  close_tag(out, vim_name(m));
  out_puts(out, "</soapenv:Body></soapenv:Envelope>\n");
}

/*
vim.encode(method, this, args, version) -> string
The SOAP 1.1 envelope of a call: exact order, xsi:type where it is needed, everything checked before anything is sent.
  method         string            a method's name ("CreateVM_Task")
  this           reference         the object it is called on
  args           table = {}        parameters by name; nested data objects as plain tables of fields where the declared type
                                   is meant, else vim.TypeName { ... }; lists as arrays; dates as ISO 8601 or seconds since
                                   1970; base64Binary as bytes; an anyType takes a value that shows its type
  version        string = vim.api  the API version that the server speaks
Raises: a string "CreateVM_Task: config.memoryMb: ..." for an unknown method or name (with the nearest), a wrong type, a
missing required field, text that XML cannot carry, and anything newer than `version`.
Blocks: no.  Source: vim25.md, "In a message"; SOAP 1.1, 4.
*/
int vim_encode(lua_State *L) {
  Out out = {.L = L};
  const char *name = luaL_checkstring(L, 1), *kind, *moid;
  const char *version = luaL_optstring(L, 4, vim_api);
  out.method = vim_findmethod(name);
  if (!out.method) return luaL_argerror(L, 1, lua_pushfstring(L, "no method '%s'%s", name, vim_suggestmethod(L, name)));
  luaL_argexpected(L, vim_reference(L, 2, &kind, &moid), 2, "reference");
  if (!lua_isnoneornil(L, 3)) luaL_checktype(L, 3, LUA_TTABLE);
  out.server = version;
  out.version = vim_findversion(version);
  luaL_argcheck(L, out.version >= 0, 4, "not an API version");
  lua_settop(L, 4);
  out.size = 2048;
  out.data = lua_newuserdatauv(L, out.size, 0);
  out.slot = 5;
  out_version(&out, NULL, "method", name, out.method->version);
  if (!lua_isnil(L, 3)) check_arguments(&out, 3);
  put_call(&out, 2, lua_isnil(L, 3) ? 0 : 3);
  lua_pushlstring(L, out.data, out.length);
  return 1;
}
