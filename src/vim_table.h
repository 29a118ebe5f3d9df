/* vim_table.h: the vSphere API as constant tables (mkvim writes them from vim25.schema), and looking things up in them.
 * Everything is an index or an offset into vim_names, so the tables need no start-up and no relocation. Lua-free. */
#ifndef VIM_TABLE_H
#define VIM_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { VIM_STRING, VIM_BOOLEAN, VIM_BYTE, VIM_SHORT, VIM_INT, VIM_LONG, VIM_FLOAT, VIM_DOUBLE, VIM_DATETIME,
       VIM_BASE64, VIM_ANY, VIM_REFERENCE, VIM_ENUM, VIM_DATA, VIM_MANAGED }; /* kinds of types */

enum { VIM_OPTIONAL = 1, VIM_LIST = 2, VIM_SECRET = 4, VIM_REF = 8 }; /* flags of fields and results; `+` is LIST alone */

#define VIM_NONE 0xffff

/* A field of a data type, a property, a parameter or a value of an enum. `type` of a VIM_REF is a managed type. */
typedef struct vim_Field {
  uint32_t name; /* offset in vim_names */
  uint16_t type; /* index in vim_types */
  uint8_t flags;
  uint8_t version; /* index in vim_versions */
} vim_Field;

typedef struct vim_Type {
  uint32_t name;
  uint16_t base; /* VIM_NONE: none */
  uint16_t first, count; /* fields, properties or values, in vim_fields */
  uint16_t method, methods; /* first and count, in vim_methods */
  uint8_t kind, version;
  uint8_t derived; /* some type has this one as its base */
} vim_Type;

typedef struct vim_Method {
  uint32_t name;
  uint16_t owner;
  uint16_t first, count; /* parameters, in vim_fields */
  uint16_t result, task; /* types or VIM_NONE */
  uint16_t fault, faults; /* first and count, in vim_faults */
  uint8_t result_flags, task_flags, version;
} vim_Method;

extern const char vim_names[];
extern const char vim_namespace[], vim_api[];
extern const vim_Type vim_types[]; /* sorted by name, by strcmp */
extern const vim_Field vim_fields[];
extern const vim_Method vim_methods[]; /* grouped by owner */
extern const uint16_t vim_bymethod[]; /* indices of vim_methods, sorted by name */
extern const uint16_t vim_faults[]; /* type indices */
extern const uint32_t vim_versions[]; /* names of the API versions, oldest first */
extern const unsigned vim_ntypes, vim_nmethods, vim_nversions;

#define vim_name(x) (vim_names + (x)->name)
#define vim_index(t) ((unsigned)((t) - vim_types))

/* The type called `name`, of any kind; NULL when there is none. */
const vim_Type *vim_findtype(const char *name);

/* The method called `name`: method names are unique over all managed types. */
const vim_Method *vim_findmethod(const char *name);

/* Field or property `name` of `type` or its bases. */
const vim_Field *vim_findfield(const vim_Type *type, const char *name);

const vim_Type *vim_base(const vim_Type *type); /* NULL: none */

/* Is `type` the type `base`, or derived from it? */
int vim_derives(const vim_Type *type, const vim_Type *base);

/* For an ArrayOfX name the element type X, NULL otherwise. */
const vim_Type *vim_elementtype(const char *name);

/* The name for an array of `type` goes into `out` ("ArrayOfString"), cut at `size`. */
void vim_arrayname(const vim_Type *type, char *out, size_t size);

/* Index of the newest known API version not newer than `text` ("6.7.3"): -1 when it is older than all or not a version. */
int vim_findversion(const char *text);

#endif
