/* queue.h: chunks of bytes on their way to threads that do something with them, while the caller gets the next ones.
 * Receiving, digesting and writing cost about the same each. Knows nothing of Lua. */
#ifndef QUEUE_H
#define QUEUE_H

#include <stddef.h>

#define QUEUE_CHUNK ((size_t)512 * 1024)

/* What is done with each chunk, in order: 0, or an errno, after which nothing more is done. */
typedef int queue_Take(void *arg, const char *bytes, size_t n);

/* For one caller's thread. Each taker's own thread begins with the first whole chunk; it has all signals blocked. Where no
 * thread can be had, the caller's does the work. */
typedef struct queue_Queue queue_Queue;

/* A queue to `take`, whose `arg` is to be left alone between queue_give and queue_settle. NULL: out of memory. */
queue_Queue *queue_open(queue_Take *take, void *arg);

/* Another taker of the same chunks, beside the first, before any is given. */
void queue_also(queue_Queue *queue, queue_Take *take, void *arg);

/* The chunk to fill next, the same one until queue_give; waits while all are on their way. */
char *queue_room(queue_Queue *queue);

/* Send its first `n` bytes. They can be read on until the next queue_room. 0, or the errno of a chunk before. */
int queue_give(queue_Queue *queue, size_t n);

/* Wait until all have taken what was given: a few chunks. 0, or the errno of one. */
int queue_settle(queue_Queue *queue);

/* End the threads, after the chunks at hand, and free all. NULL is allowed. */
void queue_close(queue_Queue *queue);

#endif
