/* httpd: a read-only server of a fixed map from path to bytes or file, in a thread of its own (libmicrohttpd) */

#define _GNU_SOURCE /* pipe2 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "httpd_site.h"
#include "lb.h"

#define SERVER "httpd.server"

/* ---- box ---- */

typedef struct Server {
  lb_Box box;
  struct MHD_Daemon *daemon;
  int listener; /* until the daemon owns it */
  int log;      /* reading end */
  int port;
  httpd_Site site;
} Server;

static Server *check_server(lua_State *L) { return lb_checkbox(L, 1, SERVER); }

static void shut(Server *s) {
  if (s->daemon) MHD_stop_daemon(s->daemon); /* ends the thread and closes the listener */
  s->daemon = NULL;
  if (s->listener >= 0) close(s->listener);
  if (s->log >= 0) close(s->log);
  if (s->site.log >= 0) close(s->site.log);
  site_free(&s->site);
}

static int server_close(lua_State *L) {
  Server *s = lua_touserdata(L, 1);
  if (lb_closing(&s->box)) shut(s);
  return 0;
}

/* ---- content ---- */

/* Put the content at `arg` (a string, or a table with field file) under `path`: 0, or a failure's 3 results. */
static int put(lua_State *L, Server *s, const char *path, int arg) {
  size_t n;
  const char *text;
  if (!lua_istable(L, arg)) {
    text = lua_tolstring(L, arg, &n);
    return site_put_bytes(&s->site, path, text, n) ? 0 : lb_failerrno(L, errno, "serve %s", path);
  }
  text = lb_optstring(L, arg, "file", NULL, NULL);
  return site_put_file(&s->site, path, text) ? 0 : lb_failerrno(L, errno, "serve %s: open %s", path, text);
}

/* Raise unless the value at `arg` is content. */
static void check_content(lua_State *L, int arg, int value) {
  static const char *const keys[] = {"file", NULL};
  value = lua_absindex(L, value);
  if (lua_type(L, value) == LUA_TSTRING) return;
  if (!lua_istable(L, value)) luaL_argerror(L, arg, "content must be a string or { file = path }");
  lb_checkkeys(L, value, keys);
  if (!lb_optstring(L, value, "file", NULL, NULL)) luaL_argerror(L, arg, "content has no file");
  lua_pop(L, 1);
}

/* The path at `arg` without its leading slash; raises for one with a zero byte */
static const char *check_path(lua_State *L, int arg, int value) {
  size_t n;
  const char *path = lua_type(L, value) == LUA_TSTRING ? lua_tolstring(L, value, &n) : NULL;
  if (!path || strlen(path) != n) luaL_argerror(L, arg, "paths must be strings without zero bytes");
  return *path == '/' ? path + 1 : path;
}

/* ---- start ---- */

/* A listening socket at one port of `address`: -1 and errno. */
static int listen_at(struct sockaddr_storage *address, socklen_t size, int port) {
  int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, saved;
  if (fd < 0) return -1;
  if (address->ss_family == AF_INET) ((struct sockaddr_in *)(void *)address)->sin_port = htons((uint16_t)port);
  else ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons((uint16_t)port);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); /* a port of a run that just ended; one in use stays refused */
  if (bind(fd, (struct sockaddr *)address, size) == 0 && listen(fd, 64) == 0) return fd;
  saved = errno;
  close(fd);
  errno = saved;
  return -1;
}

/* Listen at the first free port from a random one on: the port; or 0 and errno. */
static int listen_between(Server *s, struct sockaddr_storage *address, socklen_t size, int low, int high) {
  unsigned start = 0, count = (unsigned)(high - low + 1);
  if (getrandom(&start, sizeof start, 0) < 0) start = (unsigned)getpid();
  for (unsigned i = 0; i < count; i++) {
    int port = low + (int)((start % count + i) % count);
    s->listener = listen_at(address, size, port);
    if (s->listener >= 0) return port;
    if (errno != EADDRINUSE && errno != EACCES) return 0;
  }
  return 0;
}

/* Read a numeric address: its size, 0 when it is none. */
static socklen_t parse_address(const char *text, struct sockaddr_storage *out) {
  struct sockaddr_in *v4 = (void *)out;
  struct sockaddr_in6 *v6 = (void *)out;
  memset(out, 0, sizeof *out);
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    out->ss_family = AF_INET;
    return sizeof *v4;
  }
  if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1) return 0;
  out->ss_family = AF_INET6;
  return sizeof *v6;
}

/* Put all of the table at `files`. */
static int put_all(lua_State *L, Server *s, int files) {
  if (!lua_istable(L, files)) return 0;
  lua_pushnil(L);
  while (lua_next(L, files)) {
    int top = lua_gettop(L), failed = put(L, s, check_path(L, 1, top - 1), top);
    if (failed) return failed;
    lua_settop(L, top - 1);
  }
  return 0;
}

static void check_files(lua_State *L, int files) {
  if (lua_isnil(L, files)) return;
  if (!lua_istable(L, files)) luaL_argerror(L, 1, "bad option 'files' (table expected)");
  lua_pushnil(L);
  while (lua_next(L, files)) {
    check_path(L, 1, -2);
    check_content(L, 1, -1);
    lua_pop(L, 1);
  }
}

/* The site with its log pipe and its files (the table at 5) */
static int begin(lua_State *L, Server *s, const char *prefix, const char *hello) {
  int ends[2];
  if (!site_make(&s->site, prefix, hello)) return lb_fail(L, "io", "make the server: out of memory");
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return lb_failerrno(L, errno, "make the log pipe");
  s->log = ends[0];
  s->site.log = ends[1];
  return put_all(L, s, 5);
}

/*
httpd.start([opts]) -> server
                    -> nil, message, code
Serve files over HTTP from a thread of its own: GET and HEAD of exactly the given paths.
  opts.bind      string = "0.0.0.0"   IPv4 or IPv6 address to listen at
  opts.port_min  integer = 8000       the first free port of these is taken, from a random one on
  opts.port_max  integer = 9000
  opts.files     table = {}           path -> content: bytes as a string, or { file = path }
  opts.prefix    string = ""          what all paths start with, before a "/"
  opts.hello     string = "hello"     path that answers GET and POST with 200: a guest's phone-home; "" for none
At most 200 clients at a time, 64 of them from one address; a head has 16 KiB at most, and 30 s of silence end a connection.
Close the server when done with it.
Codes: format (bind), notfound, io (files, no free port).
Blocks: no.  Source: RFC 9110.
*/
static int httpd_start(lua_State *L) {
  static const char *const keys[] = {"bind", "files", "hello", "port_max", "port_min", "prefix", NULL};
  struct sockaddr_storage address;
  socklen_t size;
  const char *where, *prefix, *hello;
  lua_Integer low, high;
  int failed;
  Server *s;
  lua_settop(L, 1);
  lb_checkkeys(L, 1, keys);
  low = lb_optinteger(L, 1, "port_min", 8000);
  high = lb_optinteger(L, 1, "port_max", 9000);
  luaL_argcheck(L, low >= 1 && low <= high && high <= 65535, 1, "bad options 'port_min', 'port_max'");
  where = lb_optstring(L, 1, "bind", "0.0.0.0", NULL);
  prefix = lb_optstring(L, 1, "prefix", "", NULL);
  hello = lb_optstring(L, 1, "hello", "hello", NULL);
  if (lua_istable(L, 1)) lua_getfield(L, 1, "files");
  else lua_pushnil(L);
  check_files(L, 5);
  size = parse_address(where, &address);
  if (!size) return lb_fail(L, "format", "listen at %s: not an IP address", where);
  s = lb_newbox(L, sizeof *s, SERVER); /* 6 */
  s->listener = s->log = s->site.log = -1;
  lb_opened(&s->box);
  failed = begin(L, s, prefix, hello);
  if (!failed) {
    s->port = listen_between(s, &address, size, (int)low, (int)high);
    if (!s->port) failed = lb_failerrno(L, errno, "listen at %s, ports %d to %d", where, (int)low, (int)high);
  }
  if (!failed) {
    s->daemon = site_start(&s->site, s->listener, address.ss_family == AF_INET6);
    if (s->daemon) s->listener = -1;
    else failed = lb_fail(L, "io", "listen at %s, port %d: the server does not start", where, s->port);
  }
  if (failed && lb_closing(&s->box)) shut(s);
  if (!failed) lua_settop(L, 6);
  return failed ? failed : 1;
}

/* ---- methods ---- */

/*
server:port() -> integer
The port it listens at.
Raises: closed server.
Blocks: no.
*/
static int server_port(lua_State *L) {
  lua_pushinteger(L, check_server(L)->port);
  return 1;
}

/*
server:put(path, content) -> true
                          -> nil, message, code
Serve other content from now on; transfers under way go on with what was there.
  path           string            as in httpd.start
  content        string|table      bytes or { file = path }
Codes: notfound, io.  Raises: closed server.
Blocks: no.
*/
static int server_put(lua_State *L) {
  Server *s = check_server(L);
  const char *path = check_path(L, 2, 2);
  int failed;
  lua_settop(L, 3);
  check_content(L, 3, 3);
  failed = put(L, s, path, 3);
  if (!failed) lua_pushboolean(L, 1);
  return failed ? failed : 1;
}

/* Push the next event as a table; 0 when there is none. */
static int push_event(lua_State *L, Server *s) {
  site_Record record;
  char path[SITE_PATH];
  if (read(s->log, &record, sizeof record) != sizeof record) return 0;
  if (record.length > 0 && read(s->log, path, record.length) != (ssize_t)record.length) return 0;
  lua_createtable(L, 0, 6);
  lua_pushlstring(L, path, record.length);
  lua_setfield(L, -2, "path");
  lua_pushinteger(L, record.status);
  lua_setfield(L, -2, "status");
  lua_pushinteger(L, (lua_Integer)record.bytes);
  lua_setfield(L, -2, "bytes");
  lua_pushboolean(L, record.complete);
  lua_setfield(L, -2, "complete");
  lua_pushstring(L, record.client);
  lua_setfield(L, -2, "client");
  lua_pushnumber(L, record.time);
  lua_setfield(L, -2, "time");
  return 1;
}

static int push_events(lua_State *L, Server *s) {
  lua_newtable(L);
  for (lua_Integer n = 1; push_event(L, s); n++) lua_rawseti(L, -2, n);
  lua_pushinteger(L, __atomic_exchange_n(&s->site.lost, 0, __ATOMIC_RELAXED));
  return 2;
}

/*
server:events() -> {event, ...}, integer
The requests answered since the last call, and how many more there were that could not be kept.
event = { path = string (without prefix and leading "/"), status = integer, bytes = integer (of the body, 0 unless complete),
  complete = boolean (the client took all of it), client = string (IP address), time = number (seconds since 1970) }
Raises: closed server.
Blocks: no.
*/
static int server_events(lua_State *L) { return push_events(L, check_server(L)); }

/*
server:wait(seconds) -> {event, ...}, integer
As server:events, but waits until there is an event or the time is over.
Raises: closed server, cancelled.
Blocks: yes.
*/
static int server_wait(lua_State *L) {
  Server *s = check_server(L);
  double until = lb_now() + luaL_checknumber(L, 2);
  lb_Fd log = {s->log, LB_READ, 0};
  for (long left; (left = lb_until(until)) > 0;)
    if (lb_wait(L, &log, 1, left)) break;
  lb_checkcancel(L);
  return push_events(L, s);
}

/*
httpd.route(address) -> string
                     -> nil, message, code
The local address that the kernel would reach another one from: what to tell a guest that is beside it. Nothing is sent.
  address        string            IPv4 or IPv6; names are not looked up, since that cannot be interrupted
Codes: format (no address), net (no route).
Blocks: no.  Source: ip(7).
*/
static int httpd_route(lua_State *L) {
  const char *text = luaL_checkstring(L, 1);
  struct sockaddr_storage address;
  socklen_t size = parse_address(text, &address);
  char out[INET6_ADDRSTRLEN];
  int fd, saved = 0;
  if (!size) return lb_fail(L, "format", "find the route to %s: not an IP address", text);
  if (address.ss_family == AF_INET) ((struct sockaddr_in *)(void *)&address)->sin_port = htons(9);
  else ((struct sockaddr_in6 *)(void *)&address)->sin6_port = htons(9);
  fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return lb_failerrno(L, errno, "find the route to %s", text);
  if (connect(fd, (struct sockaddr *)&address, size) < 0) saved = errno;
  size = sizeof address;
  if (!saved && getsockname(fd, (struct sockaddr *)&address, &size) < 0) saved = errno;
  close(fd);
  if (saved) return lb_fail(L, "net", "find the route to %s: %s", text, strerror(saved));
  site_address((struct sockaddr *)&address, out);
  lua_pushstring(L, out);
  return 1;
}

static const luaL_Reg methods[] = {
    {"events", server_events}, {"port", server_port}, {"put", server_put}, {"wait", server_wait}, {NULL, NULL},
};
static const luaL_Reg functions[] = {{"route", httpd_route}, {"start", httpd_start}, {NULL, NULL}};

int luaopen_lb_httpd(lua_State *L);
int luaopen_lb_httpd(lua_State *L) {
  lb_class(L, SERVER, methods, server_close);
  luaL_newlib(L, functions);
  return 1;
}
