/* http_result: what an ended transfer is in Lua: a result table, or a failure that names the cause */

#include <ctype.h>
#include <string.h>

#include "http.h"

static const char *code_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return "timeout";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_INITFAILED: return "tls";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_WEIRD_SERVER_REPLY: return "http";
    case CURLE_OUT_OF_MEMORY: return "io";
    default: return "net";
  }
}

int http_failure(lua_State *L, http_Transfer *t) {
  const char *reason = *t->error ? t->error : curl_easy_strerror(t->result), *url = NULL;
  const tls_Peer *peer;
  long saved = 0;
  if (t->source && t->source->box.open && t->source->body.state == BODY_FAILED) return http_failure(L, t->source);
  if (t->body.code) return lb_fail(L, t->body.code, "%s: %s", t->what, t->body.reason);
  curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &saved);
  curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
  if (t->result == CURLE_SEND_FAIL_REWIND) reason = "the server closed the connection without an answer";
  if (t->result == CURLE_COULDNT_CONNECT && saved) reason = strerror((int)saved);
  peer = tls_peer(&t->client->trust, url);
  if (t->result == CURLE_PEER_FAILED_VERIFICATION && peer && peer->seen) {
    char thumbprint[TLS_THUMBPRINT];
    tls_thumbprint(peer->sha256, sizeof peer->sha256, thumbprint);
    return lb_fail(L, "tls", "%s: certificate of %s not trusted: %s; its SHA-256 thumbprint is %s", t->what, peer->name,
                   tls_cause(peer) ? tls_cause(peer) : reason, thumbprint);
  }
  return lb_fail(L, code_of(t->result), "%s: %c%s", t->what,
                 islower((unsigned char)reason[1]) ? tolower((unsigned char)*reason) : *reason, reason + 1);
}

/* Push the response headers: lower-case names; a repeated one's values are joined by ", ". */
static void push_headers(lua_State *L, const http_Body *body) {
  const char *p = body->head.data, *end = p + body->head.size;
  lua_newtable(L);
  while (p && p < end) {
    const char *eol = memchr(p, '\n', (size_t)(end - p)), *colon, *value;
    if (!eol) eol = end;
    colon = memchr(p, ':', (size_t)(eol - p));
    if (colon) {
      luaL_Buffer b;
      const char *last = eol;
      char *name = luaL_buffinitsize(L, &b, (size_t)(colon - p));
      for (const char *c = p; c < colon; c++) *name++ = (char)tolower((unsigned char)*c);
      luaL_pushresultsize(&b, (size_t)(colon - p));
      for (value = colon + 1; value < last && (*value == ' ' || *value == '\t'); value++) continue;
      while (last > value && (unsigned char)last[-1] <= ' ') last--;
      lua_pushvalue(L, -1);
      if (lua_rawget(L, -3) == LUA_TSTRING) lua_pushliteral(L, ", ");
      else lua_pop(L, 1), lua_pushliteral(L, ""), lua_pushliteral(L, "");
      lua_pushlstring(L, value, (size_t)(last - value));
      lua_concat(L, 3);
      lua_rawset(L, -3);
    }
    p = eol + 1;
  }
}

static void push_digests(lua_State *L, const digest_Set *set) {
  char hex[DIGEST_HEX];
  lua_createtable(L, 0, (int)set->count);
  for (size_t i = 0; i < set->count; i++) {
    digest_sethex(set, i, hex);
    lua_pushstring(L, hex);
    lua_setfield(L, -2, set->name[i]);
  }
}

static void set_string(lua_State *L, CURL *easy, CURLINFO info, const char *key) {
  const char *value = NULL;
  curl_easy_getinfo(easy, info, &value);
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static void push_certificate(lua_State *L, const tls_Peer *peer) {
  char thumbprint[TLS_THUMBPRINT];
  lua_createtable(L, 0, 2);
  tls_thumbprint(peer->sha1, sizeof peer->sha1, thumbprint);
  lua_pushstring(L, thumbprint);
  lua_setfield(L, -2, "sha1");
  tls_thumbprint(peer->sha256, sizeof peer->sha256, thumbprint);
  lua_pushstring(L, thumbprint);
  lua_setfield(L, -2, "sha256");
}

int http_result(lua_State *L, http_Transfer *t) {
  const http_Body *body = &t->body;
  const tls_Peer *peer;
  const char *url = NULL;
  long status = 0;
  if (body->state == BODY_FAILED) {
    http_failure(L, t);
    lua_pushboolean(L, http_connected(t));
    return 4;
  }
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
  lua_createtable(L, 0, 8);
  lua_pushinteger(L, status);
  lua_setfield(L, -2, "status");
  push_headers(L, body);
  lua_setfield(L, -2, "headers");
  if (!body->saving) {
    lua_pushlstring(L, body->memory.data ? body->memory.data : "", body->memory.size);
    lua_setfield(L, -2, "body");
  }
  lua_pushinteger(L, body->saving || body->upload ? (lua_Integer)body->moved : (lua_Integer)body->memory.size);
  lua_setfield(L, -2, "size");
  push_digests(L, &body->digests);
  lua_setfield(L, -2, "digest");
  set_string(L, t->easy, CURLINFO_EFFECTIVE_URL, "url");
  set_string(L, t->easy, CURLINFO_PRIMARY_IP, "address");
  set_string(L, t->easy, CURLINFO_LOCAL_IP, "local_address");
  peer = url && strncmp(url, "https:", 6) == 0 ? tls_peer(&t->client->trust, url) : NULL;
  if (peer && peer->seen) {
    push_certificate(L, peer);
    lua_setfield(L, -2, "certificate");
  }
  return 1;
}
