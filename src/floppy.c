/* floppy: FAT12 floppy images from strings and files */

#include <errno.h>
#include <string.h>
#include <time.h>

#include "content.h"
#include "fat.h"
#include "lb.h"
#include "partial.h"

typedef struct Floppy {
  const char *label;
  long long time;
  content_List list;
  fat_File *files; /* by the list's order */
  fat_Plan plan;
} Floppy;

static int full(lua_State *L, const Floppy *f) {
  const content_File *largest = f->list.files;
  for (size_t i = 1; i < f->list.count; i++)
    if (f->list.files[i].size > largest->size) largest = &f->list.files[i];
  return lb_fail(L, "format", "floppy: the files need %zu bytes, the largest image (2.88 MB) has room for %zu: %zu too many; "
                 "the largest is '%s' with %llu", f->plan.need, f->plan.room, f->plan.need - f->plan.room, largest->name, largest->size);
}

/* Lay the files out: 0, or 3 with a failure pushed.  [-0, +(2|3), m] */
static int plan(lua_State *L, Floppy *f) {
  fat_Node *nodes;
  f->files = lua_newuserdatauv(L, (f->list.count + 1) * sizeof *f->files, 0);
  for (size_t i = 0; i < f->list.count; i++)
    f->files[i] = (fat_File){.path = f->list.files[i].name, .size = (size_t)f->list.files[i].size};
  nodes = lua_newuserdatauv(L, fat_nodes(f->files, f->list.count) * sizeof *nodes, 0);
  switch (fat_plan(&f->plan, nodes, f->files, f->list.count)) {
    case FAT_OK: return 0;
    case FAT_FULL: return full(L, f);
    case FAT_NAME: return lb_fail(L, "format", "floppy: '%s' cannot be a name on a FAT floppy", f->plan.bad->path);
    case FAT_DUPLICATE:
      return lb_fail(L, "format", "floppy: '%s' and '%s' are the same on a FAT floppy, where case does not count",
                     f->plan.other->path, f->plan.bad->path);
    default:
      return lb_fail(L, "format", "floppy: the root directory has room for %zu entries, %zu are needed: use directories",
                     f->plan.room, f->plan.need);
  }
}

/* From the option table at `arg` to everything but the bytes of the image; what it pushes must stay. 0 or 3. */
static int prepare(lua_State *L, int arg, Floppy *f) {
  static const char *const known[] = {"files", "label", "time", NULL};
  int status;
  luaL_checktype(L, arg, LUA_TTABLE);
  lb_checkkeys(L, arg, known);
  f->label = lb_optstring(L, arg, "label", "", NULL);
  f->time = lb_optinteger(L, arg, "time", (lua_Integer)time(NULL));
  status = content_read(L, arg, &f->list);
  if (status) return status;
  if (!fat_label(f->label)) return lb_fail(L, "format", "floppy: '%s' cannot be a volume label (11 ASCII characters at most)", f->label);
  status = plan(L, f);
  if (status) return status;
  luaL_checkstack(L, (int)f->list.count + LUA_MINSTACK, "too many files");
  for (size_t i = 0; i < f->list.count; i++) {
    status = content_load(L, &f->list.files[i], &f->files[i].data);
    if (status) return status;
  }
  return 0;
}

/*
floppy.image(opts) -> string
                   -> nil, message, code
Make a FAT12 floppy image: 1.44 MB, or 2.88 MB when the files need that.
  opts.files     table             path = string or path = { file = path of a file here }; "a/b.cfg" makes directory a
  opts.label     string = ""       volume label, up to 11 characters, as it is given; "" is none
  opts.time      integer = now     of every file, in seconds since 1970, written as UTC
Names may be long and not ASCII; each has an 8.3 alias. The same options give the same bytes. The image is not bootable and
sends a machine that tries on to its next device.
Codes: format (a name or label that FAT cannot hold, names that differ only in case, too much content: the message says how
much), notfound, io (a file here).  Raises: unknown option, wrong type.
Blocks: no.  Source: Microsoft, "FAT: General Overview of On-Disk Format" 1.03.
*/
static int floppy_image(lua_State *L) {
  luaL_Buffer b;
  Floppy f = {0};
  int status;
  lua_settop(L, 1);
  status = prepare(L, 1, &f);
  if (status) return status;
  fat_write(&f.plan, (unsigned char *)luaL_buffinitsize(L, &b, f.plan.size), f.label, f.time);
  luaL_pushresultsize(&b, f.plan.size);
  return 1;
}

/*
floppy.write(path, opts) -> { size = integer }
                         -> nil, message, code
Make a floppy image as floppy.image does, in a file. It has its name only when it is complete.
  path           string            replaced when it is there
  opts           table             as for floppy.image
Codes: as floppy.image.  Raises: as floppy.image.
Blocks: no.
*/
static int floppy_write(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  unsigned char *image;
  partial_File *file;
  Floppy f = {0};
  int status;
  lua_settop(L, 2);
  status = prepare(L, 2, &f);
  if (status) return status;
  image = lua_newuserdatauv(L, f.plan.size, 0);
  fat_write(&f.plan, image, f.label, f.time);
  status = partial_open(L, path, &file);
  if (status) return status;
  lua_toclose(L, -1);
  if (partial_write(file, image, f.plan.size) < 0) return lb_failerrno(L, errno, "write %s", path);
  status = partial_finish(L, file);
  if (status) return status;
  lua_createtable(L, 0, 1);
  lua_pushinteger(L, (lua_Integer)f.plan.size);
  lua_setfield(L, -2, "size");
  return 1;
}

static const luaL_Reg functions[] = {{"image", floppy_image}, {"write", floppy_write}, {NULL, NULL}};

int luaopen_lb_floppy(lua_State *L);
int luaopen_lb_floppy(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
