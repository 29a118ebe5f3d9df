/* vim_table: looking things up in the tables of the vSphere API */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vim_table.h"

static int compare_type(const void *name, const void *type) { return strcmp(name, vim_name((const vim_Type *)type)); }

static int compare_method(const void *name, const void *index) {
  return strcmp(name, vim_name(&vim_methods[*(const uint16_t *)index]));
}

const vim_Type *vim_findtype(const char *name) {
  return bsearch(name, vim_types, vim_ntypes, sizeof *vim_types, compare_type);
}

const vim_Method *vim_findmethod(const char *name) {
  const uint16_t *index = bsearch(name, vim_bymethod, vim_nmethods, sizeof *vim_bymethod, compare_method);
  return index ? &vim_methods[*index] : NULL;
}

const vim_Field *vim_findfield(const vim_Type *type, const char *name) {
  for (; type; type = vim_base(type)) {
    const vim_Field *f = vim_fields + type->first;
    for (unsigned i = 0; i < type->count; i++)
      if (strcmp(vim_name(f + i), name) == 0) return f + i;
  }
  return NULL;
}

const vim_Type *vim_base(const vim_Type *type) { return type->base == VIM_NONE ? NULL : &vim_types[type->base]; }

int vim_derives(const vim_Type *type, const vim_Type *base) {
  for (; type; type = vim_base(type))
    if (type == base) return 1;
  return 0;
}

/* "ArrayOf" takes the element's name with a capital, which only sometimes is its own ("ArrayOfInt": int). */
const vim_Type *vim_elementtype(const char *name) {
  const vim_Type *type;
  char other[128];
  if (strncmp(name, "ArrayOf", 7) != 0) return NULL;
  name += 7;
  type = vim_findtype(name);
  if (type || *name < 'A' || *name > 'Z') return type;
  snprintf(other, sizeof other, "%c%s", *name | 32, name + 1);
  return vim_findtype(other);
}

void vim_arrayname(const vim_Type *type, char *out, size_t size) {
  const char *name = vim_name(type);
  int first = *name >= 'a' && *name <= 'z' ? *name & ~32 : *name;
  snprintf(out, size, "ArrayOf%c%s", first, name + 1);
}

/* ---- versions: dotted numbers, with an update as in "2.5u2" below the next number ---- */

static int compare_versions(const char *a, const char *b) {
  while (*a || *b) {
    char *enda, *endb;
    long x = strtol(a, &enda, 10), y = strtol(b, &endb, 10);
    if (x != y) return x < y ? -1 : 1;
    a = enda + (*enda == '.');
    b = endb + (*endb == '.');
    if ((*a && (*a < '0' || *a > '9')) || (*b && (*b < '0' || *b > '9'))) return strcmp(a, b);
  }
  return 0;
}

int vim_findversion(const char *text) {
  int i = (int)vim_nversions - 1; /* from the newest: that is what servers speak */
  if (*text < '0' || *text > '9') return -1;
  while (i >= 0 && compare_versions(vim_names + vim_versions[i], text) > 0) i--;
  return i;
}
