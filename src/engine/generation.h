/* generation.h - an answer from words to words: template, tokenizer, engine, detokenizer,
 * stop strings.  What a server route and `longhaul run` share.
 *
 * A struct native is one loaded model: gguf, tokenizer, template and engine.  It may be
 * used from any number of threads; a struct generation belongs to one. */
#ifndef ENGINE_GENERATION_H
#define ENGINE_GENERATION_H
#include <jansson.h>
#include "engine/engine.h"
#include "text/chat.h"
#include "text/grammar.h"
#include "text/reply.h"
#include "text/tokenizer.h"

struct native;

struct native_options {
    const char *model_path;
    const char *template_path;          /* a Jinja file instead of the model's own; NULL: own */
    const char *const *override_kv;     /* NULL-ended list of KEY=TYPE:VALUE, or NULL */
    struct engine_options engine;
};
struct native *native_open(const struct native_options *options, struct error *err);
void native_close(struct native *m);
struct engine *native_engine(struct native *m);
const struct gguf *native_gguf(const struct native *m);
const struct tokenizer *native_tokenizer(const struct native *m);
const struct chat_template *native_chat(const struct native *m);

struct generation_request {
    /* The prompt: exactly one of the three. */
    const json_t *messages;             /* chat, with tools and kwargs */
    const char *prompt;                 /* text, specials parsed; prompt_len bytes */
    size_t prompt_len;
    const int32_t *prompt_tokens;       /* ids as they are */
    int prompt_token_count;

    const json_t *tools, *kwargs;       /* for messages */
    const char *const *stops;
    int stop_count;
    bool ignore_ends;                   /* go on past end tokens (benchmarks) */
    bool special;                       /* show control tokens */
    int max_tokens;                     /* 0: up to the window */
    struct sampling sampling;
    const struct sampling_bias *bias;
    int bias_count;
    bool logprobs_wanted;
    int logprobs;                       /* alternatives per token, 0 … 20 */
    struct grammar *grammar;            /* what the answer must be; NULL: anything */
    int64_t deadline_ms;                /* clock_ms(); 0: none */
};

enum generation_event_type { GENERATION_PROGRESS, GENERATION_TEXT, GENERATION_DONE };
enum generation_finish {
    GENERATION_STOP, GENERATION_LENGTH, GENERATION_CANCELLED, GENERATION_ERROR
};

struct generation_token { /* one token of the text just shown; only with logprobs_wanted */
    int32_t id;
    float logprob;
    int top_count;
    struct engine_logprob top[ENGINE_LOGPROBS_MAX];
};

struct generation_event {
    enum generation_event_type type;
    /* PROGRESS: the numbers in `engine`. */
    struct engine_event engine;
    /* TEXT: whole UTF-8, may be empty when only logprobs came; valid until the next call.
     * DONE: what had been held back of the answer's end, may be empty. */
    struct span text;
    const struct generation_token *tokens;
    int token_count;
    /* DONE */
    enum generation_finish finish;
    const char *stop;                   /* the stop string that ended it, or NULL */
    int prompt_tokens, cached_tokens, generated_tokens;
    struct error error;
};

struct generation;

/* The prompt's tokens only (for counting, /apply-template, /tokenize). */
bool generation_prompt(struct native *m, const struct generation_request *r, struct tokens *out,
                       struct error *err);

/* Renders, tokenises, submits. The request's memory may go when this returns. */
struct generation *generation_open(struct native *m, const struct generation_request *r,
                                   struct error *err);
/* The next event within timeout_ms; false: none yet. After DONE always false. */
bool generation_next(struct generation *g, struct generation_event *out, int64_t timeout_ms);
void generation_cancel(struct generation *g); /* any thread */
void generation_close(struct generation *g);
int generation_prompt_tokens(const struct generation *g);

#endif
