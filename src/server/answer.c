/* answer.c - shapes as OpenAI's API reference gives them, with llama-server's timings beside; see
 * answer.h. */
#include "server/answer.h"
#include <string.h>

/* One row a shape: what differs by name only. */
static const struct {
    const char *object, *chunk;
} names[] = {
    [ANSWER_CHAT] = {"chat.completion", "chat.completion.chunk"},
    [ANSWER_TEXT] = {"text_completion", "text_completion"},
};

/* The length of the valid UTF-8 sequence at s (RFC 3629's table), or 0. */
static size_t sequence_length(const unsigned char *s, size_t len) {
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4) return 0;
    size_t want = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (len < want) return 0;
    unsigned char low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < want; i++)
        if (s[i] < 0x80 || s[i] > 0xBF) return 0;
    return want;
}

json_t *answer_lossy_string(struct span bytes) {
    json_t *exact = json_stringn(bytes.len > 0 ? bytes.data : "", bytes.len);
    if (exact != NULL) return exact;
    struct str text = {0};
    const unsigned char *data = (const unsigned char *)bytes.data;
    for (size_t i = 0; i < bytes.len;) {
        size_t len = sequence_length(data + i, bytes.len - i);
        if (len > 0)
            str_add(&text, bytes.data + i, len);
        else
            str_add_text(&text, "\xEF\xBF\xBD");
        i += len > 0 ? len : 1;
    }
    json_t *lossy = text.failed ? NULL : json_stringn(str_text(&text), text.len);
    str_deinit(&text);
    return lossy;
}

/* ---- log-probabilities ---- */

static json_t *byte_array(struct span bytes) {
    json_t *array = json_array();
    for (size_t i = 0; i < bytes.len; i++)
        json_array_append_new(array, json_integer((unsigned char)bytes.data[i]));
    return array;
}

static json_t *chat_logprob(struct span bytes, float logprob) {
    return json_pack("{s:o, s:f, s:o}", "token", answer_lossy_string(bytes), "logprob",
                     (double)logprob, "bytes", byte_array(bytes));
}

static void add_chat_logprob(const struct answer *a, json_t *logprobs,
                             const struct generation_token *t) {
    json_t *top = json_array();
    for (int i = 0; i < t->top_count; i++)
        json_array_append_new(top, chat_logprob(tokenizer_bytes(a->tokenizer, t->top[i].id),
                                                t->top[i].logprob));
    json_t *one = chat_logprob(tokenizer_bytes(a->tokenizer, t->id), t->logprob);
    json_object_set_new(one, "top_logprobs", top);
    json_array_append_new(json_object_get(logprobs, "content"), one);
}

static size_t characters(const char *text) {
    size_t count = 0;
    for (; *text != 0; text++) count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* text_offset counts characters of the tokens' own texts, from the answer's beginning. */
static void add_text_logprob(const struct answer *a, json_t *logprobs,
                             const struct generation_token *t) {
    json_t *tokens = json_object_get(logprobs, "tokens");
    json_t *offsets = json_object_get(logprobs, "text_offset");
    size_t last = json_array_size(tokens);
    json_int_t offset = 0;
    if (last > 0)
        offset = json_integer_value(json_array_get(offsets, last - 1)) +
                 (json_int_t)characters(json_string_value(json_array_get(tokens, last - 1)));
    json_array_append_new(tokens, answer_lossy_string(tokenizer_bytes(a->tokenizer, t->id)));
    json_array_append_new(offsets, json_integer(offset));
    json_array_append_new(json_object_get(logprobs, "token_logprobs"),
                          json_real((double)t->logprob));
    json_t *top = json_object();
    for (int i = 0; i < t->top_count; i++) {
        json_t *key = answer_lossy_string(tokenizer_bytes(a->tokenizer, t->top[i].id));
        if (key != NULL)
            json_object_set_new(top, json_string_value(key), json_real((double)t->top[i].logprob));
        json_decref(key);
    }
    json_array_append_new(json_object_get(logprobs, "top_logprobs"), top);
}

json_t *answer_logprobs_new(const struct answer *a) {
    if (a->shape == ANSWER_CHAT)
        return json_pack("{s:[], s:n}", "content", "refusal");
    return json_pack("{s:[], s:[], s:[], s:[]}", "tokens", "token_logprobs", "top_logprobs",
                     "text_offset");
}

void answer_logprobs_add(const struct answer *a, json_t *logprobs, const struct answer_delta *d) {
    for (int i = 0; i < d->token_count; i++)
        if (a->shape == ANSWER_CHAT)
            add_chat_logprob(a, logprobs, &d->tokens[i]);
        else
            add_text_logprob(a, logprobs, &d->tokens[i]);
}

static json_t *logprobs_of(const struct answer *a, const struct answer_delta *d) {
    if (!a->logprobs_wanted || d->token_count == 0) return json_null();
    json_t *logprobs = answer_logprobs_new(a);
    answer_logprobs_add(a, logprobs, d);
    return logprobs;
}

/* ---- stream chunks ---- */

/* Takes choices. */
static json_t *chunk(const struct answer *a, json_t *choices) {
    return json_pack("{s:s, s:s, s:I, s:s, s:s, s:o}", "id", a->id, "object",
                     names[a->shape].chunk, "created", (json_int_t)a->created_s, "model", a->model,
                     "system_fingerprint", a->fingerprint, "choices", choices);
}

/* Takes delta and logprobs.  In the text shape, delta is the text itself. */
static json_t *chunk_of(const struct answer *a, int index, json_t *delta, json_t *logprobs,
                        const char *finish) {
    const char *name = a->shape == ANSWER_CHAT ? "delta" : "text";
    return chunk(a, json_pack("[{s:i, s:o, s:o, s:s?}]", "index", index, name, delta, "logprobs",
                              logprobs, "finish_reason", finish));
}

static json_t *empty_delta(const struct answer *a) {
    return a->shape == ANSWER_CHAT ? json_object() : json_string("");
}

/* One piece of an answer as the shape has it. */
static json_t *delta(const struct answer *a, const struct answer_delta *d) {
    if (a->shape == ANSWER_TEXT) return answer_lossy_string(d->text);
    json_t *parts = json_object();
    if (d->reasoning.len > 0)
        json_object_set_new(parts, "reasoning_content", answer_lossy_string(d->reasoning));
    if (d->text.len > 0 || d->reasoning.len == 0)
        json_object_set_new(parts, "content", answer_lossy_string(d->text));
    return parts;
}

json_t *answer_chunk_first(const struct answer *a, int index) {
    json_t *first = a->shape == ANSWER_CHAT
                        ? json_pack("{s:s, s:s}", "role", "assistant", "content", "")
                        : json_string("");
    return chunk_of(a, index, first, json_null(), NULL);
}

json_t *answer_chunk_delta(const struct answer *a, int index, const struct answer_delta *d) {
    json_t *whole = chunk_of(a, index, delta(a, d), logprobs_of(a, d), NULL);
    if (a->return_tokens && whole != NULL) {
        json_t *ids = json_array();
        for (int i = 0; i < d->token_count; i++)
            json_array_append_new(ids, json_integer(d->tokens[i].id));
        json_object_set_new(json_array_get(json_object_get(whole, "choices"), 0), "tokens", ids);
    }
    return whole;
}

/* Takes call. */
static json_t *chunk_of_call(const struct answer *a, int index, json_t *call) {
    return chunk_of(a, index, json_pack("{s:[o]}", "tool_calls", call), json_null(), NULL);
}

json_t *answer_chunk_call(const struct answer *a, int index, const struct answer_call *c) {
    return chunk_of_call(a, index,
                         json_pack("{s:i, s:s, s:s, s:{s:s, s:s}}", "index", c->index, "id", c->id,
                                   "type", "function", "function", "name", c->call->name,
                                   "arguments", ""));
}

json_t *answer_chunk_arguments(const struct answer *a, int index, const struct answer_call *c) {
    json_t *arguments = answer_lossy_string(span_of(c->call->arguments));
    return chunk_of_call(a, index, json_pack("{s:i, s:{s:o}}", "index", c->index, "function",
                                             "arguments", arguments));
}

json_t *answer_chunk_alive(const struct answer *a, int index) {
    return chunk_of(a, index, empty_delta(a), json_null(), NULL);
}

json_t *answer_chunk_progress(const struct answer *a, const struct answer_progress *p) {
    json_t *whole = answer_chunk_alive(a, p->index);
    json_t *progress =
        json_pack("{s:i, s:i, s:i, s:I, s:o}", "total", p->total, "cached", p->cached, "processed",
                  p->processed, "time_ms", (json_int_t)p->time_ms, "eta_ms",
                  p->eta_ms >= 0 ? json_integer(p->eta_ms) : json_null());
    if (p->queued)
        json_object_set_new(progress, "queue_position", json_integer(p->queue_position));
    json_object_set_new(whole, "prompt_progress", progress);
    return whole;
}

json_t *answer_chunk_finish(const struct answer *a, int index, const char *finish) {
    return chunk_of(a, index, empty_delta(a), json_null(), finish);
}

static json_t *usage(const struct answer_counts *c) {
    return json_pack("{s:i, s:i, s:i, s:{s:i}}", "prompt_tokens", c->prompt_tokens,
                     "completion_tokens", c->completion_tokens, "total_tokens",
                     c->prompt_tokens + c->completion_tokens, "prompt_tokens_details",
                     "cached_tokens", c->cached_tokens);
}

json_t *answer_chunk_usage(const struct answer *a, const struct answer_counts *c) {
    json_t *whole = chunk(a, json_array());
    json_object_set_new(whole, "usage", usage(c));
    return whole;
}

/* ---- not streamed ---- */

/* Content is null where an answer is nothing but calls. */
static json_t *message(const struct answer_whole *w) {
    bool calls_only = w->call_count > 0 && w->text.len == 0;
    json_t *text = calls_only ? json_null() : answer_lossy_string(w->text);
    json_t *whole = json_pack("{s:s, s:o, s:n}", "role", "assistant", "content", text, "refusal");
    if (w->reasoning.len > 0)
        json_object_set_new(whole, "reasoning_content", answer_lossy_string(w->reasoning));
    if (w->call_count == 0) return whole;
    json_t *calls = json_array();
    for (int i = 0; i < w->call_count; i++)
        json_array_append_new(
            calls, json_pack("{s:s, s:s, s:{s:s, s:o}}", "id", w->calls[i].id, "type", "function",
                             "function", "name", w->calls[i].call->name, "arguments",
                             answer_lossy_string(span_of(w->calls[i].call->arguments))));
    json_object_set_new(whole, "tool_calls", calls);
    return whole;
}

json_t *answer_choice(const struct answer *a, const struct answer_whole *w) {
    json_t *logprobs = w->logprobs != NULL ? w->logprobs : json_null();
    json_t *choice;
    if (a->shape == ANSWER_CHAT)
        choice = json_pack("{s:i, s:o, s:o, s:s}", "index", w->index, "message", message(w),
                           "logprobs", logprobs, "finish_reason", w->finish);
    else
        choice = json_pack("{s:i, s:o, s:o, s:s}", "index", w->index, "text",
                           answer_lossy_string(w->text), "logprobs", logprobs, "finish_reason",
                           w->finish);
    if (w->tokens != NULL) json_object_set_new(choice, "tokens", w->tokens);
    return choice;
}

json_t *answer_object(const struct answer *a, json_t *choices, const struct answer_counts *c) {
    return json_pack("{s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:o}", "id", a->id, "object",
                     names[a->shape].object, "created", (json_int_t)a->created_s, "model",
                     a->model, "system_fingerprint", a->fingerprint, "choices", choices, "usage",
                     usage(c), "timings", answer_timings(c));
}

static double ratio(double numerator, double denominator) {
    return denominator > 0 ? numerator / denominator : 0;
}

json_t *answer_timings(const struct answer_counts *c) {
    double prompt_ms = (double)c->prompt_ms, predicted_ms = (double)c->predicted_ms;
    return json_pack("{s:i, s:i, s:f, s:f, s:f, s:i, s:f, s:f, s:f}", "cache_n", c->cache_n,
                     "prompt_n", c->prompt_n, "prompt_ms", prompt_ms, "prompt_per_token_ms",
                     ratio(prompt_ms, c->prompt_n), "prompt_per_second",
                     ratio(1e3 * c->prompt_n, prompt_ms), "predicted_n", c->predicted_n,
                     "predicted_ms", predicted_ms, "predicted_per_token_ms",
                     ratio(predicted_ms, c->predicted_n), "predicted_per_second",
                     ratio(1e3 * c->predicted_n, predicted_ms));
}
