/* digest_queue.h: bytes on their way into a digest set: a thread of its own takes them while the caller gets the next ones.
 * SHA-256 costs about as much as receiving and writing what it is taken of. Knows nothing of Lua. */
#ifndef DIGEST_QUEUE_H
#define DIGEST_QUEUE_H

#include <stddef.h>

#include "digest.h"

#define QUEUE_CHUNK ((size_t)256 * 1024)

/* For one caller's thread. The queue's own thread begins with the first whole chunk, if there is any digest to take; it has
 * all signals blocked, opens nothing and allocates nothing. Where no thread can be had, the caller's takes the digests. */
typedef struct digest_Queue digest_Queue;

/* A queue for `set`, which must outlive it and is to be left alone between queue_give and queue_settle. NULL: out of memory. */
digest_Queue *queue_open(digest_Set *set);

/* The chunk to fill next, the same one until queue_give; waits while all are on their way. */
char *queue_room(digest_Queue *queue);

/* Take its first `n` bytes into the digests, after all given before. They can be read on until the next queue_room. */
void queue_give(digest_Queue *queue, size_t n);

/* Wait until all that was given is in the set: a few chunks. */
void queue_settle(digest_Queue *queue);

/* End the thread, after the chunk at hand, and free all but the set. NULL is allowed. */
void queue_close(digest_Queue *queue);

#endif
