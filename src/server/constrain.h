/* constrain.h - what a request says about the form of its answer, as a grammar.
 *
 * response_format: JSON of a schema, or any object.  tool_choice "required" or a function's name:
 * nothing but calls.  Reasoning may come before either where the model's template has it. */
#ifndef SERVER_CONSTRAIN_H
#define SERVER_CONSTRAIN_H
#include "server/request.h"
#include "text/grammar.h"
#include "text/tool_format.h"

struct constrain_options {
    const struct tool_format *format;
    bool reasoning, reasoning_open; /* as in reply_parts_options */
};

enum { CONSTRAIN_CALLS_MAX = 8 };   /* of an answer that must be calls */

/* *out NULL: the request leaves the answer free.  The caller releases it. */
bool constrain(const struct request *r, const struct constrain_options *o, struct grammar **out,
               struct error *err);

#endif
