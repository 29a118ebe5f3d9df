/* mkembed: host tool. Writes the files named on the command line, given as prefix then paths below it, as one C array:
 *   mkembed PREFIX FILE... > embedded.c
 * lua/core/err.lua with prefix lua/ becomes the entry "core/err.lua". The source is kept as it is: true line numbers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* Prints the bytes and returns how many there were. */
static long embed(const char *path, int index) {
  FILE *f = fopen(path, "rb");
  long n = 0;
  int c;
  if (!f) die(path);
  printf("static const unsigned char file%d[] = {", index);
  while ((c = getc(f)) != EOF) printf("%s%d,", n++ % 32 ? "" : "\n", c);
  puts("0};");
  if (ferror(f)) die(path);
  fclose(f);
  return n;
}

int main(int argc, char **argv) {
  long *sizes = calloc((size_t)argc, sizeof *sizes);
  size_t prefix = argc > 1 ? strlen(argv[1]) : 0;
  if (!sizes || argc < 2) return 1;
  puts("#include \"embed.h\"");
  for (int i = 2; i < argc; i++) sizes[i] = embed(argv[i], i);
  puts("const lb_Embedded lb_embedded[] = {");
  for (int i = 2; i < argc; i++) {
    const char *name = strncmp(argv[i], argv[1], prefix) == 0 ? argv[i] + prefix : argv[i];
    printf("{\"%s\", (const char *)file%d, %ld},\n", name, i, sizes[i]);
  }
  puts("{NULL, NULL, 0}};");
  free(sizes);
  return fflush(stdout) == 0 ? 0 : 1;
}
