/* mkembed: host tool. Writes the files named on the command line, given as prefix then paths below it, as one C array:
 *   mkembed PREFIX FILE... > embedded.c
 * lua/core/err.lua with prefix lua/ becomes the entry "core/err.lua": its text, which help reads, and what Lua compiles it to, with
 * true line numbers, so that no run of the program has to. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* A lua_Writer: the bytes as elements of a C array; `count` of them were there before. */
static int put(lua_State *L, const void *bytes, size_t n, void *count) {
  const unsigned char *p = bytes;
  size_t *at = count;
  (void)L;
  for (size_t i = 0; i < n; i++) printf("%s%d,", (*at)++ % 32 ? "" : "\n", p[i]);
  return 0;
}

/* Push the file's text.  [-0, +1, m] */
static void read_file(lua_State *L, const char *path) {
  FILE *f = fopen(path, "rb");
  luaL_Buffer text;
  size_t n;
  if (!f) die(path);
  luaL_buffinit(L, &text);
  do {
    n = fread(luaL_prepbuffer(&text), 1, LUAL_BUFFERSIZE, f);
    luaL_addsize(&text, n);
  } while (n > 0);
  if (ferror(f)) die(path);
  fclose(f);
  luaL_pushresult(&text);
}

/* Print the file's text as text<index>: its size. */
static size_t embed_text(lua_State *L, const char *path, int index) {
  size_t n, count = 0;
  const char *text;
  read_file(L, path);
  text = lua_tolstring(L, -1, &n);
  printf("static const unsigned char text%d[] = {", index);
  put(L, text, n, &count);
  puts("0};");
  lua_settop(L, 0);
  return count;
}

/* Print what Lua makes of the file as code<index>: its size, 0 for a file that is no Lua. */
static size_t embed_code(lua_State *L, const char *path, const char *name, int index) {
  size_t length = strlen(name), n, count = 0;
  const char *text;
  printf("static const unsigned char code%d[] = {", index);
  if (length > 4 && strcmp(name + length - 4, ".lua") == 0) {
    read_file(L, path);
    text = lua_tolstring(L, -1, &n);
    if (luaL_loadbufferx(L, text, n, lua_pushfstring(L, "@%s", name), "t") != LUA_OK) {
      fprintf(stderr, "%s\n", lua_tostring(L, -1));
      exit(1);
    }
    lua_dump(L, put, &count, 0);
  }
  puts("0};");
  lua_settop(L, 0);
  return count;
}

static const char *below(const char *prefix, const char *path) {
  size_t n = strlen(prefix);
  return strncmp(path, prefix, n) == 0 ? path + n : path;
}

int main(int argc, char **argv) {
  size_t *text = calloc((size_t)argc, sizeof *text), *code = calloc((size_t)argc, sizeof *code);
  lua_State *L = luaL_newstate();
  if (!L || !text || !code || argc < 2) return 1;
  puts("#include \"embed.h\"");
  /* apart: the texts are rarely read, and memory has what lies beside it, too */
  for (int i = 2; i < argc; i++) code[i] = embed_code(L, argv[i], below(argv[1], argv[i]), i);
  for (int i = 2; i < argc; i++) text[i] = embed_text(L, argv[i], i);
  puts("const lb_Embedded lb_embedded[] = {");
  for (int i = 2; i < argc; i++)
    printf("{\"%s\", (const char *)text%d, %zu, (const char *)code%d, %zu},\n", below(argv[1], argv[i]), i, text[i], i, code[i]);
  puts("{NULL, NULL, 0, NULL, 0}};");
  free(text);
  free(code);
  lua_close(L);
  return fflush(stdout) == 0 ? 0 : 1;
}
