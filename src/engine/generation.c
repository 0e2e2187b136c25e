/* generation.c - an answer from words to words.  See generation.h. */
#include "engine/generation.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "text/grammar_tokens.h"

enum {
    TEMPLATE_BYTES_MAX = 1 << 20,
    OVERRIDES_MAX = 64,
    PENDING_TOKENS_MAX = 64,     /* log-probabilities that wait for their text */
};

struct native {
    struct gguf *gguf;
    struct tokenizer *tokenizer;
    struct chat_template *chat;
    struct engine *engine;
};

/* ---- a model ---- */

static bool open_chat(struct native *m, const struct native_options *o, struct error *err) {
    struct str source = {0};
    bool ok = !o->template_path || file_read(&source, o->template_path, TEMPLATE_BYTES_MAX, err);
    if (ok) {
        const char *text = o->template_path ? str_text(&source) : NULL;
        m->chat = chat_template_open(m->gguf, m->tokenizer, text, err);
        ok = m->chat != NULL;
    }
    str_deinit(&source);
    return ok;
}

struct native *native_open(const struct native_options *o, struct error *err) {
    struct native *m = calloc(1, sizeof *m);
    if (!m) {
        error_set(err, ERR_MEMORY, "no memory for a model");
        return NULL;
    }
    m->gguf = gguf_open(o->model_path, err);
    bool ok = m->gguf != NULL;
    for (int i = 0; ok && o->override_kv && o->override_kv[i]; i++)
        ok = i < OVERRIDES_MAX
                 ? gguf_override(m->gguf, o->override_kv[i], err)
                 : error_set(err, ERR_ARGUMENT, "more than %d overrides", OVERRIDES_MAX);
    if (ok) ok = (m->tokenizer = tokenizer_open(m->gguf, err)) != NULL;
    if (ok) ok = open_chat(m, o, err);
    if (ok) ok = (m->engine = engine_open(m->gguf, &o->engine, err)) != NULL;
    if (ok) return m;
    native_close(m);
    return NULL;
}

void native_close(struct native *m) {
    if (!m) return;
    engine_close(m->engine);
    chat_template_close(m->chat);
    tokenizer_close(m->tokenizer);
    gguf_close(m->gguf);
    free(m);
}

struct engine *native_engine(struct native *m) {
    return m->engine;
}

const struct gguf *native_gguf(const struct native *m) {
    return m->gguf;
}

const struct tokenizer *native_tokenizer(const struct native *m) {
    return m->tokenizer;
}

const struct chat_template *native_chat(const struct native *m) {
    return m->chat;
}

/* ---- the prompt ---- */

static bool prompt_from_text(struct native *m, const struct generation_request *r,
                             struct tokens *out, struct error *err) {
    const struct tokenizer_special *special = tokenizer_special(m->tokenizer);
    if (special->add_bos && special->bos >= 0 && !tokens_add(out, special->bos))
        return error_set(err, ERR_MEMORY, "no memory for the prompt");
    return tokenizer_encode(m->tokenizer, (struct span){r->prompt, r->prompt_len}, true, out, err);
}

bool generation_prompt(struct native *m, const struct generation_request *r, struct tokens *out,
                       struct error *err) {
    if (r->messages)
        return chat_tokenize(m->chat, m->tokenizer,
                             &(struct chat_input){.messages = r->messages, .tools = r->tools,
                                                  .kwargs = r->kwargs,
                                                  .add_generation_prompt = true}, out, err);
    if (r->prompt) return prompt_from_text(m, r, out, err);
    for (int i = 0; i < r->prompt_token_count; i++)
        if (!tokens_add(out, r->prompt_tokens[i]))
            return error_set(err, ERR_MEMORY, "no memory for the prompt");
    return true;
}

/* ---- an answer ---- */

struct generation {
    struct native *model;
    struct ticket *ticket;
    struct detokenizer detokenizer;
    struct reply *reply;
    struct str raw, shown;       /* detokenised; released by the stop strings */
    bool logprobs_wanted, done;
    bool stopped;                /* a stop string was met: what follows is thrown away */
    struct generation_token tokens[PENDING_TOKENS_MAX];
    int token_count;             /* not handed out yet */
    int prompt_tokens, generated;
    int cached;
};

static bool may(void *tokens, int32_t token) {
    return grammar_tokens_may(tokens, token);
}

static void accept(void *tokens, int32_t token) {
    grammar_tokens_accept(tokens, token);
}

static void close_tokens(void *tokens) {
    grammar_tokens_close(tokens);
}

static bool constrain(const struct generation *g, const struct generation_request *r,
                      struct engine_constraint *out, struct error *err) {
    if (!r->grammar) return true;
    *out = (struct engine_constraint){grammar_tokens_open(r->grammar, g->model->tokenizer), may,
                                      accept, close_tokens};
    return out->arg || error_set(err, ERR_MEMORY, "no memory for a grammar's state");
}

static bool submit(struct generation *g, const struct generation_request *r,
                   const struct tokens *prompt, struct error *err) {
    int end_count = 0;
    const int32_t *ends = tokenizer_ends(g->model->tokenizer, &end_count);
    if (end_count > ENGINE_ENDS_MAX) end_count = ENGINE_ENDS_MAX;
    if (prompt->count > INT32_MAX)
        return error_set(err, ERR_CONTEXT, "a prompt of %lld tokens", (long long)prompt->count);
    struct engine_constraint constraint = {0};
    if (!constrain(g, r, &constraint, err)) return false;
    g->prompt_tokens = (int)prompt->count;
    g->ticket = engine_submit(g->model->engine, &(struct engine_request){
        .tokens = prompt->ids,
        .token_count = (int)prompt->count,
        .max_tokens = r->max_tokens,
        .sampling = r->sampling,
        .bias = r->bias,
        .bias_count = r->bias_count,
        .logprobs_wanted = r->logprobs_wanted,
        .logprobs = r->logprobs,
        .ends = r->ignore_ends ? NULL : ends,
        .end_count = r->ignore_ends ? 0 : end_count,
        .constraint = constraint,
        .deadline_ms = r->deadline_ms,
    }, err);
    return g->ticket != NULL;
}

struct generation *generation_open(struct native *m, const struct generation_request *r,
                                   struct error *err) {
    struct tokens prompt = {0};
    struct generation *g = calloc(1, sizeof *g);
    if (!g) {
        error_set(err, ERR_MEMORY, "no memory for an answer");
        return NULL;
    }
    g->model = m;
    g->logprobs_wanted = r->logprobs_wanted;
    detokenizer_init(&g->detokenizer, m->tokenizer, r->special);
    g->reply = reply_open(r->stops, r->stop_count, err);
    bool ok = g->reply && generation_prompt(m, r, &prompt, err) && submit(g, r, &prompt, err);
    tokens_deinit(&prompt);
    if (ok) return g;
    generation_close(g);
    return NULL;
}

void generation_cancel(struct generation *g) {
    ticket_cancel(g->ticket);
}

void generation_close(struct generation *g) {
    if (!g) return;
    if (g->ticket) ticket_release(g->ticket);
    reply_close(g->reply);
    str_deinit(&g->raw);
    str_deinit(&g->shown);
    free(g);
}

int generation_prompt_tokens(const struct generation *g) {
    return g->prompt_tokens;
}

static void remember_token(struct generation *g, const struct engine_event *e) {
    if (!g->logprobs_wanted || g->token_count == PENDING_TOKENS_MAX) return;
    struct generation_token *t = &g->tokens[g->token_count++];
    *t = (struct generation_token){.id = e->token, .logprob = e->logprob,
                                   .top_count = e->top_count};
    memcpy(t->top, e->top, sizeof t->top);
}

/* Hands out what may be shown; false: nothing may yet. */
static bool hand_out(struct generation *g, struct generation_event *out) {
    if (g->shown.len == 0 && g->token_count == 0) return false;
    *out = (struct generation_event){.type = GENERATION_TEXT,
                                     .text = {str_text(&g->shown), g->shown.len},
                                     .tokens = g->tokens, .token_count = g->token_count};
    return true;
}

static void take_token(struct generation *g, const struct engine_event *e) {
    g->generated++;
    if (g->stopped) return;
    remember_token(g, e);
    str_clear(&g->raw);
    detokenizer_add(&g->detokenizer, e->token, &g->raw);
    g->stopped = reply_add(g->reply, (struct span){str_text(&g->raw), g->raw.len}, &g->shown);
    if (g->stopped) ticket_cancel(g->ticket);
}

/* The text that was held back comes before the end. */
static void flush(struct generation *g) {
    if (g->stopped) return;
    str_clear(&g->raw);
    detokenizer_finish(&g->detokenizer, &g->raw);
    g->stopped = reply_add(g->reply, (struct span){str_text(&g->raw), g->raw.len}, &g->shown);
    if (!g->stopped) reply_finish(g->reply, &g->shown);
}

static void take_done(struct generation *g, const struct engine_event *e,
                      struct generation_event *out) {
    static const enum generation_finish finishes[] = {
        [ENGINE_FINISH_STOP] = GENERATION_STOP,
        [ENGINE_FINISH_LENGTH] = GENERATION_LENGTH,
        [ENGINE_FINISH_CANCELLED] = GENERATION_CANCELLED,
        [ENGINE_FINISH_ERROR] = GENERATION_ERROR,
    };
    bool by_us = reply_stop(g->reply) && e->finish == ENGINE_FINISH_CANCELLED;
    g->done = true;
    flush(g);
    *out = (struct generation_event){
        .type = GENERATION_DONE,
        .engine = *e,
        .text = {str_text(&g->shown), g->shown.len}, /* the rest of the answer, may be empty */
        .tokens = g->tokens,
        .token_count = g->token_count,
        .finish = by_us || reply_stop(g->reply) ? GENERATION_STOP : finishes[e->finish],
        .stop = reply_stop(g->reply),
        .prompt_tokens = g->prompt_tokens,
        .cached_tokens = e->prompt_cached,
        .generated_tokens = g->stopped ? g->generated : e->generated,
        .error = e->error,
    };
}

bool generation_next(struct generation *g, struct generation_event *out, int64_t timeout_ms) {
    struct engine_event e;
    if (g->done) return false;
    str_clear(&g->shown);
    g->token_count = 0;
    while (ticket_next(g->ticket, &e, timeout_ms)) {
        if (e.type == ENGINE_DONE) {
            take_done(g, &e, out);
            return true;
        }
        if (e.type == ENGINE_PROGRESS) {
            *out = (struct generation_event){.type = GENERATION_PROGRESS, .engine = e};
            return true;
        }
        take_token(g, &e);
        if (hand_out(g, out)) return true;
        if (timeout_ms > 50) timeout_ms = 50; /* a held-back text must not double the wait */
    }
    return false;
}
