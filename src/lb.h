/* lb.h: what every C module of luabuild shares. Stack effects as in the Lua manual:
 * [-pops, +pushes, may raise: m memory, v always, e error]. */
#ifndef LB_H
#define LB_H

#include <stddef.h>
#include <lua.h>
#include <lauxlib.h>

/* ---- Boxes: one per handle. The first member of every handle's struct. ----
 * Order of a constructor: check arguments, lb_newbox (an empty, closed box), get the resource, store it and
 * lb_opened in the very next statements. Children own their parent through user value 1 (lb_setparent). */
typedef struct lb_Box {
  long *live; /* the class's count of open handles */
  int open;
} lb_Box;

/* Declare class `type` ("ssh.session"): methods, and one idempotent close function, which also serves
 * __gc and __close and becomes the method "close". Methods live in a table of their own.  [-0, +0, m] */
void lb_class(lua_State *L, const char *type, const luaL_Reg *methods, lua_CFunction close);

/* A zeroed, closed box of `size` bytes with the class's metatable; one user value.  [-0, +1, m] */
void *lb_newbox(lua_State *L, size_t size, const char *type);

/* The open box at `arg`; raises an argument error for another type or a closed handle.  [-0, +0, v] */
void *lb_checkbox(lua_State *L, int arg, const char *type);

/* Count the box as open. [-0, +0, -] */
void lb_opened(lb_Box *box);

/* For close functions: 1 the first time (and the box is closed from then on), 0 afterwards. [-0, +0, -] */
int lb_closing(lb_Box *box);

/* The value at `parent` stays alive as long as the box at `child`. [-0, +0, -] */
void lb_setparent(lua_State *L, int child, int parent);

/* ---- Refusals of the world: nil, message, code ----
 * code is one of: timeout net tls ssh auth hostkey http fault notfound exists format io.  [-0, +3, m]; returns 3 */
int lb_fail(lua_State *L, const char *code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "open /x: No such file or directory" from errno saved by the caller: notfound, exists or io. [-0, +3, m]; returns 3 */
int lb_failerrno(lua_State *L, int saved, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- Option tables: strict. ----
 * Raise unless table `arg` (nil or none counts as empty) has only keys of the NULL-ended list; the message names the
 * nearest known one.  [-0, +0, v] */
void lb_checkkeys(lua_State *L, int arg, const char *const *known);

/* Read field `key` of table `arg`, or the default when absent; a wrong type raises "bad option 'key'".  [-0, +0, v]
 * lb_optstring leaves the string on the stack (it must stay there while used).  [-0, +1, v] */
const char *lb_optstring(lua_State *L, int arg, const char *key, const char *def, size_t *len);
lua_Integer lb_optinteger(lua_State *L, int arg, const char *key, lua_Integer def);
lua_Number lb_optnumber(lua_State *L, int arg, const char *key, lua_Number def);
int lb_optboolean(lua_State *L, int arg, const char *key, int def);

/* Push field `key`, a function: its stack index; or nil, and 0, when absent.  [-0, +1, v] */
int lb_optfunction(lua_State *L, int arg, const char *key);

/* ---- Telling how far something is ----
 * `listener` is the stack index of a function called with (done, total), or of nil, or 0. */
typedef struct lb_Progress {
  int listener;
  double next; /* lb_now() of the next call */
} lb_Progress;

/* Begin: the first call comes half a second later.  [-0, +0, -] */
lb_Progress lb_progress(int listener);

/* Call the listener when half a second has passed since it was called, or when this is the `last` word.  [-0, +0, v] */
void lb_report(lua_State *L, lb_Progress *progress, lua_Integer done, lua_Integer total, int last);

/* The name of NULL-ended `names` nearest to `name` by edit distance, NULL when none is near. [-0, +0, -] */
const char *lb_nearest(const char *name, const char *const *names);

/* ---- The one wait ---- */
typedef struct lb_Fd {
  int fd;
  short events;  /* LB_READ, LB_WRITE */
  short revents; /* set on return */
} lb_Fd;
#define LB_READ 1
#define LB_WRITE 4

/* Wait until one of `n` descriptors is ready, a transfer in the curl multi handle moved, or `ms` passed (ms < 0: no
 * limit). Returns how many descriptors are ready; 0 may come early: callers loop on their own deadline (lb_now).
 * Raises the error object `cancelled` as soon as a signal asks for it; nothing is left half done.  [-0, +0, v] */
int lb_wait(lua_State *L, lb_Fd *fds, unsigned n, long ms);

/* Raise `cancelled` if a signal asked for it. For long computations.  [-0, +0, v] */
void lb_checkcancel(lua_State *L);

/* Did a signal ask for it? For what a foreign library calls, which must not raise: it fails, and then its caller raises.  [-0, +0, -] */
int lb_cancelled(void);

/* Monotonic seconds.  [-0, +0, -] */
double lb_now(void);

/* For lb_wait: milliseconds until lb_now() is `deadline`; 0 when it has passed (or is no number), an hour at most.  [-0, +0, -] */
long lb_until(double deadline);

/* The state's CURLM*, created on first use (http only).  [-0, +0, v] */
void *lb_multi(lua_State *L);

/* The program's name and version, "luabuild/1.2.3", as it tells servers. */
extern const char lb_program[];

/* Push an error object { code, message } with the metatable shared with core/err.lua.  [-0, +1, m] */
void lb_pusherror(lua_State *L, const char *code, const char *message);

#endif
