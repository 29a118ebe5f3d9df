/* ova_read: what is in an archive, whoever wrote it: entries, their bytes, digests, the state of a disk */

#include <errno.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "ova.h"
#include "ova_copy.h"
#include "partial.h"
#include "tar_header.h"
#include "vmdk.h"

#define READER "ova.reader"
#define ENTRIES_MAX 10000
#define READ_LIMIT (16 * 1024 * 1024)

typedef struct Reader {
  lb_Box box;
  struct archive *archive;
  locale_t utf8; /* libarchive converts the names of pax headers to the locale's; 0 when there is none */
} Reader;

static int reader_close(lua_State *L) {
  Reader *r = lua_touserdata(L, 1);
  if (!lb_closing(&r->box)) return 0;
  archive_read_free(r->archive);
  if (r->utf8) freelocale(r->utf8);
  return 0;
}

/* ---- walking the headers ---- */

/* One header further: ARCHIVE_OK, ARCHIVE_EOF, or worse. */
static int next(Reader *r, struct archive_entry **entry) {
  locale_t before = r->utf8 ? uselocale(r->utf8) : (locale_t)0;
  int result = archive_read_next_header(r->archive, entry);
  if (result == ARCHIVE_OK || result == ARCHIVE_WARN) archive_entry_pathname(*entry); /* converted and kept there */
  if (before) uselocale(before);
  return result == ARCHIVE_WARN ? ARCHIVE_OK : result;
}

static const char *kind(struct archive_entry *e) {
  if (archive_entry_hardlink(e)) return "hardlink";
  switch (archive_entry_filetype(e)) {
    case AE_IFREG: return archive_entry_sparse_count(e) > 0 ? "sparse" : "file";
    case AE_IFDIR: return "directory";
    case AE_IFLNK: return "symlink";
    default: return "other";
  }
}

static const char *format_name(int format) {
  switch (format) {
    case ARCHIVE_FORMAT_TAR_USTAR: return "ustar";
    case ARCHIVE_FORMAT_TAR_GNUTAR: return "gnu";
    case ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE: case ARCHIVE_FORMAT_TAR_PAX_RESTRICTED: return "pax";
    default: return "v7";
  }
}

static void set_integer(lua_State *L, const char *key, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, key);
}

static void set_string(lua_State *L, const char *key, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

/* Push the entry's table. Returns where its content ends, padding included; what a header claims may be more than any file
 * has.  [-0, +1, m] */
static int64_t push_entry(lua_State *L, Reader *r, struct archive_entry *e) {
  const char *name = archive_entry_pathname(e);
  int64_t size = archive_entry_size(e), offset = archive_filter_bytes(r->archive, 0);
  lua_createtable(L, 0, 6);
  set_string(L, "name", name ? name : "?");
  set_string(L, "kind", kind(e));
  set_integer(L, "size", size);
  set_integer(L, "offset", offset);
  set_integer(L, "mtime", (lua_Integer)archive_entry_mtime(e));
  set_string(L, "format", format_name(archive_format(r->archive)));
  return size > INT64_MAX / 2 ? INT64_MAX : offset + tar_padded(size);
}

/* Two blocks of zeros stand at `end`. */
static int end_mark(int fd, int64_t end) {
  unsigned char mark[2 * TAR_BLOCK];
  ssize_t n = pread(fd, mark, sizeof mark, end);
  if (n != (ssize_t)sizeof mark) return 0;
  for (size_t i = 0; i < sizeof mark; i++)
    if (mark[i]) return 0;
  return 1;
}

static int refused(lua_State *L, Reader *r, const char *path) {
  const char *why = archive_error_string(r->archive);
  return lb_fail(L, "format", "read %s: not a tar archive, or a damaged one%s%s", path, why ? ": " : "", why ? why : "");
}

/* Push the array of entries and the table about all. 0 or 3.  [-0, +2, v] */
static int entries(lua_State *L, Reader *r, ova_Source *source) {
  struct archive_entry *e;
  int64_t end = 0;
  int result, sparse = 0; /* what a sparse entry takes in the archive is not known */
  struct stat st;
  if (fstat(source->fd, &st) < 0) return lb_failerrno(L, errno, "read %s", source->path);
  lua_newtable(L);
  while ((result = next(r, &e)) == ARCHIVE_OK) {
    lua_Integer n = (lua_Integer)luaL_len(L, -1) + 1;
    if (n > ENTRIES_MAX) return lb_fail(L, "format", "read %s: more than %d entries", source->path, ENTRIES_MAX);
    end = push_entry(L, r, e);
    lua_rawseti(L, -2, n);
    lb_checkcancel(L);
    if (archive_entry_sparse_count(e) > 0) sparse = 1;
    else if (end > st.st_size) break; /* nothing can follow */
  }
  if (result != ARCHIVE_OK && result != ARCHIVE_EOF && luaL_len(L, -1) == 0) return refused(L, r, source->path);
  lua_createtable(L, 0, 3);
  set_integer(L, "size", (lua_Integer)st.st_size);
  lua_pushboolean(L, result == ARCHIVE_EOF && (sparse || end_mark(source->fd, end)));
  lua_setfield(L, -2, "ended");
  if (result != ARCHIVE_OK && result != ARCHIVE_EOF) set_string(L, "problem", archive_error_string(r->archive));
  return 0;
}

/* Open the archive at argument 1 and push source, reader, entries and the table about all; 0, or 3 with a failure pushed. */
static int open_list(lua_State *L, ova_Source **source) {
  const char *path = luaL_checkstring(L, 1);
  Reader *r;
  int status = ova_opensource(L, path, source), ok;
  if (status) return status;
  lua_toclose(L, -1);
  r = lb_newbox(L, sizeof *r, READER);
  lua_toclose(L, -1);
  r->archive = archive_read_new();
  lb_opened(&r->box);
  r->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  ok = r->archive && archive_read_support_format_tar(r->archive) >= ARCHIVE_WARN;
  if (!ok) return lb_fail(L, "io", "read %s: out of memory", path);
  if (archive_read_open_fd(r->archive, (*source)->fd, 10240) != ARCHIVE_OK) return refused(L, r, path);
  return entries(L, r, *source);
}

/*
ova.list(path) -> {entry, ...}, about
               -> nil, message, code
The entries of an archive (USTAR, GNU, pax, or older), from its headers alone.
entry = { name = string, kind = "file"|"directory"|"symlink"|"hardlink"|"sparse"|"other", size = integer (bytes),
  offset = integer (of the content in the archive), mtime = integer, format = "ustar"|"gnu"|"pax"|"v7" }
about = { size = integer (of the archive), ended = boolean (the end mark is there), problem = string|nil (a damaged header
  after the entries) }
A cut off archive is listed too: its last entry then reaches beyond its size.
Codes: notfound, io, format (not a tar archive).  Raises: cancelled.
Blocks: on disks only.  Source: POSIX.1 pax; libarchive-formats(5).
*/
int ova_list(lua_State *L) {
  ova_Source *source;
  int status;
  lua_settop(L, 1);
  status = open_list(L, &source);
  return status ? status : 2;
}

/* ---- content ---- */

/* Find the plain file `name`: 0 with its range, or 3 with a failure pushed. The source stays open in its box. */
static int find(lua_State *L, const char *name, ova_Source **source, ova_Range *range) {
  int status = open_list(L, source), list = lua_gettop(L) - 1;
  lua_Integer n;
  if (status) return status;
  n = luaL_len(L, list);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, list, i);
    lua_getfield(L, -1, "name");
    if (strcmp(lua_tostring(L, -1), name) == 0) break;
    lua_pop(L, 2);
    if (i == n) n = 0;
  }
  if (n == 0) return lb_fail(L, "notfound", "read %s: it has no entry '%s'", (*source)->path, name);
  lua_getfield(L, -2, "kind");
  if (strcmp(lua_tostring(L, -1), "file") != 0)
    return lb_fail(L, "format", "read %s: entry '%s' is a %s, not a plain file", (*source)->path, name, lua_tostring(L, -1));
  lua_getfield(L, -3, "offset");
  range->at = lua_tointeger(L, -1);
  lua_getfield(L, -4, "size");
  range->size = lua_tointeger(L, -1);
  return 0;
}

/*
ova.read(path, name [, limit]) -> string
                               -> nil, message, code
The content of an entry: the first one of that name.
  limit          integer = 16 MiB  bytes; a larger entry is refused
Codes: notfound, io, format (not a tar archive, no plain file, too large, cut off).  Raises: cancelled.
Blocks: on disks only.
*/
int ova_read(lua_State *L) {
  const char *name = luaL_checkstring(L, 2);
  lua_Integer limit = luaL_optinteger(L, 3, READ_LIMIT);
  ova_Source *source;
  ova_Range range;
  luaL_Buffer b;
  char *to;
  int status;
  lua_settop(L, 2);
  status = find(L, name, &source, &range);
  if (status) return status;
  if (range.size > limit)
    return lb_fail(L, "format", "read %s: entry '%s' has %lld bytes, more than %lld", source->path, name, (long long)range.size, (long long)limit);
  to = luaL_buffinitsize(L, &b, (size_t)range.size);
  for (int64_t done = 0; done < range.size;) {
    ssize_t n = pread(source->fd, to + done, (size_t)(range.size - done), range.at + done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return lb_failerrno(L, errno, "read %s", source->path);
    if (n == 0) return lb_fail(L, "format", "read %s: entry '%s' is cut off", source->path, name);
    done += n;
  }
  luaL_pushresultsize(&b, (size_t)range.size);
  return 1;
}

/*
ova.digest(path, name, algorithm [, progress]) -> string, integer
                                               -> nil, message, code
The digest of an entry's content, in lower-case hex, and its size in bytes.
  algorithm      string            "sha256", "sha1" or "sha512"
  progress       function|nil      called with (done, total) bytes every 0.5 s at most, and at the end
Codes: notfound, io, format (not a tar archive, no plain file, cut off).  Raises: cancelled, errors of progress.
Blocks: yes.
*/
int ova_digest(lua_State *L) {
  const char *name = luaL_checkstring(L, 2);
  ova_Range range = {.to = -1, .progress = 4};
  ova_Source *source;
  char hex[DIGEST_HEX];
  int status;
  luaL_checkstring(L, 3);
  lua_settop(L, 4);
  status = find(L, name, &source, &range);
  if (status) return status;
  ova_adddigests(L, 3, source, "algorithm");
  status = ova_copy(L, source, &range);
  if (status) return status;
  digest_sethex(&source->digests, 0, hex);
  lua_pushstring(L, hex);
  lua_pushinteger(L, range.size);
  return 2;
}

/*
ova.extract(path, name, file [, opts]) -> { size = integer, digest = table (algorithm -> hex) }
                                       -> nil, message, code
Copy an entry's content to a file, which has its name only when it is complete. The entry's name plays no part in where
that is.
  file           string            path; replaced when it is there
  opts.digest    string|table|nil  "sha256", "sha1", "sha512" or an array of them: taken on the way
  opts.progress  function|nil      called with (done, total) bytes every 0.5 s at most, and at the end
Codes: notfound, io, format (not a tar archive, no plain file, cut off).  Raises: unknown option, wrong type, cancelled,
errors of progress.
Blocks: yes.
*/
int ova_extract(lua_State *L) {
  static const char *const known[] = {"digest", "progress", NULL};
  const char *name = luaL_checkstring(L, 2), *target = luaL_checkstring(L, 3);
  ova_Range range = {.target = target, .progress = 5};
  ova_Source *source;
  partial_File *file;
  int status;
  lua_settop(L, 4);
  lb_checkkeys(L, 4, known);
  if (lua_isnil(L, 4)) lua_newtable(L), lua_replace(L, 4);
  lb_optfunction(L, 4, "progress"); /* 5 */
  lua_getfield(L, 4, "digest");   /* 6 */
  status = find(L, name, &source, &range);
  if (status) return status;
  ova_adddigests(L, 6, source, "option 'digest'");
  status = partial_open(L, target, &file);
  if (status) return status;
  lua_toclose(L, -1);
  range.to = file->fd;
  status = ova_copy(L, source, &range);
  if (!status) status = partial_finish(L, file);
  if (status) return status;
  ova_pushcopied(L, source, range.size);
  return 1;
}

/*
ova.vmdk(path [, offset [, size]]) -> { kind = string, capacity = integer (bytes of the disk) }
                                   -> nil, message, code
Look whether a VMDK is whole: its header, of a stream-optimised one the footer and end-of-stream marker, and that all grains
lie inside of it. The bytes of the grains are not looked at.
  offset         integer = 0       where it begins in the file: an entry's offset for one in an archive
  size           integer|nil       its bytes, at most those up to the end of the file; default: all of these
kind = "streamOptimized"|"monolithicSparse"
Codes: notfound, io, format (no VMDK, or a cut off one; the message says which).
Blocks: on disks only.  Source: "Virtual Disk Format 5.0" (VMware), Hosted Sparse Extents, Stream-Optimized Compressed Sparse
Extents.
*/
int ova_vmdk(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  lua_Integer offset = luaL_optinteger(L, 2, 0), size = luaL_optinteger(L, 3, -1), left;
  vmdk_Disk disk;
  ova_Source *source;
  struct stat st;
  int status;
  luaL_argcheck(L, offset >= 0, 2, "an offset is not negative");
  lua_settop(L, 3);
  status = ova_opensource(L, path, &source);
  if (status) return status;
  lua_toclose(L, -1);
  if (fstat(source->fd, &st) < 0) return lb_failerrno(L, errno, "read %s", path);
  left = st.st_size > offset ? (lua_Integer)st.st_size - offset : 0;
  if (size < 0 || size > left) size = left; /* as an entry of a cut off archive says */
  if (!vmdk_look(source->fd, offset, size, &disk))
    return disk.error ? lb_failerrno(L, disk.error, "read %s", path) : lb_fail(L, "format", "%s", disk.problem);
  lua_createtable(L, 0, 2);
  set_string(L, "kind", disk.kind);
  set_integer(L, "capacity", disk.capacity);
  return 1;
}

void ova_openread(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, READER, none, reader_close);
}
