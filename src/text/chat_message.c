/* chat_message.c - see the header. */
#include "text/chat_message.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/str.h"

enum { ROLE_BYTES_MAX = 64, PLACE_BYTES = 96 };

static bool no_memory(struct error *err) {
    return error_set(err, ERR_MEMORY, "no memory for the messages");
}

/* Takes value; false (with err) where the system has no memory. */
static bool set(json_t *object, const char *key, json_t *value, struct error *err) {
    return json_object_set_new(object, key, value) == 0 || no_memory(err);
}

static bool is_text(const json_t *value) {
    return json_is_string(value) && json_string_length(value) > 0;
}

/* ---- content --------------------------------------------------------------------------- */

static bool is_listed(const char *const *names, const char *name) {
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

/* The text of a part of type text or refusal. */
static const json_t *part_text(const json_t *part, const char *place, struct error *err) {
    static const char *const texts[] = {"text", "input_text", "output_text", NULL};
    static const char *const media[] = {"image_url", "image",  "input_image", "input_audio",
                                        "audio",     "audio_url", "file",     "input_file",
                                        "video",     "video_url", NULL};
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *text = json_object_get(part, "text");
    if (!json_is_object(part)) {
        error_set(err, ERR_ARGUMENT, "%s: must be an object with a type", place);
        return NULL;
    }
    if (!type && json_is_string(text)) return text; /* {"text": …} alone is clear enough */
    if (!type) {
        error_set(err, ERR_ARGUMENT, "%s.type: must be a string", place);
        return NULL;
    }
    if (is_listed(media, type)) {
        error_set(err, ERR_UNSUPPORTED, "%s: a part of type \"%s\"; the model reads text only",
                  place, type);
        return NULL;
    }
    if (strcmp(type, "refusal") == 0) text = json_object_get(part, "refusal");
    else if (!is_listed(texts, type)) {
        error_set(err, ERR_ARGUMENT, "%s.type: \"%.40s\" is not known; use \"text\"", place, type);
        return NULL;
    }
    if (json_is_string(text)) return text;
    error_set(err, ERR_ARGUMENT, "%s.%s: must be a string", place,
              strcmp(type, "refusal") == 0 ? type : "text");
    return NULL;
}

static json_t *join_parts(const json_t *parts, size_t message, struct error *err) {
    struct str text = {0};
    json_t *joined = NULL;
    char place[PLACE_BYTES];
    for (size_t i = 0; i < json_array_size(parts); i++) {
        snprintf(place, sizeof place, "messages[%zu].content[%zu]", message, i);
        const json_t *part = part_text(json_array_get(parts, i), place, err);
        if (!part) goto done;
        if (i) str_add_char(&text, '\n');
        str_add(&text, json_string_value(part), json_string_length(part));
    }
    if (!text.failed) joined = json_stringn_nocheck(str_text(&text), text.len);
    if (!joined) no_memory(err);
done:
    str_deinit(&text);
    return joined;
}

static json_t *read_content(const json_t *content, size_t message, struct error *err) {
    if (!content || json_is_null(content)) return json_null();
    if (json_is_string(content)) return json_incref((json_t *)(uintptr_t)content);
    if (json_is_array(content)) return join_parts(content, message, err);
    error_set(err, ERR_ARGUMENT,
              "messages[%zu].content: must be a string, null or an array of parts", message);
    return NULL;
}

/* ---- calls ----------------------------------------------------------------------------- */

/* A JSON object as such; other strings (a model may have broken off) stay as they are. */
static json_t *read_arguments(const json_t *arguments, const char *place, struct error *err) {
    if (!arguments || json_is_null(arguments)) return json_object();
    if (json_is_object(arguments)) return json_incref((json_t *)(uintptr_t)arguments);
    if (!json_is_string(arguments)) {
        error_set(err, ERR_ARGUMENT, "%s.arguments: must be a string of JSON or an object", place);
        return NULL;
    }
    if (json_string_length(arguments) == 0) return json_object();
    json_t *parsed = json_loadb(json_string_value(arguments), json_string_length(arguments),
                                JSON_ALLOW_NUL, NULL);
    if (json_is_object(parsed)) return parsed;
    json_decref(parsed);
    return json_incref((json_t *)(uintptr_t)arguments);
}

static json_t *read_function(const json_t *function, const char *place, struct error *err) {
    if (!json_is_object(function)) {
        error_set(err, ERR_ARGUMENT, "%s: must be an object with name and arguments", place);
        return NULL;
    }
    if (!is_text(json_object_get(function, "name"))) {
        error_set(err, ERR_ARGUMENT, "%s.name: must be a string that is not empty", place);
        return NULL;
    }
    json_t *arguments = read_arguments(json_object_get(function, "arguments"), place, err);
    if (!arguments) return NULL;
    json_t *out = json_object();
    if (!set(out, "name", json_incref(json_object_get(function, "name")), err) ||
        !set(out, "arguments", json_incref(arguments), err)) {
        json_decref(out);
        out = NULL;
    }
    json_decref(arguments);
    return out;
}

static json_t *read_call(const json_t *call, const char *place, struct error *err) {
    char inner[PLACE_BYTES + 16];
    json_t *id = json_object_get(call, "id");
    if (!json_is_object(call)) {
        error_set(err, ERR_ARGUMENT, "%s: must be an object", place);
        return NULL;
    }
    if (id && !json_is_null(id) && !json_is_string(id)) {
        error_set(err, ERR_ARGUMENT, "%s.id: must be a string", place);
        return NULL;
    }
    snprintf(inner, sizeof inner, "%s.function", place);
    json_t *function = read_function(json_object_get(call, "function"), inner, err);
    json_t *out = function ? json_object() : NULL;
    bool ok = out && (!json_is_string(id) || set(out, "id", json_incref(id), err)) &&
              set(out, "type", json_string("function"), err) &&
              set(out, "function", json_incref(function), err);
    json_decref(function);
    if (ok) return out;
    json_decref(out);
    return NULL;
}

/* tool_calls, or the function_call of old clients; *out NULL where there are none. */
static bool read_calls(const json_t *message, size_t index, json_t **out, struct error *err) {
    char place[PLACE_BYTES];
    const json_t *calls = json_object_get(message, "tool_calls");
    const json_t *old = json_object_get(message, "function_call");
    bool ok = false;
    *out = NULL;
    if (calls && !json_is_null(calls) && !json_is_array(calls))
        return error_set(err, ERR_ARGUMENT, "messages[%zu].tool_calls: must be an array", index);
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(calls); i++) {
        snprintf(place, sizeof place, "messages[%zu].tool_calls[%zu]", index, i);
        json_t *call = read_call(json_array_get(calls, i), place, err);
        if (!call || json_array_append_new(list, call)) goto done;
    }
    if (json_array_size(list) == 0 && json_is_object(old)) {
        snprintf(place, sizeof place, "messages[%zu].function_call", index);
        json_t *function = read_function(old, place, err);
        json_t *call = function ? json_pack("{s:s,s:o}", "type", "function", "function", function)
                                : NULL;
        if (!call || json_array_append_new(list, call)) goto done;
    }
    if (json_array_size(list)) *out = json_incref(list);
    ok = list != NULL;
done:
    json_decref(list);
    return ok || no_memory(err); /* unless err is set already */
}

/* ---- messages -------------------------------------------------------------------------- */

/* The role's name here; *known: of the fixed list. */
static const char *read_role(const json_t *message, size_t index, bool *known, struct error *err) {
    static const char *const fixed[] = {"system", "user", "assistant", "tool", NULL};
    const json_t *role = json_object_get(message, "role");
    if (!json_is_string(role) || !is_text(role)) {
        error_set(err, ERR_ARGUMENT, "messages[%zu].role: must be a string that is not empty",
                  index);
        return NULL;
    }
    const char *name = json_string_value(role);
    if (json_string_length(role) > ROLE_BYTES_MAX || strlen(name) != json_string_length(role)) {
        error_set(err, ERR_ARGUMENT, "messages[%zu].role: longer than %d bytes", index,
                  ROLE_BYTES_MAX);
        return NULL;
    }
    if (strcmp(name, "developer") == 0) name = "system";
    if (strcmp(name, "function") == 0) name = "tool";
    *known = is_listed(fixed, name);
    return name;
}

/* Members that this file reads itself. */
static bool is_read(const char *key) {
    static const char *const names[] = {"role", "content", "tool_calls", "function_call", NULL};
    return is_listed(names, key);
}

static json_t *read_message(const json_t *message, size_t index, bool *known, struct error *err) {
    json_t *out = NULL, *content = NULL, *calls = NULL;
    bool ok = false;
    if (!json_is_object(message)) {
        error_set(err, ERR_ARGUMENT, "messages[%zu]: must be an object", index);
        return NULL;
    }
    const char *role = read_role(message, index, known, err);
    if (!role) return NULL;
    content = read_content(json_object_get(message, "content"), index, err);
    if (!content || !read_calls(message, index, &calls, err)) goto done;
    const json_t *id = json_object_get(message, "tool_call_id");
    if (id && !json_is_null(id) && !json_is_string(id)) {
        error_set(err, ERR_ARGUMENT, "messages[%zu].tool_call_id: must be a string", index);
        goto done;
    }
    out = json_object();
    if (!set(out, "role", json_string(role), err)) goto done;
    if (!set(out, "content", json_incref(content), err)) goto done;
    if (calls && !set(out, "tool_calls", json_incref(calls), err)) goto done;
    json_t *members = (json_t *)(uintptr_t)message; /* jansson iterates without const */
    for (void *it = json_object_iter(members); it; it = json_object_iter_next(members, it)) {
        const char *key = json_object_iter_key(it);
        json_t *value = json_object_iter_value(it);
        if (is_read(key) || json_is_null(value)) continue;
        if (!set(out, key, json_incref(value), err)) goto done;
    }
    ok = true;
done:
    json_decref(content);
    json_decref(calls);
    if (ok) return out;
    json_decref(out);
    return NULL;
}

json_t *chat_message_check(const json_t *messages, bool *roles_known, struct error *err) {
    *roles_known = true;
    if (!json_is_array(messages) || json_array_size(messages) == 0) {
        error_set(err, ERR_ARGUMENT, "messages: must be an array that is not empty");
        return NULL;
    }
    if (json_array_size(messages) > CHAT_MESSAGES_MAX) {
        error_set(err, ERR_ARGUMENT, "messages: %zu of them; at most %d", json_array_size(messages),
                  CHAT_MESSAGES_MAX);
        return NULL;
    }
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(messages); i++) {
        bool known = false;
        json_t *message = read_message(json_array_get(messages, i), i, &known, err);
        if (!message || json_array_append_new(out, message)) {
            no_memory(err); /* unless err is set already */
            json_decref(out);
            return NULL;
        }
        *roles_known = *roles_known && known;
    }
    return out;
}

/* ---- tools ----------------------------------------------------------------------------- */

static json_t *read_tool(const json_t *tool, size_t index, struct error *err) {
    const json_t *function = json_object_get(tool, "function");
    if (!json_is_object(tool) || !json_is_object(function)) {
        error_set(err, ERR_ARGUMENT,
                  "tools[%zu]: must be an object {\"type\": \"function\", \"function\": {…}}",
                  index);
        return NULL;
    }
    if (!is_text(json_object_get(function, "name"))) {
        error_set(err, ERR_ARGUMENT,
                  "tools[%zu].function.name: must be a string that is not empty", index);
        return NULL;
    }
    const json_t *parameters = json_object_get(function, "parameters");
    if (parameters && !json_is_null(parameters) && !json_is_object(parameters)) {
        error_set(err, ERR_ARGUMENT, "tools[%zu].function.parameters: must be an object", index);
        return NULL;
    }
    if (json_is_object(parameters)) return json_incref((json_t *)(uintptr_t)tool);
    json_t *copy = json_copy((json_t *)(uintptr_t)tool);
    json_t *completed = json_copy((json_t *)(uintptr_t)function);
    json_t *empty = json_pack("{s:s,s:{}}", "type", "object", "properties");
    if (!set(completed, "parameters", empty, err)) {
        json_decref(completed);
        completed = NULL; /* and so the next fails too */
    }
    if (set(copy, "function", completed, err)) return copy;
    json_decref(copy);
    return NULL;
}

json_t *chat_message_check_tools(const json_t *tools, struct error *err) {
    if (tools && !json_is_null(tools) && !json_is_array(tools)) {
        error_set(err, ERR_ARGUMENT, "tools: must be an array");
        return NULL;
    }
    if (json_array_size(tools) > CHAT_TOOLS_MAX) {
        error_set(err, ERR_ARGUMENT, "tools: %zu of them; at most %d", json_array_size(tools),
                  CHAT_TOOLS_MAX);
        return NULL;
    }
    json_t *out = json_array();
    if (!out) no_memory(err);
    for (size_t i = 0; out && i < json_array_size(tools); i++) {
        json_t *tool = read_tool(json_array_get(tools, i), i, err);
        if (tool && json_array_append_new(out, tool) == 0) continue;
        no_memory(err); /* unless err is set already */
        json_decref(out);
        return NULL;
    }
    return out;
}
