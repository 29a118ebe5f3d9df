/* keyboard.h: what a keyboard's keys are called and which of them type a character; constant tables, no Lua.
 * A key is its usage on HID's keyboard page (HID Usage Tables 1.12, section 10), never 0. Strings of a given length need no
 * terminator and are not kept. */
#ifndef KEYBOARD_H
#define KEYBOARD_H

#include <stddef.h>

/* Held modifiers are a set of bits as in a keyboard's report (HID 1.11, section 8.3): bit n is usage 0xe0 + n. */
#define KEYBOARD_MODIFIERS 8
#define KEYBOARD_FIRSTMODIFIER 0xe0
#define KEYBOARD_SPACE 0x2c
#define KEYBOARD_DEAD (1u << 8) /* beside such bits: a dead key, the space bar must follow */

typedef struct keyboard_Modifier {
  const char *field;  /* of vSphere's UsbScanCodeSpecModifierType */
  const char *option; /* of govc vm.keystrokes */
} keyboard_Modifier;

extern const keyboard_Modifier keyboard_modifiers[KEYBOARD_MODIFIERS]; /* by bit */
extern const char *const keyboard_layouts[];                           /* NULL-ended */

/* The key that types the one character of `len` bytes at `s`, 0 when the layout has none; `*how` (set only then) is the
 * modifiers it takes, with KEYBOARD_DEAD perhaps. */
int keyboard_character(const char *layout, const char *s, size_t len, unsigned *how);

/* Is the NUL-ended `name` the `len` bytes at `s`, ASCII letters of either case being the same? */
int keyboard_equal(const char *name, const char *s, size_t len);

/* The key of a boot command tag ("pageUp"), of a name ("KEY_ENTER"), of a code ("0x28"); 0 when it is none. */
int keyboard_tag(const char *s, size_t len);
int keyboard_name(const char *s, size_t len);
int keyboard_raw(const char *s, size_t len);

/* The tag or name nearest to a misspelt one, NULL when none is near. */
const char *keyboard_nearest_tag(const char *name);
const char *keyboard_nearest_name(const char *name);

#endif
