/* fat: FAT12 floppy images. The layout is that of the Microsoft document named in fat.h ("the document" below). */

#include <stdint.h>
#include <string.h>

#include "fat.h"
#include "utf8.h"

#define SECTOR 512u
#define ENTRY 32u
#define LONGMAX 255  /* UTF-16 units of a long name */
#define PERENTRY 13u /* of them in each of its entries */
#define READONLY_HIDDEN_SYSTEM_VOLUME 0x0f /* attributes of a long name's entries */
#define VOLUME 0x08
#define DIRECTORY 0x10
#define ARCHIVE 0x20

/* The two high-density 3.5-inch formats, as DOS makes them. */
static const fat_Geometry geometries[] = {
    {2880, 1, 224, 9, 0xf0, 18, 2},
    {5760, 2, 240, 9, 0xf0, 36, 2},
};
#define NGEOMETRIES (sizeof geometries / sizeof geometries[0])

/* ---- names ---- */

static unsigned long upper(unsigned long c) {
  if (c >= 'a' && c <= 'z') return c - 32;
  if (c >= 0xe0 && c <= 0xfe && c != 0xf7) return c - 32;         /* Latin-1 */
  if (c >= 0x3b1 && c <= 0x3c9 && c != 0x3c2) return c - 32;      /* Greek */
  if (c >= 0x430 && c <= 0x44f) return c - 32;                    /* Cyrillic */
  if (c >= 0x450 && c <= 0x45f) return c - 80;
  return c;
}

/* The UTF-16 units of a name, 0 when it is not a long name: characters that the document forbids, not UTF-8, too long,
 * nothing but dots, or ending in a dot or a space, which readers drop. */
static size_t name_units(const char *s, size_t n) {
  size_t units = 0, len;
  if (n == 0 || s[n - 1] == '.' || s[n - 1] == ' ') return 0;
  for (; n > 0; s += len, n -= len) {
    len = utf8_length(s, n);
    if (!len || (unsigned char)*s < 0x20 || *s == 0x7f || strchr("\"*/:<>?\\|", *s)) return 0;
    units += len == 4 ? 2 : 1;
  }
  return units <= LONGMAX ? units : 0;
}

static int same_name(const fat_Node *node, const char *s, size_t n) {
  const char *t = node->name;
  size_t m = node->length;
  while (n > 0 && m > 0) {
    size_t a = utf8_length(s, n), b = utf8_length(t, m);
    if (upper(utf8_point(s, a)) != upper(utf8_point(t, b))) return 0;
    s += a, n -= a;
    t += b, m -= b;
  }
  return n == 0 && m == 0;
}

static int short_character(int c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("$%'-_@~`!(){}^#&", c)); }

/* The alias of a name that is 8.3 but for the case of its letters; 0 when it is not. */
static int exact_alias(fat_Node *node) {
  size_t at = 0, limit = 8;
  memset(node->alias, ' ', sizeof node->alias);
  node->islong = 0;
  for (size_t i = 0; i < node->length; i++) {
    int c = (int)upper((unsigned char)node->name[i]);
    if (c == '.' && limit == 8 && i > 0) {
      at = 8;
      limit = 11;
      continue;
    }
    if (at >= limit || !short_character(c)) return 0;
    node->islong |= c != node->name[i];
    node->alias[at++] = (unsigned char)c;
  }
  return 1;
}

/* Up to `limit` characters of a name as they stand in an alias; returns how many. */
static size_t squeeze(unsigned char *out, size_t limit, const char *s, const char *end) {
  size_t n = 0, len;
  for (; s < end && n < limit; s += len) {
    int c = (int)upper((unsigned char)*s);
    len = utf8_length(s, (size_t)(end - s));
    if (*s == ' ' || *s == '.') continue;
    out[n++] = (unsigned char)(len == 1 && short_character(c) ? c : '_');
  }
  return n;
}

static int alias_taken(const fat_Node *node) {
  for (const fat_Node *other = node->parent->child; other; other = other->sibling)
    if (other != node && other->alias[0] && memcmp(other->alias, node->alias, sizeof node->alias) == 0) return 1;
  return 0;
}

/* The alias with a numeric tail, "PROGRA~1.TXT", of a name that is no 8.3 name.
 * After four tries the number is the directory's next one, so that thousands of like names take no time.
 * Source: the document, "Basis-Name Generation Algorithm" and "Numeric-Tail Generation". */
static void tailed_alias(fat_Node *node) {
  const char *s = node->name, *end = s + node->length, *dot = NULL;
  unsigned char base[8];
  size_t n;
  while (s < end && (*s == '.' || *s == ' ')) s++;
  for (const char *c = s; c < end; c++)
    if (*c == '.') dot = c;
  node->islong = 1;
  memset(node->alias, ' ', sizeof node->alias);
  if (dot) squeeze(node->alias + 8, 3, dot + 1, end);
  n = squeeze(base, sizeof base, s, dot ? dot : end);
  for (unsigned number = 1;; number = number < 4 ? number + 1 : ++node->parent->tails + 4) {
    char tail[12];
    size_t len = 0, keep;
    for (unsigned left = number; left; left /= 10) tail[len++] = (char)('0' + left % 10);
    tail[len++] = '~';
    keep = n < 8 - len ? n : 8 - len;
    memset(node->alias, ' ', 8);
    memcpy(node->alias, base, keep);
    for (size_t i = 0; i < len; i++) node->alias[keep + i] = (unsigned char)tail[len - 1 - i];
    if (!alias_taken(node)) return;
  }
}

int fat_label(const char *label) {
  size_t n = strlen(label);
  if (n > 11 || label[0] == ' ' || (n && label[n - 1] == ' ')) return 0;
  for (; *label; label++)
    if (*label < 0x20 || *label > 0x7e || strchr("\"*+,./:;<=>?[\\]|", *label)) return 0;
  return 1;
}

/* ---- planning ---- */

size_t fat_nodes(const fat_File *files, size_t n) {
  size_t count = 1 + n;
  for (size_t i = 0; i < n; i++)
    for (const char *c = files[i].path; *c; c++) count += *c == '/';
  return count;
}

static fat_Node *find_child(const fat_Node *parent, const char *name, size_t length) {
  for (fat_Node *node = parent->child; node; node = node->sibling)
    if (same_name(node, name, length)) return node;
  return NULL;
}

/* Any file at or below the node, for messages. */
static const fat_File *some_file(const fat_Node *node) {
  while (!node->file) node = node->child;
  return node->file;
}

static fat_Node *new_node(fat_Plan *plan, fat_Node *parent, const char *name, size_t length, size_t units) {
  fat_Node *node = &plan->nodes[plan->count++];
  *node = (fat_Node){.name = name, .length = length, .units = units, .parent = parent, .entries = 2};
  if (parent->last) parent->last->sibling = node;
  else parent->child = node;
  parent->last = node;
  return node;
}

/* Put a file and the directories above it into the tree. */
static int add(fat_Plan *plan, const fat_File *file) {
  fat_Node *at = plan->nodes;
  const char *name = file->path;
  plan->bad = file;
  for (;;) {
    const char *slash = strchr(name, '/');
    size_t length = slash ? (size_t)(slash - name) : strlen(name), units = name_units(name, length);
    fat_Node *node;
    if (!units) return FAT_NAME;
    node = find_child(at, name, length);
    if (node && (!slash || node->file || node->length != length || memcmp(node->name, name, length) != 0)) {
      plan->other = some_file(node);
      return FAT_DUPLICATE;
    }
    if (!node) node = new_node(plan, at, name, length, units);
    if (!slash) {
      node->file = file;
      return FAT_OK;
    }
    at = node;
    name = slash + 1;
  }
}

/* Exact aliases first, so that a tail never takes the place of a real name. Then each directory's size is known. */
static void assign_aliases(fat_Plan *plan) {
  for (size_t i = 1; i < plan->count; i++)
    if (!exact_alias(&plan->nodes[i])) plan->nodes[i].alias[0] = 0;
  for (size_t i = 1; i < plan->count; i++) {
    fat_Node *node = &plan->nodes[i];
    if (!node->alias[0]) tailed_alias(node);
    node->parent->entries += 1 + (node->islong ? (node->units + PERENTRY - 1) / PERENTRY : 0);
  }
}

static unsigned data_sector(const fat_Geometry *g) { return 1 + 2 * g->fat + g->root * ENTRY / SECTOR; }

/* Give every node its clusters, one after the other; returns how many were given. */
static size_t place(fat_Plan *plan, const fat_Geometry *g) {
  size_t bytes = g->cluster * SECTOR, next = 2;
  for (size_t i = 1; i < plan->count; i++) {
    fat_Node *node = &plan->nodes[i];
    size_t size = node->file ? node->file->size : node->entries * ENTRY;
    size_t clusters = size / bytes + (size % bytes != 0);
    node->clusters = (unsigned)clusters;
    node->first = clusters ? (unsigned)next : 0;
    next += clusters;
  }
  return next - 2;
}

int fat_plan(fat_Plan *plan, fat_Node *nodes, const fat_File *files, size_t n) {
  *plan = (fat_Plan){.nodes = nodes, .count = 1};
  nodes[0] = (fat_Node){.entries = 1};
  for (size_t i = 0; i < n; i++) {
    int status = add(plan, &files[i]);
    if (status != FAT_OK) return status;
  }
  assign_aliases(plan);
  for (size_t i = 0; i < NGEOMETRIES; i++) {
    const fat_Geometry *g = &geometries[i];
    size_t clusters = place(plan, g);
    plan->geometry = g;
    plan->size = g->sectors * SECTOR;
    plan->need = clusters * g->cluster * SECTOR;
    plan->room = (g->sectors - data_sector(g)) / g->cluster * g->cluster * SECTOR;
    if (plan->need <= plan->room && nodes->entries <= g->root) return FAT_OK;
  }
  if (plan->need > plan->room) return FAT_FULL;
  plan->need = nodes->entries;
  plan->room = plan->geometry->root;
  return FAT_ROOT;
}

/* ---- writing ---- */

static void put16(unsigned char *at, unsigned value) {
  at[0] = (unsigned char)value;
  at[1] = (unsigned char)(value >> 8);
}

static void put32(unsigned char *at, uint32_t value) {
  put16(at, value & 0xffff);
  put16(at + 2, value >> 16);
}

typedef struct Stamp {
  unsigned date, time;
} Stamp;

/* Source: the document, "Date and Time Formats"; days to a date as in Fliegel and van Flandern. */
static Stamp stamp(long long seconds) {
  const long long first = 315532800, last = 4354819198; /* 1980-01-01 00:00:00, 2107-12-31 23:59:58 */
  long long days, l, n, i, j;
  unsigned year, month, day, left;
  if (seconds < first) seconds = first;
  if (seconds > last) seconds = last;
  days = seconds / 86400;
  left = (unsigned)(seconds % 86400);
  l = days + 2440588 + 68569; /* the Julian day of 1970-01-01 */
  n = 4 * l / 146097;
  l -= (146097 * n + 3) / 4;
  i = 4000 * (l + 1) / 1461001;
  l -= 1461 * i / 4 - 31;
  j = 80 * l / 2447;
  day = (unsigned)(l - 2447 * j / 80);
  month = (unsigned)(j + 2 - 12 * (j / 11));
  year = (unsigned)(100 * (n - 49) + i + j / 11);
  return (Stamp){(year - 1980) << 9 | month << 5 | day, (left / 3600) << 11 | (left / 60 % 60) << 5 | left % 60 / 2};
}

static uint32_t hash(uint32_t h, const void *data, size_t n) {
  const unsigned char *bytes = data;
  for (size_t i = 0; i < n; i++) h = (h ^ bytes[i]) * 16777619u; /* FNV-1a */
  return h;
}

static uint32_t serial(const fat_Plan *plan, const char *label, Stamp s) {
  uint32_t h = hash(2166136261u, label, strlen(label));
  h = hash(h, &s.date, sizeof s.date);
  h = hash(h, &s.time, sizeof s.time);
  for (size_t i = 1; i < plan->count; i++) {
    const fat_File *file = plan->nodes[i].file;
    if (!file) continue;
    h = hash(h, file->path, strlen(file->path) + 1);
    h = hash(h, file->data, file->size);
  }
  return h;
}

/* Source: the document, "Boot Sector and BPB Structure". The code hands the boot on to the next device (INT 18h): an
 * image left in the drive does no harm. */
static void boot_sector(unsigned char *at, const fat_Geometry *g, const char *label, uint32_t number) {
  static const unsigned char jump[] = {0xeb, 0x3c, 0x90}, code[] = {0xcd, 0x18, 0xf4, 0xeb, 0xfd};
  memcpy(at, jump, sizeof jump);
  memcpy(at + 3, "MSWIN4.1", 8);
  put16(at + 11, SECTOR);
  at[13] = (unsigned char)g->cluster;
  put16(at + 14, 1); /* reserved sectors */
  at[16] = 2;        /* tables */
  put16(at + 17, g->root);
  put16(at + 19, g->sectors);
  at[21] = (unsigned char)g->media;
  put16(at + 22, g->fat);
  put16(at + 24, g->track);
  put16(at + 26, g->heads);
  at[38] = 0x29; /* the next three fields are there */
  put32(at + 39, number);
  memset(at + 43, ' ', 11);
  memcpy(at + 43, *label ? label : "NO NAME", *label ? strlen(label) : 7);
  memcpy(at + 54, "FAT12   ", 8);
  memcpy(at + 62, code, sizeof code);
  put16(at + 510, 0xaa55);
}

/* Source: the document, "FAT Type Determination": entry n is the 12 bits at byte n + n/2. */
static void link_cluster(unsigned char *fat, unsigned cluster, unsigned value) {
  unsigned char *at = fat + cluster + cluster / 2;
  if (cluster & 1) {
    at[0] = (unsigned char)((at[0] & 0x0f) | value << 4);
    at[1] = (unsigned char)(value >> 4);
  } else {
    at[0] = (unsigned char)value;
    at[1] = (unsigned char)((at[1] & 0xf0) | (value >> 8 & 0x0f));
  }
}

static void tables(const fat_Plan *plan, unsigned char *image) {
  const fat_Geometry *g = plan->geometry;
  unsigned char *fat = image + SECTOR;
  link_cluster(fat, 0, 0xf00u | g->media);
  link_cluster(fat, 1, 0xfff);
  for (size_t i = 1; i < plan->count; i++) {
    const fat_Node *node = &plan->nodes[i];
    for (unsigned k = 0; k < node->clusters; k++)
      link_cluster(fat, node->first + k, k + 1 < node->clusters ? node->first + k + 1 : 0xfff);
  }
  memcpy(fat + g->fat * SECTOR, fat, g->fat * SECTOR);
}

/* Where a node's bytes are; for node 0, the root directory. */
static unsigned char *bytes_of(const fat_Plan *plan, unsigned char *image, const fat_Node *node) {
  const fat_Geometry *g = plan->geometry;
  if (node == plan->nodes) return image + (1 + 2 * g->fat) * SECTOR;
  return image + (data_sector(g) + (node->first - 2) * g->cluster) * SECTOR;
}

/* Source: the document, "FAT Directory Structure". */
static void entry(unsigned char *at, const void *alias, unsigned attributes, Stamp s, unsigned first, size_t size) {
  memcpy(at, alias, 11);
  at[11] = (unsigned char)attributes;
  put16(at + 14, s.time); /* made */
  put16(at + 16, s.date);
  put16(at + 18, s.date); /* read */
  put16(at + 22, s.time); /* written */
  put16(at + 24, s.date);
  put16(at + 26, first);
  put32(at + 28, (uint32_t)size);
}

/* Source: the document, "ChkSum() Routine". */
static unsigned char checksum(const unsigned char *alias) {
  unsigned sum = 0;
  for (int i = 0; i < 11; i++) sum = (((sum & 1) << 7) + (sum >> 1) + alias[i]) & 0xff;
  return (unsigned char)sum;
}

/* The name as UTF-16, ended by 0 and filled up with 0xffff. */
static void utf16(const fat_Node *node, unsigned *out) {
  size_t n = 0, len;
  for (size_t i = 0; i < node->length; i += len) {
    unsigned long c;
    len = utf8_length(node->name + i, node->length - i);
    c = utf8_point(node->name + i, len);
    if (c >= 0x10000) {
      out[n++] = 0xd800 + (unsigned)((c - 0x10000) >> 10);
      c = 0xdc00 + ((c - 0x10000) & 0x3ff);
    }
    out[n++] = (unsigned)c;
  }
  if (n % PERENTRY) out[n++] = 0;
  while (n % PERENTRY) out[n++] = 0xffff;
}

/* Source: the document, "FAT Long Directory Entries": the last part stands first. */
static unsigned char *long_entries(unsigned char *at, const fat_Node *node) {
  static const unsigned char offsets[PERENTRY] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
  unsigned units[LONGMAX + PERENTRY];
  size_t parts = (node->units + PERENTRY - 1) / PERENTRY;
  utf16(node, units);
  for (size_t part = parts; part > 0; part--, at += ENTRY) {
    at[0] = (unsigned char)(part | (part == parts ? 0x40 : 0));
    at[11] = READONLY_HIDDEN_SYSTEM_VOLUME;
    at[13] = checksum(node->alias);
    for (size_t i = 0; i < PERENTRY; i++) put16(at + offsets[i], units[(part - 1) * PERENTRY + i]);
  }
  return at;
}

static void write_node(const fat_Plan *plan, unsigned char *image, fat_Node *node, Stamp s) {
  fat_Node *parent = node->parent;
  unsigned char *start = bytes_of(plan, image, parent), *at = start + parent->filled * ENTRY, *body;
  if (node->islong) at = long_entries(at, node);
  entry(at, node->alias, node->file ? ARCHIVE : DIRECTORY, s, node->first, node->file ? node->file->size : 0);
  parent->filled = (size_t)(at + ENTRY - start) / ENTRY;
  if (!node->clusters) return;
  body = bytes_of(plan, image, node);
  if (node->file) {
    memcpy(body, node->file->data, node->file->size);
    return;
  }
  entry(body, ".          ", DIRECTORY, s, node->first, 0);
  entry(body + ENTRY, "..         ", DIRECTORY, s, parent->first, 0); /* 0 for the root */
  node->filled = 2;
}

void fat_write(const fat_Plan *plan, unsigned char *image, const char *label, long long time) {
  Stamp s = stamp(time);
  unsigned char padded[11];
  memset(image, 0, plan->size);
  boot_sector(image, plan->geometry, label, serial(plan, label, s));
  tables(plan, image);
  plan->nodes->filled = 0;
  if (*label) {
    memset(padded, ' ', sizeof padded);
    memcpy(padded, label, strlen(label));
    entry(bytes_of(plan, image, plan->nodes), padded, VOLUME, s, 0, 0);
    plan->nodes->filled = 1;
  }
  for (size_t i = 1; i < plan->count; i++) write_node(plan, image, &plan->nodes[i], s);
}
