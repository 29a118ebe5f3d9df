/* http: HTTP requests, uploads and downloads, several at once in the one wait (libcurl's multi interface) */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "http.h"
#include "lb.h"

#define RING "http.ring" /* registry key */

static http_Client *check_client(lua_State *L) { return lb_checkbox(L, 1, HTTP_CLIENT); }
static http_Transfer *check_transfer(lua_State *L, int arg) { return lb_checkbox(L, arg, HTTP_TRANSFER); }

static http_Ring *ring(lua_State *L) {
  http_Ring *r;
  lua_getfield(L, LUA_REGISTRYINDEX, RING);
  r = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return r;
}

/* ---- life ---- */

void http_shut(http_Transfer *t) {
  if (t->body.state == BODY_RUNNING) {
    curl_multi_remove_handle(t->client->ring->multi, t->easy);
    t->body.state = BODY_FAILED;
  }
  curl_easy_cleanup(t->easy);
  t->easy = NULL;
  curl_slist_free_all(t->headers);
  t->headers = NULL;
  body_free(&t->body);
  *t->link = t->next;
  if (t->next) t->next->link = t->link;
}

static int transfer_close(lua_State *L) {
  http_Transfer *t = lua_touserdata(L, 1);
  if (lb_closing(&t->box)) http_shut(t);
  return 0;
}

static int client_close(lua_State *L) {
  http_Client *c = lua_touserdata(L, 1);
  if (!lb_closing(&c->box)) return 0;
  for (http_Transfer *t = c->ring->first, *next; t; t = next) {
    next = t->next;
    if (t->client == c && lb_closing(&t->box)) http_shut(t);
  }
  curl_share_cleanup(c->share);
  curl_share_cleanup(c->plain);
  c->share = c->plain = NULL;
  tls_forget(&c->trust); /* after the connections that point to it */
  return 0;
}

static CURLSH *new_share(int cookies) {
  CURLSH *share = curl_share_init();
  if (!share) return NULL;
  curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
  if (cookies) curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
  return share;
}

static const char *const client_keys[] = {"ca_file", "connect_timeout", "insecure", "proxy",
                                          "thumbprint", "user_agent", NULL};

/*
http.client([opts]) -> client
                    -> nil, message, code
Make a client: its requests share connections, cookies and the rule of which servers are trusted.
  opts.ca_file         string|nil        PEM file of the authorities to trust instead of the system's
  opts.thumbprint      string|nil        SHA-1 or SHA-256 of the server's certificate (hex, colons allowed): only that
                                         certificate is trusted, whatever its authority, host name and dates
  opts.insecure        boolean = false   trust any server
  opts.user_agent      string = "luabuild/VERSION"
  opts.proxy           string|nil        URL of a proxy; "" for none; default: the environment (https_proxy, no_proxy, ...)
  opts.connect_timeout number = 30       seconds for name, connection and TLS handshake
Close the client when done with it; its transfers are aborted then.
Codes: notfound, io (ca_file).
Blocks: no.  Source: RFC 9110; libcurl-share(3).
*/
static int http_client(lua_State *L) {
  static const char *const strings[] = {"ca_file", "proxy", "user_agent", NULL};
  const char *ca_file, *pin;
  tls_Trust trust = {0};
  http_Client *c;
  lua_settop(L, 1);
  lb_checkkeys(L, 1, client_keys);
  lua_createtable(L, 0, 4); /* 2: options kept */
  for (int i = 0; strings[i]; i++) {
    lb_optstring(L, 1, strings[i], NULL, NULL);
    lua_setfield(L, 2, strings[i]);
  }
  lua_pushnumber(L, lb_optnumber(L, 1, "connect_timeout", 30));
  lua_setfield(L, 2, "connect_timeout");
  trust.insecure = lb_optboolean(L, 1, "insecure", 0);
  pin = lb_optstring(L, 1, "thumbprint", NULL, NULL);
  if (pin && !tls_pin(&trust, pin)) return luaL_argerror(L, 1, "bad option 'thumbprint' (40 or 64 hex digits expected)");
  ca_file = lb_optstring(L, 2, "ca_file", NULL, NULL);
  if (ca_file && access(ca_file, R_OK) < 0) return lb_failerrno(L, errno, "read the CA file %s", ca_file);
  ring(L)->multi = lb_multi(L); /* before the box: it must be closed after it */
  c = lb_newbox(L, sizeof *c, HTTP_CLIENT);
  c->ring = ring(L);
  c->trust = trust;
  lb_opened(&c->box);
  c->share = new_share(1);
  c->plain = new_share(0);
  if (!c->share || !c->plain) return luaL_error(L, "libcurl: out of memory");
  lb_setparent(L, -1, 2);
  return 1;
}

/* ---- moving ---- */

/* The transfer ended, well or not; it leaves the multi handle and waits to be asked for its result. */
static void finish(http_Transfer *t, CURLcode code) {
  http_Body *body = &t->body;
  long status = 0;
  curl_multi_remove_handle(t->client->ring->multi, t->easy);
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  t->result = code;
  body_settle(body);
  if (!code && body->upload && status < 400 && body->moved != body->total)
    body_refuse(body, "net", "the server answered before it had everything");
  if (!code && body_finish(body) && body->saving && t->sync && fsync(body->fd) < 0)
    body_refuse(body, "io", "write the file to the disk: %s", strerror(errno));
  body->state = code || body->code ? BODY_FAILED : BODY_DONE;
}

/* What it has done so far, in a number that changes with anything. */
static curl_off_t activity(http_Transfer *t) {
  curl_off_t up = 0, down = 0;
  long head = 0;
  curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &up);
  curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
  curl_easy_getinfo(t->easy, CURLINFO_HEADER_SIZE, &head);
  return up + down + head;
}

int http_connected(http_Transfer *t) {
  curl_off_t sent = 0;
  curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
  return sent > 0;
}

#define TRICKLE 65536 /* bytes of a file that are the least for `stall` seconds: less is nothing */

static void look(http_Transfer *t, double now) {
  curl_off_t done = activity(t), least = t->body.saving || t->body.upload ? TRICKLE : 1;
  if (body_ready(&t->body)) {
    t->body.paused = 0;
    curl_easy_pause(t->easy, CURLPAUSE_CONT);
  }
  if (done - t->seen >= least || t->body.paused || !http_connected(t)) { /* connecting has a limit of its own */
    t->seen = done;
    t->moved = now;
  } else if (t->stall > 0 && now - t->moved >= t->stall) {
    body_refuse(&t->body, "timeout", "%s for %g seconds", done > t->seen ? "almost nothing moved" : "nothing moved", t->stall);
    finish(t, CURLE_OPERATION_TIMEDOUT);
  }
}

/* Take note of the transfers that ended: how many. */
static int collect(http_Ring *r) {
  CURLMsg *message;
  int left, ended = 0;
  while ((message = curl_multi_info_read(r->multi, &left))) {
    http_Transfer *t = NULL;
    CURLcode code = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
    finish(t, code);
    ended++;
  }
  return ended;
}

void http_move(lua_State *L, http_Ring *r, double until) {
  double now, wake = until;
  if (collect(r)) return; /* one may have ended in its first step, or in somebody else's wait */
  for (http_Transfer *t = r->first; t; t = t->next)
    if (t->body.state == BODY_RUNNING && t->stall > 0 && t->moved + t->stall < wake) wake = t->moved + t->stall;
  lb_wait(L, NULL, 0, lb_until(wake));
  collect(r);
  now = lb_now();
  for (http_Transfer *t = r->first; t; t = t->next)
    if (t->body.state == BODY_RUNNING) look(t, now);
}

/* ---- waiting ---- */

/* Push (done, total) of `t`; total is nil when not known. */
static int push_progress(lua_State *L, http_Transfer *t) {
  const http_Body *body = &t->body;
  curl_off_t sent = 0, length = -1;
  if (body->upload) {
    curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    lua_pushinteger(L, sent);
  } else {
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    lua_pushinteger(L, body->saving ? (lua_Integer)body->moved + (lua_Integer)body->waiting : (lua_Integer)body->memory.size);
  }
  if (body->saving || body->upload) length = body->total;
  if (length >= 0) lua_pushinteger(L, length);
  else lua_pushnil(L);
  return 2;
}

/* Call the progress function of the transfer at `arg` when it is due. */
static void report(lua_State *L, int arg) {
  http_Transfer *t = lua_touserdata(L, arg);
  double now = lb_now();
  if (t->report <= 0 || (t->body.state == BODY_RUNNING && now < t->report)) return;
  t->report = t->body.state == BODY_RUNNING ? now + t->interval : 0;
  if (t->body.state == BODY_FAILED) return;
  lua_getiuservalue(L, arg, 1);
  lua_getfield(L, -1, "progress");
  push_progress(L, t);
  lua_call(L, 2, 0);
  lua_pop(L, 1);
}

/* lb_now() at which the seconds at `arg` will have passed */
static double deadline(lua_State *L, int arg) {
  double seconds = luaL_optnumber(L, arg, -1);
  return seconds < 0 ? lb_now() + 1e9 : lb_now() + seconds;
}

/* Wait for the transfer at `arg` until `until`: 1 when it ended. Its box may be closed by its progress function. */
static int await(lua_State *L, int arg, double until) {
  http_Transfer *t = check_transfer(L, arg);
  while (t->body.state == BODY_RUNNING) {
    http_move(L, ring(L), t->report > 0 && t->report < until ? t->report : until);
    report(L, arg);
    t = check_transfer(L, arg);
    if (t->body.state == BODY_RUNNING && lb_now() >= until) return 0;
  }
  report(L, arg);
  return 1;
}

/*
client:start(opts) -> transfer
                   -> nil, message, code
Begin a request; it gets on in every wait of the program (with follow: in those of this module).
  opts.*         as client:request
With `follow` it first waits until the length of the other transfer is known.
Close the transfer when done with it: that aborts it if it is still under way.
Codes: format (url), notfound, io (files), net (follow).  Raises: closed client, cancelled.
Blocks: no (with follow: yes).
*/
static int client_start(lua_State *L) {
  check_client(L);
  lua_settop(L, 2);
  return http_launch(L);
}

/*
client:request(opts) -> result
                     -> nil, message, code, sent
Make a request and wait for its response. A status of 400 and more is a result like any other. Nothing is sent twice but
what has no body, or one from a file: `sent` tells whether the server may have seen a request that failed.
  opts.url               string            http or https
  opts.method            string|nil        default GET; POST with body; PUT with file and follow
  opts.headers           table = {}        name -> value; they go along on redirects
  opts.body              string|nil        bytes to send
  opts.file              string|nil        path of a file to send
  opts.follow            transfer|nil      send what that transfer is saving, as it arrives
  opts.save              string|nil        path of the file that a good (2xx) response goes to; left as it is
                                           on failure
  opts.save_at           integer|nil       where in that file the first byte goes; the rest of the file is left alone
  opts.offset            integer = 0       with save: the file has so many bytes already, ask for the rest; a server that
                                           cannot do that sends everything again, and it is saved so
  opts.sync              boolean = false   with save: do not return before the bytes are on the disk
  opts.expect_size       integer|nil       bytes the saved or sent file must have
  opts.digest            string|table|nil  "sha256", "sha1", "sha512" or an array of them: taken of the whole file sent or
                                           saved (offset included), else of the response
  opts.max_body          integer = 64 MiB  bytes of a response that is not saved
  opts.stall             number = 60       seconds without any progress, the server's thinking included, or of less than 64 KiB of
                                           a file; 0: no limit
  opts.timeout           number = 0        seconds for everything; 0: no limit
  opts.redirects         integer = 0       how many to follow; never from https to http; Authorization and cookies stay
                                           with their host
  opts.cookies           boolean = true    send and take the client's cookies
  opts.progress          function|nil      called with (done, total|nil) bytes
  opts.progress_interval number = 0.5      seconds between two calls at least
result = { status = integer, headers = table (lower-case names), body = string|nil (nil when saved), size = integer (bytes
  saved, sent or in body), digest = table (algorithm -> hex), url = string (the last one), address = string (server's IP),
  local_address = string, certificate = { sha1 = "AA:BB:...", sha256 = "AA:BB:..." }|nil }
Codes: net, tls, timeout, http (what came is not what it should be), format (url), notfound, io.
Raises: closed client, cancelled, errors of progress.
Blocks: yes.  Source: RFC 9110, RFC 9112, RFC 6265.
*/
static int client_request(lua_State *L) {
  int pushed;
  check_client(L);
  lua_settop(L, 2);
  pushed = http_launch(L);
  if (pushed != 1) return pushed;
  lua_toclose(L, 3);
  await(L, 3, lb_now() + 1e9);
  return http_result(L, lua_touserdata(L, 3));
}

/*
transfer:wait([seconds]) -> result
                         -> false
                         -> nil, message, code, sent
Wait for the end of the transfer: what client:request returns, or false when it has not ended by then. May be asked again.
  seconds        number|nil        default: as long as it takes
Codes: as client:request.  Raises: closed transfer, cancelled, errors of progress.
Blocks: yes.
*/
static int transfer_wait(lua_State *L) {
  check_transfer(L, 1);
  if (await(L, 1, deadline(L, 2))) return http_result(L, check_transfer(L, 1));
  lua_pushboolean(L, 0);
  return 1;
}

/*
transfer:progress() -> integer, integer|nil
Bytes done, and of how many (nil when not known).
Raises: closed transfer.
Blocks: no.
*/
static int transfer_progress(lua_State *L) { return push_progress(L, check_transfer(L, 1)); }

/*
http.wait(transfers [, seconds]) -> {transfer, ...}
Wait until at least one of the transfers has ended, well or not: those that have, none when the time is over.
  transfers      table             array
  seconds        number|nil        default: as long as it takes
Raises: closed transfer, cancelled, errors of progress.
Blocks: yes.
*/
static int http_wait(lua_State *L) {
  double until = deadline(L, 2);
  lua_Integer n, ended = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  n = luaL_len(L, 1);
  lua_settop(L, 2);
  lua_newtable(L); /* 3 */
  for (;;) {
    double wake = until;
    for (lua_Integer i = 1; i <= n; i++) {
      http_Transfer *t;
      lua_geti(L, 1, i); /* 4 */
      check_transfer(L, 4);
      report(L, 4);
      t = check_transfer(L, 4);
      if (t->body.state != BODY_RUNNING) lua_rawseti(L, 3, ++ended);
      else if (t->report > 0 && t->report < wake) wake = t->report;
      lua_settop(L, 3);
    }
    if (ended || n == 0 || lb_now() >= until) return 1;
    http_move(L, ring(L), wake);
  }
}

static const luaL_Reg client_methods[] = {{"request", client_request}, {"start", client_start}, {NULL, NULL}};
static const luaL_Reg transfer_methods[] = {{"progress", transfer_progress}, {"wait", transfer_wait}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"client", http_client}, {"wait", http_wait}, {NULL, NULL}};

int luaopen_lb_http(lua_State *L);
int luaopen_lb_http(lua_State *L) {
  lb_class(L, HTTP_CLIENT, client_methods, client_close);
  lb_class(L, HTTP_TRANSFER, transfer_methods, transfer_close);
  memset(lua_newuserdatauv(L, sizeof(http_Ring), 0), 0, sizeof(http_Ring));
  lua_setfield(L, LUA_REGISTRYINDEX, RING);
  luaL_newlib(L, functions);
  return 1;
}
