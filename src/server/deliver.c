/* deliver.c - server-sent events and whole objects; see deliver.h. */
#include "server/deliver.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

enum stage { STAGE_FIRST, STAGE_SUBMIT, STAGE_RUN, STAGE_OVER };

struct delivery { /* one stream */
    struct completion *completion;
    enum stage stage;
    struct str out;           /* events not yet handed over */
    size_t out_sent;
    int64_t written_ms;       /* when out last grew */
    int64_t progress_ms;      /* when progress was last told; 0: never */
};

/* ---- parts of an answer ---- */

static struct answer_delta delta_of(const struct completion_choice *choice,
                                    const struct generation_event *event) {
    return (struct answer_delta){choice->delta.content, choice->delta.reasoning, event->tokens,
                                 event->token_count};
}

/* With an id of its own.  Where there is no memory for one it is NULL, and so is then the JSON. */
static struct answer_call call_of(const struct completion *c,
                                  const struct completion_choice *choice, int i) {
    return (struct answer_call){i, call_new_id(c->call, "call_"), &choice->delta.calls[i]};
}

/* ---- events ---- */

/* Takes value; NULL stands for no memory, which fails the stream through out.failed. */
static void write_event(struct delivery *d, json_t *value) {
    char *text = value != NULL ? json_dumps(value, CALL_JSON_FLAGS) : NULL;
    json_decref(value);
    if (text == NULL) {
        d->out.failed = true;
        return;
    }
    str_add_text(&d->out, "data: ");
    str_add_text(&d->out, text);
    str_add_text(&d->out, "\n\n");
    free(text);
    d->written_ms = clock_ms();
}

static void write_end(struct delivery *d) {
    str_add_text(&d->out, "data: [DONE]\n\n");
    d->stage = STAGE_OVER;
}

static void write_error(struct delivery *d, const struct error *err) {
    write_event(d, http_error_json(err->code, err->text));
    write_end(d);
}

static void write_first(struct delivery *d) {
    struct completion *c = d->completion;
    for (int i = 0; i < c->choice_count; i++) {
        write_event(d, answer_chunk_first(&c->answer, i));
        if (!c->request.echo) continue;
        struct str text = {0};
        completion_echo(c, &c->choices[i], &text);
        struct answer_delta delta = {.text = {str_text(&text), text.len}};
        write_event(d, answer_chunk_delta(&c->answer, i, &delta));
        str_deinit(&text);
    }
    d->stage = STAGE_SUBMIT;
}

static void write_progress(struct delivery *d, struct completion_choice *choice) {
    choice->progress.time_ms = clock_ms() - choice->submitted_ms;
    write_event(d, answer_chunk_progress(&d->completion->answer, &choice->progress));
    d->progress_ms = d->written_ms;
}

/* Nothing happened for a while: say that the server is alive, and how far it is. */
static void write_alive(struct delivery *d) {
    struct completion *c = d->completion;
    for (int i = 0; i < c->choice_count; i++) {
        struct completion_choice *choice = &c->choices[i];
        if (!choice->submitted || choice->done) continue;
        if (choice->started)
            write_event(d, answer_chunk_alive(&c->answer, i));
        else
            write_progress(d, choice);
        return;
    }
}

static void write_finish(struct delivery *d, const struct completion_choice *choice) {
    struct completion *c = d->completion;
    json_t *chunk = answer_chunk_finish(&c->answer, choice->index, choice->finish);
    if (c->done_count == c->choice_count) {
        struct answer_counts counts;
        completion_counts(c, &counts);
        json_object_set_new(chunk, "timings", answer_timings(&counts));
    }
    write_event(d, chunk);
}

static void write_choice_event(struct delivery *d, struct completion_choice *choice,
                               const struct generation_event *event) {
    const struct completion *c = d->completion;
    struct answer_delta delta = delta_of(choice, event);
    bool told_lately = d->progress_ms != 0 &&
                       clock_ms() - d->progress_ms < c->call->context->progress_ms;
    if (event->type == GENERATION_PROGRESS) {
        if (!choice->started && !told_lately) write_progress(d, choice);
        return;
    }
    if (delta.text.len > 0 || delta.reasoning.len > 0 || delta.token_count > 0)
        write_event(d, answer_chunk_delta(&c->answer, choice->index, &delta));
    for (int i = 0; i < choice->delta.call_count; i++) {
        struct answer_call call = call_of(c, choice, i);
        write_event(d, answer_chunk_call(&c->answer, choice->index, &call));
        write_event(d, answer_chunk_arguments(&c->answer, choice->index, &call));
    }
    if (event->type == GENERATION_DONE) write_finish(d, choice);
}

/* ---- the stream ---- */

/* Moves on until there is something to write; false: the client is gone. */
static bool step(struct delivery *d) {
    struct completion *c = d->completion;
    struct completion_choice *choice;
    struct generation_event event;
    struct error err = {0};
    struct answer_counts counts;
    switch (d->stage) {
    case STAGE_FIRST: write_first(d); return true;
    case STAGE_SUBMIT:
        d->stage = STAGE_RUN;
        if (!completion_start(c, &err)) write_error(d, &err);
        return true;
    case STAGE_RUN: break;
    case STAGE_OVER: return true;
    }
    int64_t silent_until_ms = d->written_ms + c->call->context->liveness_ms;
    switch (completion_next(c, silent_until_ms, &choice, &event, &err)) {
    case COMPLETION_EVENT: write_choice_event(d, choice, &event); return true;
    case COMPLETION_SILENCE: write_alive(d); return true;
    case COMPLETION_FAILED: write_error(d, &err); return true;
    case COMPLETION_GONE: return false;
    case COMPLETION_FINISHED: break;
    }
    completion_counts(c, &counts);
    if (c->request.include_usage) write_event(d, answer_chunk_usage(&c->answer, &counts));
    write_end(d);
    return true;
}

static ssize_t read_delivery(void *task, char *out, size_t max) {
    struct delivery *d = task;
    while (d->out_sent == d->out.len) {
        d->out_sent = 0;
        str_clear(&d->out);
        if (d->stage == STAGE_OVER) return CALL_STREAM_END;
        if (!step(d) || d->out.failed) return CALL_STREAM_CUT;
    }
    size_t len = d->out.len - d->out_sent;
    if (len > max) len = max;
    memcpy(out, d->out.data + d->out_sent, len);
    d->out_sent += len;
    return (ssize_t)len;
}

static void close_delivery(void *task) {
    struct delivery *d = task;
    completion_close(d->completion);
    str_deinit(&d->out);
}

static void deliver_stream(struct completion *c) {
    struct delivery *d = arena_alloc(&c->call->arena, sizeof *d);
    if (d == NULL) {
        call_error(c->call, ERR_MEMORY, "no memory for the answer");
        return;
    }
    d->completion = c;
    c->call->task = d;
    c->call->task_close = close_delivery;
    call_stream(c->call, read_delivery);
}

/* ---- gathered ---- */

struct gathered { /* one choice */
    struct str text, reasoning;
    json_t *logprobs, *tokens;
};

static void gather(const struct completion *c, struct gathered *g,
                   const struct completion_choice *choice, const struct generation_event *event) {
    struct answer_delta delta = delta_of(choice, event);
    if (event->type == GENERATION_PROGRESS) return;
    str_add(&g->text, delta.text.data, delta.text.len);
    str_add(&g->reasoning, delta.reasoning.data, delta.reasoning.len);
    if (c->answer.logprobs_wanted) answer_logprobs_add(&c->answer, g->logprobs, &delta);
    for (int i = 0; c->answer.return_tokens && i < event->token_count; i++)
        json_array_append_new(g->tokens, json_integer(event->tokens[i].id));
}

static bool prepare(const struct completion *c, struct gathered *all) {
    bool ok = all != NULL;
    for (int i = 0; ok && i < c->choice_count; i++) {
        if (c->answer.logprobs_wanted) all[i].logprobs = answer_logprobs_new(&c->answer);
        if (c->answer.return_tokens) all[i].tokens = json_array();
        if (c->request.echo) completion_echo(c, &c->choices[i], &all[i].text);
        ok = (all[i].logprobs != NULL || !c->answer.logprobs_wanted) &&
             (all[i].tokens != NULL || !c->answer.return_tokens);
    }
    return ok;
}

/* Waits for the end; false: an error was answered, or nobody is left to answer. */
static bool gather_all(struct completion *c, struct gathered *all) {
    struct error err = {0};
    if (!completion_start(c, &err)) {
        call_failed(c->call, &err);
        return false;
    }
    for (;;) {
        struct completion_choice *choice;
        struct generation_event event;
        switch (completion_next(c, INT64_MAX, &choice, &event, &err)) {
        case COMPLETION_EVENT: gather(c, &all[choice->index], choice, &event); break;
        case COMPLETION_SILENCE: break;
        case COMPLETION_FINISHED: return true;
        case COMPLETION_FAILED: call_failed(c->call, &err); return false;
        case COMPLETION_GONE: call_drop(c->call); return false;
        }
    }
}

static json_t *gathered_choice(const struct completion *c, struct gathered *g, int index) {
    const struct completion_choice *choice = &c->choices[index];
    int call_count = choice->delta.call_count;
    struct answer_call *calls = arena_array(&c->call->arena, (size_t)call_count, sizeof *calls);
    if (g->text.failed || g->reasoning.failed || calls == NULL) return NULL;
    for (int i = 0; i < call_count; i++) calls[i] = call_of(c, choice, i);
    struct answer_whole whole = {
        .index = index,
        .text = {str_text(&g->text), g->text.len},
        .reasoning = {str_text(&g->reasoning), g->reasoning.len},
        .calls = calls,
        .call_count = call_count,
        .finish = choice->finish,
        .logprobs = g->logprobs,
        .tokens = g->tokens,
    };
    g->logprobs = g->tokens = NULL;
    return answer_choice(&c->answer, &whole);
}

static json_t *gathered_object(const struct completion *c, struct gathered *all) {
    struct answer_counts counts;
    json_t *choices = json_array();
    for (int i = 0; i < c->choice_count; i++) {
        if (json_array_append_new(choices, gathered_choice(c, &all[i], i)) != 0) {
            json_decref(choices);
            return NULL;
        }
    }
    completion_counts(c, &counts);
    return answer_object(&c->answer, choices, &counts);
}

static void deliver_whole(struct completion *c) {
    struct gathered *all = arena_array(&c->call->arena, (size_t)c->choice_count, sizeof *all);
    if (!prepare(c, all))
        call_error(c->call, ERR_MEMORY, "no memory for the answer");
    else if (gather_all(c, all))
        call_json(c->call, 200, gathered_object(c, all));
    for (int i = 0; all != NULL && i < c->choice_count; i++) {
        str_deinit(&all[i].text);
        str_deinit(&all[i].reasoning);
        json_decref(all[i].logprobs);
        json_decref(all[i].tokens);
    }
}

void deliver(struct completion *c) {
    if (c->request.stream)
        deliver_stream(c);
    else
        deliver_whole(c);
}
