/* grammar_tokens.h - which tokens of a vocabulary a grammar lets an answer go on with.
 *
 * End tokens may come where the grammar may end, other control tokens never, the rest where their
 * bytes fit.  Used by one thread at a time: the engine's. */
#ifndef TEXT_GRAMMAR_TOKENS_H
#define TEXT_GRAMMAR_TOKENS_H
#include "text/grammar.h"
#include "text/tokenizer.h"

struct grammar_tokens;

/* Retains the grammar; borrows the tokenizer.  NULL: no memory. */
struct grammar_tokens *grammar_tokens_open(struct grammar *g, const struct tokenizer *t);
void grammar_tokens_close(struct grammar_tokens *s);
bool grammar_tokens_may(struct grammar_tokens *s, int32_t token);
void grammar_tokens_accept(struct grammar_tokens *s, int32_t token);

#endif
