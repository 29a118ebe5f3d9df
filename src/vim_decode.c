/* vim_decode: a SOAP response to Lua values, read as a stream, typed by the schema and lenient with what it does not know */

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "vim_in.h"

#define READER "vim.reader"
#define DEPTH 120 /* data objects in data objects */

typedef struct Reader {
  lb_Box box;
  xmlTextReaderPtr xml;
} Reader;

static int reader_close(lua_State *L) {
  Reader *r = lua_touserdata(L, 1);
  xmlTextReaderPtr xml = r->xml;
  if (!lb_closing(&r->box)) return 0;
  r->xml = NULL;
  xmlFreeTextReader(xml);
  return 0;
}

/* ---- values: each pushes one ---- */

static int value(In *in, const vim_Type *type, int flags);

static int reference(In *in, const vim_Type *type) {
  lua_State *L = in->L;
  if (!in_attribute(in, "type", NULL)) lua_pushstring(L, vim_name(type));
  if (!in_text(in)) return 0;
  vim_pushreference(L, in->space, lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
  return 1;
}

/* The fields of a data object come in order: remember where the last one was. */
typedef struct Cursor {
  const vim_Type *type;
  unsigned index;
} Cursor;

static const vim_Field *next_field(const vim_Type *type, Cursor *at, const char *name) {
  const vim_Field *f;
  if (at->type) {
    f = vim_fields + at->type->first;
    for (; at->index < at->type->count; at->index++)
      if (strcmp(vim_name(f + at->index), name) == 0) return f + at->index;
  }
  f = vim_findfield(type, name);
  if (!f) {
    at->type = NULL;
    return NULL;
  }
  for (at->type = type; f < vim_fields + at->type->first || f >= vim_fields + at->type->first + at->type->count;)
    at->type = vim_base(at->type);
  at->index = (unsigned)(f - (vim_fields + at->type->first));
  return f;
}

/* Store the value on the top as field `f` of the table below it, or append it to the list there. */
static void store(lua_State *L, const vim_Field *f) {
  lua_pushstring(L, vim_name(f));
  if (!(f->flags & VIM_LIST)) {
    lua_insert(L, -2);
    lua_rawset(L, -3);
    return;
  }
  if (lua_rawget(L, -3) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushstring(L, vim_name(f));
    lua_pushvalue(L, -2);
    lua_rawset(L, -5); /* data, value, list */
  }
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}

static int data(In *in, const vim_Type *type) {
  lua_State *L = in->L;
  Cursor at = {NULL, 0};
  int depth = xmlTextReaderDepth(in->xml), more;
  lua_newtable(L);
  if (xmlTextReaderIsEmptyElement(in->xml)) {
    vim_setdata(L, type);
    return 1;
  }
  while ((more = in_child(in, depth)) == 1) {
    const vim_Field *f = next_field(type, &at, in_name(in));
    if (!f) {
      if (!in_skip(in)) return 0;
      continue;
    }
    if (!value(in, vim_types + f->type, f->flags)) return 0;
    if (lua_isnil(L, -1)) lua_pop(L, 1);
    else store(L, f);
  }
  vim_setdata(L, type);
  return more == 0;
}

static int array(In *in, const vim_Type *element) {
  lua_State *L = in->L;
  int depth = xmlTextReaderDepth(in->xml), more = 0;
  lua_Integer n = 0;
  lua_newtable(L);
  vim_setarray(L, element);
  if (xmlTextReaderIsEmptyElement(in->xml)) return 1;
  while ((more = in_child(in, depth)) == 1) {
    if (!value(in, element, element->kind == VIM_MANAGED ? VIM_REF : 0)) return 0;
    if (lua_isnil(L, -1)) lua_pop(L, 1);
    else lua_rawseti(L, -2, ++n);
  }
  return more == 0;
}

/* The value of the element the reader is at; the reader moves to its end. nil for xsi:nil. */
static int value(In *in, const vim_Type *type, int flags) {
  const vim_Type *element, *actual = in_type(in, &element);
  int ok;
  luaL_checkstack(in->L, 20, "too many nested values");
  if (++in->nested > DEPTH) return in_broken(in, "the response is nested too deeply", "");
  if (xmlTextReaderHasAttributes(in->xml) && in_attribute(in, "nil", XSI)) {
    int isnil = strcmp(lua_tostring(in->L, -1), "true") == 0;
    lua_pop(in->L, 1);
    if (isnil) {
      lua_pushnil(in->L);
      in->nested--;
      return in_skip(in);
    }
  }
  if (flags & VIM_REF || type->kind == VIM_REFERENCE) ok = reference(in, type);
  else if (element) ok = array(in, element);
  else {
    if (!actual || (type->kind == VIM_DATA && actual->kind != VIM_DATA)) actual = type;
    if (actual->kind == VIM_REFERENCE || actual->kind == VIM_MANAGED) ok = reference(in, actual);
    else if (actual->kind == VIM_DATA) ok = data(in, actual);
    else ok = in_text(in) && in_convert(in, actual);
  }
  in->nested--;
  return ok;
}

/* ---- the envelope ---- */

/* Does the fault element say which fault it is? By xsi:type, else by its name: "InvalidLoginFault". */
static const vim_Type *fault_type(In *in) {
  const vim_Type *element, *type = in_type(in, &element), *base = vim_findtype("MethodFault");
  char name[128];
  size_t n;
  if (type && type->kind == VIM_DATA) return type;
  snprintf(name, sizeof name, "%s", in_name(in));
  n = strlen(name);
  if (n > 5 && strcmp(name + n - 5, "Fault") == 0) name[n - 5] = '\0';
  type = vim_findtype(name);
  return type && vim_derives(type, base) ? type : base;
}

/* Push faultstring and the fault: the typed detail, or { faultcode, faultstring } when there is none. */
static int fault(In *in) {
  lua_State *L = in->L;
  int depth = xmlTextReaderDepth(in->xml), more, top = lua_gettop(L), inner;
  lua_pushliteral(L, "fault without a reason");
  lua_newtable(L);
  while ((more = in_child(in, depth)) == 1) {
    const char *name = in_name(in);
    if (strcmp(name, "detail") == 0 && !xmlTextReaderIsEmptyElement(in->xml)) {
      inner = xmlTextReaderDepth(in->xml);
      while ((more = in_child(in, inner)) == 1) {
        if (!data(in, fault_type(in))) return 0;
        lua_replace(L, top + 2);
      }
      if (more < 0) return 0;
    } else if (strcmp(name, "faultstring") == 0 || strcmp(name, "faultcode") == 0) {
      int is_string = name[5] == 's';
      if (!in_text(in)) return 0;
      if (is_string) {
        lua_pushvalue(L, -1);
        lua_replace(L, top + 1);
      }
      if (!vim_datatype(L, top + 2)) {
        lua_pushstring(L, is_string ? "faultstring" : "faultcode");
        lua_insert(L, -2);
        lua_rawset(L, top + 2);
      } else
        lua_pop(L, 1);
    } else if (!in_skip(in))
      return 0;
  }
  return more == 0;
}

/* Push what the response element holds. */
static int result(In *in, const vim_Method *m) {
  lua_State *L = in->L;
  int depth = xmlTextReaderDepth(in->xml), more = 0, list = m->result_flags & VIM_LIST;
  lua_Integer n = 0;
  if (m->result == VIM_NONE) {
    lua_pushboolean(L, 1);
    return in_skip(in);
  }
  if (list) lua_newtable(L);
  else lua_pushboolean(L, 0);
  if (xmlTextReaderIsEmptyElement(in->xml)) return 1;
  while ((more = in_child(in, depth)) == 1) {
    if (strcmp(in_name(in), "returnval") != 0) {
      if (!in_skip(in)) return 0;
      continue;
    }
    if (!value(in, vim_types + m->result, m->result_flags)) return 0;
    if (list) lua_rawseti(L, -2, ++n);
    else lua_replace(L, -2);
  }
  return more == 0;
}

static const vim_Method *response_method(In *in, const char *want) {
  char name[128];
  const vim_Method *m;
  size_t n;
  snprintf(name, sizeof name, "%s", in_name(in));
  n = strlen(name);
  if (n > 8 && strcmp(name + n - 8, "Response") == 0) name[n - 8] = '\0';
  m = vim_findmethod(name);
  if (m && (!want || strcmp(want, name) == 0)) return m;
  in_broken(in, want ? "not the response expected: " : "not a response: ", name);
  return NULL;
}

/* Read the whole document: 1 for a result (pushed), 2 for a fault (faultstring and fault pushed), 0 when broken. */
static int envelope(In *in, const char *want) {
  int more, kind = 0, depth, r;
  const vim_Method *m;
  do
    if (!in_step(in)) return 0;
  while (xmlTextReaderNodeType(in->xml) != XML_READER_TYPE_ELEMENT);
  if (strcmp(in_name(in), "Envelope") != 0) return in_broken(in, "not SOAP: the document is <", lua_pushfstring(in->L, "%s>", in_name(in)));
  while ((more = in_child(in, 0)) == 1) {
    if (kind || strcmp(in_name(in), "Body") != 0) {
      if (!in_skip(in)) return 0;
      continue;
    }
    depth = xmlTextReaderDepth(in->xml);
    if (xmlTextReaderIsEmptyElement(in->xml)) continue;
    while ((more = in_child(in, depth)) == 1) {
      if (kind) {
        if (!in_skip(in)) return 0;
      } else if (strcmp(in_name(in), "Fault") == 0) {
        if (!fault(in)) return 0;
        kind = 2;
      } else {
        m = response_method(in, want);
        if (!m || !result(in, m)) return 0;
        kind = 1;
      }
    }
    if (more < 0) return 0;
  }
  if (more < 0) return 0;
  while ((r = xmlTextReaderRead(in->xml)) == 1) continue; /* only white space may follow */
  if (r != 0) return in_broken(in, "bad XML after the envelope", "");
  return kind ? kind : in_broken(in, "an envelope without a body", "");
}

/*
vim.decode(xml [, method [, space]]) -> value
                                     -> nil, message, "fault", fault
                                     -> nil, message, "format"
What a response holds: data objects as tables with their type (vim.typeof), lists as arrays (a list result without elements is
an empty one), integers exact in 64 bits, dates and enum values as strings, base64Binary as bytes. A result that the server
left out is false; a method without a result gives true. Elements that the schema does not know are passed over, values of
an unknown type are read as the type that was declared.
  xml            string            a SOAP 1.1 envelope
  method         string|nil        the method that was called: another's response is refused
  space          table|nil         where references are made: a table "kind:moid" -> reference, whose metatable's `object` is
                                   the metatable of references (it needs __reference = true) and whose `session` they get
fault = data object derived from MethodFault, or { faultcode = string, faultstring = string } when the server gave no detail
Codes: fault, format (XML that is broken, cut off, nested too deeply, or has a document type).
Blocks: no.  Source: SOAP 1.1, 4.4; vim25.md, "In a message".
*/
int vim_decode(lua_State *L) {
  In in = {.L = L};
  size_t n;
  const char *xml = luaL_checklstring(L, 1, &n), *want = luaL_optstring(L, 2, NULL);
  Reader *r;
  int kind;
  if (!lua_isnoneornil(L, 3)) {
    luaL_checktype(L, 3, LUA_TTABLE);
    in.space = 3;
  }
  lua_settop(L, 3);
  if (n > INT_MAX) return lb_fail(L, "format", "decode: the response is too large");
  r = lb_newbox(L, sizeof *r, READER);
  r->xml = xmlReaderForMemory(xml, (int)n, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
  if (!r->xml) return lb_fail(L, "format", "decode: no memory for the reader");
  lb_opened(&r->box);
  in.xml = r->xml;
  xmlResetLastError();
  kind = envelope(&in, want);
  lua_pushcfunction(L, reader_close);
  lua_pushvalue(L, 4);
  lua_call(L, 1, 0);
  if (!kind) return lb_fail(L, "format", "decode: %s", in.message);
  if (kind == 1) return 1;
  luaL_pushfail(L); /* faultstring, fault */
  lua_insert(L, -3);
  lua_pushliteral(L, "fault");
  lua_insert(L, -2);
  return 4;
}

void vim_opendecode(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  LIBXML_TEST_VERSION
  lb_class(L, READER, none, reader_close);
}
