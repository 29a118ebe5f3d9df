/* fat.h: FAT12 floppy images from a list of files, over a byte buffer of the caller's; no Lua, no I/O, no allocation.
 * Source: Microsoft, "FAT: General Overview of On-Disk Format" 1.03 (long names: its section "FAT Long Directory
 * Entries"); ECMA-107. 512-byte sectors.
 *
 * First fat_plan decides everything that can go wrong: names, sizes, which of the two images. It needs the sizes of the
 * files, not yet their bytes. Then fat_write fills the image, and cannot fail. The same input gives the same bytes. */
#ifndef FAT_H
#define FAT_H

#include <stddef.h>

/* One file. `path` is NUL-ended UTF-8, components separated by single slashes; directories come into being by it.
 * `data` is read by fat_write alone. */
typedef struct fat_File {
  const char *path;
  size_t size;
  const void *data;
} fat_File;

/* Scratch memory: a file, a directory, or the root (node 0). The caller provides fat_nodes(...) of them. */
typedef struct fat_Node {
  const fat_File *file; /* NULL: a directory */
  const char *name;     /* within the path of a file below or at it */
  size_t length;        /* of name, in bytes */
  size_t units;         /* of name, in UTF-16 */
  struct fat_Node *parent, *child, *last, *sibling;
  unsigned char alias[11]; /* the 8.3 name as it stands on disk */
  int islong;              /* has a long name besides */
  unsigned first, clusters;
  unsigned tails; /* numeric tails above 4 given to children */
  size_t entries; /* a directory's 32-byte entries, its own two or the label's one included */
  size_t filled;  /* fat_write: how many of them are written */
} fat_Node;

typedef struct fat_Geometry {
  unsigned sectors, cluster /* sectors each */, root /* entries */, fat /* sectors each */, media, track, heads;
} fat_Geometry;

/* Borrows nodes and files, both unchanged until fat_write has returned. */
typedef struct fat_Plan {
  const fat_Geometry *geometry;
  fat_Node *nodes;
  size_t count;
  size_t size;            /* of the image, in bytes */
  size_t need, room;      /* FAT_FULL: bytes in whole clusters; FAT_ROOT: entries of the root directory */
  const fat_File *bad;    /* FAT_NAME, FAT_DUPLICATE: which file */
  const fat_File *other;  /* FAT_DUPLICATE: and the one it collides with */
} fat_Plan;

enum {
  FAT_OK,
  FAT_NAME,      /* a name that FAT cannot hold */
  FAT_DUPLICATE, /* the same but for the case of letters, or a file and a directory of one name */
  FAT_ROOT,      /* too many entries in the root directory of the larger image */
  FAT_FULL       /* more content than the larger image holds */
};

/* How many nodes fat_plan may use for these files. */
size_t fat_nodes(const fat_File *files, size_t n);

/* Lay the files out: FAT_OK with plan->size 1474560 (1.44 MB) when they fit into that, else 2949120 (2.88 MB); or what
 * is wrong, with the fields named above. The order of the files is the order on disk. */
int fat_plan(fat_Plan *plan, fat_Node *nodes, const fat_File *files, size_t n);

/* Is this a volume label: up to 11 printable ASCII characters that FAT allows? Empty is none at all. */
int fat_label(const char *label);

/* Fill `image` (plan->size bytes). `time` is in seconds since 1970, written as UTC, kept within 1980 to 2107.
 * The volume's serial number is a hash of everything given. */
void fat_write(const fat_Plan *plan, unsigned char *image, const char *label, long long time);

#endif
