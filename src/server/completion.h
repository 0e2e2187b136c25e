/* completion.h - an answer in the making: its choices, from the request's body to the last event.
 *
 * Owns the generations of one call, their place in the model's queue and their deadlines.  It
 * knows events, not shapes: deliver.c turns them into JSON.  One thread: the connection's.
 *
 * Several choices of one prompt are submitted one after the other: the first computes the prompt,
 * the others follow with its first token and find the pages in the prefix tree. */
#ifndef SERVER_COMPLETION_H
#define SERVER_COMPLETION_H
#include "server/answer.h"
#include "server/call.h"
#include "server/request.h"
#include "text/reply_parts.h"

enum { COMPLETION_SLICE_MS = 200 }; /* how often a waiting thread looks at its socket */

struct completion_choice {
    int index, prompt_index;
    struct generation *generation; /* NULL: not submitted yet, or done and closed */
    bool submitted, started, done;
    struct reply_parts *parts;     /* NULL: the text is all content */
    bool show_control;             /* the parts are marked by control tokens */
    struct reply_delta delta;      /* of the last event; its calls live as long as the choice */
    const char *finish;            /* "stop", "length" or "tool_calls" */
    int prompt_tokens, cached_tokens, generated_tokens;
    int64_t submitted_ms, first_ms, done_ms;
    int64_t prefill_ms, decode_ms; /* the engine's figures */
    struct answer_progress progress;
};

struct completion {
    struct call *call;
    struct server_model *model;
    struct native *native;
    struct request request;
    struct answer answer;
    struct tokens *prompts;
    struct completion_choice *choices;
    struct grammar *grammar;       /* what the answers must be; NULL: anything */
    int choice_count, done_count;
    int admitted;                  /* places held in the model's queue */
    int turn;                      /* where the next look for events starts */
    int64_t deadline_ms;           /* of the whole answer; 0: none */
};

/* Reads the call's body, tokenises, checks the window and takes places in the queue.  NULL: an
 * error was answered.  The result is closed with the call. */
struct completion *completion_open(struct call *call, enum answer_shape shape);
void completion_close(void *completion);

/* Submits what may be submitted now.  completion_next does the same for the choices that wait. */
bool completion_start(struct completion *c, struct error *err);

enum completion_news {
    COMPLETION_EVENT,    /* choice and event are set */
    COMPLETION_SILENCE,  /* nothing until silent_until_ms */
    COMPLETION_FINISHED, /* every choice is done */
    COMPLETION_FAILED,   /* see err; the rest is cancelled */
    COMPLETION_GONE,     /* the client is; everything is cancelled */
};
/* The event's tokens and the choice's delta, which says what the event's text consists of, are
 * valid until the next call. */
enum completion_news completion_next(struct completion *c, int64_t silent_until_ms,
                                     struct completion_choice **choice,
                                     struct generation_event *event, struct error *err);

void completion_counts(const struct completion *c, struct answer_counts *out);
/* The prompt of a choice as text, for echo. */
void completion_echo(const struct completion *c, const struct completion_choice *choice,
                     struct str *out);

#endif
