/* keyboard: names and layouts of a keyboard as constant tables, and looking things up in them */

#include <stddef.h>
#include <string.h>

#include "keyboard.h"
#include "lb.h"
#include "utf8.h"

typedef struct Key {
  int usage;
  const char *name; /* KEY_…, NULL for a further tag */
  const char *tag;  /* NULL when it has none */
} Key;

static const Key keys[] = {
#define KEY(usage, name, tag) {usage, "KEY_" #name, tag},
#define TAG(tag, usage) {usage, NULL, tag},
#define MODIFIER(usage, field, option)
#define ROW(layout, first, how, characters)
#include "keystroke.def"
#undef KEY
#undef TAG
#undef MODIFIER
};
#define NKEYS (sizeof keys / sizeof keys[0])

const keyboard_Modifier keyboard_modifiers[KEYBOARD_MODIFIERS] = {
#define KEY(usage, name, tag)
#define TAG(tag, usage)
#define MODIFIER(usage, field, option) {field, option},
#include "keystroke.def"
#undef MODIFIER
#undef ROW
};

#define PLAIN 0u
#define SHIFT (1u << 1)
#define ALTGR (1u << 6)
#define DEAD KEYBOARD_DEAD
#define DEADSHIFT (DEAD | SHIFT)

typedef struct Row {
  const char *layout;
  int first;
  unsigned how;
  const char *characters;
} Row;

static const Row rows[] = {
#define MODIFIER(usage, field, option)
#define ROW(layout, first, how, characters) {#layout, first, how, characters},
#include "keystroke.def"
#undef KEY
#undef TAG
#undef MODIFIER
#undef ROW
};
#define NROWS (sizeof rows / sizeof rows[0])

const char *const keyboard_layouts[] = {"us", "uk", "de", "fr", NULL};

int keyboard_character(const char *layout, const char *s, size_t len, unsigned *how) {
  for (size_t i = 0; i < NROWS; i++) {
    const char *c = rows[i].characters;
    if (strcmp(rows[i].layout, layout) != 0) continue;
    for (int usage = rows[i].first; *c; usage++) {
      size_t n = utf8_length(c, strlen(c));
      if (n == len && memcmp(c, s, n) == 0) {
        *how = rows[i].how;
        return usage;
      }
      c += n;
    }
  }
  return 0;
}

static int lower(int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

int keyboard_equal(const char *name, const char *s, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (!name[i] || lower(name[i]) != lower(s[i])) return 0;
  return name[len] == '\0';
}

int keyboard_tag(const char *s, size_t len) {
  for (size_t i = 0; i < NKEYS; i++)
    if (keys[i].tag && keyboard_equal(keys[i].tag, s, len)) return keys[i].usage;
  return 0;
}

int keyboard_name(const char *s, size_t len) {
  for (size_t i = 0; i < NKEYS; i++)
    if (keys[i].name && keyboard_equal(keys[i].name, s, len)) return keys[i].usage;
  return 0;
}

int keyboard_raw(const char *s, size_t len) {
  int value = 0;
  if (len < 3 || len > 4 || s[0] != '0' || lower(s[1]) != 'x') return 0;
  for (size_t i = 2; i < len; i++) {
    int c = lower(s[i]);
    if (c >= '0' && c <= '9') value = value * 16 + (c - '0');
    else if (c >= 'a' && c <= 'f') value = value * 16 + (c - 'a' + 10);
    else return 0;
  }
  return value;
}

const char *keyboard_nearest_tag(const char *name) {
  const char *list[NKEYS + 4];
  size_t n = 0;
  for (size_t i = 0; i < NKEYS; i++)
    if (keys[i].tag) list[n++] = keys[i].tag;
  list[n++] = "wait";
  list[n++] = "lt";
  list[n++] = "gt";
  list[n] = NULL;
  return lb_nearest(name, list);
}

const char *keyboard_nearest_name(const char *name) {
  const char *list[NKEYS + 1];
  size_t n = 0;
  for (size_t i = 0; i < NKEYS; i++)
    if (keys[i].name) list[n++] = keys[i].name;
  list[n] = NULL;
  return lb_nearest(name, list);
}
