/* xml.h: what the files of module xml share */
#ifndef XML_H
#define XML_H

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>

#include "lb.h"

#define XML_DOCUMENT "xml.document"
#define XML_NODE "xml.node"

/* User value 1: a table of prefixes, name -> URI. Nothing in a document is freed before it is closed, so that nodes in Lua's
 * hands stay valid: what is removed moves to `removed`. */
typedef struct xml_Document {
  lb_Box box;
  xmlDocPtr doc;
  xmlNodePtr removed;
} xml_Document;

/* User value 1: the document. */
typedef struct xml_Node {
  xmlNodePtr node;
} xml_Node;

/* What libxml2 gives out during one call: a to-be-closed box. */
typedef struct xml_Scratch {
  lb_Box box;
  xmlParserCtxtPtr parser;
  xmlXPathContextPtr context;
  xmlXPathObjectPtr result;
  xmlChar *text;
} xml_Scratch;

/* Push an empty scratch, to be closed.  [-0, +1, m] */
xml_Scratch *xml_scratch(lua_State *L);

/* `p`, which libxml2 gave; raise when it had no memory.  [-0, +0, v] */
void *xml_need(lua_State *L, void *p);

/* The element at argument 1, and its document; the root element for a document.  [-0, +0, v] */
xmlNodePtr xml_checknode(lua_State *L, xml_Document **document);

/* Push the handle of an element of the document of argument 1.  [-0, +1, m] */
void xml_pushnode(lua_State *L, xmlNodePtr node);

/* "ovf:href" at `arg`: the local name, and the namespace's prefix and URI, NULL without one (they stay on the stack). */
const char *xml_checkname(lua_State *L, int arg, const char **prefix, const char **uri);

/* xml_edit.c: methods of nodes */
int xml_append(lua_State *L);
int xml_remove(lua_State *L);
int xml_set(lua_State *L);
int xml_text(lua_State *L);

#endif
