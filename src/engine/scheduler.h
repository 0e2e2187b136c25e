/* scheduler.h - which tokens are computed next: continuous batching with chunked prefill.
 *
 * A step is one batch: first one row for every sequence that is decoding, then the oldest
 * prefilling sequences' next chunks in what is left of the row budget.  While others decode, a
 * chunk is kept so small that their next token is not held up for long.
 *
 * Memory: a sequence takes pages as it grows.  When the pool is full, idle pages of the prefix
 * tree go first, then the youngest running sequence goes back to waiting (its pages stay in the
 * tree as long as nobody needs them) until the older ones are done.
 *
 * Engine thread only. */
#ifndef ENGINE_SCHEDULER_H
#define ENGINE_SCHEDULER_H
#include "engine/sequence.h"
#include "model/model.h"

struct scheduler_options {
    struct model *model;                    /* all borrowed */
    const struct backend_kv_layout *layout;
    struct sequence_env env;
    int rows_max;                           /* of a step */
    int parallel;
    bool continuous;                        /* false: admit only when nothing runs */
};

struct scheduler;

struct scheduler *scheduler_open(const struct scheduler_options *options, struct error *err);
void scheduler_close(struct scheduler *s);  /* ends every sequence as cancelled */

/* Takes the ticket (one ownership of it); a failure is reported through it. */
void scheduler_add(struct scheduler *s, struct ticket *ticket);

enum scheduler_result {
    SCHEDULER_IDLE,    /* no sequences at all                                    */
    SCHEDULER_BLOCKED, /* sequences, but all wait for their callers to read      */
    SCHEDULER_STEPPED,
};
/* Ends what is over, admits what fits, computes one batch. */
enum scheduler_result scheduler_step(struct scheduler *s);

struct scheduler_counts {
    int waiting, running;
    int64_t prompt_tokens, cached_tokens, generated_tokens, steps;
    int64_t restored_tokens;                          /* of cached_tokens, read from disk */
    int64_t drafted_tokens, confirmed_tokens;         /* proposed; proposed and right */
    double prefill_tokens_per_s, decode_tokens_per_s; /* of recent steps; 0: none yet */
};
void scheduler_counts(const struct scheduler *s, struct scheduler_counts *out);

#endif
