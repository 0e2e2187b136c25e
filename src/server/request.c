/* request.c - the tables of fields, and readers for the fields with several shapes; see
 * request.h. */
#include "server/request.h"
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "server/fields.h"

#define AT(member) offsetof(struct request, member)
#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static bool no_memory(const struct field_read *r, struct error *err) {
    return error_set(err, ERR_MEMORY, "%s: no memory for %zu elements", r->name,
                     json_array_size(r->value));
}

/* -1 means "up to the window" to many local servers; 0 stands for it in here. */
static bool read_max_tokens(const struct field_read *r, struct error *err) {
    json_int_t value;
    if (!fields_integer(r->value, &value)) return fields_wrong_type(r, "an integer", err);
    if (value != -1 && (value < 1 || value > REQUEST_TOKENS_MAX))
        return error_set(err, ERR_ARGUMENT, "%s: %lld is out of range (1 to %d)", r->name,
                         (long long)value, REQUEST_TOKENS_MAX);
    ((struct request *)r->out)->max_tokens = value == -1 ? 0 : (int)value;
    return true;
}

static bool read_top_k(const struct field_read *r, struct error *err) {
    json_int_t value;
    if (!fields_integer(r->value, &value)) return fields_wrong_type(r, "an integer", err);
    if (value < -1 || value > INT_MAX)
        return error_set(err, ERR_ARGUMENT, "%s: %lld is out of range (0 or -1: all tokens)",
                         r->name, (long long)value);
    ((struct request *)r->out)->sampling.top_k = value == -1 ? 0 : (int)value;
    return true;
}

static bool read_seed(const struct field_read *r, struct error *err) {
    json_int_t value;
    if (!fields_integer(r->value, &value)) return fields_wrong_type(r, "an integer", err);
    struct sampling *s = &((struct request *)r->out)->sampling;
    s->seed = (uint64_t)value;
    s->seed_set = value != -1; /* -1: random, as elsewhere */
    return true;
}

static bool add_stop(const struct field_read *r, const json_t *value, struct error *err) {
    struct request *request = r->out;
    if (!json_is_string(value))
        return error_set(err, ERR_ARGUMENT, "%s: expected a string or an array of strings, got %s",
                         r->name, fields_type_name(value));
    size_t bytes = json_string_length(value);
    const char *text = json_string_value(value);
    if (bytes > REQUEST_STOP_BYTES_MAX)
        return error_set(err, ERR_ARGUMENT, "%s: a string of %zu bytes; at most %d", r->name,
                         bytes, REQUEST_STOP_BYTES_MAX);
    if (strlen(text) != bytes)
        return error_set(err, ERR_ARGUMENT, "%s: holds a NUL character", r->name);
    if (bytes > 0) request->stops[request->stop_count++] = text; /* "" would stop at once */
    return true;
}

static bool read_stop(const struct field_read *r, struct error *err) {
    struct request *request = r->out;
    size_t count = json_is_array(r->value) ? json_array_size(r->value) : 1;
    if (count > REQUEST_STOPS_MAX)
        return error_set(err, ERR_ARGUMENT, "%s: %zu strings; at most %d", r->name, count,
                         REQUEST_STOPS_MAX);
    request->stop_count = 0;
    request->stops = arena_array(r->arena, count, sizeof *request->stops);
    if (request->stops == NULL) return no_memory(r, err);
    if (!json_is_array(r->value)) return add_stop(r, r->value, err);
    for (size_t i = 0; i < count; i++)
        if (!add_stop(r, json_array_get(r->value, i), err)) return false;
    return true;
}

static bool read_bias(const struct field_read *r, struct error *err) {
    struct request *request = r->out;
    if (!json_is_object(r->value)) return fields_wrong_type(r, "an object", err);
    size_t count = json_object_size(r->value);
    if (count > REQUEST_BIAS_MAX)
        return error_set(err, ERR_ARGUMENT, "%s: %zu tokens; at most %d", r->name, count,
                         REQUEST_BIAS_MAX);
    request->bias_count = 0;
    request->bias = arena_array(r->arena, count, sizeof *request->bias);
    if (request->bias == NULL) return no_memory(r, err);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)r->value, key, value) {
        char *end;
        unsigned long id = strtoul(key, &end, 10);
        if (key[0] < '0' || key[0] > '9' || *end != 0 || id > INT32_MAX)
            return error_set(err, ERR_ARGUMENT, "%s: \"%.40s\" is not a token id", r->name, key);
        if (!json_is_number(value))
            return error_set(err, ERR_ARGUMENT, "%s: expected a number for token %s, got %s",
                             r->name, key, fields_type_name(value));
        double bias = json_number_value(value);
        if (!(bias >= -100 && bias <= 100))
            return error_set(err, ERR_ARGUMENT, "%s: %g for token %s is out of range (-100 to 100)",
                             r->name, bias, key);
        request->bias[request->bias_count++] =
            (struct sampling_bias){.token = (int32_t)id, .bias = (float)bias};
    }
    return true;
}

static bool read_stream_options(const struct field_read *r, struct error *err) {
    static const struct field rows[] = {
        {.name = "include_usage", .kind = FIELD_BOOL, .offset = AT(include_usage)},
    };
    if (!json_is_object(r->value)) return fields_wrong_type(r, "an object", err);
    if (!fields_read(rows, COUNT(rows), r, err)) {
        error_prefix(err, "%s", r->name);
        return false;
    }
    return true;
}

/* A word, or {"type": "function", "function": {"name": …}}. */
static bool read_tool_choice(const struct field_read *r, struct error *err) {
    struct request *request = r->out;
    const char *text = json_string_value(r->value);
    if (text == NULL && !json_is_object(r->value))
        return fields_wrong_type(r, "a string or an object", err);
    if (text != NULL) {
        request->call_required = strcmp(text, "required") == 0;
        if (request->call_required || strcmp(text, "none") == 0 || strcmp(text, "auto") == 0)
            return true; /* "none" is acted upon after the rest */
        return error_set(err, ERR_ARGUMENT,
                         "%s: \"%.40s\" is not one of \"none\", \"auto\", \"required\"", r->name,
                         text);
    }
    const json_t *function = json_object_get(r->value, "function");
    request->call_required = true;
    request->call_name = json_string_value(json_object_get(function, "name"));
    return request->call_name != NULL ||
           error_set(err, ERR_ARGUMENT, "%s.function.name: expected a string", r->name);
}

static bool read_response_format(const struct field_read *r, struct error *err) {
    struct request *request = r->out;
    if (!json_is_object(r->value)) return fields_wrong_type(r, "an object", err);
    const char *type = json_string_value(json_object_get(r->value, "type"));
    if (type == NULL)
        return error_set(err, ERR_ARGUMENT, "%s.type: expected a string", r->name);
    if (strcmp(type, "text") == 0) return true;
    request->json_wanted = true;
    if (strcmp(type, "json_object") == 0) return true;
    if (strcmp(type, "json_schema") != 0)
        return error_set(err, ERR_ARGUMENT,
                         "%s.type: \"%.40s\" is not one of \"text\", \"json_object\", "
                         "\"json_schema\"", r->name, type);
    request->schema = json_object_get(json_object_get(r->value, "json_schema"), "schema");
    return json_is_object(request->schema) ||
           error_set(err, ERR_ARGUMENT, "%s.json_schema.schema: expected an object", r->name);
}

static bool read_parallel_calls(const struct field_read *r, struct error *err) {
    if (!json_is_boolean(r->value)) return fields_wrong_type(r, "a boolean", err);
    ((struct request *)r->out)->one_call = json_is_false(r->value);
    return true;
}

static bool read_effort(const struct field_read *r, struct error *err) {
    static const char *const known[] = {"none", "minimal", "low", "medium", "high", "xhigh"};
    const char *text = json_string_value(r->value);
    if (text == NULL) return fields_wrong_type(r, "a string", err);
    for (int i = 0; i < COUNT(known); i++)
        if (strcmp(text, known[i]) == 0) {
            ((struct request *)r->out)->reasoning_effort = text;
            return true;
        }
    return error_set(err, ERR_ARGUMENT,
                     "%s: \"%.40s\" is not one of \"none\", \"minimal\", \"low\", "
                     "\"medium\", \"high\", \"xhigh\"", r->name, text);
}

static bool read_best_of(const struct field_read *r, struct error *err) {
    json_int_t value;
    if (!fields_integer(r->value, &value)) return fields_wrong_type(r, "an integer", err);
    if (value == 1) return true;
    return error_set(err, ERR_UNSUPPORTED, "%s: %lld is not in this version; only 1", r->name,
                     (long long)value);
}

/* /v1/completions: the number of alternatives; the chosen token's own is always there. */
static bool read_logprobs_count(const struct field_read *r, struct error *err) {
    struct request *request = r->out;
    json_int_t value;
    if (!fields_integer(r->value, &value)) return fields_wrong_type(r, "an integer", err);
    if (value < 0 || value > REQUEST_LOGPROBS_MAX)
        return error_set(err, ERR_ARGUMENT, "%s: %lld is out of range (0 to %d)", r->name,
                         (long long)value, REQUEST_LOGPROBS_MAX);
    request->logprobs_wanted = true;
    request->logprobs = (int)value;
    return true;
}

bool request_tokens(const char *name, const json_t *value, struct arena *arena,
                    struct request_prompt *out, struct error *err) {
    size_t count = json_array_size(value);
    if (!json_is_array(value))
        return error_set(err, ERR_ARGUMENT, "%s: expected an array of token ids, got %s", name,
                         fields_type_name(value));
    int32_t *ids = arena_array(arena, count, sizeof *ids);
    if (ids == NULL || count > INT_MAX)
        return error_set(err, ERR_MEMORY, "%s: no memory for %zu token ids", name, count);
    for (size_t i = 0; i < count; i++) {
        json_int_t id;
        const json_t *element = json_array_get(value, i);
        if (!fields_integer(element, &id))
            return error_set(err, ERR_ARGUMENT, "%s: element %zu: expected a token id, got %s",
                             name, i, fields_type_name(element));
        if (id < 0 || id > INT32_MAX)
            return error_set(err, ERR_ARGUMENT, "%s: element %zu: %lld is not a token id", name, i,
                             (long long)id);
        ids[i] = (int32_t)id;
    }
    out->tokens = ids;
    out->token_count = (int)count;
    return true;
}

static bool read_one_prompt(const struct field_read *r, const json_t *value,
                            struct request_prompt *out, struct error *err) {
    if (json_is_string(value)) {
        out->text = json_string_value(value);
        out->text_bytes = json_string_length(value);
        return true;
    }
    return request_tokens(r->name, value, r->arena, out, err);
}

/* A string, token ids, or an array of these. */
static bool read_prompt(const struct field_read *r, struct error *err) {
    struct request *request = r->out;
    const json_t *first = json_array_get(r->value, 0);
    bool several = json_is_string(first) || json_is_array(first);
    size_t count = several ? json_array_size(r->value) : 1;
    if (!json_is_string(r->value) && !json_is_array(r->value))
        return fields_wrong_type(r, "a string, an array of strings or of token ids", err);
    if (count > REQUEST_PROMPTS_MAX)
        return error_set(err, ERR_ARGUMENT, "%s: %zu prompts; at most %d", r->name, count,
                         REQUEST_PROMPTS_MAX);
    struct request_prompt *prompts = arena_array(r->arena, count, sizeof *prompts);
    if (prompts == NULL) return no_memory(r, err);
    request->prompts = prompts;
    request->prompt_count = (int)count;
    for (size_t i = 0; i < count; i++)
        if (!read_one_prompt(r, several ? json_array_get(r->value, i) : r->value, &prompts[i], err))
            return false;
    return true;
}

#define SHARED_FIELDS \
    {"stream", FIELD_BOOL, AT(stream), 0, 0, NULL}, \
    {"stream_options", FIELD_OWN, 0, 0, 0, read_stream_options}, \
    {"max_tokens", FIELD_OWN, 0, 0, 0, read_max_tokens}, \
    {"max_completion_tokens", FIELD_OWN, 0, 0, 0, read_max_tokens}, \
    {"n", FIELD_INT, AT(choices), 1, REQUEST_CHOICES_MAX, NULL}, \
    {"temperature", FIELD_REAL, AT(sampling.temperature), 0, 100, NULL}, \
    {"top_k", FIELD_OWN, 0, 0, 0, read_top_k}, \
    {"top_p", FIELD_REAL, AT(sampling.top_p), 0, 1, NULL}, \
    {"min_p", FIELD_REAL, AT(sampling.min_p), 0, 1, NULL}, \
    {"typical_p", FIELD_REAL, AT(sampling.typical_p), 0, 1, NULL}, \
    {"repeat_penalty", FIELD_REAL, AT(sampling.repetition_penalty), 0.01, 100, NULL}, \
    {"repetition_penalty", FIELD_REAL, AT(sampling.repetition_penalty), 0.01, 100, NULL}, \
    {"presence_penalty", FIELD_REAL, AT(sampling.presence_penalty), -2, 2, NULL}, \
    {"frequency_penalty", FIELD_REAL, AT(sampling.frequency_penalty), -2, 2, NULL}, \
    {"repeat_last_n", FIELD_INT, AT(sampling.penalty_window), -1, REQUEST_TOKENS_MAX, NULL}, \
    {"seed", FIELD_OWN, 0, 0, 0, read_seed}, \
    {"stop", FIELD_OWN, 0, 0, 0, read_stop}, \
    {"logit_bias", FIELD_OWN, 0, 0, 0, read_bias}, \
    {"ignore_eos", FIELD_BOOL, AT(ignore_eos), 0, 0, NULL}, \
    {"return_tokens", FIELD_BOOL, AT(return_tokens), 0, 0, NULL}, \
    {"grammar", FIELD_REFUSED, 0, 0, 0, NULL}, \
    {"json_schema", FIELD_REFUSED, 0, 0, 0, NULL}, \
    {"response_format", FIELD_OWN, 0, 0, 0, read_response_format}

static const struct field chat_fields[] = {
    SHARED_FIELDS,
    {"messages", FIELD_ARRAY, AT(messages), 0, 0, NULL},
    {"tools", FIELD_ARRAY, AT(tools), 0, 0, NULL},
    {"tool_choice", FIELD_OWN, 0, 0, 0, read_tool_choice},
    {"parallel_tool_calls", FIELD_OWN, 0, 0, 0, read_parallel_calls},
    {"chat_template_kwargs", FIELD_OBJECT, AT(kwargs), 0, 0, NULL},
    {"reasoning_effort", FIELD_OWN, 0, 0, 0, read_effort},
    {"logprobs", FIELD_BOOL, AT(logprobs_wanted), 0, 0, NULL},
    {"top_logprobs", FIELD_INT, AT(logprobs), 0, REQUEST_LOGPROBS_MAX, NULL},
};

static const struct field completion_fields[] = {
    SHARED_FIELDS,
    {"prompt", FIELD_OWN, 0, 0, 0, read_prompt},
    {"echo", FIELD_BOOL, AT(echo), 0, 0, NULL},
    {"suffix", FIELD_REFUSED, 0, 0, 0, NULL},
    {"best_of", FIELD_OWN, 0, 0, 0, read_best_of},
    {"logprobs", FIELD_OWN, 0, 0, 0, read_logprobs_count},
};

bool request_model(const json_t *body, const char **name, struct error *err) {
    static const struct field row = {.name = "model", .kind = FIELD_STRING};
    struct field_read object = {.value = body, .out = name};
    *name = NULL;
    return fields_read(&row, 1, &object, err);
}

/* The effort as templates know it: a word for some, on or off for others (Qwen3).  What the request
 * sets itself stays. */
static bool make_kwargs(struct request *out, struct error *err) {
    if (out->reasoning_effort == NULL) return true;
    json_t *made = json_object();
    bool thinks = strcmp(out->reasoning_effort, "none") != 0;
    json_object_set_new(made, "reasoning_effort", json_string(out->reasoning_effort));
    json_object_set_new(made, "enable_thinking", json_boolean(thinks));
    out->kwargs_made = made;
    if (json_object_size(made) != 2 ||
        (out->kwargs != NULL && json_object_update(made, (json_t *)(uintptr_t)out->kwargs) != 0))
        return error_set(err, ERR_MEMORY, "reasoning_effort: no memory");
    out->kwargs = made;
    return true;
}

void request_deinit(struct request *r) {
    json_decref(r->kwargs_made);
    r->kwargs_made = NULL;
}

bool request_read_chat(const json_t *body, struct arena *arena, struct request *out,
                       struct error *err) {
    struct field_read object = {.value = body, .out = out, .arena = arena};
    out->choices = 1;
    if (!fields_read(chat_fields, COUNT(chat_fields), &object, err)) return false;
    if (out->messages == NULL)
        return error_set(err, ERR_ARGUMENT, "messages: missing; send an array of messages");
    if (json_array_size(out->messages) == 0)
        return error_set(err, ERR_ARGUMENT, "messages: is empty; send at least one message");
    if (json_object_get(body, "top_logprobs") != NULL && out->logprobs > 0 &&
        !out->logprobs_wanted)
        return error_set(err, ERR_ARGUMENT, "top_logprobs: needs \"logprobs\": true");
    const char *choice = json_string_value(json_object_get(body, "tool_choice"));
    if (choice != NULL && strcmp(choice, "none") == 0) out->tools = NULL;
    if (json_array_size(out->tools) == 0) out->tools = NULL;
    if (out->call_required && out->tools == NULL)
        return error_set(err, ERR_ARGUMENT, "tool_choice: needs tools");
    return sampling_check(&out->sampling, err) && make_kwargs(out, err);
}

bool request_read_completion(const json_t *body, struct arena *arena, struct request *out,
                             struct error *err) {
    struct field_read object = {.value = body, .out = out, .arena = arena};
    out->choices = 1;
    if (!fields_read(completion_fields, COUNT(completion_fields), &object, err)) return false;
    if (out->prompts == NULL)
        return error_set(err, ERR_ARGUMENT, "prompt: missing; send a string or token ids");
    for (int i = 0; i < out->prompt_count; i++)
        if (out->prompts[i].text_bytes == 0 && out->prompts[i].token_count == 0)
            return error_set(err, ERR_ARGUMENT, "prompt: is empty");
    if (out->echo && out->logprobs_wanted)
        return error_set(err, ERR_UNSUPPORTED,
                         "echo: with logprobs is not in this version; leave one of them out");
    return sampling_check(&out->sampling, err);
}
