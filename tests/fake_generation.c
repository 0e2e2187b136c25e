/* fake_generation.c - scripted answers by the clock; see fake_generation.h. */
#include "fake_generation.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"

enum { FAKE_CONTEXT = 4096, WORD_BYTES_MAX = 256, LOGPROB_TOKENS_MAX = 512 };

static atomic_int opened, finished, cancelled, open_now;
static void (*tell_cancel)(void);

struct fake_counts fake_counts(void) {
    return (struct fake_counts){atomic_load(&opened), atomic_load(&finished),
                                atomic_load(&cancelled), atomic_load(&open_now)};
}

void fake_on_cancel(void (*tell)(void)) {
    tell_cancel = tell;
}

/* ---- the model ---- */

struct native {
    struct engine_info info;
};

struct native *fake_open(int context) {
    struct native *m = calloc(1, sizeof *m);
    if (m == NULL) return NULL;
    m->info = (struct engine_info){
        .architecture = "fake", .cpu_level = "none", .rope = "none", .rope_factor = 1,
        .context = context > 0 ? context : FAKE_CONTEXT, .context_trained = 32768,
        .vocab = FAKE_VOCAB, .layers = 1, .threads = 1, .parallel = 4, .weight_bytes = 1000,
    };
    return m;
}

struct native *native_open(const struct native_options *options, struct error *err) {
    (void)err;
    return fake_open(options->engine.context);
}

void native_close(struct native *m) {
    free(m);
}

/* The fake model stands for all its parts. */
struct engine *native_engine(struct native *m) {
    return (struct engine *)m;
}

const struct tokenizer *native_tokenizer(const struct native *m) {
    return (const struct tokenizer *)m;
}

const struct chat_template *native_chat(const struct native *m) {
    return (const struct chat_template *)m;
}

const struct engine_info *engine_info(const struct engine *e) {
    return &((const struct native *)e)->info;
}

/* ---- text: a token is a byte ---- */

int tokenizer_vocab_size(const struct tokenizer *t) {
    (void)t;
    return FAKE_VOCAB;
}

const struct tokenizer_special *tokenizer_special(const struct tokenizer *t) {
    (void)t;
    static const struct tokenizer_special special = {
        .bos = FAKE_BOS, .eos = FAKE_EOS, .eot = -1, .unknown = -1, .padding = -1, .add_bos = true};
    return &special;
}

struct span tokenizer_bytes(const struct tokenizer *t, int32_t id) {
    (void)t;
    static char bytes[256];
    if (id == FAKE_BOS) return span_of("<bos>");
    if (id == FAKE_EOS) return span_of("<eos>");
    if (id < 0 || id > 255) return span_of("");
    bytes[id] = (char)id;
    return (struct span){&bytes[id], 1};
}

bool tokens_add(struct tokens *t, int32_t id) {
    if (t->count == t->capacity) {
        int64_t capacity = t->capacity > 0 ? t->capacity * 2 : 64;
        int32_t *ids = realloc(t->ids, (size_t)capacity * sizeof *ids);
        if (ids == NULL) return false;
        t->ids = ids;
        t->capacity = capacity;
    }
    t->ids[t->count++] = id;
    return true;
}

void tokens_deinit(struct tokens *t) {
    free(t->ids);
    *t = (struct tokens){0};
}

bool tokenizer_encode(const struct tokenizer *t, struct span text, bool parse_special,
                      struct tokens *out, struct error *err) {
    (void)t;
    (void)parse_special;
    for (size_t i = 0; i < text.len; i++)
        if (!tokens_add(out, (unsigned char)text.data[i]))
            return error_set(err, ERR_MEMORY, "no memory");
    return true;
}

void detokenizer_init(struct detokenizer *d, const struct tokenizer *t, bool special) {
    *d = (struct detokenizer){.tokenizer = t, .special = special};
}

void detokenizer_add(struct detokenizer *d, int32_t id, struct str *out) {
    struct span bytes = tokenizer_bytes(d->tokenizer, id);
    str_add(out, bytes.data, bytes.len);
}

void detokenizer_finish(struct detokenizer *d, struct str *out) {
    (void)d;
    (void)out;
}

/* ---- the template: contents, one a line ---- */

static void add_content(struct str *out, const json_t *content) {
    size_t i;
    json_t *part;
    str_add(out, json_string_value(content), json_string_length(content));
    json_array_foreach(content, i, part)
        add_content(out, json_object_get(part, "text"));
}

bool chat_render(const struct chat_template *c, const struct chat_input *in,
                 struct template_output *out, struct error *err) {
    (void)c;
    size_t i;
    json_t *message;
    json_array_foreach((json_t *)in->messages, i, message) {
        if (!json_is_string(json_object_get(message, "role")))
            return error_set(err, ERR_ARGUMENT, "messages[%zu].role: expected a string", i);
        if (i > 0) str_add_char(&out->text, '\n');
        add_content(&out->text, json_object_get(message, "content"));
    }
    if (json_array_size(in->tools) > 0)
        str_addf(&out->text, "\n[%zu tools]", json_array_size(in->tools));
    return true;
}

void template_output_deinit(struct template_output *o) {
    str_deinit(&o->text);
    free(o->runs);
}

const char *chat_template_source(const struct chat_template *c) {
    (void)c;
    return "{{ messages }} {# knows </think> #}";
}

/* ---- scripts ---- */

struct script {
    int64_t queue_ms, prefill_ms, tick_ms, step_ms;
    int tokens, after, cached;
    enum error_code error, open, prompt;
    char mark[WORD_BYTES_MAX], say[WORD_BYTES_MAX], show[WORD_BYTES_MAX];
};

static enum error_code code_named(const char *name) {
    for (int code = 1; code < ERR_CODES; code++)
        if (strcmp(name, error_code_name((enum error_code)code)) == 0) return (enum error_code)code;
    return ERR_INTERNAL;
}

static void read_word(struct script *s, const char *key, const char *value) {
    if (strcmp(key, "queue_ms") == 0) s->queue_ms = atoll(value);
    if (strcmp(key, "prefill_ms") == 0) s->prefill_ms = atoll(value);
    if (strcmp(key, "tick_ms") == 0) s->tick_ms = atoll(value);
    if (strcmp(key, "step_ms") == 0) s->step_ms = atoll(value);
    if (strcmp(key, "tokens") == 0) s->tokens = atoi(value);
    if (strcmp(key, "after") == 0) s->after = atoi(value);
    if (strcmp(key, "cached") == 0) s->cached = atoi(value);
    if (strcmp(key, "error") == 0) s->error = code_named(value);
    if (strcmp(key, "open") == 0) s->open = code_named(value);
    if (strcmp(key, "prompt") == 0) s->prompt = code_named(value);
    if (strcmp(key, "mark") == 0) strcpy(s->mark, value);
    if (strcmp(key, "say") == 0) strcpy(s->say, value);
    if (strcmp(key, "show") == 0) strcpy(s->show, value);
}

static void read_script(struct script *s, const char *text) {
    *s = (struct script){.tick_ms = 50, .mark = "w"};
    while (*text != 0) {
        char word[WORD_BYTES_MAX];
        text += strspn(text, " \n\t");
        size_t len = strcspn(text, " \n\t");
        if (len < sizeof word) {
            memcpy(word, text, len);
            word[len] = 0;
            char *value = strchr(word, '=');
            if (value != NULL) {
                *value = 0;
                read_word(s, word, value + 1);
            }
        }
        text += len;
    }
}

static void show_request(struct str *out, const struct generation_request *r) {
    const struct sampling *s = &r->sampling;
    str_addf(out, "max_tokens=%d temperature=%g top_k=%d top_p=%g min_p=%g typical_p=%g",
             r->max_tokens, (double)s->temperature, s->top_k, (double)s->top_p, (double)s->min_p,
             (double)s->typical_p);
    str_addf(out, " repetition=%g presence=%g frequency=%g", (double)s->repetition_penalty,
             (double)s->presence_penalty, (double)s->frequency_penalty);
    str_addf(out, " seed=%lld stops=%d biases=%d logprobs=%d ignore_eos=%d",
             s->seed_set ? (long long)s->seed : -1LL, r->stop_count, r->bias_count,
             r->logprobs_wanted ? r->logprobs : -1, r->ignore_ends);
}

static void write_answer(struct str *out, const struct script *s, const char *prompt,
                         const struct generation_request *r) {
    if (s->show[0] != 0) {
        show_request(out, r);
    } else if (s->say[0] != 0) {
        for (const char *c = s->say; *c != 0; c++) {
            bool twice = c[0] == '_' && c[1] == '_';
            str_add_char(out, *c == '~' ? '\n' : *c == '_' && !twice ? ' ' : *c);
            c += twice;
        }
    } else if (s->tokens > 0) {
        for (int i = 0; i < s->tokens; i++) str_addf(out, "%s%s%d", i > 0 ? " " : "", s->mark, i);
    } else {
        str_add_text(out, prompt);
    }
}

/* ---- an answer ---- */

struct generation {
    struct script script;
    pthread_mutex_t lock; /* guards cancel */
    pthread_cond_t wake;
    bool cancel, done;
    struct str answer;
    size_t told;          /* bytes of it handed out */
    int words, words_max; /* handed out; before it is cut */
    const char *stop;
    char *stop_text;
    int prompt_tokens;
    bool logprobs_wanted;
    int logprobs;
    int64_t started_ms, progress_ms, next_ms;
    struct generation_token tokens[LOGPROB_TOKENS_MAX];
};

bool generation_prompt(struct native *m, const struct generation_request *r, struct tokens *out,
                       struct error *err) {
    struct template_output rendered = {0};
    struct script script;
    bool ok = true;
    if (r->messages != NULL) {
        struct chat_input in = {.messages = r->messages, .tools = r->tools};
        ok = chat_render(native_chat(m), &in, &rendered, err);
    } else if (r->prompt != NULL) {
        str_add(&rendered.text, r->prompt, r->prompt_len);
    }
    for (int i = 0; i < r->prompt_token_count; i++) tokens_add(out, r->prompt_tokens[i]);
    struct span text = {str_text(&rendered.text), rendered.text.len};
    read_script(&script, text.data);
    if (ok && script.prompt != ERR_NONE)
        ok = error_set(err, script.prompt, "the script refuses this prompt");
    ok = ok && tokenizer_encode(native_tokenizer(m), text, true, out, err);
    template_output_deinit(&rendered);
    return ok;
}

static void cut_at_stops(struct generation *g, const struct generation_request *r) {
    for (int i = 0; i < r->stop_count; i++) {
        const char *at = strstr(str_text(&g->answer), r->stops[i]);
        if (at == NULL) continue;
        g->answer.len = (size_t)(at - g->answer.data);
        g->answer.data[g->answer.len] = 0;
        free(g->stop_text);
        g->stop = g->stop_text = strdup(r->stops[i]);
    }
}

struct generation *generation_open(struct native *m, const struct generation_request *r,
                                   struct error *err) {
    struct tokens prompt = {0};
    struct str text = {0};
    struct generation *g = calloc(1, sizeof *g);
    if (g == NULL || !generation_prompt(m, r, &prompt, err)) {
        free(g);
        tokens_deinit(&prompt);
        return NULL;
    }
    for (int64_t i = 0; i < prompt.count; i++)
        if (prompt.ids[i] < 256) str_add_char(&text, (char)prompt.ids[i]);
    g->prompt_tokens = (int)prompt.count;
    tokens_deinit(&prompt);
    read_script(&g->script, str_text(&text));
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    write_answer(&g->answer, &g->script, str_text(&text), r);
    str_deinit(&text);
    cut_at_stops(g, r);
    g->words_max = r->max_tokens > 0 ? r->max_tokens : INT32_MAX;
    g->logprobs_wanted = r->logprobs_wanted;
    g->logprobs = r->logprobs;
    g->started_ms = g->progress_ms = clock_ms();
    g->next_ms = g->started_ms + g->script.queue_ms + g->script.prefill_ms;
    atomic_fetch_add(&opened, 1);
    atomic_fetch_add(&open_now, 1);
    if (g->script.open == ERR_NONE) return g;
    error_set(err, g->script.open, "the script refuses this request");
    generation_close(g);
    return NULL;
}

void generation_cancel(struct generation *g) {
    pthread_mutex_lock(&g->lock);
    g->cancel = true;
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->lock);
}

void generation_close(struct generation *g) {
    if (g == NULL) return;
    atomic_fetch_add(g->done ? &finished : &cancelled, 1);
    atomic_fetch_sub(&open_now, 1);
    if (!g->done && tell_cancel != NULL) tell_cancel();
    pthread_cond_destroy(&g->wake);
    pthread_mutex_destroy(&g->lock);
    str_deinit(&g->answer);
    free(g->stop_text);
    free(g);
}

int generation_prompt_tokens(const struct generation *g) {
    return g->prompt_tokens;
}

static void tell_progress(struct generation *g, int64_t now_ms, struct generation_event *out) {
    int64_t prefilled_ms = now_ms - g->started_ms - g->script.queue_ms;
    int new_tokens = g->prompt_tokens - g->script.cached;
    g->progress_ms = now_ms;
    out->type = GENERATION_PROGRESS;
    out->engine = (struct engine_event){
        .queued = prefilled_ms < 0, .queue_position = prefilled_ms < 0 ? 1 : 0,
        .prompt_total = g->prompt_tokens, .prompt_cached = g->script.cached,
        .prompt_processed = g->script.cached, .time_ms = now_ms - g->started_ms, .eta_ms = -1};
    if (prefilled_ms < 0 || g->script.prefill_ms == 0) return;
    out->engine.prompt_processed += (int)(new_tokens * prefilled_ms / g->script.prefill_ms);
    out->engine.eta_ms = g->script.prefill_ms - prefilled_ms;
}

static void tell_word(struct generation *g, int64_t now_ms, struct generation_event *out) {
    const char *text = g->answer.data + g->told;
    size_t len = strcspn(text + 1, " ") + 1;
    if (len > g->answer.len - g->told) len = g->answer.len - g->told;
    out->type = GENERATION_TEXT;
    out->text = (struct span){text, len};
    for (size_t i = 0; g->logprobs_wanted && i < len && i < LOGPROB_TOKENS_MAX; i++) {
        struct generation_token *t = &g->tokens[i];
        *t = (struct generation_token){.id = (unsigned char)text[i], .logprob = -0.5f,
                                       .top_count = g->logprobs};
        for (int n = 0; n < g->logprobs; n++)
            t->top[n] = (struct engine_logprob){(t->id + n) % 256, -0.5f - (float)n};
        out->tokens = g->tokens;
        out->token_count = (int)i + 1;
    }
    g->told += len;
    g->words++;
    g->next_ms = now_ms + g->script.step_ms;
}

static void tell_done(struct generation *g, struct generation_event *out) {
    const struct script *s = &g->script;
    bool failed = s->error != ERR_NONE && g->words >= s->after;
    g->done = !g->cancel;
    *out = (struct generation_event){.type = GENERATION_DONE,
                                     .prompt_tokens = g->prompt_tokens,
                                     .cached_tokens = s->cached,
                                     .generated_tokens = g->words,
                                     .stop = g->stop};
    out->engine.prefill_ms = s->prefill_ms;
    if (failed) error_set(&out->error, s->error, "the script ends in this error");
    out->finish = g->cancel ? GENERATION_CANCELLED
                  : failed  ? GENERATION_ERROR
                  : g->told < g->answer.len ? GENERATION_LENGTH : GENERATION_STOP;
}

/* What is due now; else *due_ms says when to look again. */
static bool tell(struct generation *g, struct generation_event *out, int64_t *due_ms) {
    int64_t now_ms = clock_ms();
    const struct script *s = &g->script;
    bool failed = s->error != ERR_NONE && g->words >= s->after;
    *due_ms = g->next_ms;
    if (g->cancel) {
        tell_done(g, out);
        return true;
    }
    if (now_ms >= g->next_ms) {
        if (failed || g->told == g->answer.len || g->words == g->words_max)
            tell_done(g, out);
        else
            tell_word(g, now_ms, out);
        return true;
    }
    if (g->words > 0 || s->tick_ms == 0) return false;
    if (now_ms - g->progress_ms >= s->tick_ms) {
        tell_progress(g, now_ms, out);
        return true;
    }
    if (g->progress_ms + s->tick_ms < *due_ms) *due_ms = g->progress_ms + s->tick_ms;
    return false;
}

bool generation_next(struct generation *g, struct generation_event *out, int64_t timeout_ms) {
    int64_t until_ms = clock_ms() + timeout_ms, due_ms;
    if (g->done) return false;
    *out = (struct generation_event){0};
    pthread_mutex_lock(&g->lock);
    bool told = tell(g, out, &due_ms);
    while (!told && clock_ms() < until_ms) {
        if (due_ms > until_ms) due_ms = until_ms;
        struct timespec at = {.tv_sec = due_ms / 1000, .tv_nsec = due_ms % 1000 * 1000000};
        pthread_cond_timedwait(&g->wake, &g->lock, &at);
        told = tell(g, out, &due_ms);
    }
    pthread_mutex_unlock(&g->lock);
    return told;
}
