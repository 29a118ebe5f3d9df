/* utf8: one character of UTF-8 at a time */

#include "utf8.h"

size_t utf8_length(const char *s, size_t n) {
  const unsigned char *u = (const unsigned char *)s;
  size_t len;
  if (!n) return 0;
  len = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;
  if (len > n) return 0;
  for (size_t i = 1; i < len; i++)
    if ((u[i] & 0xc0) != 0x80) return 0;
  if (u[0] == 0xe0 && u[1] < 0xa0) return 0;
  if (u[0] == 0xed && u[1] > 0x9f) return 0;
  if (u[0] == 0xf0 && u[1] < 0x90) return 0;
  if (u[0] == 0xf4 && u[1] > 0x8f) return 0;
  return len;
}

unsigned long utf8_point(const char *s, size_t len) {
  static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  unsigned long point = (unsigned char)s[0] & mask[len];
  for (size_t i = 1; i < len; i++) point = point << 6 | ((unsigned char)s[i] & 0x3f);
  return point;
}
