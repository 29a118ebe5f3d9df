/* xml: XML documents read, searched with XPath, edited and written, by libxml2 */

#include <string.h>

#include <libxml/xpathInternals.h>

#include "xml.h"

#define SCRATCH "xml.scratch"
#define SIZE_MAX_TEXT (16 * 1024 * 1024)
#define OPTIONS (XML_PARSE_NONET | XML_PARSE_NOBLANKS | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA)

static xml_Document *check_document(lua_State *L, int arg) { return lb_checkbox(L, arg, XML_DOCUMENT); }

static int document_close(lua_State *L) {
  xml_Document *d = lua_touserdata(L, 1);
  if (!lb_closing(&d->box)) return 0;
  xmlFreeNode(d->removed); /* before the document, whose dictionary has its names */
  xmlFreeDoc(d->doc);
  return 0;
}

static int scratch_close(lua_State *L) {
  xml_Scratch *s = lua_touserdata(L, 1);
  if (!lb_closing(&s->box)) return 0;
  xmlXPathFreeObject(s->result);
  xmlXPathFreeContext(s->context);
  if (s->parser) xmlFreeParserCtxt(s->parser);
  if (s->text) xmlFree(s->text);
  return 0;
}

xml_Scratch *xml_scratch(lua_State *L) {
  xml_Scratch *s = lb_newbox(L, sizeof *s, SCRATCH);
  lb_opened(&s->box);
  lua_toclose(L, -1);
  return s;
}

void *xml_need(lua_State *L, void *p) {
  if (!p) luaL_error(L, "libxml2: out of memory");
  return p;
}

xmlNodePtr xml_checknode(lua_State *L, xml_Document **document) {
  xml_Node *n = luaL_testudata(L, 1, XML_NODE);
  if (!n) {
    *document = check_document(L, 1);
    return xmlDocGetRootElement((*document)->doc);
  }
  lua_getiuservalue(L, 1, 1);
  *document = lua_touserdata(L, -1);
  if (!(*document)->box.open) luaL_argerror(L, 1, "closed " XML_DOCUMENT);
  lua_pop(L, 1);
  return n->node;
}

void xml_pushnode(lua_State *L, xmlNodePtr node) {
  xml_Node *n = lua_newuserdatauv(L, sizeof *n, 1);
  n->node = node;
  luaL_setmetatable(L, XML_NODE);
  if (luaL_testudata(L, 1, XML_NODE)) lua_getiuservalue(L, 1, 1);
  else lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
}

/* ---- reading ---- */

/* libxml2's handler: a document type is where entities and other files come from. */
static void refuse_type(void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system) {
  xmlParserCtxtPtr parser = context;
  (void)name, (void)external, (void)system;
  parser->_private = parser;
  parser->wellFormed = 0; /* or what was read so far would be the result */
  xmlStopParser(parser);
}

/* Check a table from prefixes to URIs. */
static void check_prefixes(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    if (lua_type(L, -1) != LUA_TSTRING || lua_type(L, -2) != LUA_TSTRING) luaL_argerror(L, arg, "a table from prefixes to URIs expected");
    lua_pop(L, 1);
  }
}

static int broken(lua_State *L, const xml_Scratch *s) {
  const xmlError *e = xmlCtxtGetLastError(s->parser);
  const char *why = e && e->message ? e->message : "it is empty";
  if (s->parser->_private) return lb_fail(L, "format", "bad XML: a document type is not allowed");
  return lb_fail(L, "format", "bad XML, line %d: %.*s", e ? e->line : 1, (int)strcspn(why, "\n"), why);
}

/*
xml.parse(text [, prefixes]) -> document
                             -> nil, message, code
Read a document. Nothing is loaded from elsewhere and no entities are defined in it: a document type is refused.
  text           string            16 MiB at most, in any encoding that libxml2 knows
  prefixes       table = {}        prefix -> namespace URI, for the names and XPath expressions below; the document may use
                                   others
White space between elements is dropped. Close the document when done with it.
Codes: format (what is wrong, and in which line).  Raises: wrong type.
Blocks: no.  Source: XML 1.0; Namespaces in XML 1.0; libxml2's xmlCtxtReadMemory.
*/
static int xml_parse(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  xml_Scratch *s;
  xml_Document *d;
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) lua_newtable(L), lua_replace(L, 2);
  check_prefixes(L, 2);
  if (size > SIZE_MAX_TEXT) return lb_fail(L, "format", "bad XML: %zu bytes are too many", size);
  d = lb_newbox(L, sizeof *d, XML_DOCUMENT); /* 3 */
  lb_setparent(L, 3, 2);
  s = xml_scratch(L);
  s->parser = xml_need(L, xmlNewParserCtxt());
  s->parser->sax->internalSubset = refuse_type;
  d->doc = xmlCtxtReadMemory(s->parser, text, (int)size, NULL, NULL, OPTIONS);
  if (!d->doc) return broken(L, s);
  lb_opened(&d->box);
  if (!s->parser->nsWellFormed) {
    lua_pushcfunction(L, document_close);
    lua_pushvalue(L, 3);
    lua_call(L, 1, 0);
    return broken(L, s);
  }
  d->removed = xml_need(L, xmlNewDocFragment(d->doc));
  lua_pushvalue(L, 3);
  return 1;
}

/* ---- names ---- */

/* Push the table of prefixes of the document of argument 1. */
static void push_prefixes(lua_State *L) {
  lua_getiuservalue(L, 1, 1);
  if (!luaL_testudata(L, 1, XML_NODE)) return;
  lua_getiuservalue(L, -1, 1);
  lua_remove(L, -2);
}

const char *xml_checkname(lua_State *L, int arg, const char **prefix, const char **uri) {
  const char *name = luaL_checkstring(L, arg), *colon = strchr(name, ':'), *local = colon ? colon + 1 : name;
  *prefix = *uri = NULL;
  if (xmlValidateNCName((const xmlChar *)local, 0) != 0) luaL_argerror(L, arg, "not an XML name");
  if (!colon) return local;
  push_prefixes(L);
  *prefix = lua_pushlstring(L, name, (size_t)(colon - name));
  lua_pushvalue(L, -1);
  lua_gettable(L, -3);
  *uri = lua_tostring(L, -1);
  if (!*uri) luaL_argerror(L, arg, lua_pushfstring(L, "prefix '%s' was not given to xml.parse", *prefix));
  return local;
}

/* ---- searching ---- */

static void silent(void *data, xmlErrorPtr e) { (void)data, (void)e; }

/* Evaluate the expression at argument 2 relative to the node at 1. */
static xmlXPathObjectPtr evaluate(lua_State *L) {
  const char *expression = luaL_checkstring(L, 2);
  xml_Document *d;
  xmlNodePtr node = xml_checknode(L, &d);
  xml_Scratch *s;
  lua_settop(L, 2);
  s = xml_scratch(L); /* 3 */
  s->context = xml_need(L, xmlXPathNewContext(d->doc));
  s->context->error = silent;
  s->context->node = node;
  push_prefixes(L);
  lua_pushnil(L);
  while (lua_next(L, 4)) {
    xmlXPathRegisterNs(s->context, (const xmlChar *)lua_tostring(L, -2), (const xmlChar *)lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  s->result = xmlXPathEvalExpression((const xmlChar *)expression, s->context);
  if (!s->result) luaL_argerror(L, 2, lua_pushfstring(L, "bad XPath expression '%s'", expression));
  return s->result;
}

/*
node:find(xpath) -> {node, ...}
What the expression selects, in the order of the document: elements as nodes, attributes and texts as strings.
  xpath          string            with the prefixes given to xml.parse
Raises: closed document, a bad expression.
Blocks: no.  Source: XPath 1.0.
*/
static int node_find(lua_State *L) {
  xmlNodeSetPtr set = evaluate(L)->nodesetval;
  xml_Scratch *s = lua_touserdata(L, 3);
  lua_newtable(L);
  for (int i = 0; set && i < set->nodeNr; i++) {
    if (set->nodeTab[i]->type == XML_ELEMENT_NODE) xml_pushnode(L, set->nodeTab[i]);
    else {
      s->text = xml_need(L, xmlXPathCastNodeToString(set->nodeTab[i]));
      lua_pushstring(L, (const char *)s->text);
      xmlFree(s->text);
      s->text = NULL;
    }
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/*
node:value(xpath) -> string|nil
The expression's value as a string: the text of the first thing it selects, nil when it selects nothing.
Raises: closed document, a bad expression.
Blocks: no.  Source: XPath 1.0, 4.2.
*/
static int node_value(lua_State *L) {
  xmlXPathObjectPtr result = evaluate(L);
  xml_Scratch *s = lua_touserdata(L, 3);
  if (result->type == XPATH_NODESET && xmlXPathNodeSetIsEmpty(result->nodesetval)) return 0;
  s->text = xml_need(L, xmlXPathCastToString(result));
  lua_pushstring(L, (const char *)s->text);
  return 1;
}

/*
node:name() -> string, string|nil
The element's local name and its namespace's URI.
Raises: closed document.
Blocks: no.
*/
static int node_name(lua_State *L) {
  xml_Document *d;
  xmlNodePtr node = xml_checknode(L, &d);
  lua_pushstring(L, (const char *)node->name);
  lua_pushstring(L, node->ns ? (const char *)node->ns->href : NULL);
  return 2;
}

/*
node:get(name) -> string|nil
The value of an attribute, "ovf:href" with a prefix given to xml.parse, "href" of no namespace.
Raises: closed document, an unknown prefix.
Blocks: no.
*/
static int node_get(lua_State *L) {
  xml_Document *d;
  xmlNodePtr node = xml_checknode(L, &d);
  const char *prefix, *uri, *name = xml_checkname(L, 2, &prefix, &uri);
  xml_Scratch *s = xml_scratch(L);
  s->text = xmlGetNsProp(node, (const xmlChar *)name, (const xmlChar *)uri);
  if (!uri && !s->text) s->text = xmlGetNoNsProp(node, (const xmlChar *)name);
  lua_pushstring(L, (const char *)s->text);
  return 1;
}

/*
document:root() -> node
The root element.
Raises: closed document.
Blocks: no.
*/
static int document_root(lua_State *L) {
  xml_pushnode(L, xmlDocGetRootElement(check_document(L, 1)->doc));
  return 1;
}

/*
document:find(xpath) -> {node, ...}
As node:find, relative to the root element.
Raises: closed document, a bad expression.
Blocks: no.
*/
static int document_find(lua_State *L) { return check_document(L, 1), node_find(L); }

/*
document:value(xpath) -> string|nil
As node:value, relative to the root element.
Raises: closed document, a bad expression.
Blocks: no.
*/
static int document_value(lua_State *L) { return check_document(L, 1), node_value(L); }

/*
document:text() -> string
The document as XML in UTF-8, indented anew, with a line break at its end.
Raises: closed document.
Blocks: no.
*/
static int document_text(lua_State *L) {
  xml_Document *d = check_document(L, 1);
  xml_Scratch *s = xml_scratch(L);
  int size = 0;
  xmlDocDumpFormatMemoryEnc(d->doc, &s->text, &size, "UTF-8", 1);
  xml_need(L, s->text);
  lua_pushlstring(L, (const char *)s->text, (size_t)size);
  return 1;
}

static const luaL_Reg document_methods[] = {
    {"find", document_find}, {"root", document_root}, {"text", document_text}, {"value", document_value}, {NULL, NULL},
};

static const luaL_Reg node_methods[] = {
    {"append", xml_append}, {"find", node_find}, {"get", node_get}, {"name", node_name}, {"remove", xml_remove},
    {"set", xml_set}, {"text", xml_text}, {"value", node_value}, {NULL, NULL},
};

static const luaL_Reg functions[] = {{"parse", xml_parse}, {NULL, NULL}};

int luaopen_lb_xml(lua_State *L);
int luaopen_lb_xml(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  LIBXML_TEST_VERSION
  lb_class(L, XML_DOCUMENT, document_methods, document_close);
  lb_class(L, SCRATCH, none, scratch_close);
  luaL_newmetatable(L, XML_NODE);
  luaL_newlib(L, node_methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
