/* template_global.c - the functions that every template finds: jinja2's and transformers'. */
#include <time.h>
#include "base/clock.h"
#include "text/template_builtin.h"
#include "text/template_dict.h"
#include "text/template_repr.h"

static struct template_value none(void) {
    return template_value_none();
}

static struct template_value fail(struct template_call *c, const char *message) {
    template_state_fail(c->s, ERR_ARGUMENT, "%s() %s", c->name, message);
    return none();
}

static struct template_value global_range(struct template_call *c) {
    int64_t part[3] = {0, 0, 1};
    if (c->args->named || !c->args->count || c->args->count > 3)
        return fail(c, "takes one to three integers");
    for (size_t i = 0; i < c->args->count; i++)
        if (!template_value_is_integer(c->args->items[i], &part[i])) {
            template_value_require(c->s, c->args->items[i]);
            return fail(c, "takes integers");
        }
    if (c->args->count == 1) {
        part[1] = part[0];
        part[0] = 0;
    }
    if (part[2] == 0) return fail(c, "needs a step that is not zero");
    struct template_range *range = template_state_alloc(c->s, sizeof *range);
    if (!range) return none();
    *range = (struct template_range){.start = part[0], .stop = part[1], .step = part[2]};
    bool up = part[2] > 0;
    if (up ? part[0] < part[1] : part[0] > part[1]) {
        uint64_t distance = up ? (uint64_t)part[1] - (uint64_t)part[0]
                               : (uint64_t)part[0] - (uint64_t)part[1];
        uint64_t step = up ? (uint64_t)part[2] : 0 - (uint64_t)part[2];
        range->count = (distance - 1) / step + 1;
    }
    if (range->count > TEMPLATE_RANGE_MAX) return fail(c, "of more than 100000 items");
    return (struct template_value){.type = VALUE_RANGE, .range = range};
}

/* What dict(x) takes: a dict, or pairs. */
static bool merge_positional(struct template_call *c, struct template_dict *d,
                             struct template_value v) {
    struct template_list items, pair;
    if (v.type == VALUE_DICT) return template_dict_merge(c->s, d, v.dict);
    if (!template_value_items(c->s, v, &items)) return false;
    for (size_t i = 0; i < items.count && !c->s->failed; i++) {
        if (!template_value_items(c->s, items.items[i], &pair)) return false;
        if (pair.count != 2) return template_state_fail(c->s, ERR_ARGUMENT, "dict() needs pairs");
        template_dict_put(c->s, d, pair.items[0], pair.items[1]);
    }
    return !c->s->failed;
}

static struct template_value global_dict(struct template_call *c) {
    struct template_dict *d = template_dict_new(c->s, 0);
    if (!d) return none();
    if (c->args->count > 1) return fail(c, "takes one argument and named ones");
    if (c->args->count && !merge_positional(c, d, c->args->items[0])) return none();
    if (c->args->named) template_dict_merge(c->s, d, c->args->named);
    return template_dict_value(d);
}

static struct template_value global_namespace(struct template_call *c) {
    struct template_value v = global_dict(c);
    if (v.type == VALUE_DICT) v.type = VALUE_NAMESPACE;
    return v;
}

static struct template_value global_joiner(struct template_call *c) {
    struct template_joiner *joiner = template_state_alloc(c->s, sizeof *joiner);
    struct template_string *separator = c->arg[0].type == VALUE_MISSING
                                            ? template_text_borrow(c->s, span_of(", "), true)
                                            : template_repr_string(c->s, c->arg[0]);
    if (!joiner || !separator) return none();
    joiner->separator = separator;
    return (struct template_value){.type = VALUE_JOINER, .joiner = joiner};
}

static struct template_value global_cycler(struct template_call *c) {
    if (!c->args->count || c->args->named) return fail(c, "needs items");
    struct template_value v = template_value_iterator(c->s, c->args->items, c->args->count);
    if (v.type == VALUE_ITERATOR) v.type = VALUE_CYCLER;
    return v;
}

static struct template_value global_raise_exception(struct template_call *c) {
    struct template_string *message = template_repr_string(c->s, c->arg[0]);
    if (message) template_state_refuse(c->s, template_text_span(message));
    return none();
}

enum { DATE_BYTES_MAX = 1024 };

/* In UTC, so that a server's answer does not depend on where it stands. */
static struct template_value global_strftime_now(struct template_call *c) {
    char format[DATE_BYTES_MAX], text[DATE_BYTES_MAX * 4];
    struct template_string *pattern = template_builtin_string(c, 0, NULL);
    if (!pattern) return none();
    struct span span = template_text_span(pattern);
    if (span.len >= sizeof format) return fail(c, "got a format that is too long");
    for (size_t i = 0; i < span.len; i++) {
        if (!span.data[i]) return fail(c, "got a format with a NUL in it");
        format[i] = span.data[i];
    }
    format[span.len] = '\0';
    time_t now = (time_t)(c->s->now_unix_s ? c->s->now_unix_s : clock_unix_s());
    struct tm tm;
    if (!gmtime_r(&now, &tm)) return fail(c, "cannot tell the date");
    size_t len = strftime(text, sizeof text, format, &tm);
    struct span date = {text, len};
    if (!template_text_valid_utf8(date)) return fail(c, "made no valid text");
    return template_value_string(
        template_text_copy(c->s, date, template_text_trusted(pattern)));
}

static const struct template_filter globals[] = {
    {"range", global_range, "*", 0},
    {"dict", global_dict, "*", 0},
    {"namespace", global_namespace, "*", 0},
    {"joiner", global_joiner, "sep", 0},
    {"cycler", global_cycler, "*", 0},
    {"raise_exception", global_raise_exception, "message", 1},
    {"strftime_now", global_strftime_now, "format", 1},
};

const struct template_filter *template_global_at(int index) {
    size_t count = sizeof globals / sizeof *globals;
    return index >= 0 && (size_t)index < count ? &globals[index] : NULL;
}

const struct template_filter *template_global_find(struct span name) {
    for (int i = 0; template_global_at(i); i++)
        if (span_equal_text(name, globals[i].name)) return &globals[i];
    return NULL;
}
