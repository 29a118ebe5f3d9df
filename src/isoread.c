/* isoread: the entries of an ISO 9660 image one after the other, by libarchive */

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "isoread.h"
#include "lb.h"
#include "partial.h"

#define TYPE "iso.reader"
#define CHUNK 65536
#define RECORD 34 /* bytes of the shortest entry of a directory: ECMA-119 9.1 */

typedef struct Reader {
  lb_Box box;
  int fd;
  struct archive *archive;
  struct archive_entry *entry; /* the current one, of the archive's own; NULL: none */
  locale_t utf8;               /* libarchive makes names for the locale, and ours are UTF-8 */
  const char *path;            /* of the image, kept by user value 1 */
  off_t room;                  /* entries that it may still have */
} Reader;

static void release(Reader *r) {
  if (!lb_closing(&r->box)) return;
  archive_read_free(r->archive);
  close(r->fd);
  if (r->utf8) freelocale(r->utf8);
  r->archive = NULL;
  r->entry = NULL;
}

static int reader_close(lua_State *L) {
  release(lua_touserdata(L, 1));
  return 0;
}

static int failed(lua_State *L, const Reader *r) {
  const char *why = archive_error_string(r->archive);
  if (!why || strstr(why, "Unrecognized")) why = "it is no ISO 9660 image, or damaged";
  return lb_fail(L, "format", "%s: %s", r->path, why);
}

/*
iso.open(path) -> reader
               -> nil, message, code
Open an ISO 9660 image, with Joliet or Rock Ridge names or without, to read its entries one after the other. Close the reader when done.
  path           string            of the image: a file, or a drive
Codes: notfound, io, format.
Blocks: on disks only.  Source: ECMA-119; archive_read_format(3).
*/
int iso_open(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  struct stat st;
  int status;
  Reader *r;
  lua_settop(L, 1);
  r = lb_newbox(L, sizeof *r, TYPE);
  r->path = path;
  lb_setparent(L, 2, 1);
  r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not stop us */
  if (r->fd < 0) return lb_failerrno(L, errno, "open %s", path);
  lb_opened(&r->box);
  r->archive = archive_read_new();
  r->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  if (!r->archive) status = lb_fail(L, "io", "read %s: out of memory", path);
  else if (fstat(r->fd, &st) < 0) status = lb_failerrno(L, errno, "read %s", path);
  else if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) status = lb_fail(L, "io", "read %s: not a regular file", path);
  else {
    r->room = S_ISREG(st.st_mode) ? st.st_size / RECORD : INT32_MAX;
    archive_read_support_format_iso9660(r->archive);
    if (archive_read_open_fd(r->archive, r->fd, CHUNK) == ARCHIVE_OK) return 1;
    status = failed(L, r);
  }
  release(r);
  return status;
}

static const char *kind_of(struct archive_entry *entry) {
  if (archive_entry_hardlink(entry)) return "link";
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG: return "file";
    case AE_IFDIR: return "directory";
    case AE_IFLNK: return "symlink";
    default: return "other";
  }
}

/* With names as UTF-8. */
static int next_header(Reader *r) {
  locale_t before = r->utf8 ? uselocale(r->utf8) : (locale_t)0;
  int status = archive_read_next_header(r->archive, &r->entry);
  if (r->utf8) uselocale(before);
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN) r->entry = NULL;
  return status;
}

/*
reader:next() -> entry|false
              -> nil, message, code
The next entry, in the order of the image; false at the end.
entry = { name = string, kind = "file"|"directory"|"symlink"|"link"|"other", size = integer (bytes), mtime = integer (seconds since
1970), target = string|nil (of a link: where it leads) }
Names are as the image has them: not to be trusted as paths.
Codes: format.
Blocks: on disks only.
*/
static int reader_next(lua_State *L) {
  Reader *r = lb_checkbox(L, 1, TYPE);
  int status = next_header(r);
  const char *name, *target;
  if (status == ARCHIVE_EOF) return lua_pushboolean(L, 0), 1;
  if (!r->entry) return failed(L, r);
  if (r->room-- <= 0) { /* libarchive does not see every loop */
    r->entry = NULL;
    return lb_fail(L, "format", "%s: it has more entries than room for them: a directory is in itself", r->path);
  }
  name = archive_entry_pathname(r->entry);
  target = archive_entry_hardlink(r->entry);
  if (!target) target = archive_entry_symlink(r->entry);
  lua_createtable(L, 0, 5);
  lua_pushstring(L, name ? name : "");
  lua_setfield(L, -2, "name");
  lua_pushstring(L, kind_of(r->entry));
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, (lua_Integer)archive_entry_size(r->entry));
  lua_setfield(L, -2, "size");
  lua_pushinteger(L, (lua_Integer)archive_entry_mtime(r->entry));
  lua_setfield(L, -2, "mtime");
  if (target) {
    lua_pushstring(L, target);
    lua_setfield(L, -2, "target");
  }
  return 1;
}

/* The content of the entry into the file, of the size that was told before; 0, or 3 with a failure pushed. */
static int copy(lua_State *L, Reader *r, partial_File *file, const char *path) {
  char *chunk = lua_newuserdatauv(L, CHUNK, 0);
  la_int64_t left = archive_entry_size(r->entry);
  la_ssize_t n;
  while ((n = archive_read_data(r->archive, chunk, CHUNK)) > 0 && n <= left) {
    lb_checkcancel(L);
    if (partial_write(file, chunk, (size_t)n) < 0) return lb_failerrno(L, errno, "write %s", path);
    left -= n;
  }
  if (n < 0) return failed(L, r);
  if (n > 0 || left > 0) return lb_fail(L, "format", "%s: an entry has not the size that it says: the image is damaged", r->path);
  return 0;
}

/*
reader:save(path) -> true
                  -> nil, message, code
Write the content of the entry that reader:next gave last into a file, which has its name only when it is complete. Once for each entry.
  path           string            replaced when it is there
Codes: format (the image is damaged, or the entry is no file), notfound, io.  Raises: cancelled.
Blocks: on disks only.
*/
static int reader_save(lua_State *L) {
  Reader *r = lb_checkbox(L, 1, TYPE);
  const char *path = luaL_checkstring(L, 2);
  partial_File *file;
  int status;
  if (!r->entry || archive_entry_filetype(r->entry) != AE_IFREG) return lb_fail(L, "format", "%s: there is no file to save", r->path);
  status = partial_open(L, path, &file);
  if (status) return status;
  lua_toclose(L, -1);
  status = copy(L, r, file, path);
  r->entry = NULL;
  if (!status) status = partial_finish(L, file);
  if (status) return status;
  lua_pushboolean(L, 1);
  return 1;
}

void iso_openreader(lua_State *L) {
  static const luaL_Reg methods[] = {{"next", reader_next}, {"save", reader_save}, {NULL, NULL}};
  lb_class(L, TYPE, methods, reader_close);
}
