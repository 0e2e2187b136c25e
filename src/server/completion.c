/* completion.c - submit, wait, watch the clock and the socket; see completion.h. */
#include "server/completion.h"
#include <assert.h>
#include <limits.h>
#include <string.h>
#include "base/clock.h"
#include "server/constrain.h"

enum { TURN_MS = 5 }; /* how long to wait for one of several choices before asking the next */

/* ---- opening ---- */

static bool refuse(struct call *call, int kind, const struct error *err) {
    call_error(call, kind, err->text);
    return false;
}

/* The model that the body names, ready to run. */
static bool find_model(struct completion *c, const json_t *body) {
    struct error err = {0};
    const char *name;
    if (!request_model(body, &name, &err)) return refuse(c->call, err.code, &err);
    c->model = server_model_find(&c->call->context->models, name, &err);
    if (c->model == NULL)
        return refuse(c->call, err.code == ERR_NOT_FOUND ? HTTP_ERROR_MODEL : (int)err.code, &err);
    c->call->record.model = c->model->name;
    c->native = server_model_native(c->model, &err);
    if (c->native == NULL)
        return refuse(c->call, err.code == ERR_BUSY ? HTTP_ERROR_LOADING : (int)err.code, &err);
    return true;
}

static bool read_request(struct completion *c, const json_t *body, struct error *err) {
    struct arena *arena = &c->call->arena;
    c->request.sampling = c->model->sampling;
    c->request.max_tokens = c->model->max_tokens;
    return c->answer.shape == ANSWER_CHAT ? request_read_chat(body, arena, &c->request, err)
                                          : request_read_completion(body, arena, &c->request, err);
}

/* What the engine would refuse is refused here already, while the answer can still be a status. */
static bool check_tokens(const struct completion *c, const struct tokens *tokens,
                         struct error *err) {
    const struct engine_info *info = engine_info(native_engine(c->native));
    if (tokens->count == 0)
        return error_set(err, ERR_ARGUMENT, "prompt: is empty");
    if (tokens->count >= info->context) /* one token of answer must fit as well */
        return error_set(err, ERR_CONTEXT,
                         "This model's maximum context length is %d tokens. However, your "
                         "messages resulted in %lld tokens. Please reduce the length of the "
                         "messages.",
                         info->context, (long long)tokens->count);
    for (int64_t i = 0; i < tokens->count; i++)
        if (tokens->ids[i] < 0 || tokens->ids[i] >= info->vocab)
            return error_set(err, ERR_ARGUMENT, "prompt: token id %d; this model has 0 to %d",
                             tokens->ids[i], info->vocab - 1);
    for (int i = 0; i < c->request.bias_count; i++)
        if (c->request.bias[i].token >= info->vocab)
            return error_set(err, ERR_ARGUMENT, "logit_bias: token id %d; this model has 0 to %d",
                             c->request.bias[i].token, info->vocab - 1);
    return true;
}

static bool tokenise(struct completion *c, struct error *err) {
    const struct request *r = &c->request;
    int count = c->answer.shape == ANSWER_CHAT ? 1 : r->prompt_count;
    c->choice_count = count * r->choices;
    c->prompts = arena_array(&c->call->arena, (size_t)count, sizeof *c->prompts);
    c->choices = arena_array(&c->call->arena, (size_t)c->choice_count, sizeof *c->choices);
    if (c->prompts == NULL || c->choices == NULL) {
        c->choice_count = 0;
        return error_set(err, ERR_MEMORY, "no memory for %d choices", count * r->choices);
    }
    c->request.prompt_count = count;
    for (int i = 0; i < c->choice_count; i++) {
        c->choices[i].index = i;
        c->choices[i].prompt_index = i / r->choices;
    }
    for (int i = 0; i < count; i++) {
        struct generation_request prompt = {
            .messages = r->messages, .tools = r->tools, .kwargs = r->kwargs};
        if (r->prompts != NULL)
            prompt = (struct generation_request){
                .prompt = r->prompts[i].text,
                .prompt_len = r->prompts[i].text_bytes,
                .prompt_tokens = r->prompts[i].tokens,
                .prompt_token_count = r->prompts[i].token_count};
        if (!generation_prompt(c->native, &prompt, &c->prompts[i], err) ||
            !check_tokens(c, &c->prompts[i], err))
            return false;
        c->call->record.prompt_tokens += (int)c->prompts[i].count;
    }
    return true;
}

/* Whether a prompt ends by opening the reasoning, which the answer then only closes. */
static bool opens_reasoning(const struct completion *c, const struct tokens *prompt) {
    static const char tag[] = "<think>";
    enum { LOOK_TOKENS = 16 };
    struct str end = {0};
    int64_t from = prompt->count > LOOK_TOKENS ? prompt->count - LOOK_TOKENS : 0;
    for (int64_t i = from; i < prompt->count; i++) {
        struct span piece = tokenizer_bytes(c->answer.tokenizer, prompt->ids[i]);
        str_add(&end, piece.data, piece.len);
    }
    size_t len = end.len, tag_len = sizeof tag - 1;
    while (len > 0 && strchr(" \n", end.data[len - 1]) != NULL) len--;
    bool opens = len >= tag_len && memcmp(end.data + len - tag_len, tag, tag_len) == 0;
    str_deinit(&end);
    return opens;
}

/* The form that the request asks for. */
static bool open_grammar(struct completion *c, struct error *err) {
    const char *source = chat_template_source(native_chat(c->native));
    struct constrain_options options = {.format = tool_format_find(source)};
    if (c->request.messages != NULL) {
        options.reasoning = strstr(source, "</think>") != NULL;
        options.reasoning_open = options.reasoning && opens_reasoning(c, &c->prompts[0]);
    }
    return constrain(&c->request, &options, &c->grammar, err);
}

struct completion *completion_open(struct call *call, enum answer_shape shape) {
    const json_t *body = call_body(call);
    if (body == NULL) return NULL;
    struct error err = {0};
    struct completion *c = arena_alloc(&call->arena, sizeof *c);
    if (c == NULL) {
        call_error(call, ERR_MEMORY, "no memory for the request");
        return NULL;
    }
    *c = (struct completion){.call = call, .answer.shape = shape};
    call->task = c;
    call->task_close = completion_close;
    if (!find_model(c, body)) return NULL;
    c->answer.created_s = clock_unix_s();
    c->answer.model = c->model->name;
    c->answer.fingerprint = arena_printf(&call->arena, "longhaul-%s", call->context->version);
    c->answer.tokenizer = native_tokenizer(c->native);
    c->answer.id = call_new_id(call, shape == ANSWER_CHAT ? "chatcmpl-" : "cmpl-");
    if (!read_request(c, body, &err) || !tokenise(c, &err) || !open_grammar(c, &err) ||
        !server_model_admit(c->model, c->choice_count, &err)) {
        call_failed(call, &err);
        return NULL;
    }
    c->admitted = c->choice_count;
    c->answer.logprobs_wanted = c->request.logprobs_wanted;
    c->answer.return_tokens = c->request.return_tokens;
    if (c->model->answer_ms > 0) c->deadline_ms = clock_ms() + c->model->answer_ms;
    return c;
}

/* Counts one choice as done, however far it came.  Its generation stays until the next look for
 * events, because the last event's text lies in it. */
static void end_choice(struct completion *c, struct completion_choice *choice) {
    if (choice->done) return;
    choice->done = true;
    choice->done_ms = clock_ms();
    c->done_count++;
    if (c->admitted > 0) {
        c->admitted--;
        server_model_leave(c->model, 1);
    }
}

static void close_ended(struct completion *c) {
    for (int i = 0; i < c->choice_count; i++) {
        if (!c->choices[i].done) continue;
        generation_close(c->choices[i].generation);
        c->choices[i].generation = NULL;
    }
}

/* Cancels all before it closes any: closing may wait. */
static void end_all(struct completion *c) {
    for (int i = 0; i < c->choice_count; i++)
        if (c->choices[i].generation != NULL) generation_cancel(c->choices[i].generation);
    for (int i = 0; i < c->choice_count; i++) {
        if (!c->choices[i].done) c->call->record.cached_tokens += c->choices[i].progress.cached;
        end_choice(c, &c->choices[i]);
    }
    close_ended(c);
}

void completion_close(void *completion) {
    struct completion *c = completion;
    request_deinit(&c->request);
    grammar_release(c->grammar);
    c->grammar = NULL;
    if (c->choices == NULL) return;
    end_all(c);
    for (int i = 0; i < c->choice_count; i++) {
        reply_parts_close(c->choices[i].parts);
        c->choices[i].parts = NULL;
    }
    for (int i = 0; i < c->request.prompt_count; i++) tokens_deinit(&c->prompts[i]);
}

/* ---- submitting ---- */

/* Answers to conversations are taken apart where tools or the template ask for it. */
static bool open_parts(struct completion *c, struct completion_choice *choice, struct error *err) {
    const struct request *r = &c->request;
    if (r->messages == NULL) return true;
    const char *source = chat_template_source(native_chat(c->native));
    struct reply_parts_options options = {
        .reasoning = strstr(source, "</think>") != NULL,
        .tools = r->tools,
        .format = tool_format_find(source),
        .one_call = r->one_call,
    };
    if (!options.reasoning && options.tools == NULL) return true;
    options.reasoning_open =
        options.reasoning && opens_reasoning(c, &c->prompts[choice->prompt_index]);
    choice->parts = reply_parts_open(&options, err);
    choice->show_control = options.tools != NULL && options.format->control;
    return choice->parts != NULL;
}

static bool submit(struct completion *c, struct completion_choice *choice, struct error *err) {
    const struct request *r = &c->request;
    const struct tokens *prompt = &c->prompts[choice->prompt_index];
    if (!open_parts(c, choice, err)) return false;
    struct generation_request request = {
        .prompt_tokens = prompt->ids,
        .prompt_token_count = (int)prompt->count,
        .stops = r->stops,
        .stop_count = r->stop_count,
        .ignore_ends = r->ignore_eos,
        .special = choice->show_control,
        .grammar = c->grammar,
        .max_tokens = r->max_tokens,
        .sampling = r->sampling,
        .bias = r->bias,
        .bias_count = r->bias_count,
        .logprobs_wanted = r->logprobs_wanted || r->return_tokens,
        .logprobs = r->logprobs,
        .deadline_ms = c->deadline_ms,
    };
    /* Choices with one seed would all be the same. */
    request.sampling.seed += (uint64_t)(choice->index % r->choices);
    choice->generation = generation_open(c->native, &request, err);
    if (choice->generation == NULL) return false;
    choice->submitted = true;
    choice->submitted_ms = clock_ms();
    choice->prompt_tokens = (int)prompt->count;
    choice->progress = (struct answer_progress){
        .index = choice->index, .queued = true, .total = (int)prompt->count, .eta_ms = -1};
    return true;
}

bool completion_start(struct completion *c, struct error *err) {
    for (int i = 0; i < c->choice_count; i++) {
        struct completion_choice *first = &c->choices[i - i % c->request.choices];
        bool may = &c->choices[i] == first || first->started || first->done;
        if (!c->choices[i].submitted && may && !submit(c, &c->choices[i], err)) return false;
    }
    return true;
}

/* ---- waiting ---- */

static void note_first(struct completion *c, struct completion_choice *choice) {
    struct call_record *record = &c->call->record;
    choice->started = true;
    choice->first_ms = clock_ms();
    if (record->first_token_ms < 0)
        record->first_token_ms = choice->first_ms - c->call->started_ms;
}

static bool split_event(struct completion_choice *choice, const struct generation_event *event,
                        struct error *err) {
    choice->delta = (struct reply_delta){.content = event->text};
    if (choice->parts == NULL || event->type == GENERATION_PROGRESS) return true;
    if (event->type == GENERATION_TEXT)
        reply_parts_add(choice->parts, event->text, &choice->delta);
    else
        reply_parts_finish(choice->parts, event->text, event->finish == GENERATION_STOP,
                           &choice->delta);
    return !choice->delta.failed || error_set(err, ERR_MEMORY, "no memory for the answer");
}

static bool take_event(struct completion *c, struct completion_choice *choice,
                       const struct generation_event *event, struct error *err) {
    struct call_record *record = &c->call->record;
    if (!split_event(choice, event, err)) return false;
    switch (event->type) {
    case GENERATION_PROGRESS:
        choice->progress.queued = event->engine.queued;
        choice->progress.queue_position = event->engine.queue_position;
        choice->progress.cached = event->engine.prompt_cached;
        choice->progress.processed = event->engine.prompt_processed;
        choice->progress.eta_ms = event->engine.eta_ms;
        return true;
    case GENERATION_TEXT:
        if (choice->started) return true;
        note_first(c, choice);
        return completion_start(c, err); /* the choices that waited for this one */
    case GENERATION_DONE: break;
    }
    if (!choice->started && event->generated_tokens > 0) note_first(c, choice);
    choice->cached_tokens = event->cached_tokens;
    choice->generated_tokens = event->generated_tokens;
    choice->prefill_ms = event->engine.prefill_ms;
    choice->decode_ms = event->engine.decode_ms;
    record->cached_tokens += event->cached_tokens;
    record->generated_tokens += event->generated_tokens;
    if (event->finish == GENERATION_ERROR || event->finish == GENERATION_CANCELLED) {
        if (event->error.code != ERR_NONE) *err = event->error;
        return error_set(err, ERR_CANCELLED, "the answer was cancelled");
    }
    choice->finish = choice->delta.call_count > 0        ? "tool_calls"
                     : event->finish == GENERATION_STOP ? "stop" : "length";
    record->finish = choice->finish;
    end_choice(c, choice);
    return completion_start(c, err);
}

/* Deadlines and shutdown; false: err says which. */
static bool may_go_on(struct completion *c, int64_t now_ms, struct error *err) {
    if (atomic_load(&c->call->context->stop) == CONTEXT_CANCELLING)
        return error_set(err, ERR_CANCELLED, "the server is stopping; try again later");
    if (c->deadline_ms != 0 && now_ms > c->deadline_ms)
        return error_set(err, ERR_TIMEOUT,
                         "the answer was not complete within %lld s, the limit of model %s",
                         (long long)(c->model->answer_ms / 1000), c->model->name);
    if (c->model->first_token_ms == 0) return true;
    for (int i = 0; i < c->choice_count; i++) {
        const struct completion_choice *choice = &c->choices[i];
        if (choice->submitted && !choice->started && !choice->done &&
            now_ms - choice->submitted_ms > c->model->first_token_ms)
            return error_set(err, ERR_TIMEOUT,
                             "no first token within %lld s, the limit of model %s; what was "
                             "computed of the prompt is kept for the next try",
                             (long long)(c->model->first_token_ms / 1000), c->model->name);
    }
    return true;
}

/* The next event of any running choice, waiting no longer than wait_ms. */
static struct completion_choice *next_event(struct completion *c, int64_t wait_ms,
                                            struct generation_event *event) {
    struct completion_choice *waiting = NULL;
    int running = 0;
    for (int i = 0; i < c->choice_count; i++) {
        struct completion_choice *choice = &c->choices[(c->turn + i) % c->choice_count];
        if (choice->generation == NULL) continue;
        running++;
        if (waiting == NULL) waiting = choice;
        if (generation_next(choice->generation, event, 0)) {
            c->turn = choice->index + 1;
            return choice;
        }
    }
    if (waiting == NULL) return NULL;
    if (running > 1 && wait_ms > TURN_MS) wait_ms = TURN_MS;
    c->turn = waiting->index + 1;
    return generation_next(waiting->generation, event, wait_ms) ? waiting : NULL;
}

enum completion_news completion_next(struct completion *c, int64_t silent_until_ms,
                                     struct completion_choice **choice,
                                     struct generation_event *event, struct error *err) {
    for (;;) {
        int64_t now_ms = clock_ms();
        close_ended(c);
        if (c->done_count == c->choice_count) return COMPLETION_FINISHED;
        if (call_gone(c->call)) {
            c->call->record.finish = "gone";
            end_all(c);
            return COMPLETION_GONE;
        }
        if (!may_go_on(c, now_ms, err)) break;
        int64_t wait_ms = COMPLETION_SLICE_MS;
        if (silent_until_ms - now_ms < wait_ms) wait_ms = silent_until_ms - now_ms;
        *choice = next_event(c, wait_ms > 0 ? wait_ms : 0, event);
        if (*choice != NULL) {
            if (!take_event(c, *choice, event, err)) break;
            return COMPLETION_EVENT;
        }
        if (clock_ms() >= silent_until_ms) return COMPLETION_SILENCE;
    }
    c->call->record.finish = error_code_name(err->code);
    end_all(c);
    return COMPLETION_FAILED;
}

/* ---- what came of it ---- */

void completion_counts(const struct completion *c, struct answer_counts *out) {
    *out = (struct answer_counts){0};
    for (int i = 0; i < c->choice_count; i++) {
        const struct completion_choice *choice = &c->choices[i];
        out->completion_tokens += choice->generated_tokens;
        if (i % c->request.choices != 0) continue; /* each prompt counts once */
        out->prompt_tokens += choice->prompt_tokens;
        out->cached_tokens += choice->cached_tokens;
    }
    const struct completion_choice *first = &c->choices[0];
    int64_t answered_ms = first->started ? first->first_ms : first->done_ms;
    out->cache_n = first->cached_tokens;
    out->prompt_n = first->prompt_tokens - first->cached_tokens;
    out->predicted_n = first->generated_tokens;
    out->prompt_ms = first->prefill_ms > 0 ? first->prefill_ms
                                           : answered_ms - first->submitted_ms;
    out->predicted_ms = first->decode_ms > 0 ? first->decode_ms : first->done_ms - answered_ms;
}

void completion_echo(const struct completion *c, const struct completion_choice *choice,
                     struct str *out) {
    const struct request_prompt *prompt = &c->request.prompts[choice->prompt_index];
    if (prompt->text != NULL) {
        str_add(out, prompt->text, prompt->text_bytes);
        return;
    }
    for (int i = 0; i < prompt->token_count; i++) {
        struct span piece = tokenizer_bytes(c->answer.tokenizer, prompt->tokens[i]);
        str_add(out, piece.data, piece.len);
    }
}
