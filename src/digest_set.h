/* digest_set.h: several digests of one stream of bytes at once; knows nothing of Lua */
#ifndef DIGEST_SET_H
#define DIGEST_SET_H

#include <stddef.h>
#include <openssl/evp.h>

#define DIGEST_MAX 4
#define DIGEST_HEX (2 * EVP_MAX_MD_SIZE + 1)

/* A zeroed set is empty and valid; digest_free makes it so again. */
typedef struct digest_Set {
  size_t count;
  EVP_MD_CTX *context[DIGEST_MAX];
  const EVP_MD *method[DIGEST_MAX];
  const char *name[DIGEST_MAX]; /* static strings */
} digest_Set;

/* NULL-ended: the algorithms there are */
extern const char *const digest_names[];

/* Add algorithm `name`: 1 done, 0 unknown or too many, -1 out of memory. */
int digest_add(digest_Set *set, const char *name);

/* Forget the bytes seen so far. 0 when the library failed. */
int digest_restart(digest_Set *set);

/* Take `n` bytes into every digest. */
void digest_feed(digest_Set *set, const void *data, size_t n);

/* The digest at `index` of the bytes so far, in lower-case hex; the set can be fed on. */
void digest_sethex(const digest_Set *set, size_t index, char out[DIGEST_HEX]);

void digest_free(digest_Set *set);

/* Lower-case hex of `n` bytes, and a zero byte: 2 n + 1 characters. */
void digest_tohex(const unsigned char *bytes, size_t n, char *out);

#endif
