/* vim_out.h: the text of a request as it grows, and errors that name the path to what is wrong. */
#ifndef VIM_OUT_H
#define VIM_OUT_H

#include "vim_value.h"

/* Where in the arguments we are: frames on the C stack, linked upwards. */
typedef struct Path {
  const struct Path *up;
  const char *name;  /* NULL: an element of a list */
  lua_Integer index; /* of the element */
  int depth;
} Path;

/* The request as it grows, in a userdata of the Lua stack. */
typedef struct Out {
  lua_State *L;
  const vim_Method *method;
  char *data; /* userdata at stack index `slot` */
  size_t length, size;
  int slot, version;
  const char *server; /* the version as it was given */
} Out;

/* Raise "CreateVM_Task: config.memoryMb: ..."  [-0, +0, v] */
void out_refuse(Out *out, const Path *path, const char *fmt, ...) __attribute__((format(printf, 3, 4), noreturn));

/* Raise unless the server's version has what is new in `version`; `what` and `name` are for the message.  [-0, +0, v] */
void out_version(Out *out, const Path *path, const char *what, const char *name, int version);

/* Raise "<want> expected, got <what is at index>".  [-0, +0, v] */
void out_wrongtype(Out *out, const Path *path, const char *want, int index);

/* Append bytes as they are.  [-0, +0, m] */
void out_put(Out *out, const char *text, size_t n);
void out_puts(Out *out, const char *text);

/* Append text with its markup characters escaped; what XML cannot carry raises.  [-0, +0, v] */
void out_escaped(Out *out, const Path *path, const char *text, size_t n);

/* Append the text of the value at `index`, of a simple type or an enum.  [-0, +0, v] */
void out_simple(Out *out, const Path *path, int index, const vim_Type *type);

#endif
