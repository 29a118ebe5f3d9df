/* process.h: what the files of module process share */
#ifndef PROCESS_H
#define PROCESS_H

#include <sys/types.h>

#include "lb.h"

#define PROCESS "process.process"

typedef struct Process {
  lb_Box box;
  pid_t pid;
  int pidfd;  /* readable when it has ended */
  int out[2]; /* its standard output and errors, -1 when they have ended */
  int tie[2]; /* a pipe that carries nothing: when this process dies, its breaking is a signal for the group */
  int reaped;
  int status; /* as from waitpid, once reaped */
} Process;

/* Close a descriptor, unless it is -1, which it is from then on.  [-0, +0, -] */
void process_closefd(int *fd);

/* Kill it and its group if it still runs, and close the box.  [-0, +0, -] */
void process_shut(Process *p);

/* spawn.c: process.start, and the class it needs.  [-0, +0, m] */
int process_start(lua_State *L);
void process_openstart(lua_State *L);

#endif
