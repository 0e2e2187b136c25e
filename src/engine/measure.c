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
    bool every_row;                   /* logits of all rows, else of the very last */
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
            if (p->every_row || p->computed + i == p->count - 1) p->logit_rows[wanted++] = i;
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

struct bench_job {
    int depth, prefill, decode;
    bool (*tick)(void *arg, int64_t done, int64_t total);
    void *arg;
    struct probe *probe;
    struct engine_bench *out;
    bool ok;
    struct error *err;
};

static bool bench_stop(void *arg) {
    struct bench_job *job = arg;
    return job->tick && !job->tick(job->arg, job->probe->computed, job->probe->count);
}

/* Seconds to compute the tokens below end, `chunk` at a time; negative: stopped. */
static double timed(struct probe *p, int end, int chunk) {
    int64_t start = clock_ns();
    p->chunk = chunk;
    if (!probe_run(p, end)) return -1;
    return (double)(clock_ns() - start) / 1e9;
}

static void bench(struct engine *e, void *arg) {
    struct bench_job *job = arg;
    int count = job->depth + job->prefill + job->decode;
    int32_t *tokens = calloc((size_t)count, sizeof *tokens);
    struct probe p = {.e = e, .tokens = tokens, .count = count, .chunk = e->info.ubatch,
                      .stop = bench_stop, .arg = job};
    job->probe = &p;
    job->ok = tokens ? probe_open(&p, job->err)
                     : error_set(job->err, ERR_MEMORY, "no memory for %d tokens", count);
    if (job->ok) {
        for (int i = 0; i < count; i++) tokens[i] = (i % FILL_TOKENS * 7919) % e->info.vocab;
        int ubatch = e->info.ubatch;
        double fill = timed(&p, job->depth, ubatch);
        job->out->prefill_s = fill < 0 ? -1 : timed(&p, job->depth + job->prefill, ubatch);
        p.every_row = true; /* decoding computes the logits of every token */
        job->out->decode_s = job->out->prefill_s < 0 ? -1 : timed(&p, count, 1);
        job->out->cancelled = job->out->decode_s < 0;
    }
    probe_close(&p);
    free(tokens);
}

bool engine_bench(struct engine *e, int depth, int prefill, int decode,
                  bool (*tick)(void *arg, int64_t done, int64_t total), void *arg,
                  struct engine_bench *out, struct error *err) {
    int64_t count = (int64_t)depth + prefill + decode;
    if (depth < 0 || prefill < 0 || decode < 0 || count < 1 || count > e->info.context)
        return error_set(err, ERR_CONTEXT, "%lld tokens to measure; the window has %d",
                         (long long)count, e->info.context);
    *out = (struct engine_bench){0};
    struct bench_job job = {.depth = depth, .prefill = prefill, .decode = decode, .tick = tick,
                            .arg = arg, .out = out, .err = err};
    if (!engine_run(e, bench, &job)) return error_set(err, ERR_CANCELLED, "shutting down");
    return job.ok;
}
