/* utf8.h: one character of UTF-8 at a time; no Lua. Overlong forms and surrogates are refused (RFC 3629, section 4). */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/* The length in bytes of the character that begins the `n` bytes at `s`; 0 when none does. */
size_t utf8_length(const char *s, size_t n);

/* The code point of that character, which utf8_length has said to be `len` bytes long. */
unsigned long utf8_point(const char *s, size_t len);

#endif
