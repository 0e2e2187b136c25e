/* template_method.c - the methods of strings, lists, dicts: Python's, save for those that change
 * the object (known here to be refused by name) and those that deal in bytes. */
#include <string.h>
#include "text/template_builtin.h"
#include "text/template_dict.h"
#include "text/template_format.h"
#include "text/template_string.h"
#include "text/template_unicode.h"

static struct template_value none(void) {
    return template_value_none();
}

static struct template_value fail(struct template_call *c, const char *message) {
    template_state_fail(c->s, ERR_ARGUMENT, "%s() %s", c->name, message);
    return none();
}

/* ---- str: parts ------------------------------------------------------------------------ */

static struct template_value strip(struct template_call *c, bool left, bool right) {
    struct template_string *chars = NULL;
    if (c->arg[0].type != VALUE_NONE) chars = template_builtin_string(c, 0, NULL);
    if (c->s->failed) return none();
    return template_value_string(
        template_string_strip(c->s, c->self.string, chars, left, right));
}

static struct template_value str_strip(struct template_call *c) {
    return strip(c, true, true);
}

static struct template_value str_lstrip(struct template_call *c) {
    return strip(c, true, false);
}

static struct template_value str_rstrip(struct template_call *c) {
    return strip(c, false, true);
}

static struct template_value split(struct template_call *c, bool from_right) {
    struct template_string *separator = NULL;
    struct template_values parts = {0};
    int64_t max;
    if (c->arg[0].type != VALUE_NONE) separator = template_builtin_string(c, 0, NULL);
    if (c->s->failed || !template_builtin_int(c, 1, -1, &max)) return none();
    template_string_split(c->s, c->self.string, separator, max < 0 ? -1 : max, from_right, &parts);
    return template_value_list(c->s, VALUE_LIST, parts.items, parts.count);
}

static struct template_value str_split(struct template_call *c) {
    return split(c, false);
}

static struct template_value str_rsplit(struct template_call *c) {
    return split(c, true);
}

static struct template_value str_splitlines(struct template_call *c) {
    struct template_values lines = {0};
    template_string_lines(c->s, c->self.string, template_builtin_bool(c, 0), &lines);
    return template_value_list(c->s, VALUE_LIST, lines.items, lines.count);
}

static struct template_value window(struct template_call *c, size_t at, size_t len) {
    return template_value_string(template_text_slice(c->s, c->self.string, at, len));
}

/* From the right the whole needle may be compared at every place; memmem, from the left, is linear.
 */
static bool spend_search(struct template_call *c, const struct template_string *needle,
                         bool from_right) {
    size_t work = from_right && needle ? needle->len + 1 : 1;
    return needle && template_state_spend_bytes(c->s, c->self.string->len * work);
}

static struct template_value partition(struct template_call *c, bool from_right) {
    struct template_string *separator = template_builtin_string(c, 0, NULL);
    if (!spend_search(c, separator, from_right)) return none();
    if (!separator->len) return fail(c, "got an empty separator");
    struct span text = template_value_span(c->self), what = template_text_span(separator);
    size_t found = from_right ? template_text_rfind(text, what) : template_text_find(text, what, 0);
    struct template_value *parts = template_state_array(c->s, 3, sizeof *parts);
    if (!parts) return none();
    if (found == SIZE_MAX) {
        parts[0] = parts[1] = parts[2] = window(c, 0, 0);
        parts[from_right ? 2 : 0] = c->self;
    } else {
        parts[0] = window(c, 0, found);
        parts[1] = window(c, found, what.len);
        parts[2] = window(c, found + what.len, text.len - found - what.len);
    }
    return template_value_list(c->s, VALUE_TUPLE, parts, 3);
}

static struct template_value str_partition(struct template_call *c) {
    return partition(c, false);
}

static struct template_value str_rpartition(struct template_call *c) {
    return partition(c, true);
}

static bool has_prefix(struct span text, struct span part) {
    return part.len <= text.len && memcmp(text.data, part.data, part.len) == 0;
}

static bool has_suffix(struct span text, struct span part) {
    return part.len <= text.len &&
           memcmp(text.data + text.len - part.len, part.data, part.len) == 0;
}

static struct template_value str_removeprefix(struct template_call *c) {
    struct template_string *part = template_builtin_string(c, 0, NULL);
    if (!part || !has_prefix(template_value_span(c->self), template_text_span(part)))
        return c->self;
    return window(c, part->len, c->self.string->len - part->len);
}

static struct template_value str_removesuffix(struct template_call *c) {
    struct template_string *part = template_builtin_string(c, 0, NULL);
    if (!part || !has_suffix(template_value_span(c->self), template_text_span(part)))
        return c->self;
    return window(c, 0, c->self.string->len - part->len);
}

/* ---- str: searching -------------------------------------------------------------------- */

static int64_t clamp_index(int64_t index, int64_t length) {
    if (index < 0) index += length;
    return index < 0 ? 0 : index > length ? length : index;
}

/* The part of the string between the arguments `first` and `first + 1`, in characters.  *valid is
 * false where the start lies past the end: nothing is found there, not even "". */
static struct span bounded(struct template_call *c, int first, size_t *offset, bool *valid) {
    struct span text = template_value_span(c->self);
    int64_t length = (int64_t)template_text_chars(c->self.string), start = 0, stop = INT64_MAX;
    if (c->arg[first].type != VALUE_NONE) template_builtin_int(c, first, 0, &start);
    if (c->arg[first + 1].type != VALUE_NONE) template_builtin_int(c, first + 1, INT64_MAX, &stop);
    *valid = start <= length;
    start = clamp_index(start, length);
    stop = clamp_index(stop, length);
    *valid = *valid && start <= stop;
    if (!*valid || c->s->failed) return (struct span){text.data, 0};
    *offset = template_text_offset(c->self.string, (size_t)start);
    size_t end = template_text_offset(c->self.string, (size_t)stop);
    return (struct span){text.data + *offset, end - *offset};
}

/* Position in characters, or -1. */
static int64_t search(struct template_call *c, bool from_right) {
    size_t offset = 0;
    bool valid;
    struct template_string *needle = template_builtin_string(c, 0, NULL);
    if (!spend_search(c, needle, from_right)) return -1;
    struct span text = bounded(c, 1, &offset, &valid), what = template_text_span(needle);
    if (!valid) return -1;
    size_t found = from_right ? template_text_rfind(text, what) : template_text_find(text, what, 0);
    if (found == SIZE_MAX) return -1;
    struct span before = {template_value_span(c->self).data, offset + found};
    return (int64_t)template_text_count(before);
}

static struct template_value str_find(struct template_call *c) {
    return template_value_int(search(c, false));
}

static struct template_value str_rfind(struct template_call *c) {
    return template_value_int(search(c, true));
}

static struct template_value str_index(struct template_call *c) {
    int64_t at = search(c, false);
    return at < 0 ? fail(c, "did not find it") : template_value_int(at);
}

static struct template_value str_rindex(struct template_call *c) {
    int64_t at = search(c, true);
    return at < 0 ? fail(c, "did not find it") : template_value_int(at);
}

static struct template_value str_count(struct template_call *c) {
    size_t offset = 0;
    bool valid;
    struct template_string *needle = template_builtin_string(c, 0, NULL);
    if (!spend_search(c, needle, false)) return none();
    struct span text = bounded(c, 1, &offset, &valid), what = template_text_span(needle);
    if (!valid) return template_value_int(0);
    if (!what.len) return template_value_int((int64_t)template_text_count(text) + 1);
    int64_t count = 0;
    for (size_t at = 0; (at = template_text_find(text, what, at)) != SIZE_MAX; at += what.len)
        count++;
    return template_value_int(count);
}

/* startswith and endswith take a string or a tuple of them. */
static struct template_value has_end(struct template_call *c,
                                     bool (*has)(struct span text, struct span part)) {
    size_t offset = 0;
    bool valid, found = false;
    struct span text = bounded(c, 1, &offset, &valid);
    struct template_list one = {.items = &c->arg[0], .count = 1}, *parts = &one;
    if (c->arg[0].type == VALUE_TUPLE) parts = c->arg[0].list;
    for (size_t i = 0; i < parts->count && !found; i++) {
        if (parts->items[i].type != VALUE_STRING) {
            if (template_value_require(c->s, parts->items[i])) fail(c, "wants strings");
            return none();
        }
        found = valid && has(text, template_value_span(parts->items[i]));
    }
    return template_value_bool(found);
}

static struct template_value str_startswith(struct template_call *c) {
    return has_end(c, has_prefix);
}

static struct template_value str_endswith(struct template_call *c) {
    return has_end(c, has_suffix);
}

/* ---- str: making others ---------------------------------------------------------------- */

static struct template_value convert(struct template_call *c, enum template_string_case to) {
    return template_value_string(template_string_convert(c->s, c->self.string, to));
}

static struct template_value str_upper(struct template_call *c) {
    return convert(c, STRING_UPPER);
}

static struct template_value str_lower(struct template_call *c) {
    return convert(c, STRING_LOWER);
}

static struct template_value str_title(struct template_call *c) {
    return convert(c, STRING_TITLE);
}

static struct template_value str_capitalize(struct template_call *c) {
    return convert(c, STRING_CAPITALIZE);
}

static struct template_value str_swapcase(struct template_call *c) {
    return convert(c, STRING_SWAP);
}

static struct template_value str_replace(struct template_call *c) {
    struct template_string *old = template_builtin_string(c, 0, NULL);
    struct template_string *new_ = template_builtin_string(c, 1, NULL);
    int64_t count;
    if (!old || !new_ || !template_builtin_int(c, 2, -1, &count)) return none();
    return template_value_string(
        template_string_replace(c->s, c->self.string, old, new_, count < 0 ? -1 : count));
}

static struct template_value str_join(struct template_call *c) {
    struct template_list items;
    if (!template_value_items(c->s, c->arg[0], &items)) return none();
    return template_value_string(template_string_join(c->s, c->self.string, &items, true));
}

static struct template_value str_format(struct template_call *c) {
    return template_format_braces(c->s, c->self.string, c->args);
}

static struct template_value str_format_map(struct template_call *c) {
    struct template_args args = {0};
    if (c->arg[0].type != VALUE_DICT) return fail(c, "wants a dict");
    args.named = c->arg[0].dict;
    return template_format_braces(c->s, c->self.string, &args);
}

/* A tab moves to the next multiple of its size, counted from the line's beginning. */
static struct template_value str_expandtabs(struct template_call *c) {
    struct span text = template_value_span(c->self);
    struct template_text *out = template_text_new(c->s, text.len);
    struct template_string *blank = template_text_borrow(c->s, span_of(" "), true);
    int64_t size, column = 0;
    if (!out || !blank || !template_builtin_int(c, 0, 8, &size)) return none();
    for (size_t at = 0; at < text.len && !c->s->failed;) {
        size_t from = at;
        uint32_t letter = template_text_decode(text, &at);
        if (letter == '\t') {
            for (int64_t i = size > 0 ? size - column % size : 0; i > 0 && !c->s->failed; i--) {
                template_text_add_string(c->s, out, blank);
                column++;
            }
            continue;
        }
        template_text_add_slice(c->s, out, c->self.string, from, at - from);
        column = letter == '\n' || letter == '\r' ? 0 : column + 1;
    }
    return template_value_string(template_text_string(c->s, out));
}

static struct template_value pad(struct template_call *c, enum template_string_side side) {
    struct template_string *fill = template_builtin_string(c, 1, " ");
    int64_t width;
    if (!fill || !template_builtin_int(c, 0, 0, &width)) return none();
    if (template_text_chars(fill) != 1) return fail(c, "fills with one character");
    return template_value_string(template_string_pad(c->s, c->self.string, width, fill, side));
}

static struct template_value str_ljust(struct template_call *c) {
    return pad(c, STRING_LEFT);
}

static struct template_value str_rjust(struct template_call *c) {
    return pad(c, STRING_RIGHT);
}

static struct template_value str_center(struct template_call *c) {
    return pad(c, STRING_CENTER);
}

static struct template_value str_zfill(struct template_call *c) {
    struct span text = template_value_span(c->self);
    struct template_string *zero = template_text_borrow(c->s, span_of("0"), true), *filled;
    size_t sign = text.len && (text.data[0] == '-' || text.data[0] == '+');
    int64_t width;
    if (!zero || !template_builtin_int(c, 0, 0, &width)) return none();
    struct template_value digits = window(c, sign, text.len - sign);
    if (c->s->failed || (sign && width <= INT64_MIN + 1)) return c->self;
    filled = template_string_pad(c->s, digits.string, width - (int64_t)sign, zero, STRING_RIGHT);
    if (!filled || !sign) return template_value_string(filled);
    return template_value_string(
        template_text_concat(c->s, template_text_slice(c->s, c->self.string, 0, 1), filled));
}

/* ---- str: classes ---------------------------------------------------------------------- */

static struct template_value all_are(struct template_call *c, bool (*is)(uint32_t)) {
    struct span text = template_value_span(c->self);
    if (!template_state_spend_bytes(c->s, text.len)) return none();
    for (size_t at = 0; at < text.len;)
        if (!is(template_text_decode(text, &at))) return template_value_bool(false);
    return template_value_bool(text.len > 0);
}

static struct template_value str_isalpha(struct template_call *c) {
    return all_are(c, template_unicode_is_alpha);
}

static struct template_value str_isalnum(struct template_call *c) {
    return all_are(c, template_unicode_is_alnum);
}

static struct template_value str_isdigit(struct template_call *c) {
    return all_are(c, template_unicode_is_digit);
}

static struct template_value str_isdecimal(struct template_call *c) {
    return all_are(c, template_unicode_is_decimal);
}

static struct template_value str_isnumeric(struct template_call *c) {
    return all_are(c, template_unicode_is_numeric);
}

static struct template_value str_isspace(struct template_call *c) {
    return all_are(c, template_unicode_is_space);
}

static struct template_value str_isprintable(struct template_call *c) {
    if (!c->self.string->len) return template_value_bool(true);
    return all_are(c, template_unicode_is_printable);
}

static bool is_ascii(uint32_t letter) {
    return letter < 0x80;
}

static struct template_value str_isascii(struct template_call *c) {
    if (!c->self.string->len) return template_value_bool(true);
    return all_are(c, is_ascii);
}

static struct template_value one_case(struct template_call *c, const char *name) {
    struct template_args args = {0};
    const struct template_check *check = template_check_find(span_of(name));
    return template_value_bool(template_check_run(c->s, check, c->self, &args));
}

static struct template_value str_islower(struct template_call *c) {
    return one_case(c, "lower");
}

static struct template_value str_isupper(struct template_call *c) {
    return one_case(c, "upper");
}

static struct template_value str_istitle(struct template_call *c) {
    struct span text = template_value_span(c->self);
    bool found = false, inside = false;
    if (!template_state_spend_bytes(c->s, text.len)) return none();
    for (size_t at = 0; at < text.len;) {
        uint32_t letter = template_text_decode(text, &at);
        bool upper = template_unicode_is_upper(letter), lower = template_unicode_is_lower(letter);
        if ((upper && inside) || (lower && !inside)) return template_value_bool(false);
        found = found || upper || lower;
        inside = upper || lower;
    }
    return template_value_bool(found);
}

static struct template_value str_isidentifier(struct template_call *c) {
    struct span text = template_value_span(c->self);
    if (!template_state_spend_bytes(c->s, text.len)) return none();
    for (size_t at = 0; at < text.len;) {
        bool first = at == 0;
        uint32_t letter = template_text_decode(text, &at);
        bool fits = letter == '_' || template_unicode_is_alpha(letter) ||
                    (!first && template_unicode_is_decimal(letter));
        if (!fits) return template_value_bool(false);
    }
    return template_value_bool(text.len > 0);
}

/* ---- list, tuple and range ------------------------------------------------------------- */

static struct template_value list_count(struct template_call *c) {
    struct template_list items;
    int64_t count = 0;
    if (!template_value_items(c->s, c->self, &items)) return none();
    for (size_t i = 0; i < items.count && template_state_spend(c->s, 1); i++)
        count += template_value_equal(c->s, items.items[i], c->arg[0]);
    return template_value_int(count);
}

static struct template_value list_index(struct template_call *c) {
    struct template_list items;
    int64_t start, stop;
    if (!template_builtin_int(c, 1, 0, &start) || !template_builtin_int(c, 2, INT64_MAX, &stop) ||
        !template_value_items(c->s, c->self, &items))
        return none();
    int64_t length = (int64_t)items.count;
    stop = clamp_index(stop, length);
    for (int64_t i = clamp_index(start, length); i < stop && template_state_spend(c->s, 1); i++)
        if (template_value_equal(c->s, items.items[i], c->arg[0])) return template_value_int(i);
    return fail(c, "did not find it");
}

static struct template_value list_copy(struct template_call *c) {
    return template_value_list(c->s, VALUE_LIST, c->self.list->items, c->self.list->count);
}

/* ---- dict ------------------------------------------------------------------------------ */

static struct template_value view(struct template_call *c, int kind) {
    struct template_view *v = template_state_alloc(c->s, sizeof *v);
    if (!v) return none();
    v->dict = c->self.dict;
    v->kind = kind;
    return (struct template_value){.type = VALUE_VIEW, .view = v};
}

static struct template_value dict_keys(struct template_call *c) {
    return view(c, VIEW_KEYS);
}

static struct template_value dict_values(struct template_call *c) {
    return view(c, VIEW_VALUES);
}

static struct template_value dict_items(struct template_call *c) {
    return view(c, VIEW_ITEMS);
}

static struct template_value dict_get(struct template_call *c) {
    struct template_entry *e = template_dict_find(c->s, c->self.dict, c->arg[0], NULL);
    if (e) return e->value;
    return c->arg[1].type == VALUE_MISSING ? none() : c->arg[1];
}

static struct template_value dict_copy(struct template_call *c) {
    struct template_dict *d = template_dict_new(c->s, c->self.dict->count);
    if (!d || !template_dict_merge(c->s, d, c->self.dict)) return none();
    return template_dict_value(d);
}

/* ---- the table ------------------------------------------------------------------------- */

static const struct template_method methods[] = {
    {VALUE_STRING, "capitalize", str_capitalize, "", 0},
    {VALUE_STRING, "center", str_center, "/width|fillchar", 1},
    {VALUE_STRING, "count", str_count, "/sub|start|end", 1},
    {VALUE_STRING, "endswith", str_endswith, "/suffix|start|end", 1},
    {VALUE_STRING, "expandtabs", str_expandtabs, "tabsize", 0},
    {VALUE_STRING, "find", str_find, "/sub|start|end", 1},
    {VALUE_STRING, "format", str_format, "*", 0},
    {VALUE_STRING, "format_map", str_format_map, "/mapping", 1},
    {VALUE_STRING, "index", str_index, "/sub|start|end", 1},
    {VALUE_STRING, "isalnum", str_isalnum, "", 0},
    {VALUE_STRING, "isalpha", str_isalpha, "", 0},
    {VALUE_STRING, "isascii", str_isascii, "", 0},
    {VALUE_STRING, "isdecimal", str_isdecimal, "", 0},
    {VALUE_STRING, "isdigit", str_isdigit, "", 0},
    {VALUE_STRING, "isidentifier", str_isidentifier, "", 0},
    {VALUE_STRING, "islower", str_islower, "", 0},
    {VALUE_STRING, "isnumeric", str_isnumeric, "", 0},
    {VALUE_STRING, "isprintable", str_isprintable, "", 0},
    {VALUE_STRING, "isspace", str_isspace, "", 0},
    {VALUE_STRING, "istitle", str_istitle, "", 0},
    {VALUE_STRING, "isupper", str_isupper, "", 0},
    {VALUE_STRING, "join", str_join, "/iterable", 1},
    {VALUE_STRING, "ljust", str_ljust, "/width|fillchar", 1},
    {VALUE_STRING, "lower", str_lower, "", 0},
    {VALUE_STRING, "lstrip", str_lstrip, "/chars", 0},
    {VALUE_STRING, "partition", str_partition, "/sep", 1},
    {VALUE_STRING, "removeprefix", str_removeprefix, "/prefix", 1},
    {VALUE_STRING, "removesuffix", str_removesuffix, "/suffix", 1},
    {VALUE_STRING, "replace", str_replace, "/old|new|count", 2},
    {VALUE_STRING, "rfind", str_rfind, "/sub|start|end", 1},
    {VALUE_STRING, "rindex", str_rindex, "/sub|start|end", 1},
    {VALUE_STRING, "rjust", str_rjust, "/width|fillchar", 1},
    {VALUE_STRING, "rpartition", str_rpartition, "/sep", 1},
    {VALUE_STRING, "rsplit", str_rsplit, "sep|maxsplit", 0},
    {VALUE_STRING, "rstrip", str_rstrip, "/chars", 0},
    {VALUE_STRING, "split", str_split, "sep|maxsplit", 0},
    {VALUE_STRING, "splitlines", str_splitlines, "keepends", 0},
    {VALUE_STRING, "startswith", str_startswith, "/prefix|start|end", 1},
    {VALUE_STRING, "strip", str_strip, "/chars", 0},
    {VALUE_STRING, "swapcase", str_swapcase, "", 0},
    {VALUE_STRING, "title", str_title, "", 0},
    {VALUE_STRING, "upper", str_upper, "", 0},
    {VALUE_STRING, "zfill", str_zfill, "/width", 1},
    {VALUE_LIST, "append", NULL, "", 0},
    {VALUE_LIST, "clear", NULL, "", 0},
    {VALUE_LIST, "copy", list_copy, "", 0},
    {VALUE_LIST, "count", list_count, "/value", 1},
    {VALUE_LIST, "extend", NULL, "", 0},
    {VALUE_LIST, "index", list_index, "/value|start|stop", 1},
    {VALUE_LIST, "insert", NULL, "", 0},
    {VALUE_LIST, "pop", NULL, "", 0},
    {VALUE_LIST, "remove", NULL, "", 0},
    {VALUE_LIST, "reverse", NULL, "", 0},
    {VALUE_LIST, "sort", NULL, "", 0},
    {VALUE_TUPLE, "count", list_count, "/value", 1},
    {VALUE_TUPLE, "index", list_index, "/value|start|stop", 1},
    {VALUE_RANGE, "count", list_count, "/value", 1},
    {VALUE_RANGE, "index", list_index, "/value", 1},
    {VALUE_DICT, "clear", NULL, "", 0},
    {VALUE_DICT, "copy", dict_copy, "", 0},
    {VALUE_DICT, "get", dict_get, "/key|default", 1},
    {VALUE_DICT, "items", dict_items, "", 0},
    {VALUE_DICT, "keys", dict_keys, "", 0},
    {VALUE_DICT, "pop", NULL, "", 0},
    {VALUE_DICT, "popitem", NULL, "", 0},
    {VALUE_DICT, "setdefault", NULL, "", 0},
    {VALUE_DICT, "update", NULL, "", 0},
    {VALUE_DICT, "values", dict_values, "", 0},
};

const struct template_method *template_method_find(struct template_value object,
                                                   struct span name) {
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (methods[i].type == object.type && span_equal_text(name, methods[i].name))
            return &methods[i];
    return NULL;
}
