/* gguf_index.c - names to positions, for tensors and metadata keys.
 *
 * Linear probing in a table of at least twice the capacity, so a search always meets a free
 * slot.  Lives in the arena of its file; never grows. */
#include "gguf/gguf_internal.h"
#include "base/random.h"
#include <assert.h>
#include <string.h>

static struct span name_of(const struct gguf_index *x, uint32_t item) {
    struct span name;
    memcpy(&name, (const char *)x->items + item * x->stride, sizeof name);
    return name;
}

/* FNV-1a (Fowler, Noll, Vo) from a seed, with a final mix so that the low bits depend on
 * all of it. */
static uint32_t hash(const struct gguf_index *x, struct span name) {
    uint64_t h = x->seed;
    for (size_t i = 0; i < name.len; i++) h = (h ^ (uint8_t)name.data[i]) * 0x100000001b3u;
    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9u;
    return (uint32_t)(h >> 32);
}

/* The slot where the name is or would be. */
static uint32_t probe(const struct gguf_index *x, struct span name) {
    uint32_t i = hash(x, name) & x->mask;
    while (x->slot[i] != 0 && !span_equal(name_of(x, x->slot[i] - 1), name)) i = (i + 1) & x->mask;
    return i;
}

bool gguf_index_init(struct gguf_index *x, struct arena *a, const void *items, size_t stride,
                     uint32_t capacity) {
    uint32_t slots = 16;
    assert(capacity <= 1u << 24);
    while (slots < 2 * capacity) slots *= 2;
    *x = (struct gguf_index){.items = items, .stride = stride, .mask = slots - 1,
                             .seed = random_entropy() | 1};
    x->slot = arena_array(a, slots, sizeof *x->slot);
    return x->slot != NULL;
}

int64_t gguf_index_find(const struct gguf_index *x, struct span name) {
    return (int64_t)x->slot[probe(x, name)] - 1;
}

bool gguf_index_add(struct gguf_index *x, uint32_t item) {
    uint32_t i = probe(x, name_of(x, item));
    if (x->slot[i] != 0) return false;
    x->slot[i] = item + 1;
    return true;
}
