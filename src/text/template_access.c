/* template_access.c - see the header. */
#include "text/template_access.h"
#include <string.h>
#include "text/template_call.h"
#include "text/template_dict.h"
#include "text/template_exec.h"

static struct template_value missing(void) {
    return (struct template_value){.type = VALUE_MISSING};
}

static struct template_value cycler_member(struct template_state *s, struct template_value object,
                                           struct span name) {
    struct template_iterator *cycler = object.iterator;
    if (span_equal_text(name, "current")) return cycler->items.items[cycler->next];
    if (span_equal_text(name, "next"))
        return template_call_function(
            s, (struct template_function){.kind = FUNCTION_CYCLER_NEXT, .self = object});
    if (span_equal_text(name, "reset"))
        return template_call_function(
            s, (struct template_function){.kind = FUNCTION_CYCLER_RESET, .self = object});
    return missing();
}

/* What Python's getattr finds, or VALUE_MISSING. */
static struct template_value member(struct template_state *s, struct template_value object,
                                    struct span name) {
    const struct template_method *method;
    struct template_entry *e;
    switch (object.type) {
    case VALUE_NAMESPACE:
        e = template_dict_find_name(object.dict, name);
        return e ? e->value : missing();
    case VALUE_LOOP: return template_exec_loop_member(s, object.loop, name);
    case VALUE_CYCLER: return cycler_member(s, object, name);
    case VALUE_TUPLE:
        if (object.list->group && span_equal_text(name, "grouper")) return object.list->items[0];
        if (object.list->group && span_equal_text(name, "list")) return object.list->items[1];
        break;
    case VALUE_FUNCTION:
        if (object.function->kind == FUNCTION_MACRO && span_equal_text(name, "name"))
            return template_value_string(
                template_text_borrow(s, object.function->macro->signature->name, true));
        break;
    default: break;
    }
    method = template_method_find(object, name);
    if (!method) return missing();
    if (!method->run) return template_value_undefined_name(s, name, object.type, true);
    return template_call_function(
        s, (struct template_function){.kind = FUNCTION_METHOD, .self = object, .method = method});
}

struct template_value template_access_attribute(struct template_state *s,
                                                struct template_value object, struct span name) {
    if (!template_value_require(s, object)) return template_value_none();
    struct template_value v = member(s, object, name);
    if (v.type != VALUE_MISSING) return v;
    if (object.type == VALUE_DICT) {
        struct template_entry *e = template_dict_find_name(object.dict, name);
        if (e) return e->value;
    }
    return template_value_undefined_name(s, name, object.type, false);
}

struct template_value template_access_member(struct template_state *s, struct template_value object,
                                             struct span name) {
    if (!template_value_require(s, object)) return template_value_none();
    struct template_value v = member(s, object, name);
    if (v.type != VALUE_MISSING) return v;
    return template_value_undefined_name(s, name, object.type, false);
}

/* The offset of item `index` (negative: from the end) among count; false if outside. */
static bool normalise_index(int64_t index, int64_t count, size_t *out) {
    if (index < 0) index += count;
    *out = (size_t)index;
    return index >= 0 && index < count;
}

static struct template_value character(struct template_state *s, struct template_string *string,
                                       size_t index) {
    if (!template_text_is_ascii(string)) template_state_spend_bytes(s, string->len);
    return template_value_char(s, string, template_text_offset(string, index));
}

/* What Python's object[key] finds, or VALUE_MISSING. */
static struct template_value item(struct template_state *s, struct template_value object,
                                  struct template_value key) {
    int64_t index;
    size_t at;
    bool hashable;
    if (object.type == VALUE_DICT) {
        struct template_entry *e = template_dict_find(s, object.dict, key, &hashable);
        return e ? e->value : missing();
    }
    if (!template_value_is_integer(key, &index)) return missing();
    if (!normalise_index(index, template_value_length(object), &at)) return missing();
    switch (object.type) {
    case VALUE_LIST:
    case VALUE_TUPLE: return object.list->items[at];
    case VALUE_STRING: return character(s, object.string, at);
    case VALUE_RANGE: return template_value_range_item(object.range, at);
    default: return missing();
    }
}

struct template_value template_access_item(struct template_state *s, struct template_value object,
                                           struct template_value key) {
    if (!template_value_require(s, object)) return template_value_none();
    struct template_value v = item(s, object, key);
    if (v.type != VALUE_MISSING) return v;
    if (key.type != VALUE_STRING) {
        struct span name = span_of("element");
        return template_value_undefined_name(s, name, object.type, false);
    }
    v = member(s, object, template_value_span(key));
    if (v.type != VALUE_MISSING) return v;
    return template_value_undefined_name(s, template_value_span(key), object.type, false);
}

/* ---- slices ---------------------------------------------------------------------------- */

struct slice {
    int64_t start, step;
    size_t count;
};

static bool slice_bound(struct template_state *s, struct template_value v, int64_t otherwise,
                        int64_t *out) {
    *out = otherwise;
    if (v.type == VALUE_MISSING || v.type == VALUE_NONE) return true;
    if (template_value_is_integer(v, out)) return true;
    return template_state_fail(s, ERR_ARGUMENT, "a slice needs integers, not a %s",
                               template_value_type_name(v));
}

static int64_t clamp(int64_t index, int64_t length, int64_t low, int64_t high) {
    if (index < 0) index += length;
    return index < low ? low : index > high ? high : index;
}

/* As CPython's PySlice_AdjustIndices. */
static bool slice_of(struct template_state *s, const struct template_value bounds[3],
                     int64_t length, struct slice *out) {
    int64_t stop;
    if (!slice_bound(s, bounds[2], 1, &out->step)) return false;
    if (out->step == 0) return template_state_fail(s, ERR_ARGUMENT, "a slice with step zero");
    bool up = out->step > 0;
    int64_t low = up ? 0 : -1, high = up ? length : length - 1;
    if (!slice_bound(s, bounds[0], INT64_MAX, &out->start) ||
        !slice_bound(s, bounds[1], INT64_MAX, &stop))
        return false;
    bool no_start = bounds[0].type == VALUE_MISSING || bounds[0].type == VALUE_NONE;
    bool no_stop = bounds[1].type == VALUE_MISSING || bounds[1].type == VALUE_NONE;
    out->start = no_start ? (up ? 0 : length - 1) : clamp(out->start, length, low, high);
    stop = no_stop ? (up ? length : -1) : clamp(stop, length, low, high);
    /* Lengths are far below 2^62, so a longer step takes one item as well as the longest. */
    if (out->step > INT64_MAX / 4) out->step = INT64_MAX / 4;
    if (out->step < -(INT64_MAX / 4)) out->step = -(INT64_MAX / 4);
    int64_t distance = up ? stop - out->start : out->start - stop;
    int64_t step = up ? out->step : -out->step;
    out->count = distance <= 0 ? 0 : (size_t)((distance - 1) / step + 1);
    return true;
}

static struct template_value slice_string(struct template_state *s,
                                          struct template_string *string, struct slice part) {
    if (!template_state_spend_bytes(s, string->len)) return template_value_none();
    if (part.step == 1) {
        size_t from = template_text_offset(string, (size_t)part.start);
        size_t to = template_text_offset(string, (size_t)part.start + part.count);
        return template_value_string(template_text_slice(s, string, from, to - from));
    }
    struct template_list chars;
    struct template_text *out = template_text_new(s, part.count);
    struct template_value whole = template_value_string(string);
    if (!out || !template_value_items(s, whole, &chars)) return template_value_none();
    for (size_t i = 0; i < part.count && !s->failed; i++) {
        size_t at = (size_t)(part.start + (int64_t)i * part.step);
        template_text_add_string(s, out, chars.items[at].string);
    }
    return template_value_string(template_text_string(s, out));
}

struct template_value template_access_slice(struct template_state *s, struct template_value object,
                                            const struct template_value bounds[3]) {
    struct slice part;
    if (!template_value_require(s, object)) return template_value_none();
    bool sliceable = object.type == VALUE_STRING || object.type == VALUE_LIST ||
                     object.type == VALUE_TUPLE || object.type == VALUE_RANGE;
    if (!sliceable) {
        template_state_fail(s, ERR_ARGUMENT, "a %s cannot be sliced",
                            template_value_type_name(object));
        return template_value_none();
    }
    if (!slice_of(s, bounds, template_value_length(object), &part)) return template_value_none();
    if (object.type == VALUE_STRING) return slice_string(s, object.string, part);
    if (!template_state_spend(s, part.count)) return template_value_none();
    if (object.type == VALUE_RANGE) {
        struct template_range *range = template_state_alloc(s, sizeof *range);
        if (!range) return template_value_none();
        *range = *object.range;
        range->count = part.count;
        if (part.count) range->start += part.start * object.range->step;
        /* With one item the step means nothing, and might not fit. */
        range->step = part.count > 1 ? range->step * part.step : 1;
        range->stop = (int64_t)((uint64_t)range->start + (uint64_t)range->step * part.count);
        return (struct template_value){.type = VALUE_RANGE, .range = range};
    }
    struct template_value *items = template_state_array(s, part.count, sizeof *items);
    for (size_t i = 0; items && i < part.count; i++)
        items[i] = object.list->items[part.start + (int64_t)i * part.step];
    return template_value_list(s, object.type, items, part.count);
}

/* ---- paths ----------------------------------------------------------------------------- */

static bool all_digits(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    return text.len > 0 && text.len < 10;
}

/* One step of a path. */
static struct template_value step(struct template_state *s, struct template_value object,
                                  struct template_value key, struct template_value otherwise) {
    object = template_access_item(s, object, key);
    bool replace = object.type == VALUE_UNDEFINED && otherwise.type != VALUE_MISSING &&
                   otherwise.type != VALUE_NONE;
    return replace ? otherwise : object;
}

struct template_value template_access_path(struct template_state *s, struct template_value object,
                                           struct template_value path,
                                           struct template_value otherwise) {
    if (path.type == VALUE_MISSING || path.type == VALUE_NONE) return object;
    if (path.type != VALUE_STRING) return step(s, object, path, otherwise);
    struct span rest = template_value_span(path);
    for (bool more = true; more && !s->failed;) {
        const char *dot = rest.len ? memchr(rest.data, '.', rest.len) : NULL;
        struct span part = {rest.data, dot ? (size_t)(dot - rest.data) : rest.len};
        struct template_value key;
        if (all_digits(part)) {
            int64_t index = 0;
            for (size_t i = 0; i < part.len; i++) index = index * 10 + (part.data[i] - '0');
            key = template_value_int(index);
        } else {
            key = template_value_string(template_text_borrow(s, part, true));
        }
        object = step(s, object, key, otherwise);
        more = dot != NULL;
        if (more) rest = (struct span){dot + 1, rest.len - part.len - 1};
    }
    return object;
}
