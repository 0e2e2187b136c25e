/* tokenizer_merge.c - byte-pair merging; see tokenizer_merge.h.
 *
 * A word starts as one symbol a byte (BPE) or a character (SPM).  The neighbours with the lowest
 * rank merge, the leftmost pair first among equals, until no pair merges.  Short words scan for the
 * lowest rank; long ones keep candidates in a heap, so that n bytes cost n·log n.
 *
 * The rank of a pair: BPE has a table of pairs; SPM looks whether the joined text is a token and
 * takes that token's score. */
#include "text/tokenizer_merge.h"
#include <assert.h>
#include <stdlib.h>
#include "text/unicode.h"

enum {
    SHORT_SYMBOLS = 40,     /* where the scan, which is quadratic, is still the faster of the two */
    CACHED_BYTES_MAX = 22,
    CACHED_IDS_MAX = 10,
    SHRINK_ABOVE = 1 << 16, /* symbols that a scratch may keep while it is idle */
};

struct tokenizer_cached_word {
    uint8_t len; /* 0: free */
    uint8_t count;
    char bytes[CACHED_BYTES_MAX];
    int32_t ids[CACHED_IDS_MAX];
};
_Static_assert(sizeof(struct tokenizer_cached_word) == 64, "one cache line");

struct tokenizer_symbol {
    int32_t id; /* -1: a character without a token */
    uint32_t start, len; /* len 0: merged away */
    uint32_t previous, next;
};

struct tokenizer_candidate { /* a pair that could merge */
    uint32_t rank, left;     /* the order of the heap */
    uint32_t len;            /* of both when this was noted; another len: out of date */
    int32_t merged;
};

static const uint32_t none = UINT32_MAX; /* no symbol; no rank */

bool tokenizer_merge_reserve(struct tokens *t, size_t more) {
    if (t->capacity - t->count >= (int64_t)more) return true;
    int64_t capacity = t->capacity < 64 ? 64 : t->capacity * 2;
    if (capacity < t->count + (int64_t)more) capacity = t->count + (int64_t)more;
    int32_t *ids = realloc(t->ids, (size_t)capacity * sizeof *ids);
    if (ids == NULL) return false;
    t->ids = ids;
    t->capacity = capacity;
    return true;
}

struct tokenizer_scratch *tokenizer_merge_scratch_open(void) {
    struct tokenizer_scratch *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->cache = calloc(TOKENIZER_CACHE_WORDS, sizeof *s->cache);
    if (s->cache != NULL) return s;
    free(s);
    return NULL;
}

void tokenizer_merge_scratch_close(struct tokenizer_scratch *s) {
    if (s == NULL) return;
    free(s->cache);
    free(s->symbols);
    free(s->heap);
    tokenizer_pre_scratch_deinit(&s->pre);
    str_deinit(&s->joined);
    str_deinit(&s->escaped);
    free(s);
}

void tokenizer_merge_scratch_shrink(struct tokenizer_scratch *s) {
    if (s->symbol_capacity > SHRINK_ABOVE) {
        free(s->symbols);
        free(s->heap);
        s->symbols = NULL;
        s->heap = NULL;
        s->symbol_capacity = s->heap_capacity = 0;
    }
    struct str *buffers[] = {&s->joined, &s->escaped, &s->pre.shadow};
    for (int i = 0; i < 3; i++)
        if (buffers[i]->capacity > SHRINK_ABOVE) str_deinit(buffers[i]);
}

/* How long the character at the front of word is; an ill-formed byte stands alone. */
static size_t character_len(struct span word) {
    uint32_t code;
    int len = unicode_decode(word, &code);
    return len > 0 ? (size_t)len : 1;
}

/* The first symbol of text: its length and the token it is. */
static inline size_t first_symbol(const struct tokenizer_vocab *v, struct span text, int32_t *id) {
    if (v->model == TOKENIZER_BPE) {
        *id = v->byte_ids[(uint8_t)text.data[0]];
        return 1;
    }
    size_t len = character_len(text);
    *id = tokenizer_vocab_find_plain(v, (struct span){text.data, len});
    return len;
}

/* What two neighbours merge into, and with which rank (none: nothing). */
static inline uint32_t pair_rank(const struct tokenizer_vocab *v, struct span joined,
                                 int32_t left, int32_t right, int32_t *merged) {
    if (v->model == TOKENIZER_BPE) {
        const struct tokenizer_pair *pair = tokenizer_vocab_pair(v, left, right);
        if (pair == NULL) return none;
        *merged = pair->merged;
        return pair->rank;
    }
    *merged = tokenizer_vocab_find_plain(v, joined);
    return *merged < 0 ? none : v->ranks[*merged];
}

/* A symbol that stayed without a token: its bytes.  out has room for len ids. */
static void emit_bytes(const struct tokenizer_vocab *v, int32_t unknown, struct span text,
                       struct tokens *out) {
    for (size_t i = 0; i < text.len; i++) {
        int32_t id = v->byte_ids[(uint8_t)text.data[i]];
        if (id < 0) id = unknown;
        if (id >= 0) out->ids[out->count++] = id;
    }
}

/* ---- short words: scan -------------------------------------------------------------- */

struct part {
    int32_t id, merged; /* merged: of this and the next */
    uint32_t rank;
    uint32_t start;
};

static inline void rank_part(const struct tokenizer_vocab *v, struct span word, struct part *p,
                             int i) {
    struct span joined = {word.data + p[i].start, p[i + 2].start - p[i].start};
    p[i].rank = pair_rank(v, joined, p[i].id, p[i + 1].id, &p[i].merged);
}

/* p has count parts and one behind them whose start is the end of the word. */
static int merge_parts(const struct tokenizer_vocab *v, struct span word, struct part *p,
                       int count) {
    for (int i = 0; i + 1 < count; i++) rank_part(v, word, p, i);
    for (;;) {
        int best = 0;
        uint32_t rank = none;
        for (int i = 0; i + 1 < count; i++) {
            if (p[i].rank >= rank) continue;
            rank = p[i].rank;
            best = i;
        }
        if (rank == none) return count;
        p[best].id = p[best].merged;
        memmove(&p[best + 1], &p[best + 2], (size_t)(count - best - 1) * sizeof *p);
        count--;
        if (best + 1 < count) rank_part(v, word, p, best);
        if (best > 0) rank_part(v, word, p, best - 1);
    }
}

/* False: too many symbols for a scan. */
static bool merge_short(const struct tokenizer_vocab *v, int32_t unknown, struct span word,
                        struct tokens *out) {
    struct part parts[SHORT_SYMBOLS + 1];
    int count = 0;
    for (size_t at = 0; at < word.len; count++) {
        if (count == SHORT_SYMBOLS) return false;
        parts[count].start = (uint32_t)at;
        at += first_symbol(v, (struct span){word.data + at, word.len - at}, &parts[count].id);
    }
    parts[count].start = (uint32_t)word.len;
    count = merge_parts(v, word, parts, count);
    for (int i = 0; i < count; i++) {
        struct span text = {word.data + parts[i].start, parts[i + 1].start - parts[i].start};
        if (parts[i].id >= 0)
            out->ids[out->count++] = parts[i].id;
        else
            emit_bytes(v, unknown, text, out);
    }
    return true;
}

/* ---- long words: heap --------------------------------------------------------------- */

static inline uint64_t order_of(struct tokenizer_candidate c) {
    return (uint64_t)c.rank << 32 | c.left;
}

/* The heap is binary, the lowest on top; its room was made by merge_long. */
static void heap_push(struct tokenizer_scratch *s, struct tokenizer_candidate c) {
    assert(s->heap_count < s->heap_capacity);
    size_t at = s->heap_count++;
    while (at > 0 && order_of(s->heap[(at - 1) / 2]) > order_of(c)) {
        s->heap[at] = s->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->heap[at] = c;
}

static struct tokenizer_candidate heap_pop(struct tokenizer_scratch *s) {
    struct tokenizer_candidate top = s->heap[0], last = s->heap[--s->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= s->heap_count) break;
        if (child + 1 < s->heap_count && order_of(s->heap[child + 1]) < order_of(s->heap[child]))
            child++;
        if (order_of(s->heap[child]) >= order_of(last)) break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = last;
    return top;
}

static void push_pair(const struct tokenizer_vocab *v, struct tokenizer_scratch *s,
                      struct span word, uint32_t left) {
    const struct tokenizer_symbol *l = &s->symbols[left];
    if (l->next == none) return;
    const struct tokenizer_symbol *r = &s->symbols[l->next];
    struct tokenizer_candidate c = {.left = left, .len = l->len + r->len};
    c.rank = pair_rank(v, (struct span){word.data + l->start, c.len}, l->id, r->id, &c.merged);
    if (c.rank != none) heap_push(s, c);
}

/* Room for the symbols of a word.  Candidates: one for each of the count - 1 first pairs, and two
 * for each merge, of which there are at most count - 1. */
static bool reserve_symbols(struct tokenizer_scratch *s, size_t count) {
    if (count > s->symbol_capacity) {
        struct tokenizer_symbol *symbols = realloc(s->symbols, count * sizeof *symbols);
        if (symbols == NULL) return false;
        s->symbols = symbols;
        s->symbol_capacity = count;
    }
    if (3 * count > s->heap_capacity) {
        struct tokenizer_candidate *heap = realloc(s->heap, 3 * count * sizeof *heap);
        if (heap == NULL) return false;
        s->heap = heap;
        s->heap_capacity = 3 * count;
    }
    return true;
}

static size_t split_symbols(const struct tokenizer_vocab *v, struct tokenizer_scratch *s,
                            struct span word) {
    size_t count = 0;
    for (size_t at = 0; at < word.len; count++) {
        struct tokenizer_symbol *symbol = &s->symbols[count];
        size_t len = first_symbol(v, (struct span){word.data + at, word.len - at}, &symbol->id);
        symbol->start = (uint32_t)at;
        symbol->len = (uint32_t)len;
        symbol->previous = count == 0 ? none : (uint32_t)count - 1;
        symbol->next = (uint32_t)count + 1;
        at += len;
    }
    s->symbols[count - 1].next = none;
    return count;
}

static void merge_candidate(const struct tokenizer_vocab *v, struct tokenizer_scratch *s,
                            struct span word, struct tokenizer_candidate c) {
    struct tokenizer_symbol *left = &s->symbols[c.left];
    /* Symbols only grow, so a pair of the noted length is the noted pair. */
    if (left->len == 0 || left->next == none) return;
    struct tokenizer_symbol *right = &s->symbols[left->next];
    if (left->len + right->len != c.len) return;
    left->id = c.merged;
    left->len = c.len;
    left->next = right->next;
    right->len = 0;
    if (left->next != none) s->symbols[left->next].previous = c.left;
    if (left->previous != none) push_pair(v, s, word, left->previous);
    push_pair(v, s, word, c.left);
}

static bool merge_long(const struct tokenizer_vocab *v, struct tokenizer_scratch *s,
                       int32_t unknown, struct span word, struct tokens *out) {
    if (!reserve_symbols(s, word.len)) return false;
    size_t count = split_symbols(v, s, word);
    s->heap_count = 0;
    for (size_t i = 0; i < count; i++) push_pair(v, s, word, (uint32_t)i);
    while (s->heap_count > 0) merge_candidate(v, s, word, heap_pop(s));
    for (uint32_t i = 0; i != none; i = s->symbols[i].next) {
        const struct tokenizer_symbol *symbol = &s->symbols[i];
        if (symbol->id >= 0)
            out->ids[out->count++] = symbol->id;
        else
            emit_bytes(v, unknown, (struct span){word.data + symbol->start, symbol->len}, out);
    }
    return true;
}

/* ---- the cache, and all together ---------------------------------------------------- */

static bool merge_uncached(const struct tokenizer_vocab *v, struct tokenizer_scratch *s,
                           const struct tokenizer_merge_options *options, struct span word,
                           struct tokens *out) {
    int32_t whole = options->whole_words ? tokenizer_vocab_find_plain(v, word) : -1;
    if (whole >= 0) {
        out->ids[out->count++] = whole;
        return true;
    }
    return merge_short(v, options->unknown, word, out) ||
           merge_long(v, s, options->unknown, word, out);
}

/* Where a word too long to merge at once is cut: between two characters. */
static size_t cut_len(struct span word) {
    size_t len = TOKENIZER_WORD_BYTES_MAX;
    for (int back = 0; back < 4; back++) /* a sequence has at most three continuation bytes */
        if (((uint8_t)word.data[len - (size_t)back] & 0xC0) != 0x80) return len - (size_t)back;
    return len;
}

bool tokenizer_merge_word(const struct tokenizer_vocab *v, struct tokenizer_scratch *s,
                          const struct tokenizer_merge_options *options, struct span word,
                          struct tokens *out) {
    while (word.len > TOKENIZER_WORD_BYTES_MAX) {
        struct span part = {word.data, cut_len(word)};
        if (!tokenizer_merge_reserve(out, part.len)) return false;
        if (!merge_uncached(v, s, options, part, out)) return false;
        word.data += part.len;
        word.len -= part.len;
    }
    if (word.len > CACHED_BYTES_MAX)
        return tokenizer_merge_reserve(out, word.len) && merge_uncached(v, s, options, word, out);
    if (!tokenizer_merge_reserve(out, CACHED_BYTES_MAX)) return false;
    if (word.len == 0) return true;
    uint64_t hash = tokenizer_vocab_hash(v, word);
    struct tokenizer_cached_word *cached = &s->cache[hash % TOKENIZER_CACHE_WORDS];
    if (cached->len == word.len && memcmp(cached->bytes, word.data, word.len) == 0) {
        int64_t at = out->count;
        out->count += cached->count;
        for (int i = 0; i < cached->count; i++) out->ids[at + i] = cached->ids[i];
        return true;
    }
    int64_t before = out->count;
    if (!merge_uncached(v, s, options, word, out)) return false;
    int64_t added = out->count - before;
    if (added > CACHED_IDS_MAX) return true;
    cached->len = (uint8_t)word.len;
    cached->count = (uint8_t)added;
    memcpy(cached->bytes, word.data, word.len);
    memcpy(cached->ids, out->ids + before, (size_t)added * sizeof *cached->ids);
    return true;
}
