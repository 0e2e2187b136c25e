/* tokenizer_vocab.h - the vocabulary: tokens by id and by text, and which pairs merge.
 *
 * Read once from a file that is not trusted, checked while it is read, constant afterwards: any
 * thread.  Text that is looked up is raw bytes: the printable stand-ins that byte-level
 * vocabularies are written in ("Ġ" for a space) exist in the file only.  SentencePiece vocabularies
 * keep their "▁" for a space in the keys, and lose it in what a token prints. */
#ifndef TEXT_TOKENIZER_VOCAB_H
#define TEXT_TOKENIZER_VOCAB_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/error.h"
#include "base/str.h"
#include "gguf/gguf.h"

enum {
    TOKENIZER_VOCAB_MAX = 4 << 20,        /* tokens; the largest published has 256K */
    TOKENIZER_MERGES_MAX = 8 << 20,       /* the largest published has 500K */
    TOKENIZER_TOKEN_BYTES_MAX = 16 << 10, /* of one token; published ones stay below 600 */
    TOKENIZER_POOL_BYTES_MAX = 1 << 30,   /* of all tokens together */
};

enum tokenizer_model {
    TOKENIZER_BPE, /* "gpt2": bytes and a list of merges */
    TOKENIZER_SPM, /* "llama": characters, scores, bytes as a last resort */
};

enum { /* flags of a token; none: normal */
    TOKENIZER_CONTROL = 1,
    TOKENIZER_USER_DEFINED = 2, /* matched in any text before everything else */
    TOKENIZER_UNKNOWN = 4,
    TOKENIZER_BYTE = 8,
    TOKENIZER_UNUSED = 16,       /* prints nothing */
    TOKENIZER_STRIPS_RIGHT = 32, /* swallows the white space behind it (Phi-3) */
    TOKENIZER_END = 64,          /* ends an answer */
};

struct tokenizer_key { /* a piece of the pool */
    uint32_t offset, len;
};

struct tokenizer_slot { /* of the hash table from text to id; id -1: free */
    uint32_t tag;       /* upper half of the hash */
    int32_t id;
};

struct tokenizer_pair { /* of the hash table from two ids to their merge */
    uint64_t ids;       /* left << 32 | right; all ones: free */
    uint32_t rank;      /* the lowest merges first */
    int32_t merged;
};

struct tokenizer_vocab {
    enum tokenizer_model model;
    int size;
    uint64_t seed; /* of both tables: nobody can prepare texts that collide */
    uint8_t *flags;
    struct tokenizer_key *keys;   /* the text that a token is found by; len 0: by none */
    struct tokenizer_key *prints; /* the bytes that it stands for */
    uint32_t *ranks;              /* SPM: the order of the scores, the highest first */
    struct str pool;
    struct tokenizer_slot *slots;
    uint64_t slot_mask;
    struct tokenizer_pair *pairs; /* BPE */
    uint64_t pair_mask;
    int32_t byte_ids[256]; /* the token of a single byte; -1: there is none */
    bool joins[256];       /* SPM: some token has "▁" behind this byte */
};

struct tokenizer_special_names;

/* Reads tokens, types, scores and merges; notes well-known names (tokenizer_special.h). On failure
 * and at the end deinit frees. */
bool tokenizer_vocab_init(struct tokenizer_vocab *v, const struct gguf *g,
                          enum tokenizer_model model, struct tokenizer_special_names *names,
                          struct error *err);
/* Second part: the merges, once the control tokens are known (no merge may make one). */
bool tokenizer_vocab_read_merges(struct tokenizer_vocab *v, const struct gguf *g,
                                 struct error *err);
void tokenizer_vocab_deinit(struct tokenizer_vocab *v);

static inline struct span tokenizer_vocab_text(const struct tokenizer_vocab *v,
                                               struct tokenizer_key key) {
    return (struct span){key.len > 0 ? v->pool.data + key.offset : "", key.len};
}

/* 64 × 64 → 128 bits, folded: every input bit reaches every output bit.  The multiplier is 2^64 /
 * golden ratio, odd. */
static inline uint64_t tokenizer_vocab_mix(uint64_t x) {
    __extension__ unsigned __int128 wide = (unsigned __int128)x * 0x9E3779B97F4A7C15u;
    return (uint64_t)wide ^ (uint64_t)(wide >> 64);
}

static inline uint64_t tokenizer_vocab_hash(const struct tokenizer_vocab *v, struct span text) {
    const char *s = text.data;
    size_t left = text.len;
    uint64_t hash = v->seed ^ (uint64_t)left * 0xD1B54A32D192ED03u; /* odd, from MCG tables */
    uint64_t word = 0;
    for (; left >= 8; left -= 8, s += 8) {
        memcpy(&word, s, 8);
        hash = tokenizer_vocab_mix(hash ^ word);
    }
    if (left >= 4) { /* two loads that overlap cover 4 to 7 bytes */
        uint32_t front, back;
        memcpy(&front, s, 4);
        memcpy(&back, s + left - 4, 4);
        word = (uint64_t)front << 32 | back;
    } else if (left > 0) {
        word = (uint64_t)(uint8_t)s[0] << 16 | (uint64_t)(uint8_t)s[left >> 1] << 8 |
               (uint8_t)s[left - 1];
    } else {
        word = 0;
    }
    return tokenizer_vocab_mix(hash ^ word ^ v->seed << 1);
}

/* The id of the token with this key, or -1. */
static inline int32_t tokenizer_vocab_find(const struct tokenizer_vocab *v, struct span text) {
    uint64_t hash = tokenizer_vocab_hash(v, text);
    uint32_t tag = (uint32_t)(hash >> 32);
    for (uint64_t at = hash & v->slot_mask;; at = (at + 1) & v->slot_mask) {
        const struct tokenizer_slot *slot = &v->slots[at];
        if (slot->id < 0) return -1;
        if (slot->tag != tag) continue;
        struct tokenizer_key key = v->keys[slot->id];
        if (key.len == text.len && memcmp(v->pool.data + key.offset, text.data, text.len) == 0)
            return slot->id;
    }
}

/* The same, but no control token: what may come of pieces of text. */
static inline int32_t tokenizer_vocab_find_plain(const struct tokenizer_vocab *v,
                                                 struct span text) {
    int32_t id = tokenizer_vocab_find(v, text);
    if (id >= 0 && (v->flags[id] & (TOKENIZER_CONTROL | TOKENIZER_UNKNOWN))) return -1;
    return id;
}

static inline uint64_t tokenizer_vocab_pair_hash(const struct tokenizer_vocab *v, uint64_t ids) {
    return tokenizer_vocab_mix(ids ^ v->seed);
}

/* The merge of two tokens, or NULL. */
static inline const struct tokenizer_pair *tokenizer_vocab_pair(const struct tokenizer_vocab *v,
                                                                int32_t left, int32_t right) {
    uint64_t ids = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    for (uint64_t at = tokenizer_vocab_pair_hash(v, ids) & v->pair_mask;;
         at = (at + 1) & v->pair_mask) {
        const struct tokenizer_pair *pair = &v->pairs[at];
        if (pair->ids == ids) return pair;
        if (pair->ids == UINT64_MAX) return NULL;
    }
}

#endif
