/* ova_copy.h: a range of a file into another one, or nowhere, with digests on the way */
#ifndef OVA_COPY_H
#define OVA_COPY_H

#include <stdint.h>
#include <lua.h>

#include "digest_set.h"
#include "lb.h"
#include "queue.h"

/* The box of a copy: what is read, and the digests taken of it. */
typedef struct ova_Source {
  lb_Box box;
  int fd;
  digest_Set digests;
  queue_Queue *queue; /* of the first copy on */
  const char *path;
} ova_Source;

/* Open `path` (a string that stays on the stack) for reading. 0 with the box pushed (make it to-be-closed), or 3 with a
 * failure pushed.  [-0, +(1|3), m] */
int ova_opensource(lua_State *L, const char *path, ova_Source **out);

/* Add the algorithm at `arg`, or those of the array there; nothing when it is nil. Raises for an unknown one.  [-0, +0, v] */
void ova_adddigests(lua_State *L, int arg, ova_Source *source, const char *what);

typedef struct ova_Range {
  int64_t at, size; /* of the source; a size below 0 is up to its end */
  int to;           /* a descriptor, or -1 */
  int64_t to_at;
  const char *target; /* its path, for the message */
  int progress;       /* stack index of a function called with (done, total) bytes, or of nil */
} ova_Range;

/* Copy; `size` of the range becomes how many bytes it was. 0, or 3 with a failure pushed.  [-0, +(0|3), v] */
int ova_copy(lua_State *L, ova_Source *source, ova_Range *range);

/* Push { size = integer, digest = { algorithm = hex } }.  [-0, +1, m] */
void ova_pushcopied(lua_State *L, const ova_Source *source, int64_t size);

#endif
