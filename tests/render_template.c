/* render_template.c - renders templates for tests in other languages.
 *
 * Reads one JSON object a line from stdin: {"template": source, "globals": {…}, "trusted": [names],
 * "now": seconds}.  Answers each with a line: {"text": …, "runs": [[end, trusted], …]} or
 * {"error": …, "code": …}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "text/template.h"

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

static json_t *answer(json_t *request) {
    struct error err = {0};
    struct template_output out = {0};
    const json_t *source = json_object_get(request, "template");
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
