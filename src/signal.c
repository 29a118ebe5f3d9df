/* signal: what ends the one wait: signals, and the end of a time; its other files are wait.c and loop.c */

#define _DEFAULT_SOURCE /* setitimer */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "wait.h"

#define ECHO 0.1 /* seconds: what comes so soon after a signal is the same one */

/* What a handler may touch, and nothing else: a process has one set of signal handlers. */
static volatile sig_atomic_t received;     /* signals since the last acknowledge */
static volatile sig_atomic_t total;        /* signals since catch: the third kills */
static volatile sig_atomic_t last;         /* number of the last one */
static volatile double last_at;            /* when it came, the first of its echoes */
static volatile sig_atomic_t resumed;      /* how often it went on after a stop (Ctrl-Z) */
static int wake[2] = {-1, -1};             /* the handler writes, every wait reads */

/* ---- cancelling ---- */

int lb_cancelled(void) { return received != 0; }

void lb_checkcancel(lua_State *L) {
  if (!received) return;
  signal_calm(L); /* raised once; every further wait raises again until it is acknowledged */
  lb_pusherror(L, "cancelled", last == SIGINT ? "interrupted" : last == SIGALRM ? "out of time" : "terminated");
  lua_error(L);
}

int signal_wakefd(void) { return wake[0]; }

int signal_received(void) { return received; }

void signal_drain(void) {
  char junk[64];
  while (read(wake[0], junk, sizeof junk) > 0) continue;
}

/* ---- handlers ---- */

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
#define CAUGHT (sizeof caught / sizeof *caught)

/* The waits and loops under way are to end. */
static void ring(int signum) {
  received = received + 1;
  last = signum;
  if (write(wake[1], "", 1) < 0) errno = 0; /* full pipe: a wake-up is pending already */
  signal_hurry();
}

/* What nohup(1) has ignored stays so. SIGINT is caught all the same: a shell without job control ignores it for what it starts with &. */
static int is_left_alone(int signum) {
  struct sigaction now;
  return signum == SIGHUP && sigaction(signum, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* A terminal that closes sends two signals at once, and so does one whose shell passes them on: they are one, even when the
   clean-up has begun between them. */
static void handler(int signum) {
  int saved = errno;
  double now = lb_now();
  if (now - last_at >= ECHO) {
    last_at = now;
    total = total + 1;
    ring(signum);
    if (total > 2) {
      signal(signum, SIG_DFL);
      raise(signum); /* comes when this handler has returned */
    }
  }
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

/* ---- module ---- */

/* Handlers that do not interrupt each other. */
static void install(int signum, void (*f)(int)) {
  struct sigaction action = {0};
  action.sa_handler = f;
  for (size_t i = 0; i < CAUGHT; i++) sigaddset(&action.sa_mask, caught[i]);
  sigaddset(&action.sa_mask, SIGALRM);
  sigaction(signum, &action, NULL);
}

/*
signal.catch() -> true
From now on SIGINT, SIGTERM and SIGHUP end the current wait, or the next one, and raise `cancelled`; Lua that waits for nothing is
ended after a million instructions or a second. The third signal kills. One that follows within 0.1 seconds is not counted.
SIGPIPE is ignored, and SIGHUP where it was before (nohup). Called again, it counts from one again (the REPL does, at each prompt).
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
  signal_watch(L);
  received = total = 0;
  last_at = 0; /* a prompt has been shown since: what comes now is no echo */
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
  signal_calm(L);
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
  signal_unwatch(); /* a late signal finds no state */
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
  signal_openwait(L);
  luaL_newlib(L, functions);
  lua_newuserdatauv(L, 0, 0); /* its finalizer runs when the state closes */
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, signal_closestate);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, "signal.state");
  return 1;
}
