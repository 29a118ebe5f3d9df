/* term: what the terminal is and how large, and how much of it a text takes */

#define _XOPEN_SOURCE 700 /* wcwidth */

#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "lb.h"
#include "utf8.h"

#define LOCALE "term.locale" /* registry: the box of the locale that knows how wide characters are */

/*
term.is_tty(fd) -> boolean
Is the descriptor a terminal?
  fd             integer           0 input, 1 output, 2 errors
Blocks: no.  Source: isatty(3).
*/
static int term_is_tty(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

/*
term.width() -> integer, integer|nil
             -> nil
Columns and rows of the terminal on standard output; nil when that is none, or does not say.
Blocks: no.  Source: tty_ioctl(4), TIOCGWINSZ.
*/
static int term_width(lua_State *L) {
  struct winsize size;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, size.ws_col);
  if (size.ws_row > 0)
    lua_pushinteger(L, size.ws_row);
  else
    lua_pushnil(L);
  return 2;
}

/* ---- columns of text ---- */

typedef struct Locale {
  lb_Box box;
  locale_t locale;
} Locale;

static int locale_close(lua_State *L) {
  Locale *l = lua_touserdata(L, 1);
  if (l->locale) freelocale(l->locale);
  l->locale = (locale_t)0;
  return 0;
}

/* Whatever the user's locale is: what is shown is UTF-8. */
static locale_t unicode(lua_State *L) {
  Locale *l;
  if (lua_getfield(L, LUA_REGISTRYINDEX, LOCALE ".box") == LUA_TNIL) {
    l = lb_newbox(L, sizeof *l, LOCALE); /* not counted as live: it belongs to the state */
    l->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    lua_setfield(L, LUA_REGISTRYINDEX, LOCALE ".box");
  } else {
    l = lua_touserdata(L, -1);
    lua_pop(L, 1);
  }
  return l->locale;
}

/* The length of the escape sequence that begins the `n` bytes at `s`, 0 when none does: ESC [ parameters final (ECMA-48, 5.4). */
static size_t sequence(const char *s, size_t n) {
  size_t i = 2;
  if (n < 3 || s[0] != '\033' || s[1] != '[') return 0;
  while (i < n && s[i] >= 0x20 && s[i] <= 0x3f) i++;
  return i < n && s[i] >= 0x40 && s[i] <= 0x7e ? i + 1 : 0;
}

/* How many columns the character takes that begins the `n` bytes at `s`, and its length; a byte that begins none counts as one. */
static int columns_of(const char *s, size_t n, size_t *length) {
  size_t len = utf8_length(s, n);
  int width = len ? wcwidth((wchar_t)utf8_point(s, len)) : 1;
  *length = len ? len : 1;
  return width < 0 ? 1 : width;
}

/*
term.cut(text, columns) -> string, integer
As much of a text as fits into so many columns, and how many it takes. Escape sequences (ESC [ … letter) take none and are all
kept; wide characters take two, combining ones none.
  columns        integer           0 or more
Blocks: no.  Source: wcwidth(3) in the locale C.UTF-8.
*/
static int term_cut(lua_State *L) {
  size_t n, used, length;
  const char *s = luaL_checklstring(L, 1, &n);
  lua_Integer room = luaL_checkinteger(L, 2), taken = 0;
  locale_t own = unicode(L), before = own ? uselocale(own) : (locale_t)0;
  luaL_Buffer out;
  int full = 0;
  char *to = luaL_buffinitsize(L, &out, n);
  for (used = 0; n > 0; s += length, n -= length) {
    int width = 0;
    length = sequence(s, n);
    if (!length) {
      width = columns_of(s, n, &length);
      full = full || taken + width > room;
      if (full) continue;
    }
    memcpy(to + used, s, length);
    used += length;
    taken += width;
  }
  if (own) uselocale(before);
  luaL_pushresultsize(&out, used);
  lua_pushinteger(L, taken);
  return 2;
}

static const luaL_Reg functions[] = {{"cut", term_cut}, {"is_tty", term_is_tty}, {"width", term_width}, {NULL, NULL}};

int luaopen_lb_term(lua_State *L);
int luaopen_lb_term(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, LOCALE, none, locale_close);
  luaL_newlib(L, functions);
  return 1;
}
