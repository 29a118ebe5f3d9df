/* load.h: makes every module of luabuild loadable with require */
#ifndef LB_LOAD_H
#define LB_LOAD_H
#include "lb.h"

/* Fill package.preload with the C modules and replace the searchers by ours.  [-0, +0, m] */
void lb_openmodules(lua_State *L);

#endif
