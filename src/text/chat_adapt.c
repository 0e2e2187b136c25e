/* chat_adapt.c - see the header. */
#include "text/chat_adapt.h"
#include <string.h>
#include "base/str.h"
#include "text/template_repr.h"

enum { SHORT_ID_CHARS = 9 };

struct adapter {
    const struct chat_facts *facts;
    json_t *out;           /* the array that is made */
    struct error *err;
};

static bool no_memory(struct error *err) {
    return error_set(err, ERR_MEMORY, "no memory for the messages");
}

bool chat_adapt_writes_tools(const struct chat_facts *facts) {
    return !(facts->tools && facts->calls && facts->results);
}

static bool has_role(const json_t *message, const char *role) {
    return strcmp(json_string_value(json_object_get(message, "role")), role) == 0;
}

static void add_content(struct str *text, const json_t *message) {
    const json_t *content = json_object_get(message, "content");
    if (json_is_string(content))
        str_add(text, json_string_value(content), json_string_length(content));
}

static bool set_content(json_t *message, const struct str *text, struct error *err) {
    json_t *content = text->failed ? NULL : json_stringn_nocheck(str_text(text), text->len);
    return json_object_set_new(message, "content", content) == 0 || no_memory(err);
}

/* JSON text as Python's json.dumps writes it, which models have seen in training: with the
 * templates' own writer, so that both agree. */
static void add_json(struct str *text, const json_t *value) {
    struct arena arena;
    arena_init(&arena, TEMPLATE_RENDER_BYTES_MAX);
    struct template_state s = {.arena = &arena, .name = "JSON", .source = span_of(""),
                               .steps_left = TEMPLATE_STEPS_MAX};
    struct template_repr_json layout = {.item_separator = span_of(", "),
                                        .key_separator = span_of(": ")};
    struct template_text *out = template_text_new(&s, 256);
    if (out && template_repr_json(&s, out, template_value_from_json(&s, value, false), &layout))
        str_add(text, out->data, out->used);
    else text->failed = true;
    arena_deinit(&arena);
}

static json_t *last_message(const struct adapter *a) {
    return json_array_get(a->out, json_array_size(a->out) - 1);
}

static bool push(struct adapter *a, json_t *message) {
    return (message && json_array_append_new(a->out, message) == 0) || no_memory(a->err);
}

/* ---- tools as text --------------------------------------------------------------------- */

static void describe_tools(struct str *text, const json_t *tools) {
    str_add_text(text, "# Functions\n\nYou can call functions to help with the request. They are "
                       "described here as JSON, one a line:\n<tools>\n");
    for (size_t i = 0; i < json_array_size(tools); i++) {
        add_json(text, json_array_get(tools, i));
        str_add_char(text, '\n');
    }
    str_add_text(text,
                 "</tools>\n\nTo call one, answer with a JSON object of its name and its arguments "
                 "in tool_call tags, like this, once for every call:\n<tool_call>\n"
                 "{\"name\": \"the function's name\", \"arguments\": {\"parameter\": \"value\"}}\n"
                 "</tool_call>");
}

/* An assistant's calls as the text that the block above asks for. */
static bool push_calls_as_text(struct adapter *a, const json_t *message) {
    struct str text = {0};
    const json_t *calls = json_object_get(message, "tool_calls");
    add_content(&text, message);
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *function = json_object_get(json_array_get(calls, i), "function");
        if (text.len) str_add_char(&text, '\n');
        str_add_text(&text, "<tool_call>\n{\"name\": ");
        add_json(&text, json_object_get(function, "name"));
        str_add_text(&text, ", \"arguments\": ");
        add_json(&text, json_object_get(function, "arguments"));
        str_add_text(&text, "}\n</tool_call>");
    }
    json_t *copy = json_copy((json_t *)(uintptr_t)message);
    bool ok = copy && json_object_del(copy, "tool_calls") == 0 && set_content(copy, &text, a->err);
    str_deinit(&text);
    if (ok) return push(a, copy);
    json_decref(copy);
    return no_memory(a->err);
}

/* A result as a user's message; neighbouring ones share it. */
static bool push_result_as_text(struct adapter *a, const json_t *message, bool joins) {
    struct str text = {0};
    if (joins) {
        add_content(&text, last_message(a));
        str_add_char(&text, '\n');
    }
    str_add_text(&text, "<tool_response>\n");
    add_content(&text, message);
    str_add_text(&text, "\n</tool_response>");
    json_t *target = joins ? json_incref(last_message(a)) : json_pack("{s:s}", "role", "user");
    bool ok = set_content(target, &text, a->err);
    str_deinit(&text);
    if (ok && !joins) return push(a, target);
    json_decref(target);
    return ok;
}

/* ---- calls for the template ------------------------------------------------------------ */

/* Nine letters and digits that stand for id: itself if it is such, else its hash in base 36. */
static void shorten_id(const char *id, char out[SHORT_ID_CHARS + 1]) {
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    bool fits = strlen(id) == SHORT_ID_CHARS;
    uint64_t hash = 0xcbf29ce484222325U;
    for (const char *p = id; *p; p++) {
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3U;
        fits = fits && strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", *p);
    }
    for (int i = 0; i < SHORT_ID_CHARS; i++, hash /= 36) out[i] = fits ? id[i] : digits[hash % 36];
    out[SHORT_ID_CHARS] = '\0';
}

static bool set_short_id(json_t *object, const char *key, struct error *err) {
    char id[SHORT_ID_CHARS + 1];
    const char *given = json_string_value(json_object_get(object, key));
    shorten_id(given ? given : "", id);
    return json_object_set_new(object, key, json_string(id)) == 0 || no_memory(err);
}

static bool arguments_as_string(json_t *call, struct error *err) {
    json_t *function = json_object_get(call, "function");
    const json_t *arguments = json_object_get(function, "arguments");
    struct str text = {0};
    if (json_is_string(arguments)) return true;
    json_t *copy = json_copy(function);
    add_json(&text, arguments);
    json_t *string = text.failed ? NULL : json_stringn_nocheck(str_text(&text), text.len);
    str_deinit(&text);
    bool ok = json_object_set_new(copy, "arguments", string) == 0;
    if (!ok) json_decref(copy);
    return (ok && json_object_set_new(call, "function", copy) == 0) || no_memory(err);
}

static bool push_calls(struct adapter *a, const json_t *message) {
    json_t *copy = json_copy((json_t *)(uintptr_t)message), *calls = json_array();
    const json_t *given = json_object_get(message, "tool_calls");
    bool ok = copy && calls;
    for (size_t i = 0; ok && i < json_array_size(given); i++) {
        json_t *call = json_copy(json_array_get(given, i));
        ok = call != NULL;
        if (ok && a->facts->short_ids) ok = set_short_id(call, "id", a->err);
        if (ok && a->facts->call_strings) ok = arguments_as_string(call, a->err);
        ok = json_array_append_new(calls, call) == 0 && ok;
    }
    ok = ok && json_object_set(copy, "tool_calls", calls) == 0;
    if (ok && json_is_null(json_object_get(copy, "content")) && !a->facts->call_null)
        ok = json_object_set_new(copy, "content", json_string("")) == 0;
    json_decref(calls);
    if (ok) return push(a, copy);
    json_decref(copy);
    return no_memory(a->err);
}

static bool push_result(struct adapter *a, const json_t *message) {
    json_t *copy = json_copy((json_t *)(uintptr_t)message);
    bool ok = copy && (!a->facts->short_ids || set_short_id(copy, "tool_call_id", a->err));
    if (ok && json_is_null(json_object_get(copy, "content")))
        ok = json_object_set_new(copy, "content", json_string("")) == 0;
    if (ok) return push(a, copy);
    json_decref(copy);
    return no_memory(a->err);
}

/* ---- other messages -------------------------------------------------------------------- */

static bool push_plain(struct adapter *a, const json_t *message) {
    json_t *last = last_message(a);
    bool merge = a->facts->alternates && last && !json_object_get(last, "tool_calls") &&
                 has_role(last, json_string_value(json_object_get(message, "role")));
    struct str text = {0};
    if (merge) {
        add_content(&text, last);
        if (text.len) str_add_text(&text, "\n\n");
    }
    add_content(&text, message);
    json_t *target = merge ? json_incref(last) : json_copy((json_t *)(uintptr_t)message);
    bool ok = target && set_content(target, &text, a->err);
    str_deinit(&text);
    if (ok && !merge) return push(a, target);
    json_decref(target);
    return ok || no_memory(a->err);
}

/* Text in front of the message at `index`, or as a message of that role of its own before it. */
static bool put_first(struct adapter *a, const struct str *text, const char *role, bool before) {
    struct str joined = {0};
    json_t *first = NULL;
    for (size_t i = 0; i < json_array_size(a->out) && !first; i++) {
        json_t *message = json_array_get(a->out, i);
        if (has_role(message, role)) first = message;
        else if (strcmp(role, "system") == 0) break; /* a later system message is another matter */
    }
    if (!text->len) return true;
    if (before) str_add(&joined, text->data, text->len);
    else if (first) add_content(&joined, first);
    if (first && joined.len) str_add_text(&joined, "\n\n");
    if (!before) str_add(&joined, text->data, text->len);
    else if (first) add_content(&joined, first);
    json_t *target = first ? json_incref(first) : json_pack("{s:s}", "role", role);
    bool ok = set_content(target, &joined, a->err);
    str_deinit(&joined);
    if (ok && !first) ok = json_array_insert(a->out, 0, target) == 0 || no_memory(a->err);
    json_decref(target);
    return ok;
}

static bool wrap_parts(struct adapter *a) {
    for (size_t i = 0; i < json_array_size(a->out); i++) {
        json_t *message = json_array_get(a->out, i), *content = json_object_get(message, "content");
        if (!json_is_string(content)) continue;
        json_t *parts = json_pack("[{s:s,s:O}]", "type", "text", "text", content);
        if (json_object_set_new(message, "content", parts)) return no_memory(a->err);
    }
    return true;
}

static bool fill_gap(struct adapter *a, const json_t *message, bool after_result) {
    if (!a->facts->result_gap || !after_result || !has_role(message, "user")) return true;
    return push(a, json_pack("{s:s,s:s}", "role", "assistant", "content", ""));
}

static bool adapt_message(struct adapter *a, const json_t *message, bool after_result,
                          struct str *system) {
    bool written = chat_adapt_writes_tools(a->facts);
    if (json_object_get(message, "tool_calls"))
        return written ? push_calls_as_text(a, message) : push_calls(a, message);
    if (has_role(message, "tool"))
        return written ? push_result_as_text(a, message, after_result) : push_result(a, message);
    if (has_role(message, "system") && !a->facts->system) {
        if (system->len) str_add_text(system, "\n\n");
        add_content(system, message);
        return true;
    }
    return fill_gap(a, message, after_result) && push_plain(a, message);
}

json_t *chat_adapt(const struct chat_facts *facts, const json_t *messages, const json_t *tools,
                   struct error *err) {
    struct adapter a = {.facts = facts, .out = json_array(), .err = err};
    struct str system = {0}, block = {0};
    bool ok = a.out != NULL, after_result = false;
    for (size_t i = 0; ok && i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i);
        ok = adapt_message(&a, message, after_result, &system);
        after_result = has_role(message, "tool");
    }
    if (json_array_size(tools) && chat_adapt_writes_tools(facts)) describe_tools(&block, tools);
    if (ok && block.len && !facts->system) {
        if (system.len) str_add_text(&system, "\n\n");
        str_add(&system, block.data, block.len);
    } else if (ok && block.len) {
        ok = put_first(&a, &block, "system", false);
    }
    ok = ok && put_first(&a, &system, "user", true);
    if (system.failed || block.failed) ok = no_memory(err);
    ok = ok && (!facts->parts || wrap_parts(&a));
    str_deinit(&system);
    str_deinit(&block);
    if (ok) return a.out;
    json_decref(a.out);
    no_memory(err); /* unless err is set already */
    return NULL;
}
