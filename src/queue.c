/* queue: chunks of bytes on their way to threads that do something with them */

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "queue.h"

#define CHUNKS 4 /* one that is filled, one that is taken, and some for a thread that has to wait for its processor */
#define TAKERS 2

typedef struct Taker {
  queue_Queue *queue;
  queue_Take *take;
  void *arg;
  pthread_t thread;
  int threaded;
  size_t taken; /* chunks so far */
} Taker;

struct queue_Queue {
  Taker takers[TAKERS];
  int count;
  int started;
  pthread_mutex_t lock; /* of what follows and each `taken`; the bytes of a chunk belong to the caller from room to give */
  pthread_cond_t given_more, taken_more;
  size_t given;
  size_t size[CHUNKS];
  int failed; /* an errno */
  int stop;
  char bytes[CHUNKS][QUEUE_CHUNK];
};

queue_Queue *queue_open(queue_Take *take, void *arg) {
  queue_Queue *q = malloc(sizeof *q); /* its pages are the system's until they are used */
  if (!q) return NULL;
  q->count = q->started = q->stop = q->failed = 0;
  q->given = 0;
  pthread_mutex_init(&q->lock, NULL); /* none of these fails on Linux */
  pthread_cond_init(&q->given_more, NULL);
  pthread_cond_init(&q->taken_more, NULL);
  queue_also(q, take, arg);
  return q;
}

void queue_also(queue_Queue *q, queue_Take *take, void *arg) {
  q->takers[q->count++] = (Taker){.queue = q, .take = take, .arg = arg};
}

/* ---- a thread ---- */

static void *work(void *arg) {
  Taker *t = arg;
  queue_Queue *q = t->queue;
  pthread_mutex_lock(&q->lock);
  for (;;) {
    size_t i = t->taken % CHUNKS;
    int failed;
    while (t->taken == q->given && !q->stop) pthread_cond_wait(&q->given_more, &q->lock);
    if (q->stop) break;
    failed = q->failed;
    pthread_mutex_unlock(&q->lock);
    if (!failed) failed = t->take(t->arg, q->bytes[i], q->size[i]); /* the size is not changed before it is taken */
    pthread_mutex_lock(&q->lock);
    if (failed) q->failed = failed;
    t->taken++;
    pthread_cond_signal(&q->taken_more);
  }
  pthread_mutex_unlock(&q->lock);
  return NULL;
}

/* Signals are for the thread that waits for them. */
static void start(queue_Queue *q) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (Taker *t = q->takers; t < q->takers + q->count; t++) t->threaded = pthread_create(&t->thread, NULL, work, t) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  q->started = 1;
}

/* ---- the caller ---- */

/* How many chunks the slowest has yet to take */
static size_t on_their_way(const queue_Queue *q) {
  size_t most = 0;
  for (const Taker *t = q->takers; t < q->takers + q->count; t++)
    if (q->given - t->taken > most) most = q->given - t->taken;
  return most;
}

/* Wait until no more than `most` chunks are on their way. */
static int wait_for(queue_Queue *q, size_t most) {
  int failed;
  pthread_mutex_lock(&q->lock);
  while (on_their_way(q) > most) pthread_cond_wait(&q->taken_more, &q->lock);
  failed = q->failed;
  pthread_mutex_unlock(&q->lock);
  return failed;
}

char *queue_room(queue_Queue *q) {
  wait_for(q, CHUNKS - 1);
  return q->bytes[q->given % CHUNKS]; /* only the caller changes `given` */
}

int queue_give(queue_Queue *q, size_t n) {
  int failed = wait_for(q, CHUNKS); /* waits for none */
  size_t i = q->given % CHUNKS;
  if (!q->started && n == QUEUE_CHUNK) start(q);
  for (Taker *t = q->takers; t < q->takers + q->count && !failed; t++)
    if (!t->threaded) failed = t->take(t->arg, q->bytes[i], n);
  pthread_mutex_lock(&q->lock);
  q->size[i] = n;
  q->given++;
  for (Taker *t = q->takers; t < q->takers + q->count; t++) t->taken += !t->threaded;
  if (failed) q->failed = failed;
  failed = q->failed;
  pthread_cond_broadcast(&q->given_more);
  pthread_mutex_unlock(&q->lock);
  return failed;
}

int queue_settle(queue_Queue *q) { return wait_for(q, 0); }

void queue_close(queue_Queue *q) {
  if (!q) return;
  pthread_mutex_lock(&q->lock);
  q->stop = 1;
  pthread_cond_broadcast(&q->given_more);
  pthread_mutex_unlock(&q->lock);
  for (Taker *t = q->takers; t < q->takers + q->count; t++)
    if (t->threaded) pthread_join(t->thread, NULL);
  pthread_cond_destroy(&q->taken_more);
  pthread_cond_destroy(&q->given_more);
  pthread_mutex_destroy(&q->lock);
  free(q);
}
