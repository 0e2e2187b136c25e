/* models.c - reads models.json into struct options, checked against the option table.
 *
 * jansson parses; from there every key is looked up in the table by its dotted path, so a new row
 * is a new key.  Strings are copied into the arena; the JSON tree is freed before returning. */
#include "config/models.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "config/nearest.h"

enum { ARENA_BYTES_MAX = 16 << 20, KEY_BYTES_MAX = 128 };

static const char *const type_names[] = {
    [MODELS_NATIVE] = "native",
    [MODELS_LLAMA_CPP] = "llama-cpp",
    [MODELS_OPENAI] = "openai",
};

const char *models_type_name(enum models_type type) {
    return type_names[type];
}

/* ---- one value ---- */

static const char *json_type_name(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "a whole number";
    case JSON_REAL: return "a number with a fraction";
    case JSON_TRUE:
    case JSON_FALSE: return "true or false";
    default: return "null";
    }
}

/* What a key of this type wants, for "must be …, not …". */
static const char *wanted_type(enum option_type type) {
    switch (type) {
    case OPTION_TYPE_BOOL: return "true or false";
    case OPTION_TYPE_INT: return "a whole number";
    case OPTION_TYPE_BYTES: return "a number of bytes or a string such as \"20G\"";
    case OPTION_TYPE_REAL: return "a number";
    case OPTION_TYPE_LIST: return "a list of strings";
    default: return "a string";
    }
}

static bool type_fits(enum option_type type, const json_t *value) {
    switch (type) {
    case OPTION_TYPE_BOOL: return json_is_boolean(value);
    case OPTION_TYPE_INT: return json_is_integer(value);
    case OPTION_TYPE_BYTES: return json_is_integer(value) || json_is_string(value);
    case OPTION_TYPE_REAL: return json_is_number(value);
    case OPTION_TYPE_LIST: return json_is_array(value);
    default: return json_is_string(value);
    }
}

/* A scalar as the text that the flag would take; NULL when the arena is full. */
static const char *scalar_text(struct arena *arena, const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_STRING: return arena_strdup(arena, json_string_value(value));
    case JSON_INTEGER:
        return arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL: return arena_printf(arena, "%.17g", json_real_value(value));
    default: return json_is_true(value) ? "true" : "false";
    }
}

static bool add_text(struct models_entry *e, enum option_id id, const char *text,
                     struct error *err) {
    if (text == NULL)
        return error_set(err, ERR_MEMORY, "the file holds too much text");
    return options_set(&e->given, id, text, OPTION_FROM_MODELS, err);
}

/* {"qwen2.context_length": 131072} means what ["qwen2.context_length=int:131072"] means. */
static bool set_override(struct models *m, struct models_entry *e, const char *key,
                         const json_t *value, struct error *err) {
    const char *type = json_is_integer(value)   ? "int"
                       : json_is_real(value)    ? "float"
                       : json_is_boolean(value) ? "bool"
                                                : "str";
    if (json_is_object(value) || json_is_array(value) || json_is_null(value))
        return error_set(err, ERR_FORMAT,
                         "%s: must be a number, true or false, or a string, not %s", key,
                         json_type_name(value));
    const char *text = scalar_text(&m->arena, value);
    text = text != NULL ? arena_printf(&m->arena, "%s=%s:%s", key, type, text) : NULL;
    return add_text(e, OPTION_OVERRIDE_KV, text, err);
}

static bool set_list(struct models *m, struct models_entry *e, enum option_id id,
                     const json_t *value, struct error *err) {
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item) {
        if (!json_is_string(item))
            return error_set(err, ERR_FORMAT, "[%zu]: must be a string, not %s", i,
                             json_type_name(item));
        if (!add_text(e, id, scalar_text(&m->arena, item), err))
            return false;
    }
    return true;
}

static bool set_value(struct models *m, struct models_entry *e, const struct option *row,
                      const json_t *value, struct error *err) {
    if (row->id == OPTION_OVERRIDE_KV && json_is_object(value)) {
        const char *key;
        json_t *item;
        json_object_foreach((json_t *)value, key, item) {
            if (!set_override(m, e, key, item, err))
                return false;
        }
        return true;
    }
    if (!type_fits(row->type, value))
        return error_set(err, ERR_FORMAT, "must be %s, not %s", wanted_type(row->type),
                         json_type_name(value));
    if (row->type == OPTION_TYPE_LIST)
        return set_list(m, e, row->id, value, err);
    return add_text(e, row->id, scalar_text(&m->arena, value), err);
}

/* ---- an entry ---- */

/* Whether some key of the table begins with "path.". */
static bool is_group(const char *path) {
    const struct option *row;
    size_t len = strlen(path);
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        if (row->key != NULL && strncmp(row->key, path, len) == 0 && row->key[len] == '.')
            return true;
    }
    return false;
}

/* The keys that are known where `path` stands, offered without their prefix. */
static bool unknown_key(const char *path, const char *key, struct error *err) {
    char names[OPTION_IDS][KEY_BYTES_MAX];
    struct nearest near;
    const struct option *row;
    size_t prefix = strlen(path) - strlen(key);
    nearest_init(&near, key);
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        if (row->key == NULL || strncmp(row->key, path, prefix) != 0)
            continue;
        snprintf(names[i], sizeof names[i], "%.*s", (int)strcspn(row->key + prefix, "."),
                 row->key + prefix);
        nearest_offer(&near, names[i]);
    }
    if (nearest_best(&near) != NULL)
        return error_set(err, ERR_FORMAT, "unknown key; did you mean \"%s\"?", nearest_best(&near));
    /* A key of another level, written here: "batch" for "performance.batch". */
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        const char *dot = row->key != NULL ? strrchr(row->key, '.') : NULL;
        const char *last = dot != NULL ? dot + 1 : row->key;
        if (last != NULL && strcmp(last, key) == 0)
            return error_set(err, ERR_FORMAT, "unknown key here; it is \"%s\" of the entry",
                             row->key);
    }
    return error_set(err, ERR_FORMAT, "unknown key");
}

/* Reads an object of the entry; `prefix` is its path with a dot behind, or "". */
static bool read_object(struct models *m, struct models_entry *e, const json_t *object,
                        const char *prefix, struct error *err) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        char path[KEY_BYTES_MAX];
        bool ok;
        int len = snprintf(path, sizeof path, "%s%.64s", prefix, key);
        const struct option *row = option_by_key(path);
        if (row != NULL) {
            ok = set_value(m, e, row, value, err);
        } else if (is_group(path) && len + 1 < (int)sizeof path) {
            path[len] = '.';
            path[len + 1] = '\0';
            ok = json_is_object(value) ? read_object(m, e, value, path, err)
                                       : error_set(err, ERR_FORMAT, "must be an object, not %s",
                                                   json_type_name(value));
            if (!ok && json_is_object(value))
                return false; /* the path is in the message */
            path[len] = '\0';
        } else {
            ok = unknown_key(path, key, err);
        }
        if (!ok) {
            error_prefix(err, "%s", path);
            return false;
        }
    }
    return true;
}

static bool read_entry(struct models *m, const char *name, const json_t *value, struct error *err) {
    struct models_entry *e = &m->entries[m->count];
    size_t len = strlen(name);
    if (len == 0 || len > MODELS_NAME_BYTES_MAX)
        return error_set(err, ERR_FORMAT, "a model's name has 1 to %d bytes",
                         MODELS_NAME_BYTES_MAX);
    for (const char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7F)
            return error_set(err, ERR_FORMAT, "a model's name holds a control character");
    }
    if (!json_is_object(value))
        return error_set(err, ERR_FORMAT, "must be an object with the model's settings, not %s",
                         json_type_name(value));
    options_init(&e->given);
    if (!read_object(m, e, value, "", err))
        return false;
    const char *type = options_text(&e->given, OPTION_TYPE);
    for (int i = 0; i <= MODELS_OPENAI; i++) {
        if (strcmp(type, type_names[i]) == 0)
            e->type = (enum models_type)i;
    }
    if (e->type == MODELS_OPENAI && !options_given(&e->given, OPTION_URL))
        return error_set(err, ERR_FORMAT, "an entry of type \"openai\" needs \"url\"");
    e->name = arena_strdup(&m->arena, name);
    m->count++;
    return e->name != NULL || error_set(err, ERR_MEMORY, "no memory for %zu bytes", len);
}

/* ---- the file ---- */

static bool too_deep(const json_t *value, int depth) {
    const char *key;
    json_t *item;
    size_t i;
    if (depth > MODELS_DEPTH_MAX)
        return true;
    json_object_foreach((json_t *)value, key, item) {
        if (too_deep(item, depth + 1))
            return true;
    }
    json_array_foreach(value, i, item) {
        if (too_deep(item, depth + 1))
            return true;
    }
    return false;
}

static bool read_tree(struct models *m, const json_t *root, struct error *err) {
    const char *name;
    json_t *value;
    if (!json_is_object(root))
        return error_set(err, ERR_FORMAT, "the file must be an object of models, not %s",
                         json_type_name(root));
    if (json_object_size(root) == 0)
        return error_set(err, ERR_FORMAT, "the file names no model");
    if (json_object_size(root) > MODELS_MAX)
        return error_set(err, ERR_FORMAT, "%zu models; at most %d", json_object_size(root),
                         MODELS_MAX);
    if (too_deep(root, 0))
        return error_set(err, ERR_FORMAT, "more than %d levels of nesting", MODELS_DEPTH_MAX);
    m->entries = arena_array(&m->arena, json_object_size(root), sizeof *m->entries);
    if (m->entries == NULL)
        return error_set(err, ERR_MEMORY, "no memory for %zu models", json_object_size(root));
    json_object_foreach((json_t *)root, name, value) {
        if (!read_entry(m, name, value, err)) {
            error_prefix(err, "\"%.64s\"", name);
            return false;
        }
    }
    return true;
}

bool models_read(struct models *m, const char *path, struct error *err) {
    struct str text = {0};
    json_t *root = NULL;
    json_error_t where;
    bool ok = false;
    memset(m, 0, sizeof *m);
    arena_init(&m->arena, ARENA_BYTES_MAX);
    if (!file_read(&text, path, MODELS_FILE_BYTES_MAX, err))
        goto done;
    /* A byte order mark is what some Windows editors put in front. */
    size_t skip = text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    root = json_loadb(str_text(&text) + skip, text.len - skip, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) {
        error_set(err, ERR_FORMAT, "%s: line %d, column %d: %s", path, where.line, where.column,
                  where.text);
        goto done;
    }
    m->path = arena_strdup(&m->arena, path);
    ok = read_tree(m, root, err);
    if (!ok)
        error_prefix(err, "%s", path);
done:
    json_decref(root);
    str_deinit(&text);
    if (!ok)
        models_deinit(m);
    return ok;
}

void models_deinit(struct models *m) {
    arena_deinit(&m->arena);
    memset(m, 0, sizeof *m);
}

const struct models_entry *models_find(const struct models *m, const char *name) {
    for (int i = 0; i < m->count; i++) {
        if (strcmp(m->entries[i].name, name) == 0)
            return &m->entries[i];
    }
    return NULL;
}
