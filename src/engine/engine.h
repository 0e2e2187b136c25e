/* engine.h - THE interface of the native engine: open, submit, next event, cancel, stats.
 *
 * The engine knows token ids only.  One thread of its own (the engine thread) owns the model's
 * state, the KV pool, the prefix tree and the scheduler; callers on any thread talk to it
 * through a bounded queue (in) and one event ring per request (out).
 *
 * The caller hands over the whole prompt every time; what is already in the prefix
 * tree is found by the engine (`cached` in the events) and never costs time twice. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "engine/sampler.h"
#include "gguf/gguf.h"
#include "quant/quant.h"

enum {
    ENGINE_QUEUE_MAX = 256,       /* requests waiting; one more is ERR_BUSY */
    ENGINE_LOGPROBS_MAX = 20,
    ENGINE_ENDS_MAX = 16,
    ENGINE_PARALLEL_MAX = 64,
};

struct engine;

enum engine_rope { ENGINE_ROPE_AUTO, ENGINE_ROPE_NONE, ENGINE_ROPE_YARN };

struct engine_options { /* 0 or NULL: the default */
    int context;                /* window in tokens; default: what the model was trained for */
    int threads;                /* default: the CPUs that this process may use */
    int batch;                  /* prefill tokens in a step over all sequences; default 2048 */
    int ubatch;                 /* rows computed together; default 512 */
    int parallel;               /* sequences computed at once; default 4 */
    bool no_continuous_batching; /* one request after the other */
    bool no_speculation;         /* never guess tokens ahead (see draft.h): same answers, slower */
    enum quant_type kv_k, kv_v; /* default (QUANT_F32 = 0 means unset here): f16 */
    bool kv_types_set;          /* kv_k and kv_v are meant, even f32 */
    int64_t memory_max;         /* bytes that weights + KV + buffers may take; default: what the
                                   machine has left */
    const char *cache_dir;      /* where pages outlive the process; NULL: nowhere */
    int64_t cache_disk_bytes;   /* the most that may lie there; default 20 GiB */
    enum engine_rope rope;
    const char *cpu;            /* kernel level limit: "plain", "avx2", "avx512"; NULL: best */
    /* Called now and then while loading, on the opening thread. May be NULL. */
    void (*progress)(void *arg, double fraction);
    void *progress_arg;
};

/* Borrows g until close. Refuses what cannot fit in memory, with the figures. */
struct engine *engine_open(struct gguf *g, const struct engine_options *options, struct error *err);
/* Cancels what runs, waits for the engine thread, frees everything.  All tickets must have been
 * released. */
void engine_close(struct engine *e);

struct engine_info {
    const char *architecture;
    const char *cpu_level;
    int context;                /* the window that is served */
    int context_trained;
    int vocab, layers;
    int threads, batch, ubatch, parallel;
    enum quant_type kv_k, kv_v;
    const char *rope;           /* "none", "yarn", … as decided */
    double rope_factor;
    int64_t weight_bytes, kv_bytes_per_token, kv_bytes_max, buffer_bytes;
};
const struct engine_info *engine_info(const struct engine *e);

/* What an answer may go on with.  Called on the engine thread only; close when nobody needs the
 * request any more, on any thread. */
struct engine_constraint {
    void *arg;                              /* NULL: no constraint */
    bool (*may)(void *arg, int32_t token);
    void (*accept)(void *arg, int32_t token); /* the answer has gone on with it */
    void (*close)(void *arg);
};

/* ---- a request ---- */
struct engine_request {
    const int32_t *tokens;       /* the whole prompt, copied by submit */
    int token_count;             /* at least 1 */
    int max_tokens;              /* answer length; 0: up to the window */
    struct sampling sampling;    /* see sampler.h */
    const struct sampling_bias *bias; /* copied */
    int bias_count;
    bool logprobs_wanted;        /* the chosen token's log-probability comes with it … */
    int logprobs;                /* … and those of so many of the best */
    const int32_t *ends;         /* tokens that end the answer; copied; at most ENGINE_ENDS_MAX */
    int end_count;
    struct engine_constraint constraint; /* taken by submit, whatever comes of it; needs ends */
    int64_t deadline_ms;         /* clock_ms() value after which it is cancelled; 0: none */
};

struct ticket; /* a submitted request: an event ring and a cancel flag */

enum engine_event_type {
    ENGINE_PROGRESS,  /* queued or prefilling; at most a few a second        */
    ENGINE_TOKEN,     /* one token of the answer                             */
    ENGINE_DONE,      /* the last event: why it ended, and the counts        */
};

enum engine_finish {
    ENGINE_FINISH_STOP,      /* an end token (not part of the answer)        */
    ENGINE_FINISH_LENGTH,    /* max_tokens or the window                     */
    ENGINE_FINISH_CANCELLED,
    ENGINE_FINISH_ERROR,     /* see error                                    */
};

struct engine_logprob {
    int32_t id;
    float logprob; /* natural log, of the model's distribution before sampling parameters */
};

struct engine_event {
    enum engine_event_type type;
    /* PROGRESS and DONE */
    bool queued;               /* not yet admitted */
    int queue_position;
    int prompt_total, prompt_cached, prompt_processed; /* processed includes cached */
    int64_t time_ms, eta_ms;   /* since submit; until the first token (−1: unknown) */
    /* TOKEN */
    int32_t token;
    float logprob;
    int top_count;             /* when logprobs were asked for: best first */
    struct engine_logprob top[ENGINE_LOGPROBS_MAX];
    /* DONE */
    enum engine_finish finish;
    int generated;
    int64_t prefill_ms, decode_ms;
    struct error error;
};

/* Copies the request and queues it.  NULL with ERR_BUSY (queue full), ERR_CONTEXT (does not fit:
 * the sentence "This model's maximum context length is M tokens. However, your messages
 * resulted in N tokens."), ERR_ARGUMENT (a token id out of range), ERR_CANCELLED (closing). */
struct ticket *engine_submit(struct engine *e, const struct engine_request *r, struct error *err);

/* Waits up to timeout_ms for the next event; false: none yet.  After DONE always false. */
bool ticket_next(struct ticket *t, struct engine_event *out, int64_t timeout_ms);
void ticket_cancel(struct ticket *t);  /* any thread, any time; DONE follows within a second */
void ticket_release(struct ticket *t); /* cancels if needed; the caller's last use */

struct engine_stats {
    int queued, running;
    int64_t kv_bytes_used, kv_bytes_cached, kv_bytes_max;
    int64_t prompt_tokens_total, cached_tokens_total, generated_tokens_total;
    int64_t restored_tokens_total; /* of cached_tokens_total, those read from disk */
    int64_t disk_bytes, disk_bytes_max, disk_files, disk_queued; /* 0: no disk store */
    int64_t steps_total;
    int64_t drafted_tokens_total, confirmed_tokens_total; /* see draft.h */
    double prefill_tokens_per_s, decode_tokens_per_s; /* recent */
};
void engine_stats(struct engine *e, struct engine_stats *out);

/* ---- measuring: the same code path, run on the caller's behalf ---- */

/* Log-probability of each token given the ones before it: out[i] for tokens[i], i >= 1
 * (out[0] = 0).  Bypasses the prefix tree. For perplexity and tests. */
bool engine_score(struct engine *e, const int32_t *tokens, int count, float *out,
                  struct error *err);

/* Logits after the last of the tokens, [vocab], with a given chunk size; for tests. */
bool engine_logits(struct engine *e, const int32_t *tokens, int count, int chunk, float *out,
                   struct error *err);

struct engine_bench {
    double prefill_s, decode_s;
    bool cancelled;
};
/* Times prefill of `prefill` tokens and decode of `decode` tokens, each from a depth of `depth`
 * tokens.  The tick is called with tokens done of tokens in all; it returns false to stop. */
bool engine_bench(struct engine *e, int depth, int prefill, int decode,
                  bool (*tick)(void *arg, int64_t done, int64_t total), void *arg,
                  struct engine_bench *out, struct error *err);

/* The same for many measurements of one window: what has been filled stays filled, so that a
 * depth costs only what lies beyond the deepest one so far.  Holds pages for `tokens` tokens until
 * it is closed, which must be before the engine is. */
struct engine_bench_window;
struct engine_bench_window *engine_bench_open(struct engine *e, int tokens, struct error *err);
bool engine_bench_at(struct engine_bench_window *w, int depth, int prefill, int decode,
                     bool (*tick)(void *arg, int64_t done, int64_t total), void *arg,
                     struct engine_bench *out, struct error *err);
void engine_bench_close(struct engine_bench_window *w);

#endif
