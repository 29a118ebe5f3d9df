/* runtime: handle classes, failures and option tables shared by the C modules */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lb.h"
#include "utf8.h"
#include "version.h" /* made by the Makefile: LB_VERSION */

#define CLASSES "lb.classes" /* registry: type name -> userdata with the live count */
#define ERRORMETA "lb.error" /* metatable of error objects; core/err.lua fills it */

const char lb_program[] = "luabuild/" LB_VERSION;

/* ---- boxes ---- */

void lb_class(lua_State *L, const char *type, const luaL_Reg *methods, lua_CFunction close) {
  long *live;
  lua_createtable(L, 0, 5); /* metatable: named last, so that half a class is never found */
  lua_pushstring(L, type);
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__close");
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "close");
  lua_setfield(L, -2, "__index");
  live = lua_newuserdatauv(L, sizeof *live, 0);
  *live = 0;
  luaL_getsubtable(L, LUA_REGISTRYINDEX, CLASSES);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, type);
  lua_pop(L, 1);
  lua_setfield(L, -2, "live");
  lua_setfield(L, LUA_REGISTRYINDEX, type);
}

void *lb_newbox(lua_State *L, size_t size, const char *type) {
  lb_Box *box = lua_newuserdatauv(L, size, 1);
  memset(box, 0, size);
  luaL_getmetatable(L, type);
  lua_getfield(L, -1, "live");
  box->live = lua_touserdata(L, -1);
  lua_pop(L, 1);
  lua_setmetatable(L, -2);
  return box;
}

void *lb_checkbox(lua_State *L, int arg, const char *type) {
  lb_Box *box = luaL_checkudata(L, arg, type);
  if (!box->open) luaL_argerror(L, arg, lua_pushfstring(L, "closed %s", type));
  return box;
}

void lb_opened(lb_Box *box) {
  box->open = 1;
  ++*box->live;
}

int lb_closing(lb_Box *box) {
  if (!box->open) return 0;
  box->open = 0;
  --*box->live;
  return 1;
}

void lb_setparent(lua_State *L, int child, int parent) {
  child = lua_absindex(L, child);
  lua_pushvalue(L, parent);
  lua_setiuservalue(L, child, 1);
}

/* ---- failures ---- */

/* What servers and files say must not talk to the terminal, and is UTF-8 in logs and events: a '?' for each byte of a control
 * character, and for what is none of a character. */
static void make_plain(char *text, size_t n) {
  for (size_t at = 0, length; at < n; at += length) {
    unsigned long point;
    length = utf8_length(text + at, n - at);
    point = length ? utf8_point(text + at, length) : 0;
    if (!length) length = 1;
    if ((point < ' ' && point != '\n' && point != '\t') || (point >= 127 && point < 160)) memset(text + at, '?', length);
  }
}

static int fail(lua_State *L, const char *code, const char *fmt, va_list args, const char *tail) {
  char message[1024];
  int n = vsnprintf(message, sizeof message, fmt, args);
  if (n < 0) n = 0;
  luaL_pushfail(L);
  if ((size_t)n >= sizeof message) n = (int)sizeof message - 1;
  make_plain(message, (size_t)n);
  lua_pushlstring(L, message, (size_t)n);
  if (tail) {
    lua_pushfstring(L, "%s: %s", lua_tostring(L, -1), tail);
    lua_remove(L, -2);
  }
  lua_pushstring(L, code);
  return 3;
}

int lb_fail(lua_State *L, const char *code, const char *fmt, ...) {
  va_list args;
  int n;
  va_start(args, fmt);
  n = fail(L, code, fmt, args, NULL);
  va_end(args);
  return n;
}

int lb_failerrno(lua_State *L, int saved, const char *fmt, ...) {
  const char *code = saved == ENOENT ? "notfound" : saved == EEXIST ? "exists" : "io";
  va_list args;
  int n;
  va_start(args, fmt);
  n = fail(L, code, fmt, args, strerror(saved));
  va_end(args);
  return n;
}

void lb_pusherror(lua_State *L, const char *code, const char *message) {
  lua_createtable(L, 0, 2);
  lua_pushstring(L, code);
  lua_setfield(L, -2, "code");
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  luaL_newmetatable(L, ERRORMETA);
  lua_setmetatable(L, -2);
}

/* ---- option tables ---- */

#define NAMEMAX 64

static int same(char a, char b) { return (a | 32) == (b | 32); }

static int smallest(int a, int b, int c) { return a < b ? (a < c ? a : c) : b < c ? b : c; }

/* Letters to change, add, remove or swap with the next; names longer than NAMEMAX count as far. */
static int distance(const char *a, const char *b) {
  int rows[3][NAMEMAX + 1], n = (int)strnlen(a, NAMEMAX + 1), m = (int)strnlen(b, NAMEMAX + 1);
  if (n > NAMEMAX || m > NAMEMAX) return NAMEMAX;
  for (int j = 0; j <= m; j++) rows[0][j] = j;
  for (int i = 1; i <= n; i++) {
    int *row = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
    row[0] = i;
    for (int j = 1; j <= m; j++) {
      row[j] = smallest(above[j - 1] + !same(a[i - 1], b[j - 1]), above[j] + 1, row[j - 1] + 1);
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]) && before[j - 2] + 1 < row[j]) row[j] = before[j - 2] + 1;
    }
  }
  return rows[n % 3][m];
}

const char *lb_nearest(const char *name, const char *const *names) {
  const char *best = NULL;
  int limit = ((int)strnlen(name, NAMEMAX) + 1) / 3; /* one of 2 to 4 letters, two of 5 to 7 */
  for (; *names; names++) {
    int d = distance(name, *names);
    if (d <= limit) {
      limit = d - 1;
      best = *names;
    }
  }
  return best;
}

static int known_key(const char *key, const char *const *known) {
  for (; *known; known++)
    if (strcmp(key, *known) == 0) return 1;
  return 0;
}

void lb_checkkeys(lua_State *L, int arg, const char *const *known) {
  if (lua_isnoneornil(L, arg)) return;
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_argerror(L, arg, "option names must be strings");
    const char *key = lua_tostring(L, -1);
    if (!known_key(key, known)) {
      const char *near = lb_nearest(key, known);
      luaL_argerror(L, arg, near ? lua_pushfstring(L, "unknown option '%s': did you mean '%s'?", key, near)
                                 : lua_pushfstring(L, "unknown option '%s'", key));
    }
  }
}

/* Push field `key` of option table `arg`: returns its type, LUA_TNIL when absent. */
static int field(lua_State *L, int arg, const char *key) {
  if (lua_istable(L, arg)) return lua_getfield(L, arg, key);
  lua_pushnil(L);
  return LUA_TNIL;
}

static int bad_option(lua_State *L, int arg, const char *key, const char *want) {
  return luaL_argerror(L, arg, lua_pushfstring(L, "bad option '%s' (%s expected, got %s)", key, want, luaL_typename(L, -1)));
}

const char *lb_optstring(lua_State *L, int arg, const char *key, const char *def, size_t *len) {
  int type = field(L, arg, key);
  if (type == LUA_TNIL) {
    if (len) *len = def ? strlen(def) : 0;
    return def;
  }
  if (type != LUA_TSTRING) bad_option(L, arg, key, "string");
  return lua_tolstring(L, -1, len);
}

lua_Integer lb_optinteger(lua_State *L, int arg, const char *key, lua_Integer def) {
  int isnum;
  lua_Integer value;
  if (field(L, arg, key) == LUA_TNIL) {
    lua_pop(L, 1);
    return def;
  }
  value = lua_tointegerx(L, -1, &isnum);
  if (!isnum) bad_option(L, arg, key, "integer");
  lua_pop(L, 1);
  return value;
}

lua_Number lb_optnumber(lua_State *L, int arg, const char *key, lua_Number def) {
  int isnum;
  lua_Number value;
  if (field(L, arg, key) == LUA_TNIL) {
    lua_pop(L, 1);
    return def;
  }
  value = lua_tonumberx(L, -1, &isnum);
  if (!isnum) bad_option(L, arg, key, "number");
  lua_pop(L, 1);
  return value;
}

int lb_optboolean(lua_State *L, int arg, const char *key, int def) {
  int type = field(L, arg, key), value = lua_toboolean(L, -1);
  if (type != LUA_TNIL && type != LUA_TBOOLEAN) bad_option(L, arg, key, "boolean");
  lua_pop(L, 1);
  return type == LUA_TNIL ? def : value;
}

int lb_optfunction(lua_State *L, int arg, const char *key) {
  int type = field(L, arg, key);
  if (type != LUA_TNIL && type != LUA_TFUNCTION) bad_option(L, arg, key, "function");
  return type == LUA_TNIL ? 0 : lua_gettop(L);
}

/* ---- progress ---- */

#define INTERVAL 0.5 /* seconds between two reports */

lb_Progress lb_progress(int listener) { return (lb_Progress){listener, lb_now() + INTERVAL}; }

void lb_report(lua_State *L, lb_Progress *progress, lua_Integer done, lua_Integer total, int last) {
  double now;
  if (!progress->listener || lua_isnoneornil(L, progress->listener)) return;
  now = lb_now();
  if (!last && now < progress->next) return;
  progress->next = now + INTERVAL;
  lua_pushvalue(L, progress->listener);
  lua_pushinteger(L, done);
  lua_pushinteger(L, total);
  lua_call(L, 2, 0);
}

/* ---- module ---- */

/*
runtime.live() -> table
Count the open handles of every class, for tests: a table from class name ("ssh.session") to a count above zero.
Blocks: no.
*/
static int runtime_live(lua_State *L) {
  lua_newtable(L); /* result */
  luaL_getsubtable(L, LUA_REGISTRYINDEX, CLASSES);
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    long *live = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (*live) {
      lua_pushvalue(L, -1);
      lua_pushinteger(L, *live);
      lua_settable(L, -5);
    }
  }
  lua_pop(L, 1);
  return 1;
}

/*
runtime.nearest(name, names) -> string|nil
The name in the array `names` (strings, 1024 at most are looked at) nearest to `name` by edit distance, or nil when none is near.
Blocks: no.
*/
static int runtime_nearest(lua_State *L) {
  const char *list[1025];
  const char *name = luaL_checkstring(L, 1), *near;
  lua_Integer n, count = 0;
  luaL_checktype(L, 2, LUA_TTABLE);
  n = luaL_len(L, 2);
  for (lua_Integer i = 1; i <= n && count < 1024; i++) {
    if (lua_rawgeti(L, 2, i) == LUA_TSTRING) list[count++] = lua_tostring(L, -1);
    lua_pop(L, 1); /* the table keeps the string alive */
  }
  list[count] = NULL;
  near = lb_nearest(name, list);
  lua_pushstring(L, near);
  return 1;
}

static const luaL_Reg functions[] = {
    {"live", runtime_live},
    {"nearest", runtime_nearest},
    {NULL, NULL},
};

int luaopen_lb_runtime(lua_State *L);
int luaopen_lb_runtime(lua_State *L) {
  luaL_newlib(L, functions);
  lua_pushliteral(L, LB_VERSION);
  lua_setfield(L, -2, "version");
  luaL_newmetatable(L, ERRORMETA);
  lua_setfield(L, -2, "errormeta");
  return 1;
}
