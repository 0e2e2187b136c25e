/* tokenizer_special.h - which token means what: begin and end, fill-in-the-middle, by the file's
 * metadata and, where that is silent, by well-known names.
 *
 * The names and their meanings are a table in tokenizer_special.c. */
#ifndef TEXT_TOKENIZER_SPECIAL_H
#define TEXT_TOKENIZER_SPECIAL_H
#include "text/tokenizer.h"
#include "text/tokenizer_vocab.h"

enum { TOKENIZER_NAMES_MAX = 64, TOKENIZER_ENDS_MAX = TOKENIZER_NAMES_MAX + 8 };

struct tokenizer_special_names { /* the well-known names that the vocabulary has */
    int32_t ids[TOKENIZER_NAMES_MAX]; /* by row of the table; -1: absent */
};
void tokenizer_special_names_init(struct tokenizer_special_names *names);
/* Told of every token's text; keeps those with a well-known name. */
void tokenizer_special_note(struct tokenizer_special_names *names, struct span text, int32_t id);

struct tokenizer_ends {
    int32_t ids[TOKENIZER_ENDS_MAX];
    int count;
};

/* Fills out and ends, and marks what must be control tokens in v->flags.  adds_bos: what the
 * pre-tokenizer says where the metadata does not. */
bool tokenizer_special_read(const struct gguf *g, struct tokenizer_vocab *v,
                            const struct tokenizer_special_names *names, bool adds_bos,
                            struct tokenizer_special *out, struct tokenizer_ends *ends,
                            struct error *err);

/* Phi-3's special tokens swallow the white space behind them; files do not say so but by the
 * model's name (general.name). */
bool tokenizer_special_read_strip(const struct gguf *g, struct tokenizer_vocab *v,
                                  struct error *err);

#endif
