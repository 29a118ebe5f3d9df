/* vim_mask: blank the secrets in a request or response, for logs. It follows the tags and the schema's types, and needs
 * no well-formed text. */

#include <string.h>

#include "vim_value.h"

#define DEPTH 64
#define MASK "***"

typedef struct Level {
  const vim_Type *type;      /* of the element, NULL: unknown */
  const vim_Method *call;    /* the element is this method's request */
  const vim_Method *answer;  /* or its response */
} Level;

/* Copies the local name of a tag to `name`. */
static void tag_name(const char *s, const char *end, char *name, size_t size) {
  size_t n = 0;
  for (; s < end && !strchr(" \t\r\n/>", *s); s++) {
    if (*s == ':') n = 0;
    else if (n + 1 < size) name[n++] = *s;
  }
  name[n] = '\0';
}

/* The type in an attribute named PREFIX:type, in the tag s..end. */
static const vim_Type *tag_type(const char *s, const char *end) {
  for (; s + 6 < end; s++) {
    char name[128];
    size_t n = 0;
    if (strncmp(s, ":type=", 6) != 0) continue;
    for (s += 7; s < end && *s != '"' && *s != '\''; s++) {
      if (*s == ':') n = 0;
      else if (n + 1 < sizeof name) name[n++] = *s;
    }
    name[n] = '\0';
    return vim_findtype(name);
  }
  return NULL;
}

/* Names that are secrets wherever they stand when the type around them is unknown. */
static int always_secret(const char *name) {
  static const char *const names[] = {"password", "Password", "ticket", "Ticket", "token", "privateKey", "Secret", "secret"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strstr(name, names[i])) return 1;
  return 0;
}

static const vim_Field *parameter(const vim_Method *m, const char *name) {
  for (unsigned i = 0; i < m->count; i++)
    if (strcmp(vim_name(vim_fields + m->first + i), name) == 0) return vim_fields + m->first + i;
  return NULL;
}

/* What the element `name` inside `up` is; `*secret` tells whether its text is. */
static Level enter(const Level *up, const char *name, const vim_Type *given, int *secret) {
  Level level = {given, NULL, NULL};
  const vim_Field *f = up->call ? parameter(up->call, name) : up->type ? vim_findfield(up->type, name) : NULL;
  *secret = 0;
  if (f) {
    if (!given && !(f->flags & VIM_REF)) level.type = vim_types + f->type;
    *secret = f->flags & VIM_SECRET;
  } else if (up->answer && strcmp(name, "returnval") == 0 && up->answer->result != VIM_NONE) {
    if (!given) level.type = vim_types + up->answer->result;
    *secret = up->answer->result_flags & VIM_SECRET;
  } else if (!up->type && !up->call) {
    char method[128];
    size_t n = strlen(name);
    level.call = vim_findmethod(name);
    if (n > 8 && n < sizeof method && strcmp(name + n - 8, "Response") == 0) {
      memcpy(method, name, n - 8);
      method[n - 8] = '\0';
      level.answer = vim_findmethod(method);
    }
    *secret = always_secret(name);
  } else
    *secret = always_secret(name);
  return level;
}

/* Past the first `mark` in s..end, or `end`. */
static const char *past(const char *s, const char *end, const char *mark) {
  size_t n = strlen(mark);
  for (; (size_t)(end - s) >= n; s++)
    if (memcmp(s, mark, n) == 0) return s + n;
  return end;
}

/* The end of a tag that starts at `s`, past its '>'; quotes may hold a '>', in CDATA and comments they mean nothing. */
static const char *tag_end(const char *s, const char *end) {
  char quote = 0;
  if (strncmp(s, "<![CDATA[", 9) == 0) return past(s, end, "]]>");
  if (strncmp(s, "<!--", 4) == 0) return past(s, end, "-->");
  for (; s < end; s++) {
    if (quote) quote = *s == quote ? 0 : quote;
    else if (*s == '"' || *s == '\'') quote = *s;
    else if (*s == '>') return s + 1;
  }
  return end;
}

/*
vim.mask(xml) -> string
The text with the contents of secret elements (passwords, tickets, keys: marked in the schema) replaced by ***, for logs. Any
text is taken, also one that is cut off.
Blocks: no.
*/
int vim_mask(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n), *end = s + n;
  Level levels[DEPTH] = {{NULL, NULL, NULL}};
  unsigned depth = 0; /* may count above DEPTH: such levels are of unknown type */
  unsigned under = 0; /* the depth of the secret element around, 0: none */
  int secret = 0;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  while (s < end) {
    const char *tag = memchr(s, '<', (size_t)(end - s)), *after;
    char name[128];
    if (!tag) tag = end;
    if (secret && tag > s) luaL_addstring(&b, MASK);
    else luaL_addlstring(&b, s, (size_t)(tag - s));
    if (tag == end) break;
    after = tag_end(tag, end);
    if (secret && strncmp(tag, "<!", 2) == 0) { /* CDATA: whatever it holds goes */
      luaL_addstring(&b, MASK);
      s = after;
      continue;
    }
    luaL_addlstring(&b, tag, (size_t)(after - tag));
    s = after;
    if (tag[1] == '/') {
      if (depth) depth--;
      if (depth < under) under = 0;
      secret = under != 0;
    } else if (tag[1] != '?' && tag[1] != '!') {
      static const Level unknown = {NULL, NULL, NULL};
      tag_name(tag + 1, after, name, sizeof name);
      Level level = enter(depth < DEPTH ? &levels[depth] : &unknown, name, tag_type(tag, after), &secret);
      if (after - tag > 2 && after[-2] == '/') {
        secret = under != 0;
        continue;
      }
      if (++depth < DEPTH) levels[depth] = level;
      if (secret && !under) under = depth;
      secret = under != 0;
    }
  }
  luaL_pushresult(&b);
  return 1;
}
