/* template_repr.c - str, repr and JSON of values; see the header. */
#include "text/template_repr.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "text/template_dict.h"
#include "text/template_sort.h"
#include "text/template_unicode.h"

static bool add(struct template_state *s, struct template_text *out, const char *text) {
    return template_text_add(s, out, span_of(text), false);
}

static bool add_int(struct template_state *s, struct template_text *out, int64_t i) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, i);
    return add(s, out, digits);
}

/* ---- floats ---------------------------------------------------------------------------- */

/* digits without a point, and the power of ten of the first one: 12.5 is "125", 1 */
static int shortest_digits(double d, char digits[20]) {
    char text[40];
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, d);
        if (strtod(text, NULL) == d) break;
    }
    int len = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') digits[len++] = *p;
    while (len > 1 && digits[len - 1] == '0') len--;
    digits[len] = '\0';
    return atoi(p + 1);
}

size_t template_repr_float(double d, char out[TEMPLATE_REPR_FLOAT_BYTES]) {
    if (isnan(d)) return (size_t)sprintf(out, "nan");
    if (isinf(d)) return (size_t)sprintf(out, d < 0 ? "-inf" : "inf");
    char digits[20];
    int exponent = shortest_digits(fabs(d), digits), len = (int)strlen(digits);
    char *p = out;
    if (signbit(d)) *p++ = '-';
    if (exponent < -4 || exponent >= 16) { /* Python's bounds for repr */
        *p++ = digits[0];
        if (len > 1) p += sprintf(p, ".%s", digits + 1);
        p += sprintf(p, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        p += sprintf(p, "0.%.*s%s", -exponent - 1, "000", digits);
    } else {
        for (int i = 0; i <= exponent; i++) *p++ = i < len ? digits[i] : '0';
        p += sprintf(p, ".%s", len > exponent + 1 ? digits + exponent + 1 : "0");
    }
    *p = '\0';
    return (size_t)(p - out);
}

/* ---- str and repr ---------------------------------------------------------------------- */

static bool add_escape(struct template_state *s, struct template_text *out, uint32_t c) {
    char text[16];
    switch (c) {
    case '\n': return add(s, out, "\\n");
    case '\r': return add(s, out, "\\r");
    case '\t': return add(s, out, "\\t");
    default:
        snprintf(text, sizeof text, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    }
    return add(s, out, text);
}

static bool repr_string(struct template_state *s, struct template_text *out, struct span text) {
    bool single = memchr(text.data, '\'', text.len) && !memchr(text.data, '"', text.len);
    const char *quote = single ? "\"" : "'";
    add(s, out, quote);
    size_t plain = 0; /* where the stretch begins that needs no escape */
    for (size_t at = 0; at < text.len && !s->failed;) {
        size_t start = at;
        uint32_t c = template_text_decode(text, &at);
        bool quoted = c == '\\' || c == (unsigned char)*quote;
        if (!quoted && template_unicode_is_printable(c)) continue;
        template_text_add(s, out, (struct span){text.data + plain, start - plain}, false);
        if (quoted) {
            add(s, out, "\\");
            plain = start;
        } else {
            add_escape(s, out, c);
            plain = at;
        }
    }
    template_text_add(s, out, (struct span){text.data + plain, text.len - plain}, false);
    return add(s, out, quote);
}

static bool repr_items(struct template_state *s, struct template_text *out,
                       const struct template_list *list) {
    for (size_t i = 0; i < list->count && !s->failed; i++) {
        if (i) add(s, out, ", ");
        template_repr_repr(s, out, list->items[i]);
    }
    return !s->failed;
}

static bool repr_dict(struct template_state *s, struct template_text *out,
                      const struct template_dict *d) {
    add(s, out, "{");
    for (size_t i = 0; i < d->count && !s->failed; i++) {
        if (i) add(s, out, ", ");
        template_repr_repr(s, out, d->entries[i].key);
        add(s, out, ": ");
        template_repr_repr(s, out, d->entries[i].value);
    }
    return add(s, out, "}");
}

static bool repr_range(struct template_state *s, struct template_text *out,
                       const struct template_range *range) {
    add(s, out, "range(");
    add_int(s, out, range->start);
    add(s, out, ", ");
    add_int(s, out, range->stop);
    if (range->step != 1) {
        add(s, out, ", ");
        add_int(s, out, range->step);
    }
    return add(s, out, ")");
}

static bool repr_view(struct template_state *s, struct template_text *out,
                      struct template_value v) {
    static const char *const names[] = {"dict_keys([", "dict_values([", "dict_items(["};
    struct template_list items;
    if (!template_value_items(s, v, &items)) return false;
    add(s, out, names[v.view->kind]);
    repr_items(s, out, &items);
    return add(s, out, "])");
}

static bool repr_container(struct template_state *s, struct template_text *out,
                           struct template_value v) {
    switch (v.type) {
    case VALUE_LIST:
        add(s, out, "[");
        repr_items(s, out, v.list);
        return add(s, out, "]");
    case VALUE_TUPLE:
        add(s, out, "(");
        repr_items(s, out, v.list);
        return add(s, out, v.list->count == 1 ? ",)" : ")");
    case VALUE_DICT: return repr_dict(s, out, v.dict);
    case VALUE_NAMESPACE:
        add(s, out, "<Namespace ");
        repr_dict(s, out, v.dict);
        return add(s, out, ">");
    case VALUE_VIEW: return repr_view(s, out, v);
    default: break;
    }
    add(s, out, "<");
    add(s, out, template_value_type_name(v));
    return add(s, out, ">");
}

bool template_repr_repr(struct template_state *s, struct template_text *out,
                        struct template_value v) {
    if (!template_state_spend(s, 1)) return false;
    switch (v.type) {
    case VALUE_NONE:
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_FLOAT: return template_repr_str(s, out, v);
    case VALUE_UNDEFINED: return add(s, out, "Undefined");
    case VALUE_STRING: return repr_string(s, out, template_text_span(v.string));
    case VALUE_RANGE: return repr_range(s, out, v.range);
    default: break;
    }
    if (!template_state_enter(s)) return false;
    repr_container(s, out, v);
    template_state_leave(s);
    return !s->failed;
}

bool template_repr_str(struct template_state *s, struct template_text *out,
                       struct template_value v) {
    char number[TEMPLATE_REPR_FLOAT_BYTES];
    switch (v.type) {
    case VALUE_UNDEFINED: return !s->failed;
    case VALUE_NONE: return add(s, out, "None");
    case VALUE_BOOL: return add(s, out, v.boolean ? "True" : "False");
    case VALUE_INT: return add_int(s, out, v.integer);
    case VALUE_FLOAT: template_repr_float(v.number, number); return add(s, out, number);
    case VALUE_STRING: return template_text_add_string(s, out, v.string);
    default: return template_repr_repr(s, out, v);
    }
}

struct template_string *template_repr_string(struct template_state *s, struct template_value v) {
    if (v.type == VALUE_STRING) return v.string;
    struct template_text *out = template_text_new(s, 0);
    if (!out || !template_repr_str(s, out, v)) return NULL;
    return template_text_string(s, out);
}

/* ---- JSON ------------------------------------------------------------------------------ */

struct json_writer {
    struct template_state *s;
    struct template_text *out;
    const struct template_repr_json *options;
    int level;
};

static bool json_escape(struct json_writer *w, uint32_t c) {
    static const char *const names[] = {['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n",
                                        ['\f'] = "\\f", ['\r'] = "\\r"};
    char text[16];
    if (c == '"') return add(w->s, w->out, "\\\"");
    if (c == '\\') return add(w->s, w->out, "\\\\");
    if (c < sizeof names / sizeof *names && names[c]) return add(w->s, w->out, names[c]);
    if (c >= 0x10000) { /* as a surrogate pair */
        c -= 0x10000;
        snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xD800 + (c >> 10), 0xDC00 + (c & 0x3FF));
    } else {
        snprintf(text, sizeof text, "\\u%04x", c);
    }
    return add(w->s, w->out, text);
}

static bool quoted(struct json_writer *w, struct span text) {
    add(w->s, w->out, "\"");
    size_t plain = 0;
    for (size_t at = 0; at < text.len && !w->s->failed;) {
        size_t start = at;
        unsigned char byte = (unsigned char)text.data[at];
        bool ascii = w->options->ensure_ascii;
        if (byte >= ' ' && byte != '"' && byte != '\\' && !(ascii && byte >= 0x7F)) {
            at++;
            continue;
        }
        uint32_t c = template_text_decode(text, &at);
        if (c == 0x7F) continue; /* DEL is ASCII and not escaped */
        template_text_add(w->s, w->out, (struct span){text.data + plain, start - plain}, false);
        json_escape(w, c);
        plain = at;
    }
    template_text_add(w->s, w->out, (struct span){text.data + plain, text.len - plain}, false);
    return add(w->s, w->out, "\"");
}

static void json_break(struct json_writer *w) {
    if (!w->options->indented) return;
    add(w->s, w->out, "\n");
    for (int i = 0; i < w->level && !w->s->failed; i++)
        template_text_add(w->s, w->out, w->options->indent, false);
}

static bool json_value(struct json_writer *w, struct template_value v);

static bool json_list(struct json_writer *w, const struct template_list *list) {
    if (!list->count) return add(w->s, w->out, "[]");
    add(w->s, w->out, "[");
    w->level++;
    for (size_t i = 0; i < list->count && !w->s->failed; i++) {
        if (i) template_text_add(w->s, w->out, w->options->item_separator, false);
        json_break(w);
        json_value(w, list->items[i]);
    }
    w->level--;
    json_break(w);
    return add(w->s, w->out, "]");
}

static bool json_number(struct json_writer *w, double d) {
    char text[TEMPLATE_REPR_FLOAT_BYTES];
    if (isnan(d)) return add(w->s, w->out, "NaN");
    if (isinf(d)) return add(w->s, w->out, d < 0 ? "-Infinity" : "Infinity");
    template_repr_float(d, text);
    return add(w->s, w->out, text);
}

static bool json_scalar(struct json_writer *w, struct template_value v) {
    switch (v.type) {
    case VALUE_NONE: return add(w->s, w->out, "null");
    case VALUE_BOOL: return add(w->s, w->out, v.boolean ? "true" : "false");
    case VALUE_INT: return add_int(w->s, w->out, v.integer);
    case VALUE_FLOAT: return json_number(w, v.number);
    default: return false;
    }
}

static bool json_key(struct json_writer *w, struct template_value key) {
    if (key.type == VALUE_STRING) return quoted(w, template_text_span(key.string));
    add(w->s, w->out, "\"");
    if (!json_scalar(w, key))
        return template_state_fail(w->s, ERR_ARGUMENT, "a %s cannot be a key in JSON",
                                   template_value_type_name(key));
    return add(w->s, w->out, "\"");
}

static bool json_dict(struct json_writer *w, const struct template_dict *d) {
    if (!d->count) return add(w->s, w->out, "{}");
    struct template_sort_row *rows = template_state_array(w->s, d->count, sizeof *rows);
    if (!rows) return false;
    for (size_t i = 0; i < d->count; i++)
        rows[i] = (struct template_sort_row){d->entries[i].key, d->entries[i].value};
    if (w->options->sort_keys && !template_sort(w->s, rows, d->count, false)) return false;
    add(w->s, w->out, "{");
    w->level++;
    for (size_t i = 0; i < d->count && !w->s->failed; i++) {
        if (i) template_text_add(w->s, w->out, w->options->item_separator, false);
        json_break(w);
        json_key(w, rows[i].key);
        template_text_add(w->s, w->out, w->options->key_separator, false);
        json_value(w, rows[i].item);
    }
    w->level--;
    json_break(w);
    return add(w->s, w->out, "}");
}

static bool json_value(struct json_writer *w, struct template_value v) {
    if (!template_state_spend(w->s, 1)) return false;
    if (v.type == VALUE_STRING) return quoted(w, template_text_span(v.string));
    if (json_scalar(w, v)) return true;
    if (w->s->failed) return false;
    if (v.type != VALUE_LIST && v.type != VALUE_TUPLE && v.type != VALUE_DICT) {
        template_value_require(w->s, v);
        return template_state_fail(w->s, ERR_ARGUMENT, "a %s cannot be written as JSON",
                                   template_value_type_name(v));
    }
    if (!template_state_enter(w->s)) return false;
    if (v.type == VALUE_DICT) json_dict(w, v.dict);
    else json_list(w, v.list);
    template_state_leave(w->s);
    return !w->s->failed;
}

bool template_repr_json(struct template_state *s, struct template_text *out,
                        struct template_value v, const struct template_repr_json *options) {
    struct json_writer w = {.s = s, .out = out, .options = options};
    return json_value(&w, v);
}
