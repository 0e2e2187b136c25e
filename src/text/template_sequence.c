/* template_sequence.c - filters on sequences.
 *
 * Where jinja2 returns a generator, these return an iterator whose items are computed at once: it
 * has no length, can be read once and is always true, as templates have come to expect. */
#include "text/template_sequence.h"
#include "text/template_access.h"
#include "text/template_dict.h"
#include "text/template_operator.h"
#include "text/template_repr.h"
#include "text/template_sort.h"
#include "text/template_string.h"

static struct template_value none(void) {
    return template_value_none();
}

static struct template_value missing(void) {
    return (struct template_value){.type = VALUE_MISSING};
}

static struct template_value fail(struct template_call *c, const char *message) {
    if (template_value_require(c->s, c->self))
        template_state_fail(c->s, ERR_ARGUMENT, "%s: %s", c->name, message);
    return none();
}

static struct template_value no_item(struct template_call *c) {
    return template_value_undefined(c->s, "the sequence was empty");
}

/* The items to filter, at c->self. */
static bool self_items(struct template_call *c, struct template_list *out) {
    return template_value_items(c->s, c->self, out);
}

/* What to compare an item by: its attribute (if given), in lower case unless that matters. */
static struct template_value key_of(struct template_call *c, struct template_value item,
                                    struct template_value attribute, bool case_sensitive) {
    struct template_value key = template_access_path(c->s, item, attribute, missing());
    if (key.type == VALUE_STRING && !case_sensitive)
        key = template_value_string(template_string_convert(c->s, key.string, STRING_LOWER));
    return key;
}

/* ---- ends and length ------------------------------------------------------------------- */

struct template_value template_sequence_length(struct template_call *c) {
    int64_t length = template_value_length(c->self);
    return length < 0 ? fail(c, "this has no length") : template_value_int(length);
}

struct template_value template_sequence_list(struct template_call *c) {
    struct template_list items;
    if (!self_items(c, &items)) return none();
    return template_value_list(c->s, VALUE_LIST, items.items, items.count);
}

struct template_value template_sequence_first(struct template_call *c) {
    if (c->self.type == VALUE_ITERATOR) { /* takes one item only */
        struct template_iterator *it = c->self.iterator;
        return it->next < it->items.count ? it->items.items[it->next++] : no_item(c);
    }
    if (c->self.type == VALUE_STRING && c->self.string->len)
        return template_value_char(c->s, c->self.string, 0);
    struct template_list items;
    if (!self_items(c, &items)) return none();
    return items.count ? items.items[0] : no_item(c);
}

struct template_value template_sequence_last(struct template_call *c) {
    struct template_list items;
    if (c->self.type == VALUE_ITERATOR) return fail(c, "cannot be read from its end");
    if (c->self.type == VALUE_STRING && c->self.string->len)
        return template_access_item(c->s, c->self, template_value_int(-1));
    if (!self_items(c, &items)) return none();
    return items.count ? items.items[items.count - 1] : no_item(c);
}

struct template_value template_sequence_reverse(struct template_call *c) {
    struct template_list items;
    if (c->self.type == VALUE_STRING)
        return template_access_slice(c->s, c->self,
                                     (const struct template_value[]){none(), none(),
                                                                     template_value_int(-1)});
    if (!self_items(c, &items)) return none();
    struct template_value *reversed = template_state_array(c->s, items.count, sizeof *reversed);
    if (!reversed) return none();
    for (size_t i = 0; i < items.count; i++) reversed[i] = items.items[items.count - 1 - i];
    if (c->self.type == VALUE_ITERATOR)
        return template_value_list(c->s, VALUE_LIST, reversed, items.count);
    return template_value_iterator(c->s, reversed, items.count);
}

struct template_value template_sequence_items(struct template_call *c) {
    if (c->self.type == VALUE_UNDEFINED) return template_value_iterator(c->s, NULL, 0);
    if (c->self.type != VALUE_DICT) return fail(c, "needs a dict");
    struct template_view view = {.dict = c->self.dict, .kind = VIEW_ITEMS};
    struct template_values pairs = {0};
    for (size_t i = 0; i < view.dict->count && template_state_spend(c->s, 1); i++)
        template_value_push(c->s, &pairs, template_value_view_item(c->s, &view, i));
    return template_value_iterator(c->s, pairs.items, pairs.count);
}

struct template_value template_sequence_join(struct template_call *c) {
    struct template_list items;
    struct template_string *separator =
        c->arg[0].type == VALUE_MISSING ? template_text_borrow(c->s, span_of(""), true)
                                        : template_repr_string(c->s, c->arg[0]);
    if (!separator || !self_items(c, &items)) return none();
    if (c->arg[1].type != VALUE_MISSING && c->arg[1].type != VALUE_NONE) {
        struct template_values picked = {0};
        for (size_t i = 0; i < items.count && !c->s->failed; i++)
            template_value_push(c->s, &picked,
                                template_access_path(c->s, items.items[i], c->arg[1],
                                                     missing()));
        items = (struct template_list){.items = picked.items, .count = picked.count};
    }
    if (c->s->failed) return none();
    return template_value_string(template_string_join(c->s, separator, &items, false));
}

/* ---- sorting --------------------------------------------------------------------------- */

static struct template_value sorted(struct template_call *c, struct template_sort_row *rows,
                                    size_t count, bool reverse) {
    struct template_value *items = template_state_array(c->s, count, sizeof *items);
    if (!items || !template_sort(c->s, rows, count, reverse)) return none();
    for (size_t i = 0; i < count; i++) items[i] = rows[i].item;
    return template_value_list(c->s, VALUE_LIST, items, count);
}

/* A list of keys, one for each part of "a,b". */
static struct template_value keys_of(struct template_call *c, struct template_value item,
                                     struct template_value attribute, bool case_sensitive) {
    struct template_values keys = {0}, parts = {0};
    struct template_string *comma = template_text_borrow(c->s, span_of(","), true);
    if (!comma) return none();
    if (attribute.type == VALUE_STRING)
        template_string_split(c->s, attribute.string, comma, -1, false, &parts);
    else template_value_push(c->s, &parts, attribute);
    for (size_t i = 0; i < parts.count && !c->s->failed; i++)
        template_value_push(c->s, &keys, key_of(c, item, parts.items[i], case_sensitive));
    return template_value_list(c->s, VALUE_LIST, keys.items, keys.count);
}

struct template_value template_sequence_sort(struct template_call *c) {
    struct template_list items;
    if (!self_items(c, &items)) return none();
    struct template_sort_row *rows = template_state_array(c->s, items.count, sizeof *rows);
    for (size_t i = 0; rows && i < items.count && !c->s->failed; i++) {
        rows[i].item = items.items[i];
        rows[i].key = keys_of(c, items.items[i], c->arg[2], template_builtin_bool(c, 1));
    }
    if (c->s->failed) return none();
    return sorted(c, rows, items.count, template_builtin_bool(c, 0));
}

struct template_value template_sequence_dictsort(struct template_call *c) {
    struct template_string *by = template_builtin_string(c, 1, "key");
    if (!by) return none();
    bool by_value = span_equal_text(template_text_span(by), "value");
    if (!by_value && !span_equal_text(template_text_span(by), "key"))
        return fail(c, "sorts by key or by value");
    if (c->self.type != VALUE_DICT) return fail(c, "needs a dict");
    const struct template_dict *d = c->self.dict;
    struct template_sort_row *rows = template_state_array(c->s, d->count, sizeof *rows);
    for (size_t i = 0; rows && i < d->count && !c->s->failed; i++) {
        struct template_value key = by_value ? d->entries[i].value : d->entries[i].key;
        rows[i].item = template_value_pair(c->s, d->entries[i].key, d->entries[i].value);
        rows[i].key = key_of(c, key, none(), template_builtin_bool(c, 0));
    }
    return c->s->failed ? none() : sorted(c, rows, d->count, template_builtin_bool(c, 2));
}

static struct template_value extreme(struct template_call *c, bool largest) {
    struct template_list items;
    if (!self_items(c, &items)) return none();
    if (!items.count) return no_item(c);
    bool case_sensitive = template_builtin_bool(c, 0);
    struct template_value best = items.items[0];
    struct template_value best_key = key_of(c, best, c->arg[1], case_sensitive);
    for (size_t i = 1; i < items.count && template_state_spend(c->s, 1); i++) {
        struct template_value key = key_of(c, items.items[i], c->arg[1], case_sensitive);
        bool better = largest ? template_value_less(c->s, best_key, key)
                              : template_value_less(c->s, key, best_key);
        if (!better) continue;
        best = items.items[i];
        best_key = key;
    }
    return best;
}

struct template_value template_sequence_min(struct template_call *c) {
    return extreme(c, false);
}

struct template_value template_sequence_max(struct template_call *c) {
    return extreme(c, true);
}

struct template_value template_sequence_unique(struct template_call *c) {
    struct template_list items;
    struct template_values kept = {0};
    struct template_dict *seen = template_dict_new(c->s, 0);
    if (!seen || !self_items(c, &items)) return none();
    for (size_t i = 0; i < items.count && !c->s->failed; i++) {
        struct template_value key =
            key_of(c, items.items[i], c->arg[1], template_builtin_bool(c, 0));
        if (c->s->failed || template_dict_find(c->s, seen, key, NULL)) continue;
        template_dict_put(c->s, seen, key, none());
        template_value_push(c->s, &kept, items.items[i]);
    }
    return template_value_iterator(c->s, kept.items, kept.count);
}

/* ---- groups ---------------------------------------------------------------------------- */

/* An attribute, or the default where it is undefined. */
static struct template_value group_key(struct template_call *c, struct template_value item,
                                       bool fold) {
    struct template_value key = template_access_path(c->s, item, c->arg[0], c->arg[1]);
    return fold ? key_of(c, key, none(), false) : key;
}

static struct template_value group(struct template_call *c, const struct template_sort_row *rows,
                                   size_t count) {
    struct template_value *items = template_state_array(c->s, count, sizeof *items);
    if (!items) return none();
    for (size_t i = 0; i < count; i++) items[i] = rows[i].item;
    struct template_value name = group_key(c, items[0], false);
    struct template_value list = template_value_list(c->s, VALUE_LIST, items, count);
    struct template_value pair = template_value_pair(c->s, name, list);
    if (!c->s->failed) pair.list->group = true;
    return pair;
}

struct template_value template_sequence_groupby(struct template_call *c) {
    struct template_list items;
    struct template_values groups = {0};
    bool fold = !template_builtin_bool(c, 2);
    if (!self_items(c, &items)) return none();
    struct template_sort_row *rows = template_state_array(c->s, items.count, sizeof *rows);
    for (size_t i = 0; rows && i < items.count && !c->s->failed; i++) {
        rows[i].item = items.items[i];
        rows[i].key = group_key(c, items.items[i], fold);
    }
    if (c->s->failed || !template_sort(c->s, rows, items.count, false)) return none();
    for (size_t from = 0, to; from < items.count && !c->s->failed; from = to) {
        for (to = from + 1; to < items.count; to++)
            if (!template_value_equal(c->s, rows[from].key, rows[to].key)) break;
        template_value_push(c->s, &groups, group(c, rows + from, to - from));
    }
    return template_value_list(c->s, VALUE_LIST, groups.items, groups.count);
}

struct template_value template_sequence_batch(struct template_call *c) {
    struct template_list items;
    struct template_values rows = {0};
    int64_t width;
    if (!template_builtin_int(c, 0, 1, &width) || !self_items(c, &items)) return none();
    bool fill = c->arg[1].type != VALUE_MISSING && c->arg[1].type != VALUE_NONE;
    for (size_t i = 0; i < items.count && !c->s->failed;) {
        struct template_values row = {0};
        /* jinja2 begins another row when one has exactly `width` items: below 1, never */
        do template_value_push(c->s, &row, items.items[i++]);
        while (i < items.count && (width < 1 || row.count < (size_t)width) && !c->s->failed);
        while (fill && width > 0 && row.count < (size_t)width && template_state_spend(c->s, 1))
            template_value_push(c->s, &row, c->arg[1]);
        template_value_push(c->s, &rows,
                            template_value_list(c->s, VALUE_LIST, row.items, row.count));
    }
    return template_value_iterator(c->s, rows.items, rows.count);
}

struct template_value template_sequence_slice(struct template_call *c) {
    struct template_list items;
    struct template_values columns = {0};
    int64_t slices;
    if (!template_builtin_int(c, 0, 1, &slices) || !self_items(c, &items)) return none();
    if (slices == 0) return fail(c, "cannot make no slices");
    if (slices < 0) return template_value_iterator(c->s, NULL, 0);
    size_t each = items.count / (size_t)slices, longer = items.count % (size_t)slices, from = 0;
    bool fill = c->arg[1].type != VALUE_MISSING && c->arg[1].type != VALUE_NONE;
    for (size_t i = 0; i < (size_t)slices && template_state_spend(c->s, 1); i++) {
        struct template_values column = {0};
        size_t count = each + (i < longer);
        for (size_t k = 0; k < count; k++)
            template_value_push(c->s, &column, items.items[from + k]);
        if (fill && i >= longer) template_value_push(c->s, &column, c->arg[1]);
        template_value_push(c->s, &columns,
                            template_value_list(c->s, VALUE_LIST, column.items, column.count));
        from += count;
    }
    return template_value_iterator(c->s, columns.items, columns.count);
}

struct template_value template_sequence_sum(struct template_call *c) {
    struct template_list items;
    struct template_value sum = c->arg[1].type == VALUE_MISSING ? template_value_int(0) : c->arg[1];
    if (sum.type == VALUE_STRING) return fail(c, "does not add strings; use join");
    if (!self_items(c, &items)) return none();
    for (size_t i = 0; i < items.count && template_state_spend(c->s, 1); i++)
        sum = template_operator_binary(c->s, OPERATOR_ADD, sum,
                                       template_access_path(c->s, items.items[i], c->arg[0],
                                                            missing()));
    return sum;
}

/* ---- map and select -------------------------------------------------------------------- */

static struct template_entry *named(const struct template_call *c, const char *name) {
    return c->args->named ? template_dict_find_name(c->args->named, span_of(name)) : NULL;
}

static struct template_value map_attribute(struct template_call *c, struct template_value attribute,
                                           const struct template_list *items) {
    struct template_values out = {0};
    struct template_entry *otherwise = named(c, "default");
    if (c->args->named->count != (otherwise ? 2 : 1))
        return fail(c, "takes attribute and default only");
    for (size_t i = 0; i < items->count && template_state_spend(c->s, 1); i++) {
        struct template_value v = template_access_path(c->s, items->items[i], attribute,
                                                       otherwise ? otherwise->value : missing());
        template_value_push(c->s, &out, v);
    }
    return template_value_iterator(c->s, out.items, out.count);
}

struct template_value template_sequence_map(struct template_call *c) {
    struct template_list items;
    struct template_values out = {0};
    struct template_entry *attribute = named(c, "attribute");
    if (!template_value_truth(c->self)) return template_value_iterator(c->s, NULL, 0);
    if (!self_items(c, &items)) return none();
    if (!c->args->count && attribute) return map_attribute(c, attribute->value, &items);
    if (!c->args->count) return fail(c, "needs the name of a filter, or an attribute");
    struct span name = template_value_span(c->args->items[0]);
    const struct template_filter *filter = template_filter_find(name);
    if (!filter) return fail(c, "there is no filter of that name");
    struct template_args rest = {c->args->items + 1, c->args->count - 1, c->args->named};
    for (size_t i = 0; i < items.count && !c->s->failed && template_state_enter(c->s); i++) {
        template_value_push(c->s, &out, template_filter_run(c->s, filter, items.items[i], &rest));
        template_state_leave(c->s);
    }
    return template_value_iterator(c->s, out.items, out.count);
}

/* select, reject: tests the item; selectattr, rejectattr: its attribute, the first argument. */
static struct template_value choose(struct template_call *c, bool by_attribute, bool wanted) {
    struct template_list items;
    struct template_values out = {0};
    size_t used = by_attribute;
    if (!template_value_truth(c->self)) return template_value_iterator(c->s, NULL, 0);
    if (!self_items(c, &items)) return none();
    if (by_attribute && !c->args->count) return fail(c, "needs the name of an attribute");
    const struct template_check *check = NULL;
    struct template_args rest = {.named = c->args->named};
    if (c->args->count > used) {
        check = template_check_find(template_value_span(c->args->items[used]));
        if (!check) return fail(c, "there is no test of that name");
        rest.items = c->args->items + used + 1;
        rest.count = c->args->count - used - 1;
    }
    for (size_t i = 0; i < items.count && template_state_spend(c->s, 1); i++) {
        struct template_value v = items.items[i];
        if (by_attribute) v = template_access_path(c->s, v, c->args->items[0], missing());
        bool passes = check ? template_check_run(c->s, check, v, &rest) : template_value_truth(v);
        if (passes == wanted) template_value_push(c->s, &out, items.items[i]);
    }
    return template_value_iterator(c->s, out.items, out.count);
}

struct template_value template_sequence_select(struct template_call *c) {
    return choose(c, false, true);
}

struct template_value template_sequence_reject(struct template_call *c) {
    return choose(c, false, false);
}

struct template_value template_sequence_selectattr(struct template_call *c) {
    return choose(c, true, true);
}

struct template_value template_sequence_rejectattr(struct template_call *c) {
    return choose(c, true, false);
}
