/* request.h - the bodies of /v1/chat/completions and /v1/completions into one trusted struct.
 *
 * What is read here is checked here, once: types, ranges, counts.  What cannot be checked without a
 * model (token ids, the window) is not.  Strings and JSON are borrowed from the body's tree, lists
 * lie in the arena: the body must outlive the struct.  What was read, even in part, wants a
 * request_deinit(). */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H
#include <jansson.h>
#include <stdbool.h>
#include "base/arena.h"
#include "base/error.h"
#include "engine/sampler.h"

enum {
    REQUEST_CHOICES_MAX = 8,    /* n */
    REQUEST_PROMPTS_MAX = 32,   /* of one /v1/completions */
    REQUEST_BIAS_MAX = 1024,
    REQUEST_STOPS_MAX = 16,
    REQUEST_STOP_BYTES_MAX = 1024,
    REQUEST_LOGPROBS_MAX = 20,
    REQUEST_TOKENS_MAX = 1 << 24, /* of an answer; far above any window */
};

struct request_prompt { /* text or tokens */
    const char *text;
    size_t text_bytes;
    const int32_t *tokens;
    int token_count;
};

struct request {
    const char *model;          /* NULL: not given */
    bool stream;
    bool include_usage;
    int max_tokens;             /* 0: up to the window */
    int choices;                /* n, at least 1 */
    struct sampling sampling;
    const char **stops;
    int stop_count;
    struct sampling_bias *bias;
    int bias_count;
    bool logprobs_wanted;
    int logprobs;               /* alternatives per token */
    bool ignore_eos, return_tokens;
    /* chat */
    const json_t *messages, *tools, *kwargs;
    json_t *kwargs_made;        /* NULL: kwargs are the body's own */
    bool json_wanted;           /* response_format: JSON, of the schema if there is one */
    const json_t *schema;
    bool call_required;         /* tool_choice: the answer must be calls, … */
    const char *call_name;      /* … of this function; NULL: of any */
    bool one_call;              /* parallel_tool_calls false */
    const char *reasoning_effort;
    /* completions */
    const struct request_prompt *prompts;
    int prompt_count;
    bool echo;
};

/* "model" alone: it decides the defaults of the rest.  *name NULL: not given. */
bool request_model(const json_t *body, const char **name, struct error *err);

/* out holds the model's defaults (sampling, max_tokens) and zeros otherwise. */
bool request_read_chat(const json_t *body, struct arena *arena, struct request *out,
                       struct error *err);
bool request_read_completion(const json_t *body, struct arena *arena, struct request *out,
                             struct error *err);

void request_deinit(struct request *r);

/* An array of token ids, as /detokenize takes it too; name is for messages. */
bool request_tokens(const char *name, const json_t *value, struct arena *arena,
                    struct request_prompt *out, struct error *err);

#endif
