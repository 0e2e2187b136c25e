/* template_format.c - "%" and str.format; see the header.
 *
 * Both take a field apart into a struct field, turn the value into a sign, a prefix and a body, and
 * pad these to the width. */
#include "text/template_format.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "text/template_access.h"
#include "text/template_dict.h"
#include "text/template_repr.h"
#include "text/template_string.h"

enum { FIELD_WIDTH_MAX = 4096, FIELD_PRECISION_MAX = 300, NUMBER_BYTES = 1024 };

struct field {
    char align;          /* '<' '>' '=' '^', 0: as the type wants */
    struct span fill;    /* one character */
    char sign;           /* '+', ' ' or 0 */
    char grouping;       /* ',' '_' or 0 */
    bool alternate;      /* '#' */
    int64_t width, precision; /* precision -1: none */
    char type;           /* 0: none */
};

struct number {
    char sign[2], prefix[3];
    char body[NUMBER_BYTES];
};

static bool fail(struct template_state *s, const char *message) {
    return template_state_fail(s, ERR_ARGUMENT, "%s", message);
}

/* ---- numbers --------------------------------------------------------------------------- */

static void set_sign(struct number *n, bool negative, const struct field *f) {
    n->sign[0] = negative ? '-' : f->sign;
    n->sign[1] = '\0';
}

/* Separators between groups of digits, from the right, up to the first that is no digit. */
static void group(char *body, char separator, int every) {
    char grouped[NUMBER_BYTES];
    size_t digits = strspn(body, "0123456789abcdefABCDEF"), out = 0;
    if (!separator || strlen(body) > NUMBER_BYTES / 2) return;
    for (size_t i = 0; i < digits; i++) {
        if (i && (digits - i) % (size_t)every == 0) grouped[out++] = separator;
        grouped[out++] = body[i];
    }
    strcpy(grouped + out, body + digits);
    strcpy(body, grouped);
}

static void format_integer(struct number *n, int64_t value, const struct field *f, bool percent) {
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    int base = f->type == 'x' || f->type == 'X' ? 16 : f->type == 'o' ? 8 : f->type == 'b' ? 2 : 10;
    const char *digits = f->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char reversed[80];
    int count = 0, least = percent && f->precision > 0 ? (int)f->precision : 0, len = 0;
    do {
        reversed[count++] = digits[magnitude % (unsigned)base];
        magnitude /= (unsigned)base;
    } while (magnitude);
    for (int i = count; i < least; i++) n->body[len++] = '0';
    while (count) n->body[len++] = reversed[--count];
    n->body[len] = '\0';
    set_sign(n, value < 0, f);
    n->prefix[0] = '\0';
    if (f->alternate && base != 10) snprintf(n->prefix, sizeof n->prefix, "0%c", f->type);
    group(n->body, f->grouping, base == 10 ? 3 : 4);
}

/* A float without presentation type, with precision: like 'g', but never without a point. */
static void format_general(char *body, double d, int precision) {
    snprintf(body, NUMBER_BYTES, "%.*g", precision ? precision : 1, d);
    bool exponent = strchr(body, 'e') != NULL;
    if (!exponent && !strchr(body, '.')) {
        /* where 'g' shows all digits before the point, Python switches to an exponent */
        if ((int)strlen(body) >= (precision ? precision : 1) && precision)
            snprintf(body, NUMBER_BYTES, "%.*e", precision - 1, d);
        else strcat(body, ".0");
    }
}

static void format_float(struct number *n, double d, const struct field *f) {
    char pattern[16];
    char type = f->type == 'n' ? 'g' : f->type;
    bool negative = signbit(d) && !isnan(d);
    int precision = (int)f->precision;
    n->prefix[0] = '\0';
    set_sign(n, negative, f);
    if (type == '%') d *= 100;
    d = fabs(d);
    if (!isfinite(d)) {
        bool upper = type == 'F' || type == 'E' || type == 'G';
        strcpy(n->body, isnan(d) ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf"));
    } else if (!type && precision < 0) {
        template_repr_float(d, n->body);
    } else if (!type) {
        format_general(n->body, d, precision);
    } else {
        snprintf(pattern, sizeof pattern, f->alternate ? "%%#.*%c" : "%%.*%c",
                 type == '%' ? 'f' : type);
        snprintf(n->body, sizeof n->body, pattern, precision < 0 ? 6 : precision, d);
        group(n->body, f->grouping, 3);
    }
    if (type == '%') strcat(n->body, "%");
}

/* ---- padding --------------------------------------------------------------------------- */

static bool add_times(struct template_state *s, struct template_text *out, struct span fill,
                      int64_t count) {
    for (int64_t i = 0; i < count && !s->failed; i++) template_text_add(s, out, fill, true);
    return !s->failed;
}

static bool add_number(struct template_state *s, struct template_text *out, const struct number *n,
                       const struct field *f) {
    int64_t used = (int64_t)(strlen(n->sign) + strlen(n->prefix) + strlen(n->body));
    int64_t padding = f->width > used ? f->width - used : 0;
    int64_t left = f->align == '<' ? 0 : f->align == '^' ? padding / 2 : padding;
    if (f->align != '=') add_times(s, out, f->fill, left);
    template_text_add(s, out, span_of(n->sign), false);
    template_text_add(s, out, span_of(n->prefix), false);
    if (f->align == '=') add_times(s, out, f->fill, padding);
    template_text_add(s, out, span_of(n->body), false);
    return add_times(s, out, f->fill, padding - left);
}

static bool add_string(struct template_state *s, struct template_text *out,
                       struct template_string *string, const struct field *f) {
    if (!string) return false;
    if (f->precision >= 0 && (int64_t)template_text_chars(string) > f->precision)
        string = template_text_slice(s, string, 0,
                                     template_text_offset(string, (size_t)f->precision));
    if (!string) return false;
    int64_t used = (int64_t)template_text_chars(string);
    int64_t padding = f->width > used ? f->width - used : 0;
    int64_t left = f->align == '>' ? padding : f->align == '^' ? padding / 2 : 0;
    add_times(s, out, f->fill, left);
    template_text_add_string(s, out, string);
    return add_times(s, out, f->fill, padding - left);
}

/* ---- "%" ------------------------------------------------------------------------------- */

struct percent {
    struct template_state *s;
    struct template_text *out;
    struct template_string *pattern;
    struct span text;           /* of the pattern */
    size_t at;
    struct template_value values;
    size_t used;                /* of a tuple's items; of a single value: 0 or 1 */
};

static bool next_value(struct percent *p, struct template_value *out) {
    bool tuple = p->values.type == VALUE_TUPLE;
    if (p->used >= (tuple ? p->values.list->count : 1))
        return fail(p->s, "not enough values for the format string");
    *out = tuple ? p->values.list->items[p->used] : p->values;
    p->used++;
    return true;
}

static char peek(const struct percent *p) {
    return p->at < p->text.len ? p->text.data[p->at] : '\0';
}

/* "*" or digits. */
static bool read_count(struct percent *p, int64_t max, int64_t *out) {
    if (peek(p) == '*') {
        struct template_value v;
        p->at++;
        if (!next_value(p, &v)) return false;
        if (!template_value_is_integer(v, out)) return fail(p->s, "* wants an integer");
    } else {
        *out = 0;
        for (; peek(p) >= '0' && peek(p) <= '9' && *out <= max; p->at++)
            *out = *out * 10 + (peek(p) - '0');
    }
    if (*out > max || *out < -max) return fail(p->s, "a field that is too wide");
    return true;
}

static bool read_percent_field(struct percent *p, struct field *f, struct template_value *value) {
    bool zero = false, left = false;
    *value = (struct template_value){.type = VALUE_MISSING};
    if (peek(p) == '(') {
        size_t close = template_text_find(p->text, span_of(")"), p->at);
        if (close == SIZE_MAX) return fail(p->s, "a format string with an open parenthesis");
        if (p->values.type != VALUE_DICT) return fail(p->s, "a named field needs a dict");
        struct span name = {p->text.data + p->at + 1, close - p->at - 1};
        struct template_entry *e = template_dict_find_name(p->values.dict, name);
        if (!e) return fail(p->s, "a named field that the dict does not have");
        *value = e->value;
        p->at = close + 1;
    }
    for (; peek(p) && strchr("#0- +", peek(p)); p->at++) {
        if (peek(p) == '#') f->alternate = true;
        if (peek(p) == '0') zero = true;
        if (peek(p) == '-') left = true;
        if (peek(p) == '+' || (peek(p) == ' ' && !f->sign)) f->sign = peek(p);
    }
    if (!read_count(p, FIELD_WIDTH_MAX, &f->width)) return false;
    if (f->width < 0) left = true;
    if (f->width < 0) f->width = -f->width;
    if (peek(p) == '.') {
        p->at++;
        if (!read_count(p, FIELD_PRECISION_MAX, &f->precision)) return false;
        if (f->precision < 0) f->precision = 0;
    }
    while (peek(p) && strchr("hlL", peek(p))) p->at++;
    if (p->at >= p->text.len) return fail(p->s, "a format string that ends within a field");
    f->type = p->text.data[p->at++];
    f->align = left ? '<' : zero && strchr("diuoxXeEfFgG", f->type) ? '=' : '>';
    f->fill = span_of(f->align == '=' ? "0" : " ");
    return true;
}

static bool add_percent_number(struct percent *p, struct field *f, struct template_value v) {
    struct number n = {0};
    int64_t i;
    if (!template_value_is_number(v)) {
        template_value_require(p->s, v);
        return fail(p->s, "a field that wants a number");
    }
    if (strchr("eEfFgG", f->type)) {
        format_float(&n, template_value_number(v), f);
        return add_number(p->s, p->out, &n, f);
    }
    if (!template_value_is_integer(v, &i)) {
        if (strchr("oxX", f->type) || !(fabs(v.number) < 9223372036854775808.0))
            return fail(p->s, "a field that wants an integer of 64 bits");
        i = (int64_t)v.number;
    }
    if (strchr("diu", f->type)) f->type = 'd';
    format_integer(&n, i, f, true);
    return add_number(p->s, p->out, &n, f);
}

static bool add_percent_char(struct percent *p, struct field *f, struct template_value v) {
    int64_t code;
    char utf8[4];
    f->precision = -1;
    if (v.type == VALUE_STRING && template_text_chars(v.string) == 1)
        return add_string(p->s, p->out, v.string, f);
    if (!template_value_is_integer(v, &code) || code < 0 || code > 0x10FFFF ||
        (code >= 0xD800 && code <= 0xDFFF))
        return fail(p->s, "%c wants a character");
    size_t len = template_text_encode((uint32_t)code, utf8);
    return add_string(p->s, p->out,
                      template_text_copy(p->s, (struct span){utf8, len}, false), f);
}

static bool add_percent_field(struct percent *p) {
    struct field f = {.precision = -1};
    struct template_value v;
    if (!read_percent_field(p, &f, &v)) return false;
    if (f.type == '%') return template_text_add(p->s, p->out, span_of("%"), true);
    if (v.type == VALUE_MISSING && !next_value(p, &v)) return false;
    if (f.type == 's') return add_string(p->s, p->out, template_repr_string(p->s, v), &f);
    if (f.type == 'r') {
        struct template_text *text = template_text_new(p->s, 0);
        if (!text || !template_repr_repr(p->s, text, v)) return false;
        return add_string(p->s, p->out, template_text_string(p->s, text), &f);
    }
    if (f.type == 'c') return add_percent_char(p, &f, v);
    if (strchr("diuoxXeEfFgG", f.type)) return add_percent_number(p, &f, v);
    return fail(p->s, "an unknown conversion in a format string");
}

struct template_value template_format_percent(struct template_state *s,
                                              struct template_string *pattern,
                                              struct template_value values) {
    struct percent p = {.s = s, .out = template_text_new(s, pattern->len), .pattern = pattern,
                        .text = template_text_span(pattern), .values = values};
    while (p.out && p.at < p.text.len && template_state_spend(s, 1)) {
        size_t mark = template_text_find(p.text, span_of("%"), p.at);
        size_t end = mark == SIZE_MAX ? p.text.len : mark;
        template_text_add_slice(s, p.out, pattern, p.at, end - p.at);
        p.at = end + (mark != SIZE_MAX);
        if (mark != SIZE_MAX && !add_percent_field(&p)) break;
    }
    /* Python lets a container that is no tuple go unused. */
    size_t given = values.type == VALUE_TUPLE ? values.list->count : 1;
    bool container = values.type == VALUE_LIST || values.type == VALUE_DICT ||
                     values.type == VALUE_UNDEFINED || values.type == VALUE_RANGE;
    if (!s->failed && p.used < given && !container)
        fail(s, "more values than the format string has fields");
    return template_value_string(template_text_string(s, p.out));
}

/* ---- str.format ------------------------------------------------------------------------ */

struct braces {
    struct template_state *s;
    const struct template_args *args;
    int64_t automatic;       /* the next "{}"; -1 once fields are numbered by hand */
    bool numbered;
};

static bool read_spec(struct template_state *s, struct span spec, struct field *f) {
    size_t at = 0, first = spec.len ? template_text_char_bytes(spec, 0) : 0;
    *f = (struct field){.fill = span_of(" "), .precision = -1};
    if (spec.len > first && strchr("<>=^", spec.data[first])) {
        f->fill = (struct span){spec.data, first};
        f->align = spec.data[first];
        at = first + 1;
    } else if (spec.len && strchr("<>=^", spec.data[0])) {
        f->align = spec.data[at++];
    }
    if (at < spec.len && strchr("+- ", spec.data[at])) {
        f->sign = spec.data[at] == '-' ? '\0' : spec.data[at];
        at++;
    }
    if (at < spec.len && spec.data[at] == '#') f->alternate = at++ < spec.len;
    if (at < spec.len && spec.data[at] == '0') {
        if (!f->align) {
            f->align = '=';
            f->fill = span_of("0");
        }
        at++;
    }
    for (; at < spec.len && spec.data[at] >= '0' && spec.data[at] <= '9'; at++)
        if ((f->width = f->width * 10 + (spec.data[at] - '0')) > FIELD_WIDTH_MAX)
            return fail(s, "a field that is too wide");
    if (at < spec.len && (spec.data[at] == ',' || spec.data[at] == '_'))
        f->grouping = spec.data[at++];
    if (at < spec.len && spec.data[at] == '.') {
        size_t digits = ++at;
        f->precision = 0;
        for (; at < spec.len && spec.data[at] >= '0' && spec.data[at] <= '9'; at++)
            if ((f->precision = f->precision * 10 + (spec.data[at] - '0')) > FIELD_PRECISION_MAX)
                return fail(s, "a field with too many digits");
        if (at == digits) return fail(s, "a format specifier without its precision");
    }
    if (at < spec.len) f->type = spec.data[at++];
    return at == spec.len || fail(s, "a format specifier that is not valid");
}

static bool add_formatted_number(struct template_state *s, struct template_text *out,
                                 struct template_value v, struct field *f) {
    struct number n = {0};
    int64_t i;
    if (!f->align) f->align = '>';
    bool integer = template_value_is_integer(v, &i);
    if (integer && (!f->type || strchr("bdoxXn", f->type))) {
        if (f->precision >= 0) return fail(s, "an integer with a precision");
        if (!f->type || f->type == 'n') f->type = 'd';
        format_integer(&n, i, f, false);
    } else if (integer && f->type == 'c') {
        return fail(s, "the type 'c' in a format specifier");
    } else if (f->type && !strchr("eEfFgGn%", f->type)) {
        return fail(s, "a format type that does not fit a number");
    } else {
        format_float(&n, template_value_number(v), f);
    }
    return add_number(s, out, &n, f);
}

static bool add_formatted(struct template_state *s, struct template_text *out,
                          struct template_value v, struct span spec) {
    struct field f;
    if (!spec.len) return template_repr_str(s, out, v);
    if (!read_spec(s, spec, &f)) return false;
    if (template_value_is_number(v)) return add_formatted_number(s, out, v, &f);
    if (v.type != VALUE_STRING) return fail(s, "a format specifier for a value that takes none");
    if ((f.type && f.type != 's') || f.sign || f.grouping || f.alternate)
        return fail(s, "a format specifier that does not fit a string");
    if (f.align == '=') {
        if (!span_equal_text(f.fill, "0")) return fail(s, "'=' alignment of a string");
        f.align = '<';
    }
    return add_string(s, out, v.string, &f);
}

static bool all_digits(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    return text.len > 0 && text.len < 10;
}

static int64_t to_number(struct span digits) {
    int64_t n = 0;
    for (size_t i = 0; i < digits.len; i++) n = n * 10 + (digits.data[i] - '0');
    return n;
}

/* The argument that "0", "name" or "" stands for. */
static bool find_argument(struct braces *b, struct span name, struct template_value *out) {
    int64_t index = -1;
    if (!name.len) {
        if (b->numbered) return fail(b->s, "numbered and automatic fields in one format string");
        index = b->automatic++;
    } else if (all_digits(name)) {
        if (b->automatic > 0)
            return fail(b->s, "numbered and automatic fields in one format string");
        b->numbered = true;
        index = to_number(name);
    }
    if (index >= 0) {
        if ((size_t)index >= b->args->count) return fail(b->s, "a format field without its value");
        *out = b->args->items[index];
        return true;
    }
    struct template_entry *e =
        b->args->named ? template_dict_find_name(b->args->named, name) : NULL;
    if (!e) return fail(b->s, "a format field whose name is not among the arguments");
    *out = e->value;
    return true;
}

/* "0.name[key]" */
static bool find_field(struct braces *b, struct span field, struct template_value *out) {
    size_t at = 0;
    while (at < field.len && field.data[at] != '.' && field.data[at] != '[') at++;
    if (!find_argument(b, (struct span){field.data, at}, out)) return false;
    while (at < field.len && !b->s->failed) {
        bool dot = field.data[at] == '.';
        if (!dot && field.data[at] != '[') return fail(b->s, "a format field that is not valid");
        size_t from = ++at;
        while (at < field.len && (dot ? field.data[at] != '.' && field.data[at] != '['
                                      : field.data[at] != ']'))
            at++;
        struct span part = {field.data + from, at - from};
        if (!part.len || (!dot && at == field.len))
            return fail(b->s, "a format field that is not valid");
        if (dot) {
            *out = template_access_attribute(b->s, *out, part);
        } else {
            struct template_value key =
                all_digits(part) ? template_value_int(to_number(part))
                                 : template_value_string(template_text_borrow(b->s, part, true));
            *out = template_access_item(b->s, *out, key);
            at++;
        }
    }
    return !b->s->failed;
}

static bool format_into(struct braces *b, struct template_text *out,
                        struct template_string *pattern, int level);

/* One field, without its braces: name!conversion:specifier. */
static bool add_field(struct braces *b, struct template_text *out, struct template_string *pattern,
                      size_t at, size_t len, int level) {
    struct span text = {template_text_span(pattern).data + at, len};
    size_t colon = 0, bracket = 0;
    while (colon < len && (bracket || (text.data[colon] != ':' && text.data[colon] != '!'))) {
        if (text.data[colon] == '[') bracket++;
        if (text.data[colon] == ']' && bracket) bracket--;
        colon++;
    }
    struct template_value v;
    if (!find_field(b, (struct span){text.data, colon}, &v)) return false;
    char conversion = '\0';
    if (colon < len && text.data[colon] == '!') {
        conversion = colon + 1 < len ? text.data[colon + 1] : '?';
        colon += 2;
        if (!strchr("sr", conversion) || (colon < len && text.data[colon] != ':'))
            return fail(b->s, "a conversion that is not !s or !r");
    }
    if (conversion) {
        struct template_text *converted = template_text_new(b->s, 0);
        if (!converted) return false;
        if (conversion == 's') template_repr_str(b->s, converted, v);
        else template_repr_repr(b->s, converted, v);
        v = template_value_string(template_text_string(b->s, converted));
    }
    struct template_text *spec = template_text_new(b->s, 0);
    if (!spec || b->s->failed) return false;
    if (colon < len) {
        struct template_string *inner =
            template_text_slice(b->s, pattern, at + colon + 1, len - colon - 1);
        if (!inner || !format_into(b, spec, inner, level + 1)) return false;
    }
    return add_formatted(b->s, out, v, (struct span){spec->data, spec->used});
}

/* The closing brace of the field that begins at `at`, or SIZE_MAX. */
static size_t field_end(struct span text, size_t at) {
    int open = 0;
    for (bool bracket = false; at < text.len; at++) {
        char c = text.data[at];
        if (c == '[') bracket = true;
        if (c == ']') bracket = false;
        if (bracket) continue;
        if (c == '{') open++;
        if (c == '}' && open-- == 0) return at;
    }
    return SIZE_MAX;
}

static bool format_into(struct braces *b, struct template_text *out,
                        struct template_string *pattern, int level) {
    struct span text = template_text_span(pattern);
    if (level > 2) return fail(b->s, "a format string nested too deep");
    for (size_t at = 0; at < text.len && template_state_spend(b->s, 1);) {
        size_t from = at;
        while (at < text.len && text.data[at] != '{' && text.data[at] != '}') at++;
        template_text_add_slice(b->s, out, pattern, from, at - from);
        if (at == text.len) break;
        if (at + 1 < text.len && text.data[at + 1] == text.data[at]) { /* doubled: itself */
            template_text_add_slice(b->s, out, pattern, at, 1);
            at += 2;
            continue;
        }
        if (text.data[at] == '}') return fail(b->s, "a single '}' in a format string");
        size_t end = field_end(text, at + 1);
        if (end == SIZE_MAX) return fail(b->s, "a format string with an open brace");
        if (!add_field(b, out, pattern, at + 1, end - at - 1, level)) return false;
        at = end + 1;
    }
    return !b->s->failed;
}

struct template_value template_format_braces(struct template_state *s,
                                             struct template_string *pattern,
                                             const struct template_args *args) {
    struct braces b = {.s = s, .args = args};
    struct template_text *out = template_text_new(s, pattern->len);
    if (!out || !format_into(&b, out, pattern, 0)) return template_value_none();
    return template_value_string(template_text_string(s, out));
}
