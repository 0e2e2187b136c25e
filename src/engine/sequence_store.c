/* sequence_store.c - a sequence and the disk store.  See sequence_store.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sequence.h"

enum { STALL_MS_MAX = 2000 }; /* a disk that brings nothing for so long is not waited for */

bool sequence_store_init(struct sequence *s, const struct sequence_env *env) {
    if (!env->store) return true;
    s->store.keys = malloc((size_t)(s->page_capacity + 1) * sizeof *s->store.keys);
    if (!s->store.keys) return false;
    s->store.keys[0] = *kv_store_root(env->store);
    s->store.key_count = 1;
    return true;
}

void sequence_store_deinit(struct sequence *s) {
    free(s->store.keys);
    s->store.keys = NULL;
}

/* The key of all tokens before a page; those tokens are final. */
static const struct kv_store_key *key_before(struct sequence *s, int page_index) {
    struct sequence_store *d = &s->store;
    assert(page_index <= s->page_capacity && page_index * KV_PAGE_TOKENS <= s->count);
    for (; d->key_count <= page_index; d->key_count++)
        kv_store_key_page(&d->keys[d->key_count], &d->keys[d->key_count - 1],
                          s->tokens + (d->key_count - 1) * KV_PAGE_TOKENS, KV_PAGE_TOKENS);
    return &d->keys[page_index];
}

void sequence_store_offer(struct sequence *s, const struct sequence_env *env, int page_index,
                          int count) {
    if (!s->store.keys) return;
    struct kv_store_page page = {
        .parent = key_before(s, page_index),
        .page_index = page_index,
        .tokens = s->tokens + page_index * KV_PAGE_TOKENS,
        .count = count,
        .page = s->pages[page_index],
    };
    struct kv_store_key tail;
    page.own = &tail;
    if (count == KV_PAGE_TOKENS) page.own = key_before(s, page_index + 1);
    else kv_store_key_page(&tail, page.parent, page.tokens, count);
    kv_store_put(env->store, &page);
}

/* How many of a page's tokens a prompt may find: the last token is always computed. */
static int findable(const struct sequence *s, int page_index) {
    int left = s->count - 1 - page_index * KV_PAGE_TOKENS;
    return left < KV_PAGE_TOKENS ? left : KV_PAGE_TOKENS;
}

void sequence_store_begin(struct sequence *s, const struct sequence_env *env, int64_t now_ms) {
    struct sequence_store *d = &s->store;
    if (!d->keys) return;
    /* What the tree has may have left the disk, or is now used again. */
    for (int i = 0; i < s->frozen; i++) sequence_store_offer(s, env, i, KV_PAGE_TOKENS);
    d->next = d->end = s->frozen;
    while (findable(s, d->end) == KV_PAGE_TOKENS && kv_store_has(env->store,
                                                                 key_before(s, d->end + 1)))
        d->end++;
    /* Then a part of a page, unless the tree had one already. */
    bool tree_part = d->end == s->frozen && s->computed % KV_PAGE_TOKENS != 0;
    if (!tree_part && findable(s, d->end) > 0 &&
        kv_store_has_below(env->store, key_before(s, d->end)))
        d->end++;
    d->slot_count = 0;
    d->progress_ms = now_ms;
    d->active = d->end > s->frozen;
}

void sequence_store_stop(struct sequence *s, const struct sequence_env *env) {
    struct sequence_store *d = &s->store;
    for (int i = 0; i < d->slot_count; i++) kv_store_read_drop(env->store, d->slots[i]);
    d->slot_count = 0;
    d->active = false;
}

static void ask_ahead(struct sequence *s, const struct sequence_env *env) {
    struct sequence_store *d = &s->store;
    for (; d->next < d->end && d->slot_count < SEQUENCE_STORE_AHEAD; d->next++) {
        int slot = kv_store_read(env->store, &(struct kv_store_want){
            .parent = key_before(s, d->next), .page_index = d->next,
            .tokens = s->tokens + d->next * KV_PAGE_TOKENS, .count = findable(s, d->next)});
        if (slot < 0) return;
        d->slots[d->slot_count++] = slot;
    }
}

/* The first page asked for is there, with `shared` tokens.  False: that was the last. */
static bool take_page(struct sequence *s, const struct sequence_env *env, int shared) {
    struct sequence_store *d = &s->store;
    int begin = s->frozen * KV_PAGE_TOKENS, had = s->frozen;
    /* The tree's copy of a part of this page, if there is one, must be worse. */
    if (begin + shared <= s->computed || !sequence_reserve(s, env, begin + 1)) return false;
    assert(kv_page_owners(s->pages[s->frozen]) == 1);
    kv_store_read_take(env->store, d->slots[0], s->page_data[s->frozen]);
    memmove(d->slots, d->slots + 1, (size_t)--d->slot_count * sizeof *d->slots);
    sequence_computed(s, env, begin + shared);
    return s->frozen > had && !s->tree_full;
}

int sequence_store_step(struct sequence *s, const struct sequence_env *env, int64_t now_ms) {
    struct sequence_store *d = &s->store;
    int before = s->computed, shared = 0;
    while (d->active) {
        ask_ahead(s, env);
        if (d->slot_count == 0) break;
        enum kv_store_read state = kv_store_read_poll(env->store, d->slots[0], &shared);
        if (state == KV_STORE_READING) break;
        d->progress_ms = now_ms;
        if (state == KV_STORE_NOT_FOUND || !take_page(s, env, shared) ||
            (d->slot_count == 0 && d->next == d->end))
            sequence_store_stop(s, env);
    }
    if (d->active && now_ms - d->progress_ms > STALL_MS_MAX) {
        if (d->slot_count > 0) kv_store_read_stalled(env->store);
        sequence_store_stop(s, env);
    }
    return s->computed - before;
}
