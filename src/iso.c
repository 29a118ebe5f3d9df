/* iso: ISO 9660 images with Joliet and Rock Ridge, from strings and files, by libarchive */

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <archive.h>
#include <archive_entry.h>

#include "content.h"
#include "isoread.h"
#include "lb.h"
#include "partial.h"

#define TYPE "iso.writer"
#define CHUNK 65536

typedef struct Writer {
  lb_Box box;
  struct archive *archive;
  struct archive_entry *entry; /* one for all files */
  FILE *source;                /* the file being read, or NULL */
  partial_File *file;          /* where the image goes; NULL: nothing is written any more */
  locale_t utf8;               /* libarchive takes names from the locale, and ours are UTF-8; 0 when there is none */
  const char *path;            /* of the image */
  lua_Integer time;
} Writer;

static int writer_close(lua_State *L) {
  Writer *w = lua_touserdata(L, 1);
  if (!lb_closing(&w->box)) return 0;
  if (w->source) fclose(w->source);
  w->source = NULL;
  archive_entry_free(w->entry);
  w->file = NULL; /* free would write the image; archive_write_fail before it leaks (seen with 3.6.2) */
  archive_write_free(w->archive);
  if (w->utf8) freelocale(w->utf8);
  return 0;
}

/* ---- writing; all of these return 0, or 3 with a failure pushed ---- */

static int failed(lua_State *L, const Writer *w, const char *name) {
  const char *why = archive_error_string(w->archive);
  int code = archive_errno(w->archive);
  lb_checkcancel(L); /* that may be why */
  if (!why) why = "libarchive failed";
  return lb_fail(L, "io", "write %s: %s%s%s%s%s%s", w->path, name, *name ? ": " : "", why, code > 0 ? ": " : "",
                 code > 0 ? strerror(code) : "", strstr(why, "temporary file") ? " (in $TMPDIR, or else /tmp)" : "");
}

/* libarchive's writer: no Lua here. */
static la_ssize_t write_block(struct archive *a, void *data, const void *bytes, size_t size) {
  Writer *w = data;
  int wanted = w->file && !lb_cancelled(); /* the image is written at the end, all of it in one call */
  if (wanted && partial_write(w->file, bytes, size) == 0) return (la_ssize_t)size;
  archive_set_error(a, wanted ? errno : ECANCELED, "write error");
  return -1;
}

static int set(lua_State *L, const Writer *w, const char *option, const char *value) {
  if (archive_write_set_format_option(w->archive, "iso9660", option, value) == ARCHIVE_OK) return 0;
  return failed(L, w, option);
}

static int open_writer(lua_State *L, Writer *w, const char *label) {
  int status;
  if (archive_write_set_format_iso9660(w->archive) != ARCHIVE_OK) return failed(L, w, "");
  status = set(L, w, "joliet", "long");
  if (!status) status = set(L, w, "rockridge", "useful");
  if (!status) status = set(L, w, "iso-level", "3"); /* files of 4 GiB and more */
  if (!status && *label) status = set(L, w, "volume-id", label);
  if (status) return status;
  archive_write_set_bytes_per_block(w->archive, CHUNK);
  archive_write_set_bytes_in_last_block(w->archive, 1); /* no padding beyond the image */
  if (archive_write_open(w->archive, w, NULL, write_block, NULL) != ARCHIVE_OK) return failed(L, w, "");
  return 0;
}

/* Put the header of a file or directory. */
static int header(lua_State *L, Writer *w, const char *name, int directory, unsigned long long size) {
  locale_t before = w->utf8 ? uselocale(w->utf8) : (locale_t)0;
  struct archive_entry *e = archive_entry_clear(w->entry);
  int result;
  archive_entry_set_pathname(e, name);
  archive_entry_set_filetype(e, directory ? AE_IFDIR : AE_IFREG);
  archive_entry_set_perm(e, directory ? 0755 : 0644);
  archive_entry_set_size(e, (la_int64_t)size);
  archive_entry_set_mtime(e, (time_t)w->time, 0);
  archive_entry_set_ctime(e, (time_t)w->time, 0);
  archive_entry_set_atime(e, (time_t)w->time, 0);
  result = archive_write_header(w->archive, e);
  if (before) uselocale(before);
  return result == ARCHIVE_OK ? 0 : failed(L, w, name);
}

static int body(lua_State *L, Writer *w, const char *name, const char *bytes, size_t size) {
  while (size > 0) {
    size_t part = size < CHUNK ? size : CHUNK;
    if (archive_write_data(w->archive, bytes, part) != (la_ssize_t)part) return failed(L, w, name);
    bytes += part;
    size -= part;
    lb_checkcancel(L);
  }
  return 0;
}

/* The bytes of a file on disk, of the size that its header promised. */
static int copy(lua_State *L, Writer *w, const content_File *file) {
  char buffer[CHUNK];
  unsigned long long left = file->size;
  w->source = fopen(file->path, "rbe");
  if (!w->source) return lb_failerrno(L, errno, "'%s': read %s", file->name, file->path);
  while (left > 0) {
    size_t want = left < sizeof buffer ? (size_t)left : sizeof buffer, got = fread(buffer, 1, want, w->source);
    int saved = errno, status;
    if (got < want && ferror(w->source)) return lb_failerrno(L, saved, "'%s': read %s", file->name, file->path);
    if (got < want) break;
    left -= got;
    status = body(L, w, file->name, buffer, got);
    if (status) return status;
  }
  if (left > 0 || getc(w->source) != EOF)
    return lb_fail(L, "io", "'%s': read %s: its size changed meanwhile", file->name, file->path);
  fclose(w->source);
  w->source = NULL;
  return 0;
}

/* The directories of `name` that the name before it (sorted) did not have. */
static int directories(lua_State *L, Writer *w, const char *previous, const char *name) {
  for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
    size_t n = (size_t)(slash - name);
    int status;
    if (strncmp(previous, name, n + 1) == 0) continue;
    lua_pushlstring(L, name, n);
    status = header(L, w, lua_tostring(L, -1), 1, 0);
    if (status) return status;
    lua_pop(L, 1);
  }
  return 0;
}

static int contents(lua_State *L, Writer *w, const content_List *list) {
  const char *previous = "";
  for (size_t i = 0; i < list->count; i++) {
    const content_File *file = &list->files[i];
    int status = directories(L, w, previous, file->name);
    if (!status) status = header(L, w, file->name, 0, file->size);
    if (!status) status = file->data ? body(L, w, file->name, file->data, (size_t)file->size) : copy(L, w, file);
    if (status) return status;
    previous = file->name;
  }
  return 0;
}

static int finish(lua_State *L, Writer *w) {
  locale_t before = w->utf8 ? uselocale(w->utf8) : (locale_t)0;
  int result = archive_write_close(w->archive);
  if (before) uselocale(before);
  return result == ARCHIVE_OK ? 0 : failed(L, w, "");
}

/* Joliet keeps 16 characters as they are; ECMA-119 itself 32, of upper case. Longer mixed labels come out mangled. */
static int good_label(const char *label) {
  size_t n = strlen(label);
  if (n > 32) return 0;
  if (n > 16) return strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n;
  for (; *label; label++)
    if (*label < 0x20 || *label > 0x7e || strchr("*/:;?\\", *label)) return 0;
  return 1;
}

/* ---- functions ---- */

/*
iso.write(path, opts) -> { size = integer }
                      -> nil, message, code
Make an ISO 9660 image with Joliet and Rock Ridge names. It has its name only when it is complete.
  path           string            replaced when it is there
  opts.files     table             path = string or path = { file = path of a file here }; "a/b.cfg" makes directory a
  opts.label     string = "CDROM"  volume label: 16 ASCII characters as they are given, or 32 of A-Z 0-9 _
  opts.time      integer = now     of every file, in seconds since 1970; the volume's own dates are the time of writing
Files belong to root, and all may read them. libarchive gathers the content in a file in $TMPDIR or /tmp first.
Codes: format (a name or label that cannot be), notfound, io.  Raises: unknown option, wrong type, cancelled.
Blocks: on disks only.  Source: ECMA-119; Joliet specification; IEEE P1282 (Rock Ridge); archive_write_set_options(3).
*/
static int iso_write(lua_State *L) {
  static const char *const known[] = {"files", "label", "time", NULL};
  const char *path = luaL_checkstring(L, 1), *label;
  struct stat st;
  content_List list;
  partial_File *file;
  lua_Integer when;
  Writer *w;
  int status;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lb_checkkeys(L, 2, known);
  label = lb_optstring(L, 2, "label", "CDROM", NULL);
  when = lb_optinteger(L, 2, "time", (lua_Integer)time(NULL));
  status = content_read(L, 2, &list);
  if (status) return status;
  if (!good_label(label)) return lb_fail(L, "format", "iso: '%s' cannot be a volume label (16 ASCII characters, or 32 of A-Z 0-9 _)", label);
  status = partial_open(L, path, &file);
  if (status) return status;
  lua_toclose(L, -1);
  w = lb_newbox(L, sizeof *w, TYPE);
  lua_toclose(L, -1);
  w->path = path;
  w->file = file;
  w->time = when;
  w->archive = archive_write_new();
  lb_opened(&w->box);
  w->entry = archive_entry_new();
  w->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  if (!w->archive || !w->entry) return lb_fail(L, "io", "write %s: out of memory", path);
  status = open_writer(L, w, label);
  if (!status) status = contents(L, w, &list);
  if (!status) status = finish(L, w);
  if (status) return status;
  lua_closeslot(L, -1); /* takes its time: a large temporary file goes */
  lb_checkcancel(L);
  if (fstat(file->fd, &st) < 0) return lb_failerrno(L, errno, "write %s", path);
  status = partial_finish(L, file);
  if (status) return status;
  lua_createtable(L, 0, 1);
  lua_pushinteger(L, (lua_Integer)st.st_size);
  lua_setfield(L, -2, "size");
  return 1;
}

static const luaL_Reg functions[] = {{"open", iso_open}, {"write", iso_write}, {NULL, NULL}};

int luaopen_lb_iso(lua_State *L);
int luaopen_lb_iso(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, TYPE, none, writer_close);
  iso_openreader(L);
  luaL_newlib(L, functions);
  return 1;
}
