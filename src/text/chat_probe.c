/* chat_probe.c - see the header. */
#include "text/chat_probe.h"
#include <string.h>

/* Marks: unlike anything that a template has of its own, and unchanged by trimming. */
#define MARK_SYSTEM "Zq1system"
#define MARK_USER "Zq2user"
#define MARK_SECOND "Zq3second"
#define MARK_TOOL "zq4tool"
#define MARK_CALL "zq5call"
#define MARK_ARGUMENT "zq6argument"
#define MARK_RESULT "Zq7result"

struct probe {
    const struct template *t;
    const json_t *globals;
    struct str text;             /* of the last render; empty after a failure */
};

json_t *chat_probe_variables(const json_t *globals, const json_t *kwargs, const json_t *messages,
                             const json_t *tools, bool add_generation_prompt) {
    json_t *all = json_deep_copy(globals);
    bool ok = all && (!kwargs || json_object_update(all, (json_t *)(uintptr_t)kwargs) == 0);
    /* As transformers: without tools the variable is none, not undefined. */
    json_t *given = tools ? json_incref((json_t *)(uintptr_t)tools) : json_null();
    ok = ok && json_object_set(all, "messages", (json_t *)(uintptr_t)messages) == 0;
    ok = ok && json_object_set(all, "tools", given) == 0;
    /* kwargs may name documents and the prompt; what they leave out has transformers' default */
    if (ok && !json_object_get(all, "documents"))
        ok = json_object_set_new(all, "documents", json_null()) == 0;
    if (ok && !(kwargs && json_object_get(kwargs, "add_generation_prompt")))
        ok = json_object_set_new(all, "add_generation_prompt",
                                 json_boolean(add_generation_prompt)) == 0;
    json_decref(given);
    if (ok) return all;
    json_decref(all);
    return NULL;
}

/* Takes messages and tools. */
static bool render(struct probe *p, json_t *messages, json_t *tools, bool prompt) {
    struct error ignored = {0};
    struct template_output out = {0};
    struct template_options options = {.now_unix_s = 1};
    json_t *variables = messages ? chat_probe_variables(p->globals, NULL, messages, tools, prompt)
                                 : NULL;
    bool ok = variables && template_render(p->t, variables, NULL, &options, &out, &ignored);
    str_clear(&p->text);
    if (ok) str_add(&p->text, str_text(&out.text), out.text.len);
    template_output_deinit(&out);
    json_decref(variables);
    json_decref(messages);
    json_decref(tools);
    return ok;
}

static bool shows(const struct probe *p, const char *mark) {
    return p->text.len && memmem(p->text.data, p->text.len, mark, strlen(mark)) != NULL;
}

static json_t *message(const char *role, const char *content) {
    return json_pack("{s:s,s:s}", "role", role, "content", content);
}

static json_t *user(void) {
    return message("user", MARK_USER);
}

static json_t *tools(void) {
    return json_pack("[{s:s,s:{s:s,s:s,s:{s:s,s:{s:{s:s,s:s}},s:[s]}}}]", "type", "function",
                     "function", "name", MARK_TOOL, "description", "Probe", "parameters", "type",
                     "object", "properties", MARK_ARGUMENT, "type", "string", "description",
                     "Probe", "required", MARK_ARGUMENT);
}

struct call_shape {
    bool long_id, string, null;
};

/* An assistant's message with one call. */
static json_t *call(struct call_shape shape) {
    json_t *arguments = shape.string ? json_string("{\"" MARK_ARGUMENT "\": \"x\"}")
                                     : json_pack("{s:s}", MARK_ARGUMENT, "x");
    json_t *m = json_pack("{s:s,s:o,s:[{s:s,s:s,s:{s:s,s:o}}]}", "role", "assistant", "content",
                          shape.null ? json_null() : json_string(""), "tool_calls", "id",
                          shape.long_id ? "call_zq8identifier" : "zq8ident0", "type", "function",
                          "function", "name", MARK_CALL, "arguments", arguments);
    return m;
}

static json_t *result(struct call_shape shape) {
    json_t *m = message("tool", MARK_RESULT);
    json_object_set_new(m, "tool_call_id",
                        json_string(shape.long_id ? "call_zq8identifier" : "zq8ident0"));
    json_object_set_new(m, "name", json_string(MARK_CALL));
    return m;
}

/* Whether a call of this shape comes through, its arguments as JSON and not as a string of JSON
 * ("{\"zq…\": …}", with a backslash) or a Python dict ({'zq…': …}). */
static bool call_works(struct probe *p, struct call_shape shape, json_t *with_tools,
                       bool *results) {
    json_t *messages = json_pack("[o,o,o]", user(), call(shape), result(shape));
    bool ok = render(p, messages, with_tools, false) && shows(p, MARK_CALL) &&
              shows(p, "\"" MARK_ARGUMENT "\":") && !(shape.null && shows(p, "None"));
    *results = ok && shows(p, MARK_RESULT);
    return ok;
}

/* Whether a user may speak right behind a result, or only if the assistant spoke in between. */
static bool needs_gap(struct probe *p, struct call_shape shape, bool with_tools) {
    json_t *messages =
        json_pack("[o,o,o,o]", user(), call(shape), result(shape), message("user", MARK_SECOND));
    if (render(p, messages, with_tools ? tools() : NULL, true) && shows(p, MARK_SECOND))
        return false;
    messages = json_pack("[o,o,o,o,o]", user(), call(shape), result(shape),
                         message("assistant", ""), message("user", MARK_SECOND));
    return render(p, messages, with_tools ? tools() : NULL, true) && shows(p, MARK_SECOND);
}

static void probe_calls(struct probe *p, struct chat_facts *f) {
    /* In order of preference: ids as they come, arguments as objects, null content as it is. */
    for (int i = 0; i < 8 && !f->calls; i++) {
        struct call_shape shape = {.long_id = !(i & 4), .string = i & 2, .null = !(i & 1)};
        f->calls = call_works(p, shape, f->tools ? tools() : NULL, &f->results);
        if (!f->calls) continue;
        f->short_ids = !shape.long_id;
        f->call_strings = shape.string;
        f->call_null = shape.null;
        f->result_gap = f->results && needs_gap(p, shape, f->tools);
    }
}

static void probe_content(struct probe *p, struct chat_facts *f) {
    f->renders = render(p, json_pack("[o]", user()), NULL, true) && shows(p, MARK_USER);
    if (f->renders) return;
    f->empty_tools = render(p, json_pack("[o]", user()), json_array(), true) && shows(p, MARK_USER);
    f->renders = f->empty_tools;
    if (f->renders) return;
    json_t *parts = json_pack("{s:s,s:[{s:s,s:s}]}", "role", "user", "content", "type", "text",
                              "text", MARK_USER);
    f->parts = render(p, json_pack("[o]", parts), NULL, true) && shows(p, MARK_USER);
    f->renders = f->parts;
}

void chat_probe(const struct template *t, const json_t *globals, struct chat_facts *out) {
    struct probe p = {.t = t, .globals = globals};
    struct chat_facts f = {0};
    probe_content(&p, &f);
    if (!f.renders || f.parts) {
        /* Nothing is known, or text must be wrapped (such templates are recent and can do the
         * rest). */
        f.system = f.tools = f.calls = f.results = f.call_null = true;
        *out = f;
        str_deinit(&p.text);
        return;
    }
    json_t *none = f.empty_tools ? json_array() : NULL;
    f.system = render(&p, json_pack("[o,o]", message("system", MARK_SYSTEM), user()),
                      json_incref(none), true) &&
               shows(&p, MARK_SYSTEM) && shows(&p, MARK_USER);
    f.tools = render(&p, json_pack("[o]", user()), tools(), true) && shows(&p, MARK_TOOL);
    bool twice = render(&p, json_pack("[o,o]", user(), message("user", MARK_SECOND)),
                        json_incref(none), true) &&
                 shows(&p, MARK_USER) && shows(&p, MARK_SECOND);
    f.alternates = !twice;
    json_decref(none);
    probe_calls(&p, &f);
    str_deinit(&p.text);
    *out = f;
}
