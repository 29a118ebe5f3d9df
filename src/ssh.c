/* ssh: SSH sessions: connect, run commands, copy files */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "ssh.h"

/* ---- what libssh2 calls: never Lua ---- */

static ssize_t on_receive(libssh2_socket_t fd, void *buffer, size_t length, int flags, void **abstract) {
  Session *s = *abstract;
  ssize_t n = recv(fd, buffer, length, flags);
  int saved = errno;
  if (n > 0) {
    size_t room = sizeof s->hello - s->hello_len, keep = (size_t)n < room ? (size_t)n : room;
    memcpy(s->hello + s->hello_len, buffer, keep);
    s->hello_len += keep;
    s->heard = lb_now();
    return n;
  }
  if (n == 0) {
    s->lost = SSH_CLOSED;
    return 0;
  }
  if (saved == EINTR || saved == EWOULDBLOCK) return -EAGAIN;
  if (saved != EAGAIN) s->lost = saved;
  return -saved;
}

static ssize_t on_send(libssh2_socket_t fd, const void *buffer, size_t length, int flags, void **abstract) {
  Session *s = *abstract;
  ssize_t n = send(fd, buffer, length, flags | MSG_NOSIGNAL);
  int saved = errno;
  if (n >= 0) return n;
  if (saved == EINTR || saved == EWOULDBLOCK) return -EAGAIN;
  if (saved != EAGAIN && !s->lost) s->lost = saved;
  return -saved;
}

static void on_disconnect(LIBSSH2_SESSION *ssh, int reason, const char *message, int message_len, const char *language,
                          int language_len, void **abstract) {
  Session *s = *abstract;
  (void)ssh, (void)reason, (void)language, (void)language_len;
  snprintf(s->goodbye, sizeof s->goodbye, "%.*s", message_len > 0 ? message_len : 0, message);
}

/* ---- session ---- */

void ssh_shut(Session *s) {
  if (!lb_closing(&s->box)) return;
  if (s->ssh) {
    LIBSSH2_SESSION *ssh = s->ssh;
    s->ssh = NULL;
    if (!s->lost && !s->broken) libssh2_session_disconnect(ssh, "done");
    shutdown(s->fd, SHUT_RDWR); /* from here on libssh2 cannot wait for the server: it frees at once */
    for (int i = 0; s->file && i < 100 && libssh2_sftp_close_handle(s->file) == LIBSSH2_ERROR_EAGAIN; i++) continue;
    for (int i = 0; s->sftp && i < 100 && libssh2_sftp_shutdown(s->sftp) == LIBSSH2_ERROR_EAGAIN; i++) continue;
    for (int i = 0; i < 100 && libssh2_session_free(ssh) == LIBSSH2_ERROR_EAGAIN; i++) continue;
  }
  close(s->fd);
  s->fd = -1;
}

/*
ssh.close(session) -> nothing
Disconnect and free the session; again is harmless.
Raises: a call of this session is under way.
Blocks: no.
*/
static int ssh_close(lua_State *L) {
  Session *s = lua_touserdata(L, 1);
  if (s->busy) return luaL_error(L, "a call in this session is under way");
  ssh_shut(s);
  return 0;
}

/* Refuse a server whose key is not the expected one: 0, or 3 with a triple. */
static int check_key(lua_State *L, Session *s, const char *known) {
  size_t len = known ? strlen(known) : 0;
  const char *got;
  if (!known) return 0;
  while (len && known[len - 1] == '=') len--;
  ssh_pushfingerprint(L, s);
  got = lua_tostring(L, -1);
  if (strncmp(known, "SHA256:", 7) != 0) got += 7;
  if (strlen(got) == len && memcmp(got, known, len) == 0) {
    lua_pop(L, 1);
    return 0;
  }
  return lb_fail(L, "hostkey", "connect %s: its host key is %s, expected %s", s->peer, lua_tostring(L, -1), known);
}

static int start(lua_State *L, Session *s, const char *host, const char *port, const char *known, const ssh_Login *login,
                 double greeting, double deadline) {
  int n;
  if ((n = ssh_dial(L, s, host, port, greeting))) return n;
  s->ssh = libssh2_session_init_ex(NULL, NULL, NULL, s);
  if (!s->ssh) return luaL_error(L, "libssh2_session_init: out of memory");
  libssh2_session_set_blocking(s->ssh, 0);
  libssh2_session_callback_set(s->ssh, LIBSSH2_CALLBACK_RECV, (void *)on_receive);
  libssh2_session_callback_set(s->ssh, LIBSSH2_CALLBACK_SEND, (void *)on_send);
  libssh2_session_callback_set(s->ssh, LIBSSH2_CALLBACK_DISCONNECT, (void *)on_disconnect);
  if ((n = ssh_handshake(L, s, greeting, deadline))) return n;
  if ((n = check_key(L, s, known))) return n;
  if ((n = ssh_login(L, s, login, deadline))) return n;
  if (s->keepalive) libssh2_keepalive_config(s->ssh, 1, (unsigned)s->keepalive);
  s->ready = 1;
  return 0;
}

/* Push the text of a key file; 0, or 3 with a triple. */
static int read_key(lua_State *L, const char *path) {
  char buffer[65536];
  FILE *f = fopen(path, "rbe");
  int failed;
  size_t n;
  if (!f) return lb_failerrno(L, errno, "open key file %s", path);
  setvbuf(f, NULL, _IONBF, 0); /* no copy of the key stays behind */
  n = fread(buffer, 1, sizeof buffer, f);
  failed = ferror(f) ? errno : 0;
  fclose(f);
  if (failed) return lb_failerrno(L, failed, "read key file %s", path);
  lua_pushlstring(L, buffer, n);
  OPENSSL_cleanse(buffer, sizeof buffer);
  return 0;
}

static const char *const connect_keys[] = {"host",  "port",    "username",  "password", "key_file",    "passphrase", "key",
                                           "agent", "timeout", "keepalive", "known",    "interactive", "greeting", NULL};

/*
ssh.connect(options) -> session
                     -> nil, message, code
Connect to an SSH server and log in. Tries every address of the host; then, of what is given, the agent's keys, the key, the
password, and keyboard-interactive with the password as the answer to every hidden question. The session is closed by
session:close(), `<close>` or the collector.
  options.host        string            name or address
  options.port        integer = 22
  options.username    string
  options.password    string|nil
  options.key_file    string|nil        path of a private key: ed25519, ECDSA; RSA only for servers that still take SHA-1
  options.key         string|nil        the private key itself, instead of a file
  options.passphrase  string|nil        of the private key
  options.agent       boolean = false   offer the keys of the agent at SSH_AUTH_SOCK
  options.interactive boolean = true    keyboard-interactive may be used
  options.timeout     number = 30       seconds, for all of it
  options.greeting    number = 15       seconds of these, until the server's first words: a machine that is not up yet is better
                                        called again than waited for
  options.keepalive   integer = 15      seconds between keep-alives while a call waits; after three unanswered ones the
                                        connection counts as gone; 0 for none
  options.known       string|nil        refuse a server whose key's fingerprint is not this ("SHA256:...")
Codes: net (not reached, reset, closed), timeout, hostkey, auth (every way to log in was refused; the message lists them),
ssh (no common algorithm: the message names what the server has), notfound and io (key file), format (a key that cannot be
read, and nothing else to try).  Raises: cancelled.
Blocks: yes.  Source: RFC 4253, RFC 4252, RFC 4256; libssh2 1.10.
*/
static int ssh_connect(lua_State *L) {
  ssh_Login login = {0};
  const char *host, *known, *key_file, *port;
  lua_Integer number, keepalive;
  double deadline, greeting;
  Session *s;
  ssh_Op *op;
  int box;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lb_checkkeys(L, 1, connect_keys);
  host = lb_optstring(L, 1, "host", NULL, NULL);
  login.username = lb_optstring(L, 1, "username", NULL, NULL);
  luaL_argcheck(L, host, 1, "option 'host' is missing");
  luaL_argcheck(L, login.username, 1, "option 'username' is missing");
  login.password = lb_optstring(L, 1, "password", NULL, &login.password_len);
  login.passphrase = lb_optstring(L, 1, "passphrase", "", NULL);
  known = lb_optstring(L, 1, "known", NULL, NULL);
  login.key = lb_optstring(L, 1, "key", NULL, &login.key_len);
  key_file = lb_optstring(L, 1, "key_file", NULL, NULL);
  login.agent = lb_optboolean(L, 1, "agent", 0);
  login.interactive = lb_optboolean(L, 1, "interactive", 1);
  number = lb_optinteger(L, 1, "port", 22);
  luaL_argcheck(L, number > 0 && number < 65536, 1, "bad option 'port' (1 to 65535)");
  keepalive = lb_optinteger(L, 1, "keepalive", 15);
  luaL_argcheck(L, keepalive >= 0 && keepalive <= 86400, 1, "bad option 'keepalive' (0 to 86400)");
  luaL_argcheck(L, !(login.key && key_file), 1, "options 'key' and 'key_file' exclude each other");
  deadline = ssh_deadline(lb_optnumber(L, 1, "timeout", 30));
  greeting = ssh_deadline(lb_optnumber(L, 1, "greeting", 15));
  port = lua_pushfstring(L, "%I", (LUAI_UACINT)number);
  login.key_name = key_file ? key_file : "key";
  if (key_file) {
    int n = read_key(L, key_file);
    if (n) return n;
    login.key = lua_tolstring(L, -1, &login.key_len);
  }
  luaL_checkstack(L, 20, NULL);
  s = lb_newbox(L, sizeof *s, SESSION);
  box = lua_gettop(L);
  s->fd = -1;
  s->keepalive = (int)keepalive;
  snprintf(s->peer, sizeof s->peer, "%s@%s:%s", login.username, host, port);
  op = ssh_guard(L, s);
  op->connecting = 1;
  {
    int n = start(L, s, host, port, known, &login, greeting < deadline ? greeting : deadline, deadline);
    if (n) return n; /* the guard closes the session */
  }
  op->connecting = 0;
  lua_pushvalue(L, box);
  return 1;
}

static void push_base64(lua_State *L, const unsigned char *data, size_t len) {
  unsigned char *text = lua_newuserdatauv(L, len / 3 * 4 + 8, 0);
  int n = EVP_EncodeBlock(text, data, (int)len);
  lua_pushlstring(L, (char *)text, (size_t)n);
  lua_remove(L, -2);
}

void ssh_pushfingerprint(lua_State *L, Session *s) {
  const char *hash = libssh2_hostkey_hash(s->ssh, LIBSSH2_HOSTKEY_HASH_SHA256);
  unsigned char text[48] = "";
  size_t n = hash ? (size_t)EVP_EncodeBlock(text, (const unsigned char *)hash, 32) : 0;
  while (n && text[n - 1] == '=') text[--n] = 0;
  lua_pushfstring(L, "SHA256:%s", (char *)text);
}

/*
ssh.hostkey(session) -> key
The server's key, as it was proven at connect time.
key = { type = string ("ssh-ed25519"), sha256 = string ("SHA256:..." as OpenSSH prints it), key = string ("ssh-ed25519 AAAA...") }
Raises: closed session.
Blocks: no.  Source: RFC 4253 6.6; ssh-keygen(1) -l.
*/
static int ssh_hostkey(lua_State *L) {
  Session *s = lb_checkbox(L, 1, SESSION);
  size_t len = 0, name;
  int type;
  const unsigned char *key = (const unsigned char *)libssh2_session_hostkey(s->ssh, &len, &type);
  if (!key || len < 4) return luaL_error(L, "the session has no host key");
  name = (size_t)key[2] << 8 | key[3];
  if (name > len - 4) name = 0;
  lua_createtable(L, 0, 3);
  lua_pushlstring(L, (const char *)key + 4, name);
  lua_setfield(L, -2, "type");
  ssh_pushfingerprint(L, s);
  lua_setfield(L, -2, "sha256");
  lua_getfield(L, -1, "type");
  lua_pushliteral(L, " ");
  push_base64(L, key, len);
  lua_concat(L, 3);
  lua_setfield(L, -2, "key");
  return 1;
}

/*
ssh.broken(session) -> string|nil
Why no further call of this session can work: one before it was interrupted, timed out, or found the connection gone; nil when none was.
Raises: closed session.
Blocks: no.
*/
static int ssh_broken(lua_State *L) {
  Session *s = lb_checkbox(L, 1, SESSION);
  lua_pushstring(L, s->broken); /* nil for NULL */
  return 1;
}

/*
ssh.keepalive(session) -> true
                       -> nil, message, code
Say something to the server now, for times in which no other call of this session is made, and see whether the
connection still stands. Calls that wait do this by themselves.
Codes: net, ssh.  Raises: closed session.
Blocks: no.  Source: RFC 4254 4; libssh2_keepalive_send(3).
*/
static int ssh_keepalive(lua_State *L) {
  ssh_Op *op = ssh_begin(L);
  Session *s;
  int rc, next;
  char byte;
  if (!op) return 3;
  s = op->session;
  rc = libssh2_keepalive_send(s->ssh, &next);
  if (recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) s->lost = SSH_CLOSED;
  if (s->lost || (rc && rc != LIBSSH2_ERROR_EAGAIN)) return ssh_fail(L, s, rc, "keep %s alive", s->peer);
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg methods[] = {
    {"broken", ssh_broken},   {"chmod", ssh_chmod},         {"download", ssh_download}, {"exec", ssh_exec},
    {"hostkey", ssh_hostkey}, {"keepalive", ssh_keepalive}, {"list", ssh_list},         {"mkdir", ssh_mkdir},
    {"read", ssh_read},       {"remove", ssh_remove},       {"rename", ssh_rename},     {"stat", ssh_stat},
    {"upload", ssh_upload},   {NULL, NULL},
};

static const luaL_Reg functions[] = {{"connect", ssh_connect}, {"keygen", ssh_keygen}, {NULL, NULL}};

int luaopen_lb_ssh(lua_State *L);
int luaopen_lb_ssh(lua_State *L) {
  if (libssh2_init(0)) return luaL_error(L, "libssh2_init failed");
  lb_class(L, SESSION, methods, ssh_close);
  ssh_opencall(L);
  ssh_openlookup(L);
  ssh_openagent(L);
  luaL_newlib(L, functions);
  return 1;
}
