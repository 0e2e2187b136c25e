/* grammar_tokens.c - see grammar_tokens.h. */
#include "text/grammar_tokens.h"
#include <stdlib.h>

struct grammar_tokens {
    struct grammar_state *state;
    const struct tokenizer *tokenizer;
};

struct grammar_tokens *grammar_tokens_open(struct grammar *g, const struct tokenizer *t) {
    struct grammar_tokens *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    *s = (struct grammar_tokens){grammar_state_open(g), t};
    if (s->state != NULL) return s;
    free(s);
    return NULL;
}

void grammar_tokens_close(struct grammar_tokens *s) {
    if (s == NULL) return;
    grammar_state_close(s->state);
    free(s);
}

bool grammar_tokens_may(struct grammar_tokens *s, int32_t token) {
    if (tokenizer_is_end(s->tokenizer, token)) return grammar_state_complete(s->state);
    return grammar_state_may(s->state, tokenizer_bytes(s->tokenizer, token)) &&
           !tokenizer_is_control(s->tokenizer, token);
}

void grammar_tokens_accept(struct grammar_tokens *s, int32_t token) {
    if (!tokenizer_is_end(s->tokenizer, token))
        grammar_state_add(s->state, tokenizer_bytes(s->tokenizer, token));
}
