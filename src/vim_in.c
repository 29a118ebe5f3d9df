/* vim_in: a response as a stream: elements, attributes, the forms of simple values */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vim_in.h"

int in_broken(In *in, const char *what, const char *detail) {
  if (!*in->message) snprintf(in->message, sizeof in->message, "%s%.300s", what, detail);
  return 0;
}

int in_step(In *in) {
  int r = xmlTextReaderRead(in->xml);
  const xmlError *e;
  size_t n;
  if (r == 1) {
    int type = xmlTextReaderNodeType(in->xml);
    if (type == XML_READER_TYPE_DOCUMENT_TYPE || type == XML_READER_TYPE_ENTITY_REFERENCE)
      return in_broken(in, "a document type or entity in the response", "");
    return 1;
  }
  e = r == 0 ? NULL : xmlGetLastError();
  in_broken(in, "bad XML: ", e && e->message ? e->message : "it ends too early");
  n = strlen(in->message);
  if (n && in->message[n - 1] == '\n') in->message[n - 1] = '\0';
  return 0;
}

const char *in_name(In *in) {
  const char *name = (const char *)xmlTextReaderConstLocalName(in->xml);
  return name ? name : "";
}

int in_skip(In *in) {
  int depth = xmlTextReaderDepth(in->xml);
  if (xmlTextReaderIsEmptyElement(in->xml)) return 1;
  do
    if (!in_step(in)) return 0;
  while (xmlTextReaderDepth(in->xml) > depth || xmlTextReaderNodeType(in->xml) != XML_READER_TYPE_END_ELEMENT);
  return 1;
}

int in_child(In *in, int depth) {
  for (;;) {
    int type;
    if (!in_step(in)) return -1;
    type = xmlTextReaderNodeType(in->xml);
    if (type == XML_READER_TYPE_ELEMENT) return 1;
    if (type == XML_READER_TYPE_END_ELEMENT && xmlTextReaderDepth(in->xml) == depth) return 0;
  }
}

int in_text(In *in) {
  int depth = xmlTextReaderDepth(in->xml);
  luaL_Buffer b; /* comments may cut a text into very many pieces */
  luaL_buffinit(in->L, &b);
  if (!xmlTextReaderIsEmptyElement(in->xml))
    for (;;) {
      const char *piece;
      int type;
      if (!in_step(in)) return 0;
      type = xmlTextReaderNodeType(in->xml);
      if (type == XML_READER_TYPE_END_ELEMENT && xmlTextReaderDepth(in->xml) == depth) break;
      if (type == XML_READER_TYPE_ELEMENT && !in_skip(in)) return 0;
      if (type != XML_READER_TYPE_TEXT && type != XML_READER_TYPE_CDATA && type != XML_READER_TYPE_SIGNIFICANT_WHITESPACE &&
          type != XML_READER_TYPE_WHITESPACE)
        continue;
      piece = (const char *)xmlTextReaderConstValue(in->xml);
      if (piece) luaL_addstring(&b, piece);
    }
  luaL_pushresult(&b);
  return 1;
}

/* ---- attributes ---- */

int in_attribute(In *in, const char *name, const char *ns) {
  const char *value;
  int found = ns ? xmlTextReaderMoveToAttributeNs(in->xml, (const xmlChar *)name, (const xmlChar *)ns)
                 : xmlTextReaderMoveToAttribute(in->xml, (const xmlChar *)name);
  if (found != 1) return 0;
  value = (const char *)xmlTextReaderConstValue(in->xml);
  lua_pushstring(in->L, value ? value : "");
  xmlTextReaderMoveToElement(in->xml);
  return 1;
}

const vim_Type *in_type(In *in, const vim_Type **element) {
  const char *name, *colon;
  const vim_Type *type;
  *element = NULL;
  if (!xmlTextReaderHasAttributes(in->xml) || !in_attribute(in, "type", XSI)) return NULL;
  name = lua_tostring(in->L, -1);
  colon = strrchr(name, ':');
  if (colon) name = colon + 1;
  type = vim_findtype(name);
  if (!type) *element = vim_elementtype(name);
  lua_pop(in->L, 1);
  return type;
}

/* ---- simple values ---- */

static int bad_text(In *in, const vim_Type *type) {
  char what[160];
  snprintf(what, sizeof what, "bad %s: ", vim_name(type));
  return in_broken(in, what, lua_tostring(in->L, -1));
}

static int base64_digit(int c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Replace the base64 text on the top by its bytes. */
static int bytes(In *in, const vim_Type *type) {
  size_t n;
  const char *s = lua_tolstring(in->L, -1, &n);
  unsigned bits = 0, count = 0; /* bits not yet given out */
  luaL_Buffer b;
  luaL_buffinit(in->L, &b);
  for (size_t i = 0; i < n && s[i] != '='; i++) {
    int digit = base64_digit((unsigned char)s[i]);
    if (digit < 0 && s[i] > ' ') {
      luaL_pushresult(&b);
      lua_pop(in->L, 1);
      return bad_text(in, type);
    }
    if (digit < 0) continue;
    bits = (bits << 6 | (unsigned)digit) & 0xfff;
    if ((count += 6) >= 8) luaL_addchar(&b, (char)(bits >> (count -= 8) & 0xff));
  }
  luaL_pushresult(&b);
  lua_remove(in->L, -2);
  return 1;
}

int in_convert(In *in, const vim_Type *type) {
  lua_State *L = in->L;
  const char *s = lua_tostring(L, -1);
  char *end;
  switch (type->kind) {
    case VIM_BOOLEAN:
      if (strcmp(s, "true") != 0 && strcmp(s, "false") != 0 && strcmp(s, "1") != 0 && strcmp(s, "0") != 0) return bad_text(in, type);
      lua_pushboolean(L, *s == 't' || *s == '1');
      break;
    case VIM_BYTE: case VIM_SHORT: case VIM_INT: case VIM_LONG: {
      long long n;
      errno = 0;
      n = strtoll(s, &end, 10);
      while (*end == ' ' || *end == '\n') end++;
      if (end == s || *end || errno == ERANGE) return bad_text(in, type);
      lua_pushinteger(L, n);
      break;
    }
    case VIM_FLOAT: case VIM_DOUBLE:
      if (strcmp(s, "INF") == 0 || strcmp(s, "-INF") == 0 || strcmp(s, "NaN") == 0)
        lua_pushnumber(L, strtod(s, NULL));
      else if (!lua_stringtonumber(L, s))
        return bad_text(in, type);
      else {
        lua_Number n = lua_tonumber(L, -1);
        lua_pop(L, 1);
        lua_pushnumber(L, n);
      }
      break;
    case VIM_BASE64: return bytes(in, type);
    default: return 1; /* string, dateTime, enum: the text itself */
  }
  lua_remove(L, -2);
  return 1;
}
