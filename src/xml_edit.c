/* xml_edit: elements and attributes changed, added and removed */

#include <stdio.h>
#include <string.h>

#include <libxml/chvalid.h>

#include "xml.h"

/* A declaration of `uri` that holds at `node`; one with a prefix for attributes: the default does not count there. */
static xmlNsPtr declared(xmlDocPtr doc, xmlNodePtr node, const char *uri, int attribute) {
  if (!attribute) return xmlSearchNsByHref(doc, node, (const xmlChar *)uri);
  for (xmlNodePtr at = node; at && at->type == XML_ELEMENT_NODE; at = at->parent)
    for (xmlNsPtr ns = at->nsDef; ns; ns = ns->next)
      if (ns->prefix && xmlStrEqual(ns->href, (const xmlChar *)uri) && xmlSearchNs(doc, node, ns->prefix) == ns) return ns;
  return NULL;
}

/* The same, declared at the root, or else at the node, when there is none. Where the prefix means something else already it is
 * another one: which it is does not matter to who reads. */
static xmlNsPtr namespace(lua_State *L, xmlDocPtr doc, xmlNodePtr node, const char *prefix, const char *uri, int attribute) {
  xmlNsPtr ns;
  if (!uri) return NULL;
  ns = declared(doc, node, uri, attribute);
  if (ns) return ns;
  xmlNewNs(xmlDocGetRootElement(doc), (const xmlChar *)uri, (const xmlChar *)prefix);
  ns = declared(doc, node, uri, attribute);
  if (!ns) ns = xmlNewNs(node, (const xmlChar *)uri, (const xmlChar *)prefix); /* NULL when this node declares the prefix itself */
  for (int i = 1; !ns && i < 100; i++) {
    char other[16];
    snprintf(other, sizeof other, "ns%d", i);
    ns = xmlNewNs(node, (const xmlChar *)uri, (const xmlChar *)other);
  }
  return xml_need(L, ns);
}

/* Why `text` cannot stand in a document, or NULL: XML 1.0, 2.2. */
static const char *bad_text(const char *text, size_t length) {
  const xmlChar *p = (const xmlChar *)text;
  if (strlen(text) != length) return "it has a zero byte";
  while (*p) {
    int n = 4, c = xmlGetUTF8Char(p, &n);
    if (c < 0) return "it is not valid UTF-8";
    if (!xmlIsCharQ((unsigned)c)) return "it has a control character";
    p += n;
  }
  return NULL;
}

/* ---- methods ---- */

/*
node:set(name, value) -> node
                      -> nil, message, code
Give an attribute a value; it is escaped as needed.
  value          string|integer|nil   nil removes the attribute
Codes: format (a text that XML cannot hold).  Raises: closed document, an unknown prefix.
Blocks: no.  Source: XML 1.0, 2.2.
*/
int xml_set(lua_State *L) {
  xml_Document *d;
  xmlNodePtr node = xml_checknode(L, &d);
  size_t n;
  const char *value = luaL_optlstring(L, 3, NULL, &n), *bad = value ? bad_text(value, n) : NULL;
  const char *prefix, *uri, *name;
  xmlAttrPtr attribute;
  lua_settop(L, 3);
  name = xml_checkname(L, 2, &prefix, &uri);
  if (bad) return lb_fail(L, "format", "attribute '%s': %s", name, bad);
  if (value) xml_need(L, xmlSetNsProp(node, namespace(L, d->doc, node, prefix, uri, 1), (const xmlChar *)name, (const xmlChar *)value));
  else if ((attribute = xmlHasNsProp(node, (const xmlChar *)name, (const xmlChar *)uri))) xmlRemoveProp(attribute);
  lua_settop(L, 1);
  return 1;
}

/* Take a node out of the document: elements stay for those who hold them. */
static void discard(xml_Document *d, xmlNodePtr node) {
  xmlUnlinkNode(node);
  if (node->type == XML_ELEMENT_NODE) xmlAddChild(d->removed, node);
  else xmlFreeNode(node);
}

/*
node:text([text]) -> string
                  -> nil, message, code
The text of the element and all in it. With `text` this replaces everything in the element; it is escaped as needed.
Codes: format (a text that XML cannot hold).  Raises: closed document.
Blocks: no.
*/
int xml_text(lua_State *L) {
  xml_Document *d;
  xmlNodePtr node = xml_checknode(L, &d), child;
  size_t n;
  const char *text = luaL_optlstring(L, 2, NULL, &n), *bad = text ? bad_text(text, n) : NULL;
  xml_Scratch *s;
  if (bad) return lb_fail(L, "format", "text of '%s': %s", (const char *)node->name, bad);
  if (text) {
    while ((child = node->children)) discard(d, child);
    if (n > 0) xmlAddChild(node, xml_need(L, xmlNewDocText(d->doc, (const xmlChar *)text)));
  }
  s = xml_scratch(L);
  s->text = xml_need(L, xmlNodeGetContent(node));
  lua_pushstring(L, (const char *)s->text);
  return 1;
}

/*
node:append(name [, text [, before]]) -> node
                                      -> nil, message, code
Add an element in this one.
  name           string            "ovf:Product" with a prefix given to xml.parse, "Product" of no namespace
  text           string = ""       what is in it
  before         node|nil          a child of this element that it is put before; default: at the end
Codes: format (a text that XML cannot hold).  Raises: closed document, an unknown prefix, no child.
Blocks: no.
*/
int xml_append(lua_State *L) {
  xml_Document *d;
  xmlNodePtr node = xml_checknode(L, &d), made;
  size_t n;
  const char *text = luaL_optlstring(L, 3, "", &n), *bad = bad_text(text, n), *prefix, *uri, *name;
  xml_Node *before = lua_isnoneornil(L, 4) ? NULL : luaL_checkudata(L, 4, XML_NODE);
  luaL_argcheck(L, !before || before->node->parent == node, 4, "not a child of this element");
  lua_settop(L, 4);
  name = xml_checkname(L, 2, &prefix, &uri);
  if (bad) return lb_fail(L, "format", "text of '%s': %s", name, bad);
  made = xml_need(L, xmlNewDocRawNode(d->doc, namespace(L, d->doc, node, prefix, uri, 0), (const xmlChar *)name, n ? (const xmlChar *)text : NULL));
  if (before) xmlAddPrevSibling(before->node, made);
  else xmlAddChild(node, made);
  xml_pushnode(L, made);
  return 1;
}

/*
node:remove() -> nothing
Take the element out of the document, with all in it. It can still be looked at. Not the root.
Raises: closed document, the root element.
Blocks: no.
*/
int xml_remove(lua_State *L) {
  xml_Document *d;
  xmlNodePtr node = xml_checknode(L, &d);
  luaL_argcheck(L, node != xmlDocGetRootElement(d->doc), 1, "the root element cannot be removed");
  discard(d, node);
  return 0;
}
