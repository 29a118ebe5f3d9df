/* ova.h: the parts of module ova */
#ifndef OVA_H
#define OVA_H

#include "lb.h"

/* Why `name` cannot be that of an entry, or NULL; a static string. */
const char *ova_badname(const char *name, size_t length);

/* ova_read.c: the module's functions that look at archives, and the class of the handle they use. */
int ova_list(lua_State *L);
int ova_read(lua_State *L);
int ova_extract(lua_State *L);
int ova_digest(lua_State *L);
int ova_vmdk(lua_State *L);
void ova_openread(lua_State *L);

/* ova_signature.c */
int ova_signature(lua_State *L);

#endif
