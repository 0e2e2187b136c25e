/* chat_adapt.h - messages made to fit what a template can do.
 *
 * A template that cannot take something gets the nearest thing that it can take:
 *
 *   no tools        a block in the system message lists the functions and asks for calls in
 *                   <tool_call> tags (the form of Hermes and Qwen); calls and results of earlier
 *                   turns are written into the messages in the same form
 *   no system       its text goes in front of the first user message
 *   no two users    neighbours of one role become one message, an empty line between them
 *   no user behind  an assistant's message without text goes between a call's result and the user
 *     a result
 *   parts only      each text becomes a list of one part
 *   null refused    "" instead
 *   strings wanted  a call's arguments as JSON text instead of an object
 *   ids of 9        a call's id as nine letters and digits, the same for the same id */
#ifndef TEXT_CHAT_ADAPT_H
#define TEXT_CHAT_ADAPT_H
#include <jansson.h>
#include <stdbool.h>
#include "base/error.h"

struct chat_facts {
    bool renders; /* a plain user message comes through at all; otherwise nothing is known */
    bool system;
    bool tools;            /* the functions are shown to the model */
    bool calls;            /* and so are earlier calls, */
    bool results;          /* and their results */
    bool call_strings;     /* arguments must be strings */
    bool call_null;        /* content beside calls may be null */
    bool short_ids;        /* ids must be nine letters and digits */
    bool alternates;       /* refuses one role twice in a row */
    bool result_gap;       /* refuses a user right behind a call's result */
    bool parts;            /* content must be a list of parts */
    bool empty_tools;      /* without tools, wants [] rather than none */
};

/* messages: as chat_message_check made them; tools: an array, perhaps empty.  A new array, or NULL
 * with err set. */
json_t *chat_adapt(const struct chat_facts *facts, const json_t *messages, const json_t *tools,
                   struct error *err);

/* Whether tools and calls are written by us rather than by the template. */
bool chat_adapt_writes_tools(const struct chat_facts *facts);

#endif
