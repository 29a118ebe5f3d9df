/* tar: what a tar archive of regular files consists of besides their bytes, for streams that a program elsewhere unpacks */

#include <string.h>
#include <time.h>

#include "lb.h"
#include "tar_header.h"

#define SIZE_LIMIT ((lua_Integer)1 << 50) /* bytes of a file */

/*
tar.header(name, size [, options]) -> string
                                   -> nil, message, code
What stands before a file's bytes, which are followed by tar.padding(size).
  name             string             of the file, 1000 bytes at most
  size             integer            bytes of its content
  options.mode     integer = 0644     permissions, 0 to 07777
  options.mtime    integer = now      seconds since 1970
Codes: format (a name that is empty or too long).  Raises: unknown option, wrong type.
Blocks: no.  Source: POSIX.1 pax, ustar; GNU tar manual, Basic Tar Format (from 8 GiB on, and for a name of more than 100 bytes).
*/
static int tar_pushheader(lua_State *L) {
  static const char *const known[] = {"mode", "mtime", NULL};
  tar_Header h;
  size_t length;
  const char *name = luaL_checklstring(L, 1, &length);
  lua_Integer size = luaL_checkinteger(L, 2), mode, mtime;
  lua_settop(L, 3);
  lb_checkkeys(L, 3, known);
  mode = lb_optinteger(L, 3, "mode", 0644);
  mtime = lb_optinteger(L, 3, "mtime", (lua_Integer)time(NULL));
  luaL_argcheck(L, size >= 0 && size <= SIZE_LIMIT, 2, "a size is not negative, nor above 1 PiB");
  luaL_argcheck(L, mode >= 0 && mode <= 07777, 3, "bad option 'mode' (0 to 07777)");
  if (length == 0 || strlen(name) != length) return lb_fail(L, "format", "the name of a file is empty or has a zero byte");
  if (!tar_header(&h, name, size, mtime, (unsigned)mode)) return lb_fail(L, "format", "%s: %s", name, h.problem);
  lua_pushlstring(L, (const char *)h.bytes, h.size);
  return 1;
}

/*
tar.padding(size) -> string
The zeros that fill the last block of a file of that size.
Blocks: no.
*/
static int tar_pushpadding(lua_State *L) {
  static const char zeros[TAR_BLOCK];
  lua_Integer size = luaL_checkinteger(L, 1);
  luaL_argcheck(L, size >= 0 && size <= SIZE_LIMIT, 1, "a size is not negative, nor above 1 PiB");
  lua_pushlstring(L, zeros, (size_t)(tar_padded(size) - size));
  return 1;
}

static const luaL_Reg functions[] = {{"header", tar_pushheader}, {"padding", tar_pushpadding}, {NULL, NULL}};

int luaopen_lb_tar(lua_State *L);
int luaopen_lb_tar(lua_State *L) {
  static const char end[2 * TAR_BLOCK];
  luaL_newlib(L, functions);
  lua_pushlstring(L, end, sizeof end); /* tar.ending: what comes behind the last file */
  lua_setfield(L, -2, "ending");
  return 1;
}
