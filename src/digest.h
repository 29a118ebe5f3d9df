/* digest.h: the parts of module digest */
#ifndef DIGEST_H
#define DIGEST_H

#include <lua.h>

/* digest_file.c: the module's function that reads files, and the class of its handle */
int digest_file(lua_State *L);
void digest_openfile(lua_State *L);

#endif
