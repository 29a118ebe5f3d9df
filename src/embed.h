/* embed.h: the files inside the executable, as mkembed wrote them; the array ends with a NULL name */
#ifndef LB_EMBED_H
#define LB_EMBED_H
#include <stddef.h>

typedef struct lb_Embedded {
  const char *name; /* "core/err.lua" */
  const char *text;
  size_t size;
  const char *code; /* what Lua has compiled it to */
  size_t code_size; /* 0: it is no Lua */
} lb_Embedded;

extern const lb_Embedded lb_embedded[];

#endif
