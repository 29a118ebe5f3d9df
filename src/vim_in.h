/* vim_in.h: a response as a stream of elements. Every int function returns 1, or 0 with in->message set, unless it says more. */
#ifndef VIM_IN_H
#define VIM_IN_H

#include <libxml/xmlreader.h>

#include "vim_value.h"

typedef struct In {
  lua_State *L;
  xmlTextReaderPtr xml;
  int space; /* stack index of the space of references, or 0 */
  int nested;
  char message[512]; /* why reading failed */
} In;

/* Reading failed: note why, once. Returns 0. */
int in_broken(In *in, const char *what, const char *detail);

/* To the next node; the end of the text is an error. */
int in_step(In *in);

/* The name of the element without its prefix. */
const char *in_name(In *in);

/* From an element's start to its end, whatever is in it. */
int in_skip(In *in);

/* Inside the element at `depth`: to the next child's start (1), or to the end of the element (0); -1 when broken. */
int in_child(In *in, int depth);

/* Push the text of the element; the reader moves to its end. Elements in it are passed over.  [-0, +1, m] */
int in_text(In *in);

/* Push attribute `name` (of namespace `ns` or none) of the element; 0 and nothing when there is none.  [-0, +(0|1), m] */
int in_attribute(In *in, const char *name, const char *ns);

/* What xsi:type says: a type, or the element type of an array in `*element`; NULL and nothing when absent or unknown. */
const vim_Type *in_type(In *in, const vim_Type **element);

/* Turn the text on the top into the Lua value of a simple type.  [-1, +1, m] */
int in_convert(In *in, const vim_Type *type);

#define XSI "http://www.w3.org/2001/XMLSchema-instance"

#endif
