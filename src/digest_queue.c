/* digest_queue: bytes on their way into a digest set, which a thread of its own feeds */

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "digest_queue.h"

#define CHUNKS 4 /* one that is filled, one that is taken, and some for a thread that has to wait for its processor */

struct digest_Queue {
  digest_Set *set;
  pthread_t thread;
  int threaded;
  pthread_mutex_t lock; /* of what follows; the bytes of a chunk belong to the caller from room to give */
  pthread_cond_t given_more, taken_more;
  size_t given, taken; /* chunks so far */
  size_t size[CHUNKS];
  int stop;
  char bytes[CHUNKS][QUEUE_CHUNK];
};

digest_Queue *queue_open(digest_Set *set) {
  digest_Queue *q = malloc(sizeof *q); /* its pages are the system's until they are used */
  if (!q) return NULL;
  q->set = set;
  q->threaded = q->stop = 0;
  q->given = q->taken = 0;
  pthread_mutex_init(&q->lock, NULL); /* none of these fails on Linux */
  pthread_cond_init(&q->given_more, NULL);
  pthread_cond_init(&q->taken_more, NULL);
  return q;
}

/* ---- the thread ---- */

static void *take(void *arg) {
  digest_Queue *q = arg;
  pthread_mutex_lock(&q->lock);
  for (;;) {
    size_t i = q->taken % CHUNKS, n;
    while (q->taken == q->given && !q->stop) pthread_cond_wait(&q->given_more, &q->lock);
    if (q->stop) break;
    n = q->size[i];
    pthread_mutex_unlock(&q->lock);
    digest_feed(q->set, q->bytes[i], n);
    pthread_mutex_lock(&q->lock);
    q->taken++;
    pthread_cond_signal(&q->taken_more);
  }
  pthread_mutex_unlock(&q->lock);
  return NULL;
}

/* Signals are for the thread that waits for them. */
static void start(digest_Queue *q) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  q->threaded = pthread_create(&q->thread, NULL, take, q) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- the caller ---- */

/* Wait until no more than `most` chunks are on their way. */
static void wait_for(digest_Queue *q, size_t most) {
  pthread_mutex_lock(&q->lock);
  while (q->given - q->taken > most) pthread_cond_wait(&q->taken_more, &q->lock);
  pthread_mutex_unlock(&q->lock);
}

char *queue_room(digest_Queue *q) {
  wait_for(q, CHUNKS - 1);
  return q->bytes[q->given % CHUNKS]; /* only the caller changes `given` */
}

void queue_give(digest_Queue *q, size_t n) {
  size_t i = q->given % CHUNKS;
  if (!q->threaded && n == QUEUE_CHUNK && q->set->count > 0) start(q);
  if (!q->threaded) digest_feed(q->set, q->bytes[i], n);
  pthread_mutex_lock(&q->lock);
  q->size[i] = n;
  q->given++;
  if (!q->threaded) q->taken++;
  pthread_cond_signal(&q->given_more);
  pthread_mutex_unlock(&q->lock);
}

void queue_settle(digest_Queue *q) { wait_for(q, 0); }

void queue_close(digest_Queue *q) {
  if (!q) return;
  pthread_mutex_lock(&q->lock);
  q->stop = 1;
  pthread_cond_signal(&q->given_more);
  pthread_mutex_unlock(&q->lock);
  if (q->threaded) pthread_join(q->thread, NULL);
  pthread_cond_destroy(&q->taken_more);
  pthread_cond_destroy(&q->given_more);
  pthread_mutex_destroy(&q->lock);
  free(q);
}
