/* httpd_site.h: what the server's thread sees: paths, their content, the log pipe; knows nothing of Lua */
#ifndef HTTPD_SITE_H
#define HTTPD_SITE_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <microhttpd.h>

enum { PLAIN_OK, PLAIN_MISSING, PLAIN_METHOD, PLAIN_COUNT };

typedef struct site_Entry {
  struct site_Entry *next;
  struct MHD_Response *response; /* counted by its users: replacing it disturbs no transfer under way */
  uint64_t size;
  char path[];
} site_Entry;

/* All but the log pipe's descriptor belongs to it. site_make first; site_free when no thread uses it any more. */
typedef struct httpd_Site {
  int made;
  pthread_mutex_t lock; /* of entries */
  site_Entry *entries;
  struct MHD_Response *plain[PLAIN_COUNT];
  char *prefix, *hello;
  int log;  /* writing end of the log pipe, non-blocking */
  int lost; /* events that did not fit, atomic */
} httpd_Site;

/* In the log pipe: this, then `length` bytes of path; written at once, since it is shorter than PIPE_BUF. */
typedef struct site_Record {
  double time;    /* seconds since 1970, of the end of the response */
  uint64_t bytes; /* of the body sent, when complete */
  unsigned status;
  int complete; /* the client took all of it */
  size_t length;
  char client[INET6_ADDRSTRLEN];
} site_Record;

#define SITE_PATH 255 /* characters of a path in a record */

/* An empty site: 1, or 0 when out of memory. */
int site_make(httpd_Site *site, const char *prefix, const char *hello);
void site_free(httpd_Site *site);

/* Serve bytes (copied) or a file at `path` from now on, also in place of what is there: 1, or 0 and errno. */
int site_put_bytes(httpd_Site *site, const char *path, const void *data, size_t size);
int site_put_file(httpd_Site *site, const char *path, const char *file);

/* A socket address's IP as text; an IPv4 one inside IPv6 as IPv4. */
void site_address(const struct sockaddr *sa, char out[INET6_ADDRSTRLEN]);

/* Start the thread with `listener`, which it closes at its end; NULL on failure. MHD_stop_daemon ends it. */
struct MHD_Daemon *site_start(httpd_Site *site, int listener, int v6);

#endif
