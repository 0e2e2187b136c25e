/* fuzz_reply_parts.c - any answer of a model, taken apart into reasoning, content and calls.
 *
 * Promise under test besides not crashing: the parts do not depend on how the answer was cut into
 * pieces, and the arguments of a call are JSON.  The first byte picks format and options. */
#include "fuzz.h"
#include "text/reply_parts.h"
#include <stdlib.h>
#include <string.h>

static const char tools_json[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {}}},"
    " {\"type\": \"function\", \"function\": {\"name\": \"get_weather\", \"parameters\": {}}}]";

static void take(const struct reply_delta *d, struct str *out, struct str *calls) {
    str_add(out, d->reasoning.data, d->reasoning.len);
    str_add(calls, d->content.data, d->content.len);
    for (int i = 0; i < d->call_count; i++) {
        json_t *arguments = json_loads(d->calls[i].arguments, JSON_ALLOW_NUL, NULL);
        if (!json_is_object(arguments)) abort();
        json_decref(arguments);
        str_addf(calls, "\n%s(%s)", d->calls[i].name, d->calls[i].arguments);
    }
}

static void answer(const struct reply_parts_options *options, struct span text, size_t piece,
                   struct str *reasoning, struct str *rest) {
    struct reply_parts *p = reply_parts_open(options, NULL);
    if (p == NULL) return;
    struct reply_delta delta;
    for (size_t at = 0; at < text.len; at += piece) {
        size_t len = piece < text.len - at ? piece : text.len - at;
        reply_parts_add(p, (struct span){text.data + at, len}, &delta);
        take(&delta, reasoning, rest);
    }
    reply_parts_finish(p, (struct span){"", 0}, true, &delta);
    take(&delta, reasoning, rest);
    reply_parts_close(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static json_t *tools; /* reachable at the end, so no leak */
    static const char *const marks[] = {"", "[TOOL_CALLS]", "<|python_tag|>", "<|tool_call|>"};
    if (tools == NULL) tools = json_loads(tools_json, 0, NULL);
    if (bytes == 0) return 0;
    struct reply_parts_options options = {
        .reasoning = data[0] & 1,
        .reasoning_open = data[0] & 2,
        .one_call = data[0] & 4,
        .tools = data[0] & 8 ? NULL : tools,
        .format = tool_format_find(marks[data[0] >> 4 & 3]),
    };
    struct span text = {(const char *)data + 1, bytes - 1};
    struct str part[4] = {{0}};
    answer(&options, text, bytes, &part[0], &part[1]);
    answer(&options, text, 1, &part[2], &part[3]);
    for (int i = 0; i < 2; i++)
        if (part[i].len != part[i + 2].len ||
            memcmp(str_text(&part[i]), str_text(&part[i + 2]), part[i].len) != 0)
            abort();
    for (int i = 0; i < 4; i++) str_deinit(&part[i]);
    return 0;
}
