/* template_filter.c - the table of filters, and those on texts, numbers and anything. */
#include "text/template_sequence.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "text/template_access.h"
#include "text/template_format.h"
#include "text/template_repr.h"
#include "text/template_string.h"
#include "text/template_unicode.h"

static struct template_value none(void) {
    return template_value_none();
}

/* What is filtered as a string, as jinja2's soft_str makes it. */
static struct template_string *self_string(struct template_call *c) {
    return template_repr_string(c->s, c->self);
}

static struct template_value fail(struct template_call *c, const char *message) {
    if (template_value_require(c->s, c->self))
        template_state_fail(c->s, ERR_ARGUMENT, "%s: %s", c->name, message);
    return none();
}

/* ---- texts ----------------------------------------------------------------------------- */

static struct template_value filter_trim(struct template_call *c) {
    struct template_string *string = self_string(c), *chars = NULL;
    if (c->arg[0].type != VALUE_NONE) chars = template_builtin_string(c, 0, NULL);
    if (c->s->failed) return none();
    return template_value_string(template_string_strip(c->s, string, chars, true, true));
}

static struct template_value convert(struct template_call *c, enum template_string_case to) {
    struct template_string *string = self_string(c);
    return string ? template_value_string(template_string_convert(c->s, string, to)) : none();
}

static struct template_value filter_upper(struct template_call *c) {
    return convert(c, STRING_UPPER);
}

static struct template_value filter_lower(struct template_call *c) {
    return convert(c, STRING_LOWER);
}

static struct template_value filter_title(struct template_call *c) {
    return convert(c, STRING_TITLE_WORDS);
}

static struct template_value filter_capitalize(struct template_call *c) {
    return convert(c, STRING_CAPITALIZE);
}

static struct template_value filter_string(struct template_call *c) {
    return template_value_string(self_string(c));
}

static struct template_value filter_replace(struct template_call *c) {
    struct template_string *string = self_string(c);
    struct template_string *old = template_repr_string(c->s, c->arg[0]);
    struct template_string *new_ = template_repr_string(c->s, c->arg[1]);
    int64_t count = -1;
    if (c->arg[2].type != VALUE_NONE) template_builtin_int(c, 2, -1, &count);
    if (c->s->failed) return none();
    return template_value_string(template_string_replace(c->s, string, old, new_, count));
}

static struct template_value filter_indent(struct template_call *c) {
    if (c->self.type != VALUE_STRING) return fail(c, "needs a string");
    struct template_string *newline = template_text_borrow(c->s, span_of("\n"), true), *indention;
    struct template_string *blank = template_text_borrow(c->s, span_of(" "), true);
    struct template_values lines = {0};
    int64_t width = 4;
    if (!newline || !blank) return none();
    if (c->arg[0].type == VALUE_STRING) indention = c->arg[0].string;
    else if (!template_builtin_int(c, 0, 4, &width)) return none();
    else
        indention = template_string_pad(c->s, template_text_slice(c->s, blank, 0, 0), width, blank,
                                        STRING_LEFT);
    struct template_text *out = template_text_new(c->s, c->self.string->len);
    struct template_string *text = template_text_concat(c->s, c->self.string, newline);
    if (!out || !text || !indention) return none();
    template_string_lines(c->s, text, false, &lines);
    if (template_builtin_bool(c, 1)) template_text_add_string(c->s, out, indention);
    for (size_t i = 0; i < lines.count && !c->s->failed; i++) {
        struct template_string *line = lines.items[i].string;
        if (i) template_text_add_string(c->s, out, newline);
        if (i && (line->len || template_builtin_bool(c, 2)))
            template_text_add_string(c->s, out, indention);
        template_text_add_string(c->s, out, line);
    }
    return template_value_string(template_text_string(c->s, out));
}

static struct template_value filter_center(struct template_call *c) {
    struct template_string *string = self_string(c);
    struct template_string *blank = template_text_borrow(c->s, span_of(" "), true);
    int64_t width;
    if (!string || !blank || !template_builtin_int(c, 0, 80, &width)) return none();
    return template_value_string(template_string_pad(c->s, string, width, blank, STRING_CENTER));
}

/* The part before the last space, or all of it. */
static struct template_string *before_last_space(struct template_state *s,
                                                 struct template_string *string) {
    size_t space = template_text_rfind(template_text_span(string), span_of(" "));
    return space == SIZE_MAX ? string : template_text_slice(s, string, 0, space);
}

static struct template_value filter_truncate(struct template_call *c) {
    struct template_string *end = template_builtin_string(c, 2, "...");
    int64_t length, leeway, chars = template_value_length(c->self);
    if (!end || !template_builtin_int(c, 0, 255, &length)) return none();
    if (c->arg[3].type == VALUE_NONE) c->arg[3].type = VALUE_MISSING;
    if (!template_builtin_int(c, 3, 5, &leeway)) return none();
    int64_t end_chars = (int64_t)template_text_chars(end);
    if (length < end_chars || leeway < 0)
        return fail(c, "the length must hold the end, and the leeway not be negative");
    if (chars >= 0 && (chars <= length || chars - length <= leeway)) return c->self;
    if (c->self.type != VALUE_STRING) return fail(c, "needs a string");
    size_t bytes = template_text_offset(c->self.string, (size_t)(length - end_chars));
    struct template_string *head = template_text_slice(c->s, c->self.string, 0, bytes);
    if (head && !template_builtin_bool(c, 1)) head = before_last_space(c->s, head);
    return head ? template_value_string(template_text_concat(c->s, head, end)) : none();
}

static struct template_value filter_wordcount(struct template_call *c) {
    struct template_string *string = self_string(c);
    int64_t words = 0;
    bool inside = false;
    if (!string || !template_state_spend_bytes(c->s, string->len)) return none();
    struct span text = template_text_span(string);
    for (size_t at = 0; at < text.len;) {
        uint32_t letter = template_text_decode(text, &at);
        bool word = letter == '_' || template_unicode_is_alnum(letter);
        words += word && !inside;
        inside = word;
    }
    return template_value_int(words);
}

static struct template_value filter_escape(struct template_call *c) {
    static const struct { char c; const char *entity; } entities[] = {
        {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'\'', "&#39;"}, {'"', "&#34;"}};
    struct template_string *string = self_string(c);
    struct template_text *out = template_text_new(c->s, string ? string->len : 0);
    if (!string || !out) return none();
    struct span text = template_text_span(string);
    size_t plain = 0;
    for (size_t i = 0; i < text.len && !c->s->failed; i++)
        for (size_t k = 0; k < sizeof entities / sizeof *entities; k++) {
            if (text.data[i] != entities[k].c) continue;
            template_text_add_slice(c->s, out, string, plain, i - plain);
            template_text_add(c->s, out, span_of(entities[k].entity), false);
            plain = i + 1;
        }
    template_text_add_slice(c->s, out, string, plain, text.len - plain);
    return template_value_string(template_text_string(c->s, out));
}

static struct template_value filter_format(struct template_call *c) {
    struct template_string *pattern = self_string(c);
    struct template_value values;
    if (!pattern) return none();
    if (c->args->named && c->args->named->count) {
        if (c->args->count) return fail(c, "arguments by position or by name, not both");
        values = (struct template_value){.type = VALUE_DICT, .dict = c->args->named};
    } else {
        values = template_value_list(c->s, VALUE_TUPLE, c->args->items, c->args->count);
    }
    return template_format_percent(c->s, pattern, values);
}

/* ---- URLs ------------------------------------------------------------------------------ */

static void add_quoted(struct template_state *s, struct template_text *out,
                       struct template_value v, bool query) {
    struct template_string *string = template_repr_string(s, v);
    struct span text = string ? template_text_span(string) : (struct span){"", 0};
    for (size_t i = 0; i < text.len && !s->failed; i++) {
        unsigned char c = (unsigned char)text.data[i];
        char quoted[4];
        bool safe = (c < 0x80 && template_unicode_is_alnum(c)) || (c && strchr("_.-~", c)) ||
                    (c == '/' && !query);
        if (safe) snprintf(quoted, sizeof quoted, "%c", c);
        else snprintf(quoted, sizeof quoted, c == ' ' && query ? "+" : "%%%02X", c);
        template_text_add(s, out, span_of(quoted), false);
    }
}

static struct template_value filter_urlencode(struct template_call *c) {
    struct template_text *out = template_text_new(c->s, 0);
    struct template_value pairs = c->self;
    struct template_list list, pair;
    if (!out) return none();
    if (c->self.type == VALUE_STRING || !template_value_is_iterable(c->self)) {
        add_quoted(c->s, out, c->self, false);
        return template_value_string(template_text_string(c->s, out));
    }
    if (c->self.type == VALUE_DICT) {
        struct template_view *view = template_state_alloc(c->s, sizeof *view);
        if (!view) return none();
        *view = (struct template_view){.dict = c->self.dict, .kind = VIEW_ITEMS};
        pairs = (struct template_value){.type = VALUE_VIEW, .view = view};
    }
    if (!template_value_items(c->s, pairs, &list)) return none();
    for (size_t i = 0; i < list.count && !c->s->failed; i++) {
        if (!template_value_items(c->s, list.items[i], &pair)) return none();
        if (pair.count != 2) return fail(c, "needs pairs");
        if (i) template_text_add(c->s, out, span_of("&"), false);
        add_quoted(c->s, out, pair.items[0], true);
        template_text_add(c->s, out, span_of("="), false);
        add_quoted(c->s, out, pair.items[1], true);
    }
    return template_value_string(template_text_string(c->s, out));
}

/* ---- numbers --------------------------------------------------------------------------- */

static struct template_value filter_abs(struct template_call *c) {
    int64_t i;
    if (template_value_is_integer(c->self, &i)) {
        if (i == INT64_MIN) return fail(c, "an integer of more than 64 bits");
        return template_value_int(i < 0 ? -i : i);
    }
    if (c->self.type == VALUE_FLOAT) return template_value_float(fabs(c->self.number));
    return fail(c, "needs a number");
}

/* int(d); false where Python has no answer (nan) or one past 64 bits. */
static bool float_to_int(double d, int64_t *out) {
    if (!(fabs(d) < 9223372036854775808.0)) return false; /* 2^63 */
    *out = (int64_t)d;
    return true;
}

static struct template_value filter_int(struct template_call *c) {
    struct template_value otherwise =
        c->arg[0].type == VALUE_MISSING ? template_value_int(0) : c->arg[0];
    int64_t i, base;
    double d;
    bool overflow = false;
    if (!template_value_require(c->s, c->self) || !template_builtin_int(c, 1, 10, &base))
        return none();
    if (template_value_is_integer(c->self, &i)) return template_value_int(i);
    if (c->self.type == VALUE_FLOAT) {
        if (isnan(c->self.number)) return otherwise;
        if (float_to_int(c->self.number, &i)) return template_value_int(i);
        return fail(c, "a number of more than 64 bits");
    }
    if (c->self.type != VALUE_STRING) return otherwise;
    struct span text = template_text_span(c->self.string);
    if (template_string_to_int(text, base > 36 || base < 0 ? 1 : (int)base, &i, &overflow)) {
        if (overflow) return fail(c, "an integer of more than 64 bits");
        return template_value_int(i);
    }
    if (!template_string_to_float(text, &d) || !isfinite(d)) return otherwise;
    if (float_to_int(d, &i)) return template_value_int(i);
    return fail(c, "a number of more than 64 bits");
}

static struct template_value filter_float(struct template_call *c) {
    double d;
    if (!template_value_require(c->s, c->self)) return none();
    if (template_value_is_number(c->self))
        return template_value_float(template_value_number(c->self));
    if (c->self.type == VALUE_STRING && template_string_to_float(template_value_span(c->self), &d))
        return template_value_float(d);
    return c->arg[0].type == VALUE_MISSING ? template_value_float(0) : c->arg[0];
}

/* Half to even, on the exact binary value: printf rounds so, which is what CPython does as well. */
static double round_float(double d, int64_t precision) {
    char text[400];
    if (!isfinite(d) || precision > 300) return d;
    if (precision >= 0) {
        snprintf(text, sizeof text, "%.*f", (int)precision, d);
        return strtod(text, NULL);
    }
    if (precision < -308) return copysign(0, d);
    double scale = pow(10, (double)-precision);
    return nearbyint(d / scale) * scale;
}

static struct template_value round_int(struct template_call *c, int64_t i, int64_t precision) {
    if (precision >= 0) return template_value_int(i);
    if (precision < -18) return template_value_int(0);
    int64_t scale = 1;
    for (int64_t k = precision; k < 0; k++) scale *= 10;
    int64_t rest = i % scale, low = i - rest;
    if (rest < 0) { /* round down first */
        rest += scale;
        if (__builtin_sub_overflow(low, scale, &low)) return fail(c, "out of 64 bits");
    }
    bool up = rest > scale / 2 || (rest == scale / 2 && (low / scale) % 2 != 0);
    if (up && __builtin_add_overflow(low, scale, &low)) return fail(c, "out of 64 bits");
    return template_value_int(low);
}

static struct template_value filter_round(struct template_call *c) {
    struct template_string *method = template_builtin_string(c, 1, "common");
    int64_t precision, i;
    if (!method || !template_builtin_int(c, 0, 0, &precision)) return none();
    struct span name = template_text_span(method);
    bool ceiling = span_equal_text(name, "ceil"), floor_ = span_equal_text(name, "floor");
    if (!ceiling && !floor_ && !span_equal_text(name, "common"))
        return fail(c, "the method must be common, ceil or floor");
    if (!template_value_is_number(c->self)) return fail(c, "needs a number");
    if (!ceiling && !floor_) {
        if (template_value_is_integer(c->self, &i)) return round_int(c, i, precision);
        return template_value_float(round_float(c->self.number, precision));
    }
    double scale = pow(10, (double)precision), d = template_value_number(c->self) * scale;
    if (!isfinite(d)) return fail(c, "not a finite number");
    return template_value_float((ceiling ? ceil(d) : floor(d)) / scale);
}

/* ---- anything -------------------------------------------------------------------------- */

static struct template_value filter_default(struct template_call *c) {
    bool replace = c->self.type == VALUE_UNDEFINED ||
                   (template_builtin_bool(c, 1) && !template_value_truth(c->self));
    if (!replace) return c->self;
    return c->arg[0].type == VALUE_MISSING ? template_value_text(c->s, "") : c->arg[0];
}

static struct template_value filter_attr(struct template_call *c) {
    struct template_string *name = template_builtin_string(c, 0, NULL);
    if (!name) return none();
    return template_access_member(c->s, c->self, template_text_span(name));
}

/* transformers' tojson: json.dumps with these keywords, nothing escaped for HTML. */
static bool json_layout(struct template_call *c, struct template_repr_json *out) {
    int64_t width;
    struct template_value indent = c->arg[1], separators = c->arg[2];
    out->ensure_ascii = template_builtin_bool(c, 0);
    out->sort_keys = template_builtin_bool(c, 3);
    out->indented = indent.type != VALUE_MISSING && indent.type != VALUE_NONE;
    if (indent.type == VALUE_STRING) {
        out->indent = template_value_span(indent);
    } else if (out->indented) {
        if (!template_builtin_int(c, 1, 0, &width)) return false;
        if (width > 1000) return template_state_fail(c->s, ERR_ARGUMENT, "tojson: indent too wide");
        struct template_string *nothing = template_text_borrow(c->s, span_of(""), true);
        struct template_string *blank = template_text_borrow(c->s, span_of(" "), true);
        if (!nothing || !blank) return false;
        struct template_string *pad = template_string_pad(c->s, nothing, width, blank, STRING_LEFT);
        if (!pad) return false;
        out->indent = template_text_span(pad);
    }
    out->item_separator = span_of(out->indented ? "," : ", ");
    out->key_separator = span_of(": ");
    if (separators.type == VALUE_MISSING || separators.type == VALUE_NONE) return true;
    struct template_list pair;
    if (!template_value_items(c->s, separators, &pair)) return false;
    if (pair.count != 2 || pair.items[0].type != VALUE_STRING || pair.items[1].type != VALUE_STRING)
        return template_state_fail(c->s, ERR_ARGUMENT, "tojson: separators are two strings");
    out->item_separator = template_value_span(pair.items[0]);
    out->key_separator = template_value_span(pair.items[1]);
    return true;
}

static struct template_value filter_tojson(struct template_call *c) {
    struct template_repr_json layout = {0};
    struct template_text *out = template_text_new(c->s, 0);
    if (!out || !json_layout(c, &layout)) return none();
    if (!template_repr_json(c->s, out, c->self, &layout)) return none();
    return template_value_string(template_text_string(c->s, out));
}

/* ---- the table ------------------------------------------------------------------------- */

static const struct template_filter filters[] = {
    {"abs", filter_abs, "", 0},
    {"attr", filter_attr, "name", 1},
    {"batch", template_sequence_batch, "linecount|fill_with", 1},
    {"capitalize", filter_capitalize, "", 0},
    {"center", filter_center, "width", 0},
    {"count", template_sequence_length, "", 0},
    {"d", filter_default, "default_value|boolean", 0},
    {"default", filter_default, "default_value|boolean", 0},
    {"dictsort", template_sequence_dictsort, "case_sensitive|by|reverse", 0},
    {"e", filter_escape, "", 0},
    {"escape", filter_escape, "", 0},
    {"first", template_sequence_first, "", 0},
    {"float", filter_float, "default", 0},
    {"forceescape", filter_escape, "", 0},
    {"format", filter_format, "*", 0},
    {"groupby", template_sequence_groupby, "attribute|default|case_sensitive", 1},
    {"indent", filter_indent, "width|first|blank", 0},
    {"int", filter_int, "default|base", 0},
    {"items", template_sequence_items, "", 0},
    {"join", template_sequence_join, "d|attribute", 0},
    {"last", template_sequence_last, "", 0},
    {"length", template_sequence_length, "", 0},
    {"list", template_sequence_list, "", 0},
    {"lower", filter_lower, "", 0},
    {"map", template_sequence_map, "*", 0},
    {"max", template_sequence_max, "case_sensitive|attribute", 0},
    {"min", template_sequence_min, "case_sensitive|attribute", 0},
    {"reject", template_sequence_reject, "*", 0},
    {"rejectattr", template_sequence_rejectattr, "*", 0},
    {"replace", filter_replace, "old|new|count", 2},
    {"reverse", template_sequence_reverse, "", 0},
    {"round", filter_round, "precision|method", 0},
    {"safe", filter_string, "", 0}, /* nothing is escaped, so nothing needs to be marked */
    {"select", template_sequence_select, "*", 0},
    {"selectattr", template_sequence_selectattr, "*", 0},
    {"slice", template_sequence_slice, "slices|fill_with", 1},
    {"sort", template_sequence_sort, "reverse|case_sensitive|attribute", 0},
    {"string", filter_string, "", 0},
    {"sum", template_sequence_sum, "attribute|start", 0},
    {"title", filter_title, "", 0},
    {"tojson", filter_tojson, "ensure_ascii|indent|separators|sort_keys", 0},
    {"trim", filter_trim, "chars", 0},
    {"truncate", filter_truncate, "length|killwords|end|leeway", 0},
    {"unique", template_sequence_unique, "case_sensitive|attribute", 0},
    {"upper", filter_upper, "", 0},
    {"urlencode", filter_urlencode, "", 0},
    {"wordcount", filter_wordcount, "", 0},
};

const struct template_filter *template_filter_find(struct span name) {
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        if (span_equal_text(name, filters[i].name)) return &filters[i];
    return NULL;
}

struct template_value template_filter_run(struct template_state *s, const struct template_filter *f,
                                          struct template_value self,
                                          const struct template_args *args) {
    struct template_call c = {.s = s, .self = self, .args = args, .name = f->name};
    if (!template_state_spend(s, 1) || !template_builtin_bind(&c, f->parameters, f->required))
        return none();
    return f->run(&c);
}
