/* scheduler.c - which tokens are computed next.  See scheduler.h. */
#include "engine/scheduler.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
    CHUNK_ROWS_MIN = 32,       /* below this a prefill chunk wastes the weights it reads */
    CHUNK_BESIDE_DECODE_MS = 200, /* how long a chunk may hold up somebody's next token */
    PROGRESS_EVERY_MS = 250,
    DISK_WAIT_MS = 20,         /* when there is nothing to compute: look again */
    STALL_MS_MAX = 60 * 1000,  /* a caller that reads nothing for so long is gone */
    DRAFT_SEQUENCES_MAX = 4,   /* with more of them the pass is full of work without guesses */
    LOGIT_ROWS_MAX = ENGINE_PARALLEL_MAX + DRAFT_SEQUENCES_MAX * DRAFT_MAX,
};

struct scheduler {
    struct scheduler_options o;
    struct sequence *waiting[ENGINE_QUEUE_MAX + ENGINE_PARALLEL_MAX]; /* oldest first */
    int waiting_count;
    struct sequence *running[ENGINE_PARALLEL_MAX];                    /* oldest first */
    int running_count;
    struct scheduler_counts counts;

    /* The batch at hand. */
    int32_t *tokens, *positions;                  /* [rows_max] */
    int rows, prefill_rows, span_count, logit_count;
    struct backend_span spans[ENGINE_PARALLEL_MAX];
    struct sequence *owners[ENGINE_PARALLEL_MAX]; /* of the spans */
    float *raw;                                   /* [vocab] logits before the sampler's changes */
    int logit_rows[LOGIT_ROWS_MAX];               /* ascending; more than one a span: drafts */
    struct draft_odds odds;
};

struct scheduler *scheduler_open(const struct scheduler_options *options, struct error *err) {
    struct scheduler *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(err, ERR_MEMORY, "no memory for the scheduler");
        return NULL;
    }
    s->o = *options;
    draft_odds_init(&s->odds);
    s->tokens = calloc((size_t)options->rows_max, sizeof *s->tokens);
    s->positions = calloc((size_t)options->rows_max, sizeof *s->positions);
    s->raw = calloc((size_t)options->env.vocab, sizeof *s->raw);
    if (!s->tokens || !s->positions || !s->raw) {
        error_set(err, ERR_MEMORY, "no memory for batches of %d rows", options->rows_max);
        scheduler_close(s);
        return NULL;
    }
    return s;
}

/* ---- the end of a sequence ---- */

static struct engine_event describe(const struct sequence *q, enum engine_event_type type) {
    int64_t now = clock_ms();
    return (struct engine_event){
        .type = type,
        .queued = q->state == SEQ_WAITING,
        .prompt_total = q->prompt_count,
        .prompt_cached = q->cached,
        .prompt_processed = q->computed < q->prompt_count ? q->computed : q->prompt_count,
        .time_ms = now - q->ticket->submitted_ms,
        .eta_ms = -1,
    };
}

static void finish(struct scheduler *s, struct sequence *q, enum engine_finish why,
                   const struct error *error) {
    struct engine_event done = describe(q, ENGINE_DONE);
    int64_t now = clock_ms(), first = q->first_token_ms ? q->first_token_ms : now;
    done.finish = why;
    done.generated = sequence_generated(q);
    done.prefill_ms = q->was_admitted ? first - q->admitted_ms : 0;
    done.decode_ms = q->first_token_ms ? now - first : 0;
    if (error) done.error = *error;
    ticket_put_done(q->ticket, &done);
    sequence_move(q, SEQ_DONE);
    sequence_close(q, &s->o.env);
}

static void remove_at(struct sequence **list, int *count, int index) {
    memmove(list + index, list + index + 1, (size_t)(*count - index - 1) * sizeof *list);
    (*count)--;
}

/* Whether the caller is gone, or has waited too long; fills why and error. */
static bool over(const struct sequence *q, int64_t now, enum engine_finish *why,
                 struct error *error) {
    *why = ENGINE_FINISH_CANCELLED;
    if (atomic_load(&q->ticket->cancelled)) return true;
    if (ticket_stalled_ms(q->ticket, now) > STALL_MS_MAX) return true;
    int64_t deadline = q->ticket->request.deadline_ms;
    if (deadline == 0 || now < deadline) return false;
    *why = ENGINE_FINISH_ERROR;
    error_set(error, ERR_TIMEOUT, "the deadline passed after %lld ms with %d of %d prompt tokens "
              "computed and %d generated", (long long)(now - q->ticket->submitted_ms),
              q->computed < q->prompt_count ? q->computed : q->prompt_count, q->prompt_count,
              sequence_generated(q));
    return true;
}

static void reap(struct scheduler *s, struct sequence **list, int *count) {
    int64_t now = clock_ms();
    for (int i = *count - 1; i >= 0; i--) {
        enum engine_finish why;
        struct error error = {0};
        if (!over(list[i], now, &why, &error)) continue;
        struct sequence *q = list[i];
        remove_at(list, count, i);
        finish(s, q, why, error.code ? &error : NULL);
    }
}

void scheduler_close(struct scheduler *s) {
    if (!s) return;
    for (int i = 0; i < s->running_count; i++)
        finish(s, s->running[i], ENGINE_FINISH_CANCELLED, NULL);
    for (int i = 0; i < s->waiting_count; i++)
        finish(s, s->waiting[i], ENGINE_FINISH_CANCELLED, NULL);
    free(s->tokens);
    free(s->positions);
    free(s->raw);
    free(s);
}

/* ---- coming in ---- */

void scheduler_add(struct scheduler *s, struct ticket *ticket) {
    struct error err = {0};
    struct sequence *q = sequence_open(ticket, &s->o.env, &err);
    assert(s->waiting_count < ENGINE_QUEUE_MAX + ENGINE_PARALLEL_MAX);
    if (q) {
        s->waiting[s->waiting_count++] = q;
        return;
    }
    ticket_put_done(ticket, &(struct engine_event){.type = ENGINE_DONE,
                                                   .finish = ENGINE_FINISH_ERROR, .error = err});
    ticket_drop(ticket);
}

static void admit(struct scheduler *s) {
    if (!s->o.continuous && s->running_count > 0) return;
    while (s->waiting_count > 0 && s->running_count < s->o.parallel) {
        struct sequence *q = s->waiting[0];
        bool again = q->was_admitted;
        remove_at(s->waiting, &s->waiting_count, 0);
        sequence_admit(q, &s->o.env, clock_ms());
        if (!again) s->counts.prompt_tokens += q->prompt_count;
        if (!again) s->counts.cached_tokens += q->cached;
        s->running[s->running_count++] = q;
    }
}

/* Takes what the disk has brought.  A preempted sequence's pages were counted before. */
static bool restore(struct scheduler *s) {
    bool active = false;
    int64_t now = clock_ms();
    if (!s->o.env.store) return false;
    kv_store_collect(s->o.env.store);
    for (int i = 0; i < s->running_count; i++) {
        struct sequence *q = s->running[i];
        if (!q->store.active) continue;
        int restored = sequence_store_step(q, &s->o.env, now);
        active = active || q->store.active;
        s->counts.restored_tokens += restored;
        if (q->was_preempted) continue;
        q->cached += restored;
        s->counts.cached_tokens += restored;
    }
    return active;
}

/* The youngest sequence that is not in the batch gives up its pages. */
static bool preempt_other(struct scheduler *s, const struct sequence *keep) {
    for (int i = s->running_count - 1; i >= 0; i--) {
        struct sequence *q = s->running[i];
        bool in_batch = q == keep;
        for (int j = 0; j < s->span_count && !in_batch; j++) in_batch = s->owners[j] == q;
        if (in_batch || q->page_count == 0) continue;
        remove_at(s->running, &s->running_count, i);
        sequence_preempt(q, &s->o.env);
        memmove(s->waiting + 1, s->waiting, (size_t)s->waiting_count * sizeof *s->waiting);
        s->waiting[0] = q;
        s->waiting_count++;
        return true;
    }
    return false;
}

/* ---- building a batch ---- */

static bool reserve(struct scheduler *s, struct sequence *q, int end) {
    while (!sequence_reserve(q, &s->o.env, end))
        if (!preempt_other(s, q)) return false;
    return true;
}

/* A span of the sequence's next `rows` tokens, of which the last `drafted` are proposals. */
static void add_span(struct scheduler *s, struct sequence *q, int rows, int drafted) {
    s->spans[s->span_count] = (struct backend_span){
        .row = s->rows, .row_count = rows, .position = q->computed, .pages = q->page_data};
    s->owners[s->span_count++] = q;
    for (int i = 0; i < rows; i++) {
        int known = rows - drafted;
        s->tokens[s->rows + i] =
            i < known ? q->tokens[q->computed + i] : q->draft.tokens[i - known];
        s->positions[s->rows + i] = q->computed + i;
    }
    q->draft_right = 0;
    q->draft.count = drafted;
    s->rows += rows;
    if (q->computed + rows - drafted < q->count) return;
    for (int i = drafted; i >= 0; i--) s->logit_rows[s->logit_count++] = s->rows - 1 - i;
}

/* How many tokens to propose for a decoding sequence; they are in q->draft. */
static int propose(struct scheduler *s, struct sequence *q, int decoding) {
    if (!s->o.env.draft || decoding > DRAFT_SEQUENCES_MAX) return 0;
    draft_find(&q->index, q->tokens, q->count, &q->draft);
    if (q->draft.count == 0) return 0;
    int most = q->capacity - 1 - q->count; /* what the answer may still grow by, less one */
    int chosen = draft_choose(&s->odds, &q->draft), left = s->o.rows_max - s->rows - decoding;
    if (chosen > most) chosen = most;
    if (chosen > left) chosen = left;
    return chosen > 0 && ticket_room(q->ticket) > chosen ? chosen : 0;
}

static int chunk_limit(const struct scheduler *s) {
    int left = s->o.rows_max - s->rows;
    if (s->rows == 0) return left; /* nobody decodes */
    double rate = s->counts.prefill_tokens_per_s;
    if (rate == 0) return left < 4 * CHUNK_ROWS_MIN ? left : 4 * CHUNK_ROWS_MIN;
    int rows = (int)(rate * CHUNK_BESIDE_DECODE_MS / 1000) - s->rows;
    if (rows < CHUNK_ROWS_MIN) rows = CHUNK_ROWS_MIN;
    return rows < left ? rows : left;
}

static void build(struct scheduler *s) {
    s->rows = s->prefill_rows = s->span_count = s->logit_count = 0;
    int decoding = 0;
    for (int i = 0; i < s->running_count; i++) decoding += s->running[i]->state == SEQ_DECODE;
    /* By age, so that a full pool takes from the youngest; preemption may shorten the list. */
    for (int i = 0; i < s->running_count; i++) {
        struct sequence *q = s->running[i];
        if (q->state != SEQ_DECODE || s->rows == s->o.rows_max) continue;
        if (ticket_room(q->ticket) == 0) continue;
        int drafted = propose(s, q, decoding);
        /* Nobody gives up pages for a guess. */
        if (!sequence_reserve(q, &s->o.env, q->count + drafted)) drafted = 0;
        if (reserve(s, q, q->count + drafted)) add_span(s, q, 1 + drafted, drafted);
    }
    int budget = chunk_limit(s);
    for (int i = 0; i < s->running_count && budget > 0; i++) {
        struct sequence *q = s->running[i];
        if (q->state != SEQ_PREFILL || q->store.active) continue;
        int rows = sequence_pending(q) < budget ? sequence_pending(q) : budget;
        /* The last row brings a token.  Only one that was preempted can find its ring full. */
        if (rows == sequence_pending(q) && ticket_room(q->ticket) == 0) rows--;
        if (rows == 0 || !reserve(s, q, q->computed + rows)) continue;
        add_span(s, q, rows, 0);
        s->prefill_rows += rows;
        budget -= rows;
    }
}

/* ---- one step ---- */

static struct sequence *owner_of(struct scheduler *s, int row, int *span) {
    for (int i = 0; i < s->span_count; i++)
        if (row >= s->spans[i].row && row < s->spans[i].row + s->spans[i].row_count) {
            *span = i;
            return s->owners[i];
        }
    assert(!"a row without an owner");
    return NULL;
}

/* The n best of the raw distribution, best first: n passes would read the vocabulary n times. */
static void fill_top(const float *logits, int vocab, int n, double log_sum,
                     struct ticket_token *out) {
    out->top_count = 0;
    for (int32_t i = 0; i < vocab; i++) {
        float l = (float)((double)logits[i] - log_sum);
        if (out->top_count == n && !(l > out->top[n - 1].logprob)) continue;
        int at = out->top_count < n ? out->top_count++ : n - 1;
        for (; at > 0 && out->top[at - 1].logprob < l; at--) out->top[at] = out->top[at - 1];
        out->top[at] = (struct engine_logprob){i, l};
    }
}

static bool is_end(const struct engine_request *r, int32_t token) {
    for (int i = 0; i < r->end_count; i++)
        if (r->ends[i] == token) return true;
    return false;
}

/* Most tokens that a model wants are allowed: so one is sampled first and asked about, and only
 * when that failed a few times the whole vocabulary is.  Without top-k, top-p, min-p and typical,
 * drawing again without what was refused is drawing from what is allowed; with them, the
 * filters see refused tokens too before the first draw, and keep a little less.  raw holds the
 * logits as they were. */
static int32_t sample_constrained(struct scheduler *s, struct sequence *q, float *logits) {
    enum { TRIES = 4 };
    const struct engine_request *r = &q->ticket->request;
    const struct engine_constraint *c = &r->constraint;
    int32_t vocab = s->o.env.vocab, token = -1;
    for (int attempt = 0; attempt <= TRIES; attempt++) {
        for (int32_t i = 0; attempt == TRIES && i < vocab; i++)
            if (!c->may(c->arg, i)) s->raw[i] = -INFINITY;
        if (attempt > 0) memcpy(logits, s->raw, (size_t)vocab * sizeof *logits);
        token = sampler_sample(q->sampler, logits);
        if (c->may(c->arg, token)) break;
        s->raw[token] = -INFINITY;
        token = r->ends[0]; /* nothing is allowed: the answer ends */
    }
    c->accept(c->arg, token);
    return token;
}

/* The token and, where wanted, the log-probabilities of the distribution as it was. */
static struct ticket_token choose(struct scheduler *s, struct sequence *q, float *logits) {
    const struct engine_request *r = &q->ticket->request;
    struct ticket_token out = {0};
    double log_sum = 0;
    bool constrained = r->constraint.arg != NULL;
    if (r->logprobs_wanted) {
        log_sum = s->o.env.math.log_sum_exp(logits, s->o.env.vocab);
        fill_top(logits, s->o.env.vocab, r->logprobs, log_sum, &out);
    }
    if (r->logprobs_wanted || constrained)
        memcpy(s->raw, logits, (size_t)s->o.env.vocab * sizeof *s->raw);
    out.token = constrained ? sample_constrained(s, q, logits)
                            : sampler_sample(q->sampler, logits);
    if (r->logprobs_wanted) out.logprob = (float)((double)s->raw[out.token] - log_sum);
    return out;
}

static bool is_over(const struct scheduler *s, const struct sequence *q) {
    const struct engine_request *r = &q->ticket->request;
    return is_end(r, q->tokens[q->count - 1]) || q->count >= s->o.env.context ||
           (r->max_tokens > 0 && sequence_generated(q) >= r->max_tokens);
}

/* model_batch.logits: samples the sequence's next token.  A row behind a proposal counts
 * only when the model itself said what was proposed. */
static void sample(void *arg, int row, float *logits) {
    struct scheduler *s = arg;
    int span = 0;
    struct sequence *q = owner_of(s, row, &span);
    const struct backend_span *at = &s->spans[span];
    int proposal = row - (at->row + at->row_count - 1 - q->draft.count); /* how many came before */
    if (proposal != q->draft_right || (proposal > 0 && is_over(s, q))) return;
    struct ticket_token out = choose(s, q, logits);
    sequence_computed(q, &s->o.env, at->position + row - at->row + 1);
    if (q->first_token_ms == 0) q->first_token_ms = clock_ms();
    if (q->state == SEQ_PREFILL) sequence_move(q, SEQ_DECODE);
    sequence_append(q, out.token);
    s->counts.generated_tokens++;
    if (proposal < q->draft.count && q->draft.tokens[proposal] == out.token) q->draft_right++;
    if (!is_end(&q->ticket->request, out.token)) ticket_put_token(q->ticket, &out);
}

/* model_batch.cancelled: a step goes on as long as anybody in it is still there. */
static bool batch_cancelled(void *arg) {
    struct scheduler *s = arg;
    for (int i = 0; i < s->span_count; i++)
        if (!atomic_load(&s->owners[i]->ticket->cancelled)) return false;
    return true;
}

static void smooth(double *rate, double now) {
    *rate = *rate == 0 ? now : 0.7 * *rate + 0.3 * now;
}

/* After the batch: what is over, and what is to be told. */
static void settle(struct scheduler *s) {
    for (int i = 0; i < s->span_count; i++) {
        struct sequence *q = s->owners[i];
        if (q->state == SEQ_PREFILL)
            sequence_computed(q, &s->o.env, s->spans[i].position + s->spans[i].row_count);
        if (q->state != SEQ_DECODE) continue;
        if (q->draft.count > 0) {
            draft_saw_answer(&s->odds, q->draft.match, q->draft.count, q->draft_right);
            s->counts.drafted_tokens += q->draft.count;
            s->counts.confirmed_tokens += q->draft_right;
        }
        if (!is_over(s, q)) continue;
        bool ended = is_end(&q->ticket->request, q->tokens[q->count - 1]);
        int at = 0;
        while (s->running[at] != q) at++;
        remove_at(s->running, &s->running_count, at);
        finish(s, q, ended ? ENGINE_FINISH_STOP : ENGINE_FINISH_LENGTH, NULL);
    }
}

static void tell(struct scheduler *s, struct sequence *q, int position, int64_t now) {
    if (q->first_token_ms || now - q->progress_ms < PROGRESS_EVERY_MS) return;
    q->progress_ms = now;
    struct engine_event event = describe(q, ENGINE_PROGRESS);
    event.queue_position = position;
    double rate = s->counts.prefill_tokens_per_s;
    if (rate > 0 && !event.queued)
        event.eta_ms = (int64_t)(1000 * (q->prompt_count - q->computed) / rate);
    ticket_put_progress(q->ticket, &event);
}

static void tell_all(struct scheduler *s) {
    int64_t now = clock_ms();
    for (int i = 0; i < s->running_count; i++) tell(s, s->running[i], 0, now);
    for (int i = 0; i < s->waiting_count; i++) tell(s, s->waiting[i], i + 1, now);
}

static void run_batch(struct scheduler *s) {
    int64_t start = clock_ns(), generated_before = s->counts.generated_tokens;
    bool computed = model_forward(s->o.model, &(struct model_batch){
        .rows = s->rows,
        .tokens = s->tokens,
        .positions = s->positions,
        .spans = s->spans,
        .span_count = s->span_count,
        .layout = s->o.layout,
        .logit_rows = s->logit_rows,
        .logit_count = s->logit_count,
        .logits = sample,
        .cancelled = batch_cancelled,
        .arg = s,
    });
    if (!computed) return; /* the next step reaps them */
    double seconds = (double)(clock_ns() - start) / 1e9;
    int64_t generated = s->counts.generated_tokens - generated_before;
    s->counts.steps++;
    if (s->prefill_rows >= CHUNK_ROWS_MIN)
        smooth(&s->counts.prefill_tokens_per_s, s->rows / seconds);
    else if (s->prefill_rows == 0)
        smooth(&s->counts.decode_tokens_per_s, (double)generated / seconds);
    if (s->prefill_rows == 0 && s->span_count == 1) draft_saw_step(&s->odds, s->rows, seconds);
    settle(s);
}

enum scheduler_result scheduler_step(struct scheduler *s) {
    reap(s, s->running, &s->running_count);
    reap(s, s->waiting, &s->waiting_count);
    admit(s);
    if (s->running_count == 0) return SCHEDULER_IDLE;
    bool restoring = restore(s);
    tell_all(s);
    build(s);
    if (s->rows == 0 && restoring) {
        kv_store_read_wait(s->o.env.store, DISK_WAIT_MS);
        return SCHEDULER_STEPPED;
    }
    if (s->rows == 0) return SCHEDULER_BLOCKED;
    run_batch(s);
    tell_all(s);
    return SCHEDULER_STEPPED;
}

void scheduler_counts(const struct scheduler *s, struct scheduler_counts *out) {
    *out = s->counts;
    out->waiting = s->waiting_count;
    out->running = s->running_count;
}
