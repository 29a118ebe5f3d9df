/* ova: OVA archives: written in one go while the sizes are still unknown, listed, read and checked */

#define _GNU_SOURCE /* sync_file_range */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#include "ova.h"
#include "ova_copy.h"
#include "partial.h"
#include "tar_header.h"

#define WRITER "ova.writer"
#define SIZE_LIMIT ((lua_Integer)1 << 50) /* bytes of an entry: sums of sizes cannot overflow */

/* An entry at the front, whose content comes last */
typedef struct Room {
  int64_t header, size;
  int put;
} Room;

typedef struct Writer {
  lb_Box box;
  partial_File *file; /* in the table of the user value */
  lua_Integer mtime;
  int64_t end;        /* of what is complete: the next header goes here */
  int64_t data;       /* where the content of the entry `name` begins, or 0: there is no such entry */
  char name[TAR_NAME_MAX + 1];
} Writer;

/* The user value of a writer is a table: the box of the partial file, and a table from names to Room userdata or true. */
enum { FILE_SLOT = 1, NAMES = 2 };

static Writer *check_writer(lua_State *L) { return lb_checkbox(L, 1, WRITER); }

static int writer_close(lua_State *L) {
  Writer *w = lua_touserdata(L, 1);
  if (lb_closing(&w->box)) partial_drop(w->file);
  return 0;
}

/* The table of names of the writer at 1 */
static void push_names(lua_State *L) {
  lua_getiuservalue(L, 1, 1);
  lua_rawgeti(L, -1, NAMES);
  lua_remove(L, -2);
}

/* ---- names ---- */

/* Why `name` cannot be that of an entry, or NULL: it is read by others, on systems of all kinds. */
const char *ova_badname(const char *name, size_t length) {
  if (!length) return "it is empty";
  if (strlen(name) != length) return "it has a zero byte";
  if (length > TAR_NAME_MAX) return "it is too long";
  if (name[0] == '/' || (((name[0] | 32) >= 'a' && (name[0] | 32) <= 'z') && name[1] == ':')) return "it is absolute";
  for (const char *s = name;; s++) {
    size_t n = strcspn(s, "/");
    if (n == 0) return "it has an empty component";
    if (n <= 2 && memcmp(s, "..", n) == 0) return "it has '.' or '..' as a component";
    s += n;
    if (!*s) break;
  }
  for (; *name; name++)
    if ((unsigned char)*name < ' ' || *name == '\\' || *name == 127) return "it has a backslash or a control character";
  return NULL;
}

/* Note a new name, with the value on the top; 0, or 3 with a failure pushed.  [-1, +(0|3), v] */
static int take_name(lua_State *L, int names, const char *name) {
  if (lua_getfield(L, names, name) != LUA_TNIL) return lb_fail(L, "exists", "the archive has an entry '%s' already", name);
  lua_pop(L, 1);
  lua_setfield(L, names, name);
  return 0;
}

static int refuse_name(lua_State *L, const char *name, size_t length) {
  const char *bad = ova_badname(name, length);
  return bad ? lb_fail(L, "format", "entry '%s': %s", name, bad) : 0;
}

/* ---- writing: 0, or 3 with a failure pushed ---- */

static int failed(lua_State *L, int saved, const Writer *w) { return lb_failerrno(L, saved, "write %s", w->file->final); }

static int write_at(lua_State *L, const Writer *w, const void *bytes, size_t n, int64_t at) {
  const char *p = bytes;
  while (n > 0) {
    ssize_t done = pwrite(w->file->fd, p, n, at);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return failed(L, errno, w);
    p += done;
    at += done;
    n -= (size_t)done;
  }
  return 0;
}

static int write_header(lua_State *L, const Writer *w, const char *name, int64_t at, int64_t size, lua_Integer mtime) {
  tar_Header h;
  if (!tar_header(&h, name, size, mtime, 0644)) return lb_fail(L, "format", "entry '%s': %s", name, h.problem);
  return write_at(L, w, h.bytes, h.size, at);
}

/* Room for a header: how long it is, or -1 with a failure pushed */
static int64_t header_size(lua_State *L, const char *name) {
  tar_Header h;
  if (tar_header(&h, name, 0, 0, 0644)) return (int64_t)h.size;
  lb_fail(L, "format", "entry '%s': %s", name, h.problem);
  return -1;
}

/* The entry `name` at the end of the file, whose content begins at w->data. */
static int begin(lua_State *L, Writer *w, const char *name, size_t length) {
  int status = refuse_name(L, name, length);
  int64_t size;
  if (status) return status;
  push_names(L);
  if (lua_getfield(L, -1, name) != LUA_TNIL) return lb_fail(L, "exists", "the archive has an entry '%s' already", name);
  lua_pop(L, 2);
  size = header_size(L, name);
  if (size < 0) return 3;
  memcpy(w->name, name, length + 1);
  w->data = w->end + size;
  return 0;
}

/* Its content is there: put the header before it and the padding behind it. */
static int complete(lua_State *L, Writer *w, int64_t size, lua_Integer mtime) {
  int64_t end = w->data + size;
  struct stat st;
  int status;
  if (fstat(w->file->fd, &st) < 0) return failed(L, errno, w);
  if (size > 0 && st.st_size < end)
    return lb_fail(L, "io", "write %s: entry '%s' has %lld of %lld bytes", w->file->final, w->name,
                   (long long)(st.st_size < w->data ? 0 : st.st_size - w->data), (long long)size);
  /* what a longer attempt left goes; the padding is zeros */
  if (ftruncate(w->file->fd, end) < 0 || ftruncate(w->file->fd, w->data + tar_padded(size)) < 0) return failed(L, errno, w);
  status = write_header(L, w, w->name, w->end, size, mtime);
  if (status) return status;
  push_names(L);
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, w->name);
  lua_pop(L, 1);
  w->end = w->data + tar_padded(size);
  w->data = 0;
  return 0;
}

/* ---- functions ---- */

/* One room of opts.head: the table on the top. Its header goes to `*end`, which moves on. 0, or 3 with a failure pushed.
 * [-1, +(0|3), v] */
static int reserve(lua_State *L, int rooms, int64_t *end) {
  static const char *const known[] = {"name", "room", NULL};
  int entry = lua_gettop(L), status;
  size_t length;
  const char *name;
  int64_t header, size;
  Room *room;
  if (!lua_istable(L, entry)) luaL_argerror(L, 2, "bad option 'head' (an array of { name =, room = } expected)");
  lb_checkkeys(L, entry, known);
  name = lb_optstring(L, entry, "name", NULL, &length);
  size = lb_optinteger(L, entry, "room", -1);
  if (!name || size < 0 || size > SIZE_LIMIT) luaL_argerror(L, 2, "bad option 'head' (an array of { name =, room = } expected)");
  status = refuse_name(L, name, length);
  if (status) return status;
  header = header_size(L, name);
  if (header < 0) return 3;
  room = lua_newuserdatauv(L, sizeof *room, 0);
  *room = (Room){*end, size, 0};
  status = take_name(L, rooms, name);
  if (status) return status;
  *end += header + tar_padded(size);
  lua_settop(L, entry - 1);
  return 0;
}

/* Push the table of names, with the rooms of opts.head at stack index 2.  [-0, +(1|3), v] */
static int reserve_all(lua_State *L, int64_t *end) {
  int type = lua_getfield(L, 2, "head"), list = lua_gettop(L), status = 0;
  lua_Integer n = type == LUA_TTABLE ? luaL_len(L, list) : 0;
  if (type != LUA_TNIL && type != LUA_TTABLE) luaL_argerror(L, 2, "bad option 'head' (table expected)");
  lua_newtable(L);
  for (lua_Integer i = 1; i <= n && !status; i++) {
    lua_rawgeti(L, list, i);
    status = reserve(L, list + 1, end);
  }
  if (!status) lua_remove(L, list);
  return status;
}

/*
ova.create(path [, opts]) -> writer
                          -> nil, message, code
Begin an archive whose first entries get their content last, so that disks go straight to their places.
  path           string            of the archive; it is there only after writer:finish, over an older one
  opts.head      table = {}        array of { name = string, room = integer (bytes) }: the entries at the front, in order
  opts.mtime     integer = now     of every entry, in seconds since 1970
Headers are USTAR; GNU for an entry of 8 GiB or more, or with a name of more than 100 bytes. Entries are regular files
of root that all may read. Close the writer when done with it: unless finished, that removes what was written.
Codes: format (a name), exists (a name twice), notfound, io.  Raises: unknown option, wrong type.
Blocks: on disks only.  Source: DSP0243 1.1.0, 5.3 (a package as one USTAR file); POSIX.1 pax, ustar; GNU tar manual, Basic Tar Format.
*/
static int ova_create(lua_State *L) {
  static const char *const known[] = {"head", "mtime", NULL};
  const char *path = luaL_checkstring(L, 1);
  lua_Integer mtime;
  int64_t end = 0;
  partial_File *file;
  Writer *w;
  int status;
  lua_settop(L, 2);
  lb_checkkeys(L, 2, known);
  mtime = lb_optinteger(L, 2, "mtime", (lua_Integer)time(NULL));
  if (lua_isnil(L, 2)) lua_newtable(L), lua_replace(L, 2);
  lua_createtable(L, 2, 0); /* 3: user value */
  status = reserve_all(L, &end);
  if (status) return status;
  lua_rawseti(L, 3, NAMES);
  status = partial_open(L, path, &file);
  if (status) return status;
  lua_rawseti(L, 3, FILE_SLOT);
  w = lb_newbox(L, sizeof *w, WRITER); /* 4 */
  w->file = file;
  w->mtime = mtime;
  w->end = end;
  lb_opened(&w->box);
  lb_setparent(L, 4, 3);
  if (ftruncate(file->fd, end) == 0) return 1;
  status = failed(L, errno, w);
  lb_closing(&w->box);
  partial_drop(file);
  return status;
}

/*
writer:path() -> string
The file that is written, for http's `save`: it has the archive's name only after writer:finish.
Raises: closed writer.
Blocks: no.
*/
static int writer_path(lua_State *L) {
  lua_pushstring(L, check_writer(L)->file->name);
  return 1;
}

/*
writer:place(name) -> integer
                   -> nil, message, code
Begin the next entry: where in the file its content goes, for http's `save_at`. Until writer:entry_done it may be begun again,
under another name too.
  name           string            relative, with "/" between components
Codes: format (a name that cannot be), exists.  Raises: closed writer.
Blocks: no.
*/
static int writer_place(lua_State *L) {
  Writer *w = check_writer(L);
  size_t length;
  const char *name = luaL_checklstring(L, 2, &length);
  int status;
  lua_settop(L, 2);
  status = begin(L, w, name, length);
  if (status) return status;
  lua_pushinteger(L, w->data);
  return 1;
}

/*
writer:entry_done(size [, mtime]) -> true
                                  -> nil, message, code
The content of the entry begun with writer:place is in the file: write its header and padding. What the file has behind it
(of a longer attempt) is cut off.
  size           integer           bytes of the content
  mtime          integer|nil       seconds since 1970; default the writer's
Codes: io (also when the file has fewer bytes than that).  Raises: closed writer, no entry begun.
Blocks: on disks only.
*/
static int writer_entry_done(lua_State *L) {
  Writer *w = check_writer(L);
  lua_Integer size = luaL_checkinteger(L, 2), mtime = luaL_optinteger(L, 3, w->mtime);
  int status;
  luaL_argcheck(L, size >= 0 && size <= SIZE_LIMIT, 2, "a size is not negative, nor above 1 PiB");
  if (!w->data) return luaL_error(L, "no entry was begun");
  status = complete(L, w, size, mtime);
  if (status) return status;
  lua_pushboolean(L, 1);
  return 1;
}

/*
writer:add(name, file [, opts]) -> { size = integer, digest = table (algorithm -> hex) }
                                -> nil, message, code
Add a file as the next entry.
  name           string            as for writer:place
  file           string            path of a regular file
  opts.digest    string|table|nil  "sha256", "sha1", "sha512" or an array of them: taken on the way
  opts.mtime     integer|nil       seconds since 1970; default the writer's
  opts.progress  function|nil      called with (done, total) bytes every 0.5 s at most, and at the end
Codes: format, exists (the name), notfound, io.  Raises: closed writer, unknown option, wrong type, cancelled, errors of progress.
Blocks: yes.
*/
static int writer_add(lua_State *L) {
  static const char *const known[] = {"digest", "mtime", "progress", NULL};
  Writer *w = check_writer(L);
  size_t length;
  const char *name = luaL_checklstring(L, 2, &length), *path = luaL_checkstring(L, 3);
  lua_Integer mtime;
  ova_Source *source;
  ova_Range range = {.size = -1, .to = w->file->fd, .target = w->file->final};
  int status;
  lua_settop(L, 4);
  lb_checkkeys(L, 4, known);
  mtime = lb_optinteger(L, 4, "mtime", w->mtime);
  if (lua_isnil(L, 4)) lua_newtable(L), lua_replace(L, 4);
  lb_optfunction(L, 4, "progress"); /* 5 */
  lua_getfield(L, 4, "digest");   /* 6 */
  range.progress = 5;
  status = begin(L, w, name, length);
  if (!status) status = ova_opensource(L, path, &source); /* 7 */
  if (status) return status;
  lua_toclose(L, 7);
  ova_adddigests(L, 6, source, "option 'digest'");
  range.to_at = w->data;
  status = ova_copy(L, source, &range);
  if (!status) status = complete(L, w, range.size, mtime);
  if (status) return status;
  ova_pushcopied(L, source, range.size);
  return 1;
}

/*
writer:put(name, bytes) -> true
                        -> nil, message, code
The content of an entry at the front.
  name           string            one of opts.head of ova.create
  bytes          string            as many as were reserved
Codes: format (there are more or fewer), io.  Raises: closed writer, a name that has no room reserved.
Blocks: on disks only.
*/
static int writer_put(lua_State *L) {
  Writer *w = check_writer(L);
  size_t n;
  const char *name = luaL_checkstring(L, 2), *bytes = luaL_checklstring(L, 3, &n);
  Room *room;
  int status;
  lua_settop(L, 3);
  push_names(L);
  if (lua_getfield(L, -1, name) != LUA_TUSERDATA) return luaL_argerror(L, 2, "no room is reserved under that name");
  room = lua_touserdata(L, -1);
  if ((int64_t)n != room->size)
    return lb_fail(L, "format", "entry '%s' has %zu bytes, but %lld are reserved", name, n, (long long)room->size);
  status = write_header(L, w, name, room->header, room->size, w->mtime);
  if (!status) status = write_at(L, w, bytes, n, room->header + header_size(L, name));
  if (status) return status;
  room->put = 1;
  lua_pushboolean(L, 1);
  return 1;
}

/* Raise unless every reserved room has its content. */
static void check_rooms(lua_State *L) {
  push_names(L);
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    const Room *room = lua_touserdata(L, -1);
    if (room && !room->put) luaL_error(L, "entry '%s' was not put", lua_tostring(L, -2));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/*
writer:seal() -> integer
              -> nil, message, code
All entries are there: put the end mark. The file of writer:path is the archive then, byte for byte, still under another name: its
digest can be taken while it is on its way to the disk. Returns its size in bytes.
Codes: io.  Raises: closed writer, an entry begun but not done, a reserved one without content.
Blocks: on disks only.
*/
static int writer_seal(lua_State *L) {
  Writer *w = check_writer(L);
  int64_t size = w->end + 2 * TAR_BLOCK; /* two blocks of zeros */
  lua_settop(L, 1);
  if (w->data) return luaL_error(L, "entry '%s' is not done", w->name);
  check_rooms(L);
  if (ftruncate(w->file->fd, w->end) < 0 || ftruncate(w->file->fd, size) < 0) return failed(L, errno, w);
  sync_file_range(w->file->fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* only begins */
  lua_pushinteger(L, size);
  return 1;
}

/*
writer:finish() -> integer
                -> nil, message, code
End the archive, wait until it is on the disk, and give it its name. The writer is closed. Returns the size in bytes.
Codes: io.  Raises: as writer:seal.
Blocks: on disks only.
*/
static int writer_finish(lua_State *L) {
  Writer *w = check_writer(L);
  int status = writer_seal(L);
  if (status > 1) return status;
  if (fsync(w->file->fd) < 0) return failed(L, errno, w);
  lb_closing(&w->box);
  status = partial_finish(L, w->file);
  return status ? status : 1;
}

static const luaL_Reg writer_methods[] = {
    {"add", writer_add}, {"entry_done", writer_entry_done}, {"finish", writer_finish}, {"path", writer_path},
    {"place", writer_place}, {"put", writer_put}, {"seal", writer_seal}, {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"create", ova_create}, {"digest", ova_digest}, {"extract", ova_extract}, {"list", ova_list},
    {"read", ova_read}, {"signature", ova_signature}, {"vmdk", ova_vmdk}, {NULL, NULL},
};

int luaopen_lb_ova(lua_State *L);
int luaopen_lb_ova(lua_State *L) {
  lb_class(L, WRITER, writer_methods, writer_close);
  ova_openread(L);
  luaL_newlib(L, functions);
  return 1;
}
