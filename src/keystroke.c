/* keystroke: text and boot commands to USB HID usage codes; pure, no I/O */

#include <stdint.h>
#include <string.h>

#include "keyboard.h"
#include "lb.h"
#include "utf8.h"

static int is_modifier(int usage) {
  return usage >= KEYBOARD_FIRSTMODIFIER && usage < KEYBOARD_FIRSTMODIFIER + KEYBOARD_MODIFIERS;
}

/* ---- the parser ---- */

typedef struct Parser {
  lua_State *L;
  const char *what;   /* "boot command", for messages */
  const char *layout;
  const char *text;   /* the whole text */
  size_t size, at;    /* `at`: the next byte */
  lua_Integer column; /* of that byte's character, from 1 */
  unsigned held;      /* modifiers on */
  unsigned idle;      /* those of them that no key was pressed with */
  lua_Integer since[KEYBOARD_MODIFIERS]; /* column where each was put on */
  int events;         /* stack index of the result */
} Parser;

/* All of these return 0, or 3 with a failure pushed. */
static int bad_character(Parser *p, lua_Integer column, const char *s, size_t len) {
  if (len == 1 && (unsigned char)*s < 0x20)
    return lb_fail(p->L, "format", "%s, column %lld: control character 0x%02x cannot be typed", p->what, (long long)column, *s);
  return lb_fail(p->L, "format", "%s, column %lld: character '%.*s' is not on the '%s' keyboard layout", p->what,
                 (long long)column, (int)len, s, p->layout);
}

/* Append a table with the source text and its column; leaves it on the stack.  [-0, +1, m] */
static void new_event(Parser *p, lua_Integer column, const char *s, size_t len) {
  lua_createtable(p->L, 0, 5);
  lua_pushlstring(p->L, s, len);
  lua_setfield(p->L, -2, "text");
  lua_pushinteger(p->L, column);
  lua_setfield(p->L, -2, "column");
  lua_pushvalue(p->L, -1);
  lua_rawseti(p->L, p->events, (lua_Integer)lua_rawlen(p->L, p->events) + 1);
}

/* Append a press of one key with the modifiers of `how`.  [-0, +0, m] */
static void press(Parser *p, int usage, unsigned how, lua_Integer column, const char *s, size_t len) {
  lua_State *L = p->L;
  new_event(p, column, s, len); /* event */
  lua_pushinteger(L, usage);
  lua_setfield(L, -2, "code");
  lua_pushinteger(L, ((lua_Integer)usage << 16) | 7);
  lua_setfield(L, -2, "hid");
  if (how & 0xff) {
    lua_newtable(L); /* event modifiers */
    for (int i = 0; i < KEYBOARD_MODIFIERS; i++) {
      if (!(how & (1u << i))) continue;
      lua_pushboolean(L, 1);
      lua_setfield(L, -2, keyboard_modifiers[i].field);
    }
    lua_setfield(L, -2, "modifiers");
  }
  lua_pop(L, 1);
  p->idle &= ~how;
  if (how & KEYBOARD_DEAD) press(p, KEYBOARD_SPACE, p->held, column, s, len);
}

/* Type the character of `len` bytes at `s`; `source` of `all` bytes is what the user wrote for it. */
static int type_character(Parser *p, const char *s, size_t len, lua_Integer column, const char *source, size_t all) {
  unsigned how;
  int usage = keyboard_character(p->layout, s, len, &how);
  if (!usage) return bad_character(p, column, s, len);
  press(p, usage, how | p->held, column, source, all);
  return 0;
}

/* ---- tags ---- */

typedef struct Tag {
  const char *s; /* between < and > */
  size_t len;
  lua_Integer column; /* of the < */
} Tag;

static int bad_tag(Parser *p, const Tag *t, const char *why) {
  return lb_fail(p->L, "format", "%s, column %lld: <%.*s>: %s", p->what, (long long)t->column, (int)t->len, t->s, why);
}

static int unknown_tag(Parser *p, const Tag *t) {
  const char *near, *end = "";
  size_t len = t->len;
  char name[40];
  if (len > 3 && keyboard_equal("off", t->s + len - 3, 3)) end = "Off";
  else if (len > 2 && keyboard_equal("on", t->s + len - 2, 2)) end = "On";
  len -= strlen(end);
  if (len >= sizeof name) len = sizeof name - 1;
  memcpy(name, t->s, len);
  name[len] = '\0';
  near = keyboard_nearest_tag(name);
  if (near)
    return lb_fail(p->L, "format", "%s, column %lld: unknown tag <%.*s>: did you mean <%s%s>?", p->what,
                   (long long)t->column, (int)t->len, t->s, near, end);
  return bad_tag(p, t, "unknown tag (a literal '<' is written <lt>)");
}

static void tap(Parser *p, const Tag *t, int usage, unsigned how) {
  press(p, usage, how | p->held, t->column, t->s - 1, t->len + 2);
}

/* One "1.5h" of a Go duration at *s: seconds, and *s after it; negative when it is none.
 * Source: Go, time.ParseDuration. */
static double duration_part(const char **s, const char *end) {
  static const struct {
    const char *unit;
    double seconds;
  } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"µs", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
  double value = 0, scale = 1;
  int digits = 0, point = 0;
  for (; *s < end && ((**s >= '0' && **s <= '9') || (**s == '.' && !point)); ++*s) {
    if (**s == '.') {
      point = 1;
      continue;
    }
    value = value * 10 + (**s - '0');
    if (point) scale *= 10;
    digits++;
  }
  if (!digits) return -1;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    size_t n = strlen(units[i].unit);
    if ((size_t)(end - *s) >= n && memcmp(*s, units[i].unit, n) == 0) {
      *s += n;
      return value / scale * units[i].seconds;
    }
  }
  return -1;
}

/* What follows "wait": nothing (one second), whole seconds, or a Go duration. Negative when it is none of these. */
static double duration(const char *s, const char *end) {
  double total = 0;
  if (s == end) return 1;
  if (strspn(s, "0123456789") >= (size_t)(end - s)) {
    for (; s < end; s++) total = total * 10 + (*s - '0');
    return total;
  }
  while (s < end) {
    double part = duration_part(&s, end);
    if (part < 0) return -1;
    total += part;
  }
  return total;
}

static int wait_tag(Parser *p, const Tag *t) {
  double seconds = duration(t->s + 4, t->s + t->len);
  if (seconds < 0) return bad_tag(p, t, "not a duration (write <wait>, <wait10>, <wait500ms>, <wait1m30s>)");
  if (!(seconds <= 86400)) return bad_tag(p, t, "longer than a day");
  new_event(p, t->column, t->s - 1, t->len + 2);
  lua_pushnumber(p->L, seconds);
  lua_setfield(p->L, -2, "wait");
  lua_pop(p->L, 1);
  return 0;
}

/* <ctrl+alt+f2>: modifiers, then a key by tag, raw code or character (a letter's case does not matter: + shift says it). */
static int chord(Parser *p, const Tag *t) {
  const char *s = t->s, *end = t->s + t->len;
  unsigned how = 0, extra = 0;
  int usage;
  for (const char *plus; (plus = memchr(s, '+', (size_t)(end - s))) != NULL && plus + 1 < end; s = plus + 1) {
    usage = keyboard_tag(s, (size_t)(plus - s));
    if (!is_modifier(usage)) {
      return lb_fail(p->L, "format", "%s, column %lld: <%.*s>: '%.*s' is not a modifier (ctrl, shift, alt, altGr, super, leftCtrl…)",
                     p->what, (long long)t->column, (int)t->len, t->s, (int)(plus - s), s);
    }
    how |= 1u << (usage - KEYBOARD_FIRSTMODIFIER);
  }
  usage = keyboard_tag(s, (size_t)(end - s));
  if (!usage) usage = keyboard_raw(s, (size_t)(end - s));
  if (!usage && utf8_length(s, (size_t)(end - s)) == (size_t)(end - s)) {
    char low = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
    usage = low == *s ? keyboard_character(p->layout, s, (size_t)(end - s), &extra) : keyboard_character(p->layout, &low, 1, &extra);
    if (extra & KEYBOARD_DEAD) return bad_tag(p, t, "takes two keys on this layout");
  }
  if (!usage) return bad_tag(p, t, "unknown key at the end");
  tap(p, t, usage, how | extra);
  return 0;
}

/* Put a modifier on or off. */
static int hold(Parser *p, const Tag *t, int usage, int on) {
  unsigned bit = 1u << (usage - KEYBOARD_FIRSTMODIFIER);
  if (on) {
    if (!(p->held & bit)) {
      p->since[usage - KEYBOARD_FIRSTMODIFIER] = t->column;
      p->idle |= bit;
    }
    p->held |= bit;
    return 0;
  }
  if (!(p->held & bit)) return bad_tag(p, t, "it is not on");
  p->held &= ~bit;
  if (p->idle & bit) tap(p, t, usage, 0);
  p->idle &= ~bit;
  return 0;
}

/* <leftCtrlOn>, <aOff>, <enterOn>. Returns -1 when the tag is nothing of the kind. */
static int toggle(Parser *p, const Tag *t) {
  int on = t->len > 2 && keyboard_equal("on", t->s + t->len - 2, 2);
  int off = t->len > 3 && keyboard_equal("off", t->s + t->len - 3, 3);
  size_t len = t->len - (on ? 2 : 3);
  int usage;
  if (!on && !off) return -1;
  usage = keyboard_tag(t->s, len);
  if (is_modifier(usage)) return hold(p, t, usage, on);
  if (!usage && utf8_length(t->s, len) != len) return -1;
  if (off) return 0; /* the press at "on" ended by itself */
  if (!usage) return type_character(p, t->s, len, t->column, t->s - 1, t->len + 2);
  tap(p, t, usage, 0);
  return 0;
}

static int tag(Parser *p, const Tag *t) {
  int usage = keyboard_tag(t->s, t->len), result;
  if (usage) {
    tap(p, t, usage, 0);
    return 0;
  }
  if (keyboard_equal("lt", t->s, t->len)) return type_character(p, "<", 1, t->column, t->s - 1, t->len + 2);
  if (keyboard_equal("gt", t->s, t->len)) return type_character(p, ">", 1, t->column, t->s - 1, t->len + 2);
  if (t->len >= 4 && keyboard_equal("wait", t->s, 4)) return wait_tag(p, t);
  if (t->len >= 2 && t->s[0] == '0' && (t->s[1] == 'x' || t->s[1] == 'X')) {
    usage = keyboard_raw(t->s, t->len);
    if (!usage) return bad_tag(p, t, "not a usage of the keyboard page (0x01 to 0xff)");
    tap(p, t, usage, 0);
    return 0;
  }
  result = toggle(p, t);
  if (result >= 0) return result;
  if (t->len > 2 && memchr(t->s, '+', t->len - 1)) return chord(p, t);
  return unknown_tag(p, t);
}

/* ---- the whole text ---- */

static void advance(Parser *p, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    if ((p->text[p->at + i] & 0xc0) != 0x80) p->column++;
  p->at += bytes;
}

static int next(Parser *p, int tags) {
  const char *s = p->text + p->at, *end;
  size_t left = p->size - p->at, len = utf8_length(s, left);
  int result;
  Tag t;
  if (!len) return lb_fail(p->L, "format", "%s, column %lld: not valid UTF-8", p->what, (long long)p->column);
  if (!tags || *s != '<') {
    result = type_character(p, s, len, p->column, s, len);
    advance(p, len);
    return result;
  }
  end = memchr(s, '>', left);
  if (!end) {
    return lb_fail(p->L, "format", "%s, column %lld: '<' without '>' (a literal '<' is written <lt>)", p->what,
                   (long long)p->column);
  }
  t = (Tag){s + 1, (size_t)(end - s - 1), p->column};
  result = tag(p, &t);
  advance(p, t.len + 2);
  return result;
}

/* Parse all of it: 0, or 3 with a failure pushed. */
static int parse(Parser *p, int tags) {
  while (p->at < p->size) {
    int result = next(p, tags);
    if (result) return result;
  }
  for (int i = 0; i < KEYBOARD_MODIFIERS; i++) {
    if (!tags || !(p->held & (1u << i))) continue;
    return lb_fail(p->L, "format", "%s, column %lld: %s is left on at the end", p->what, (long long)p->since[i],
                   keyboard_modifiers[i].field);
  }
  return 0;
}

/* A parser over the string at `arg`, with the option table at `opts`; pushes the result table.  [-0, +1, v] */
static Parser new_parser(lua_State *L, const char *what, const char *text, size_t size, int opts) {
  Parser p = {.L = L, .what = what, .text = text, .size = size, .column = 1};
  int known = 0;
  p.layout = lb_optstring(L, opts, "layout", "us", NULL); /* the caller's table keeps it */
  for (int i = 0; keyboard_layouts[i]; i++) known |= strcmp(keyboard_layouts[i], p.layout) == 0;
  if (!known) luaL_argerror(L, opts, lua_pushfstring(L, "unknown layout '%s' (us, uk, de, fr)", p.layout));
  lua_newtable(L);
  p.events = lua_gettop(L);
  return p;
}

/* ---- functions ---- */

/*
keystroke.parse(text [, opts]) -> {event, ...}
                               -> nil, message, code
Turn a boot command into key presses and waits, to be sent in order.
  text           string            UTF-8; a new line is the Enter key, a tab character the Tab key
  opts.layout    string = "us"     the guest's keyboard layout: us, uk, de, fr
Tags, upper or lower case:
  <enter> <return> <esc> <tab> <spacebar> <bs> <del> <insert> <home> <end> <pageUp> <pageDown> <up> <down> <left> <right>
  <f1> … <f24> <menu> <capsLock> <numLock> <scrollLock> <printScreen> <pause>      one press
  <wait> <wait5> <wait500ms> <wait1m30s>       wait 1 second, whole seconds, or a Go duration
  <leftCtrlOn> … <leftCtrlOff>                 hold Ctrl, Shift, Alt or Super (left, right) for the keys in between; with no key in
                                               between, and as plain <leftCtrl>, one press of it
  <ctrl+alt+f2> <ctrl+c>                       a chord: modifiers, then one key
  <aOn> <enterOn> … <aOff> <enterOff>          the API has no held keys: one press at On, nothing at Off
  <0x28>                                       a raw usage code of the keyboard page
  <lt> <gt>                                    a literal < or > (a lone > is itself)
event = { code = integer, hid = integer, modifiers = {leftShift = true, ...}|nil, text = string, column = integer }
     or { wait = number, text = string, column = integer }; code: HID usage; hid: what PutUsbScanCodes takes as usbHidCode;
     modifiers: the fields of UsbScanCodeSpecModifierType; wait: seconds; text, column: what in the source it comes from
The message has the column, in characters from 1, and for an unknown tag the nearest known one.
Codes: format.  Raises: unknown option or layout.
Blocks: no.  Source: HID Usage Tables 1.12, section 10; Packer's boot command grammar; vSphere API, UsbScanCodeSpec.
*/
static int keystroke_parse(lua_State *L) {
  static const char *const known[] = {"layout", NULL};
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  Parser p;
  int result;
  lua_settop(L, 2);
  lb_checkkeys(L, 2, known);
  p = new_parser(L, "boot command", text, size, 2);
  result = parse(&p, 1);
  return result ? result : (lua_settop(L, p.events), 1);
}

/* One "0x28", "40" or "KEY_ENTER" of a list: its usage, 0 when it is none. */
static int code_usage(const char *s, size_t len) {
  int value = keyboard_raw(s, len);
  if (!value) value = keyboard_name(s, len);
  if (value || len > 3) return value;
  for (size_t i = 0; i < len; i++) {
    if (s[i] < '0' || s[i] > '9') return 0;
    value = value * 10 + (s[i] - '0');
  }
  return value <= 0xff ? value : 0;
}

static int unknown_code(Parser *p, const char *s, size_t len) {
  const char *near;
  lua_pushlstring(p->L, s, len);
  near = keyboard_nearest_name(lua_tostring(p->L, -1));
  return lb_fail(p->L, "format", "keys, column %lld: unknown code '%.*s'%s%s%s", (long long)p->column, (int)len, s,
                 near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

/* A comma-separated list of codes. */
static int codes(Parser *p) {
  while (p->at <= p->size) {
    const char *s = p->text + p->at, *comma = memchr(s, ',', p->size - p->at);
    size_t len = comma ? (size_t)(comma - s) : p->size - p->at;
    int usage = code_usage(s, len);
    if (!usage) return unknown_code(p, s, len);
    press(p, usage, p->held, p->column, s, len);
    if (!comma) break;
    advance(p, len + 1);
  }
  return 0;
}

static int raw(Parser *p, lua_Integer hid) {
  if (hid <= 0 || hid > INT32_MAX) return lb_fail(p->L, "format", "keys: raw value %lld is not a positive 32-bit integer", (long long)hid);
  press(p, (int)(hid >> 16), p->held, 1, p->text, 0);
  lua_rawgeti(p->L, p->events, 1);
  lua_pushinteger(p->L, hid);
  lua_setfield(p->L, -2, "hid");
  return 0;
}

/*
keystroke.keys(opts) -> {event, ...}
                     -> nil, message, code
Key presses the way `govc vm.keystrokes` takes them: exactly one of string, code and raw.
  opts.string    string|nil        typed as it is, no tags (govc's -s)
  opts.code      string|integer|nil  usage codes ("0x28", "40") or names ("KEY_ENTER"), separated by commas; or one number (-c)
  opts.raw       integer|nil       one value as the API takes it: usage shifted left by 16, or 7 (-r)
  opts.lc, ls, la, lg, rc, rs, ra, rg  boolean = false  with left or right Control, Shift, Alt, Gui
  opts.layout    string = "us"     as in keystroke.parse, which also describes event
Codes: format.  Raises: unknown option or layout, none or several of string, code and raw.
Blocks: no.  Source: govmomi, vm.keystrokes; HID Usage Tables 1.12, section 10.
*/
static int keystroke_keys(lua_State *L) {
  static const char *const known[] = {"string", "code", "raw", "layout", "lc", "ls", "la", "lg", "rc", "rs", "ra", "rg", NULL};
  size_t size = 0;
  const char *text = "";
  int count = 0, given = 0, result;
  Parser p;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lb_checkkeys(L, 1, known);
  for (int i = 0; i < 3; i++) {
    if (lua_getfield(L, 1, known[i]) != LUA_TNIL) {
      given = i;
      count++;
    }
  } /* opts string code raw */
  if (count != 1) return luaL_argerror(L, 1, "exactly one of 'string', 'code' and 'raw' is needed");
  if (given < 2) {
    if (given == 0 && lua_type(L, 2) != LUA_TSTRING) return luaL_argerror(L, 1, "bad option 'string' (string expected)");
    if (!lua_isstring(L, 2 + given)) return luaL_argerror(L, 1, "bad option 'code' (string or integer expected)");
    text = luaL_tolstring(L, 2 + given, &size);
  }
  p = new_parser(L, "keys", text, size, 1);
  for (int i = 0; i < KEYBOARD_MODIFIERS; i++)
    if (lb_optboolean(L, 1, keyboard_modifiers[i].option, 0)) p.held |= 1u << i;
  result = given == 0 ? parse(&p, 0) : given == 1 ? codes(&p) : raw(&p, lb_optinteger(L, 1, "raw", 0));
  return result ? result : (lua_settop(L, p.events), 1);
}

/*
keystroke.layouts() -> {string, ...}
The names of the keyboard layouts.
Blocks: no.
*/
static int keystroke_layouts(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; keyboard_layouts[i]; i++) {
    lua_pushstring(L, keyboard_layouts[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static const luaL_Reg functions[] = {
    {"keys", keystroke_keys}, {"layouts", keystroke_layouts}, {"parse", keystroke_parse}, {NULL, NULL}};

int luaopen_lb_keystroke(lua_State *L);
int luaopen_lb_keystroke(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
