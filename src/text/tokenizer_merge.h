/* tokenizer_merge.h - one word into tokens by merging neighbours, best pair first, and a cache of
 * words seen before.
 *
 * The result is a function of the word and the vocabulary alone; the cache changes its cost only.
 * A scratch belongs to one thread at a time. */
#ifndef TEXT_TOKENIZER_MERGE_H
#define TEXT_TOKENIZER_MERGE_H
#include "text/tokenizer.h"
#include "text/tokenizer_pre.h"
#include "text/tokenizer_vocab.h"

enum {
    /* A longer word is cut here (between characters) and its parts are merged alone.  That bounds
     * memory: 2^20 letters take 20 MiB of symbols and 48 MiB of heap. */
    TOKENIZER_WORD_BYTES_MAX = 1 << 20,
    TOKENIZER_CACHE_WORDS = 1 << 13, /* × 64 bytes = 512 KiB: stays in L2 */
};

struct tokenizer_cached_word;
struct tokenizer_symbol;
struct tokenizer_candidate;

struct tokenizer_scratch {
    struct tokenizer_scratch *next; /* in the tokenizer's list of idle ones */
    struct tokenizer_cached_word *cache;
    struct tokenizer_symbol *symbols;     /* for long words */
    struct tokenizer_candidate *heap;
    size_t symbol_capacity, heap_capacity, heap_count;
    struct tokenizer_pre_scratch pre;
    struct str joined;  /* pieces, put together */
    struct str escaped; /* SPM: text with "▁" for its spaces */
};

struct tokenizer_scratch *tokenizer_merge_scratch_open(void); /* NULL: no memory */
void tokenizer_merge_scratch_close(struct tokenizer_scratch *s);
/* Gives back what only unusual words needed. */
void tokenizer_merge_scratch_shrink(struct tokenizer_scratch *s);

struct tokenizer_merge_options {
    bool whole_words; /* a word that is itself a token is taken as it is ("ignore_merges") */
    int32_t unknown;  /* SPM: for bytes that have no token; -1: nothing */
};

/* Appends the ids of word; false: no memory. */
bool tokenizer_merge_word(const struct tokenizer_vocab *v, struct tokenizer_scratch *s,
                          const struct tokenizer_merge_options *options, struct span word,
                          struct tokens *out);

/* Room for more ids; false: no memory. */
bool tokenizer_merge_reserve(struct tokens *t, size_t more);

#endif
