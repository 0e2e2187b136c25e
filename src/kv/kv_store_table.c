/* kv_store_table.c - which pages are on disk.  See kv_store_table.h.
 *
 * Two hash tables with chains over the same entries, bucketed by the keys' first bytes (which
 * are as random as a hash), and an array of all for walks.  A walk for a victim reads
 * every entry: 25,000 of them (20 GB of 0.8 MB pages) take a tenth of a millisecond, beside
 * the write of a file that follows. */
#include "kv/kv_store_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_MIN = 1024, CAPACITY_MIN = 256, KEY_BYTES = 16 };

void kv_store_table_deinit(struct kv_store_table *t) {
    for (int64_t i = 0; i < t->count; i++) free(t->entries[i]);
    free(t->entries);
    free(t->by_own);
    free(t->by_parent);
    *t = (struct kv_store_table){0};
}

static int64_t bucket(const struct kv_store_table *t, const uint8_t key[16]) {
    uint64_t head;
    memcpy(&head, key, sizeof head);
    return (int64_t)(head & (uint64_t)(t->bucket_count - 1));
}

static void link_entry(struct kv_store_table *t, struct kv_store_entry *e) {
    struct kv_store_entry **own = &t->by_own[bucket(t, e->name.own)];
    struct kv_store_entry **parent = &t->by_parent[bucket(t, e->name.parent)];
    e->next_own = *own;
    *own = e;
    e->next_sibling = *parent;
    *parent = e;
}

/* Twice the buckets before the chains get longer than one on average. */
static bool grow_buckets(struct kv_store_table *t) {
    if (t->count < t->bucket_count) return true;
    int64_t count = t->bucket_count ? 2 * t->bucket_count : BUCKETS_MIN;
    struct kv_store_entry **own = calloc((size_t)count, sizeof *own);
    struct kv_store_entry **parent = calloc((size_t)count, sizeof *parent);
    if (!own || !parent) {
        free(own);
        free(parent);
        return false;
    }
    free(t->by_own);
    free(t->by_parent);
    t->by_own = own;
    t->by_parent = parent;
    t->bucket_count = count;
    for (int64_t i = 0; i < t->count; i++) link_entry(t, t->entries[i]);
    return true;
}

static bool grow_entries(struct kv_store_table *t) {
    if (t->count < t->capacity) return true;
    int64_t capacity = t->capacity ? 2 * t->capacity : CAPACITY_MIN;
    struct kv_store_entry **entries = realloc(t->entries, (size_t)capacity * sizeof *entries);
    if (!entries) return false;
    t->entries = entries;
    t->capacity = capacity;
    return true;
}

struct kv_store_entry *kv_store_table_find(const struct kv_store_table *t, const uint8_t own[16]) {
    if (t->bucket_count == 0) return NULL;
    struct kv_store_entry *e = t->by_own[bucket(t, own)];
    while (e && memcmp(e->name.own, own, KEY_BYTES) != 0) e = e->next_own;
    return e;
}

struct kv_store_entry *kv_store_table_child(const struct kv_store_table *t,
                                            const uint8_t parent[16],
                                            const struct kv_store_entry *after) {
    if (t->bucket_count == 0) return NULL;
    struct kv_store_entry *e = after ? after->next_sibling : t->by_parent[bucket(t, parent)];
    while (e && memcmp(e->name.parent, parent, KEY_BYTES) != 0) e = e->next_sibling;
    return e;
}

struct kv_store_entry *kv_store_table_add(struct kv_store_table *t,
                                          const struct kv_store_file_name *name,
                                          enum kv_store_state state) {
    assert(!kv_store_table_find(t, name->own));
    if (t->count == KV_STORE_TABLE_MAX || !grow_buckets(t) || !grow_entries(t)) return NULL;
    struct kv_store_entry *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->name = *name;
    e->state = state;
    e->at = t->count;
    t->entries[t->count++] = e;
    link_entry(t, e);
    struct kv_store_entry *parent = kv_store_table_find(t, name->parent);
    if (parent) parent->children++;
    const struct kv_store_entry *child = NULL;
    while ((child = kv_store_table_child(t, name->own, child))) e->children++;
    return e;
}

void kv_store_table_resize(struct kv_store_table *t, struct kv_store_entry *e, int64_t bytes) {
    t->bytes += bytes - e->bytes;
    e->bytes = bytes;
}

void kv_store_table_remove(struct kv_store_table *t, struct kv_store_entry *e) {
    struct kv_store_entry **own = &t->by_own[bucket(t, e->name.own)];
    struct kv_store_entry **sibling = &t->by_parent[bucket(t, e->name.parent)];
    while (*own != e) own = &(*own)->next_own;
    *own = e->next_own;
    while (*sibling != e) sibling = &(*sibling)->next_sibling;
    *sibling = e->next_sibling;
    struct kv_store_entry *parent = kv_store_table_find(t, e->name.parent);
    if (parent) parent->children--;
    t->entries[e->at] = t->entries[--t->count];
    t->entries[e->at]->at = e->at;
    t->bytes -= e->bytes;
    free(e);
}

static bool worth_less(const struct kv_store_entry *a, const struct kv_store_entry *b) {
    bool a_damaged = a->state == KV_STORE_DAMAGED, b_damaged = b->state == KV_STORE_DAMAGED;
    if (a_damaged != b_damaged) return a_damaged;
    if (a->used_ns != b->used_ns) return a->used_ns < b->used_ns;
    return a->name.page_index > b->name.page_index;
}

struct kv_store_entry *kv_store_table_victim(const struct kv_store_table *t,
                                             const struct kv_store_entry *keep) {
    struct kv_store_entry *victim = NULL;
    for (int64_t i = 0; i < t->count; i++) {
        struct kv_store_entry *e = t->entries[i];
        if (e == keep || e->bytes == 0 || e->state == KV_STORE_QUEUED) continue;
        if (e->children > 0 && e->state != KV_STORE_DAMAGED) continue;
        if (!victim || worth_less(e, victim)) victim = e;
    }
    return victim;
}
