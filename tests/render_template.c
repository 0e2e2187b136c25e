/* render_template.c - renders templates for tests in other languages.
 *
 * Reads one JSON object a line from stdin, answers each with a line.
 *
 *     {"template": source, "globals": {}, "trusted": [names], "now": seconds}    rendered as it is
 *     {"template": source, "chat": {"messages", "tools", "kwargs", "prompt"}}    as a conversation
 *     {"template": source, "facts": true}                                        what a probe says
 *
 * Answers: {"text": text, "runs": [[end, trusted]]} or {"error": message, "code": name}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "text/chat.h"
#include "text/chat_probe.h"

enum { TRUSTED_MAX = 16 };

static json_t *failure(const struct error *err) {
    /* the text quotes a template, which need not be UTF-8 */
    json_t *text = json_string(err->text);
    return json_pack("{s:o,s:s}", "error", text ? text : json_string("not UTF-8"), "code",
                     error_code_name(err->code));
}

static json_t *success(const struct template_output *out) {
    json_t *runs = json_array();
    for (int i = 0; i < out->run_count; i++)
        json_array_append_new(runs, json_pack("[I,b]", (json_int_t)out->runs[i].end,
                                              out->runs[i].trusted));
    return json_pack("{s:s%,s:o}", "text", str_text(&out->text), out->text.len, "runs", runs);
}

static json_t *facts(const char *source) {
    struct error err = {0};
    struct chat_facts f = {0};
    struct template *t = template_open(span_of(source), "template", &err);
    if (!t) return failure(&err);
    json_t *globals = json_pack("{s:s,s:s}", "bos_token", "<s>", "eos_token", "</s>");
    chat_probe(t, globals, &f);
    json_decref(globals);
    template_close(t);
    return json_pack("{s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b,s:b}", "renders", f.renders,
                     "system", f.system, "tools", f.tools, "calls", f.calls, "results", f.results,
                     "call_strings", f.call_strings, "call_null", f.call_null, "short_ids",
                     f.short_ids, "alternates", f.alternates, "parts", f.parts, "result_gap",
                     f.result_gap, "empty_tools", f.empty_tools);
}

static json_t *chat(const char *source, const json_t *request) {
    struct error err = {0};
    struct template_output out = {0};
    struct chat_input in = {
        .messages = json_object_get(request, "messages"),
        .tools = json_object_get(request, "tools"),
        .kwargs = json_object_get(request, "kwargs"),
        .add_generation_prompt = json_is_true(json_object_get(request, "prompt")),
    };
    struct chat_template *c = chat_template_open(NULL, NULL, source, &err);
    json_t *result = c && chat_render(c, &in, &out, &err) ? success(&out) : failure(&err);
    template_output_deinit(&out);
    chat_template_close(c);
    return result;
}

static json_t *answer(json_t *request) {
    struct error err = {0};
    struct template_output out = {0};
    const json_t *source = json_object_get(request, "template");
    if (json_is_true(json_object_get(request, "facts"))) return facts(json_string_value(source));
    if (json_object_get(request, "chat"))
        return chat(json_string_value(source), json_object_get(request, "chat"));
    const json_t *names = json_object_get(request, "trusted");
    const char *trusted[TRUSTED_MAX + 1] = {0};
    for (size_t i = 0; i < json_array_size(names) && i < TRUSTED_MAX; i++)
        trusted[i] = json_string_value(json_array_get(names, i));
    struct template_options options = {
        .now_unix_s = json_integer_value(json_object_get(request, "now"))};
    struct template *t = template_open(
        (struct span){json_string_value(source), json_string_length(source)}, "template", &err);
    bool ok = t && template_render(t, json_object_get(request, "globals"), trusted, &options, &out,
                                   &err);
    json_t *result = ok ? success(&out) : failure(&err);
    template_output_deinit(&out);
    template_close(t);
    return result;
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    while ((len = getline(&line, &capacity, stdin)) > 0) {
        json_error_t where;
        json_t *request = json_loadb(line, (size_t)len, JSON_ALLOW_NUL, &where);
        json_t *result = request ? answer(request)
                                 : json_pack("{s:s}", "error", where.text);
        json_dumpf(result, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        json_decref(result);
        json_decref(request);
    }
    free(line);
    return 0;
}
