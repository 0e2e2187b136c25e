/* measure.c - scoring, logits and benchmarks: the engine's own forward pass, run for a caller
 * who wants numbers instead of an answer.  Each runs as one job on the engine thread,
 * with pages of its own and past the prefix tree, so that nothing is reused that should be
 * measured. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/engine_internal.h"

enum { FILL_TOKENS = 997 }; /* benchmark prompts cycle through so many ids: a prime, so that no
                               period fits a page or a batch */

/* A sequence without a request: tokens in, pages filled. */
struct probe {
    struct engine *e;
    const int32_t *tokens;
    int count, computed, chunk;
    struct kv_page **pages;
    uint8_t **page_data;
    int page_count;
    int32_t *positions;               /* [chunk] */
    int *logit_rows;                  /* [chunk] */
    bool every_row;                   /* logits of all rows, else of one: … */
    int logits_last;                  /* … this position; 0: the very last */
    void (*logits)(void *arg, int position, float *logits);
    bool (*stop)(void *arg);          /* may be NULL */
    void *arg;
};

static bool probe_open(struct probe *p, struct error *err) {
    size_t pages = (size_t)(p->count / KV_PAGE_TOKENS + 1);
    p->pages = calloc(pages, sizeof *p->pages);
    p->page_data = calloc(pages, sizeof *p->page_data);
    p->positions = calloc((size_t)p->chunk, sizeof *p->positions);
    p->logit_rows = calloc((size_t)p->chunk, sizeof *p->logit_rows);
    if (!p->pages || !p->page_data || !p->positions || !p->logit_rows)
        return error_set(err, ERR_MEMORY, "no memory to measure with");
    struct sequence_env *env = &p->e->env;
    while (p->page_count * KV_PAGE_TOKENS < p->count) {
        struct kv_page *page = kv_page_acquire(env->pool);
        if (!page && kv_prefix_evict(env->prefix)) page = kv_page_acquire(env->pool);
        if (!page)
            return error_set(err, ERR_BUSY, "the KV cache has no room for %d tokens beside the "
                             "requests that run", p->count);
        p->pages[p->page_count] = page;
        p->page_data[p->page_count++] = kv_page_data(page);
    }
    return true;
}

static void probe_close(struct probe *p) {
    for (int i = 0; i < p->page_count; i++) kv_page_release(p->e->env.pool, p->pages[i]);
    free(p->pages);
    free(p->page_data);
    free(p->positions);
    free(p->logit_rows);
}

static void probe_logits(void *arg, int row, float *logits) {
    struct probe *p = arg;
    if (p->logits) p->logits(p->arg, p->positions[row], logits);
}

static bool probe_stop(void *arg) {
    struct probe *p = arg;
    return p->stop && p->stop(p->arg);
}

/* Computes the tokens below `end`; false: stopped. */
static bool probe_run(struct probe *p, int end) {
    while (p->computed < end) {
        int rows = end - p->computed < p->chunk ? end - p->computed : p->chunk, wanted = 0;
        for (int i = 0; i < rows; i++) {
            p->positions[i] = p->computed + i;
            int last = p->logits_last ? p->logits_last : p->count - 1;
            if (p->every_row || p->computed + i == last) p->logit_rows[wanted++] = i;
        }
        struct backend_span span = {.row = 0, .row_count = rows, .position = p->computed,
                                    .pages = p->page_data};
        bool ok = model_forward(p->e->model, &(struct model_batch){
            .rows = rows, .tokens = p->tokens + p->computed, .positions = p->positions,
            .spans = &span, .span_count = 1, .layout = &p->e->layout,
            .logit_rows = p->logit_rows, .logit_count = wanted, .logits = probe_logits,
            .cancelled = probe_stop, .arg = p});
        if (!ok) return false;
        p->computed += rows;
    }
    return true;
}

static bool check_tokens(const struct engine *e, const int32_t *tokens, int count,
                         struct error *err) {
    if (count < 1 || count > e->info.context)
        return error_set(err, ERR_CONTEXT, "%d tokens; the window has %d", count,
                         e->info.context);
    for (int i = 0; i < count; i++)
        if (tokens[i] < 0 || tokens[i] >= e->info.vocab)
            return error_set(err, ERR_ARGUMENT, "token %d is %d; must be 0 to %d", i, tokens[i],
                             e->info.vocab - 1);
    return true;
}

/* ---- score ---- */

struct score_job {
    struct engine *e;
    const int32_t *tokens;
    int count;
    float *out;
    bool ok;
    struct error *err;
};

static void score_logits(void *arg, int position, float *logits) {
    struct score_job *job = arg;
    if (position + 1 >= job->count) return;
    double log_sum = job->e->env.math.log_sum_exp(logits, job->e->info.vocab);
    job->out[position + 1] = (float)((double)logits[job->tokens[position + 1]] - log_sum);
}

static void score(struct engine *e, void *arg) {
    struct score_job *job = arg;
    struct probe p = {.e = e, .tokens = job->tokens, .count = job->count,
                      .chunk = e->info.ubatch, .every_row = true, .logits = score_logits,
                      .arg = job};
    job->ok = probe_open(&p, job->err) && probe_run(&p, job->count);
    probe_close(&p);
}

bool engine_score(struct engine *e, const int32_t *tokens, int count, float *out,
                  struct error *err) {
    if (!check_tokens(e, tokens, count, err)) return false;
    struct score_job job = {e, tokens, count, out, false, err};
    out[0] = 0;
    if (!engine_run(e, score, &job)) return error_set(err, ERR_CANCELLED, "shutting down");
    return job.ok;
}

/* ---- logits ---- */

struct logits_job {
    const int32_t *tokens;
    int count, chunk, vocab;
    float *out;
    bool ok;
    struct error *err;
};

static void copy_logits(void *arg, int position, float *logits) {
    struct logits_job *job = arg;
    if (position == job->count - 1)
        memcpy(job->out, logits, (size_t)job->vocab * sizeof *logits);
}

static void run_logits(struct engine *e, void *arg) {
    struct logits_job *job = arg;
    struct probe p = {.e = e, .tokens = job->tokens, .count = job->count, .chunk = job->chunk,
                      .logits = copy_logits, .arg = job};
    job->ok = probe_open(&p, job->err) && probe_run(&p, job->count);
    probe_close(&p);
}

bool engine_logits(struct engine *e, const int32_t *tokens, int count, int chunk, float *out,
                   struct error *err) {
    if (!check_tokens(e, tokens, count, err)) return false;
    if (chunk < 1 || chunk > e->info.ubatch)
        return error_set(err, ERR_ARGUMENT, "chunk %d; must be 1 to %d", chunk, e->info.ubatch);
    struct logits_job job = {tokens, count, chunk, e->info.vocab, out, false, err};
    if (!engine_run(e, run_logits, &job)) return error_set(err, ERR_CANCELLED, "shutting down");
    return job.ok;
}

/* ---- bench ---- */

struct engine_bench_window {
    struct probe probe;               /* its first `computed` tokens are always the same ones */
    int32_t *tokens;
    int filled;                       /* tokens whose keys and values are right */
};

struct bench_job {
    struct engine_bench_window *window;
    int depth, prefill, decode;
    bool (*tick)(void *arg, int64_t done, int64_t total);
    void *arg;
    int done, total;                  /* tokens; done: before the part at hand, which began … */
    int part_begin;                   /* … at this token */
    struct engine_bench *out;
    bool ok;
    struct error *err;
};

static void bench_open(struct engine *e, void *arg) {
    struct bench_job *job = arg;
    struct probe *p = &job->window->probe;
    (void)e;
    job->ok = probe_open(p, job->err);
}

static void bench_close(struct engine *e, void *arg) {
    struct engine_bench_window *w = arg;
    (void)e;
    probe_close(&w->probe);
}

struct engine_bench_window *engine_bench_open(struct engine *e, int tokens, struct error *err) {
    if (tokens < 1 || tokens > e->info.context) {
        error_set(err, ERR_CONTEXT, "%d tokens to measure; the window has %d", tokens,
                  e->info.context);
        return NULL;
    }
    struct engine_bench_window *w = calloc(1, sizeof *w);
    int32_t *ids = calloc((size_t)tokens, sizeof *ids);
    if (!w || !ids) {
        error_set(err, ERR_MEMORY, "no memory for %d tokens", tokens);
        free(w);
        free(ids);
        return NULL;
    }
    for (int i = 0; i < tokens; i++) ids[i] = (i % FILL_TOKENS * 7919) % e->info.vocab;
    w->tokens = ids;
    w->probe = (struct probe){.e = e, .tokens = ids, .count = tokens, .chunk = e->info.ubatch};
    struct bench_job job = {.window = w, .err = err};
    if (!engine_run(e, bench_open, &job)) error_set(err, ERR_CANCELLED, "shutting down");
    if (job.ok) return w;
    engine_bench_close(w);
    return NULL;
}

void engine_bench_close(struct engine_bench_window *w) {
    if (!w) return;
    /* A closing engine runs no more jobs; its pool goes with it. */
    engine_run(w->probe.e, bench_close, w);
    free(w->tokens);
    free(w);
}

static bool bench_stop(void *arg) {
    struct bench_job *job = arg;
    int done = job->done + job->window->probe.computed - job->part_begin;
    return job->tick && !job->tick(job->arg, done, job->total);
}

/* Seconds to compute the tokens [begin, end), `chunk` at a time; negative: stopped. */
static double timed(struct bench_job *job, int begin, int end, int chunk) {
    struct probe *p = &job->window->probe;
    p->computed = job->part_begin = begin;
    p->chunk = chunk;
    p->every_row = chunk == 1;        /* decoding computes the logits of every token … */
    p->logits_last = end - 1;         /* … and a prompt those of its last one */
    int64_t start = clock_ns();
    bool ok = probe_run(p, end);
    job->done += p->computed - begin;
    /* Going back overwrites keys and values with the same ones: never less is filled. */
    if (p->computed > job->window->filled) job->window->filled = p->computed;
    return ok ? (double)(clock_ns() - start) / 1e9 : -1;
}

static void bench(struct engine *e, void *arg) {
    struct bench_job *job = arg;
    struct engine_bench_window *w = job->window;
    struct engine_bench *out = job->out;
    int fill = job->depth > w->filled ? job->depth - w->filled : 0, ubatch = e->info.ubatch;
    w->probe.stop = bench_stop;
    w->probe.arg = job;
    job->total = fill + job->prefill + job->decode;
    out->cancelled = true;
    if (fill > 0 && timed(job, w->filled, job->depth, ubatch) < 0) return;
    out->prefill_s = timed(job, job->depth, job->depth + job->prefill, ubatch);
    if (out->prefill_s < 0) return;
    out->decode_s = timed(job, job->depth, job->depth + job->decode, 1);
    out->cancelled = out->decode_s < 0;
}

bool engine_bench_at(struct engine_bench_window *w, int depth, int prefill, int decode,
                     bool (*tick)(void *arg, int64_t done, int64_t total), void *arg,
                     struct engine_bench *out, struct error *err) {
    int64_t longest = prefill > decode ? prefill : decode;
    if (depth < 0 || prefill < 0 || decode < 0 || depth + longest > w->probe.count)
        return error_set(err, ERR_CONTEXT, "%lld tokens to measure; the window has %d",
                         (long long)(depth + longest), w->probe.count);
    *out = (struct engine_bench){0};
    struct bench_job job = {.window = w, .depth = depth, .prefill = prefill, .decode = decode,
                            .tick = tick, .arg = arg, .out = out, .err = err};
    if (!engine_run(w->probe.e, bench, &job)) return error_set(err, ERR_CANCELLED, "shutting down");
    return true;
}

bool engine_bench(struct engine *e, int depth, int prefill, int decode,
                  bool (*tick)(void *arg, int64_t done, int64_t total), void *arg,
                  struct engine_bench *out, struct error *err) {
    int64_t count = (int64_t)depth + (prefill > decode ? prefill : decode);
    if (depth < 0 || prefill < 0 || decode < 0 || count < 1 || count > e->info.context)
        return error_set(err, ERR_CONTEXT, "%lld tokens to measure; the window has %d",
                         (long long)count, e->info.context);
    struct engine_bench_window *w = engine_bench_open(e, (int)count, err);
    bool ok = w && engine_bench_at(w, depth, prefill, decode, tick, arg, out, err);
    engine_bench_close(w);
    return ok;
}
