/* isoread.h: reading ISO 9660 images, a part of the module iso */
#ifndef ISOREAD_H
#define ISOREAD_H

#include <lua.h>

/* iso.open. [-1, +(1|3), e] */
int iso_open(lua_State *L);

/* Declare the class of readers. [-0, +0, m] */
void iso_openreader(lua_State *L);

#endif
