/* sshlogin: the ways to log in, one after the other */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "ssh.h"

/* What was tried, for the message when nothing worked. */
typedef struct Notes {
  char text[700];
  size_t len;
  char methods[200]; /* what the server takes: "publickey,password" */
  int bad_key;       /* the private key cannot be read */
} Notes;

static void note(Notes *notes, const char *way, const char *outcome) {
  int n = snprintf(notes->text + notes->len, sizeof notes->text - notes->len, "%s%s: %s", notes->len ? "; " : "", way,
                   outcome);
  if (n > 0 && notes->len + (size_t)n < sizeof notes->text) notes->len += (size_t)n;
}

static int contains(const unsigned char *text, size_t len, const char *part, size_t part_len) {
  for (size_t i = 0; i + part_len <= len; i++)
    if (memcmp(text + i, part, part_len) == 0) return 1;
  return 0;
}

/* Is this private key RSA? By its PEM label, by the public half in OpenSSH's format, by the object identifier
 * rsaEncryption in PKCS #8 (RFC 8017 A.1). An encrypted PKCS #8 key does not tell. */
static int is_rsa(const char *pem, size_t len) {
  static const char oid[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
  unsigned char bytes[8192];
  int n = 0, rsa;
  EVP_ENCODE_CTX *decode;
  if (contains((const unsigned char *)pem, len, "RSA PRIVATE KEY", 15)) return 1;
  pem = memchr(pem, '\n', len);
  decode = pem ? EVP_ENCODE_CTX_new() : NULL;
  if (!decode) return 0;
  EVP_DecodeInit(decode);
  len = strcspn(pem, "-"); /* up to the END line; Lua strings end in a zero byte */
  EVP_DecodeUpdate(decode, bytes, &n, (const unsigned char *)pem, (int)(len < 8000 ? len : 8000));
  EVP_ENCODE_CTX_free(decode);
  rsa = contains(bytes, (size_t)n, "\0\0\0\7ssh-rsa", 11) || contains(bytes, (size_t)n, oid, sizeof oid - 1);
  OPENSSL_cleanse(bytes, sizeof bytes);
  return rsa;
}

#define RSA_HELP "refused (an RSA key: libssh2 1.10 signs only with SHA-1, which servers since OpenSSH 8.8 refuse; use ed25519 or ECDSA)"

/* ---- ways: each returns libssh2's outcome ---- */

static int by_agent(lua_State *L, Session *s, const ssh_Login *login, Notes *notes, double deadline) {
  int offered = 0, rsa = 0;
  const char *problem = NULL;
  int rc = ssh_agent(L, s, login->username, deadline, &offered, &rsa, &problem);
  if (problem) note(notes, "agent", problem);
  else if (offered == 0) note(notes, "agent", "it has no keys");
  else note(notes, "agent", rsa ? RSA_HELP : "its keys were refused");
  return rc;
}

static int by_key(lua_State *L, Session *s, const ssh_Login *login, Notes *notes, double deadline) {
  int rc;
  SSH_LOOP(rc, libssh2_userauth_publickey_frommemory(s->ssh, login->username, strlen(login->username), NULL, 0, login->key,
                                                     login->key_len, login->passphrase));
  if (rc == LIBSSH2_ERROR_FILE || rc == LIBSSH2_ERROR_METHOD_NOT_SUPPORTED || rc == LIBSSH2_ERROR_KEYFILE_AUTH_FAILED ||
      rc == LIBSSH2_ERROR_ALLOC || rc == LIBSSH2_ERROR_PROTO) {
    notes->bad_key = 1;
    note(notes, login->key_name, *login->passphrase ? "not a private key that can be read, or another passphrase"
                                                    : "not a private key that can be read, or a passphrase is needed");
  } else {
    note(notes, login->key_name, is_rsa(login->key, login->key_len) ? RSA_HELP : "refused");
  }
  return rc;
}

static int by_password(lua_State *L, Session *s, const ssh_Login *login, Notes *notes, double deadline) {
  int rc;
  SSH_LOOP(rc, libssh2_userauth_password_ex(s->ssh, login->username, (unsigned)strlen(login->username), login->password,
                                            (unsigned)login->password_len, NULL));
  note(notes, "password", rc == LIBSSH2_ERROR_PASSWORD_EXPIRED ? "expired" : "refused");
  return rc;
}

/* Called by libssh2 with the server's questions. */
static void answer(const char *name, int name_len, const char *instruction, int instruction_len, int n,
                   const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts, LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses,
                   void **abstract) {
  Session *s = *abstract;
  (void)name, (void)name_len, (void)instruction, (void)instruction_len;
  for (int i = 0; i < n; i++) {
    responses[i].text = strdup(prompts[i].echo ? "" : s->password);
    responses[i].length = responses[i].text ? (unsigned)strlen(responses[i].text) : 0;
  }
}

static int by_questions(lua_State *L, Session *s, const ssh_Login *login, Notes *notes, double deadline) {
  int rc;
  s->password = login->password;
  SSH_LOOP(rc, libssh2_userauth_keyboard_interactive_ex(s->ssh, login->username, (unsigned)strlen(login->username), answer));
  s->password = NULL;
  note(notes, "keyboard-interactive", "refused");
  return rc;
}

/* ---- all of them ---- */

/* The methods the server takes: 0, 1 when it lets us in without any, or an error below 0. */
static int ask_methods(lua_State *L, Session *s, const char *username, Notes *notes, double deadline) {
  int rc = 0;
  char *list;
  SSH_LOOP_POINTER(rc, list, libssh2_userauth_list(s->ssh, username, (unsigned)strlen(username)));
  if (!list) return libssh2_userauth_authenticated(s->ssh) ? 1 : rc ? rc : LIBSSH2_ERROR_PROTO;
  snprintf(notes->methods, sizeof notes->methods, "%s", list);
  return 0;
}

/* Only these mean "no, try another way". */
static int is_refusal(const Session *s, int rc) {
  return !s->lost && rc != LIBSSH2_ERROR_TIMEOUT && rc != LIBSSH2_ERROR_SOCKET_SEND &&
         rc != LIBSSH2_ERROR_SOCKET_DISCONNECT;
}

/* Is it worth trying? What the server does not list may still come after another method succeeded in part, so only the
 * two that ask for the same password exclude each other. */
static int is_worth(const Notes *notes, const char *way, const char *other) {
  return strstr(notes->methods, way) || !strstr(notes->methods, other);
}

static int try_all(lua_State *L, Session *s, const ssh_Login *login, Notes *notes, double deadline) {
  int rc = LIBSSH2_ERROR_AUTHENTICATION_FAILED;
  if (login->agent) rc = by_agent(L, s, login, notes, deadline);
  if (rc && login->key && is_refusal(s, rc)) rc = by_key(L, s, login, notes, deadline);
  if (rc && login->password && is_refusal(s, rc) && is_worth(notes, "password", "keyboard-interactive"))
    rc = by_password(L, s, login, notes, deadline);
  if (rc && login->password && login->interactive && is_refusal(s, rc) && is_worth(notes, "keyboard-interactive", "password"))
    rc = by_questions(L, s, login, notes, deadline);
  return rc;
}

int ssh_login(lua_State *L, Session *s, const ssh_Login *login, double deadline) {
  Notes notes;
  int rc;
  notes.text[0] = notes.methods[0] = 0;
  notes.len = 0;
  notes.bad_key = 0;
  rc = ask_methods(L, s, login->username, &notes, deadline);
  if (rc == 1) return 0;
  if (rc < 0) return ssh_fail(L, s, rc, "log in as %s", s->peer);
  rc = try_all(L, s, login, &notes, deadline);
  if (rc == 0) return 0;
  /* too many refusals end in a disconnect, but what was refused is what matters */
  if (!is_refusal(s, rc) && !(notes.len && s->lost)) return ssh_fail(L, s, rc, "log in as %s", s->peer);
  return lb_fail(L, notes.bad_key && !login->password && !login->agent ? "format" : "auth", "log in as %s: %s%s%s (the server takes: %s)", s->peer,
                 notes.len ? notes.text : "no password, key or agent given", *s->goodbye ? "; " : "", s->goodbye,
                 notes.methods);
}
