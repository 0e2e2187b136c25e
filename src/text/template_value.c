/* template_value.c - making and asking values; see the header. */
#include "text/template_value.h"
#include <math.h>
#include <string.h>
#include "text/template_dict.h"

/* ---- making ---------------------------------------------------------------------------- */

struct template_value template_value_none(void) {
    return (struct template_value){.type = VALUE_NONE};
}

struct template_value template_value_bool(bool b) {
    return (struct template_value){.type = VALUE_BOOL, .boolean = b};
}

struct template_value template_value_int(int64_t i) {
    return (struct template_value){.type = VALUE_INT, .integer = i};
}

struct template_value template_value_float(double d) {
    return (struct template_value){.type = VALUE_FLOAT, .number = d};
}

struct template_value template_value_string(struct template_string *string) {
    if (!string) return template_value_none();
    return (struct template_value){.type = VALUE_STRING, .string = string};
}

struct template_value template_value_text(struct template_state *s, const char *text) {
    return template_value_string(template_text_borrow(s, span_of(text), true));
}

struct template_value template_value_list(struct template_state *s, enum template_type type,
                                          struct template_value *items, size_t count) {
    struct template_list *list = template_state_alloc(s, sizeof *list);
    if (!list) return template_value_none();
    *list = (struct template_list){.items = items, .count = count};
    return (struct template_value){.type = type, .list = list};
}

struct template_value template_value_iterator(struct template_state *s,
                                              struct template_value *items, size_t count) {
    struct template_iterator *iterator = template_state_alloc(s, sizeof *iterator);
    if (!iterator) return template_value_none();
    iterator->items = (struct template_list){.items = items, .count = count};
    return (struct template_value){.type = VALUE_ITERATOR, .iterator = iterator};
}

static struct template_value undefined(struct template_state *s, struct template_undefined why) {
    struct template_undefined *u = template_state_alloc(s, sizeof *u);
    if (!u) return template_value_none();
    *u = why;
    return (struct template_value){.type = VALUE_UNDEFINED, .undefined = u};
}

struct template_value template_value_undefined(struct template_state *s, const char *hint) {
    return undefined(s, (struct template_undefined){.hint = hint});
}

struct template_value template_value_undefined_name(struct template_state *s, struct span name,
                                                    enum template_type owner, bool unsafe) {
    return undefined(s,
                     (struct template_undefined){.name = name, .owner = owner, .unsafe = unsafe});
}

struct template_value template_value_pair(struct template_state *s, struct template_value a,
                                          struct template_value b) {
    struct template_value *items = template_state_array(s, 2, sizeof *items);
    if (!items) return template_value_none();
    items[0] = a;
    items[1] = b;
    return template_value_list(s, VALUE_TUPLE, items, 2);
}

bool template_value_push(struct template_state *s, struct template_values *list,
                         struct template_value v) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 8;
        struct template_value *items = template_state_array(s, capacity, sizeof *items);
        if (!items) return false;
        if (list->count) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = v;
    return true;
}

/* ---- asking ---------------------------------------------------------------------------- */

static const char *const type_names[VALUE_TYPES] = {
    [VALUE_MISSING] = "missing",   [VALUE_UNDEFINED] = "Undefined", [VALUE_NONE] = "None",
    [VALUE_BOOL] = "bool",         [VALUE_INT] = "int",             [VALUE_FLOAT] = "float",
    [VALUE_STRING] = "str",        [VALUE_LIST] = "list",           [VALUE_TUPLE] = "tuple",
    [VALUE_DICT] = "dict",         [VALUE_RANGE] = "range",         [VALUE_VIEW] = "dict view",
    [VALUE_ITERATOR] = "generator", [VALUE_NAMESPACE] = "namespace", [VALUE_LOOP] = "loop",
    [VALUE_FUNCTION] = "function", [VALUE_CYCLER] = "cycler",       [VALUE_JOINER] = "joiner",
};

const char *template_value_type_name(struct template_value v) {
    return type_names[v.type];
}

struct span template_value_span(struct template_value v) {
    return v.type == VALUE_STRING ? template_text_span(v.string) : (struct span){"", 0};
}

int64_t template_value_length(struct template_value v) {
    switch (v.type) {
    case VALUE_UNDEFINED: return 0;
    case VALUE_STRING: return (int64_t)template_text_chars(v.string);
    case VALUE_LIST:
    case VALUE_TUPLE: return (int64_t)v.list->count;
    case VALUE_DICT: return (int64_t)v.dict->count;
    case VALUE_RANGE: return (int64_t)v.range->count;
    case VALUE_VIEW: return (int64_t)v.view->dict->count;
    default: return -1;
    }
}

bool template_value_truth(struct template_value v) {
    switch (v.type) {
    case VALUE_MISSING:
    case VALUE_UNDEFINED:
    case VALUE_NONE: return false;
    case VALUE_BOOL: return v.boolean;
    case VALUE_INT: return v.integer != 0;
    case VALUE_FLOAT: return v.number != 0;
    case VALUE_STRING: return v.string->len != 0;
    default: return template_value_length(v) != 0;
    }
}

bool template_value_is_number(struct template_value v) {
    return v.type == VALUE_BOOL || v.type == VALUE_INT || v.type == VALUE_FLOAT;
}

bool template_value_is_integer(struct template_value v, int64_t *out) {
    if (v.type == VALUE_INT) *out = v.integer;
    else if (v.type == VALUE_BOOL) *out = v.boolean;
    else return false;
    return true;
}

double template_value_number(struct template_value v) {
    if (v.type == VALUE_FLOAT) return v.number;
    return v.type == VALUE_BOOL ? v.boolean : (double)v.integer;
}

bool template_value_is_iterable(struct template_value v) {
    return v.type == VALUE_ITERATOR || v.type == VALUE_LOOP || template_value_length(v) >= 0;
}

bool template_value_require(struct template_state *s, struct template_value v) {
    if (v.type != VALUE_UNDEFINED) return !s->failed;
    const struct template_undefined *u = v.undefined;
    int len = (int)(u->name.len < 80 ? u->name.len : 80);
    if (u->hint) return template_state_fail(s, ERR_ARGUMENT, "%s", u->hint);
    if (u->owner == VALUE_MISSING)
        return template_state_fail(s, ERR_ARGUMENT, "'%.*s' is undefined", len, u->name.data);
    return template_state_fail(s, ERR_ARGUMENT,
                               u->unsafe ? "a template may not use the attribute '%.*s' of a %s"
                                         : "no '%.*s' in this %s",
                               len, u->name.data, type_names[u->owner]);
}

/* An integer and a double, compared as Python does: exactly. */
static int compare_int_float(int64_t i, double d) {
    if (isnan(d)) return 2;
    if (d >= 9223372036854775808.0) return -1; /* 2^63 */
    if (d < -9223372036854775808.0) return 1;
    int64_t whole = (int64_t)d;
    if (i != whole) return i < whole ? -1 : 1;
    double rest = d - (double)whole;
    return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}

/* -1, 0, 1; 2 where not a number is one of them. */
static int compare_numbers(struct template_value a, struct template_value b) {
    int64_t i, k;
    bool a_int = template_value_is_integer(a, &i), b_int = template_value_is_integer(b, &k);
    if (a_int && b_int) return i < k ? -1 : i > k;
    if (a_int) return compare_int_float(i, b.number);
    if (b_int) {
        int c = compare_int_float(k, a.number);
        return c == 2 ? 2 : -c;
    }
    if (isnan(a.number) || isnan(b.number)) return 2;
    return a.number < b.number ? -1 : a.number > b.number;
}

static int compare_spans(struct span a, struct span b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int c = len ? memcmp(a.data, b.data, len) : 0;
    return c ? (c < 0 ? -1 : 1) : a.len < b.len ? -1 : a.len > b.len;
}

bool template_value_same(struct template_value a, struct template_value b) {
    if (a.type != b.type) return false;
    switch (a.type) {
    case VALUE_MISSING:
    case VALUE_NONE: return true;
    case VALUE_BOOL: return a.boolean == b.boolean;
    case VALUE_INT: return a.integer == b.integer;
    case VALUE_FLOAT: return a.number == b.number;
    case VALUE_STRING: return a.string == b.string || (a.string->len == 0 && b.string->len == 0);
    default: return a.list == b.list;
    }
}

static bool equal_lists(struct template_state *s, const struct template_list *a,
                        const struct template_list *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (!template_value_equal(s, a->items[i], b->items[i])) return false;
    return true;
}

static bool equal_dicts(struct template_state *s, const struct template_dict *a,
                        const struct template_dict *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        bool hashable;
        struct template_entry *e = template_dict_find(s, b, a->entries[i].key, &hashable);
        if (!e || !template_value_equal(s, a->entries[i].value, e->value)) return false;
    }
    return true;
}

static bool equal_ranges(const struct template_range *a, const struct template_range *b) {
    if (a->count != b->count) return false;
    if (a->count == 0) return true;
    return a->start == b->start && (a->count == 1 || a->step == b->step);
}

static bool equal_views(struct template_state *s, const struct template_view *a,
                        const struct template_view *b) {
    if (a == b) return true;
    if (a->kind != b->kind || a->kind == VIEW_VALUES || a->dict->count != b->dict->count)
        return false;
    for (size_t i = 0; i < a->dict->count; i++) {
        bool hashable;
        struct template_entry *mine = &a->dict->entries[i];
        struct template_entry *e = template_dict_find(s, b->dict, mine->key, &hashable);
        if (!e || (a->kind == VIEW_ITEMS && !template_value_equal(s, mine->value, e->value)))
            return false;
    }
    return true;
}

static bool equal_deep(struct template_state *s, struct template_value a,
                       struct template_value b) {
    switch (a.type) {
    case VALUE_LIST:
    case VALUE_TUPLE: return a.list == b.list || equal_lists(s, a.list, b.list);
    case VALUE_DICT: return a.dict == b.dict || equal_dicts(s, a.dict, b.dict);
    case VALUE_RANGE: return equal_ranges(a.range, b.range);
    case VALUE_VIEW: return equal_views(s, a.view, b.view);
    default: return a.list == b.list;
    }
}

bool template_value_equal(struct template_state *s, struct template_value a,
                          struct template_value b) {
    if (template_value_is_number(a) && template_value_is_number(b))
        return compare_numbers(a, b) == 0;
    if (a.type != b.type) return false;
    if (a.type == VALUE_NONE || a.type == VALUE_UNDEFINED) return true;
    if (a.type == VALUE_STRING) {
        if (a.string->len != b.string->len || !template_state_spend_bytes(s, a.string->len))
            return false;
        return span_equal(template_text_span(a.string), template_text_span(b.string));
    }
    if (!template_state_spend(s, 1) || !template_state_enter(s)) return false;
    bool equal = equal_deep(s, a, b);
    template_state_leave(s);
    return equal;
}

static bool less_lists(struct template_state *s, const struct template_list *a,
                       const struct template_list *b) {
    for (size_t i = 0; i < a->count && i < b->count && !s->failed; i++)
        if (!template_value_equal(s, a->items[i], b->items[i]))
            return template_value_less(s, a->items[i], b->items[i]);
    return a->count < b->count;
}

bool template_value_less(struct template_state *s, struct template_value a,
                         struct template_value b) {
    if (!template_value_require(s, a) || !template_value_require(s, b)) return false;
    if (template_value_is_number(a) && template_value_is_number(b))
        return compare_numbers(a, b) == -1;
    if (a.type == VALUE_STRING && b.type == VALUE_STRING) {
        size_t len = a.string->len < b.string->len ? a.string->len : b.string->len;
        return template_state_spend_bytes(s, len) &&
               compare_spans(template_text_span(a.string), template_text_span(b.string)) < 0;
    }
    if (a.type == b.type && (a.type == VALUE_LIST || a.type == VALUE_TUPLE)) {
        if (!template_state_spend(s, 1) || !template_state_enter(s)) return false;
        bool less = less_lists(s, a.list, b.list);
        template_state_leave(s);
        return less;
    }
    return template_state_fail(s, ERR_ARGUMENT, "a %s and a %s have no order", type_names[a.type],
                               type_names[b.type]);
}

static bool contains_item(struct template_state *s, struct template_value haystack,
                          struct template_value needle) {
    struct template_list items;
    if (!template_value_items(s, haystack, &items)) return false;
    for (size_t i = 0; i < items.count && template_state_spend(s, 1); i++)
        if (template_value_same(items.items[i], needle) ||
            template_value_equal(s, items.items[i], needle))
            return true;
    return false;
}

/* Stops at the hit, so that a second `in` goes on behind it, as with a generator. */
static bool contains_iterator(struct template_state *s, struct template_iterator *iterator,
                              struct template_value needle) {
    while (iterator->next < iterator->items.count && template_state_spend(s, 1)) {
        struct template_value v = iterator->items.items[iterator->next++];
        if (template_value_same(v, needle) || template_value_equal(s, v, needle)) return true;
    }
    return false;
}

bool template_value_contains(struct template_state *s, struct template_value haystack,
                             struct template_value needle) {
    switch (haystack.type) {
    case VALUE_STRING:
        if (!template_value_require(s, needle)) return false;
        if (needle.type != VALUE_STRING)
            return template_state_fail(s, ERR_ARGUMENT,
                                       "'in' a string looks for a string, not for a %s",
                                       type_names[needle.type]);
        if (!template_state_spend_bytes(s, haystack.string->len)) return false;
        return template_text_find(template_value_span(haystack), template_value_span(needle), 0) !=
               SIZE_MAX;
    case VALUE_DICT: return template_dict_find(s, haystack.dict, needle, NULL) != NULL;
    case VALUE_VIEW:
        if (haystack.view->kind == VIEW_KEYS)
            return template_dict_find(s, haystack.view->dict, needle, NULL) != NULL;
        return contains_item(s, haystack, needle);
    case VALUE_ITERATOR: return contains_iterator(s, haystack.iterator, needle);
    case VALUE_UNDEFINED: return false;
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_RANGE: return contains_item(s, haystack, needle);
    default:
        return template_state_fail(s, ERR_ARGUMENT, "'in' needs a container, not a %s",
                                   type_names[haystack.type]);
    }
}

/* ---- items ----------------------------------------------------------------------------- */

struct template_value template_value_char(struct template_state *s,
                                          const struct template_string *string, size_t at) {
    size_t len = template_text_char_bytes(template_text_span(string), at);
    struct template_string *c = template_text_slice(s, string, at, len);
    if (c) c->chars = 1;
    return template_value_string(c);
}

struct template_value template_value_range_item(const struct template_range *range, size_t index) {
    return template_value_int(range->start + (int64_t)index * range->step);
}

struct template_value template_value_view_item(struct template_state *s,
                                               const struct template_view *view, size_t index) {
    const struct template_entry *e = &view->dict->entries[index];
    if (view->kind == VIEW_ITEMS) return template_value_pair(s, e->key, e->value);
    return view->kind == VIEW_KEYS ? e->key : e->value;
}

static bool string_items(struct template_state *s, struct template_string *string,
                         struct template_list *out) {
    out->count = template_text_chars(string);
    out->items = template_state_array(s, out->count, sizeof *out->items);
    if (!out->items) return false;
    size_t at = 0;
    for (size_t i = 0; i < out->count && !s->failed; i++) {
        out->items[i] = template_value_char(s, string, at);
        at += template_text_char_bytes(template_text_span(string), at);
    }
    return !s->failed;
}

static bool computed_items(struct template_state *s, struct template_value v,
                           struct template_list *out) {
    out->count = (size_t)template_value_length(v);
    out->items = template_state_array(s, out->count, sizeof *out->items);
    for (size_t i = 0; out->items && i < out->count && !s->failed; i++) {
        if (v.type == VALUE_RANGE) out->items[i] = template_value_range_item(v.range, i);
        else if (v.type == VALUE_VIEW) out->items[i] = template_value_view_item(s, v.view, i);
        else out->items[i] = v.dict->entries[i].key;
    }
    return !s->failed;
}

bool template_value_items(struct template_state *s, struct template_value v,
                          struct template_list *out) {
    *out = (struct template_list){0};
    if (s->failed) return false;
    int64_t length = template_value_length(v);
    if (!template_state_spend(s, length > 0 ? (uint64_t)length : 1)) return false;
    switch (v.type) {
    case VALUE_UNDEFINED: return true;
    case VALUE_LIST:
    case VALUE_TUPLE: *out = *v.list; return true;
    case VALUE_STRING: return string_items(s, v.string, out);
    case VALUE_RANGE:
    case VALUE_DICT:
    case VALUE_VIEW: return computed_items(s, v, out);
    case VALUE_ITERATOR:
        out->count = v.iterator->items.count - v.iterator->next;
        if (out->count) out->items = v.iterator->items.items + v.iterator->next;
        v.iterator->next = v.iterator->items.count;
        return true;
    default:
        return template_state_fail(s, ERR_ARGUMENT, "a %s cannot be iterated over",
                                   type_names[v.type]);
    }
}

/* ---- from JSON ------------------------------------------------------------------------- */

static struct template_value from_array(struct template_state *s, const json_t *json,
                                        bool trusted) {
    size_t count = json_array_size(json);
    struct template_value *items = template_state_array(s, count, sizeof *items);
    for (size_t i = 0; items && i < count && !s->failed; i++)
        items[i] = template_value_from_json(s, json_array_get(json, i), trusted);
    return template_value_list(s, VALUE_LIST, items, count);
}

static struct template_value from_object(struct template_state *s, const json_t *json,
                                         bool trusted) {
    struct template_dict *d = template_dict_new(s, json_object_size(json));
    if (!d) return template_value_none();
    json_t *object = (json_t *)(uintptr_t)json; /* jansson's iterators want it without const */
    for (void *it = json_object_iter(object); it && !s->failed;
         it = json_object_iter_next(object, it)) {
        struct span name = {json_object_iter_key(it), json_object_iter_key_len(it)};
        struct template_value key = template_value_string(template_text_borrow(s, name, trusted));
        template_dict_put(s, d, key,
                           template_value_from_json(s, json_object_iter_value(it), trusted));
    }
    return (struct template_value){.type = VALUE_DICT, .dict = d};
}

struct template_value template_value_from_json(struct template_state *s, const json_t *json,
                                               bool trusted) {
    struct template_value v = template_value_none();
    if (!template_state_spend(s, 1)) return v;
    switch (json_typeof(json)) {
    case JSON_NULL: break;
    case JSON_TRUE: return template_value_bool(true);
    case JSON_FALSE: return template_value_bool(false);
    case JSON_INTEGER: return template_value_int(json_integer_value(json));
    case JSON_REAL: return template_value_float(json_real_value(json));
    case JSON_STRING: {
        struct span text = {json_string_value(json), json_string_length(json)};
        return template_value_string(template_text_borrow(s, text, trusted));
    }
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (s->depth >= TEMPLATE_VALUE_DEPTH_MAX) {
            template_state_fail(s, ERR_ARGUMENT, "JSON nested more than %d levels deep",
                                TEMPLATE_VALUE_DEPTH_MAX);
            break;
        }
        s->depth++;
        v = json_is_array(json) ? from_array(s, json, trusted) : from_object(s, json, trusted);
        s->depth--;
        break;
    }
    return v;
}
