/* template_lexer.c - one pass over the source; see the header.
 *
 * Outside tags the lexer looks for the next "{%", "{{" or "{#"; inside it reads tokens until the
 * end tag, which counts only while no bracket is open (`{{ {"a": {}}}}` ends at the last two
 * braces). */
#include "text/template_lexer.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "text/template_unicode.h"

struct lexer {
    struct template_state *s;
    struct template_tokens *out;
    struct span source;
    size_t at;
    bool line_starting;              /* the last thing read ended a line */
    char open[TEMPLATE_NESTING_MAX]; /* brackets that are open in this tag */
    int open_count;
};

static bool fail(struct lexer *l, size_t at, const char *message) {
    l->s->at = (uint32_t)at;
    return template_state_fail(l->s, ERR_FORMAT, "%s", message);
}

static bool push(struct lexer *l, struct template_token token) {
    struct template_tokens *t = l->out;
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? t->capacity * 2 : 256;
        struct template_token *items = template_state_array(l->s, capacity, sizeof *items);
        if (!items) return false;
        if (t->count) memcpy(items, t->items, t->count * sizeof *items);
        t->items = items;
        t->capacity = capacity;
    }
    t->items[t->count++] = token;
    return true;
}

static bool push_range(struct lexer *l, enum template_token_type type, size_t from, size_t to) {
    return push(l, (struct template_token){.type = type, .at = (uint32_t)from,
                                           .text = {l->source.data + from, to - from}});
}

static char peek(const struct lexer *l, size_t ahead) {
    return l->at + ahead < l->source.len ? l->source.data[l->at + ahead] : '\0';
}

static bool starts_with(const struct lexer *l, size_t at, const char *text) {
    size_t len = strlen(text);
    return at <= l->source.len && len <= l->source.len - at &&
           memcmp(l->source.data + at, text, len) == 0;
}

/* The offset behind the white space at `at`. */
static size_t skip_space(const struct lexer *l, size_t at) {
    while (at < l->source.len) {
        size_t next = at;
        if (!template_unicode_is_space(template_text_decode(l->source, &next))) break;
        at = next;
    }
    return at;
}

/* The offset where the white space that ends at `end` begins, not before `from`. */
static size_t skip_space_back(const struct lexer *l, size_t from, size_t end) {
    while (end > from) {
        size_t start = end - 1;
        while (start > from && ((unsigned char)l->source.data[start] & 0xC0) == 0x80) start--;
        size_t next = start;
        if (!template_unicode_is_space(template_text_decode(l->source, &next))) break;
        end = start;
    }
    return end;
}

/* Emits the text [from, to) before a tag, less what whitespace control takes from its end. */
static bool push_data(struct lexer *l, size_t from, size_t to, char sign, bool block) {
    size_t end = to;
    if (sign == '-') {
        end = skip_space_back(l, from, to);
    } else if (sign != '+' && block) {
        size_t line = to;
        while (line > from && l->source.data[line - 1] != '\n') line--;
        if ((line > from || l->line_starting) && skip_space_back(l, line, to) == line) end = line;
    }
    return end == from || push_range(l, TOKEN_DATA, from, end);
}

/* Moves behind an end tag at l->at: "-" takes white space, otherwise a block takes one line end. */
static void finish_tag(struct lexer *l, bool block, size_t from) {
    char sign = peek(l, 0);
    bool signed_end = sign == '-' || sign == '+';
    l->at += signed_end ? 3 : 2;
    if (sign == '-') l->at = skip_space(l, l->at);
    else if (sign != '+' && block && peek(l, 0) == '\n') l->at++;
    l->line_starting = l->at > from && l->source.data[l->at - 1] == '\n';
}

/* ---- comments and raw blocks ----------------------------------------------------------- */

static bool read_comment(struct lexer *l) {
    size_t from = l->at;
    size_t end = template_text_find(l->source, span_of("#}"), from);
    if (end == SIZE_MAX) return fail(l, from, "a comment without its end \"#}\"");
    char sign = end > from ? l->source.data[end - 1] : '\0';
    l->at = sign == '-' || sign == '+' ? end - 1 : end;
    finish_tag(l, true, from);
    return true;
}

/* "{%" sign? white space "raw" white space "%}" or "-%}" at `at`: the offset behind it, or 0. */
static size_t match_raw_begin(const struct lexer *l, size_t at) {
    at += 2;
    if (starts_with(l, at, "-") || starts_with(l, at, "+")) at++;
    at = skip_space(l, at);
    if (!starts_with(l, at, "raw")) return 0;
    at = skip_space(l, at + 3);
    if (starts_with(l, at, "-%}")) return skip_space(l, at + 3);
    return starts_with(l, at, "%}") ? at + 2 : 0;
}

/* The same for endraw; sets l->at to its end tag. */
static bool match_raw_end(struct lexer *l, size_t at) {
    at += 2;
    if (starts_with(l, at, "-") || starts_with(l, at, "+")) at++;
    at = skip_space(l, at);
    if (!starts_with(l, at, "endraw")) return false;
    at = skip_space(l, at + 6);
    if (!starts_with(l, at, "%}") && !starts_with(l, at, "-%}") && !starts_with(l, at, "+%}"))
        return false;
    l->at = at;
    return true;
}

static bool read_raw(struct lexer *l) {
    size_t from = l->at, at = from;
    l->line_starting = from > 0 && l->source.data[from - 1] == '\n';
    while ((at = template_text_find(l->source, span_of("{%"), at)) != SIZE_MAX) {
        char sign = at + 2 < l->source.len ? l->source.data[at + 2] : '\0';
        if (match_raw_end(l, at)) {
            if (!push_data(l, from, at, sign, true)) return false;
            finish_tag(l, true, from);
            return true;
        }
        at += 2;
    }
    return fail(l, from, "a raw block without its end \"{% endraw %}\"");
}

/* ---- tokens inside a tag --------------------------------------------------------------- */

static bool is_digit(char c, int base) {
    if (c >= '0' && c <= '9') return c - '0' < base;
    return base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
}

/* Digits with single underscores between them; the offset behind. */
static size_t skip_digits(const struct lexer *l, size_t at, int base) {
    while (at < l->source.len) {
        if (is_digit(l->source.data[at], base)) at++;
        else if (l->source.data[at] == '_' && at + 1 < l->source.len &&
                 is_digit(l->source.data[at + 1], base))
            at += 2;
        else break;
    }
    return at;
}

/* The end of a float that starts at `from`, or `from` if it is none. */
static size_t match_float(const struct lexer *l, size_t from) {
    size_t at = skip_digits(l, from, 10), end = from;
    const char *p = l->source.data;
    if (at + 1 < l->source.len && p[at] == '.' && is_digit(p[at + 1], 10))
        end = at = skip_digits(l, at + 1, 10);
    if (at < l->source.len && (p[at] | 0x20) == 'e') {
        size_t exponent = at + 1;
        if (exponent < l->source.len && (p[exponent] == '+' || p[exponent] == '-')) exponent++;
        if (exponent < l->source.len && is_digit(p[exponent], 10))
            end = skip_digits(l, exponent, 10);
    }
    return end;
}

/* The end of an integer, and its base. */
static size_t match_integer(const struct lexer *l, size_t from, int *base) {
    const char *p = l->source.data;
    *base = 10;
    if (p[from] == '0' && from + 1 < l->source.len) {
        char kind = p[from + 1] | 0x20;
        int other = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
        size_t digits = from + 2;
        if (digits < l->source.len && p[digits] == '_') digits++;
        if (other && digits < l->source.len && is_digit(p[digits], other)) {
            *base = other;
            return skip_digits(l, digits, other);
        }
    }
    if (p[from] != '0') return skip_digits(l, from, 10);
    size_t at = from + 1; /* "00" is an integer, "01" is two */
    while (at < l->source.len && p[at] == '0') at++;
    return at;
}

enum { NUMBER_BYTES_MAX = 400 };

static bool read_number(struct lexer *l) {
    char digits[NUMBER_BYTES_MAX + 1];
    size_t from = l->at, len = 0;
    int base = 0;
    /* ".5" is no float in jinja2, and neither is the "1.5" of x.1.5: those are two subscripts */
    bool after_dot = from > 0 && l->source.data[from - 1] == '.';
    size_t end = after_dot ? from : match_float(l, from);
    if (end == from) end = match_integer(l, from, &base);
    for (size_t i = base && base != 10 ? from + 2 : from; i < end; i++)
        if (l->source.data[i] != '_' && len < NUMBER_BYTES_MAX) digits[len++] = l->source.data[i];
    if (len == NUMBER_BYTES_MAX) return fail(l, from, "a number with too many digits");
    digits[len] = '\0';
    struct template_token token = {.type = TOKEN_NUMBER, .at = (uint32_t)from,
                                   .text = {l->source.data + from, end - from}};
    errno = 0;
    if (base) token.value = template_value_int(strtoll(digits, NULL, base));
    else token.value = template_value_float(strtod(digits, NULL));
    if (base && errno == ERANGE) return fail(l, from, "an integer of more than 64 bits");
    l->at = end;
    return push(l, token);
}

static bool read_hex(struct lexer *l, size_t *at, size_t count, uint32_t *out) {
    *out = 0;
    for (size_t i = 0; i < count; i++, (*at)++) {
        char c = *at < l->source.len ? l->source.data[*at] : '\0';
        if (!is_digit(c, 16)) return fail(l, l->at, "a broken \\x, \\u or \\U escape in a string");
        *out = *out * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (*out > 0x10FFFF || (*out >= 0xD800 && *out <= 0xDFFF))
        return fail(l, l->at, "an escape that is no character");
    return true;
}

/* The escape behind the backslash at *at - 1; writes what it stands for. */
static bool read_escape(struct lexer *l, size_t *at, struct template_text *out) {
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    char c = l->source.data[(*at)++], utf8[4];
    const char *simple = c ? strchr(from, c) : NULL;
    uint32_t code = 0;
    if (simple)
        return template_text_add(l->s, out, (struct span){to + (simple - from), 1}, true);
    if (c == '\n') return true; /* a line that goes on */
    if (c == 'x' || c == 'u' || c == 'U') {
        if (!read_hex(l, at, c == 'x' ? 2 : c == 'u' ? 4 : 8, &code)) return false;
    } else if (c >= '0' && c <= '7') {
        code = (uint32_t)(c - '0');
        for (int i = 0; i < 2 && *at < l->source.len && is_digit(l->source.data[*at], 8); i++)
            code = code * 8 + (uint32_t)(l->source.data[(*at)++] - '0');
    } else if (c == 'N') {
        return fail(l, l->at, "\\N{…} escapes are not supported; write the character itself");
    } else { /* Python keeps what it does not know */
        (*at)--;
        return template_text_add(l->s, out, (struct span){"\\", 1}, true);
    }
    size_t len = template_text_encode(code, utf8);
    return template_text_add(l->s, out, (struct span){utf8, len}, true);
}

static bool read_string(struct lexer *l) {
    size_t from = l->at, at = from + 1, plain = at;
    char quote = l->source.data[from];
    struct template_text *out = NULL; /* made at the first escape */
    while (at < l->source.len && l->source.data[at] != quote) {
        if (l->source.data[at++] != '\\') continue;
        if (at >= l->source.len) break;
        if (!out && !(out = template_text_new(l->s, 0))) return false;
        template_text_add(l->s, out, (struct span){l->source.data + plain, at - 1 - plain}, true);
        if (!read_escape(l, &at, out)) return false;
        plain = at;
    }
    if (at >= l->source.len) return fail(l, from, "a string without its closing quote");
    struct span rest = {l->source.data + plain, at - plain};
    if (out) {
        if (!template_text_add(l->s, out, rest, true)) return false;
        rest = (struct span){out->data, out->used};
    }
    /* borrowed: never grown in place, so that renders in several threads may share it */
    struct template_string *string = template_text_borrow(l->s, rest, true);
    if (!string) return false;
    template_text_chars(string);
    l->at = at + 1;
    return push(l, (struct template_token){.type = TOKEN_STRING, .at = (uint32_t)from,
                                           .text = {l->source.data + from, l->at - from},
                                           .value = template_value_string(string)});
}

static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool read_name(struct lexer *l) {
    size_t from = l->at;
    while (l->at < l->source.len &&
           (is_name_start(l->source.data[l->at]) || is_digit(l->source.data[l->at], 10)))
        l->at++;
    return push_range(l, TOKEN_NAME, from, l->at);
}

static bool read_operator(struct lexer *l) {
    static const char *const operators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                            "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                            ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    size_t from = l->at, len = 0;
    for (size_t i = 0; i < sizeof operators / sizeof *operators && !len; i++)
        if (starts_with(l, from, operators[i])) len = strlen(operators[i]);
    if (!len) return fail(l, from, "an unexpected character");
    char c = l->source.data[from];
    if (len == 1 && strchr("([{", c)) {
        if (l->open_count == TEMPLATE_NESTING_MAX) return fail(l, from, "too many open brackets");
        l->open[l->open_count++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (len == 1 && strchr(")]}", c)) {
        if (!l->open_count || l->open[l->open_count - 1] != c)
            return fail(l, from, "a closing bracket that does not match");
        l->open_count--;
    }
    l->at += len;
    return push_range(l, TOKEN_OPERATOR, from, l->at);
}

static bool at_end_tag(const struct lexer *l, bool block) {
    const char *end = block ? "%}" : "}}";
    if (l->open_count) return false;
    if (starts_with(l, l->at, end)) return true;
    /* jinja2 knows "+" before "%}" only */
    return (peek(l, 0) == '-' || (block && peek(l, 0) == '+')) && starts_with(l, l->at + 1, end);
}

static bool read_tag(struct lexer *l, bool block, size_t begin) {
    if (!push_range(l, block ? TOKEN_BLOCK_BEGIN : TOKEN_VARIABLE_BEGIN, begin, begin + 2))
        return false;
    l->open_count = 0;
    while (l->at < l->source.len) {
        if (at_end_tag(l, block)) {
            size_t from = l->at;
            finish_tag(l, block, from);
            return push_range(l, block ? TOKEN_BLOCK_END : TOKEN_VARIABLE_END, from, l->at);
        }
        size_t next = skip_space(l, l->at);
        if (next > l->at) {
            l->at = next;
            continue;
        }
        char c = peek(l, 0);
        bool ok = is_digit(c, 10) ? read_number(l)
                  : is_name_start(c) ? read_name(l)
                  : c == '"' || c == '\'' ? read_string(l)
                                          : read_operator(l);
        if (!ok) return false;
    }
    return fail(l, begin, "a tag without its end");
}

static size_t find_tag(const struct lexer *l, size_t from) {
    for (size_t at = from; at + 1 < l->source.len; at++) {
        const char *brace = memchr(l->source.data + at, '{', l->source.len - 1 - at);
        if (!brace) break;
        at = (size_t)(brace - l->source.data);
        if (brace[1] == '%' || brace[1] == '{' || brace[1] == '#') return at;
    }
    return SIZE_MAX;
}

bool template_lexer_run(struct template_state *s, struct template_tokens *out) {
    struct lexer l = {.s = s, .out = out, .source = s->source, .line_starting = true};
    while (!s->failed) {
        size_t from = l.at, tag = find_tag(&l, from);
        if (tag == SIZE_MAX) {
            if (from < l.source.len && !push_range(&l, TOKEN_DATA, from, l.source.len))
                return false;
            return push_range(&l, TOKEN_END, l.source.len, l.source.len);
        }
        char kind = l.source.data[tag + 1];
        size_t raw = kind == '%' ? match_raw_begin(&l, tag) : 0;
        l.at = tag + 2;
        char sign = peek(&l, 0);
        if (!push_data(&l, from, tag, sign, kind != '{')) return false;
        if (sign == '-' || sign == '+') l.at++;
        l.line_starting = false;
        if (raw) l.at = raw;
        if (raw) read_raw(&l);
        else if (kind == '#') read_comment(&l);
        else read_tag(&l, kind == '%', tag);
    }
    return !s->failed;
}

struct span template_lexer_normalise(struct template_state *s, struct span source) {
    char *out = template_state_alloc(s, source.len + 1);
    size_t len = 0;
    for (size_t i = 0; out && i < source.len; i++) {
        char c = source.data[i];
        if (c == '\r') {
            c = '\n';
            if (i + 1 < source.len && source.data[i + 1] == '\n') i++;
        }
        out[len++] = c;
    }
    if (len && out[len - 1] == '\n') len--;
    return (struct span){out ? out : "", out ? len : 0};
}
