/* wait.h: what the files of module signal share */
#ifndef WAIT_H
#define WAIT_H

#include "lb.h"

/* ---- signal.c: the signals ---- */

/* Readable when a signal came, -1 before signal.catch; and read it empty.  [-0, +0, -] */
int signal_wakefd(void);
void signal_drain(void);

/* How many came since the last signal.acknowledge.  [-0, +0, -] */
int signal_received(void);

/* ---- loop.c: the end of Lua that waits for nothing ---- */

/* Whatever Lua runs now is to get to a wait; for signal handlers, too.  [-0, +0, -] */
void signal_hurry(void);

/* Let it be, in this thread.  [-0, +0, -] */
void signal_calm(lua_State *L);

/* Know the state, and the thread of it that runs: coroutine.resume and coroutine.wrap tell; nothing is known of one that
 * closes.  [-0, +0, m] */
void signal_watch(lua_State *L);
void signal_unwatch(void);

/* ---- wait.c: the one wait ---- */

int signal_now(lua_State *L);
int signal_time(lua_State *L);
int signal_sleep(lua_State *L);
int signal_tick(lua_State *L);

/* The classes that it needs.  [-0, +0, m] */
void signal_openwait(lua_State *L);

#endif
