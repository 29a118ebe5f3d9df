/* queue: chunks of bytes on their way to a thread that does something with them */

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "queue.h"

#define CHUNKS 4 /* one that is filled, one that is taken, and some for a thread that has to wait for its processor */

struct queue_Queue {
  queue_Take *take;
  void *arg;
  pthread_t thread;
  int threaded;
  pthread_mutex_t lock; /* of what follows; the bytes of a chunk belong to the caller from room to give */
  pthread_cond_t given_more, taken_more;
  size_t given, taken; /* chunks so far */
  size_t size[CHUNKS];
  int failed; /* an errno */
  int stop;
  char bytes[CHUNKS][QUEUE_CHUNK];
};

queue_Queue *queue_open(queue_Take *take, void *arg) {
  queue_Queue *q = malloc(sizeof *q); /* its pages are the system's until they are used */
  if (!q) return NULL;
  q->take = take;
  q->arg = arg;
  q->threaded = q->stop = q->failed = 0;
  q->given = q->taken = 0;
  pthread_mutex_init(&q->lock, NULL); /* none of these fails on Linux */
  pthread_cond_init(&q->given_more, NULL);
  pthread_cond_init(&q->taken_more, NULL);
  return q;
}

/* ---- the thread ---- */

static void *work(void *arg) {
  queue_Queue *q = arg;
  pthread_mutex_lock(&q->lock);
  for (;;) {
    size_t i = q->taken % CHUNKS;
    int failed = q->failed;
    while (q->taken == q->given && !q->stop) pthread_cond_wait(&q->given_more, &q->lock);
    if (q->stop) break;
    pthread_mutex_unlock(&q->lock);
    if (!failed) failed = q->take(q->arg, q->bytes[i], q->size[i]); /* the size is not changed before it is taken */
    pthread_mutex_lock(&q->lock);
    q->failed = failed;
    q->taken++;
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
  q->threaded = pthread_create(&q->thread, NULL, work, q) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- the caller ---- */

/* Wait until no more than `most` chunks are on their way. */
static int wait_for(queue_Queue *q, size_t most) {
  int failed;
  pthread_mutex_lock(&q->lock);
  while (q->given - q->taken > most) pthread_cond_wait(&q->taken_more, &q->lock);
  failed = q->failed;
  pthread_mutex_unlock(&q->lock);
  return failed;
}

char *queue_room(queue_Queue *q) {
  wait_for(q, CHUNKS - 1);
  return q->bytes[q->given % CHUNKS]; /* only the caller changes `given` */
}

int queue_give(queue_Queue *q, size_t n) {
  int failed;
  if (!q->threaded && n == QUEUE_CHUNK) start(q);
  if (!q->threaded && !q->failed) q->failed = q->take(q->arg, q->bytes[q->given % CHUNKS], n);
  pthread_mutex_lock(&q->lock);
  q->size[q->given++ % CHUNKS] = n;
  if (!q->threaded) q->taken++;
  failed = q->failed;
  pthread_cond_signal(&q->given_more);
  pthread_mutex_unlock(&q->lock);
  return failed;
}

int queue_settle(queue_Queue *q) { return wait_for(q, 0); }

void queue_close(queue_Queue *q) {
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
