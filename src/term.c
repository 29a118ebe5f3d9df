/* term: what the terminal is and how large, how much of it a text takes, and a secret asked for on it */

#define _XOPEN_SOURCE 700 /* wcwidth */

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "lb.h"
#include "utf8.h"

#define HIDDEN "term.hidden" /* a terminal that does not echo */
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
    lua_pop(L, 1);
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
  locale_t own = unicode(L), before;
  luaL_Buffer out;
  int full = 0;
  char *to = luaL_buffinitsize(L, &out, n);
  before = own ? uselocale(own) : (locale_t)0; /* nothing raises until it is given back */
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

/* ---- a secret ---- */

typedef struct Hidden {
  lb_Box box;
  int fd;
  int ended; /* the line: by a newline, which is shown */
  struct termios before;
} Hidden;

static int hidden_close(lua_State *L) {
  Hidden *h = lua_touserdata(L, 1);
  if (!lb_closing(&h->box)) return 0;
  if (!h->ended && write(h->fd, "\n", 1) < 0) errno = 0; /* what is said next stands on a line of its own */
  tcsetattr(h->fd, TCSAFLUSH, &h->before); /* what was typed and not read is forgotten */
  close(h->fd);
  return 0;
}

/* The terminal without echo, but for the newline, as a value to be closed. [-0, +1, v]; NULL: errno says why, nothing is open */
static Hidden *hide(lua_State *L) {
  Hidden *h = lb_newbox(L, sizeof *h, HIDDEN);
  struct termios quiet;
  int saved, fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return NULL;
  if (tcgetattr(fd, &h->before) == 0) {
    quiet = h->before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    quiet.c_lflag |= ECHONL | ICANON;
    if (tcsetattr(fd, TCSAFLUSH, &quiet) == 0) {
      h->fd = fd;
      lb_opened(&h->box);
      return h;
    }
  }
  saved = errno;
  close(fd);
  errno = saved;
  return NULL;
}

/*
term.secret(prompt) -> string
                    -> nil, message, "io"
Ask for a line on the controlling terminal, which does not show what is typed. It comes without its newline.
  prompt         string            ends as the caller likes: "password: "
Codes: io (no terminal; the end of the input instead of a line).
Raises: cancelled (Ctrl-C); the terminal shows again what is typed, from the beginning of a line.
Blocks: yes.  Source: termios(3), tty(4).
*/
static int term_secret(lua_State *L) {
  size_t n;
  const char *prompt = luaL_checklstring(L, 1, &n);
  char line[4096]; /* the longest line of a terminal in canonical mode */
  ssize_t got;
  Hidden *h = hide(L);
  if (!h) return lb_failerrno(L, errno, "ask on the terminal");
  lua_toclose(L, -1);
  if (write(h->fd, prompt, n) < 0) return lb_failerrno(L, errno, "ask on the terminal");
  do {
    lb_Fd fd = {.fd = h->fd, .events = LB_READ};
    while (lb_wait(L, &fd, 1, -1) == 0) continue;
    got = read(h->fd, line, sizeof line);
  } while (got < 0 && (errno == EINTR || errno == EAGAIN));
  if (got <= 0) return lb_fail(L, "io", "nothing was typed");
  if ((h->ended = line[got - 1] == '\n')) got--;
  lua_pushlstring(L, line, (size_t)got);
  return 1;
}

static const luaL_Reg functions[] = {{"cut", term_cut}, {"is_tty", term_is_tty}, {"secret", term_secret}, {"width", term_width}, {NULL, NULL}};

int luaopen_lb_term(lua_State *L);
int luaopen_lb_term(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, HIDDEN, none, hidden_close);
  lb_class(L, LOCALE, none, locale_close);
  luaL_newlib(L, functions);
  return 1;
}
