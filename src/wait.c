/* wait: the one wait: for descriptors, transfers, time and signals at once; and what is called meanwhile */

#include <math.h>
#include <time.h>

#include <curl/curl.h>

#include "wait.h"

#define MULTI "signal.multi" /* class of the box that owns the curl multi handle */
#define TICK "signal.tick"
#define FDMAX 192 /* those of 64 processes */
#define HOUR 3600000 /* milliseconds: the longest wait in one piece */

/* ---- time ---- */

double lb_now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

long lb_until(double deadline) {
  double left = deadline - lb_now();
  if (!(left > 0)) return 0;
  return left > HOUR / 1000 ? HOUR : (long)(left * 1000) + 1;
}

/* ---- transfers ---- */

/* User value 1: the open ticks as keys of a table. */
typedef struct Multi {
  lb_Box box;
  CURLM *multi;
  double due; /* when the first of them is, at the earliest */
} Multi;

/* User value 1: the function. */
typedef struct Tick {
  lb_Box box;
  double interval; /* seconds */
  double due;
} Tick;

static int multi_close(lua_State *L) {
  Multi *m = lua_touserdata(L, 1);
  if (m->multi) {
    curl_multi_cleanup(m->multi);
    m->multi = NULL;
  }
  return 0;
}

/* The state's one box, pushed.  [-0, +1, m] */
static Multi *push_multi(lua_State *L) {
  Multi *m;
  if (lua_getfield(L, LUA_REGISTRYINDEX, MULTI ".box") == LUA_TNIL) {
    lua_pop(L, 1);
    m = lb_newbox(L, sizeof *m, MULTI); /* not counted as live: it belongs to the state */
    m->multi = curl_multi_init();
    m->due = HUGE_VAL;
    if (!m->multi) luaL_error(L, "curl_multi_init: out of memory");
    lua_newtable(L);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, MULTI ".box");
  }
  return lua_touserdata(L, -1);
}

void *lb_multi(lua_State *L) {
  Multi *m = push_multi(L);
  lua_pop(L, 1);
  return m->multi;
}

/* ---- ticks ---- */

/* Push the table of the open ones.  [-0, +1, m] */
static Multi *push_ticks(lua_State *L) {
  Multi *m = push_multi(L);
  lua_getiuservalue(L, -1, 1);
  lua_remove(L, -2);
  return m;
}

static int tick_close(lua_State *L) {
  Tick *t = lua_touserdata(L, 1);
  if (!lb_closing(&t->box)) return 0;
  push_ticks(L);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  lua_rawset(L, -3);
  return 0;
}

/* The one of the table at the top that is due first, pushed; NULL and nothing: there is none.  [-0, +(0|1), -] */
static Tick *push_first(lua_State *L) {
  Tick *first = NULL;
  int all = lua_gettop(L);
  lua_pushnil(L);
  lua_pushnil(L); /* first, key */
  while (lua_next(L, all)) {
    Tick *t = lua_touserdata(L, -2);
    lua_pop(L, 1);
    if (first && t->due >= first->due) continue;
    first = t;
    lua_copy(L, -1, all + 1);
  }
  if (!first) lua_pop(L, 1);
  return first;
}

/* Call those that are due; one that fails, but for a signal, is closed. In a call, which may look at a transfer, others may be called,
   opened and closed.  [-0, +0, -] */
static void tick(lua_State *L) {
  double now = lb_now();
  int top = lua_gettop(L);
  Multi *m;
  Tick *t;
  if (!lua_checkstack(L, LUA_MINSTACK)) return;
  m = push_ticks(L);
  while (now >= m->due) {
    t = push_first(L);
    m->due = t ? t->due : HUGE_VAL;
    if (t && now >= t->due) {
      t->due = HUGE_VAL; /* not before it has returned */
      lua_getiuservalue(L, -1, 1);
      if (lua_pcall(L, 0, 0, 0) != LUA_OK && !signal_received()) {
        lua_pushcfunction(L, tick_close);
        lua_pushvalue(L, top + 2);
        lua_call(L, 1, 0);
      }
      t->due = lb_now() + t->interval;
      if (t->due < m->due) m->due = t->due; /* a call within this one may have reckoned without it */
    }
    lua_settop(L, top + 1);
  }
  lua_settop(L, top);
}

/* ---- waiting ---- */

int lb_wait(lua_State *L, lb_Fd *fds, unsigned n, long ms) {
  struct curl_waitfd set[FDMAX + 1];
  int wake = signal_wakefd();
  Multi *m = push_multi(L);
  int running, ready = 0;
  lua_pop(L, 1);
  if (n > FDMAX) luaL_error(L, "lb_wait: more than %d descriptors", FDMAX);
  for (unsigned i = 0; i < n; i++) {
    set[i].fd = fds[i].fd;
    set[i].events = (short)(((fds[i].events & LB_READ) ? CURL_WAIT_POLLIN : 0) |
                            ((fds[i].events & LB_WRITE) ? CURL_WAIT_POLLOUT : 0));
    set[i].revents = 0;
  }
  set[n] = (struct curl_waitfd){wake, CURL_WAIT_POLLIN, 0};
  lb_checkcancel(L);
  if (ms < 0 || ms > HOUR) ms = HOUR;
  if (lb_until(m->due) < ms) ms = lb_until(m->due);
  curl_multi_poll(m->multi, set, n + (wake >= 0), (int)ms, NULL);
  if (set[n].revents) signal_drain();
  lb_checkcancel(L);
  for (unsigned i = 0; i < n; i++) {
    fds[i].revents = (short)(((set[i].revents & CURL_WAIT_POLLIN) ? LB_READ : 0) |
                             ((set[i].revents & CURL_WAIT_POLLOUT) ? LB_WRITE : 0));
    /* an error or hang-up is reported as ready, so that the owner's next call sees it */
    if (set[i].revents && !fds[i].revents) fds[i].revents = fds[i].events;
    ready += fds[i].revents != 0;
  }
  curl_multi_perform(m->multi, &running);
  tick(L);
  lb_checkcancel(L); /* the hook may have been spent in what was called */
  return ready;
}

/* ---- of the module ---- */

/*
signal.now() -> number
Monotonic seconds from an arbitrary start.
Blocks: no.  Source: clock_gettime(2), CLOCK_MONOTONIC.
*/
int signal_now(lua_State *L) {
  lua_pushnumber(L, lb_now());
  return 1;
}

/*
signal.time() -> number
Seconds since 1970, as os.time gives them, with their fraction.
Blocks: no.  Source: clock_gettime(2), CLOCK_REALTIME.
*/
int signal_time(lua_State *L) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  lua_pushnumber(L, (lua_Number)ts.tv_sec + (lua_Number)ts.tv_nsec / 1e9);
  return 1;
}

/*
signal.sleep(seconds) -> true
Wait; transfers under way go on meanwhile.
  seconds        number            0 or more
Raises: cancelled.
Blocks: yes.
*/
int signal_sleep(lua_State *L) {
  double until = lb_now() + luaL_checknumber(L, 1);
  for (long left; (left = lb_until(until)) > 0;) lb_wait(L, NULL, 0, left);
  lb_checkcancel(L);
  lua_pushboolean(L, 1);
  return 1;
}

/*
signal.tick(seconds, f) -> tick
Call f() about every `seconds` from now on while something waits, until the tick is closed: for a clock on the screen, or a connection
that must not fall asleep. f must not wait itself; when it fails it is not called again, and nobody hears of it.
  seconds        number            more than 0
Close the tick when done.
Blocks: no.
*/
int signal_tick(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  Multi *m;
  Tick *t;
  luaL_argcheck(L, seconds > 0, 1, "more than 0 seconds expected");
  luaL_checktype(L, 2, LUA_TFUNCTION);
  t = lb_newbox(L, sizeof *t, TICK);
  t->interval = seconds;
  t->due = lb_now() + seconds;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  m = push_ticks(L);
  lua_pushvalue(L, -2);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
  lb_opened(&t->box);
  if (t->due < m->due) m->due = t->due;
  return 1;
}

void signal_openwait(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, MULTI, none, multi_close);
  lb_class(L, TICK, none, tick_close);
}
