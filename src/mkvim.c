/* mkvim: host tool. Compiles vim25.schema (its form: vim25.md) into the constant tables of vim_table.h:
 *   mkvim vim25.schema > vim_tables.c */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vim_table.h"

#define MAXTYPES 8000
#define MAXFIELDS 60000
#define LINE 16384

typedef struct Member { /* a field, property, parameter or value before its type is resolved */
  char *name, *type;
  int flags, version;
} Member;

typedef struct Type {
  char *name, *base;
  int kind, version, derived;
  int first, count, method, methods;
} Type;

typedef struct Method {
  char *name, *owner, *result, *task;
  int first, count, fault, faults, result_flags, task_flags, version;
} Method;

static Type types[MAXTYPES];
static Member members[MAXFIELDS];
static Method methods[MAXTYPES];
static char *faults[MAXFIELDS], *versions[256];
static int ntypes, nmembers, nmethods, nfaults, nversions, lineno;
static char *namespace, *api;

static void die(const char *what, const char *detail) {
  fprintf(stderr, "mkvim: line %d: %s: %s\n", lineno, what, detail);
  exit(1);
}

static char *copy(const char *text, size_t n) {
  char *s = malloc(n + 1);
  if (!s) die("memory", "none left");
  memcpy(s, text, n);
  s[n] = '\0';
  return s;
}

/* ---- scanning: `*at` moves over what was read ---- */

static int is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.'; }

static char *word(char **at) {
  char *start = *at;
  while (is_word(**at)) ++*at;
  if (*at == start) die("a name is missing at", start);
  return copy(start, (size_t)(*at - start));
}

static int take(char **at, const char *text) {
  size_t n = strlen(text);
  if (strncmp(*at, text, n) != 0) return 0;
  *at += n;
  return 1;
}

static int version_index(const char *name) {
  for (int i = 0; i < nversions; i++)
    if (strcmp(versions[i], name) == 0) return i;
  die("unknown version", name);
  return 0;
}

/* [ @VERSION], or the default */
static int version(char **at, int def) {
  char *name;
  int index;
  if (!take(at, " @") && !take(at, "@")) return def;
  name = word(at);
  index = version_index(name);
  free(name);
  return index;
}

static int flags(char **at) {
  int f = 0;
  if (take(at, "?")) f = VIM_OPTIONAL;
  else if (take(at, "*")) f = VIM_OPTIONAL | VIM_LIST;
  else if (take(at, "+")) f = VIM_LIST;
  if (take(at, "!")) f |= VIM_SECRET;
  return f;
}

/* NAME[CARD][!] TYPE[&] [@VERSION] */
static void member(char **at, int def) {
  Member *m = &members[nmembers++];
  if (nmembers == MAXFIELDS) die("too many", "fields");
  m->name = word(at);
  m->flags = flags(at);
  if (!take(at, " ")) die("a type is missing at", *at);
  m->type = word(at);
  if (take(at, "&")) m->flags |= VIM_REF;
  m->version = version(at, def);
}

/* TYPE[&][CARD][!] */
static char *result(char **at, int *f) {
  char *type = word(at);
  int ref = take(at, "&") ? VIM_REF : 0;
  *f = flags(at) | ref;
  return type;
}

/* The version of a method stands at its end, but parameters inherit it: look ahead. */
static int method_version(const char *line, int def) {
  const char *last = strrchr(line, '@');
  if (!last || last < strrchr(line, ')')) return def;
  return version_index(last + 1);
}

static void method(char *at, Type *owner) {
  Method *m = &methods[nmethods++];
  m->version = method_version(at, owner->version);
  m->owner = owner->name;
  m->name = word(&at);
  m->first = nmembers;
  if (!take(&at, "(")) die("'(' expected at", at);
  if (!take(&at, ")")) {
    do member(&at, m->version);
    while (take(&at, ", "));
    if (!take(&at, ")")) die("')' expected at", at);
  }
  m->count = nmembers - m->first;
  if (take(&at, " -> ")) m->result = result(&at, &m->result_flags);
  if (take(&at, " = ")) m->task = result(&at, &m->task_flags);
  m->fault = nfaults;
  if (take(&at, " !"))
    while (*at == ' ' && at[1] != '@') {
      at++;
      faults[nfaults++] = word(&at);
    }
  m->faults = nfaults - m->fault;
  version(&at, 0);
  if (*at) die("unexpected text", at);
}

static Type *new_type(char *name, int kind) {
  Type *t = &types[ntypes++];
  if (ntypes == MAXTYPES) die("too many", "types");
  t->name = name;
  t->kind = kind;
  t->first = nmembers;
  t->method = nmethods;
  return t;
}

static void enumeration(char *at) {
  char *last = strrchr(at, '@');
  Type *t = new_type(word(&at), VIM_ENUM);
  if (last && last[-1] == ' ') t->version = version_index(last + 1);
  while (take(&at, " ") && *at != '@') {
    Member *m = &members[nmembers++];
    m->name = word(&at);
    m->version = version(&at, t->version);
    m->type = t->name;
    t->count++;
  }
}

static Type *header(char *at, int kind) {
  Type *t = new_type(word(&at), kind);
  if (take(&at, " : ")) t->base = word(&at);
  t->version = version(&at, 0);
  if (*at) die("unexpected text", at);
  return t;
}

static void read_line(char *at) {
  static Type *current;
  if (take(&at, "schema ")) { if (strcmp(at, "1") != 0) die("unknown schema form", at); }
  else if (take(&at, "namespace ")) namespace = copy(at, strlen(at));
  else if (take(&at, "api ")) api = copy(at, strlen(at));
  else if (take(&at, "versions ")) do versions[nversions++] = word(&at); while (take(&at, " "));
  else if (take(&at, "enum ")) enumeration(at);
  else if (take(&at, "data ")) current = header(at, VIM_DATA);
  else if (take(&at, "managed ")) current = header(at, VIM_MANAGED);
  else if (*at == ' ' && current) {
    char *open = strchr(at, '(');
    if (open) {
      if (!current->methods++) current->method = nmethods;
      method(at + 1, current);
    } else {
      at += at[1] == '.' ? 2 : 1;
      member(&at, current->version);
      if (*at) die("unexpected text", at);
      current->count++;
    }
  } else die("unexpected line", at);
}

/* ---- writing ---- */

static int compare_types(const void *a, const void *b) { return strcmp(((const Type *)a)->name, ((const Type *)b)->name); }

static int type_index(const char *name) {
  Type key = {0}, *found;
  if (!name) return VIM_NONE;
  key.name = copy(name, strlen(name));
  found = bsearch(&key, types, (size_t)ntypes, sizeof *types, compare_types);
  if (!found) die("unknown type", name);
  free(key.name);
  return (int)(found - types);
}

/* Equal names share one place in the pool: open addressing, offsets by hash. */
static struct { const char *name; unsigned offset; } pool[1 << 16];
static unsigned pool_size;

static unsigned pooled(const char *name) {
  unsigned h = 5381;
  for (const char *s = name; *s; s++) h = h * 33 + (unsigned char)*s;
  for (h &= 0xffff; pool[h].name; h = (h + 1) & 0xffff)
    if (strcmp(pool[h].name, name) == 0) return pool[h].offset;
  pool[h].name = name;
  pool[h].offset = pool_size;
  pool_size += (unsigned)strlen(name) + 1;
  printf("\"%s\\0\"\n", name);
  return pool[h].offset;
}

static void write_names(void) {
  puts("const char vim_names[] =");
  for (int i = 0; i < ntypes; i++) pooled(types[i].name);
  for (int i = 0; i < nmembers; i++) pooled(members[i].name);
  for (int i = 0; i < nmethods; i++) pooled(methods[i].name);
  for (int i = 0; i < nversions; i++) pooled(versions[i]);
  puts(";");
}

static void write_tables(void) {
  puts("const vim_Type vim_types[] = {");
  for (Type *t = types; t < types + ntypes; t++)
    printf("{%u,%d,%d,%d,%d,%d,%d,%d,%d},\n", pooled(t->name), type_index(t->base), t->first, t->count, t->method,
           t->methods, t->kind, t->version, t->derived);
  puts("};\nconst vim_Field vim_fields[] = {");
  for (Member *m = members; m < members + nmembers; m++)
    printf("{%u,%d,%d,%d},\n", pooled(m->name), type_index(m->type), m->flags, m->version);
  puts("};\nconst vim_Method vim_methods[] = {");
  for (Method *m = methods; m < methods + nmethods; m++)
    printf("{%u,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d},\n", pooled(m->name), type_index(m->owner), m->first, m->count,
           type_index(m->result), type_index(m->task), m->fault, m->faults, m->result_flags, m->task_flags, m->version);
  puts("};\nconst uint16_t vim_faults[] = {");
  for (int i = 0; i < nfaults; i++) printf("%d,\n", type_index(faults[i]));
  puts("};\nconst uint32_t vim_versions[] = {");
  for (int i = 0; i < nversions; i++) printf("%u,\n", pooled(versions[i]));
  puts("};");
}

static int compare_methods(const void *a, const void *b) {
  return strcmp(methods[*(const int *)a].name, methods[*(const int *)b].name);
}

static void write_index(void) {
  static int order[MAXTYPES];
  for (int i = 0; i < nmethods; i++) order[i] = i;
  qsort(order, (size_t)nmethods, sizeof *order, compare_methods);
  puts("const uint16_t vim_bymethod[] = {");
  for (int i = 0; i < nmethods; i++) printf("%d,\n", order[i]);
  puts("};");
  printf("const unsigned vim_ntypes = %d, vim_nmethods = %d, vim_nversions = %d;\n", ntypes, nmethods, nversions);
  printf("const char vim_namespace[] = \"%s\", vim_api[] = \"%s\";\n", namespace, api);
}

int main(int argc, char **argv) {
  static const char *const builtin[] = {"string", "boolean", "byte", "short", "int", "long", "float", "double", "dateTime",
                                        "base64Binary", "anyType", "ManagedObjectReference"}; /* in the order of the kinds */
  static char line[LINE];
  FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
  if (!f) die("usage", "mkvim vim25.schema > vim_tables.c");
  for (int i = 0; i <= VIM_REFERENCE; i++) new_type(copy(builtin[i], strlen(builtin[i])), i);
  while (fgets(line, sizeof line, f)) {
    size_t n = strlen(line);
    lineno++;
    if (!n || line[n - 1] != '\n') die("line too long", "or without an end");
    line[n - 1] = '\0';
    read_line(line);
  }
  fclose(f);
  qsort(types, (size_t)ntypes, sizeof *types, compare_types);
  for (int i = 0; i < ntypes; i++)
    if (types[i].base) types[type_index(types[i].base)].derived = 1;
  puts("#include \"vim_table.h\"");
  write_names();
  write_tables();
  write_index();
  return fflush(stdout) == 0 ? 0 : 1;
}
