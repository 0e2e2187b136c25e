/* tool_call.h - calls of tools out of the JSON that a model wrote.
 *
 * Guards against calls that nobody made: only tools that the request declares, only objects as
 * arguments, and not the declaration of a tool that the model repeats.  The arguments are handed on
 * byte for byte as the model wrote them. */
#ifndef TEXT_TOOL_CALL_H
#define TEXT_TOOL_CALL_H
#include <jansson.h>
#include <stdbool.h>
#include "base/str.h"

enum { TOOL_CALLS_MAX = 64 }; /* of one answer */

struct tool_call {
    char *name, *arguments; /* arguments: a JSON object */
};

struct tool_calls {
    struct tool_call calls[TOOL_CALLS_MAX];
    int count;
    bool failed; /* out of memory */
};
void tool_calls_clear(struct tool_calls *all);

/* Adds what json holds: {"name", "arguments"} (or "parameters"), {"function": {…}}, or an array of
 * these.  tools: the request's.  tagged: the model marked it as a call, so that arguments may be
 * missing.  False, with nothing added: it is no call. */
bool tool_calls_add(struct tool_calls *all, struct span json, const json_t *tools, bool tagged);
/* The same where the name stands beside the JSON. */
bool tool_calls_add_named(struct tool_calls *all, struct span name, struct span arguments,
                          const json_t *tools);

#endif
