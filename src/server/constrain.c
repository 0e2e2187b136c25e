/* constrain.c - see constrain.h. */
#include "server/constrain.h"
#include <stdlib.h>
#include <string.h>
#include "text/grammar_schema.h"

struct work {
    const struct request *r;
    const struct constrain_options *o;
    struct grammar *g;
    struct grammar_schema *schema;
    struct error *err;
};

static void add(struct work *w, int32_t rule, int32_t a, int32_t b) {
    grammar_add(w->g, rule, (const int32_t[]){a, b}, 2);
}

static int32_t text(struct work *w, const char *literal) {
    return grammar_literal(w->g, span_of(literal));
}

/* {"name": "…", "arguments": …} */
static bool add_call(struct work *w, const json_t *function, size_t index, int32_t rule) {
    const json_t *name = json_object_get(function, "name");
    const char *key = strcmp(w->o->format->name, "llama") == 0 ? "parameters" : "arguments";
    char path[64];
    int32_t arguments;
    snprintf(path, sizeof path, "tools[%zu].function.parameters", index);
    if (!grammar_schema_add(w->schema, path, json_object_get(function, "parameters"), true,
                            &arguments, w->err))
        return false;
    char *quoted = json_dumps(name, JSON_ENCODE_ANY);
    struct str head = {0};
    str_addf(&head, "{\"name\": %s, \"%s\": ", quoted != NULL ? quoted : "", key);
    bool ok = quoted != NULL && !head.failed;
    const int32_t symbols[] = {text(w, str_text(&head)), arguments, text(w, "}")};
    grammar_add(w->g, rule, symbols, 3);
    free(quoted);
    str_deinit(&head);
    return ok || error_set(w->err, ERR_MEMORY, "no memory for a grammar");
}

/* Calls of the tools that may be chosen, in the form that the model's template asks for. */
static bool add_calls(struct work *w, int32_t rule) {
    const json_t *tool;
    size_t i;
    int32_t call = grammar_rule(w->g), one = call, more = grammar_rule(w->g);
    bool any = false;
    json_array_foreach((json_t *)(uintptr_t)w->r->tools, i, tool) {
        const json_t *inner = json_object_get(tool, "function"), *function = inner ? inner : tool;
        const char *name = json_string_value(json_object_get(function, "name"));
        bool other = w->r->call_name != NULL && name != NULL && strcmp(name, w->r->call_name) != 0;
        if (name == NULL || other) continue;
        if (!add_call(w, function, i, call)) return false;
        any = true;
    }
    if (!any)
        return error_set(w->err, ERR_ARGUMENT, "tool_choice: no tool \"%.60s\" among the tools",
                         w->r->call_name != NULL ? w->r->call_name : "");
    if (strcmp(w->o->format->name, "hermes") == 0) {
        one = grammar_rule(w->g);
        const int32_t tagged[] = {text(w, "<tool_call>\n"), call, text(w, "\n</tool_call>")};
        grammar_add(w->g, one, tagged, 3);
    }
    grammar_add(w->g, more, NULL, 0);
    for (int n = 1; n < CONSTRAIN_CALLS_MAX && !w->r->one_call && w->r->call_name == NULL; n++) {
        int32_t next = grammar_rule(w->g);
        grammar_add(w->g, next, NULL, 0);
        grammar_add(w->g, next, (const int32_t[]){text(w, "\n"), one, more}, 3);
        more = next;
    }
    add(w, rule, one, more);
    return true;
}

/* Anything without '<', then the end of the reasoning.  Bytes are not checked to be UTF-8 here:
 * no more than in an answer without a grammar. */
static int32_t reasoning_end(struct work *w) {
    struct grammar_set other = {{~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0)}};
    other.bits['<' / 64] &= ~(UINT64_C(1) << '<' % 64);
    int32_t rest = grammar_rule(w->g), end = text(w, "</think>\n\n");
    grammar_add(w->g, rest, &end, 1);
    add(w, rest, grammar_set(w->g, &other), rest);
    return rest;
}

static int32_t with_reasoning(struct work *w, int32_t answer) {
    if (!w->o->reasoning && !w->o->reasoning_open) return answer;
    int32_t whole = grammar_rule(w->g), end = reasoning_end(w);
    if (w->o->reasoning_open) {
        add(w, whole, end, answer);
        return whole;
    }
    grammar_add(w->g, whole, &answer, 1);
    grammar_add(w->g, whole, (const int32_t[]){text(w, "<think>"), end, answer}, 3);
    return whole;
}

static bool build(struct work *w) {
    int32_t answer = grammar_rule(w->g), json;
    if (w->r->json_wanted && !w->r->call_required) {
        if (!grammar_schema_add(w->schema, "response_format.json_schema.schema", w->r->schema,
                                false, &json, w->err))
            return false;
        grammar_add(w->g, answer, &json, 1);
    }
    if (w->r->tools != NULL && !add_calls(w, answer)) return false;
    if (grammar_seal(w->g, with_reasoning(w, answer), w->err)) return true;
    error_prefix(w->err, "%s", w->r->json_wanted ? "response_format" : "tools");
    return false;
}

bool constrain(const struct request *r, const struct constrain_options *o, struct grammar **out,
               struct error *err) {
    *out = NULL;
    if (!r->json_wanted && !r->call_required) return true;
    if (r->ignore_eos)
        return error_set(err, ERR_UNSUPPORTED, "ignore_eos: an answer of a given form must end");
    struct work w = {.r = r, .o = o, .g = grammar_open(), .err = err};
    w.schema = w.g != NULL ? grammar_schema_open(w.g) : NULL;
    bool ok = w.schema != NULL ? build(&w) : error_set(err, ERR_MEMORY, "no memory for a grammar");
    grammar_schema_close(w.schema);
    if (ok) *out = w.g;
    else grammar_release(w.g);
    return ok;
}
