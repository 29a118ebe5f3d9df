/* signal: the one wait, and the signals that end it */

#define _DEFAULT_SOURCE /* setitimer */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "lb.h"

#define MULTI "signal.multi" /* class of the box that owns the curl multi handle */
#define TICK "signal.tick"
#define FDMAX 192 /* those of 64 processes */
#define HOUR 3600000 /* milliseconds: the longest wait in one piece */
#define ECHO 0.1     /* seconds: what comes so soon after a signal that nobody took note of yet is the same one */
#define STRIDE 1000  /* Lua instructions from one look to the next after a signal */
#define LOOKS 1000   /* looks after which Lua that waits for nothing is taken for a loop; and */
#define LOOP 1.0     /* seconds after which it is, where it calls what takes its time */

/* What a handler may touch, and nothing else: a process has one set of signal handlers. */
static volatile sig_atomic_t received;     /* signals since the last acknowledge */
static volatile sig_atomic_t total;        /* signals since catch: the third kills */
static volatile sig_atomic_t last;         /* number of the last one */
static volatile double last_at;            /* when it came; only the handler, which does not interrupt itself, uses it */
static volatile double rung_at;            /* when a wait was last told to end */
static volatile sig_atomic_t looks;        /* of the hook since then */
static volatile sig_atomic_t resumed;      /* how often it went on after a stop (Ctrl-Z) */
static int wake[2] = {-1, -1};             /* the handler writes, every wait reads */
static lua_State *volatile main_state;     /* whose Lua loops the hook ends */

/* ---- cancelling ---- */

int lb_cancelled(void) { return received != 0; }

void lb_checkcancel(lua_State *L) {
  if (!received) return;
  lua_sethook(L, NULL, 0, 0); /* raised once; every further wait raises again until it is acknowledged */
  lb_pusherror(L, "cancelled", last == SIGINT ? "interrupted" : last == SIGALRM ? "out of time" : "terminated");
  lua_error(L);
}

/* Ends a loop in Lua that waits for nothing. All else gets to its next wait, which raises: an error between two instructions
   anywhere would lose what a call has just made before anybody can note that it is to be undone. */
static void hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  looks = looks + 1;
  if (received && looks < LOOKS && lb_now() - rung_at < LOOP) return;
  lua_sethook(L, NULL, 0, 0); /* also when the signal was acknowledged meanwhile */
  lb_checkcancel(L);
}

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
#define CAUGHT (sizeof caught / sizeof *caught)

/* The waits and loops under way are to end. */
static void ring(int signum) {
  received = received + 1;
  last = signum;
  if (write(wake[1], "", 1) < 0) errno = 0; /* full pipe: a wake-up is pending already */
  rung_at = lb_now();
  looks = 0;
  if (main_state) lua_sethook(main_state, hook, LUA_MASKCOUNT, STRIDE);
}

/* What nohup(1) has ignored stays so. SIGINT is caught all the same: a shell without job control ignores it for what it starts with &. */
static int is_left_alone(int signum) {
  struct sigaction now;
  return signum == SIGHUP && sigaction(signum, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* A terminal that closes sends two signals at once: they are one. */
static void handler(int signum) {
  int saved = errno;
  double now = lb_now();
  if (!received || now - last_at >= ECHO) {
    total = total + 1;
    if (total >= 2)
      for (size_t i = 0; i < CAUGHT; i++)
        if (!is_left_alone(caught[i])) signal(caught[i], SIG_DFL);
    ring(signum);
  }
  last_at = now;
  errno = saved;
}

/* Time is up: not a signal of anybody's, so it does not count towards the one that kills. */
static void alarm_handler(int signum) {
  int saved = errno;
  ring(signum);
  errno = saved;
}

/* The terminal was somebody else's meanwhile; whoever draws on it is to know. */
static void resume_handler(int signum) {
  (void)signum;
  resumed = resumed + 1;
}

/* ---- waiting ---- */

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
      if (lua_pcall(L, 0, 0, 0) != LUA_OK && !received) {
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

static void drain(void) {
  char junk[64];
  while (read(wake[0], junk, sizeof junk) > 0) continue;
}

int lb_wait(lua_State *L, lb_Fd *fds, unsigned n, long ms) {
  struct curl_waitfd set[FDMAX + 1];
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
  set[n] = (struct curl_waitfd){wake[0], CURL_WAIT_POLLIN, 0};
  lb_checkcancel(L);
  if (ms < 0 || ms > HOUR) ms = HOUR;
  if (lb_until(m->due) < ms) ms = lb_until(m->due);
  curl_multi_poll(m->multi, set, n + (wake[0] >= 0), (int)ms, NULL);
  if (set[n].revents) drain();
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

/* ---- module ---- */

/*
signal.now() -> number
Monotonic seconds from an arbitrary start.
Blocks: no.  Source: clock_gettime(2), CLOCK_MONOTONIC.
*/
static int signal_now(lua_State *L) {
  lua_pushnumber(L, lb_now());
  return 1;
}

/*
signal.time() -> number
Seconds since 1970, as os.time gives them, with their fraction.
Blocks: no.  Source: clock_gettime(2), CLOCK_REALTIME.
*/
static int signal_time(lua_State *L) {
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
static int signal_sleep(lua_State *L) {
  double until = lb_now() + luaL_checknumber(L, 1);
  for (long left; (left = lb_until(until)) > 0;) lb_wait(L, NULL, 0, left);
  lb_checkcancel(L);
  lua_pushboolean(L, 1);
  return 1;
}

/* Handlers that do not interrupt each other. */
static void install(int signum, void (*f)(int)) {
  struct sigaction action = {0};
  action.sa_handler = f;
  for (size_t i = 0; i < CAUGHT; i++) sigaddset(&action.sa_mask, caught[i]);
  sigaddset(&action.sa_mask, SIGALRM);
  sigaction(signum, &action, NULL);
}

/*
signal.tick(seconds, f) -> tick
Call f() about every `seconds` from now on while something waits, until the tick is closed: for a clock on the screen, or a connection
that must not fall asleep. f must not wait itself; when it fails it is not called again, and nobody hears of it.
  seconds        number            more than 0
Close the tick when done.
Blocks: no.
*/
static int signal_tick(lua_State *L) {
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

/*
signal.catch() -> true
From now on SIGINT, SIGTERM and SIGHUP end the current wait, or the next one, and raise `cancelled`; Lua that waits for nothing is
ended after a million instructions or a second. The third signal kills. One that follows within 0.1 seconds, before the first
was acknowledged, is not counted. SIGPIPE is ignored, and SIGHUP where it was before (nohup). Called again, it counts from one
again (the REPL does, at each prompt).
Blocks: no.  Source: signal(7).
*/
static int signal_catch(lua_State *L) {
  if (wake[0] < 0) {
    if (pipe(wake) < 0) return lb_failerrno(L, errno, "make the wake pipe");
    for (int i = 0; i < 2; i++) {
      fcntl(wake[i], F_SETFL, O_NONBLOCK);
      fcntl(wake[i], F_SETFD, FD_CLOEXEC);
    }
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  main_state = lua_tothread(L, -1);
  received = total = 0;
  for (size_t i = 0; i < CAUGHT; i++)
    if (!is_left_alone(caught[i])) install(caught[i], handler);
  install(SIGALRM, alarm_handler);
  install(SIGCONT, resume_handler);
  signal(SIGPIPE, SIG_IGN);
  lua_pushboolean(L, 1);
  return 1;
}

/*
signal.limit(seconds) -> true
When this time is over, and every second from then on, the wait that is under way ends as by a signal: `cancelled` ("out of
time"). It does not count as a signal. Called again, the new limit replaces the old one.
  seconds        number            0: no limit
Raises: an argument that is no number of 0 or more.
Blocks: no.  Source: setitimer(2), ITIMER_REAL.
*/
static int signal_limit(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  struct itimerval timer = {0};
  luaL_argcheck(L, seconds >= 0 && seconds < 1e9, 1, "seconds expected");
  timer.it_value.tv_sec = (time_t)seconds;
  timer.it_value.tv_usec = (suseconds_t)(fmod(seconds, 1) * 1e6);
  if (seconds > 0 && !timer.it_value.tv_sec && !timer.it_value.tv_usec) timer.it_value.tv_usec = 1;
  timer.it_interval.tv_sec = seconds > 0; /* what waits for the end of what it stopped is hurried, too */
  setitimer(ITIMER_REAL, &timer, NULL);
  lua_pushboolean(L, 1);
  return 1;
}

/*
signal.pending() -> integer
How many signals came since the last acknowledge.
Blocks: no.
*/
static int signal_pending(lua_State *L) {
  lua_pushinteger(L, received);
  return 1;
}

/*
signal.acknowledge() -> integer
Take note of the signals that came, and wait normally again: what clean-up calls first. A further signal raises
`cancelled` again. Returns how many were acknowledged.
Blocks: no.
*/
static int signal_acknowledge(lua_State *L) {
  int count = received;
  received = 0;
  lua_sethook(L, NULL, 0, 0);
  lua_pushinteger(L, count);
  return 1;
}

/*
signal.restore(count) -> true
So many signals that were acknowledged count again: the next wait raises `cancelled`.
  count          integer           1 or more
Raises: an argument that is no such integer.
Blocks: no.
*/
static int signal_restore(lua_State *L) {
  lua_Integer count = luaL_checkinteger(L, 1);
  luaL_argcheck(L, count > 0 && count < 1000, 1, "a number of signals expected");
  ring(last);
  received = received + (int)count - 1;
  lua_pushboolean(L, 1);
  return 1;
}

/*
signal.resumed() -> integer
How often this process has gone on after it was stopped (Ctrl-Z and fg), since the first signal.catch.
Blocks: no.  Source: signal(7), SIGCONT.
*/
static int signal_resumed(lua_State *L) {
  lua_pushinteger(L, resumed);
  return 1;
}

static int signal_closestate(lua_State *L) {
  (void)L;
  main_state = NULL; /* a late signal finds no state */
  return 0;
}

static const luaL_Reg functions[] = {
    {"acknowledge", signal_acknowledge}, {"catch", signal_catch},     {"limit", signal_limit},
    {"now", signal_now},                 {"pending", signal_pending}, {"restore", signal_restore},
    {"resumed", signal_resumed},         {"sleep", signal_sleep},     {"tick", signal_tick},
    {"time", signal_time},               {NULL, NULL},
};

int luaopen_lb_signal(lua_State *L);
int luaopen_lb_signal(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_class(L, MULTI, none, multi_close);
  lb_class(L, TICK, none, tick_close);
  luaL_newlib(L, functions);
  lua_newuserdatauv(L, 0, 0); /* its finalizer runs when the state closes */
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, signal_closestate);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, "signal.state");
  return 1;
}
