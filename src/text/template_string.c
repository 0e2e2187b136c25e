/* template_string.c - see the header. */
#include "text/template_string.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "text/template_repr.h"
#include "text/template_unicode.h"

/* The offset of the character before `end` in text. */
static size_t previous(struct span text, size_t end) {
    do end--;
    while (end > 0 && ((unsigned char)text.data[end] & 0xC0) == 0x80);
    return end;
}

static bool in_set(struct span text, size_t at, size_t len, const struct template_string *chars) {
    if (!chars) return template_unicode_is_space(template_text_decode(text, &at));
    return template_text_find(template_text_span(chars), (struct span){text.data + at, len}, 0) !=
           SIZE_MAX;
}

struct template_string *template_string_strip(struct template_state *s,
                                              const struct template_string *string,
                                              const struct template_string *chars, bool left,
                                              bool right) {
    struct span text = template_text_span(string);
    size_t from = 0, to = text.len;
    while (left && from < to) {
        size_t len = template_text_char_bytes(text, from);
        if (!in_set(text, from, len, chars)) break;
        from += len;
    }
    while (right && to > from) {
        size_t at = previous(text, to);
        if (!in_set(text, at, to - at, chars)) break;
        to = at;
    }
    size_t work = (text.len - (to - from)) * (chars ? chars->len + 1 : 1);
    if (!template_state_spend_bytes(s, work)) return NULL;
    return template_text_slice(s, string, from, to - from);
}

/* ---- replace --------------------------------------------------------------------------- */

/* Between all characters, and at both ends. */
static void spread(struct template_state *s, struct template_text *out,
                   const struct template_string *string, const struct template_string *new_,
                   int64_t count) {
    struct span text = template_text_span(string);
    size_t at = 0;
    while (count-- && !s->failed) {
        template_text_add_string(s, out, new_);
        if (at == text.len) return;
        size_t len = template_text_char_bytes(text, at);
        template_text_add_slice(s, out, string, at, len);
        at += len;
    }
    template_text_add_slice(s, out, string, at, text.len - at);
}

struct template_string *template_string_replace(struct template_state *s,
                                                const struct template_string *string,
                                                const struct template_string *old,
                                                const struct template_string *new_,
                                                int64_t count) {
    struct span text = template_text_span(string), what = template_text_span(old);
    if (!template_state_spend_bytes(s, text.len)) return NULL;
    size_t found = template_text_find(text, what, 0), at = 0;
    if (found == SIZE_MAX || count == 0) return template_text_slice(s, string, 0, string->len);
    struct template_text *out = template_text_new(s, text.len);
    if (!out) return NULL;
    if (!what.len) {
        spread(s, out, string, new_, count);
        return template_text_string(s, out);
    }
    while (found != SIZE_MAX && count-- && !s->failed) {
        template_text_add_slice(s, out, string, at, found - at);
        template_text_add_string(s, out, new_);
        at = found + what.len;
        found = template_text_find(text, what, at);
    }
    template_text_add_slice(s, out, string, at, text.len - at);
    return template_text_string(s, out);
}

/* ---- split ----------------------------------------------------------------------------- */

struct splitter {
    struct template_state *s;
    const struct template_string *string;
    struct span text;
    struct template_values *out;
};

static bool emit(struct splitter *p, size_t from, size_t to) {
    struct template_string *part = template_text_slice(p->s, p->string, from, to - from);
    return template_state_spend(p->s, 1) &&
           template_value_push(p->s, p->out, template_value_string(part));
}

static bool space_at(struct splitter *p, size_t at) {
    return template_unicode_is_space(template_text_decode(p->text, &at));
}

static void split_words(struct splitter *p, int64_t max) {
    size_t at = 0;
    while (!p->s->failed) {
        while (at < p->text.len && space_at(p, at)) at += template_text_char_bytes(p->text, at);
        if (at == p->text.len) return;
        size_t from = at;
        if (max-- == 0) at = p->text.len; /* the rest, white space at its end included */
        while (at < p->text.len && !space_at(p, at)) at += template_text_char_bytes(p->text, at);
        emit(p, from, at);
    }
}

static void split_words_right(struct splitter *p, int64_t max) {
    size_t at = p->text.len;
    while (!p->s->failed) {
        while (at > 0 && space_at(p, previous(p->text, at))) at = previous(p->text, at);
        if (at == 0) return;
        size_t to = at;
        if (max-- == 0) at = 0;
        while (at > 0 && !space_at(p, previous(p->text, at))) at = previous(p->text, at);
        emit(p, at, to);
    }
}

static void split_at(struct splitter *p, struct span separator, int64_t max) {
    size_t from = 0, found;
    while (max-- && (found = template_text_find(p->text, separator, from)) != SIZE_MAX) {
        if (!emit(p, from, found)) return;
        from = found + separator.len;
    }
    emit(p, from, p->text.len);
}

static void split_at_right(struct splitter *p, struct span separator, int64_t max) {
    size_t to = p->text.len, found;
    while (max-- && (found = template_text_rfind((struct span){p->text.data, to}, separator)) !=
                        SIZE_MAX) {
        if (!emit(p, found + separator.len, to)) return;
        to = found;
    }
    emit(p, 0, to);
}

bool template_string_split(struct template_state *s, const struct template_string *string,
                           const struct template_string *separator, int64_t max, bool from_right,
                           struct template_values *out) {
    struct splitter p = {s, string, template_text_span(string), out};
    /* The search from the right may compare the whole separator at every place. */
    size_t work = from_right && separator ? separator->len + 1 : 1;
    if (!template_state_spend_bytes(s, string->len * work)) return false;
    if (!separator) {
        if (from_right) split_words_right(&p, max);
        else split_words(&p, max);
    } else if (!separator->len) {
        return template_state_fail(s, ERR_ARGUMENT, "an empty separator");
    } else if (from_right) {
        split_at_right(&p, template_text_span(separator), max);
    } else {
        split_at(&p, template_text_span(separator), max);
    }
    for (size_t i = 0; from_right && i < out->count / 2; i++) { /* found from the end */
        struct template_value swap = out->items[i];
        out->items[i] = out->items[out->count - 1 - i];
        out->items[out->count - 1 - i] = swap;
    }
    return !s->failed;
}

bool template_string_lines(struct template_state *s, const struct template_string *string,
                           bool keep_ends, struct template_values *out) {
    struct splitter p = {s, string, template_text_span(string), out};
    if (!template_state_spend_bytes(s, string->len)) return false;
    size_t from = 0;
    for (size_t at = 0; at < p.text.len && !s->failed;) {
        size_t end = at;
        if (!template_unicode_is_line_end(template_text_decode(p.text, &at))) continue;
        if (p.text.data[end] == '\r' && at < p.text.len && p.text.data[at] == '\n') at++;
        emit(&p, from, keep_ends ? at : end);
        from = at;
    }
    if (from < p.text.len) emit(&p, from, p.text.len);
    return !s->failed;
}

/* ---- case ------------------------------------------------------------------------------ */

static bool is_cased(uint32_t c) {
    return template_unicode_is_lower(c) || template_unicode_is_upper(c);
}

/* What jinja2's title filter takes as the space before a word. */
static bool is_word_gap(uint32_t c) {
    return template_unicode_is_space(c) || (c < 0x80 && c && strchr("-({[<", (int)c));
}

static enum template_unicode_case case_of(uint32_t c, uint32_t before, bool first,
                                          enum template_string_case to) {
    switch (to) {
    case STRING_LOWER: return CASE_LOWER;
    case STRING_UPPER: return CASE_UPPER;
    case STRING_CAPITALIZE: return first ? CASE_TITLE : CASE_LOWER;
    case STRING_TITLE: return first || !is_cased(before) ? CASE_TITLE : CASE_LOWER;
    case STRING_TITLE_WORDS: return first || is_word_gap(before) ? CASE_UPPER : CASE_LOWER;
    case STRING_SWAP: return template_unicode_is_upper(c) ? CASE_LOWER : CASE_UPPER;
    }
    return CASE_LOWER;
}

struct template_string *template_string_convert(struct template_state *s,
                                                struct template_string *string,
                                                enum template_string_case to) {
    struct span text = template_text_span(string);
    bool trusted = template_text_trusted(string);
    struct template_text *out = template_text_new(s, text.len);
    char chunk[64]; /* converted, not yet added: 3 characters of 4 bytes must fit behind 52 */
    size_t filled = 0;
    uint32_t before = 0;
    for (size_t at = 0; out && at < text.len && !s->failed;) {
        bool first = at == 0;
        uint32_t c = template_text_decode(text, &at), converted[3];
        int count = template_unicode_convert(c, case_of(c, before, first, to), converted);
        for (int i = 0; i < count; i++)
            filled += template_text_encode(converted[i], chunk + filled);
        if (filled > 52 || at == text.len) {
            template_text_add(s, out, (struct span){chunk, filled}, trusted);
            filled = 0;
        }
        before = c;
    }
    return template_text_string(s, out);
}

/* ---- padding and joining --------------------------------------------------------------- */

static void add_fill(struct template_state *s, struct template_text *out,
                     const struct template_string *fill, int64_t count) {
    for (int64_t i = 0; i < count && !s->failed; i++) template_text_add_string(s, out, fill);
}

struct template_string *template_string_pad(struct template_state *s,
                                            struct template_string *string, int64_t width,
                                            const struct template_string *fill,
                                            enum template_string_side side) {
    int64_t chars = (int64_t)template_text_chars(string);
    if (width <= chars) return string;
    int64_t padding = width - chars;
    /* CPython's str.center gives the odd one to the left only where both are odd. */
    int64_t left = side == STRING_CENTER ? padding / 2 + (padding & width & 1)
                   : side == STRING_RIGHT ? padding
                                          : 0;
    struct template_text *out = template_text_new(s, 0);
    if (!out) return NULL;
    add_fill(s, out, fill, left);
    template_text_add_string(s, out, string);
    add_fill(s, out, fill, padding - left);
    return template_text_string(s, out);
}

struct template_string *template_string_join(struct template_state *s,
                                             const struct template_string *separator,
                                             const struct template_list *items, bool strict) {
    struct template_text *out = template_text_new(s, 0);
    for (size_t i = 0; out && i < items->count && !s->failed; i++) {
        if (i) template_text_add_string(s, out, separator);
        if (strict && items->items[i].type != VALUE_STRING) {
            template_state_fail(s, ERR_ARGUMENT, "join() wants strings, item %zu is a %s", i,
                                template_value_type_name(items->items[i]));
            return NULL;
        }
        template_repr_str(s, out, items->items[i]);
    }
    return template_text_string(s, out);
}

/* ---- numbers --------------------------------------------------------------------------- */

enum { NUMERAL_BYTES_MAX = 400 };

/* Without white space around and underscores between digits; 0: not a numeral at all. */
static size_t clean_numeral(struct span text, char out[NUMERAL_BYTES_MAX + 1]) {
    size_t from = 0, to = text.len, len = 0;
    while (from < to) {
        size_t at = from;
        if (!template_unicode_is_space(template_text_decode(text, &at))) break;
        from = at;
    }
    while (to > from) {
        size_t start = previous(text, to), at = start;
        if (!template_unicode_is_space(template_text_decode(text, &at))) break;
        to = start;
    }
    for (size_t i = from; i < to; i++) {
        char c = text.data[i];
        if (c == '_') { /* only between digits */
            bool between = i > from && i + 1 < to && text.data[i - 1] >= '0' &&
                           text.data[i + 1] >= '0' && text.data[i - 1] != '_' &&
                           text.data[i + 1] != '_';
            if (!between) return 0;
            continue;
        }
        if (len == NUMERAL_BYTES_MAX || c == '\0') return 0;
        out[len++] = c;
    }
    out[len] = '\0';
    return len;
}

bool template_string_to_int(struct span text, int base, int64_t *out, bool *overflow) {
    char numeral[NUMERAL_BYTES_MAX + 1], *end;
    *overflow = false;
    if (!clean_numeral(text, numeral) || base == 1 || base < 0 || base > 36) return false;
    char *digits = numeral + (*numeral == '+' || *numeral == '-');
    char kind = digits[0] == '0' && digits[1] ? digits[1] | 0x20 : '\0';
    int prefix = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
    if (prefix && (base == 0 || base == prefix)) {
        base = prefix;
        digits += 2;
    } else if (base == 0) {
        if (digits[0] == '0' && strspn(digits, "0") != strlen(digits)) return false;
        base = 10;
    }
    /* strtoll would take signs, white space and prefixes of its own */
    bool digit = (*digits >= '0' && *digits <= '9') ||
                 ((*digits | 0x20) >= 'a' && (*digits | 0x20) <= 'z');
    if (!digit || (base == 16 && digits[0] == '0' && (digits[1] | 0x20) == 'x')) return false;
    if (*numeral == '-') *--digits = '-'; /* over the sign or the prefix's last letter */
    errno = 0;
    *out = strtoll(digits, &end, base);
    *overflow = errno == ERANGE;
    return *end == '\0';
}

bool template_string_to_float(struct span text, double *out) {
    char numeral[NUMERAL_BYTES_MAX + 1], *end;
    if (!clean_numeral(text, numeral)) return false;
    const char *digits = numeral + (*numeral == '+' || *numeral == '-');
    bool word = strcasecmp(digits, "inf") == 0 || strcasecmp(digits, "infinity") == 0 ||
                strcasecmp(digits, "nan") == 0;
    /* strtod reads hexadecimal and white space too; Python does not */
    if (!word && (strspn(digits, "0123456789.eE+-") != strlen(digits) || *digits == '-' ||
                  *digits == '+' || *digits == '\0'))
        return false;
    *out = strtod(numeral, &end);
    return *end == '\0';
}
