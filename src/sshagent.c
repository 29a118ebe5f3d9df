/* sshagent: keys that an agent holds. libssh2 1.10's own agent code cannot wait (it frees its request on EAGAIN), so
 * the three messages are spoken here. Source: draft-miller-ssh-agent 4.4, 4.5. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ssh.h"

#define AGENT "ssh.agent"
#define REQUEST_IDENTITIES 11
#define IDENTITIES_ANSWER 12
#define SIGN_REQUEST 13
#define SIGN_RESPONSE 14
#define ANSWERMAX (256 * 1024)

typedef struct Agent {
  lb_Box box;
  int fd;
  ssh_Bytes keys;   /* the list of identities */
  ssh_Bytes query;  /* the request, then reused */
  ssh_Bytes answer; /* the last answer */
  ssh_Bytes data;   /* what is to be signed */
  const unsigned char *signature; /* in answer; NULL until it came */
  size_t signature_len;
  int refused; /* the agent would not sign */
} Agent;

static int agent_close(lua_State *L) {
  Agent *a = lua_touserdata(L, 1);
  if (!lb_closing(&a->box)) return 0;
  close(a->fd);
  free(a->keys.data);
  free(a->query.data);
  free(a->answer.data);
  free(a->data.data);
  return 0;
}

static void put_number(ssh_Bytes *b, size_t n) {
  char bytes[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
  ssh_append(b, bytes, 4);
}

static size_t number(const unsigned char *p) {
  return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* Take a string (length, bytes) off the front of p..end; 0 when it is not whole. */
static int take(const unsigned char **p, const unsigned char *end, const unsigned char **text, size_t *len) {
  if (end - *p < 4) return 0;
  *len = number(*p);
  *p += 4;
  if ((size_t)(end - *p) < *len) return 0;
  *text = *p;
  *p += *len;
  return 1;
}

/* Send `a->query` with its length in front, and read the answer into `answer`: 0, or -1 when the agent fails us. */
static int transact(lua_State *L, Agent *a, ssh_Bytes *answer, double deadline) {
  lb_Fd fd = {a->fd, LB_WRITE, 0};
  size_t sent = 0, want = 4;
  char chunk[4096];
  answer->len = 0;
  while (sent < a->query.len) {
    ssize_t n = send(a->fd, a->query.data + sent, a->query.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) sent += (size_t)n;
    else if (n < 0 && errno != EAGAIN && errno != EINTR) return -1;
    else if (lb_now() > deadline) return -1;
    else lb_wait(L, &fd, 1, 1000);
  }
  fd.events = LB_READ;
  while (answer->len < want) {
    size_t room = want - answer->len < sizeof chunk ? want - answer->len : sizeof chunk;
    ssize_t n = recv(a->fd, chunk, room, MSG_DONTWAIT);
    if (n == 0) return -1;
    if (n > 0) {
      if (!ssh_append(answer, chunk, (size_t)n)) return -1;
      if (answer->len == 4 && want == 4) want += number((unsigned char *)answer->data);
      if (want > ANSWERMAX) return -1;
    } else if (errno != EAGAIN && errno != EINTR) return -1;
    else if (lb_now() > deadline) return -1;
    else lb_wait(L, &fd, 1, 1000);
  }
  return want > 4 ? 0 : -1;
}

/* Called by libssh2: keep what is to be signed and ask it to come again, until the agent has answered. */
static int sign(LIBSSH2_SESSION *ssh, unsigned char **sig, size_t *sig_len, const unsigned char *data, size_t data_len,
                void **abstract) {
  Agent *a = *abstract;
  (void)ssh;
  if (a->refused) return -1;
  if (!a->signature) {
    a->data.len = 0;
    return ssh_append(&a->data, (const char *)data, data_len) ? LIBSSH2_ERROR_EAGAIN : -1;
  }
  *sig = malloc(a->signature_len); /* libssh2 frees it with its own allocator, which is malloc's */
  if (!*sig) return -1;
  memcpy(*sig, a->signature, a->signature_len);
  *sig_len = a->signature_len;
  return 0;
}

/* Let the agent sign a->data with the key `blob`. */
static void ask_signature(lua_State *L, Agent *a, const unsigned char *blob, size_t blob_len, double deadline) {
  const unsigned char *p, *end, *text;
  size_t len = 1 + 4 + blob_len + 4 + a->data.len + 4;
  char type = SIGN_REQUEST;
  a->refused = 1;
  a->query.len = 0;
  put_number(&a->query, len);
  ssh_append(&a->query, &type, 1);
  put_number(&a->query, blob_len);
  ssh_append(&a->query, (const char *)blob, blob_len);
  put_number(&a->query, a->data.len);
  ssh_append(&a->query, a->data.data, a->data.len);
  put_number(&a->query, 0);
  if (a->query.len != 4 + len || transact(L, a, &a->answer, deadline)) return; /* memory was short, or the agent fails us */
  p = (const unsigned char *)a->answer.data + 4;
  end = (const unsigned char *)a->answer.data + a->answer.len;
  if (*p++ != SIGN_RESPONSE || !take(&p, end, &text, &len)) return;
  p = text, end = text + len; /* the signature: its type, its bytes */
  if (!take(&p, end, &text, &len) || !take(&p, end, &text, &len)) return;
  a->signature = text;
  a->signature_len = len;
  a->refused = 0;
}

static int offer(lua_State *L, Session *s, Agent *a, const char *username, const unsigned char *blob, size_t len,
                 double deadline) {
  void *abstract = a;
  int rc;
  a->signature = NULL;
  a->refused = 0;
  a->data.len = 0;
  while ((rc = libssh2_userauth_publickey(s->ssh, username, blob, len, sign, &abstract)) == LIBSSH2_ERROR_EAGAIN) {
    if (a->data.len && !a->signature && !a->refused) ask_signature(L, a, blob, len, deadline);
    else if ((rc = ssh_wait(L, s, deadline))) break;
  }
  return rc;
}

/* The guard of the agent's connection, pushed and marked to be closed; NULL and *problem when there is none. */
static Agent *open_agent(lua_State *L, const char **problem) {
  const char *path = getenv("SSH_AUTH_SOCK");
  struct sockaddr_un address = {0};
  Agent *a;
  a = lb_newbox(L, sizeof *a, AGENT);
  lua_toclose(L, -1);
  *problem = "SSH_AUTH_SOCK is not set";
  if (!path || !*path) return NULL;
  *problem = "SSH_AUTH_SOCK is too long";
  if (strlen(path) >= sizeof address.sun_path) return NULL;
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path, strlen(path));
  a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  *problem = "no socket";
  if (a->fd < 0) return NULL;
  lb_opened(&a->box);
  *problem = "nobody answers at SSH_AUTH_SOCK";
  if (connect(a->fd, (struct sockaddr *)&address, sizeof address)) return NULL;
  *problem = NULL;
  return a;
}

static int offer_all(lua_State *L, Session *s, const char *username, double deadline, int *offered, int *rsa,
                     const char **problem) {
  static const char request[] = {0, 0, 0, 1, REQUEST_IDENTITIES};
  const unsigned char *p, *end, *blob, *comment;
  size_t len, comment_len;
  int rc = LIBSSH2_ERROR_AUTHENTICATION_FAILED;
  Agent *a = open_agent(L, problem);
  if (!a) return rc;
  *problem = "it does not list its keys";
  if (!ssh_append(&a->query, request, sizeof request) || transact(L, a, &a->keys, deadline) || a->keys.len < 9 || a->keys.data[4] != IDENTITIES_ANSWER) return rc;
  *problem = NULL;
  p = (const unsigned char *)a->keys.data + 9;
  end = (const unsigned char *)a->keys.data + a->keys.len;
  while (take(&p, end, &blob, &len) && take(&p, end, &comment, &comment_len)) {
    ++*offered;
    if (len > 11 && memcmp(blob + 4, "ssh-rsa", 7) == 0) *rsa = 1;
    rc = offer(L, s, a, username, blob, len, deadline);
    if (rc == 0 || rc == LIBSSH2_ERROR_TIMEOUT || s->lost) return rc;
  }
  return rc;
}

int ssh_agent(lua_State *L, Session *s, const char *username, double deadline, int *offered, int *rsa, const char **problem) {
  int top = lua_gettop(L);
  int rc = offer_all(L, s, username, deadline, offered, rsa, problem);
  lua_settop(L, top); /* closes the agent */
  return rc;
}

void ssh_openagent(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, AGENT, none, agent_close);
}
