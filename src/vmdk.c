/* vmdk: is a VMDK whole? */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmdk.h"

#define SECTOR 512
#define MAGIC 0x564d444bU        /* "KDMV" */
#define AT_END (~(uint64_t)0)    /* the grain directory is where the footer says */
#define FLAG_COMPRESSED (1U << 16)
#define FLAG_MARKERS (1U << 17)
#define MARKER_FOOTER 3

/* the fields of SparseExtentHeader that count here; sizes and offsets in sectors */
typedef struct Header {
  uint32_t magic, version, flags, table_entries;
  uint64_t capacity, grain, directory;
} Header;

typedef struct View {
  int fd;
  int64_t offset, size;
  vmdk_Disk *disk;
} View;

static int bad(const View *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int bad(const View *v, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(v->disk->problem, sizeof v->disk->problem, format, args);
  va_end(args);
  return 0;
}

static uint64_t little(const unsigned char *p, int bytes) {
  uint64_t n = 0;
  while (bytes-- > 0) n = n << 8 | p[bytes];
  return n;
}

/* `n` bytes at `at` of the disk's file */
static int take(const View *v, int64_t at, unsigned char *to, size_t n) {
  if (at < 0 || at > v->size - (int64_t)n) return bad(v, "it is cut off: %lld bytes", (long long)v->size);
  while (n > 0) {
    ssize_t got = pread(v->fd, to, n, v->offset + at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) v->disk->error = errno;
    if (got == 0) return bad(v, "it is cut off: its file ends early");
    if (got < 0) return 0;
    to += got;
    at += got;
    n -= (size_t)got;
  }
  return 1;
}

static Header parse(const unsigned char *p) {
  return (Header){.magic = (uint32_t)little(p, 4), .version = (uint32_t)little(p + 4, 4), .flags = (uint32_t)little(p + 8, 4),
                  .capacity = little(p + 12, 8), .grain = little(p + 20, 8), .table_entries = (uint32_t)little(p + 44, 4),
                  .directory = little(p + 56, 8)};
}

static uint64_t table_count(const Header *h) {
  uint64_t grains = (h->capacity + h->grain - 1) / h->grain;
  return (grains + h->table_entries - 1) / h->table_entries;
}

/* Numbers that can be, so that the arithmetic below cannot overflow */
static int sane(const View *v, const Header *h) {
  if (h->version < 1 || h->version > 3) return bad(v, "version %u of the VMDK format is not known", h->version);
  if (h->capacity == 0 || h->capacity > (uint64_t)1 << 40) return bad(v, "its capacity makes no sense");
  if (h->grain == 0 || h->grain > 1 << 20 || (h->grain & (h->grain - 1))) return bad(v, "its grain size makes no sense");
  if (h->table_entries == 0 || h->table_entries > 512) return bad(v, "its grain tables make no sense");
  if (table_count(h) > 1 << 22) return bad(v, "its grain directory makes no sense");
  return 1;
}

static int all_zero(const unsigned char *p, size_t n) {
  while (n > 0 && p[n - 1] == 0) n--;
  return n == 0;
}

/* The last three sectors of a stream: footer marker, footer, end-of-stream marker. */
static int footer(const View *v, const Header *head, Header *foot) {
  unsigned char end[3 * SECTOR];
  if (v->size % SECTOR) return bad(v, "it is cut off: %lld bytes are no whole sectors", (long long)v->size);
  if (!take(v, v->size - (int64_t)sizeof end, end, sizeof end)) return 0;
  *foot = parse(end + SECTOR);
  if (foot->magic != MAGIC || little(end + 12, 4) != MARKER_FOOTER || !all_zero(end + 2 * SECTOR, SECTOR))
    return bad(v, "it is cut off: it has no footer and end-of-stream marker");
  if (foot->capacity != head->capacity) return bad(v, "its footer says another capacity than its header");
  return sane(v, foot);
}

/* The grain that stands last in the file, at sector `at`, is there whole. */
static int last_grain(const View *v, const Header *h, uint64_t at) {
  unsigned char marker[12]; /* of a compressed grain: where it belongs, and its bytes */
  uint64_t end = at * SECTOR + (h->capacity < h->grain ? h->capacity : h->grain) * SECTOR;
  if (at == 0) return 1;
  if (h->flags & FLAG_COMPRESSED) {
    if (!take(v, (int64_t)(at * SECTOR), marker, sizeof marker)) return 0;
    end = at * SECTOR + sizeof marker + little(marker + 8, 4);
  }
  return end <= (uint64_t)v->size ? 1 : bad(v, "it is cut off: its last grain ends at %llu, the file at %lld", (unsigned long long)end, (long long)v->size);
}

/* The grain table at sector `table`: note its grain that stands last. */
static int look_at_table(const View *v, const Header *h, uint64_t table, uint64_t *last) {
  unsigned char entries[512 * 4];
  if (!take(v, (int64_t)(table * SECTOR), entries, h->table_entries * 4)) return 0;
  for (size_t i = 0; i < h->table_entries; i++) {
    uint64_t grain = little(entries + i * 4, 4);
    if (grain > *last) *last = grain;
  }
  return 1;
}

/* Every grain table, and every grain, lies inside the file. */
static int tables(const View *v, const Header *h) {
  unsigned char entry[4];
  uint64_t sectors = (uint64_t)(v->size + SECTOR - 1) / SECTOR, count = table_count(h), last = 0;
  if (h->directory == 0 || h->directory >= sectors) return bad(v, "it is cut off: its grain directory lies behind its end");
  for (uint64_t i = 0; i < count; i++) {
    uint64_t table;
    if (!take(v, (int64_t)(h->directory * SECTOR + i * 4), entry, sizeof entry)) return 0;
    table = little(entry, 4); /* 0: all of it is zeros */
    if (table && !look_at_table(v, h, table, &last)) return 0;
  }
  return last_grain(v, h, last <= 1 ? 0 : last); /* 1 is a grain of zeros */
}

int vmdk_look(int fd, int64_t offset, int64_t size, vmdk_Disk *disk) {
  View v = {fd, offset, size, disk};
  unsigned char sector[SECTOR];
  Header head, foot;
  *disk = (vmdk_Disk){0};
  if (size < SECTOR) return bad(&v, "it is no VMDK, or cut off: %lld bytes", (long long)size);
  if (!take(&v, 0, sector, sizeof sector)) return 0;
  head = parse(sector);
  if (memcmp(sector, "# Disk DescriptorFile", 21) == 0) return bad(&v, "it is the text descriptor of a VMDK without the disk");
  if (head.magic != MAGIC) return bad(&v, "it is no VMDK: it does not begin with KDMV");
  if (!sane(&v, &head)) return 0;
  disk->kind = head.flags & FLAG_COMPRESSED && head.flags & FLAG_MARKERS ? "streamOptimized" : "monolithicSparse";
  disk->capacity = (int64_t)(head.capacity * SECTOR);
  foot = head;
  if (head.directory == AT_END && !footer(&v, &head, &foot)) return 0;
  return tables(&v, &foot);
}
