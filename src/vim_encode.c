/* vim_encode: Lua values to a SOAP request, in the order and with the types of the schema, or an error that names the path */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vim_value.h"

#define DEPTH 60 /* data objects in data objects; the API itself stays below 20 */

/* Where in the arguments we are: frames on the C stack, linked upwards. */
typedef struct Path {
  const struct Path *up;
  const char *name;  /* NULL: an element of a list */
  lua_Integer index; /* of the element */
  int depth;
} Path;

typedef struct Out {
  lua_State *L;
  const vim_Method *method;
  char *data; /* userdata at stack index `slot` */
  size_t length, size;
  int slot, version;
  const char *server; /* the version as it was given */
} Out;

/* ---- errors ---- */

static size_t write_path(const Path *path, char *text, size_t size) {
  size_t n;
  int more;
  if (!path) return 0;
  n = write_path(path->up, text, size);
  if (n >= size) return n;
  if (path->name)
    more = snprintf(text + n, size - n, "%s%s", n ? "." : "", path->name);
  else
    more = snprintf(text + n, size - n, "[%lld]", (long long)path->index);
  return n + (size_t)(more > 0 ? more : 0);
}

/* Raise "CreateVM_Task: config.memoryMb: ..." */
static void refuse(Out *out, const Path *path, const char *fmt, ...) __attribute__((format(printf, 3, 4), noreturn));
static void refuse(Out *out, const Path *path, const char *fmt, ...) {
  char where[512] = "", what[512];
  va_list args;
  write_path(path, where, sizeof where);
  va_start(args, fmt);
  vsnprintf(what, sizeof what, fmt, args);
  va_end(args);
  lua_pushfstring(out->L, "%s: %s%s%s", vim_name(out->method), where, *where ? ": " : "", what);
  lua_error(out->L);
  __builtin_unreachable();
}

static void check_version(Out *out, const Path *path, const char *what, const char *name, int version) {
  if (version > out->version)
    refuse(out, path, "%s '%s' needs vSphere API %s, the server has %s", what, name, vim_names + vim_versions[version],
           out->server);
}

static void wrong_type(Out *out, const Path *path, const char *want, int index) {
  const char *kind, *moid;
  const vim_Type *type = vim_datatype(out->L, index);
  const char *got = type ? vim_name(type) : vim_reference(out->L, index, &kind, &moid) ? kind : luaL_typename(out->L, index);
  refuse(out, path, "%s expected, got %s", want, got);
}

/* ---- text ---- */

static void put(Out *out, const char *text, size_t n) {
  if (out->size - out->length < n) {
    size_t size = out->size * 2 > out->length + n ? out->size * 2 : out->length + n;
    char *data = lua_newuserdatauv(out->L, size, 0);
    memcpy(data, out->data, out->length);
    lua_replace(out->L, out->slot);
    out->data = data;
    out->size = size;
  }
  memcpy(out->data + out->length, text, n);
  out->length += n;
}

static void puts_(Out *out, const char *text) { put(out, text, strlen(text)); }

/* Length of the valid UTF-8 character that XML allows at `s` (`n` bytes left), 0 for none.  Source: XML 1.0, 2.2 Char */
static size_t character(const unsigned char *s, size_t n) {
  unsigned long c;
  size_t length = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : *s >= 0xe0 && *s < 0xf0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
  if (!length || length > n) return 0;
  if (length == 1) return *s >= 0x20 || *s == '\t' || *s == '\n' || *s == '\r';
  c = *s & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; i++) {
    if ((s[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (s[i] & 0x3f);
  }
  if (length == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000) || c > 0xfffd)) return 0;
  if (length == 4 && (c < 0x10000 || c > 0x10ffff)) return 0;
  return length;
}

static void put_escaped(Out *out, const Path *path, const char *text, size_t n) {
  size_t done = 0, i = 0;
  while (i < n) {
    const char *escape = NULL;
    size_t length = character((const unsigned char *)text + i, n - i);
    if (!length)
      refuse(out, path, "byte %d (0x%02x) of the string is not text that XML can carry", (int)i + 1, (unsigned char)text[i]);
    switch (text[i]) {
      case '&': escape = "&amp;"; break;
      case '<': escape = "&lt;"; break;
      case '>': escape = "&gt;"; break;
      case '\r': escape = "&#13;"; break;
      default: break;
    }
    if (escape) {
      put(out, text + done, i - done);
      puts_(out, escape);
      done = i + 1;
    }
    i += length;
  }
  put(out, text + done, n - done);
}

static void put_base64(Out *out, const unsigned char *s, size_t n) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < n; i += 3) {
    unsigned long v = (unsigned long)s[i] << 16 | (i + 1 < n ? (unsigned long)s[i + 1] << 8 : 0) | (i + 2 < n ? s[i + 2] : 0);
    char four[4] = {digits[v >> 18], digits[v >> 12 & 63], i + 1 < n ? digits[v >> 6 & 63] : '=', i + 2 < n ? digits[v & 63] : '='};
    put(out, four, 4);
  }
}

/* ---- simple values: the text of the value at `index` ---- */

static void put_integer(Out *out, const Path *path, int index, const vim_Type *type) {
  static const long long limit[] = {[VIM_BYTE] = 0x7f, [VIM_SHORT] = 0x7fff, [VIM_INT] = 0x7fffffff, [VIM_LONG] = 0x7fffffffffffffff};
  char text[32];
  int exact = 0;
  lua_Integer value = lua_type(out->L, index) == LUA_TNUMBER ? lua_tointegerx(out->L, index, &exact) : 0;
  if (lua_type(out->L, index) != LUA_TNUMBER) wrong_type(out, path, vim_name(type), index);
  if (!exact || value > limit[type->kind] || value < -limit[type->kind] - 1)
    refuse(out, path, "%s is not a number an '%s' can hold", luaL_tolstring(out->L, index, NULL), vim_name(type));
  snprintf(text, sizeof text, "%lld", (long long)value);
  puts_(out, text);
}

static void put_float(Out *out, const Path *path, int index, const vim_Type *type) {
  char text[40];
  lua_Number value = lua_tonumber(out->L, index);
  if (lua_type(out->L, index) != LUA_TNUMBER) wrong_type(out, path, vim_name(type), index);
  if (lua_isinteger(out->L, index))
    snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(out->L, index));
  else if (value != value || value - value != 0)
    snprintf(text, sizeof text, "%s", value != value ? "NaN" : value > 0 ? "INF" : "-INF");
  else
    snprintf(text, sizeof text, "%.17g", value);
  puts_(out, text);
}

/* Does `text` look like an XML Schema dateTime? Letters and digits only are compared.  Source: XML Schema 2, 3.2.7 */
static int is_datetime(const char *text) {
  static const char shape[] = "0000-00-00T00:00:00";
  size_t i = 0;
  for (; shape[i]; i++)
    if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i]) return 0;
  if (text[i] == '.') {
    do i++;
    while (text[i] >= '0' && text[i] <= '9');
  }
  if (!text[i] || strcmp(text + i, "Z") == 0) return 1;
  return (text[i] == '+' || text[i] == '-') && strlen(text + i) == 6 && text[i + 3] == ':';
}

static void put_datetime(Out *out, const Path *path, int index) {
  char text[40];
  struct tm tm;
  time_t seconds;
  if (lua_type(out->L, index) == LUA_TSTRING) {
    const char *given = lua_tostring(out->L, index);
    if (!is_datetime(given)) refuse(out, path, "'%s' is not a date such as 2024-01-31T12:00:00Z", given);
    puts_(out, given);
    return;
  }
  if (lua_type(out->L, index) != LUA_TNUMBER) wrong_type(out, path, "date (ISO 8601 or seconds since 1970)", index);
  seconds = (time_t)lua_tonumber(out->L, index);
  if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm)) refuse(out, path, "not a date");
  puts_(out, text);
}

static void put_enum(Out *out, const Path *path, int index, const vim_Type *type) {
  const vim_Field *values = vim_fields + type->first;
  const char *given = lua_tostring(out->L, index);
  if (lua_type(out->L, index) != LUA_TSTRING) wrong_type(out, path, vim_name(type), index);
  for (unsigned i = 0; i < type->count; i++)
    if (strcmp(vim_name(values + i), given) == 0) {
      check_version(out, path, "value", given, values[i].version);
      puts_(out, given);
      return;
    }
  refuse(out, path, "%s has no value '%s'%s", vim_name(type), given, vim_suggest(out->L, values, type->count, given));
}

static void put_simple(Out *out, const Path *path, int index, const vim_Type *type) {
  lua_State *L = out->L;
  const char *text;
  size_t n;
  switch (type->kind) {
    case VIM_STRING: case VIM_BASE64:
      if (lua_type(L, index) != LUA_TSTRING) wrong_type(out, path, vim_name(type), index);
      text = lua_tolstring(L, index, &n);
      if (type->kind == VIM_BASE64) put_base64(out, (const unsigned char *)text, n);
      else put_escaped(out, path, text, n);
      break;
    case VIM_BOOLEAN:
      if (lua_type(L, index) != LUA_TBOOLEAN) wrong_type(out, path, "boolean", index);
      puts_(out, lua_toboolean(L, index) ? "true" : "false");
      break;
    case VIM_FLOAT: case VIM_DOUBLE: put_float(out, path, index, type); break;
    case VIM_DATETIME: put_datetime(out, path, index); break;
    case VIM_ENUM: put_enum(out, path, index, type); break;
    default: put_integer(out, path, index, type); break;
  }
}

/* ---- elements ---- */

static void put_element(Out *out, const Path *path, const char *tag, int index, const vim_Type *type, int flags);

static void open_tag(Out *out, const char *tag, const char *xsi_type, const char *prefix) {
  puts_(out, "<");
  puts_(out, tag);
  if (xsi_type) {
    puts_(out, " xsi:type=\"");
    puts_(out, prefix);
    puts_(out, xsi_type);
    puts_(out, "\"");
  }
}

static void close_tag(Out *out, const char *tag) {
  puts_(out, "</");
  puts_(out, tag);
  puts_(out, ">");
}

static void put_reference(Out *out, const Path *path, const char *tag, int index, const vim_Type *type, int any) {
  const char *kind, *moid;
  const vim_Type *actual;
  char want[160];
  snprintf(want, sizeof want, "%s reference", vim_name(type));
  if (!vim_reference(out->L, index, &kind, &moid)) wrong_type(out, path, want, index);
  actual = vim_findtype(kind);
  if (actual && type->kind == VIM_MANAGED && !vim_derives(actual, type)) refuse(out, path, "%s expected, got %s:%s", want, kind, moid);
  for (const char *s = kind; *s; s++)
    if (strchr("<>&\"", *s)) refuse(out, path, "a reference to a '%s' cannot be", kind);
  open_tag(out, tag, any ? "ManagedObjectReference" : NULL, "");
  puts_(out, " type=\"");
  puts_(out, kind);
  puts_(out, "\">");
  put_escaped(out, path, moid, strlen(moid));
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
    refuse(out, path, "list of %s expected, got %s", vim_name(type),
           vim_datatype(L, index) ? vim_name(vim_datatype(L, index)) : luaL_typename(L, index));
  n = (lua_Integer)lua_rawlen(L, index);
  lua_pushnil(L);
  while (lua_next(L, index)) {
    lua_pop(L, 1);
    if (!lua_isinteger(L, -1))
      refuse(out, path, "list of %s expected, got a table with the key '%s'", vim_name(type), luaL_tolstring(L, -1, NULL));
    keys++;
  }
  if (keys != n) refuse(out, path, "the list has holes");
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
      refuse(out, up, list ? "%s needs at least one '%s' (%s)" : "%s needs '%s' (%s)", owner, vim_name(f),
             vim_name(vim_types + f->type));
    lua_pop(L, 1);
    return;
  }
  check_version(out, up, "field", vim_name(f), f->version);
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
      refuse(out, path, "%s (a table of fields) expected, got a list", vim_name(type));
    name = lua_tostring(L, -1);
    if (!vim_findfield(type, name)) {
      Path field = {path, name, 0, 0};
      refuse(out, &field, "%s has no field '%s'%s", vim_name(type), name, vim_suggestfield(L, type, name));
    }
  }
}

static void put_data(Out *out, const Path *path, const char *tag, int index, const vim_Type *type, int any) {
  lua_State *L = out->L;
  const vim_Type *actual = vim_datatype(L, index);
  const char *kind, *moid;
  if (lua_type(L, index) != LUA_TTABLE || vim_reference(L, index, &kind, &moid)) wrong_type(out, path, vim_name(type), index);
  if (!actual) actual = type;
  if (!vim_derives(actual, type)) wrong_type(out, path, vim_name(type), index);
  if (path->depth > DEPTH) refuse(out, NULL, "the arguments are nested too deeply");
  check_version(out, path, "type", vim_name(actual), actual->version);
  check_fields(out, path, index, actual);
  /* a type with derived ones may be abstract: naming it is always right */
  open_tag(out, tag, any || actual != type || type->derived ? vim_name(actual) : NULL, "");
  puts_(out, ">");
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
    default: refuse(out, path, "a value with a type expected (vim.TypeName { ... }, vim.any or vim.array), got %s", luaL_typename(L, index));
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
    if (!type) refuse(out, &element, "the elements of the list are of different types");
    lua_pop(out->L, 1);
  }
  if (!type) refuse(out, path, "an empty list needs a type: vim.array(type, {})");
  return type;
}

static void put_array(Out *out, const Path *path, const char *tag, int index, const vim_Type *type) {
  char name[128];
  if (path->depth > DEPTH) refuse(out, NULL, "the arguments are nested too deeply");
  vim_arrayname(type, name, sizeof name);
  open_tag(out, tag, name, "");
  puts_(out, ">");
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
    puts_(out, ">");
    put_simple(out, path, index, type);
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
    puts_(out, ">");
    put_simple(out, path, index, type);
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
      refuse(out, NULL, "no parameter '%s'%s", name ? name : "[number]",
             name ? vim_suggest(L, vim_fields + m->first, m->count, name) : "");
  }
}

static void put_call(Out *out, int this, int table) {
  const vim_Method *m = out->method;
  Path self = {NULL, "_this", 0, 1};
  puts_(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
             "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\""
             " xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
             "<soapenv:Body>");
  puts_(out, "<");
  puts_(out, vim_name(m));
  puts_(out, " xmlns=\"");
  puts_(out, vim_namespace);
  puts_(out, "\">");
  put_reference(out, &self, "_this", this, vim_types + m->owner, 0);
  for (unsigned i = 0; i < m->count; i++) put_field(out, NULL, vim_fields + m->first + i, table, vim_name(m));
  close_tag(out, vim_name(m));
  puts_(out, "</soapenv:Body></soapenv:Envelope>\n");
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
  check_version(&out, NULL, "method", name, out.method->version);
  if (!lua_isnil(L, 3)) check_arguments(&out, 3);
  put_call(&out, 2, lua_isnil(L, 3) ? 0 : 3);
  lua_pushlstring(L, out.data, out.length);
  return 1;
}
