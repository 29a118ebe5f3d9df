/* vim_out: the text of a request: errors with their path, escaping, the forms of simple values */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "utf8.h"
#include "vim_out.h"

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

void out_refuse(Out *out, const Path *path, const char *fmt, ...) {
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

void out_version(Out *out, const Path *path, const char *what, const char *name, int version) {
  if (version > out->version)
    out_refuse(out, path, "%s '%s' needs vSphere API %s, the server has %s", what, name, vim_names + vim_versions[version],
           out->server);
}

void out_wrongtype(Out *out, const Path *path, const char *want, int index) {
  const char *kind, *moid;
  const vim_Type *type = vim_datatype(out->L, index);
  const char *got = type ? vim_name(type) : vim_reference(out->L, index, &kind, &moid) ? kind : luaL_typename(out->L, index);
  out_refuse(out, path, "%s expected, got %s", want, got);
}

/* ---- text ---- */

void out_put(Out *out, const char *text, size_t n) {
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

void out_puts(Out *out, const char *text) { out_put(out, text, strlen(text)); }

/* Length of the valid UTF-8 character that XML allows at `s` (`n` bytes left), 0 for none.  Source: XML 1.0, 2.2 Char */
static size_t character(const char *s, size_t n) {
  size_t length = utf8_length(s, n);
  unsigned long c = length ? utf8_point(s, length) : 0;
  return (c >= 0x20 && c != 0xfffe && c != 0xffff) || c == '\t' || c == '\n' || c == '\r' ? length : 0;
}

void out_escaped(Out *out, const Path *path, const char *text, size_t n) {
  size_t done = 0, i = 0;
  while (i < n) {
    const char *escape = NULL;
    size_t length = character(text + i, n - i);
    if (!length)
      out_refuse(out, path, "byte %d (0x%02x) of the string is not text that XML can carry", (int)i + 1, (unsigned char)text[i]);
    switch (text[i]) {
      case '&': escape = "&amp;"; break;
      case '<': escape = "&lt;"; break;
      case '>': escape = "&gt;"; break;
      case '\r': escape = "&#13;"; break;
      default: break;
    }
    if (escape) {
      out_put(out, text + done, i - done);
      out_puts(out, escape);
      done = i + 1;
    }
    i += length;
  }
  out_put(out, text + done, n - done);
}

static void put_base64(Out *out, const unsigned char *s, size_t n) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < n; i += 3) {
    unsigned long v = (unsigned long)s[i] << 16 | (i + 1 < n ? (unsigned long)s[i + 1] << 8 : 0) | (i + 2 < n ? s[i + 2] : 0);
    char four[4] = {digits[v >> 18], digits[v >> 12 & 63], i + 1 < n ? digits[v >> 6 & 63] : '=', i + 2 < n ? digits[v & 63] : '='};
    out_put(out, four, 4);
  }
}

/* ---- simple values: the text of the value at `index` ---- */

static void put_integer(Out *out, const Path *path, int index, const vim_Type *type) {
  static const long long limit[] = {[VIM_BYTE] = 0x7f, [VIM_SHORT] = 0x7fff, [VIM_INT] = 0x7fffffff, [VIM_LONG] = 0x7fffffffffffffff};
  char text[32];
  int exact = 0;
  lua_Integer value = lua_type(out->L, index) == LUA_TNUMBER ? lua_tointegerx(out->L, index, &exact) : 0;
  if (lua_type(out->L, index) != LUA_TNUMBER) out_wrongtype(out, path, vim_name(type), index);
  if (!exact || value > limit[type->kind] || value < -limit[type->kind] - 1)
    out_refuse(out, path, "%s is not a number an '%s' can hold", luaL_tolstring(out->L, index, NULL), vim_name(type));
  snprintf(text, sizeof text, "%lld", (long long)value);
  out_puts(out, text);
}

static void put_float(Out *out, const Path *path, int index, const vim_Type *type) {
  char text[40];
  lua_Number value = lua_tonumber(out->L, index);
  if (lua_type(out->L, index) != LUA_TNUMBER) out_wrongtype(out, path, vim_name(type), index);
  if (lua_isinteger(out->L, index))
    snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(out->L, index));
  else if (value != value || value - value != 0)
    snprintf(text, sizeof text, "%s", value != value ? "NaN" : value > 0 ? "INF" : "-INF");
  else
    snprintf(text, sizeof text, "%.17g", value);
  out_puts(out, text);
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

#define FIRST -62135596800 /* 0001-01-01T00:00:00Z */
#define LAST 253402300799  /* 9999-12-31T23:59:59Z */

static void put_datetime(Out *out, const Path *path, int index) {
  lua_Number given;
  char text[40];
  struct tm tm;
  time_t seconds;
  if (lua_type(out->L, index) == LUA_TSTRING) {
    const char *date = lua_tostring(out->L, index);
    if (!is_datetime(date)) out_refuse(out, path, "'%s' is not a date such as 2024-01-31T12:00:00Z", date);
    out_puts(out, date);
    return;
  }
  if (lua_type(out->L, index) != LUA_TNUMBER) out_wrongtype(out, path, "date (ISO 8601 or seconds since 1970)", index);
  given = lua_tonumber(out->L, index);
  if (!(given >= FIRST && given <= LAST)) out_refuse(out, path, "not a date of the years 1 to 9999");
  seconds = (time_t)given;
  if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm)) out_refuse(out, path, "not a date");
  out_puts(out, text);
}

static void put_enum(Out *out, const Path *path, int index, const vim_Type *type) {
  const vim_Field *values = vim_fields + type->first;
  const char *given = lua_tostring(out->L, index);
  if (lua_type(out->L, index) != LUA_TSTRING) out_wrongtype(out, path, vim_name(type), index);
  for (unsigned i = 0; i < type->count; i++)
    if (strcmp(vim_name(values + i), given) == 0) {
      out_version(out, path, "value", given, values[i].version);
      out_puts(out, given);
      return;
    }
  out_refuse(out, path, "%s has no value '%s'%s", vim_name(type), given, vim_suggest(out->L, values, type->count, given));
}

void out_simple(Out *out, const Path *path, int index, const vim_Type *type) {
  lua_State *L = out->L;
  const char *text;
  size_t n;
  switch (type->kind) {
    case VIM_STRING: case VIM_BASE64:
      if (lua_type(L, index) != LUA_TSTRING) out_wrongtype(out, path, vim_name(type), index);
      text = lua_tolstring(L, index, &n);
      if (type->kind == VIM_BASE64) put_base64(out, (const unsigned char *)text, n);
      else out_escaped(out, path, text, n);
      break;
    case VIM_BOOLEAN:
      if (lua_type(L, index) != LUA_TBOOLEAN) out_wrongtype(out, path, "boolean", index);
      out_puts(out, lua_toboolean(L, index) ? "true" : "false");
      break;
    case VIM_FLOAT: case VIM_DOUBLE: put_float(out, path, index, type); break;
    case VIM_DATETIME: put_datetime(out, path, index); break;
    case VIM_ENUM: put_enum(out, path, index, type); break;
    case VIM_BYTE: case VIM_SHORT: case VIM_INT: case VIM_LONG: put_integer(out, path, index, type); break;
    default: out_refuse(out, path, "'%s' is no type of a single value", vim_name(type));
  }
}
