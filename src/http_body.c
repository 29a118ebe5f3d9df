/* http_body: bytes between curl and memory or files, with digests on the way */

#define _GNU_SOURCE /* sync_file_range */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "http_body.h"

#define HEAD_LIMIT (256 * 1024)   /* bytes of response headers */
#define FLUSH (16 * 1024 * 1024)  /* bytes of a saved file after which they are sent to the disk: all at the end would take its time */
#define REFUSAL_LIMIT (64 * 1024) /* kept of a response that was to be saved, but is no success */

int body_refuse(http_Body *body, const char *code, const char *format, ...) {
  va_list args;
  if (body->code) return 0; /* the first reason is the cause */
  va_start(args, format);
  vsnprintf(body->reason, sizeof body->reason, format, args);
  va_end(args);
  body->code = code;
  return 0;
}

static int append(http_Body *body, body_Text *text, const char *data, size_t n) {
  if (text->size + n > text->room) {
    size_t room = text->room ? text->room : 4096;
    char *more;
    while (room < text->size + n) room *= 2;
    more = realloc(text->data, room);
    if (!more) return body_refuse(body, "io", "out of memory");
    text->data = more;
    text->room = room;
  }
  memcpy(text->data + text->size, data, n);
  text->size += n;
  return 1;
}

/* ---- the head ---- */

long body_header(const http_Body *body, const char *name, const char **value) {
  const char *p = body->head.data, *end = p + body->head.size;
  size_t length = strlen(name);
  while (p && p < end) {
    const char *eol = memchr(p, '\n', (size_t)(end - p)), *v = p + length + 1;
    if (!eol) eol = end;
    if (v <= eol && p[length] == ':' && strncasecmp(p, name, length) == 0) {
      while (v < eol && (*v == ' ' || *v == '\t')) v++;
      while (eol > v && (unsigned char)eol[-1] <= ' ') eol--;
      *value = v;
      return (long)(eol - v);
    }
    p = eol + 1;
  }
  return -1;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg) {
  http_Body *body = arg;
  n *= size;
  if (n >= 5 && memcmp(data, "HTTP/", 5) == 0) body->head.size = 0; /* after a 100 or a redirect: only the last counts */
  if (body->head.size + n > HEAD_LIMIT) body_refuse(body, "http", "the response's headers are too long");
  else if (append(body, &body->head, data, n)) return n;
  return 0;
}

/* The first byte position of a 206 response, -1 when it names none: RFC 9110 14.4. */
static int64_t range_start(const http_Body *body) {
  const char *value;
  char text[64];
  long n = body_header(body, "content-range", &value);
  if (n < 7 || n >= (long)sizeof text || strncasecmp(value, "bytes ", 6) != 0) return -1;
  memcpy(text, value, (size_t)n);
  text[n] = '\0';
  return strtoll(text + 6, NULL, 10);
}

/* ---- writing ---- */

/* Write the next bytes of the file: 0, or errno. */
static int put(http_Body *body, const char *data, size_t n) {
  while (n > 0) {
    ssize_t done = pwrite(body->fd, data, n, body->at + body->written);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    data += done;
    n -= (size_t)done;
    body->written += done;
  }
  if (body->written - body->flushed < FLUSH) return 0;
  sync_file_range(body->fd, body->at + body->flushed, body->written - body->flushed, SYNC_FILE_RANGE_WRITE);
  body->flushed = body->written;
  return 0;
}

/* In the queue's thread, but for small bodies */
static int take(void *arg, const char *data, size_t n) {
  http_Body *body = arg;
  digest_feed(&body->digests, data, n);
  return body->followed ? 0 : put(body, data, n);
}

/* The response's status is known: decide where its body goes. */
static int begin(http_Body *body) {
  long status = 0;
  curl_off_t length = -1;
  body->begun = 1;
  if (!body->save) return 1;
  curl_easy_getinfo(body->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(body->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  if (status < 200 || status > 299) return 1;
  if (status == 206 && range_start(body) != body->offset)
    return body_refuse(body, "http", "the server sent another range than the one asked for");
  if (status != 206 && body->offset > 0) { /* it does not do ranges: all of it comes again */
    body->offset = body->moved = 0;
    if (!digest_restart(&body->digests)) return body_refuse(body, "io", "out of memory");
  }
  if (length > INT64_MAX - body->offset) return body_refuse(body, "http", "the server has more bytes than a file can hold");
  if (length >= 0) body->total = body->offset + length;
  if (body->expect >= 0 && body->total >= 0 && body->total != body->expect)
    return body_refuse(body, "http", "the server has %lld bytes, expected %lld", (long long)body->total,
                       (long long)body->expect);
  if (!body->placed && ftruncate(body->fd, body->offset) < 0)
    return body_refuse(body, "io", "truncate the file: %s", strerror(errno));
  body->written = body->flushed = body->moved;
  body->queue = queue_open(take, body);
  if (!body->queue) return body_refuse(body, "io", "out of memory");
  body->saving = 1;
  return 1;
}

/* ---- receiving ---- */

/* Send on what waits. */
static int flush(http_Body *body) {
  const char *data = queue_room(body->queue);
  size_t n = body->waiting;
  int failed = body->followed ? put(body, data, n) : 0;
  body->waiting = 0;
  if (!failed) failed = queue_give(body->queue, n);
  if (failed) return body_refuse(body, "io", "write the file: %s", strerror(failed));
  body->moved += (int64_t)n;
  return 1;
}

static int save(http_Body *body, const char *data, size_t n) {
  if (body->expect >= 0 && body->moved + (int64_t)(body->waiting + n) > body->expect)
    return body_refuse(body, "http", "the server sends more than the expected %lld bytes", (long long)body->expect);
  while (n > 0) {
    size_t room = QUEUE_CHUNK - body->waiting, part = n < room ? n : room;
    memcpy(queue_room(body->queue) + body->waiting, data, part);
    body->waiting += part;
    data += part;
    n -= part;
    if ((part == room || body->followed) && !flush(body)) return 0;
  }
  return 1;
}

void body_settle(http_Body *body) {
  int failed;
  if (!body->queue) return;
  if (body->waiting > 0) flush(body);
  failed = queue_settle(body->queue);
  if (failed) body_refuse(body, "io", "write the file: %s", strerror(failed));
}

void body_follow(http_Body *body) {
  if (body->queue) queue_settle(body->queue); /* a failure is told by what is given next */
  body->followed = 1;
}

static int keep(http_Body *body, const char *data, size_t n) {
  if (body->save) { /* a refusal's text, of interest only in part */
    size_t room = REFUSAL_LIMIT - body->memory.size;
    return append(body, &body->memory, data, n < room ? n : room);
  }
  if (body->memory.size + n > body->limit)
    return body_refuse(body, "http", "the response is larger than %zu bytes", body->limit);
  if (!body->upload) digest_feed(&body->digests, data, n);
  return append(body, &body->memory, data, n);
}

static size_t on_data(char *data, size_t size, size_t n, void *arg) {
  http_Body *body = arg;
  n *= size;
  if (!body->begun && !begin(body)) return 0;
  return (body->saving ? save(body, data, n) : keep(body, data, n)) ? n : 0;
}

/* ---- sending ---- */

int body_ready(const http_Body *body) {
  const http_Body *source = body->source;
  return body->paused && (source->state != BODY_RUNNING || source->moved > body->moved);
}

/* How many of `room` bytes may be read now: 0 when a source has none yet, -1 when it will not have them. */
static int64_t available(http_Body *body, size_t room) {
  const http_Body *source = body->source;
  int64_t left = body->total - body->moved;
  if (source && source->state == BODY_FAILED) {
    body_refuse(body, source->code ? source->code : "net", "the download it sends on failed");
    return -1;
  }
  if (source && source->moved - body->moved < left) left = source->moved - body->moved;
  if (source && left <= 0 && source->state == BODY_DONE) {
    body_refuse(body, "http", "the download it sends on was shorter than announced");
    return -1;
  }
  return left < (int64_t)room ? left : (int64_t)room;
}

static size_t on_read(char *data, size_t size, size_t n, void *arg) {
  http_Body *body = arg;
  int64_t room;
  ssize_t got;
  if (body->moved == body->total) return 0;
  room = available(body, n * size);
  if (room < 0) return CURL_READFUNC_ABORT;
  if (room == 0) {
    body->paused = 1;
    return CURL_READFUNC_PAUSE;
  }
  do got = pread(body->fd, data, (size_t)room, body->at + body->moved);
  while (got < 0 && errno == EINTR);
  if (got < 0) body_refuse(body, "io", "read the file: %s", strerror(errno));
  if (got == 0) body_refuse(body, "io", "the file became shorter");
  if (got <= 0) return CURL_READFUNC_ABORT;
  digest_feed(&body->digests, data, (size_t)got);
  body->moved += got;
  return (size_t)got;
}

/* curl sends again from the start after a connection that died before anything was answered */
static int on_seek(void *arg, curl_off_t offset, int origin) {
  http_Body *body = arg;
  if (origin != SEEK_SET || offset != 0 || !digest_restart(&body->digests)) return CURL_SEEKFUNC_CANTSEEK;
  body->moved = 0;
  return CURL_SEEKFUNC_OK;
}

/* ---- sending a text ---- */

static size_t on_read_text(char *data, size_t size, size_t n, void *arg) {
  http_Body *body = arg;
  size_t left = body->text_size - body->text_sent;
  n = left < size * n ? left : size * n;
  memcpy(data, body->text + body->text_sent, n);
  body->text_sent += n;
  return n;
}

/* RFC 9110 9.2.2: what changes something is not sent again, since a server that closes without a word may have done it. */
static int on_seek_text(void *arg, curl_off_t offset, int origin) {
  http_Body *body = arg;
  return offset == 0 && origin == SEEK_SET && body->text_sent == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static CURLcode apply_text(http_Body *body) {
  CURL *easy = body->easy;
  CURLcode code = curl_easy_setopt(easy, CURLOPT_POST, 1L);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read_text);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_READDATA, body);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek_text);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_SEEKDATA, body);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->text_size);
  return code;
}

/* ---- life ---- */

CURLcode body_apply(http_Body *body) {
  CURL *easy = body->easy;
  CURLcode code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, body);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
  if (!code && body->save && body->offset > 0) { /* not RESUME_FROM: with it curl fails when all of it comes */
    char range[32];
    snprintf(range, sizeof range, "%lld-", (long long)body->offset);
    code = curl_easy_setopt(easy, CURLOPT_RANGE, range);
  }
  if (!code && body->save) code = curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L * 1024);
  if (!code && body->text) code = apply_text(body);
  if (code || !body->upload) return code;
  code = curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_READDATA, body);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_SEEKDATA, body);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)body->total);
  return code;
}

int body_finish(http_Body *body) {
  if (!body->begun && !begin(body)) return 0;
  if (body->saving && body->total >= 0 && body->moved != body->total)
    return body_refuse(body, "net", "the response ended early, after %lld of %lld bytes", (long long)body->moved,
                       (long long)body->total);
  if (body->saving && body->expect >= 0 && body->moved != body->expect)
    return body_refuse(body, "http", "the server had %lld bytes, expected %lld", (long long)body->moved,
                       (long long)body->expect);
  if (body->saving) body->total = body->moved;
  return 1;
}

void body_free(http_Body *body) {
  queue_close(body->queue); /* before the file, whose descriptor may be somebody else's the next moment */
  body->queue = NULL;
  if (body->fd >= 0) close(body->fd);
  body->fd = -1;
  free(body->head.data);
  free(body->memory.data);
  body->head = body->memory = (body_Text){0};
  digest_free(&body->digests);
}
