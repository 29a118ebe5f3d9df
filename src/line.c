/* line: a line of text from the terminal, with editing, history and completion (libedit) */

#define _GNU_SOURCE /* wide characters of a locale of our own, the terminal's size */

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include <histedit.h>

#include "lb.h"
#include "partial.h"

#define EDITOR "line.editor"
#define ENTRIES 1000 /* kept in the history */

typedef struct Editor {
  lb_Box box;
  EditLine *el;
  History *history;
  locale_t locale;      /* libedit decides by the locale what a character is: UTF-8, whatever the user's */
  struct winsize size;
  /* while a line is read: */
  lua_State *L;
  const char *prompt;
  int complete; /* stack index of the function, 0: none */
  int failed;   /* an error is kept in user value 1 */
} Editor;

static Editor *check_editor(lua_State *L) { return lb_checkbox(L, 1, EDITOR); }

static int editor_close(lua_State *L) {
  Editor *e = lua_touserdata(L, 1);
  if (e->L) return 0; /* from a completion: it is in use */
  if (!lb_closing(&e->box)) return 0;
  if (e->el) el_end(e->el); /* before its history */
  if (e->history) history_end(e->history);
  if (e->locale) freelocale(e->locale);
  e->el = NULL;
  e->history = NULL;
  e->locale = (locale_t)0;
  return 0;
}

/* ---- what libedit calls: no error may pass through it ---- */

static Editor *owner(EditLine *el) {
  void *e = NULL;
  el_get(el, EL_CLIENTDATA, &e);
  return e;
}

static char *current_prompt(EditLine *el) {
  static char none[] = "";
  Editor *e = owner(el);
  return e->prompt ? (char *)e->prompt : none; /* only read: libedit's type lacks the const */
}

/* The error on the top is kept, until libedit has returned. */
static void keep_error(Editor *e) {
  e->failed = 1;
  lua_setiuservalue(e->L, 1, 1); /* the editor is argument 1 */
}

/* Without a handler for it, a change of the window's size is seen at the next key. */
static void follow_size(Editor *e) {
  struct winsize size;
  if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0) return;
  if (size.ws_col == e->size.ws_col && size.ws_row == e->size.ws_row) return;
  e->size = size;
  el_resize(e->el);
}

/* While a line is edited Ctrl-Z is a key: libedit would not set its terminal up again after the stop. */
static void own_suspend_key(void) {
  struct termios mode;
  if (tcgetattr(STDIN_FILENO, &mode) < 0 || mode.c_cc[VSUSP] == _POSIX_VDISABLE) return;
  mode.c_cc[VSUSP] = _POSIX_VDISABLE;
  tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

static int wait_for_input(lua_State *L) {
  lb_Fd fd = {STDIN_FILENO, LB_READ, 0};
  while (lb_wait(L, &fd, 1, -1) == 0) continue;
  return 0;
}

/* One character; 0 at the end of the input, -1 ends the line: a signal, or an error. */
static int next_character(EditLine *el, wchar_t *out) {
  Editor *e = owner(el);
  mbstate_t state = {0};
  own_suspend_key();
  for (;;) {
    char byte;
    ssize_t n;
    size_t length;
    lua_pushcfunction(e->L, wait_for_input);
    if (lua_pcall(e->L, 0, 0, 0) != LUA_OK) {
      keep_error(e);
      return -1;
    }
    n = read(STDIN_FILENO, &byte, 1);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) return 0; /* a terminal that hangs up is an end, too */
    follow_size(e);
    length = mbrtowc(out, &byte, 1, &state);
    if (length == (size_t)-1) { /* what came before was cut off; this may be a character itself, such as Enter */
      state = (mbstate_t){0};
      length = mbrtowc(out, &byte, 1, &state);
    }
    if (length == (size_t)-1) *out = 0xfffd;
    if (length != (size_t)-2) return 1;
  }
}

/* complete(before, after) -> insertion, listing, erase */
static int call_complete(lua_State *L) {
  Editor *e = lua_touserdata(L, 1);
  const LineInfo *line = el_line(e->el);
  const char *insertion, *listing;
  lua_Integer erase;
  lua_pushvalue(L, 2);
  lua_pushlstring(L, line->buffer, (size_t)(line->cursor - line->buffer));
  lua_pushlstring(L, line->cursor, (size_t)(line->lastchar - line->cursor));
  lua_call(L, 2, 3);
  insertion = luaL_optstring(L, -3, "");
  listing = luaL_optstring(L, -2, NULL);
  erase = luaL_optinteger(L, -1, 0);
  if (erase > 0 && erase <= line->cursor - line->buffer) el_deletestr(e->el, (int)erase);
  if (*insertion && el_insertstr(e->el, insertion) < 0) insertion = "";
  if (listing) {
    fprintf(stdout, "\n%s\n", listing);
    lua_pushinteger(L, CC_REDISPLAY);
  } else
    lua_pushinteger(L, *insertion ? CC_REFRESH : CC_ERROR);
  return 1;
}

static unsigned char complete(EditLine *el, int key) {
  Editor *e = owner(el);
  int action;
  (void)key;
  if (!e->complete) return CC_ERROR;
  lua_pushcfunction(e->L, call_complete);
  lua_pushlightuserdata(e->L, e);
  lua_pushvalue(e->L, e->complete);
  if (lua_pcall(e->L, 2, 1, 0) != LUA_OK) {
    keep_error(e);
    return CC_EOF;
  }
  action = (int)lua_tointeger(e->L, -1);
  lua_pop(e->L, 1);
  return (unsigned char)action;
}

/* Ctrl-Z: the shell gets its terminal as it was, and afterwards we get ours. */
static unsigned char suspend(EditLine *el, int key) {
  (void)key;
  el_set(el, EL_PREP_TERM, 0);
  kill(0, SIGTSTP);
  el_set(el, EL_PREP_TERM, 1);
  return CC_REDISPLAY;
}

/* ---- module ---- */

static History *new_history(void) {
  HistEvent event;
  History *h = history_init();
  if (!h) return NULL;
  history(h, &event, H_SETSIZE, ENTRIES);
  history(h, &event, H_SETUNIQUE, 1);
  return h;
}

static int set_up(Editor *e) {
  e->history = new_history();
  if (!e->history) return 0;
  e->el = el_init("luabuild", stdin, stdout, stderr);
  if (!e->el) return 0;
  el_set(e->el, EL_CLIENTDATA, e);
  el_set(e->el, EL_SIGNAL, 0); /* signals are those of the one wait */
  el_set(e->el, EL_GETCFN, next_character);
  el_set(e->el, EL_HIST, history, e->history);
  el_set(e->el, EL_PROMPT_ESC, current_prompt, '\1');
  el_set(e->el, EL_EDITOR, "emacs");
  el_wset(e->el, EL_ADDFN, L"lb-complete", L"complete by the program", complete); /* el_set would leak the names */
  el_set(e->el, EL_BIND, "^I", "lb-complete", NULL);
  el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
  el_wset(e->el, EL_ADDFN, L"lb-suspend", L"stop, until the shell goes on", suspend);
  el_set(e->el, EL_BIND, "^Z", "lb-suspend", NULL);
  el_source(e->el, NULL); /* the user's ~/.editrc, if there is one: vi keys, for example */
  ioctl(STDIN_FILENO, TIOCGWINSZ, &e->size);
  return 1;
}

/*
line.open() -> editor
            -> nil, message, "io"
An editor for lines of the terminal on standard input and output, with a history of 1000 entries. Keys are those of emacs, or what
~/.editrc says. Close it when done. Only where term.is_tty(0) and term.is_tty(1).
Codes: io (no memory, no UTF-8 locale).
Blocks: no.  Source: editline(3), editrc(5).
*/
static int line_open(lua_State *L) {
  Editor *e = lb_newbox(L, sizeof *e, EDITOR);
  locale_t before;
  int fine;
  lb_opened(&e->box);
  e->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  if (!e->locale) return lb_failerrno(L, errno, "the locale C.UTF-8");
  before = uselocale(e->locale);
  fine = set_up(e);
  uselocale(before);
  return fine ? 1 : lb_fail(L, "io", "libedit does not start");
}

/*
editor:read(prompt [, complete]) -> string
                                 -> nil
Let the user edit a line; it comes without its newline. nil at the end of the input (Ctrl-D in an empty line).
  prompt         string            bytes between two \1 are sent to the terminal and take no room on it: colours
  complete       function|nil      complete(before, after) -> insertion, listing, erase: called at Tab with the texts before and after
                                   the cursor; `insertion` is put there, `listing` (lines of text) shown below, nil for neither; `erase`
                                   characters before the cursor go away first
Raises: cancelled (Ctrl-C: the line is given up; other signals); what `complete` raises.
Blocks: yes; transfers under way go on.  Source: editline(3).
*/
static int editor_read(lua_State *L) {
  Editor *e = check_editor(L);
  const char *text;
  locale_t before;
  int n = 0;
  luaL_checkstring(L, 2);
  if (!lua_isnoneornil(L, 3)) luaL_checktype(L, 3, LUA_TFUNCTION);
  if (e->L) return luaL_error(L, "the editor reads a line already");
  lua_settop(L, 3);
  luaL_checkstack(L, 8, NULL);
  e->prompt = lua_tostring(L, 2);
  e->complete = lua_isnil(L, 3) ? 0 : 3;
  e->failed = 0;
  e->L = L;
  before = uselocale(e->locale);
  follow_size(e);
  el_set(e->el, EL_PREP_TERM, 1); /* before the prompt is seen: what is typed then is for the editor */
  text = el_gets(e->el, &n);
  uselocale(before);
  e->L = NULL;
  e->prompt = NULL;
  if (e->failed) {
    fputs("\r\n", stdout); /* the next prompt begins a line */
    fflush(stdout);
    lua_getiuservalue(L, 1, 1);
    lua_pushnil(L);
    lua_setiuservalue(L, 1, 1);
    return lua_error(L);
  }
  if (!text || n <= 0)
    lua_pushnil(L);
  else
    lua_pushlstring(L, text, (size_t)n - (text[n - 1] == '\n' || text[n - 1] == '\r'));
  return 1;
}

/*
editor:remember(text) -> nothing
Append a line to the history, unless it is the last one already.
Blocks: no.  Source: editline(3), H_ENTER.
*/
static int editor_remember(lua_State *L) {
  Editor *e = check_editor(L);
  HistEvent event;
  history(e->history, &event, H_ENTER, luaL_checkstring(L, 2));
  return 0;
}

/*
editor:load(path) -> integer
                  -> nil, message, code
Append the lines of a file that editor:save wrote to the history; returns how many entries there are.
Codes: notfound, format, io.
Blocks: no.
*/
static int editor_load(lua_State *L) {
  Editor *e = check_editor(L);
  const char *path = luaL_checkstring(L, 2);
  HistEvent event;
  errno = 0;
  if (access(path, R_OK) < 0) return lb_failerrno(L, errno, "open %s", path);
  if (history(e->history, &event, H_LOAD, path) < 0) return lb_fail(L, "format", "%s is not a history that libedit wrote", path);
  history(e->history, &event, H_GETSIZE);
  lua_pushinteger(L, event.num);
  return 1;
}

/* The last line of `ours`, behind those at `path`, which need not be there, go into `file`: 0, or an errno. */
static int append_last(History *ours, const char *path, const partial_File *file) {
  int failed = 0, fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
  FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
  History *kept = to ? new_history() : NULL;
  HistEvent event, last;
  if (!kept) failed = to ? ENOMEM : errno;
  else {
    history(kept, &event, H_LOAD, path);
    if (history(ours, &last, H_FIRST) >= 0) history(kept, &event, H_ENTER, last.str);
    errno = 0;
    if (history(kept, &event, H_SAVE_FP, to) < 0 || ferror(to)) failed = errno ? errno : EIO;
  }
  if (kept) history_end(kept);
  if (to && fclose(to) != 0 && !failed) failed = errno;
  if (!to && fd >= 0) close(fd);
  return failed;
}

/*
editor:save(path) -> true
                  -> nil, message, "io"
Append the last line of the history to those of a file; it keeps the last 1000, and only its owner may read it (mode 0600). When that
fails it stays as it was. Of several editors only one at a time may do this.
Codes: io, notfound (no such directory).
Blocks: no.
*/
static int editor_save(lua_State *L) {
  Editor *e = check_editor(L);
  const char *path = luaL_checkstring(L, 2);
  partial_File *file;
  int status = partial_open(L, path, &file), failed;
  if (status) return status;
  lua_toclose(L, -1);
  file->mode = 0600;
  failed = append_last(e->history, path, file);
  if (failed) return lb_failerrno(L, failed, "write %s", path);
  status = partial_finish(L, file);
  if (status) return status;
  lua_pushboolean(L, 1);
  return 1;
}

static const luaL_Reg methods[] = {
    {"read", editor_read}, {"remember", editor_remember}, {"load", editor_load}, {"save", editor_save}, {NULL, NULL},
};
static const luaL_Reg functions[] = {{"open", line_open}, {NULL, NULL}};

int luaopen_lb_line(lua_State *L);
int luaopen_lb_line(lua_State *L) {
  lb_class(L, EDITOR, methods, editor_close);
  luaL_newlib(L, functions);
  return 1;
}
