/* regex: POSIX extended regular expressions (the C library's regcomp) */

#include <regex.h>

#include "lb.h"

#define LONGEST 4096 /* bytes of an expression: glibc calls itself for each nested group, until the stack is full */

/* Does it fit? 0 or 1, or regcomp's and regexec's other outcomes, with nothing left allocated. */
static int search(const char *expression, int flags, const char *text, size_t len, char *message, size_t size) {
  regex_t compiled;
  regmatch_t whole = {0, (regoff_t)len}; /* with REG_STARTEND: the text, zero bytes and all */
  int rc = regcomp(&compiled, expression, flags);
  if (rc != 0) {
    regerror(rc, &compiled, message, size);
    return -1;
  }
  rc = regexec(&compiled, text, 1, &whole, REG_STARTEND);
  if (rc != 0 && rc != REG_NOMATCH) regerror(rc, &compiled, message, size);
  regfree(&compiled);
  return rc == 0 ? 1 : rc == REG_NOMATCH ? 0 : -1;
}

/*
regex.match(text, expression [, ignore_case]) -> boolean
                                              -> nil, message, code
Is there a match anywhere in the text? Lines are matched for themselves: ^ and $ stand for their ends, . and [^x] are never
the newline.
  text, expression  bytes: a character outside ASCII is several
  expression     string            4096 bytes at most; POSIX extended, with glibc's \w \W \s \S \b \< \>
  ignore_case    boolean = false
Codes: format (no regular expression, with what is wrong).
Blocks: no.  Source: regcomp(3), regex(7).
*/
static int regex_match(lua_State *L) {
  size_t len, expression_len;
  const char *text = luaL_checklstring(L, 1, &len), *expression = luaL_checklstring(L, 2, &expression_len);
  char message[200] = "";
  int found;
  luaL_argcheck(L, len <= 1 << 30, 1, "too long");
  if (expression_len > LONGEST) return lb_fail(L, "format", "an expression of %zu bytes is too long", expression_len);
  for (size_t i = 0; i < expression_len; i++) luaL_argcheck(L, expression[i], 2, "contains a zero byte");
  found = search(expression, REG_EXTENDED | REG_NEWLINE | (lua_toboolean(L, 3) ? REG_ICASE : 0), text, len, message, sizeof message);
  if (found < 0) return lb_fail(L, "format", "/%s/: %s", expression, message);
  lua_pushboolean(L, found);
  return 1;
}

static const luaL_Reg functions[] = {{"match", regex_match}, {NULL, NULL}};

int luaopen_lb_regex(lua_State *L);
int luaopen_lb_regex(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
