/* keys.c - constant-time comparison of API keys; see keys.h. */
#include "server/keys.h"
#include <string.h>
#include <strings.h>

/* Looks at all of `given`, whatever the key is. */
static bool same(const char *key, const char *given) {
    size_t key_len = strlen(key), given_len = strlen(given);
    volatile unsigned char different = key_len != given_len;
    for (size_t i = 0; i < given_len; i++)
        different |= (unsigned char)(given[i] ^ key[key_len > 0 ? i % key_len : 0]);
    return different == 0;
}

bool keys_accept(const struct context *context, const char *authorization) {
    static const char scheme[] = "Bearer ";
    bool accepted = false;
    if (context->key_count == 0) return true;
    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *given = authorization + sizeof scheme - 1;
    given += strspn(given, " ");
    for (int i = 0; i < context->key_count; i++) accepted |= same(context->keys[i], given);
    return accepted;
}
