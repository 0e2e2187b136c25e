/* engine.c - the engine's life, its thread, and the queue in front of it. */
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "engine/engine_internal.h"
#include "engine/model_key.h"

enum {
    BATCH_DEFAULT = 2048,
    UBATCH_DEFAULT = 512,
    PARALLEL_DEFAULT = 4,
    CONTEXT_MIN = KV_PAGE_TOKENS,
    ROWS_MAX = 8192,
    BLOCKED_WAIT_MS = 20,        /* nobody reads: look again */
};
#define CACHE_DISK_DEFAULT ((int64_t)20 << 30)

/* ---- the plan: what fits ---- */

static int64_t pages_of(int64_t tokens) {
    return (tokens + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
}

static double gib(int64_t bytes) {
    return (double)bytes / (1 << 30);
}

/* Settles the window and the positions. */
static void decide_context(struct engine_info *info, const struct model_params *p,
                           const struct engine_options *o, enum rope_scaling *scaling,
                           double *factor) {
    info->context_trained = p->context_trained;
    info->context = o->context > 0 ? o->context : p->context_trained;
    if (info->context < CONTEXT_MIN) info->context = CONTEXT_MIN;
    *scaling = p->scaling;
    *factor = p->scaling_factor;
    bool beyond = info->context > p->context_trained;
    bool yarn = o->rope == ENGINE_ROPE_YARN || (o->rope == ENGINE_ROPE_AUTO && beyond);
    if (o->rope == ENGINE_ROPE_NONE) {
        *scaling = ROPE_NONE;
        *factor = 1;
    } else if (p->scaling == ROPE_NONE && yarn) {
        *scaling = ROPE_YARN;
        *factor = beyond ? (info->context + p->context_trained - 1) / p->context_trained : 1;
    }
    info->rope = rope_scaling_name(*scaling);
    info->rope_factor = *factor;
    if (beyond && *scaling == ROPE_NONE)
        log_warn("beyond_training", "context=%d trained=%d rope=none", info->context,
                 p->context_trained);
    else if (*scaling != p->scaling)
        log_event("rope_scaled", "context=%d trained=%d rope=%s factor=%g", info->context,
                  p->context_trained, info->rope, *factor);
}

/* Shares memory out: weights and buffers are given, the KV pool takes what it may. */
static bool plan_memory(struct engine *e, int64_t weights, const struct engine_options *o,
                        int64_t *page_count, struct error *err) {
    struct engine_info *info = &e->info;
    int64_t page_bytes = (int64_t)e->layout.page_bytes, available = o->memory_max;
    if (available <= 0) {
        available = memory_available();
        if (available < 0) available = INT64_MAX / 2; /* unknown: let the system decide */
    }
    /* One window, a page for a cut, and one to make room with. */
    int64_t need = pages_of(info->context) + 2;
    int64_t left = available - weights - info->buffer_bytes;
    int64_t fits = left > 0 ? left / page_bytes : 0;
    info->kv_bytes_per_token = page_bytes / KV_PAGE_TOKENS;
    if (fits < need)
        return error_set(err, ERR_MEMORY,
                         "a window of %d tokens needs %.2f GiB of KV cache (%s/%s) beside %.2f GiB "
                         "of weights and %.2f GiB of buffers, and %.2f GiB are free: the largest "
                         "window that fits is %lld tokens (--context), or choose a smaller KV type",
                         info->context, gib(need * page_bytes), quant_info(info->kv_k)->name,
                         quant_info(info->kv_v)->name, gib(weights), gib(info->buffer_bytes),
                         gib(available), (long long)(fits > 2 ? (fits - 2) * KV_PAGE_TOKENS : 0));
    *page_count = (pages_of(info->context) + 1) * info->parallel + 1;
    if (*page_count < need) *page_count = need;
    if (*page_count > fits) *page_count = fits;
    info->kv_bytes_max = *page_count * page_bytes;
    return true;
}

static bool check_range(const char *name, int value, int max, struct error *err) {
    if (value >= 0 && value <= max) return true;
    return error_set(err, ERR_ARGUMENT, "%s is %d; must be 1 to %d", name, value, max);
}

static bool decide_options(struct engine *e, const struct engine_options *o, struct error *err) {
    if (!check_range("context", o->context, MODEL_CONTEXT_MAX, err) ||
        !check_range("threads", o->threads, THREADS_MAX, err) ||
        !check_range("batch", o->batch, 1 << 20, err) ||
        !check_range("ubatch", o->ubatch, ROWS_MAX, err) ||
        !check_range("parallel", o->parallel, ENGINE_PARALLEL_MAX, err))
        return false;
    struct engine_info *info = &e->info;
    info->threads = o->threads > 0 ? o->threads : threads_cpu_count();
    info->batch = o->batch > 0 ? o->batch : BATCH_DEFAULT;
    info->ubatch = o->ubatch > 0 ? o->ubatch : UBATCH_DEFAULT;
    if (info->ubatch > info->batch) info->ubatch = info->batch;
    info->parallel = o->parallel > 0 ? o->parallel : PARALLEL_DEFAULT;
    /* A step has a row for every sequence that decodes. */
    if (info->ubatch < info->parallel) info->ubatch = info->parallel;
    info->kv_k = o->kv_types_set ? o->kv_k : QUANT_F16;
    info->kv_v = o->kv_types_set ? o->kv_v : QUANT_F16;
    return true;
}

/* ---- the thread ---- */

static struct timespec after_ms(int64_t ms) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += ms * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

static void publish(struct engine *e) {
    struct scheduler_counts c;
    scheduler_counts(e->scheduler, &c);
    struct engine_stats *s = &e->stats;
    e->waiting = c.waiting;
    s->running = c.running;
    s->kv_bytes_used = kv_pool_used(e->env.pool) * (int64_t)e->layout.page_bytes;
    s->kv_bytes_cached = kv_prefix_page_count(e->env.prefix) * (int64_t)e->layout.page_bytes;
    s->kv_bytes_max = e->info.kv_bytes_max;
    s->prompt_tokens_total = c.prompt_tokens;
    s->cached_tokens_total = c.cached_tokens;
    s->restored_tokens_total = c.restored_tokens;
    s->generated_tokens_total = c.generated_tokens;
    s->steps_total = c.steps;
    s->drafted_tokens_total = c.drafted_tokens;
    s->confirmed_tokens_total = c.confirmed_tokens;
    s->prefill_tokens_per_s = c.prefill_tokens_per_s;
    s->decode_tokens_per_s = c.decode_tokens_per_s;
    if (!e->env.store) return;
    struct kv_store_counts disk;
    kv_store_counts(e->env.store, &disk);
    s->disk_bytes = disk.bytes;
    s->disk_bytes_max = disk.bytes_max;
    s->disk_files = disk.files;
    s->disk_queued = disk.queued;
}

/* Takes what came in; waits for something when there is nothing to do.  False: closing. */
static bool take_work(struct engine *e, enum scheduler_result last) {
    pthread_mutex_lock(&e->lock);
    publish(e);
    if (last == SCHEDULER_BLOCKED && !e->closing && !e->job && e->queue_count == 0) {
        struct timespec until = after_ms(BLOCKED_WAIT_MS);
        pthread_cond_timedwait(&e->filled, &e->lock, &until);
    }
    while (last == SCHEDULER_IDLE && !e->closing && !e->job && e->queue_count == 0)
        pthread_cond_wait(&e->filled, &e->lock);
    while (e->queue_count > 0) {
        struct ticket *t = e->queue[e->queue_head];
        e->queue_head = (e->queue_head + 1) % ENGINE_QUEUE_MAX;
        e->queue_count--;
        e->waiting++;
        pthread_mutex_unlock(&e->lock);
        scheduler_add(e->scheduler, t);
        pthread_mutex_lock(&e->lock);
    }
    struct engine_job *job = e->job;
    bool closing = e->closing;
    pthread_mutex_unlock(&e->lock);
    if (!job || closing) return !closing;
    job->fn(e, job->arg);
    pthread_mutex_lock(&e->lock);
    job->done = true;
    e->job = NULL;
    pthread_cond_broadcast(&e->job_done);
    pthread_mutex_unlock(&e->lock);
    return true;
}

static void *engine_main(void *arg) {
    struct engine *e = arg;
    pthread_setname_np(pthread_self(), "engine");
    enum scheduler_result last = SCHEDULER_IDLE;
    while (take_work(e, last)) last = scheduler_step(e->scheduler);
    return NULL;
}

bool engine_run(struct engine *e, void (*fn)(struct engine *e, void *arg), void *arg) {
    struct engine_job job = {.fn = fn, .arg = arg};
    pthread_mutex_lock(&e->lock);
    while (e->job && !e->closing) pthread_cond_wait(&e->job_done, &e->lock);
    if (!e->closing) {
        e->job = &job;
        pthread_cond_signal(&e->filled);
        while (!job.done && !e->closing) pthread_cond_wait(&e->job_done, &e->lock);
    }
    pthread_mutex_unlock(&e->lock);
    return job.done;
}

/* ---- life ---- */

static bool open_model(struct engine *e, const struct gguf *g, const struct engine_options *o,
                       struct error *err) {
    struct model_params p;
    enum rope_scaling scaling;
    double factor;
    struct engine_info *info = &e->info;
    if (!decide_options(e, o, err) || !model_params_read(&p, g, err)) return false;
    decide_context(info, &p, o, &scaling, &factor);
    e->backend = backend_open(&(struct backend_options){.threads = info->threads, .cpu = o->cpu},
                              err);
    if (!e->backend) return false;
    e->layout = (struct backend_kv_layout){.layers = p.layers, .kv_heads = p.kv_heads,
                                           .head_dim = p.head_dim, .k = info->kv_k,
                                           .v = info->kv_v};
    int64_t pages = 0;
    if (!backend_kv_layout(e->backend, &e->layout, err)) return false;
    int64_t disk_buffers = o->cache_dir ? kv_store_slot_bytes(e->layout.page_bytes) : 0;
    info->buffer_bytes = model_buffer_estimate(&p, info->ubatch) + disk_buffers;
    /* Packed weights are about as large as the file; checked before minutes are spent loading. */
    if (!plan_memory(e, gguf_bytes(g), o, &pages, err)) return false;
    e->model = model_open(&(struct model_options){.backend = e->backend, .gguf = g,
                                                  .scaling = scaling, .scaling_factor = factor,
                                                  .progress = o->progress,
                                                  .progress_arg = o->progress_arg}, err);
    if (!e->model || !model_reserve(e->model, info->ubatch, info->parallel, info->context, err))
        return false;
    const struct model_params *params = model_params(e->model);
    info->architecture = params->architecture;
    info->cpu_level = backend_level(e->backend);
    info->vocab = params->vocab;
    info->layers = params->layers;
    info->weight_bytes = model_weight_bytes(e->model);
    info->buffer_bytes = model_buffer_bytes(e->model) + disk_buffers;
    e->env.pool = kv_pool_open(e->layout.page_bytes, pages, err);
    e->env.prefix = e->env.pool ? kv_prefix_open(e->env.pool, err) : NULL;
    return e->env.prefix != NULL;
}

/* Without a disk that works the engine goes on without one. */
static void open_store(struct engine *e, const struct gguf *g, const struct engine_options *o) {
    struct kv_store_options options = {
        .dir = o->cache_dir, .pool = e->env.pool,
        .bytes_max = o->cache_disk_bytes > 0 ? o->cache_disk_bytes : CACHE_DISK_DEFAULT};
    const struct engine_info *info = &e->info;
    struct error err = {0};
    char label[KV_STORE_FILE_LABEL_BYTES], quoted[256];
    if (!o->cache_dir) return;
    const char *path = gguf_path(g), *slash = strrchr(path, '/');
    snprintf(label, sizeof label, "%.64s kv=%s/%s rope=%s level=%s", slash ? slash + 1 : path,
             quant_info(info->kv_k)->name, quant_info(info->kv_v)->name, info->rope,
             info->cpu_level);
    options.label = label;
    if (!model_key(&options.root, g, model_params(e->model), &e->layout, info))
        error_set(&err, ERR_MEMORY, "no memory for the model's key");
    else e->env.store = kv_store_open(&options, &err);
    if (!e->env.store)
        log_warn("kv_store_off", "reason=%s", log_quote(quoted, sizeof quoted, err.text));
}

static bool open_scheduler(struct engine *e, const struct engine_options *o, struct error *err) {
    const struct kernels *k = backend_kernels(e->backend);
    e->env.vocab = e->info.vocab;
    e->env.draft = !o->no_speculation;
    e->env.context = e->info.context;
    e->env.math = (struct sampler_math){k->argmax, k->log_sum_exp};
    e->scheduler = scheduler_open(&(struct scheduler_options){
        .model = e->model, .layout = &e->layout, .env = e->env, .rows_max = e->info.ubatch,
        .parallel = e->info.parallel, .continuous = !o->no_continuous_batching}, err);
    if (!e->scheduler) return false;
    int rc = pthread_create(&e->thread, NULL, engine_main, e);
    if (rc != 0) return error_set(err, ERR_MEMORY, "cannot start the engine: %s", strerror(rc));
    e->thread_started = true;
    return true;
}

struct engine *engine_open(struct gguf *g, const struct engine_options *options,
                           struct error *err) {
    struct engine *e = calloc(1, sizeof *e);
    if (!e) {
        error_set(err, ERR_MEMORY, "no memory for the engine");
        return NULL;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->filled, &monotonic);
    pthread_cond_init(&e->job_done, NULL);
    pthread_condattr_destroy(&monotonic);
    bool ok = open_model(e, g, options, err);
    if (ok) open_store(e, g, options);
    if (!ok || !open_scheduler(e, options, err)) {
        engine_close(e);
        return NULL;
    }
    return e;
}

void engine_close(struct engine *e) {
    if (!e) return;
    pthread_mutex_lock(&e->lock);
    e->closing = true;
    pthread_cond_broadcast(&e->filled);
    pthread_cond_broadcast(&e->job_done);
    pthread_mutex_unlock(&e->lock);
    if (e->thread_started) pthread_join(e->thread, NULL);
    for (; e->queue_count > 0; e->queue_count--) {
        struct ticket *t = e->queue[e->queue_head];
        ticket_put_done(t, &(struct engine_event){.type = ENGINE_DONE,
                                                  .finish = ENGINE_FINISH_CANCELLED});
        ticket_drop(t);
        e->queue_head = (e->queue_head + 1) % ENGINE_QUEUE_MAX;
    }
    scheduler_close(e->scheduler);
    kv_store_close(e->env.store);
    kv_prefix_close(e->env.prefix);
    kv_pool_close(e->env.pool);
    model_close(e->model);
    backend_close(e->backend);
    pthread_cond_destroy(&e->job_done);
    pthread_cond_destroy(&e->filled);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

const struct engine_info *engine_info(const struct engine *e) {
    return &e->info;
}

void engine_stats(struct engine *e, struct engine_stats *out) {
    pthread_mutex_lock(&e->lock);
    *out = e->stats;
    out->queued = e->queue_count + e->waiting;
    pthread_mutex_unlock(&e->lock);
}

/* ---- requests ---- */

static bool check_request(const struct engine *e, const struct engine_request *r,
                          struct error *err) {
    if (r->token_count < 1) return error_set(err, ERR_ARGUMENT, "the prompt is empty");
    if (r->token_count >= e->info.context)
        return error_set(err, ERR_CONTEXT,
                         "This model's maximum context length is %d tokens. However, your messages "
                         "resulted in %d tokens. Please reduce the length of the messages.",
                         e->info.context, r->token_count);
    for (int i = 0; i < r->token_count; i++)
        if (r->tokens[i] < 0 || r->tokens[i] >= e->info.vocab)
            return error_set(err, ERR_ARGUMENT, "prompt token %d is %d; must be 0 to %d", i,
                             r->tokens[i], e->info.vocab - 1);
    if (r->constraint.arg && r->end_count == 0)
        return error_set(err, ERR_ARGUMENT, "a constrained answer without tokens that end it");
    if (r->end_count > ENGINE_ENDS_MAX || r->logprobs > ENGINE_LOGPROBS_MAX || r->max_tokens < 0)
        return error_set(err, ERR_ARGUMENT, "at most %d end tokens and %d log-probabilities",
                         ENGINE_ENDS_MAX, ENGINE_LOGPROBS_MAX);
    return sampling_check(&r->sampling, err);
}

struct ticket *engine_submit(struct engine *e, const struct engine_request *r, struct error *err) {
    if (!check_request(e, r, err)) {
        if (r->constraint.arg) r->constraint.close(r->constraint.arg);
        return NULL;
    }
    struct ticket *t = ticket_open(r, err);
    if (!t) return NULL;
    pthread_mutex_lock(&e->lock);
    bool full = e->queue_count + e->waiting >= ENGINE_QUEUE_MAX, closing = e->closing;
    if (!full && !closing) {
        t->id = ++e->next_id;
        ticket_retain(t);
        e->queue[(e->queue_head + e->queue_count++) % ENGINE_QUEUE_MAX] = t;
        pthread_cond_signal(&e->filled);
    }
    pthread_mutex_unlock(&e->lock);
    if (!full && !closing) return t;
    if (closing) error_set(err, ERR_CANCELLED, "the server is shutting down");
    else error_set(err, ERR_BUSY, "%d requests are waiting already; try again later",
                   ENGINE_QUEUE_MAX);
    ticket_drop(t);
    return NULL;
}
