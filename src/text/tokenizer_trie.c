/* tokenizer_trie.c - the trie of special tokens; see tokenizer_trie.h. */
#include "text/tokenizer_trie.h"
#include <stdlib.h>

static uint32_t child_of(const struct tokenizer_trie *trie, uint32_t node, uint8_t byte) {
    uint32_t child = trie->nodes[node].child;
    while (child != 0 && trie->nodes[child].byte != byte) child = trie->nodes[child].sibling;
    return child;
}

/* A new node; the trie may move.  0: no memory or too many. */
static uint32_t add_node(struct tokenizer_trie *trie, uint8_t byte) {
    if (trie->count == trie->capacity) {
        uint32_t capacity = trie->capacity < 256 ? 256 : trie->capacity * 2;
        if (capacity > TOKENIZER_TRIE_NODES_MAX) return 0;
        struct tokenizer_trie_node *nodes = realloc(trie->nodes, capacity * sizeof *nodes);
        if (nodes == NULL) return 0;
        trie->nodes = nodes;
        trie->capacity = capacity;
    }
    trie->nodes[trie->count] = (struct tokenizer_trie_node){.id = -1, .byte = byte};
    return trie->count++;
}

static bool add_token(struct tokenizer_trie *trie, struct span text, int32_t id) {
    uint32_t node = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        uint32_t child = child_of(trie, node, byte);
        if (child == 0) {
            child = add_node(trie, byte);
            if (child == 0) return false;
            trie->nodes[child].sibling = trie->nodes[node].child;
            trie->nodes[node].child = child;
        }
        node = child;
    }
    if (trie->nodes[node].id < 0) trie->nodes[node].id = id; /* one text twice: the lower id */
    return true;
}

bool tokenizer_trie_init(struct tokenizer_trie *trie, const struct tokenizer_vocab *v,
                         struct error *err) {
    *trie = (struct tokenizer_trie){0};
    (void)add_node(trie, 0); /* the root is node 0 */
    if (trie->count == 0) return error_set(err, ERR_MEMORY, "no memory for the special tokens");
    for (int32_t id = 0; id < v->size; id++) {
        unsigned flags = v->flags[id];
        if (!(flags & (TOKENIZER_CONTROL | TOKENIZER_USER_DEFINED | TOKENIZER_UNKNOWN))) continue;
        struct span text = tokenizer_vocab_text(v, v->prints[id]);
        if (text.len == 0) continue;
        if (text.len > TOKENIZER_SPECIAL_BYTES_MAX)
            return error_set(err, ERR_FORMAT, "special token %d has %zu bytes; at most %d", id,
                             text.len, TOKENIZER_SPECIAL_BYTES_MAX);
        if (!add_token(trie, text, id))
            return error_set(err, ERR_MEMORY, "too many special tokens at token %d of %d", id,
                             v->size);
        uint8_t first = (uint8_t)text.data[0];
        if (flags & TOKENIZER_USER_DEFINED) {
            trie->begins_user_defined[first] = true;
            trie->has_user_defined = true;
        } else {
            trie->begins_control[first] = true;
        }
    }
    return true;
}

void tokenizer_trie_deinit(struct tokenizer_trie *trie) {
    free(trie->nodes);
    *trie = (struct tokenizer_trie){0};
}

struct tokenizer_trie_match tokenizer_trie_longest(const struct tokenizer_trie *trie,
                                                   const struct tokenizer_vocab *v,
                                                   struct span text, size_t trusted) {
    struct tokenizer_trie_match best = {.len = 0, .id = -1};
    uint32_t node = 0;
    for (size_t len = 1; len <= text.len; len++) {
        node = child_of(trie, node, (uint8_t)text.data[len - 1]);
        if (node == 0) break;
        int32_t id = trie->nodes[node].id;
        if (id < 0) continue;
        bool allowed = len <= trusted || (v->flags[id] & TOKENIZER_USER_DEFINED) != 0;
        if (allowed) best = (struct tokenizer_trie_match){.len = len, .id = id};
    }
    return best;
}
