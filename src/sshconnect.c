/* sshconnect: the socket, the key exchange, and what a failed one really means */

#define _GNU_SOURCE /* getaddrinfo_a */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ssh.h"

/* ---- addresses ---- */

#define LOOKUP "ssh.lookup"

/* One name being looked up by glibc's own thread; it must stay in place until that is done. */
typedef struct Query {
  struct gaicb request;
  struct addrinfo hints;
  char *host, *port;
} Query;

typedef struct Lookup {
  lb_Box box;
  struct addrinfo *list;
  Query *query;
} Lookup;

static int lookup_close(lua_State *L) {
  Lookup *l = lua_touserdata(L, 1);
  if (!lb_closing(&l->box)) return 0;
  if (l->list) freeaddrinfo(l->list);
  /* a look-up that cannot be cancelled goes on in glibc: its few bytes stay with it */
  if (l->query && gai_cancel(&l->query->request) != EAI_NOTCANCELED) {
    if (!l->list && l->query->request.ar_result) freeaddrinfo(l->query->request.ar_result);
    free(l->query->host);
    free(l->query->port);
    free(l->query);
  }
  return 0;
}

/* Look `host` up in the background: 0 or getaddrinfo's error. */
static int ask(lua_State *L, Lookup *l, const char *host, const char *port, double deadline) {
  struct gaicb *list[1];
  int rc;
  Query *q = calloc(1, sizeof *q);
  if (!q) return EAI_MEMORY;
  l->query = q;
  q->host = strdup(host);
  q->port = strdup(port);
  if (!q->host || !q->port) return EAI_MEMORY;
  q->hints.ai_socktype = SOCK_STREAM;
  q->request.ar_name = q->host;
  q->request.ar_service = q->port;
  q->request.ar_request = &q->hints;
  list[0] = &q->request;
  if ((rc = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL))) return rc;
  while ((rc = gai_error(&q->request)) == EAI_INPROGRESS) {
    if (lb_now() > deadline) return EAI_AGAIN;
    lb_wait(L, NULL, 0, 10);
  }
  l->list = q->request.ar_result;
  q->request.ar_result = NULL;
  return rc;
}

/* ---- socket ---- */

/* Connect one address: 0, ETIMEDOUT, or another errno. */
static int connect_one(lua_State *L, Session *s, const struct addrinfo *a, double deadline) {
  lb_Fd fd = {-1, LB_WRITE, 0};
  int one = 1, error = 0;
  socklen_t len = sizeof error;
  s->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
  if (s->fd < 0) return errno;
  lb_opened(&s->box);
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(s->fd, a->ai_addr, a->ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  fd.fd = s->fd;
  for (;;) {
    long left = lb_until(deadline);
    if (!left) return ETIMEDOUT;
    if (lb_wait(L, &fd, 1, left)) break;
  }
  getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len);
  return error;
}

static int is_numeric(const char *host) {
  struct addrinfo hints = {0}, *list = NULL;
  int rc;
  hints.ai_flags = AI_NUMERICHOST;
  rc = getaddrinfo(host, NULL, &hints, &list);
  if (rc == 0) freeaddrinfo(list);
  return rc == 0;
}

int ssh_dial(lua_State *L, Session *s, const char *host, const char *port, double deadline) {
  Lookup *l;
  int rc, error = 0;
  unsigned left = 0;
  l = lb_newbox(L, sizeof *l, LOOKUP);
  lb_opened(&l->box);
  lua_toclose(L, -1);
  if (is_numeric(host)) {
    struct addrinfo hints = {0};
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;
    rc = getaddrinfo(host, port, &hints, &l->list);
  } else {
    rc = ask(L, l, host, port, deadline);
  }
  if (rc) return lb_fail(L, "net", "connect %s: look up %s: %s", s->peer, host, gai_strerror(rc));
  for (struct addrinfo *a = l->list; a; a = a->ai_next) left++;
  for (struct addrinfo *a = l->list; a; a = a->ai_next, left--) {
    /* an address that does not answer must leave time for the next one */
    error = connect_one(L, s, a, lb_now() + (deadline - lb_now()) / left);
    if (error == 0) {
      lua_closeslot(L, -1);
      lua_pop(L, 1);
      return 0;
    }
    ssh_shut(s);
  }
  return lb_fail(L, error == ETIMEDOUT ? "timeout" : "net", "connect %s: %s", s->peer, strerror(error));
}

/* ---- key exchange ---- */

typedef struct List {
  const char *text;
  size_t len;
} List;

/* The name-list number `index` (kex, host key, ...) of the server's KEXINIT in s->hello (RFC 4253 4.2, 6, 7.1); 0 when
 * it is not there. */
static int server_list(const Session *s, int index, List *list) {
  const unsigned char *p = s->hello, *end = s->hello + s->hello_len;
  for (;;) { /* lines before the identification are allowed */
    const unsigned char *line = p;
    p = memchr(p, '\n', (size_t)(end - p));
    if (!p) return 0;
    p++;
    if (p - line > 4 && memcmp(line, "SSH-", 4) == 0) break;
  }
  if (end - p < 6 + 16 || p[5] != 20) return 0; /* length, padding, SSH_MSG_KEXINIT, cookie */
  p += 6 + 16;
  for (;; index--) {
    size_t len;
    if (end - p < 4) return 0;
    len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    p += 4;
    if ((size_t)(end - p) < len) return 0;
    *list = (List){(const char *)p, len};
    if (index == 0) return 1;
    p += len;
  }
}

/* Is one of our algorithms of that kind in the server's list? */
static int have_common(Session *s, int kind, const List *list) {
  const char **ours = NULL;
  int n = libssh2_session_supported_algs(s->ssh, kind, &ours), found = n <= 0;
  for (int i = 0; i < n && !found; i++) {
    const char *p = list->text, *end = p + list->len;
    size_t len = strlen(ours[i]);
    while (p < end && !found) {
      const char *comma = memchr(p, ',', (size_t)(end - p));
      size_t width = (size_t)((comma ? comma : end) - p);
      found = width == len && memcmp(p, ours[i], len) == 0;
      p += width + 1;
    }
  }
  if (n > 0) libssh2_free(s->ssh, (void *)ours);
  return found;
}

/* When the two sides have no algorithm in common, the triple that says which kind, what the server has and what helps. */
static int explain(lua_State *L, Session *s) {
  static const struct {
    int kind;
    const char *name, *help;
  } kinds[] = {
      {LIBSSH2_METHOD_KEX, "key exchange method", ""},
      {LIBSSH2_METHOD_HOSTKEY, "host key type",
       "; libssh2 1.10 knows no RSA with SHA-2: the server needs an ed25519 or ECDSA host key (ssh-keygen -A)"},
      {LIBSSH2_METHOD_CRYPT_CS, "cipher", ""},
      {LIBSSH2_METHOD_CRYPT_SC, "cipher", ""},
      {LIBSSH2_METHOD_MAC_CS, "MAC", ""},
      {LIBSSH2_METHOD_MAC_SC, "MAC", ""},
  };
  for (int i = 0; i < (int)(sizeof kinds / sizeof *kinds); i++) {
    List list;
    if (!server_list(s, i, &list)) return 0;
    if (!have_common(s, kinds[i].kind, &list))
      return lb_fail(L, "ssh", "connect %s: no %s in common; the server has only %.*s%s", s->peer, kinds[i].name,
                     (int)(list.len < 300 ? list.len : 300), list.text, kinds[i].help);
  }
  return 0;
}

int ssh_handshake(lua_State *L, Session *s, double greeting, double deadline) {
  int rc, n;
  while ((rc = libssh2_session_handshake(s->ssh, s->fd)) == LIBSSH2_ERROR_EAGAIN &&
         (rc = ssh_wait(L, s, s->hello_len ? deadline : greeting)) == 0)
    continue;
  if (rc == 0) return 0;
  if (rc != LIBSSH2_ERROR_TIMEOUT && (n = explain(L, s))) return n;
  if (s->hello_len == 0)
    return ssh_fail(L, s, rc, "connect %s: connected, waiting for the server's greeting", s->peer);
  return ssh_fail(L, s, rc, "connect %s: key exchange", s->peer);
}

void ssh_openlookup(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, LOOKUP, none, lookup_close);
}
