/* kv_store_key.h - the names of pages on disk: hashes of everything that a page depends on.
 *
 *     root            = SHA-256(what the model and its arithmetic are)
 *     page 0          = SHA-256(root   | its tokens)
 *     page i          = SHA-256(page i - 1 | its tokens)
 *
 * A page's key therefore stands for the model and for every token from the first to the page's
 * last.  SHA-256 rather than a fast hash because the key decides whose keys and values a
 * prompt gets: nobody can make two prompts with one key.
 *
 * Pure functions, any thread. */
#ifndef KV_KV_STORE_KEY_H
#define KV_KV_STORE_KEY_H
#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"

enum { KV_STORE_KEY_BYTES = 32 };

struct kv_store_key {
    uint8_t bytes[KV_STORE_KEY_BYTES];
};

/* description: whatever changes a page's bytes, as text or binary. */
void kv_store_key_root(struct kv_store_key *out, const void *description, size_t bytes);
/* count tokens behind what parent stands for; out may be parent. */
void kv_store_key_page(struct kv_store_key *out, const struct kv_store_key *parent,
                       const int32_t *tokens, int count);
bool kv_store_key_equal(const struct kv_store_key *a, const struct kv_store_key *b);

#endif
