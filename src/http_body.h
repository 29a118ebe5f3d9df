/* http_body.h: where the bytes of one transfer come from and go to: memory, a file, the file another transfer is
 * filling; and the digests taken on the way. curl's callbacks live here; they know nothing of Lua. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include <stddef.h>
#include <stdint.h>
#include <curl/curl.h>

#include "digest_set.h"
#include "queue.h"

enum body_State { BODY_RUNNING, BODY_DONE, BODY_FAILED };

typedef struct body_Text {
  char *data;
  size_t size, room;
} body_Text;

/* Zeroed but for fd = -1, total = -1 and expect = -1 when there is nothing. */
typedef struct http_Body {
  CURL *easy;
  enum body_State state;
  body_Text head;   /* raw header lines of the last response */
  body_Text memory; /* the response when it is not saved */
  size_t limit;     /* of memory */
  int save;         /* a good response goes to fd */
  int saving;       /* it does */
  int begun;        /* the response is known */
  int upload;       /* fd is sent */
  const char *text; /* or this is, and once only: a POST is not repeated by curl behind our back */
  size_t text_size, text_sent;
  int paused;       /* waits for bytes of `source` */
  int fd;
  int followed;   /* another transfer sends what is in the file: it is written as it comes, not by the queue's thread */
  int placed;     /* at is the caller's: the file may hold other things */
  int64_t at;     /* where in the file the resource's first byte is */
  int64_t offset; /* bytes of the resource that were there before */
  int64_t moved;  /* bytes of the resource read from the file, or on their way to it, offset included */
  int64_t written; /* bytes of the resource in the file; like flushed it is the queue's thread's, unless followed */
  int64_t flushed; /* up to here they are on their way to the disk */
  int64_t total;  /* bytes of the resource, -1 not known */
  int64_t expect; /* what the caller wants total to be, -1 anything */
  const struct http_Body *source;
  digest_Set digests;
  queue_Queue *queue; /* when saving: pieces of 16 KiB, as TLS has them, are digested and written together */
  size_t waiting;      /* bytes in its room, the next to be written */
  const char *code; /* what made a callback give up: code and reason */
  char reason[200];
} http_Body;

/* Make `body->easy` use it. `upload` bodies must have total set, those with `text` their text_size. */
CURLcode body_apply(http_Body *body);

/* It ended, well or not: what came of it is in the file and in the digests. */
void body_settle(http_Body *body);

/* From now on all that `moved` counts is in the file, for another transfer to read. */
void body_follow(http_Body *body);

/* The response ended well: settle what an empty one left open, compare sizes; after body_settle. 0 when the body is not as it should be. */
int body_finish(http_Body *body);

/* Note why it failed; always returns 0. */
int body_refuse(http_Body *body, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* 1 when a paused upload can go on: its source has more bytes, or has ended. */
int body_ready(const http_Body *body);

/* The value of header `name` (lower-case) in the last response: its length, and -1 when there is none. */
long body_header(const http_Body *body, const char *name, const char **value);

void body_free(http_Body *body);

#endif
