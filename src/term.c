/* term: what the terminal is and how wide */

#include <sys/ioctl.h>
#include <unistd.h>

#include "lb.h"

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
term.width() -> integer|nil
Columns of the terminal on standard output; nil when that is none.
Blocks: no.  Source: tty_ioctl(4), TIOCGWINSZ.
*/
static int term_width(lua_State *L) {
  struct winsize size;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    lua_pushinteger(L, size.ws_col);
  else
    lua_pushnil(L);
  return 1;
}

static const luaL_Reg functions[] = {{"is_tty", term_is_tty}, {"width", term_width}, {NULL, NULL}};

int luaopen_lb_term(lua_State *L);
int luaopen_lb_term(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
