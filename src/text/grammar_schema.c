/* grammar_schema.c - see grammar_schema.h. */
#include "text/grammar_schema.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))
/* One more alternative, its symbols in a row. */
#define ADD(rule, ...) \
    grammar_add(b->g, rule, (const int32_t[]){__VA_ARGS__}, COUNT(((const int32_t[]){__VA_ARGS__})))
#define ADD_EMPTY(rule) grammar_add(b->g, rule, NULL, 0)

enum {
    DEPTH_MAX = 64,      /* of a schema */
    LENGTH_MAX = 4096,   /* minLength, maxItems and the like */
    DIGITS_MAX = 16,     /* of a number's parts: what a double can tell apart */
    INDENT_MAX = 16,
};

struct known { /* a schema that has a rule, so that $ref may come back to it */
    const json_t *schema;
    int32_t rule;
};

struct grammar_schema {
    struct grammar *g;
    int32_t space, character, string, integer, number, value, array, object;
    const json_t *root;
    bool lenient;
    struct known *known;
    int known_count, known_capacity;
    struct error *err;
};

struct where { /* the path of a keyword, innermost first */
    const struct where *up;
    const char *key;
    int depth;
};

/* ---- JSON ---- */

static int32_t literal(struct grammar_schema *b, const char *text) {
    return grammar_literal(b->g, span_of(text));
}

static int32_t range(struct grammar_schema *b, int first, int last) {
    return grammar_range(b->g, first, last);
}

/* At least min and at most max of an element (max -1: no limit), each behind a separator but the
 * first.  separator -1: none. */
static int32_t repeat(struct grammar_schema *b, int32_t element, int32_t separator, int min,
                      int max) {
    int32_t next = grammar_rule(b->g); /* what may follow the last one that is counted */
    int last = max >= 0 ? max : min;
    ADD_EMPTY(next);
    if (max < 0 && separator < 0) ADD(next, element, next);
    if (max < 0 && separator >= 0) ADD(next, separator, element, next);
    for (int done = last - 1; done >= 0; done--) {
        int32_t rule = grammar_rule(b->g);
        if (done >= min) ADD_EMPTY(rule);
        if (done == 0 || separator < 0) ADD(rule, element, next);
        else ADD(rule, separator, element, next);
        next = rule;
    }
    if (last > 0 || max == 0) return next;
    int32_t first = grammar_rule(b->g); /* from none to any number */
    ADD_EMPTY(first);
    ADD(first, element, next);
    return first;
}

/* One code point of a string: valid UTF-8 (RFC 3629's table), or an escape.  No escaped
 * surrogates: a pair of them is one character, and half of one is none. */
static void build_character(struct grammar_schema *b) {
    int32_t c = b->character = grammar_rule(b->g), tail = range(b, 0x80, 0xBF);
    ADD(c, range(b, 0x20, 0x21));
    ADD(c, range(b, 0x23, 0x5B));
    ADD(c, range(b, 0x5D, 0x7F));
    ADD(c, range(b, 0xC2, 0xDF), tail);
    ADD(c, range(b, 0xE0, 0xE0), range(b, 0xA0, 0xBF), tail);
    ADD(c, range(b, 0xE1, 0xEC), tail, tail);
    ADD(c, range(b, 0xED, 0xED), range(b, 0x80, 0x9F), tail);
    ADD(c, range(b, 0xEE, 0xEF), tail, tail);
    ADD(c, range(b, 0xF0, 0xF0), range(b, 0x90, 0xBF), tail, tail);
    ADD(c, range(b, 0xF1, 0xF3), tail, tail, tail);
    ADD(c, range(b, 0xF4, 0xF4), range(b, 0x80, 0x8F), tail, tail);
    struct grammar_set escapes = {{0}}, hex = {{0}}, high = {{0}};
    for (const char *p = "\"\\/bfnrt"; *p != 0; p++)
        escapes.bits[*p / 64] |= UINT64_C(1) << *p % 64;
    for (const char *p = "0123456789abcdefABCDEF"; *p != 0; p++) {
        hex.bits[*p / 64] |= UINT64_C(1) << *p % 64;
        if (*p != 'd' && *p != 'D') high.bits[*p / 64] |= UINT64_C(1) << *p % 64;
    }
    int32_t slash = range(b, '\\', '\\'), u = range(b, 'u', 'u'), d = grammar_rule(b->g);
    int32_t h = grammar_set(b->g, &hex);
    ADD(d, range(b, 'd', 'd'));
    ADD(d, range(b, 'D', 'D'));
    ADD(c, slash, grammar_set(b->g, &escapes));
    ADD(c, slash, u, grammar_set(b->g, &high), h, h, h);
    ADD(c, slash, u, d, range(b, '0', '7'), h, h);
}

static int32_t quoted(struct grammar_schema *b, int min, int max) {
    int32_t rule = grammar_rule(b->g), quote = range(b, '"', '"');
    ADD(rule, quote, repeat(b, b->character, -1, min, max), quote);
    return rule;
}

static void build_numbers(struct grammar_schema *b) {
    int32_t digit = grammar_rule(b->g), unsigned_part = grammar_rule(b->g);
    ADD(digit, range(b, '0', '9'));
    ADD(unsigned_part, range(b, '0', '0'));
    ADD(unsigned_part, range(b, '1', '9'), repeat(b, digit, -1, 0, DIGITS_MAX - 1));
    b->integer = grammar_rule(b->g);
    ADD(b->integer, unsigned_part);
    ADD(b->integer, range(b, '-', '-'), unsigned_part);
    int32_t fraction = grammar_rule(b->g), exponent = grammar_rule(b->g), sign = grammar_rule(b->g);
    ADD_EMPTY(fraction);
    ADD(fraction, range(b, '.', '.'), repeat(b, digit, -1, 1, DIGITS_MAX));
    ADD_EMPTY(sign);
    ADD(sign, range(b, '+', '+'));
    ADD(sign, range(b, '-', '-'));
    ADD_EMPTY(exponent);
    ADD(exponent, range(b, 'e', 'e'), sign, repeat(b, digit, -1, 1, 2));
    b->number = grammar_rule(b->g);
    ADD(b->number, b->integer, fraction, exponent);
}

static int32_t comma(struct grammar_schema *b) {
    int32_t rule = grammar_rule(b->g);
    ADD(rule, range(b, ',', ','), b->space);
    return rule;
}

static int32_t colon(struct grammar_schema *b) {
    int32_t rule = grammar_rule(b->g);
    ADD(rule, range(b, ':', ':'), b->space);
    return rule;
}

static int32_t array_of(struct grammar_schema *b, int32_t item, int min, int max) {
    int32_t rule = grammar_rule(b->g);
    ADD(rule, range(b, '[', '['), b->space, repeat(b, item, comma(b), min, max), b->space,
        range(b, ']', ']'));
    return rule;
}

/* An object of any names with such values. */
static int32_t map_of(struct grammar_schema *b, int32_t value) {
    int32_t rule = grammar_rule(b->g), member = grammar_rule(b->g);
    ADD(member, b->string, colon(b), value);
    ADD(rule, range(b, '{', '{'), b->space, repeat(b, member, comma(b), 0, -1), b->space,
        range(b, '}', '}'));
    return rule;
}

static void build_json(struct grammar_schema *b) {
    int32_t blank = grammar_rule(b->g);
    ADD(blank, range(b, ' ', ' '));
    b->space = grammar_rule(b->g);
    ADD_EMPTY(b->space);
    ADD(b->space, blank);
    ADD(b->space, range(b, '\n', '\n'), repeat(b, blank, -1, 0, INDENT_MAX));
    build_character(b);
    build_numbers(b);
    b->string = quoted(b, 0, -1);
    b->value = grammar_rule(b->g);
    b->array = array_of(b, b->value, 0, -1);
    b->object = map_of(b, b->value);
    const int32_t kinds[] = {b->string, b->number, b->array, b->object, literal(b, "true"),
                             literal(b, "false"), literal(b, "null")};
    for (int i = 0; i < COUNT(kinds); i++) ADD(b->value, kinds[i]);
}

struct grammar_schema *grammar_schema_open(struct grammar *g) {
    struct grammar_schema *b = calloc(1, sizeof *b);
    if (b == NULL) return NULL;
    b->g = g;
    build_json(b);
    return b;
}

void grammar_schema_close(struct grammar_schema *b) {
    if (b == NULL) return;
    free(b->known);
    free(b);
}

/* ---- schemas ---- */

static void write_path(struct str *out, const struct where *w) {
    if (w->up != NULL) {
        write_path(out, w->up);
        str_add_char(out, '.');
    }
    str_addf(out, "%.60s", w->key);
}

/* key NULL: the path itself is what is refused. */
static bool refuse(struct grammar_schema *b, const struct where *w, const char *key,
                   const char *why) {
    struct str path = {0};
    write_path(&path, key != NULL ? &(struct where){w, key, 0} : w);
    error_set(b->err, ERR_UNSUPPORTED, "%s: %s", str_text(&path), why);
    str_deinit(&path);
    return false;
}

static bool compile(struct grammar_schema *b, const struct where *w, const json_t *schema,
                    int32_t *rule);

/* A limit like minLength: -1 when it is not there. */
static bool read_limit(struct grammar_schema *b, const struct where *w, const json_t *schema,
                       const char *key, int *out) {
    const json_t *value = json_object_get(schema, key);
    *out = -1;
    if (value == NULL) return true;
    double number = json_is_number(value) ? json_number_value(value) : -1;
    if (!(number >= 0 && number <= INT32_MAX) || number != (double)(int)number)
        return refuse(b, w, key, "must be a whole number from 0 on");
    if (number > LENGTH_MAX) {
        if (b->lenient) return true;
        return refuse(b, w, key, "is above 4096, which is not in this version");
    }
    *out = (int)number;
    return true;
}

static bool read_limits(struct grammar_schema *b, const struct where *w, const json_t *schema,
                        const char *const keys[2], int *min, int *max) {
    if (!read_limit(b, w, schema, keys[0], min) || !read_limit(b, w, schema, keys[1], max))
        return false;
    if (*min < 0) *min = 0;
    return *max < 0 || *max >= *min || refuse(b, w, keys[1], "is below its minimum");
}

static bool compile_string(struct grammar_schema *b, const struct where *w, const json_t *schema,
                           int32_t *rule) {
    int min, max;
    if (!read_limits(b, w, schema, (const char *const[]){"minLength", "maxLength"}, &min, &max))
        return false;
    *rule = min == 0 && max < 0 ? b->string : quoted(b, min, max);
    return true;
}

static bool compile_array(struct grammar_schema *b, const struct where *w, const json_t *schema,
                          int32_t *rule) {
    const json_t *items = json_object_get(schema, "items");
    int min, max;
    int32_t item = b->value;
    if (!read_limits(b, w, schema, (const char *const[]){"minItems", "maxItems"}, &min, &max))
        return false;
    if (json_is_false(items)) {
        if (min > 0) return refuse(b, w, "items", "false with minItems admits nothing");
        max = 0;
    } else if (items != NULL) {
        const struct where here = {w, "items", w->depth + 1};
        if (!compile(b, &here, items, &item)) return false;
    }
    *rule = array_of(b, item, min, max);
    return true;
}

static bool is_required(const json_t *required, const char *name) {
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)required, i, one)
        if (json_is_string(one) && strcmp(json_string_value(one), name) == 0) return true;
    return false;
}

/* "name": value */
static int32_t member(struct grammar_schema *b, const char *name, int32_t value) {
    json_t *key = json_string(name);
    char *text = json_dumps(key, JSON_ENCODE_ANY);
    int32_t rule = grammar_rule(b->g);
    ADD(rule, literal(b, text != NULL ? text : ""), colon(b), value);
    free(text);
    json_decref(key);
    return rule;
}

struct members { /* of an object, the rules for the rest from some property on */
    int32_t first, rest, separator; /* while none has been written; when one has */
};

/* One property in front of what `m` has. */
static void prepend(struct grammar_schema *b, struct members *m, int32_t property, bool required) {
    int32_t first = grammar_rule(b->g), rest = grammar_rule(b->g);
    ADD(first, property, m->rest);
    ADD(rest, m->separator, property, m->rest);
    if (!required) {
        ADD(first, m->first);
        ADD(rest, m->rest);
    }
    m->first = first;
    m->rest = rest;
}

static bool compile_properties(struct grammar_schema *b, const struct where *w,
                               const json_t *schema, int32_t *rule) {
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    const struct where here = {w, "properties", w->depth + 1};
    int count = (int)json_object_size(properties), at = 0;
    const char **names = calloc((size_t)count + 1, sizeof *names);
    bool ok = names != NULL || error_set(b->err, ERR_MEMORY, "no memory for a schema");
    const char *name;
    json_t *value;
    if (ok) json_object_foreach((json_t *)(uintptr_t)properties, name, value) names[at++] = name;
    struct members m = {grammar_rule(b->g), 0, comma(b)};
    ADD_EMPTY(m.first);
    m.rest = m.first;
    while (ok && at-- > 0) { /* from the last one: each rule knows the next */
        int32_t what;
        ok = compile(b, &(struct where){&here, names[at], here.depth + 1},
                     json_object_get(properties, names[at]), &what);
        if (ok) prepend(b, &m, member(b, names[at], what), is_required(required, names[at]));
    }
    *rule = grammar_rule(b->g);
    ADD(*rule, range(b, '{', '{'), b->space, m.first, b->space, range(b, '}', '}'));
    free(names);
    return ok;
}

static bool compile_object(struct grammar_schema *b, const struct where *w, const json_t *schema,
                           int32_t *rule) {
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *additional = json_object_get(schema, "additionalProperties"), *one;
    size_t i;
    if (properties != NULL && !json_is_object(properties))
        return refuse(b, w, "properties", "must be an object");
    json_array_foreach(json_object_get(schema, "required"), i, one)
        if (!b->lenient && (!json_is_string(one) ||
                            json_object_get(properties, json_string_value(one)) == NULL))
            return refuse(b, w, "required", "names what is not in properties, which is not in this "
                                            "version");
    if (json_object_size(properties) > 0) return compile_properties(b, w, schema, rule);
    if (json_is_false(additional)) return compile_properties(b, w, schema, rule);
    int32_t value = b->value;
    if (additional != NULL && !compile(b, &(struct where){w, "additionalProperties", w->depth + 1},
                                       additional, &value))
        return false;
    *rule = map_of(b, value);
    return true;
}

static bool compile_integer(struct grammar_schema *b, const struct where *w, const json_t *schema,
                            int32_t *rule) {
    (void)w;
    (void)schema;
    *rule = b->integer;
    return true;
}

static bool compile_number(struct grammar_schema *b, const struct where *w, const json_t *schema,
                           int32_t *rule) {
    (void)w;
    (void)schema;
    *rule = b->number;
    return true;
}

static bool compile_null(struct grammar_schema *b, const struct where *w, const json_t *schema,
                         int32_t *rule) {
    (void)w;
    (void)schema;
    *rule = literal(b, "null");
    return true;
}

static bool compile_boolean(struct grammar_schema *b, const struct where *w, const json_t *schema,
                            int32_t *rule) {
    (void)w;
    (void)schema;
    *rule = grammar_rule(b->g);
    ADD(*rule, literal(b, "true"));
    ADD(*rule, literal(b, "false"));
    return true;
}

/* A row a type; implied: the keywords that mean it where "type" is left out. */
static const struct {
    const char *name;
    bool (*compile)(struct grammar_schema *, const struct where *, const json_t *, int32_t *);
    const char *implied[4];
} types[] = {
    {"object", compile_object, {"properties", "required", "additionalProperties"}},
    {"array", compile_array, {"items", "minItems", "maxItems"}},
    {"string", compile_string, {"minLength", "maxLength"}},
    {"integer", compile_integer, {NULL}},
    {"number", compile_number, {NULL}},
    {"boolean", compile_boolean, {NULL}},
    {"null", compile_null, {NULL}},
};

/* Adds the types of the name as alternatives. */
static bool add_type(struct grammar_schema *b, const struct where *w, const json_t *schema,
                     const json_t *type, int32_t rule) {
    for (int i = 0; json_is_string(type) && i < COUNT(types); i++) {
        int32_t one;
        if (strcmp(types[i].name, json_string_value(type)) != 0) continue;
        if (!types[i].compile(b, w, schema, &one)) return false;
        ADD(rule, one);
        return true;
    }
    return refuse(b, w, "type", "is not one of object, array, string, integer, number, boolean, "
                                "null");
}

static bool compile_types(struct grammar_schema *b, const struct where *w, const json_t *schema,
                          int32_t rule) {
    const json_t *type = json_object_get(schema, "type"), *one;
    size_t i;
    if (json_is_array(type) && json_array_size(type) > 0) {
        json_array_foreach(type, i, one)
            if (!add_type(b, w, schema, one, rule)) return false;
        return true;
    }
    if (type != NULL) return add_type(b, w, schema, type, rule);
    for (int t = 0; t < COUNT(types); t++)
        for (int k = 0; k < COUNT(types[t].implied); k++) {
            const char *key = types[t].implied[k];
            int32_t only;
            if (key == NULL || json_object_get(schema, key) == NULL) continue;
            if (!types[t].compile(b, w, schema, &only)) return false;
            ADD(rule, only);
            return true;
        }
    ADD(rule, b->value);
    return true;
}

/* ---- keywords that stand for the whole schema ---- */

static bool has_type(const json_t *value, const char *type) {
    static const char *const names[] = {
        [JSON_OBJECT] = "object", [JSON_ARRAY] = "array", [JSON_STRING] = "string",
        [JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
        [JSON_FALSE] = "boolean", [JSON_NULL] = "null"};
    return strcmp(names[json_typeof(value)], type) == 0 ||
           (json_is_integer(value) && strcmp(type, "number") == 0);
}

static bool fits_type(const json_t *schema, const json_t *value) {
    const json_t *type = json_object_get(schema, "type"), *one;
    size_t i;
    if (type == NULL) return true;
    if (json_is_string(type)) return has_type(value, json_string_value(type));
    json_array_foreach(type, i, one)
        if (json_is_string(one) && has_type(value, json_string_value(one))) return true;
    return false;
}

static bool add_value(struct grammar_schema *b, const json_t *value, int32_t rule) {
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (text == NULL) return error_set(b->err, ERR_MEMORY, "no memory for a schema");
    ADD(rule, literal(b, text));
    free(text);
    return true;
}

static bool compile_enum(struct grammar_schema *b, const struct where *w, const json_t *schema,
                         const json_t *values, int32_t rule) {
    size_t i;
    const json_t *value;
    bool any = false;
    json_array_foreach(values, i, value) {
        if (!fits_type(schema, value)) continue;
        if (!add_value(b, value, rule)) return false;
        any = true;
    }
    return any || refuse(b, w, NULL, "admits nothing");
}

static bool compile_const(struct grammar_schema *b, const struct where *w, const json_t *schema,
                          const json_t *value, int32_t rule) {
    if (!fits_type(schema, value)) return refuse(b, w, NULL, "is not of the type");
    return add_value(b, value, rule);
}

static bool compile_any(struct grammar_schema *b, const struct where *w, const json_t *schema,
                        const json_t *options, int32_t rule) {
    (void)schema;
    size_t i;
    const json_t *option;
    if (json_array_size(options) == 0) return refuse(b, w, NULL, "must be a list of schemas");
    json_array_foreach(options, i, option) {
        char key[32];
        int32_t one;
        snprintf(key, sizeof key, "%zu", i);
        if (!compile(b, &(struct where){w, key, w->depth + 1}, option, &one)) return false;
        ADD(rule, one);
    }
    return true;
}

static bool is_number(const char *type) {
    return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
}

/* One of several is any of them where no value can be two of them: different types. */
static bool compile_one(struct grammar_schema *b, const struct where *w, const json_t *schema,
                        const json_t *options, int32_t rule) {
    for (size_t i = 0; !b->lenient && i < json_array_size(options); i++)
        for (size_t k = 0; k < i; k++) {
            const char *x = json_string_value(json_object_get(json_array_get(options, i), "type"));
            const char *y = json_string_value(json_object_get(json_array_get(options, k), "type"));
            if (x == NULL || y == NULL || strcmp(x, y) == 0 || (is_number(x) && is_number(y)))
                return refuse(b, w, NULL, "is in this version only between different types; use "
                                             "anyOf");
        }
    return compile_any(b, w, schema, options, rule);
}

static bool compile_all(struct grammar_schema *b, const struct where *w, const json_t *schema,
                        const json_t *options, int32_t rule) {
    if (json_array_size(options) != 1)
        return refuse(b, w, NULL, "is in this version only for one schema");
    return compile_any(b, w, schema, options, rule);
}

/* "#", "#/a/b": a JSON Pointer (RFC 6901) into the schema. */
static bool compile_ref(struct grammar_schema *b, const struct where *w, const json_t *schema,
                        const json_t *ref, int32_t rule) {
    (void)schema;
    const char *text = json_string_value(ref);
    if (text == NULL || text[0] != '#' || (text[1] != '/' && text[1] != 0))
        return refuse(b, w, NULL, "is in this version only \"#\" or \"#/…\"");
    const json_t *at = b->root;
    for (text++; at != NULL && *text == '/';) {
        size_t len = strcspn(++text, "/");
        if (memchr(text, '~', len) != NULL || memchr(text, '%', len) != NULL)
            return refuse(b, w, NULL, "with ~ or % is not in this version");
        at = json_is_array(at) ? json_array_get(at, strtoul(text, NULL, 10))
                               : json_object_getn(at, text, len);
        text += len;
    }
    int32_t target;
    if (at == NULL) return refuse(b, w, NULL, "leads nowhere");
    if (!compile(b, w, at, &target)) return false;
    ADD(rule, target);
    return true;
}

/* Each stands for the whole schema; beside it only "type" is understood, and of that only with
 * values. */
static const struct {
    const char *key;
    bool (*compile)(struct grammar_schema *, const struct where *, const json_t *, const json_t *,
                    int32_t);
    bool type;
} wholes[] = {
    {"$ref", compile_ref, false}, {"const", compile_const, true}, {"enum", compile_enum, true},
    {"anyOf", compile_any, false}, {"oneOf", compile_one, false}, {"allOf", compile_all, false},
};

/* The standard's words about validity: true where the code above does them. */
static const struct {
    const char *key;
    bool done;
} keywords[] = {
    {"type", true}, {"properties", true}, {"required", true}, {"additionalProperties", true},
    {"items", true}, {"minItems", true}, {"maxItems", true}, {"minLength", true},
    {"maxLength", true}, {"$ref", true}, {"const", true}, {"enum", true}, {"anyOf", true},
    {"oneOf", true}, {"allOf", true}, {"pattern", false}, {"minimum", false}, {"maximum", false},
    {"exclusiveMinimum", false}, {"exclusiveMaximum", false}, {"multipleOf", false},
    {"prefixItems", false}, {"uniqueItems", false}, {"contains", false}, {"minContains", false},
    {"maxContains", false}, {"unevaluatedItems", false}, {"minProperties", false},
    {"maxProperties", false}, {"patternProperties", false}, {"propertyNames", false},
    {"unevaluatedProperties", false}, {"dependentRequired", false}, {"dependentSchemas", false},
    {"dependencies", false}, {"not", false}, {"if", false}, {"then", false}, {"else", false},
    {"$dynamicRef", false}, {"$anchor", false}, {"additionalItems", false},
};

/* Refuses what would be passed over: words that are not done, and words beside one that stands for
 * the whole. */
static bool check_keywords(struct grammar_schema *b, const struct where *w, const json_t *schema,
                           int whole) {
    if (b->lenient) return true;
    for (int i = 0; i < COUNT(keywords); i++) {
        const json_t *value = json_object_get(schema, keywords[i].key);
        if (value == NULL) continue;
        if (!keywords[i].done)
            return refuse(b, w, keywords[i].key, "is not in this version");
        if (whole < 0 || strcmp(keywords[i].key, wholes[whole].key) == 0) continue;
        if (strcmp(keywords[i].key, "type") == 0 && wholes[whole].type) continue;
        return refuse(b, w, keywords[i].key, "is not in this version beside a keyword that stands "
                                             "for the whole schema");
    }
    return true;
}

static bool remember(struct grammar_schema *b, const json_t *schema, int32_t rule) {
    if (b->known_count == b->known_capacity) {
        int capacity = b->known_capacity > 0 ? b->known_capacity * 2 : 64;
        struct known *grown = realloc(b->known, (size_t)capacity * sizeof *grown);
        if (grown == NULL) return error_set(b->err, ERR_MEMORY, "no memory for a schema");
        b->known = grown;
        b->known_capacity = capacity;
    }
    b->known[b->known_count++] = (struct known){schema, rule};
    return true;
}

static bool compile(struct grammar_schema *b, const struct where *w, const json_t *schema,
                    int32_t *rule) {
    if (json_is_true(schema)) {
        *rule = b->value;
        return true;
    }
    if (!json_is_object(schema)) return refuse(b, w, NULL, "must be an object or true");
    if (w->depth > DEPTH_MAX) return refuse(b, w, NULL, "is nested deeper than 64 levels");
    for (int i = 0; i < b->known_count; i++)
        if (b->known[i].schema == schema) {
            *rule = b->known[i].rule;
            return true;
        }
    int whole = 0;
    while (whole < COUNT(wholes) && json_object_get(schema, wholes[whole].key) == NULL) whole++;
    if (whole == COUNT(wholes)) whole = -1;
    *rule = grammar_rule(b->g);
    if (!remember(b, schema, *rule) || !check_keywords(b, w, schema, whole)) return false;
    if (whole < 0) return compile_types(b, w, schema, *rule);
    return wholes[whole].compile(b, &(struct where){w, wholes[whole].key, w->depth + 1}, schema,
                                 json_object_get(schema, wholes[whole].key), *rule);
}

bool grammar_schema_add(struct grammar_schema *b, const char *name, const json_t *schema,
                        bool lenient, int32_t *rule, struct error *err) {
    *rule = b->object;
    if (schema == NULL) return true;
    b->root = schema;
    b->lenient = lenient;
    b->err = err;
    b->known_count = 0;
    return compile(b, &(struct where){NULL, name, 0}, schema, rule);
}
