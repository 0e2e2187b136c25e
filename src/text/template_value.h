/* template_value.h - the values of the template language and what Python says about them.
 *
 * A value is 16 bytes and copied freely; what it points to lies in the state's arena and does not
 * change once a template can see it.  Exceptions: a namespace, an iterator's position, a cycler's
 * and a joiner's.  There are no mutating methods (jinja2's immutable sandbox has none either), so
 * values are trees, save for what a namespace makes of itself; recursion is bounded anyway. */
#ifndef TEXT_TEMPLATE_VALUE_H
#define TEXT_TEMPLATE_VALUE_H
#include <jansson.h>
#include "text/template_state.h"
#include "text/template_text.h"

enum template_type {
    VALUE_MISSING = 0, /* "not given"; a template never sees it */
    VALUE_UNDEFINED,
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_TUPLE,
    VALUE_DICT,
    VALUE_RANGE,
    VALUE_VIEW,        /* dict.keys(), .values(), .items() */
    VALUE_ITERATOR,    /* what Python's generators are: read once, no length, always true */
    VALUE_NAMESPACE,
    VALUE_LOOP,
    VALUE_FUNCTION,
    VALUE_CYCLER,
    VALUE_JOINER,
    VALUE_TYPES
};

struct template_value {
    enum template_type type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct template_string *string;
        struct template_list *list;         /* also of a tuple */
        struct template_dict *dict;         /* also of a namespace */
        struct template_range *range;
        struct template_view *view;
        struct template_iterator *iterator; /* also of a cycler: items and position */
        struct template_loop *loop;         /* template_exec.h */
        struct template_function *function; /* template_call.h */
        struct template_joiner *joiner;
        struct template_undefined *undefined;
    };
};

struct template_list {
    struct template_value *items;
    size_t count;
    bool group;                  /* a tuple of groupby: has .grouper and .list */
};

struct template_entry {
    struct template_value key, value;
    uint64_t hash;
};

struct template_dict {           /* in order of insertion */
    struct template_entry *entries;
    size_t count, capacity;
    uint32_t *slots;             /* open addressing, entry + 1; NULL while the dict is small */
    size_t slot_count;
};

struct template_range {
    int64_t start, stop, step;
    size_t count;
};

struct template_view {
    struct template_dict *dict;
    enum { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS } kind;
};

struct template_iterator {
    struct template_list items;
    size_t next;
};

struct template_joiner {
    struct template_string *separator;
    bool used;
};

struct template_undefined {      /* why a value is undefined: composed into a message when needed */
    const char *hint;            /* a whole message, or NULL */
    struct span name;
    enum template_type owner; /* VALUE_MISSING: a variable, otherwise an attribute of such a type */
    bool unsafe;                 /* exists, but not for templates */
};

/* Making values. */
struct template_value template_value_none(void);
struct template_value template_value_bool(bool b);
struct template_value template_value_int(int64_t i);
struct template_value template_value_float(double d);
struct template_value template_value_string(struct template_string *string); /* NULL: none */
struct template_value template_value_text(struct template_state *s, const char *text); /* trusted */
struct template_value template_value_list(struct template_state *s, enum template_type type,
                                          struct template_value *items, size_t count);
struct template_value template_value_iterator(struct template_state *s,
                                              struct template_value *items, size_t count);
struct template_value template_value_undefined(struct template_state *s, const char *hint);
struct template_value template_value_undefined_name(struct template_state *s, struct span name,
                                                    enum template_type owner, bool unsafe);
struct template_value template_value_pair(struct template_state *s, struct template_value a,
                                          struct template_value b);

/* Asking.  "Is a number" follows Python: a bool is an int. */
const char *template_value_type_name(struct template_value v);
bool template_value_truth(struct template_value v);
bool template_value_is_number(struct template_value v);
bool template_value_is_integer(struct template_value v, int64_t *out);  /* int or bool */
double template_value_number(struct template_value v);                  /* of a number */
bool template_value_is_iterable(struct template_value v);
/* -1: has no length (the caller says so). */
int64_t template_value_length(struct template_value v);
struct span template_value_span(struct template_value v); /* of a string */
/* Fails with "'x' is undefined" (or why else) if v is undefined; true if it is not. */
bool template_value_require(struct template_state *s, struct template_value v);

bool template_value_equal(struct template_state *s, struct template_value a,
                          struct template_value b);
/* a < b, as Python's sort asks; fails for types that have no order. */
bool template_value_less(struct template_state *s, struct template_value a,
                         struct template_value b);
bool template_value_same(struct template_value a, struct template_value b); /* Python's `is` */
/* `needle in haystack`. */
bool template_value_contains(struct template_state *s, struct template_value haystack,
                             struct template_value needle);

/* All items of something iterable as an array (an iterator is used up); fails otherwise. */
bool template_value_items(struct template_state *s, struct template_value v,
                          struct template_list *out);
/* Entry i of a view. */
struct template_value template_value_view_item(struct template_state *s,
                                               const struct template_view *view, size_t index);
struct template_value template_value_range_item(const struct template_range *range, size_t index);
/* The character at a byte offset as a string. */
struct template_value template_value_char(struct template_state *s,
                                          const struct template_string *string, size_t at);

/* A jansson tree (which must outlive the state: strings are borrowed). */
struct template_value template_value_from_json(struct template_state *s, const json_t *json,
                                               bool trusted);

/* Growing arrays of values. */
struct template_values {
    struct template_value *items;
    size_t count, capacity;
};
bool template_value_push(struct template_state *s, struct template_values *list,
                         struct template_value v);
#endif
