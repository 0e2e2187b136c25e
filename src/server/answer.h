/* answer.h - the JSON of an answer: whole objects, stream chunks, usage, timings.
 *
 * Both endpoints' shapes side by side: ANSWER_CHAT (chat.completion) and ANSWER_TEXT
 * (text_completion).  Every function returns a new tree that the caller owns, NULL when out of
 * memory; taking one that is NULL gives NULL, so that only the last result needs a look.
 *
 * What a piece of an answer consists of is struct answer_delta; calls of tools come whole, after
 * it. */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H
#include <jansson.h>
#include "engine/generation.h"
#include "text/tool_call.h"

enum answer_shape { ANSWER_CHAT, ANSWER_TEXT };

struct answer { /* what all parts of one answer share; borrowed strings */
    enum answer_shape shape;
    const char *id, *model, *fingerprint;
    int64_t created_s;
    const struct tokenizer *tokenizer;
    bool logprobs_wanted, return_tokens;
};

struct answer_delta {
    struct span text, reasoning;
    const struct generation_token *tokens;
    int token_count;
};

struct answer_call { /* of a tool */
    int index; /* among the calls of its choice */
    const char *id;
    const struct tool_call *call;
};

struct answer_counts { /* of a whole answer, over its choices */
    int prompt_tokens, cached_tokens, completion_tokens;
    int64_t prompt_ms, predicted_ms; /* of the first choice */
    int cache_n, prompt_n, predicted_n; /* found, computed, answered; of the first choice */
};

struct answer_progress {
    int index;
    bool queued;
    int queue_position;
    int total, cached, processed;
    int64_t time_ms, eta_ms;
};

/* The list of log-probabilities of one choice, grown piece by piece. */
json_t *answer_logprobs_new(const struct answer *a);
void answer_logprobs_add(const struct answer *a, json_t *logprobs, const struct answer_delta *d);

/* ---- stream chunks: whole objects ---- */
json_t *answer_chunk_first(const struct answer *a, int index); /* the role, or empty text */
json_t *answer_chunk_delta(const struct answer *a, int index, const struct answer_delta *d);
/* A call is two chunks: who is called, then with what. */
json_t *answer_chunk_call(const struct answer *a, int index, const struct answer_call *c);
json_t *answer_chunk_arguments(const struct answer *a, int index, const struct answer_call *c);
json_t *answer_chunk_alive(const struct answer *a, int index); /* empty; something to hear */
json_t *answer_chunk_progress(const struct answer *a, const struct answer_progress *p);
json_t *answer_chunk_finish(const struct answer *a, int index, const char *finish);
json_t *answer_chunk_usage(const struct answer *a, const struct answer_counts *c);

/* ---- not streamed ---- */
struct answer_whole {
    int index;
    struct span text, reasoning;
    const struct answer_call *calls;
    int call_count;
    const char *finish;
    json_t *logprobs; /* taken; NULL: none */
    json_t *tokens;   /* taken; NULL: none */
};
json_t *answer_choice(const struct answer *a, const struct answer_whole *w);
/* choices: an array, taken. */
json_t *answer_object(const struct answer *a, json_t *choices, const struct answer_counts *c);

json_t *answer_timings(const struct answer_counts *c);
/* bytes as a JSON string, with U+FFFD for what is not UTF-8. */
json_t *answer_lossy_string(struct span bytes);

#endif
