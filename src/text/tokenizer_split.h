/* tokenizer_split.h - hand-made matchers of the two families of pre-tokenizer patterns that nearly
 * every model uses: GPT-2's and Llama 3's.
 *
 * They give the words that the patterns in tokenizer_pre.c give (a test compares them over random
 * text) an order of magnitude faster than a pattern engine.  Pure functions; any thread. */
#ifndef TEXT_TOKENIZER_SPLIT_H
#define TEXT_TOKENIZER_SPLIT_H
#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"

/* Gets the words in order; they cover the text.  False stops the run. */
typedef bool tokenizer_word_fn(void *arg, struct span word);

enum tokenizer_split_family {
    TOKENIZER_SPLIT_NONE,
    /* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
    TOKENIZER_SPLIT_GPT2,
    /* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits_max}|
     *  ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
    TOKENIZER_SPLIT_LLAMA3,
};

struct tokenizer_split {
    enum tokenizer_split_family family;
    bool isolate_numbers;  /* GPT2: first each \p{N} is cut out; the pattern runs between them */
    bool marks_as_letters; /* LLAMA3: [\p{L}\p{M}] where the pattern above has \p{L}, but for the
                            * optional character in front */
    bool contractions;     /* LLAMA3: false leaves the first alternative out */
    int digits_max;        /* LLAMA3 */
};

/* A byte that is not part of well-formed UTF-8 is a character of no class. */
bool tokenizer_split_run(const struct tokenizer_split *rule, struct span text,
                         tokenizer_word_fn *word, void *arg);

#endif
