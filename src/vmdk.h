/* vmdk.h: is a VMDK whole? Looks at the header and the end of a hosted sparse extent; knows nothing of Lua.
 * Source: "Virtual Disk Format 5.0" (VMware), Hosted Sparse Extents; Stream-Optimized Compressed Sparse Extents. */
#ifndef VMDK_H
#define VMDK_H

#include <stdint.h>

typedef struct vmdk_Disk {
  const char *kind;   /* "streamOptimized", or "monolithicSparse"; a static string */
  int64_t capacity;   /* bytes of the disk */
  char problem[160];  /* what is wrong */
  int error;          /* errno when reading failed, else 0 */
} vmdk_Disk;

/* Look at the `size` bytes from `offset` of the file: 1, or 0 with `problem` or `error` set. */
int vmdk_look(int fd, int64_t offset, int64_t size, vmdk_Disk *disk);

#endif
