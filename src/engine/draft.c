/* draft.c - proposals by n-gram lookup, and how far to trust them.  See draft.h. */
#include "engine/draft.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOTS_MIN = 1 << 10,
    SLOTS_MAX = 1 << 20,
};

/* Before anything was measured: a row more costs a tenth of a pass, and a proposal is
 * right as often as not.  Both are replaced by what happens. */
static const double row_cost_guess = 0.10, right_guess[DRAFT_CLASSES] = {0.35, 0.55, 0.75, 0.9};
static const double learn_cost = 0.2, learn_right = 0.06;

bool draft_index_init(struct draft_index *x, int capacity, struct error *err) {
    x->slots = SLOTS_MIN;
    while (x->slots < SLOTS_MAX && x->slots < (uint32_t)capacity) x->slots *= 2;
    x->last = calloc(x->slots, sizeof *x->last);
    x->indexed = 0;
    if (!x->last)
        return error_set(err, ERR_MEMORY, "no memory for an index of %u tokens", x->slots);
    return true;
}

void draft_index_deinit(struct draft_index *x) {
    free(x->last);
    x->last = NULL;
}

/* Of the DRAFT_MATCH_MIN tokens that end before `end`.  Collisions only cost a proposal: what is
 * found is compared token by token. */
static uint32_t slot_of(const struct draft_index *x, const int32_t *tokens, int end) {
    uint64_t h = 0;
    for (int i = end - DRAFT_MATCH_MIN; i < end; i++)
        h = (h ^ (uint32_t)tokens[i]) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 40) & (x->slots - 1);
}

void draft_find(struct draft_index *x, const int32_t *tokens, int count, struct draft *out) {
    out->count = out->match = 0;
    if (count < DRAFT_MATCH_MIN) return;
    if (x->indexed < DRAFT_MATCH_MIN) x->indexed = DRAFT_MATCH_MIN;
    for (int end = x->indexed; end < count; end++) x->last[slot_of(x, tokens, end)] = end;
    x->indexed = count;
    uint32_t slot = slot_of(x, tokens, count);
    int from = x->last[slot];
    x->last[slot] = count;
    while (out->match < DRAFT_MATCH_MAX && out->match < from &&
           tokens[from - 1 - out->match] == tokens[count - 1 - out->match])
        out->match++;
    if (out->match < DRAFT_MATCH_MIN) return;
    /* What is copied may itself run into the newest tokens: a repetition goes on repeating. */
    for (; out->count < DRAFT_MAX; out->count++) {
        int at = from + out->count;
        out->tokens[out->count] = at < count ? tokens[at] : out->tokens[at - count];
    }
}

static int class_of(int match) {
    return match < 6 ? 0 : match < 12 ? 1 : match < 24 ? 2 : 3;
}

void draft_odds_init(struct draft_odds *o) {
    memset(o, 0, sizeof *o);
    memcpy(o->right, right_guess, sizeof o->right);
}

static double step_seconds(const struct draft_odds *o, int rows) {
    if (o->seconds[rows] > 0) return o->seconds[rows];
    /* The nearest smaller count that was seen, and the guess from there. */
    int known = rows;
    while (known > 1 && o->seconds[known] == 0) known--;
    double base = o->seconds[known] > 0 ? o->seconds[known] : 1;
    return base * (1 + row_cost_guess * (rows - known));
}

int draft_choose(const struct draft_odds *o, const struct draft *d) {
    double p = o->right[class_of(d->match)], chance = 1, tokens = 1;
    double best = 1 / step_seconds(o, 1);
    int chosen = 0;
    for (int n = 1; n <= d->count; n++) {
        chance *= p;
        tokens += chance;
        double rate = tokens / step_seconds(o, n + 1);
        if (rate <= best) continue;
        best = rate;
        chosen = n;
    }
    return chosen;
}

void draft_saw_step(struct draft_odds *o, int rows, double seconds) {
    if (rows < 1 || rows > DRAFT_MAX + 1) return;
    double *s = &o->seconds[rows];
    *s = *s == 0 ? seconds : *s + learn_cost * (seconds - *s);
}

void draft_saw_answer(struct draft_odds *o, int match, int tried, int right) {
    double *p = &o->right[class_of(match)];
    for (int i = 0; i < right; i++) *p += learn_right * (1 - *p);
    if (right < tried) *p += learn_right * (0 - *p);
    /* Hopeless odds must stay able to recover: one token is proposed now and then. */
    if (*p < 0.02) *p = 0.02;
}
