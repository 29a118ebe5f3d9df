/* partial.h: a file that has its name only when it is complete. Until then it is beside its place as NAME.part-XXXXXX,
 * and gone when the box is closed or collected. */
#ifndef PARTIAL_H
#define PARTIAL_H

#include <lua.h>

#include "lb.h"

typedef struct partial_File {
  lb_Box box;
  int fd;
  int mode; /* what the complete file gets; below 0: what a new file would have */
  char *name; /* the temporary one: in the same block of memory, like the final one */
  char *final;
} partial_File;

/* Create the file; what has that name already must be a regular one. Returns 0 with the box pushed (make it to-be-closed), or 3 with
 * a failure pushed.  [-0, +(1|3), m] */
int partial_open(lua_State *L, const char *path, partial_File **file);

/* Write all of it. 0, or -1 and errno. */
int partial_write(partial_File *file, const void *bytes, size_t size);

/* Remove the file and close the box. Harmless when it has its name, or is closed already. */
void partial_drop(partial_File *file);

/* Give the complete file its name, over an older one. Returns 0, or 3 with a failure pushed; the box is closed either way.
 * [-0, +(0|3), m] */
int partial_finish(lua_State *L, partial_File *file);

#endif
