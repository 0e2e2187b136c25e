/* reply_parts.h - an answer as it comes, taken apart: reasoning, content, calls of tools.
 *
 * Works byte by byte, so that the parts are the same however the text is cut into pieces, and no
 * part of a tag is ever shown.  Content is shown as soon as it cannot be the beginning of a call.
 *
 * What counts as calls: the whole answer, or its end after some content, made of nothing but tags,
 * ``` fences and JSON that tool_call.h accepts.  Text after it means that the model was showing
 * something, and all of it is content.  That is why calls come out with reply_parts_finish() and
 * not before: until then it is not known that nothing follows.
 *
 * Repaired, because small models write it: a missing end tag, closing braces that are missing or
 * too many at the end, control characters inside strings.
 *
 * One thread, like the answer it belongs to. */
#ifndef TEXT_REPLY_PARTS_H
#define TEXT_REPLY_PARTS_H
#include "base/error.h"
#include "text/tool_call.h"
#include "text/tool_format.h"

enum {
    REPLY_PARTS_HELD_MAX = 4 << 20, /* bytes; a longer call is shown as content */
    REPLY_PARTS_DEPTH_MAX = 128,    /* of a call's JSON */
};

struct reply_parts_options {
    bool reasoning;                 /* <think> … </think> at the beginning is split off */
    bool reasoning_open;            /* the prompt has opened it already */
    const json_t *tools;            /* borrowed while open; NULL: no calls */
    const struct tool_format *format; /* with tools */
    bool one_call;                  /* all but the first call are dropped */
};

struct reply_parts;

/* What became known; valid until the next call with the same parts. */
struct reply_delta {
    struct span reasoning, content;
    const struct tool_call *calls;
    int call_count;
    bool failed;                    /* out of memory: something is missing */
};

struct reply_parts *reply_parts_open(const struct reply_parts_options *o, struct error *err);
void reply_parts_close(struct reply_parts *p);

void reply_parts_add(struct reply_parts *p, struct span text, struct reply_delta *out);
/* complete: the model ended by itself, so that what is missing at the end may be made up for. */
void reply_parts_finish(struct reply_parts *p, struct span text, bool complete,
                        struct reply_delta *out);

#endif
