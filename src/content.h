/* content.h: the `files` table that floppy and iso take, as a C array: a path to a string, or to { file = path }. */
#ifndef CONTENT_H
#define CONTENT_H

#include <stddef.h>
#include <lua.h>

/* One file. `name` is NUL-ended UTF-8, relative, without empty, "." or ".." components, and the only one of its name;
 * no other name goes through it as a directory. */
typedef struct content_File {
  const char *name;
  unsigned long long size; /* of a file on disk: when it was looked at */
  const char *data;        /* NULL: it is in the file at `path` */
  const char *path;
} content_File;

typedef struct content_List {
  content_File *files; /* sorted by name, so that the order of a Lua table does not matter */
  size_t count;
  unsigned long long size; /* of all together */
} content_List;

/* Read field `files` of the option table at `arg`, which must stay there while the list is used: its strings are borrowed.
 * Returns 0 with one value pushed that owns the array, or 3 with a failure pushed (notfound, io, format).
 * Raises for a value that is neither a string nor { file = path }.  [-0, +(1|3), v] */
int content_read(lua_State *L, int arg, content_List *list);

/* The bytes of a file: its own string, or read from disk into a value that is pushed (nil for the former).
 * Returns 0, or 3 with a failure pushed.  [-0, +(1|3), m] */
int content_load(lua_State *L, const content_File *file, const void **bytes);

#endif
