/* sampler.c - from logits to one token.
 *
 * Most of a vocabulary of 150,000 is irrelevant to a draw, so nothing here sorts it all.  The
 * candidates are those within a window below the best logit; the window widens (8, 16, then
 * TAIL) until the filters, or the random number, are settled inside it.  What lies
 * below TAIL nats weighs less than 150,000·e^−40 < 10^−12 and is never drawn. */
#include "engine/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PENALTY_WINDOW_MAX = 1 << 20 };

static const double windows[] = {8, 16, 40};
enum { WINDOWS = sizeof windows / sizeof *windows };

struct candidate {
    int32_t token;
    float logit;
    double p, distance; /* scratch of the filters */
};

struct sampler {
    struct sampling s;
    struct sampler_math math;
    struct random random;
    struct sampling_bias *bias;
    int bias_count, vocab;

    /* Penalties: how often each token occurs in the last `window` tokens. */
    bool penalties;
    int32_t *ring;            /* [ring_capacity]: the window, oldest first from ring_at */
    int ring_capacity, ring_count, ring_at;
    uint32_t *occurs;         /* [vocab] */
    int32_t *seen;            /* tokens with occurs > 0, and some whose occurs fell to 0 again */
    bool *is_seen;            /* [vocab]: is in seen */
    int seen_count;

    struct candidate *candidates; /* [vocab] */
};

/* ---- parameters ---- */

void sampling_default(struct sampling *s) {
    *s = (struct sampling){.temperature = 1, .top_p = 1, .typical_p = 1, .repetition_penalty = 1,
                           .penalty_window = 64};
}

struct range {
    const char *name;
    double value, min, max;
};

bool sampling_check(const struct sampling *s, struct error *err) {
    const struct range ranges[] = {
        {"temperature", (double)s->temperature, 0, 100},
        {"top_k", s->top_k, 0, 1 << 30},
        {"top_p", (double)s->top_p, 0, 1},
        {"min_p", (double)s->min_p, 0, 1},
        {"typical_p", (double)s->typical_p, 0, 1},
        {"repetition_penalty", (double)s->repetition_penalty, 0.01, 100},
        {"presence_penalty", (double)s->presence_penalty, -2, 2},
        {"frequency_penalty", (double)s->frequency_penalty, -2, 2},
        {"penalty_window", s->penalty_window, -1, PENALTY_WINDOW_MAX},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const struct range *r = &ranges[i];
        if (!(r->value >= r->min && r->value <= r->max)) /* NaN fails too */
            return error_set(err, ERR_ARGUMENT, "%s is %g; must be %g to %g", r->name, r->value,
                             r->min, r->max);
    }
    return true;
}

static bool has_penalties(const struct sampling *s) {
    return s->penalty_window != 0 &&
           (s->repetition_penalty != 1 || s->presence_penalty != 0 || s->frequency_penalty != 0);
}

static bool allocate(struct sampler *p, const struct sampling_bias *bias, struct error *err) {
    size_t vocab = (size_t)p->vocab;
    p->candidates = malloc(vocab * sizeof *p->candidates);
    p->bias = calloc((size_t)p->bias_count + 1, sizeof *p->bias);
    if (p->penalties) {
        p->ring_capacity = p->s.penalty_window < 0 ? 0 : p->s.penalty_window;
        p->ring = calloc((size_t)p->ring_capacity + 1, sizeof *p->ring);
        p->occurs = calloc(vocab, sizeof *p->occurs);
        p->seen = calloc(vocab, sizeof *p->seen);
        p->is_seen = calloc(vocab, sizeof *p->is_seen);
    }
    bool got = p->candidates && p->bias;
    if (!got || (p->penalties && (!p->ring || !p->occurs || !p->seen || !p->is_seen)))
        return error_set(err, ERR_MEMORY, "no memory for sampling");
    for (int i = 0; i < p->bias_count; i++) {
        if (bias[i].token < 0 || bias[i].token >= p->vocab)
            return error_set(err, ERR_ARGUMENT, "logit_bias: token %d is not in the vocabulary "
                             "(0 to %d)", bias[i].token, p->vocab - 1);
        p->bias[i] = bias[i];
    }
    return true;
}

struct sampler *sampler_open(const struct sampling *s, const struct sampling_bias *bias,
                             int bias_count, int vocab, const struct sampler_math *math,
                             struct error *err) {
    if (!sampling_check(s, err)) return NULL;
    struct sampler *p = calloc(1, sizeof *p);
    if (!p) {
        error_set(err, ERR_MEMORY, "no memory for sampling");
        return NULL;
    }
    *p = (struct sampler){.s = *s, .math = *math, .bias_count = bias_count, .vocab = vocab,
                          .penalties = has_penalties(s)};
    random_init(&p->random, s->seed_set ? s->seed : random_entropy());
    if (!allocate(p, bias, err)) {
        sampler_close(p);
        return NULL;
    }
    return p;
}

void sampler_close(struct sampler *p) {
    if (!p) return;
    free(p->candidates);
    free(p->bias);
    free(p->ring);
    free(p->occurs);
    free(p->seen);
    free(p->is_seen);
    free(p);
}

/* ---- penalties ---- */

void sampler_accept(struct sampler *p, int32_t token) {
    if (!p->penalties || token < 0 || token >= p->vocab) return;
    if (p->ring_capacity > 0) {
        if (p->ring_count == p->ring_capacity) p->occurs[p->ring[p->ring_at]]--;
        else p->ring_count++;
        p->ring[p->ring_at] = token;
        p->ring_at = (p->ring_at + 1) % p->ring_capacity;
    }
    if (!p->is_seen[token]) p->seen[p->seen_count++] = token;
    p->is_seen[token] = true;
    p->occurs[token]++;
}

static void penalize(struct sampler *p, float *logits) {
    int kept = 0;
    for (int i = 0; i < p->seen_count; i++) {
        int32_t token = p->seen[i];
        uint32_t times = p->occurs[token];
        p->is_seen[token] = times > 0;
        if (times == 0) continue; /* left the window: forgotten */
        p->seen[kept++] = token;
        float *l = &logits[token];
        *l = *l > 0 ? *l / p->s.repetition_penalty : *l * p->s.repetition_penalty;
        *l -= p->s.presence_penalty + (float)times * p->s.frequency_penalty;
    }
    p->seen_count = kept;
}

/* ---- candidates ---- */

static int gather(struct sampler *p, const float *logits, float floor_logit) {
    int count = 0;
    for (int32_t i = 0; i < p->vocab; i++)
        if (logits[i] >= floor_logit)
            p->candidates[count++] = (struct candidate){.token = i, .logit = logits[i]};
    return count;
}

static int by_logit(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return (x->token > y->token) - (x->token < y->token);
}

/* p of each = exp(logit − log_total); returns their sum. */
static double fill_p(struct candidate *c, int count, double log_total) {
    double sum = 0;
    for (int i = 0; i < count; i++) sum += c[i].p = exp((double)c[i].logit - log_total);
    return sum;
}

/* ---- filters: each returns how many of the sorted candidates stay, at least one ---- */

static int keep_top_p(const struct candidate *c, int count, double total, double top_p) {
    double sum = 0;
    for (int i = 0; i < count; i++)
        if ((sum += c[i].p) >= top_p * total) return i + 1;
    return count;
}

static int keep_min_p(const struct candidate *c, int count, double min_p) {
    int kept = 1;
    while (kept < count && c[kept].p >= min_p * c[0].p) kept++;
    return kept;
}

static int by_distance(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return (x->token > y->token) - (x->token < y->token);
}

/* The candidates whose surprise is nearest to the entropy, until they weigh typical_p. */
static int keep_typical(struct candidate *c, int count, double total, double typical_p) {
    double entropy = 0;
    for (int i = 0; i < count; i++)
        if (c[i].p > 0) entropy -= c[i].p / total * log(c[i].p / total);
    for (int i = 0; i < count; i++)
        c[i].distance = c[i].p > 0 ? fabs(-log(c[i].p / total) - entropy) : INFINITY;
    qsort(c, (size_t)count, sizeof *c, by_distance);
    int kept = keep_top_p(c, count, total, typical_p);
    qsort(c, (size_t)kept, sizeof *c, by_logit);
    return kept;
}

/* What the filters leave of the candidates within `window` of the best logit; 0 when the window is
 * too narrow to tell.  The last window always tells. */
static int filter(struct sampler *p, const float *logits, int32_t best, double window, bool last) {
    const struct sampling *s = &p->s;
    struct candidate *c = p->candidates;
    double max = (double)logits[best], total = 1;
    int count = gather(p, logits, (float)(max - window));
    qsort(c, (size_t)count, sizeof *c, by_logit);
    bool cut = s->top_k > 0 && s->top_k <= count; /* from here on the rest does not matter */
    if (s->top_k > 0 && !cut && !last) return 0;
    if (cut) count = s->top_k;
    if (cut) total = fill_p(c, count, max);
    else fill_p(c, count, p->math.log_sum_exp(logits, p->vocab));
    if (s->typical_p < 1) {
        if (!cut && !last) return 0;
        count = keep_typical(c, count, total, (double)s->typical_p);
        total = 0;
        for (int i = 0; i < count; i++) total += c[i].p;
    }
    if (s->top_p < 1) {
        double sum = 0;
        for (int i = 0; i < count; i++) sum += c[i].p;
        if (!cut && !last && sum < (double)s->top_p * total) return 0;
        count = keep_top_p(c, count, total, (double)s->top_p);
        cut = true;
    }
    if (s->min_p > 0) {
        if (!cut && !last && window < -log((double)s->min_p)) return 0;
        count = keep_min_p(c, count, (double)s->min_p);
    }
    return count;
}

/* ---- the draw ---- */

/* The candidate where the running sum of exp((logit − max)/T) passes u of the whole. */
static int32_t draw(const struct candidate *c, int count, double temperature, double u) {
    double total = 0, sum = 0, max = (double)c[0].logit;
    for (int i = 0; i < count; i++) total += exp(((double)c[i].logit - max) / temperature);
    for (int i = 0; i < count; i++)
        if ((sum += exp(((double)c[i].logit - max) / temperature)) > u * total) return c[i].token;
    return c[count - 1].token;
}

/* No filters: draws from the whole vocabulary, looking at the likely part first. */
static int32_t draw_all(struct sampler *p, float *logits, int32_t best, double u) {
    float inverse = 1 / p->s.temperature;
    for (int i = 0; i < p->vocab; i++) logits[i] *= inverse;
    double log_total = p->math.log_sum_exp(logits, p->vocab), sum = 0;
    float above = INFINITY; /* what the windows before have covered */
    for (int w = 0; w < WINDOWS; w++) {
        float floor_logit = (float)((double)logits[best] - windows[w]);
        for (int32_t i = 0; i < p->vocab; i++) {
            if (!(logits[i] >= floor_logit && logits[i] < above)) continue;
            if ((sum += exp((double)logits[i] - log_total)) > u) return i;
        }
        above = floor_logit;
    }
    return best; /* u fell into the rounding of the sum */
}

int32_t sampler_sample(struct sampler *p, float *logits) {
    const struct sampling *s = &p->s;
    for (int i = 0; i < p->bias_count; i++) {
        if (p->bias[i].bias <= -100) logits[p->bias[i].token] = -INFINITY;
        else logits[p->bias[i].token] += p->bias[i].bias;
    }
    if (p->penalties) penalize(p, logits);
    int32_t best = (int32_t)p->math.argmax(logits, p->vocab);
    if (s->temperature == 0 || !isfinite(logits[best])) return best;
    double u = random_unit(&p->random);
    bool filters = s->top_k > 0 || s->typical_p < 1 || s->top_p < 1 || s->min_p > 0;
    if (!filters) return draw_all(p, logits, best, u);
    for (int w = 0; w < WINDOWS; w++) {
        /* A high temperature lifts the tail: the last window grows with it. */
        double grow = s->temperature > 1 ? (double)s->temperature : 1;
        bool last = w == WINDOWS - 1;
        int count = filter(p, logits, best, last ? windows[w] * grow : windows[w], last);
        if (count > 0) return draw(p->candidates, count, (double)s->temperature, u);
    }
    return best;
}
