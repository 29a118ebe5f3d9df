/* tar_header: headers of tar entries, formatted by libarchive */

#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "tar_header.h"

#define USTAR_NAME 100        /* bytes of the name field: POSIX.1, ustar Interchange Format */
#define USTAR_SIZE 8589934592 /* what eleven octal digits cannot say any more */

long long tar_padded(long long size) { return (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK; }

/* libarchive's writer: takes the header and then refuses, because closing an archive writes the entry's missing bytes. */
static la_ssize_t take(struct archive *a, void *data, const void *bytes, size_t size) {
  tar_Header *h = data;
  (void)a;
  if (h->problem || h->size + size > sizeof h->bytes) return -1;
  memcpy(h->bytes + h->size, bytes, size);
  h->size += size;
  return (la_ssize_t)size;
}

static int describe(struct archive_entry *e, const char *name, long long size, long long mtime, unsigned mode) {
  archive_entry_set_pathname(e, name);
  archive_entry_set_filetype(e, AE_IFREG);
  archive_entry_set_perm(e, (__LA_MODE_T)mode);
  archive_entry_set_size(e, size);
  archive_entry_set_mtime(e, (time_t)mtime, 0);
  return archive_entry_pathname(e) != NULL;
}

static int format(struct archive *a, struct archive_entry *e, tar_Header *h, const char *name, long long size) {
  int gnu = strlen(name) > USTAR_NAME || size >= USTAR_SIZE;
  if ((gnu ? archive_write_set_format_gnutar(a) : archive_write_set_format_ustar(a)) != ARCHIVE_OK) return 0;
  archive_write_set_bytes_per_block(a, 0); /* unbuffered */
  if (archive_write_open(a, h, NULL, take, NULL) != ARCHIVE_OK) return 0;
  return archive_write_header(a, e) == ARCHIVE_OK;
}

int tar_header(tar_Header *h, const char *name, long long size, long long mtime, unsigned mode) {
  struct archive *a;
  struct archive_entry *e;
  int ok;
  h->size = 0;
  h->problem = NULL;
  if (strlen(name) > TAR_NAME_MAX) {
    h->problem = "the name is too long";
    return 0;
  }
  a = archive_write_new();
  e = archive_entry_new();
  ok = a && e && describe(e, name, size, mtime, mode) && format(a, e, h, name, size) && h->size > 0;
  h->problem = ok ? "" : "libarchive cannot format the header"; /* from now on `take` refuses */
  archive_entry_free(e);
  archive_write_free(a);
  if (ok) h->problem = NULL;
  return ok;
}
