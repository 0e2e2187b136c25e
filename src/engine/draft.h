/* draft.h - guesses the next tokens of an answer from what was already said, for free.
 *
 * An agent's answer often repeats its prompt: a file with one change, a quoted line.  The index
 * finds the last place where the newest tokens stood before (n-gram lookup, "prompt lookup
 * decoding": Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding) and proposes what
 * followed there.  The engine computes the proposal in the same pass as the next token
 * and keeps what the model itself would have said: the answer never changes, since a row's
 * logits do not depend on the other rows, and the sampler draws in the same order.
 *
 * How much to propose is a bet: struct draft_odds learns, per length of the match, how
 * often a proposed token was right, and what a pass over r rows costs on this machine.
 *
 * Engine thread only. */
#ifndef ENGINE_DRAFT_H
#define ENGINE_DRAFT_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

enum {
    DRAFT_MAX = 12,          /* tokens proposed at once */
    DRAFT_MATCH_MIN = 3,     /* tokens that must agree before anything is proposed */
    DRAFT_MATCH_MAX = 32,    /* a longer match tells no more */
    DRAFT_CLASSES = 4,       /* of match length: 3–5, 6–11, 12–23, 24– */
};

/* ---- the index of one sequence ---- */
struct draft_index {
    int32_t *last;           /* [slots]: position after the newest n-gram of this hash, or 0 */
    uint32_t slots;          /* a power of two */
    int indexed;             /* n-grams that end before this position are in the index */
};
bool draft_index_init(struct draft_index *x, int capacity, struct error *err);
void draft_index_deinit(struct draft_index *x);

struct draft {
    int32_t tokens[DRAFT_MAX];
    int count;
    int match;               /* tokens that agreed, at most DRAFT_MATCH_MAX */
};
/* What followed the newest tokens the last time; adds the tokens to the index.  count 0: nothing
 * is known. */
void draft_find(struct draft_index *x, const int32_t *tokens, int count, struct draft *out);

/* ---- the odds, shared by all sequences of an engine ---- */
struct draft_odds {
    double right[DRAFT_CLASSES];       /* share of proposed tokens that were right */
    double seconds[DRAFT_MAX + 2];     /* of a step with so many rows; 0: not seen yet */
};
void draft_odds_init(struct draft_odds *o);
/* How many of the proposal to compute so that tokens per second are greatest; may be 0. */
int draft_choose(const struct draft_odds *o, const struct draft *d);
/* A step had `rows` rows and took so long. */
void draft_saw_step(struct draft_odds *o, int rows, double seconds);
/* Of `tried` proposed tokens the first `right` were what the model said. */
void draft_saw_answer(struct draft_odds *o, int match, int tried, int right);

#endif
