/* digest_set: several digests of one stream of bytes at once (libcrypto) */

#include <string.h>

#include "digest_set.h"

const char *const digest_names[] = {"sha256", "sha1", "sha512", NULL};

static const EVP_MD *method(const char *name) {
  if (strcmp(name, "sha256") == 0) return EVP_sha256();
  if (strcmp(name, "sha1") == 0) return EVP_sha1();
  if (strcmp(name, "sha512") == 0) return EVP_sha512();
  return NULL;
}

int digest_add(digest_Set *set, const char *name) {
  size_t i = set->count;
  const char *const *known = digest_names;
  while (*known && strcmp(*known, name) != 0) known++;
  if (!*known || i == DIGEST_MAX) return 0;
  set->method[i] = method(name);
  set->context[i] = EVP_MD_CTX_new();
  if (!set->context[i]) return -1;
  set->name[i] = *known;
  set->count++;
  return EVP_DigestInit_ex(set->context[i], set->method[i], NULL) ? 1 : -1;
}

int digest_restart(digest_Set *set) {
  for (size_t i = 0; i < set->count; i++)
    if (!EVP_DigestInit_ex(set->context[i], set->method[i], NULL)) return 0;
  return 1;
}

void digest_feed(digest_Set *set, const void *data, size_t n) {
  for (size_t i = 0; i < set->count; i++) EVP_DigestUpdate(set->context[i], data, n);
}

void digest_tohex(const unsigned char *bytes, size_t n, char *out) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    *out++ = digits[bytes[i] >> 4];
    *out++ = digits[bytes[i] & 15];
  }
  *out = '\0';
}

void digest_sethex(const digest_Set *set, size_t index, char out[DIGEST_HEX]) {
  unsigned char value[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  EVP_MD_CTX *copy = EVP_MD_CTX_new(); /* finishing would end the stream */
  if (copy && EVP_MD_CTX_copy_ex(copy, set->context[index]) && !EVP_DigestFinal_ex(copy, value, &n)) n = 0;
  EVP_MD_CTX_free(copy);
  digest_tohex(value, n, out);
}

void digest_free(digest_Set *set) {
  for (size_t i = 0; i < set->count; i++) EVP_MD_CTX_free(set->context[i]);
  memset(set, 0, sizeof *set);
}
