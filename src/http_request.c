/* http_request: the options of a request, strictly read, and the curl handle made of them */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "http.h"

#define PLACE_MAX (INT64_MAX / 4) /* of a place in a file: sums of them cannot overflow */

static const char *const request_keys[] = {
    "body",   "cookies", "digest",   "expect_size",       "file",      "follow", "headers", "max_body", "method", "offset",
    "progress", "progress_interval", "redirects", "save", "save_at", "stall", "sync", "timeout", "url", NULL};

/* "GET https://host/path": no user, password or query, which may be secret. 0 when `url` is not one of ours. */
static int describe(const char *method, const char *url, char *out, size_t size) {
  static const CURLUPart hidden[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT};
  CURLU *u = curl_url();
  char *text = NULL, *scheme = NULL;
  int ok = u && !curl_url_set(u, CURLUPART_URL, url, 0) && !curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) &&
           (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
  for (size_t i = 0; u && i < sizeof hidden / sizeof *hidden; i++) curl_url_set(u, hidden[i], NULL, 0);
  ok = ok && !curl_url_get(u, CURLUPART_URL, &text, 0);
  if (ok) snprintf(out, size, "%s %s", method, text);
  curl_free(scheme);
  curl_free(text);
  curl_url_cleanup(u);
  return ok;
}

/* Digests named by option `digest`: a name or an array of names. */
static void read_digests(lua_State *L, int arg, http_Body *body) {
  int type = lua_getfield(L, arg, "digest");
  lua_Integer n = type == LUA_TTABLE ? luaL_len(L, -1) : type == LUA_TNIL ? 0 : 1;
  for (lua_Integer i = 1; i <= n; i++) {
    const char *name;
    if (type == LUA_TTABLE) lua_rawgeti(L, -1, i);
    else lua_pushvalue(L, -1);
    name = lua_tostring(L, -1);
    if (!name || digest_add(&body->digests, name) <= 0)
      luaL_argerror(L, arg, "bad option 'digest' (sha256, sha1 or sha512)");
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* RFC 9110 5.6.2: what a method and a header's name are made of */
static int is_token(const char *text) {
  const char *p = text;
  while (isalnum((unsigned char)*p) || (*p && strchr("!#$%&'*+-.^_`|~", *p))) p++;
  return p > text && !*p;
}

static void check_header(lua_State *L, int arg, const char *name, const char *value, size_t n) {
  if (!is_token(name)) luaL_argerror(L, arg, "bad header name");
  if (strlen(value) != n || strpbrk(value, "\r\n"))
    luaL_argerror(L, arg, lua_pushfstring(L, "bad value of header '%s'", name));
}

static void add_header(lua_State *L, http_Transfer *t, const char *line) {
  struct curl_slist *more = curl_slist_append(t->headers, line);
  if (!more) luaL_error(L, "libcurl: out of memory");
  t->headers = more;
}

static void read_headers(lua_State *L, int arg, http_Transfer *t) {
  int typed = 0;
  if (lua_getfield(L, arg, "headers") != LUA_TNIL) {
    if (!lua_istable(L, -1)) luaL_argerror(L, arg, "bad option 'headers' (table expected)");
    lua_pushnil(L);
    while (lua_next(L, -2)) {
      size_t n;
      const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "", *value = lua_tolstring(L, -1, &n);
      check_header(L, arg, name, value ? value : "\n", n);
      add_header(L, t, lua_pushfstring(L, n ? "%s: %s" : "%s;", name, value));
      typed |= curl_strequal(name, "content-type");
      lua_pop(L, 2);
    }
  }
  if (!typed) add_header(L, t, "Content-Type:"); /* curl would say it is a form */
  if (!t->body.upload) add_header(L, t, "Expect:");
  lua_pop(L, 1);
}

/* ---- files ---- */

/* Take the `offset` bytes that are there already into the digests. */
static int digest_present(lua_State *L, http_Transfer *t) {
  http_Body *body = &t->body;
  int64_t left = body->offset;
  size_t room = 256 * 1024;
  char *chunk = lua_newuserdatauv(L, room, 0);
  while (left > 0) {
    ssize_t n;
    lb_checkcancel(L);
    n = pread(body->fd, chunk, left < (int64_t)room ? (size_t)left : room, body->at + body->offset - left);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return lb_failerrno(L, errno, "%s: read the file to resume", t->what);
    if (n == 0) return lb_fail(L, "io", "%s: the file to resume is shorter than %lld bytes", t->what,
                               (long long)body->offset);
    digest_feed(&body->digests, chunk, (size_t)n);
    left -= n;
  }
  lua_pop(L, 1);
  return 0;
}

static int open_save(lua_State *L, http_Transfer *t, const char *path) {
  t->body.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (t->body.fd < 0) return lb_failerrno(L, errno, "%s: open %s", t->what, path);
  t->body.save = 1;
  t->body.moved = t->body.offset;
  return t->body.offset > 0 ? digest_present(L, t) : 0;
}

static int open_file(lua_State *L, http_Transfer *t, const char *path) {
  struct stat st;
  t->body.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (t->body.fd < 0) return lb_failerrno(L, errno, "%s: open %s", t->what, path);
  if (fstat(t->body.fd, &st) < 0) return lb_failerrno(L, errno, "%s: look at %s", t->what, path);
  if (!S_ISREG(st.st_mode)) return lb_fail(L, "io", "%s: %s is not a regular file", t->what, path);
  t->body.total = st.st_size;
  return 0;
}

/* Wait until the length of the download to send on is known. Its failure is ours. */
static int open_source(lua_State *L, http_Transfer *t, http_Transfer *source) {
  long status = 0;
  body_follow(&source->body);
  while (source->body.state == BODY_RUNNING && !(source->body.saving && source->body.total >= 0))
    http_move(L, t->client->ring, lb_now() + 3600);
  if (source->body.state == BODY_FAILED) return http_failure(L, source);
  curl_easy_getinfo(source->easy, CURLINFO_RESPONSE_CODE, &status);
  if (!source->body.saving) return lb_fail(L, "http", "%s: the server answered %ld", source->what, status);
  t->source = source;
  t->body.source = &source->body;
  t->body.total = source->body.total;
  t->body.at = source->body.at;
  t->body.fd = fcntl(source->body.fd, F_DUPFD_CLOEXEC, 0);
  return t->body.fd < 0 ? lb_failerrno(L, errno, "%s: open the file that is saved", t->what) : 0;
}

/* Open what the options name: 0, or the number of results of a failure pushed. */
static int open_files(lua_State *L, http_Transfer *t) {
  http_Body *body = &t->body;
  const char *file = lb_optstring(L, 2, "file", NULL, NULL), *save = lb_optstring(L, 2, "save", NULL, NULL);
  int failed = 0;
  if (file) failed = open_file(L, t, file);
  else if (save) failed = open_save(L, t, save);
  else if (lua_getfield(L, 2, "follow") != LUA_TNIL) failed = open_source(L, t, lb_checkbox(L, -1, HTTP_TRANSFER));
  if (failed) return failed;
  if (body->upload && body->expect >= 0 && body->total != body->expect)
    return lb_fail(L, "io", "%s: the file has %lld bytes, expected %lld", t->what, (long long)body->total,
                   (long long)body->expect);
  return 0;
}

/* ---- curl ---- */

/* Seconds as curl takes them; 30 days for more, 0 for none. */
static long milliseconds(double seconds) {
  if (!(seconds > 0)) return 0;
  return seconds > 2592000 ? 2592000000 : (long)(seconds * 1000);
}

#define SET(option, value) (code = code ? code : curl_easy_setopt(easy, option, value))

/* The client's options (the table at `arg`) */
static CURLcode apply_client(lua_State *L, int arg, http_Transfer *t) {
  CURL *easy = t->easy;
  CURLcode code = tls_apply(easy, &t->client->trust, lb_optstring(L, arg, "ca_file", NULL, NULL));
  const char *proxy = lb_optstring(L, arg, "proxy", NULL, NULL);
  SET(CURLOPT_USERAGENT, lb_optstring(L, arg, "user_agent", lb_program, NULL));
  SET(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(lb_optnumber(L, arg, "connect_timeout", 30)));
  if (proxy) SET(CURLOPT_PROXY, proxy);
  return code;
}

/* What is the same in every request */
static CURLcode apply_always(http_Transfer *t, const char *url) {
  CURL *easy = t->easy;
  CURLcode code = CURLE_OK;
  SET(CURLOPT_PRIVATE, (void *)t);
  SET(CURLOPT_ERRORBUFFER, t->error);
  SET(CURLOPT_URL, url);
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_REDIR_PROTOCOLS_STR, curl_strnequal(url, "https", 5) ? "https" : "http,https");
  SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_QUICK_EXIT, 1L); /* closing does not wait for a name server */
  SET(CURLOPT_SSL_SESSIONID_CACHE, 0L); /* every connection shows its certificate */
  SET(CURLOPT_TCP_KEEPALIVE, 1L); /* firewalls forget silent connections */
  SET(CURLOPT_TCP_KEEPIDLE, 60L);
  SET(CURLOPT_TCP_KEEPINTVL, 30L);
  return code;
}

static CURLcode apply_request(lua_State *L, http_Transfer *t, const char *method) {
  CURL *easy = t->easy;
  CURLcode code = CURLE_OK;
  size_t n;
  const char *body = lb_optstring(L, 2, "body", NULL, &n);
  long redirects = (long)lb_optinteger(L, 2, "redirects", 0);
  int cookies = lb_optboolean(L, 2, "cookies", 1);
  SET(CURLOPT_SHARE, cookies ? t->client->share : t->client->plain);
  if (cookies) SET(CURLOPT_COOKIEFILE, ""); /* no file: this only makes them work */
  SET(CURLOPT_FOLLOWLOCATION, (long)(redirects > 0));
  SET(CURLOPT_MAXREDIRS, redirects);
  SET(CURLOPT_TIMEOUT_MS, milliseconds(lb_optnumber(L, 2, "timeout", 0)));
  SET(CURLOPT_HTTPHEADER, t->headers);
  if (body && strcmp(method, "POST") == 0) {
    t->body.text = body; /* the options table keeps it alive */
    t->body.text_size = n;
  } else if (body) {
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
    SET(CURLOPT_POSTFIELDS, body);
  }
  if (strcmp(method, "HEAD") == 0) SET(CURLOPT_NOBODY, 1L);
  else if (strcmp(method, t->body.upload ? "PUT" : body ? "POST" : "GET") != 0) SET(CURLOPT_CUSTOMREQUEST, method);
  if (!code) code = body_apply(&t->body);
  return code;
}

#undef SET

/* ---- start ---- */

/* Is option `key` given? */
static int has(lua_State *L, const char *key) {
  int type = lua_getfield(L, 2, key);
  lua_pop(L, 1);
  return type != LUA_TNIL;
}

/* Check what the types of single options do not say, before anything is made. */
static void check_options(lua_State *L) {
  lb_checkkeys(L, 2, request_keys);
  if (has(L, "body") + has(L, "file") + has(L, "follow") > 1)
    luaL_argerror(L, 2, "only one of the options 'body', 'file' and 'follow' can be given");
  if (has(L, "save") && (has(L, "file") || has(L, "follow")))
    luaL_argerror(L, 2, "option 'save' does not go with 'file' or 'follow'");
  if (!has(L, "url")) luaL_argerror(L, 2, "option 'url' is missing");
  lb_optfunction(L, 2, "progress");
  if (lua_getfield(L, 2, "follow") != LUA_TNIL && !((http_Transfer *)lb_checkbox(L, -1, HTTP_TRANSFER))->body.save)
    luaL_argerror(L, 2, "bad option 'follow' (that transfer has no 'save')");
  lua_pop(L, 2);
}

/* Numbers of the options into the empty transfer */
static void read_numbers(lua_State *L, http_Transfer *t) {
  http_Body *body = &t->body;
  lua_Integer limit = lb_optinteger(L, 2, "max_body", 64 << 20);
  body->fd = -1;
  body->total = -1;
  body->expect = lb_optinteger(L, 2, "expect_size", -1);
  body->offset = lb_optinteger(L, 2, "offset", 0);
  body->placed = has(L, "save_at");
  body->at = lb_optinteger(L, 2, "save_at", 0);
  body->limit = (size_t)limit;
  body->upload = has(L, "file") || has(L, "follow");
  luaL_argcheck(L, body->offset >= 0 && body->offset <= PLACE_MAX, 2, "bad option 'offset' (negative or too large)");
  luaL_argcheck(L, body->at >= 0 && body->at <= PLACE_MAX, 2, "bad option 'save_at' (negative or too large)");
  luaL_argcheck(L, limit >= 0, 2, "bad option 'max_body' (negative)");
  luaL_argcheck(L, body->expect >= 0 || !has(L, "expect_size"), 2, "bad option 'expect_size' (negative)");
  t->stall = lb_optnumber(L, 2, "stall", 60);
  t->interval = lb_optnumber(L, 2, "progress_interval", 0.5);
  t->sync = lb_optboolean(L, 2, "sync", 0);
}

/* What must live as long as the transfer at 3: its user value */
static void keep_alive(lua_State *L) {
  static const char *const keys[] = {"body", "follow", "progress", NULL};
  lua_createtable(L, 1, 3);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  for (int i = 0; keys[i]; i++) {
    lua_getfield(L, 2, keys[i]);
    lua_setfield(L, -2, keys[i]);
  }
  lb_setparent(L, 3, -1);
  lua_pop(L, 1);
}

static void enter_ring(http_Transfer *t) {
  http_Ring *ring = t->client->ring;
  t->next = ring->first;
  t->link = &ring->first;
  if (t->next) t->next->link = &t->next;
  ring->first = t;
}

/* Give the transfer to curl and let it begin. */
static CURLcode begin(lua_State *L, http_Transfer *t, const char *method, const char *url) {
  int running;
  CURLcode code = apply_always(t, url);
  lua_getiuservalue(L, 1, 1);
  if (!code) code = apply_client(L, lua_gettop(L), t);
  if (!code) code = apply_request(L, t, method);
  if (!code && curl_multi_add_handle(t->client->ring->multi, t->easy)) code = CURLE_OUT_OF_MEMORY;
  if (code) return code;
  t->body.state = BODY_RUNNING;
  curl_multi_perform(t->client->ring->multi, &running);
  return CURLE_OK;
}

/* The transfer failed before it was under way: close it, leave the pushed results. */
static int abandon(http_Transfer *t, int pushed) {
  if (lb_closing(&t->box)) http_shut(t);
  return pushed;
}

int http_launch(lua_State *L) {
  const char *method, *url;
  http_Transfer *t;
  int failed;
  luaL_checkstack(L, 40, "options");
  check_options(L);
  t = lb_newbox(L, sizeof *t, HTTP_TRANSFER); /* 3 */
  t->client = lua_touserdata(L, 1);
  read_numbers(L, t);
  keep_alive(L);
  t->easy = curl_easy_init();
  if (!t->easy) return luaL_error(L, "libcurl: out of memory");
  t->body.easy = t->easy;
  t->body.state = BODY_FAILED; /* not under way yet */
  lb_opened(&t->box);
  enter_ring(t);
  method = lb_optstring(L, 2, "method", t->body.upload ? "PUT" : has(L, "body") ? "POST" : "GET", NULL);
  url = lb_optstring(L, 2, "url", NULL, NULL);
  luaL_argcheck(L, is_token(method), 2, "bad option 'method'");
  if (!describe(method, url, t->what, sizeof t->what))
    return abandon(t, lb_fail(L, "format", "%s: not an http or https URL", method));
  read_digests(L, 2, &t->body);
  read_headers(L, 2, t);
  failed = open_files(L, t);
  if (failed) return abandon(t, failed);
  t->moved = lb_now();
  t->report = has(L, "progress") ? t->moved + t->interval : 0;
  t->result = begin(L, t, method, url);
  if (t->result) return abandon(t, http_failure(L, t));
  lua_settop(L, 3);
  return 1;
}
