/* content: the `files` table that floppy and iso take, as a C array */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "content.h"
#include "lb.h"
#include "utf8.h"

/* What is wrong with a path, or NULL. */
static const char *bad_name(const char *name, size_t length) {
  if (!length) return "it is empty";
  if (strlen(name) != length) return "it has a zero byte";
  if (name[0] == '/') return "it is absolute";
  for (size_t at = 0, n; at < length; at += n) {
    n = utf8_length(name + at, length - at);
    if (!n) return "it is not valid UTF-8";
  }
  for (const char *s = name;; s++) {
    size_t n = strcspn(s, "/");
    if (n == 0) return "it has an empty component";
    if (n <= 2 && memcmp(s, "..", n) == 0) return "it has '.' or '..' as a component";
    s += n;
    if (!*s) return NULL;
  }
}

static int compare(const void *a, const void *b) {
  return strcmp(((const content_File *)a)->name, ((const content_File *)b)->name);
}

/* A name that another one uses as its directory, or NULL: between "a" and "a/b" may stand "a-b". */
static const char *used_as_directory(const content_List *list) {
  for (size_t i = 0; i < list->count; i++) {
    const char *name = list->files[i].name;
    size_t n = strlen(name);
    for (size_t k = i + 1; k < list->count && strncmp(list->files[k].name, name, n) == 0; k++)
      if (list->files[k].name[n] == '/') return name;
  }
  return NULL;
}

/* Read the value on top of the stack; it stays there. */
static int read_value(lua_State *L, int arg, content_File *file) {
  struct stat st;
  size_t size;
  if (lua_type(L, -1) == LUA_TSTRING) {
    file->data = lua_tolstring(L, -1, &size);
    file->size = size;
    return 0;
  }
  if (!lua_istable(L, -1) || lua_getfield(L, -1, "file") != LUA_TSTRING)
    luaL_argerror(L, arg, lua_pushfstring(L, "files['%s']: a string or { file = path } expected", file->name));
  file->path = lua_tostring(L, -1); /* the table keeps it */
  lua_pop(L, 1);
  if (stat(file->path, &st) < 0) return lb_failerrno(L, errno, "'%s': read %s", file->name, file->path);
  if (!S_ISREG(st.st_mode)) return lb_fail(L, "io", "'%s': read %s: not a regular file", file->name, file->path);
  file->size = (unsigned long long)st.st_size;
  return 0;
}

static size_t count_fields(lua_State *L, int table) {
  size_t n = 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    n++;
  }
  return n;
}

int content_read(lua_State *L, int arg, content_List *list) {
  int table, array;
  const char *bad;
  if (lua_getfield(L, arg, "files") != LUA_TTABLE) luaL_argerror(L, arg, "bad option 'files' (table expected)");
  table = lua_gettop(L);
  *list = (content_List){0};
  list->files = lua_newuserdatauv(L, (count_fields(L, table) + 1) * sizeof *list->files, 0);
  array = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, table)) { /* files array name value */
    content_File *file = &list->files[list->count];
    size_t length;
    int status;
    if (lua_type(L, -2) != LUA_TSTRING) luaL_argerror(L, arg, "files: names must be strings");
    *file = (content_File){.name = lua_tolstring(L, -2, &length)};
    bad = bad_name(file->name, length);
    if (bad) return lb_fail(L, "format", "file name '%s': %s", file->name, bad);
    status = read_value(L, arg, file);
    if (status) return status;
    list->size += file->size;
    list->count++;
    lua_pop(L, 1);
  }
  qsort(list->files, list->count, sizeof *list->files, compare);
  bad = used_as_directory(list);
  if (bad) return lb_fail(L, "format", "'%s' is a file and a directory", bad);
  lua_settop(L, array);
  lua_remove(L, table);
  return 0;
}

int content_load(lua_State *L, const content_File *file, const void **bytes) {
  size_t size = (size_t)file->size, got;
  int saved, more;
  void *memory;
  FILE *f;
  if (file->data) {
    *bytes = file->data;
    lua_pushnil(L);
    return 0;
  }
  memory = lua_newuserdatauv(L, size ? size : 1, 0);
  f = fopen(file->path, "rbe");
  if (!f) return lb_failerrno(L, errno, "'%s': read %s", file->name, file->path);
  got = fread(memory, 1, size, f);
  saved = errno;
  more = got == size && getc(f) != EOF;
  if (ferror(f)) {
    fclose(f);
    return lb_failerrno(L, saved, "'%s': read %s", file->name, file->path);
  }
  fclose(f);
  if (got != size || more) return lb_fail(L, "io", "'%s': read %s: its size changed meanwhile", file->name, file->path);
  *bytes = memory;
  return 0;
}
