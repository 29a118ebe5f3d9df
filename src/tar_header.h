/* tar_header.h: headers of tar entries, formatted by libarchive; knows nothing of Lua */
#ifndef TAR_HEADER_H
#define TAR_HEADER_H

#include <stddef.h>

#define TAR_BLOCK 512
#define TAR_NAME_MAX 1000 /* bytes of a name */

/* A header of one block, or of a few for a long name */
typedef struct tar_Header {
  unsigned char bytes[8 * TAR_BLOCK];
  size_t size;
  const char *problem; /* why there is none; a static string */
} tar_Header;

/* Format the header of a regular file of root's: USTAR as the standard of OVF demands, GNU when the entry has 8 GiB or more, or a
 * name of more than 100 bytes. How long it is depends on the name alone. 1, or 0 with `problem` set. */
int tar_header(tar_Header *header, const char *name, long long size, long long mtime, unsigned mode);

/* `size` with the padding that fills its last block */
long long tar_padded(long long size);

#endif
