/* kv_store_key.c - the names of pages on disk.  See kv_store_key.h. */
#include "kv/kv_store_key.h"

#include <nettle/sha2.h>
#include <string.h>

_Static_assert((int)KV_STORE_KEY_BYTES == (int)SHA256_DIGEST_SIZE, "a key is one digest");

void kv_store_key_root(struct kv_store_key *out, const void *description, size_t bytes) {
    struct sha256_ctx hash;
    sha256_init(&hash);
    sha256_update(&hash, bytes, description);
    sha256_digest(&hash, sizeof out->bytes, out->bytes);
}

void kv_store_key_page(struct kv_store_key *out, const struct kv_store_key *parent,
                       const int32_t *tokens, int count) {
    struct sha256_ctx hash;
    sha256_init(&hash);
    sha256_update(&hash, sizeof parent->bytes, parent->bytes);
    sha256_update(&hash, (size_t)count * sizeof *tokens, (const uint8_t *)tokens);
    sha256_digest(&hash, sizeof out->bytes, out->bytes);
}

bool kv_store_key_equal(const struct kv_store_key *a, const struct kv_store_key *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
