/* http.h: the parts of module http that http.c (clients, waiting), http_request.c (options to curl) and
 * http_result.c (results and failures) share */
#ifndef HTTP_H
#define HTTP_H

#include <curl/curl.h>

#include "http_body.h"
#include "http_tls.h"
#include "lb.h"

#define HTTP_CLIENT "http.client"
#define HTTP_TRANSFER "http.transfer"

/* Every open transfer of the Lua state */
typedef struct http_Ring {
  struct http_Transfer *first;
  CURLM *multi;
} http_Ring;

/* user value 1: its options */
typedef struct http_Client {
  lb_Box box;
  http_Ring *ring;
  CURLSH *share; /* connections and cookies */
  CURLSH *plain; /* connections of requests that want no cookies */
  tls_Trust trust;
} http_Client;

/* user value 1: { client, body = string, progress = function, follow = transfer } */
typedef struct http_Transfer {
  lb_Box box;
  struct http_Transfer *next, **link; /* in the ring while open */
  http_Client *client;
  CURL *easy;
  struct curl_slist *headers;
  http_Body body;
  struct http_Transfer *source; /* sends on what that one saves */
  CURLcode result;
  int sync;
  double stall, interval; /* seconds */
  double moved;           /* when it last got on */
  curl_off_t seen;        /* what it had done then */
  double report;          /* when progress is due, 0 never */
  char what[256];         /* "GET https://host/path" */
  char error[CURL_ERROR_SIZE];
} http_Transfer;

/* Push a new transfer for the options at 2 by the client at 1, under way; or a triple. Returns how many were pushed.
 * [-0, +(1|3), v] */
int http_launch(lua_State *L);

/* Wait until something moved, or lb_now() is `until`; then take note of what ended, stalled or can go on.  [-0, +0, v] */
void http_move(lua_State *L, http_Ring *ring, double until);

/* Is, or was, there a connection that the request can have gone out on?  [-0, +0, -] */
int http_connected(http_Transfer *t);

/* Push the result of an ended transfer: a table; or its failure, with a boolean: may the server have seen the request?
 * [-0, +(1|4), m] */
int http_result(lua_State *L, http_Transfer *t);

/* Push why `t` failed: 3.  [-0, +3, m] */
int http_failure(lua_State *L, http_Transfer *t);

/* Close what the transfer holds.  [-0, +0, -] */
void http_shut(http_Transfer *t);

#endif
