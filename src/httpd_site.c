/* httpd_site: answers requests from a map of paths, in libmicrohttpd's thread */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "httpd_site.h"

#define POST_LIMIT 65536    /* bytes of a phone-home's body that are read and dropped */
#define CLIENT_LIMIT 200    /* connections */
#define ADDRESS_LIMIT 64U   /* of them from one address, so that a single guest cannot keep the others out */
#define CLIENT_MEMORY 16384 /* bytes a connection may use, its request's head included */
#define CLIENT_SILENCE 30U  /* seconds */

/* ---- requests ---- */

/* One request, between its first byte and its end */
typedef struct Request {
  int begun;
  char path[SITE_PATH + 1];
  unsigned status;
  uint64_t bytes;   /* of the response */
  uint64_t dropped; /* of the request's body */
} Request;

/* MHD_OPTION_URI_LOG_CALLBACK: the request line was read */
static void *on_uri(void *site, const char *uri, struct MHD_Connection *connection) {
  (void)site, (void)uri, (void)connection;
  return calloc(1, sizeof(Request));
}

void site_address(const struct sockaddr *sa, char out[INET6_ADDRSTRLEN]) {
  const struct sockaddr_in *v4 = (const void *)sa;
  const struct sockaddr_in6 *v6 = (const void *)sa;
  *out = '\0';
  if (sa->sa_family == AF_INET) inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
  if (sa->sa_family != AF_INET6) return;
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, INET6_ADDRSTRLEN);
  else inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN);
}

/* MHD_OPTION_NOTIFY_COMPLETED: the response is sent, or the client is gone */
static void on_completed(void *arg, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why) {
  httpd_Site *site = arg;
  Request *request = *state;
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  char line[sizeof(site_Record) + SITE_PATH];
  site_Record record = {0};
  struct timespec now;
  *state = NULL;
  if (!request) return;
  if (request->status) { /* else nothing was asked that can be answered */
    clock_gettime(CLOCK_REALTIME, &now);
    record.time = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    record.status = request->status;
    record.complete = why == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    record.bytes = record.complete ? request->bytes : 0;
    record.length = strlen(request->path);
    if (info) site_address(info->client_addr, record.client);
    memcpy(line, &record, sizeof record);
    memcpy(line + sizeof record, request->path, record.length);
    if (write(site->log, line, sizeof record + record.length) < 0) __atomic_add_fetch(&site->lost, 1, __ATOMIC_RELAXED);
  }
  free(request);
}

/* The part of a request's target that names something: after the slash and the prefix; NULL when it has not both. RFC 9112 3.2.1 */
static const char *inside(const httpd_Site *site, const char *url) {
  size_t n = strlen(site->prefix);
  if (*url++ != '/') return NULL;
  if (n == 0) return url;
  return strncmp(url, site->prefix, n) == 0 && url[n] == '/' ? url + n + 1 : NULL;
}

/* What shows in a log: no control characters */
static void copy_path(char *out, const char *path) {
  size_t n = 0;
  for (; n < SITE_PATH && path[n]; n++) out[n] = (unsigned char)path[n] < ' ' || path[n] == 127 ? '?' : path[n];
  out[n] = '\0';
}

static enum MHD_Result answer(struct MHD_Connection *connection, Request *request, unsigned status,
                              struct MHD_Response *response, uint64_t size) {
  request->status = status;
  request->bytes = size;
  return MHD_queue_response(connection, status, response);
}

static enum MHD_Result answer_entry(httpd_Site *site, struct MHD_Connection *connection, Request *request,
                                    const char *path, int head) {
  enum MHD_Result result;
  site_Entry *e;
  pthread_mutex_lock(&site->lock);
  for (e = path ? site->entries : NULL; e && strcmp(e->path, path) != 0; e = e->next) continue;
  if (e) result = answer(connection, request, MHD_HTTP_OK, e->response, head ? 0 : e->size);
  else result = answer(connection, request, MHD_HTTP_NOT_FOUND, site->plain[PLAIN_MISSING], 0);
  pthread_mutex_unlock(&site->lock);
  return result;
}

/* MHD's access handler: called for the head, for each piece of a body, and after it */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *body, size_t *body_size, void **state) {
  httpd_Site *site = arg;
  Request *request = *state;
  const char *path = inside(site, url);
  int head = strcmp(method, "HEAD") == 0, get = strcmp(method, "GET") == 0 || head;
  int hello = path && *site->hello && strcmp(path, site->hello) == 0;
  (void)version, (void)body;
  if (!request) return MHD_NO;
  if (!request->begun) { /* the head */
    request->begun = 1;
    copy_path(request->path, path ? path : url);
    if (get || (hello && strcmp(method, "POST") == 0)) return MHD_YES; /* an answer now would cost the connection */
    return answer(connection, request, MHD_HTTP_METHOD_NOT_ALLOWED, site->plain[PLAIN_METHOD], 0);
  }
  if (*body_size > 0) {
    request->dropped += *body_size;
    *body_size = 0;
    return request->dropped <= POST_LIMIT ? MHD_YES : MHD_NO;
  }
  if (!hello) return answer_entry(site, connection, request, path, head);
  return answer(connection, request, MHD_HTTP_OK, site->plain[PLAIN_OK], head ? 0 : 3);
}

/* ---- content ---- */

static void free_entry(site_Entry *e) {
  if (e->response) MHD_destroy_response(e->response);
  free(e);
}

/* Put `e` in the place of the entry of its path. */
static void replace(httpd_Site *site, site_Entry *e) {
  site_Entry **link, *old;
  pthread_mutex_lock(&site->lock);
  for (link = &site->entries; *link && strcmp((*link)->path, e->path) != 0; link = &(*link)->next) continue;
  old = *link;
  e->next = old ? old->next : NULL;
  *link = e;
  pthread_mutex_unlock(&site->lock);
  if (old) free_entry(old);
}

/* Put `response` (NULL: there was no memory for it) at `path`. */
static int put(httpd_Site *site, const char *path, struct MHD_Response *response, uint64_t size) {
  site_Entry *e = response ? calloc(1, sizeof *e + strlen(path) + 1) : NULL;
  if (!e) {
    if (response) MHD_destroy_response(response);
    errno = ENOMEM;
    return 0;
  }
  memcpy(e->path, path, strlen(path) + 1);
  e->response = response;
  e->size = size;
  replace(site, e);
  return 1;
}

int site_put_bytes(httpd_Site *site, const char *path, const void *data, size_t size) {
  return put(site, path, MHD_create_response_from_buffer(size, (void *)(size_t)data, MHD_RESPMEM_MUST_COPY), size);
}

int site_put_file(httpd_Site *site, const char *path, const char *file) {
  struct stat st;
  struct MHD_Response *response = NULL;
  int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), saved = 0;
  if (fd < 0) return 0;
  if (fstat(fd, &st) < 0) saved = errno;
  else if (!S_ISREG(st.st_mode)) saved = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
  else response = MHD_create_response_from_fd64((uint64_t)st.st_size, fd); /* owns fd from now on */
  if (!response) close(fd);
  if (saved) {
    errno = saved;
    return 0;
  }
  return put(site, path, response, (uint64_t)st.st_size);
}

/* ---- life ---- */

int site_make(httpd_Site *site, const char *prefix, const char *hello) {
  static const char *const text[PLAIN_COUNT] = {"ok\n", "not found\n", "method not allowed\n"};
  site->made = pthread_mutex_init(&site->lock, NULL) == 0;
  for (int i = 0; i < PLAIN_COUNT; i++) {
    site->plain[i] = MHD_create_response_from_buffer(strlen(text[i]), (void *)(size_t)text[i], MHD_RESPMEM_PERSISTENT);
    if (!site->plain[i]) return 0;
  }
  MHD_add_response_header(site->plain[PLAIN_METHOD], MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  site->prefix = strdup(prefix);
  site->hello = strdup(hello);
  return site->made && site->prefix && site->hello;
}

void site_free(httpd_Site *site) {
  while (site->entries) {
    site_Entry *e = site->entries;
    site->entries = e->next;
    free_entry(e);
  }
  for (int i = 0; i < PLAIN_COUNT; i++)
    if (site->plain[i]) MHD_destroy_response(site->plain[i]);
  if (site->made) pthread_mutex_destroy(&site->lock);
  free(site->prefix);
  free(site->hello);
}

/* The thread is born with all signals blocked: they are for the thread that has the Lua state. poll, not epoll: libmicrohttpd asks for
 * edges, and of a client that goes while it is being read there is no second one: it would keep its place until it counts as silent. */
struct MHD_Daemon *site_start(httpd_Site *site, int listener, int v6) {
  sigset_t all, before;
  struct MHD_Daemon *daemon;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  daemon = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | (v6 ? MHD_USE_IPv6 : 0U), (uint16_t)0, NULL, NULL,
                            on_request, site, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)CLIENT_LIMIT, MHD_OPTION_PER_IP_CONNECTION_LIMIT, ADDRESS_LIMIT,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CLIENT_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, CLIENT_SILENCE, MHD_OPTION_URI_LOG_CALLBACK, on_uri, site,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, site, MHD_OPTION_END);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return daemon;
}
