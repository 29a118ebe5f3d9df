/* vim_value.h: how values of the vSphere API look in Lua; shared by the files of the module vim. */
#ifndef VIM_VALUE_H
#define VIM_VALUE_H

#include "lb.h"
#include "vim_table.h"

/* Tables of the module, made at its opening.  [-0, +0, m] */
void vim_openvalues(lua_State *L);
void vim_opendecode(lua_State *L);

/* Give the table on the top the metatable of data type `type`.  [-0, +0, m] */
void vim_setdata(lua_State *L, const vim_Type *type);

/* Give the table on the top the metatable of an array of `element`.  [-0, +0, m] */
void vim_setarray(lua_State *L, const vim_Type *element);

/* The data type of the value at `index`, the element type of an array with a type; NULL otherwise.  [-0, +0, -] */
const vim_Type *vim_datatype(lua_State *L, int index);
const vim_Type *vim_arraytype(lua_State *L, int index);

/* A value with a type that the value alone does not show (vim.any): the type, and pushes the value; else NULL. [-0, +(0|1), -] */
const vim_Type *vim_anytype(lua_State *L, int index);

/* Is the value at `index` a reference? Its type's name and id, which the value keeps alive.  [-0, +0, -] */
int vim_reference(lua_State *L, int index, const char **kind, const char **moid);

/* Push the reference `kind`:`moid` of the space at `space` (0: plain references): always the same one.  [-0, +1, m] */
void vim_pushreference(lua_State *L, int space, const char *kind, const char *moid);

/* Push ": did you mean 'x'?" for the nearest field of `type` (or of `n` fields), or "".  [-0, +1, m] */
const char *vim_suggestfield(lua_State *L, const vim_Type *type, const char *name);
const char *vim_suggest(lua_State *L, const vim_Field *fields, unsigned n, const char *name);
const char *vim_suggesttype(lua_State *L, const char *name);
const char *vim_suggestmethod(lua_State *L, const char *name);

/* Raise an argument error for a name that is no type.  [-0, +0, v] */
const vim_Type *vim_checktype(lua_State *L, int arg);

/* the functions of the module */
int vim_encode(lua_State *L);
int vim_decode(lua_State *L);
int vim_mask(lua_State *L);
int vim_ref(lua_State *L);
int vim_any(lua_State *L);
int vim_array(lua_State *L);
int vim_typeof(lua_State *L);
int vim_construct(lua_State *L);
int vim_type(lua_State *L);
int vim_method(lua_State *L);
int vim_field(lua_State *L);
int vim_members(lua_State *L);
int vim_member(lua_State *L);
int vim_isa(lua_State *L);

#endif
