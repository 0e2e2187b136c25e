/* tokenizer_pre.h - cuts text into the words within which byte-pair merges happen.
 *
 * A model names its pre-tokenizer in tokenizer.ggml.pre; the names and their patterns are a table
 * in tokenizer_pre.c.  A pre-tokenizer is one or more patterns: the first cuts the text into its
 * matches and what lies between them, the next does the same within each of those, and so on. The
 * common ones run as the hand-made matchers of tokenizer_split.h, the rest in PCRE2. */
#ifndef TEXT_TOKENIZER_PRE_H
#define TEXT_TOKENIZER_PRE_H
#include "base/error.h"
#include "base/str.h"
#include "text/tokenizer_split.h"

struct tokenizer_pre; /* immutable after open: any thread */

struct tokenizer_pre_options {
    struct span name;   /* as in tokenizer.ggml.pre; empty: "default" */
    bool patterns_only; /* never the hand-made matcher: the reference for tests */
};

/* An unknown name is ERR_UNSUPPORTED with the list of those that we have. */
struct tokenizer_pre *tokenizer_pre_open(const struct tokenizer_pre_options *options,
                                         struct error *err);
void tokenizer_pre_close(struct tokenizer_pre *p);

/* What the row says beside the patterns. */
bool tokenizer_pre_ignores_merges(const struct tokenizer_pre *p); /* a word that is a token stays */
bool tokenizer_pre_adds_bos(const struct tokenizer_pre *p);       /* unless the metadata objects */

/* The names, for messages and tests; NULL past the last. */
const char *tokenizer_pre_name(int index);

/* What one thread needs to run patterns; zeroed is ready, deinit frees. */
struct tokenizer_pre_scratch {
    void *match_data; /* pcre2_match_data */
    void *context;    /* pcre2_match_context */
    void *jit_stack;  /* pcre2_jit_stack */
    struct str shadow;
};
void tokenizer_pre_scratch_deinit(struct tokenizer_pre_scratch *s);

struct tokenizer_words { /* whom to tell */
    tokenizer_word_fn *word;
    void *arg;
};

/* Gives the words of text in order; together they are the text, byte for byte, whatever the bytes
 * are.  False when a callback said so (err untouched) or with err set. */
bool tokenizer_pre_run(const struct tokenizer_pre *p, struct tokenizer_pre_scratch *s,
                       struct span text, struct tokenizer_words words, struct error *err);

#endif
