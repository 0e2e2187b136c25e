/* tool_call.c - see tool_call.h.
 *
 * jansson decides whether the text is JSON and what the strings in it say; after that a small
 * scanner, which need not check anything again, finds where a member's bytes are. */
#include "text/tool_call.h"
#include <stdlib.h>
#include <string.h>

void tool_calls_clear(struct tool_calls *all) {
    for (int i = 0; i < all->count; i++) {
        free(all->calls[i].name);
        free(all->calls[i].arguments);
    }
    *all = (struct tool_calls){0};
}

/* ---- where things are in valid JSON ---- */

static const char *skip_space(const char *p) {
    return p + strspn(p, " \t\r\n");
}

static const char *skip_string(const char *p) {
    for (p++; *p != '"'; p++)
        if (*p == '\\') p++;
    return p + 1;
}

/* Past the value that begins at p. */
static const char *skip_value(const char *p) {
    int depth = 0;
    do {
        if (*p == '"') {
            p = skip_string(p);
            continue;
        }
        if (*p == '{' || *p == '[') depth++;
        if (*p == '}' || *p == ']') depth--;
        if (strchr("{}[],: \t\r\n", *p) != NULL)
            p++;
        else
            p += strcspn(p, "{}[],: \t\r\n\"");
    } while (depth > 0);
    return p;
}

/* The bytes of a member of the object at p; len 0: it has none.  A key that is written with escapes
 * is not found, and no model writes these so. */
static struct span member(const char *p, const char *key) {
    size_t key_len = strlen(key);
    for (p = skip_space(p + 1); *p == '"'; p = skip_space(p)) {
        const char *name = p + 1;
        p = skip_string(p);
        bool found = (size_t)(p - 1 - name) == key_len && memcmp(name, key, key_len) == 0;
        p = skip_space(skip_space(p) + 1); /* the colon */
        const char *value = p;
        p = skip_value(p);
        if (found) return (struct span){value, (size_t)(p - value)};
        p = skip_space(p);
        if (*p == ',') p++;
    }
    return (struct span){p, 0};
}

/* ---- one call ---- */

static bool declared(const json_t *tools, const char *name) {
    size_t i;
    json_t *tool;
    json_array_foreach((json_t *)(uintptr_t)tools, i, tool) {
        const json_t *function = json_object_get(tool, "function");
        const json_t *known = json_object_get(function != NULL ? function : tool, "name");
        if (json_is_string(known) && strcmp(json_string_value(known), name) == 0) return true;
    }
    return false;
}

/* Takes copies; false: there is no room. */
static bool keep(struct tool_calls *all, const char *name, struct span arguments) {
    if (all->count == TOOL_CALLS_MAX) return false;
    struct tool_call call = {strdup(name), strndup(arguments.data, arguments.len)};
    if (call.name == NULL || call.arguments == NULL) {
        free(call.name);
        free(call.arguments);
        all->failed = true;
        return false;
    }
    all->calls[all->count++] = call;
    return true;
}

/* {"name", "description", "parameters": {"type": "object", …}}: a tool, not a call of it. */
static bool is_declaration(const json_t *call) {
    const json_t *parameters = json_object_get(call, "parameters");
    const char *type = json_string_value(json_object_get(parameters, "type"));
    bool schema = type != NULL && strcmp(type, "object") == 0 &&
                  json_is_object(json_object_get(parameters, "properties"));
    return json_object_get(call, "arguments") == NULL &&
           (schema || json_object_get(call, "description") != NULL);
}

/* Arguments that are a string of JSON, as OpenAI's own messages have them. */
static bool keep_string(struct tool_calls *all, const char *name, const json_t *arguments) {
    struct span text = {json_string_value(arguments), json_string_length(arguments)};
    if (text.len == 0) return keep(all, name, span_of("{}"));
    json_t *inner = json_loadb(text.data, text.len, 0, NULL);
    bool ok = json_is_object(inner) && keep(all, name, text);
    json_decref(inner);
    return ok;
}

/* text: the bytes of the call, beginning with its brace. */
static bool add_one(struct tool_calls *all, const json_t *call, const char *text,
                    const json_t *tools, bool tagged) {
    const json_t *function = json_object_get(call, "function");
    if (json_is_object(function)) {
        text = member(text, "function").data;
        call = function;
    }
    const json_t *name = json_object_get(call, "name");
    if (!json_is_string(name) || !declared(tools, json_string_value(name)) || is_declaration(call))
        return false;
    const char *key = json_object_get(call, "arguments") != NULL ? "arguments" : "parameters";
    const json_t *arguments = json_object_get(call, key);
    if (arguments == NULL || json_is_null(arguments))
        return tagged && keep(all, json_string_value(name), span_of("{}"));
    if (json_is_string(arguments)) return keep_string(all, json_string_value(name), arguments);
    struct span bytes = member(text, key);
    return json_is_object(arguments) && bytes.len > 0 &&
           keep(all, json_string_value(name), bytes);
}

static void drop_from(struct tool_calls *all, int first) {
    while (all->count > first) {
        struct tool_call *call = &all->calls[--all->count];
        free(call->name);
        free(call->arguments);
    }
}

bool tool_calls_add(struct tool_calls *all, struct span json, const json_t *tools, bool tagged) {
    int before = all->count;
    struct str copy = {0}; /* the scanner wants the NUL at the end */
    str_add(&copy, json.data, json.len);
    json_t *value = copy.failed ? NULL : json_loadb(copy.data, copy.len, JSON_REJECT_DUPLICATES,
                                                    NULL);
    bool ok = json_is_object(value);
    const char *p = skip_space(str_text(&copy));
    if (ok) ok = add_one(all, value, p, tools, tagged);
    else if (json_is_array(value) && json_array_size(value) > 0) {
        ok = true;
        for (size_t i = 0; ok && i < json_array_size(value); i++) {
            p = skip_space(p + 1); /* the bracket, or the comma */
            ok = json_is_object(json_array_get(value, i)) &&
                 add_one(all, json_array_get(value, i), p, tools, tagged);
            p = skip_space(skip_value(p));
        }
    }
    if (!ok) drop_from(all, before);
    if (copy.failed) all->failed = true;
    json_decref(value);
    str_deinit(&copy);
    return ok;
}

bool tool_calls_add_named(struct tool_calls *all, struct span name, struct span arguments,
                          const json_t *tools) {
    char *text = strndup(name.data, name.len);
    json_t *value = json_loadb(arguments.data, arguments.len, JSON_REJECT_DUPLICATES, NULL);
    bool ok = text != NULL && declared(tools, text) && json_is_object(value) &&
              keep(all, text, arguments);
    if (text == NULL) all->failed = true;
    json_decref(value);
    free(text);
    return ok;
}
