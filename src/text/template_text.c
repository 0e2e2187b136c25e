/* template_text.c - buffers with provenance and windows on them; see the header. */
#include "text/template_text.h"
#include <assert.h>
#include <string.h>

struct template_text *template_text_new(struct template_state *s, size_t reserve) {
    struct template_text *t = template_state_alloc(s, sizeof *t);
    if (!t) return NULL;
    t->capacity = reserve < 32 ? 32 : reserve;
    t->data = template_state_alloc(s, t->capacity);
    return t->data ? t : NULL;
}

static bool reserve(struct template_state *s, struct template_text *t, size_t more) {
    if (more <= t->capacity - t->used) return true;
    if (more > TEMPLATE_OUTPUT_BYTES_MAX || t->used + more > TEMPLATE_OUTPUT_BYTES_MAX)
        return template_state_fail(s, ERR_ARGUMENT, "a text of more than %d MB",
                                   TEMPLATE_OUTPUT_BYTES_MAX >> 20);
    /* Doubling: all copies together are at most twice the final length. */
    size_t capacity = t->used + more > t->capacity * 2 ? t->used + more + 32 : t->capacity * 2;
    char *data = template_state_alloc(s, capacity);
    if (!data) return false;
    memcpy(data, t->data, t->used);
    t->data = data;
    t->capacity = capacity;
    return true;
}

/* Extends the last run or begins another one; bytes up to `end` are there already. */
static bool mark(struct template_state *s, struct template_text *t, size_t end, bool trusted) {
    if (t->run_count && t->runs[t->run_count - 1].trusted == trusted) {
        t->runs[t->run_count - 1].end = end;
        return true;
    }
    if (t->run_count == t->run_capacity) {
        int capacity = t->run_capacity ? t->run_capacity * 2 : 4;
        struct template_text_run *runs = template_state_array(s, (size_t)capacity, sizeof *runs);
        if (!runs) return false;
        if (t->run_count) memcpy(runs, t->runs, (size_t)t->run_count * sizeof *runs);
        t->runs = runs;
        t->run_capacity = capacity;
    }
    t->runs[t->run_count++] = (struct template_text_run){end, trusted};
    return true;
}

bool template_text_add(struct template_state *s, struct template_text *t, struct span bytes,
                       bool trusted) {
    if (!bytes.len) return !s->failed;
    if (!template_state_spend_bytes(s, bytes.len) || !reserve(s, t, bytes.len)) return false;
    memcpy(t->data + t->used, bytes.data, bytes.len);
    t->used += bytes.len;
    return mark(s, t, t->used, trusted);
}

bool template_text_add_string(struct template_state *s, struct template_text *t,
                              const struct template_string *from) {
    return template_text_add_slice(s, t, from, 0, from->len);
}

/* Index of the run that holds the byte at `at`. */
static int run_at(const struct template_text *t, size_t at) {
    int low = 0, high = t->run_count - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (t->runs[middle].end > at) high = middle;
        else low = middle + 1;
    }
    return low;
}

bool template_text_add_slice(struct template_state *s, struct template_text *t,
                             const struct template_string *from, size_t at, size_t len) {
    assert(at <= from->len && len <= from->len - at);
    if (!len) return !s->failed;
    if (!template_state_spend_bytes(s, len) || !reserve(s, t, len)) return false;
    const struct template_text *source = from->text; /* may be t itself: read after the growth */
    size_t position = from->at + at, end = position + len;
    for (int i = run_at(source, position); position < end; i++) {
        size_t stop = source->runs[i].end < end ? source->runs[i].end : end;
        bool trusted = source->runs[i].trusted;
        memcpy(t->data + t->used, source->data + position, stop - position);
        t->used += stop - position;
        position = stop;
        if (!mark(s, t, t->used, trusted)) return false;
    }
    return true;
}

static struct template_string *window(struct template_state *s, struct template_text *t, size_t at,
                                      size_t len) {
    struct template_string *string = template_state_alloc(s, sizeof *string);
    if (!string || !t) return NULL;
    *string = (struct template_string){.text = t, .at = at, .len = len, .chars = SIZE_MAX};
    if (len == 0) string->chars = 0;
    return string;
}

struct template_string *template_text_string(struct template_state *s, struct template_text *t) {
    return t ? window(s, t, 0, t->used) : NULL;
}

struct template_string *template_text_borrow(struct template_state *s, struct span bytes,
                                             bool trusted) {
    struct {
        struct template_text text;
        struct template_text_run run;
    } *both = template_state_alloc(s, sizeof *both);
    if (!both) return NULL;
    both->text.data = (char *)(uintptr_t)bytes.data; /* capacity 0: nobody writes */
    both->text.used = bytes.len;
    both->run = (struct template_text_run){bytes.len, trusted};
    both->text.runs = &both->run;
    both->text.run_count = both->text.run_capacity = 1;
    return window(s, &both->text, 0, bytes.len);
}

struct template_string *template_text_copy(struct template_state *s, struct span bytes,
                                           bool trusted) {
    struct template_text *t = template_text_new(s, bytes.len);
    if (!t || !template_text_add(s, t, bytes, trusted)) return NULL;
    return template_text_string(s, t);
}

struct template_string *template_text_slice(struct template_state *s,
                                            const struct template_string *from, size_t at,
                                            size_t len) {
    assert(at <= from->len && len <= from->len - at);
    struct template_string *string = window(s, from->text, from->at + at, len);
    if (string && from->chars == from->len) string->chars = len; /* a part of ASCII is ASCII */
    return string;
}

struct template_string *template_text_concat(struct template_state *s,
                                             const struct template_string *a,
                                             const struct template_string *b) {
    struct template_text *t = a->text;
    /* In place only where a is the end of its text, and most of it: a short tail of a long text
     * would have the whole text copied when it grows. */
    bool in_place = t->capacity && a->at + a->len == t->used && a->len >= t->used / 2;
    size_t at = a->at;
    if (!in_place) {
        t = template_text_new(s, a->len + b->len + (a->len + b->len) / 2);
        if (!t || !template_text_add_string(s, t, a)) return NULL;
        at = 0;
    }
    if (!template_text_add_string(s, t, b)) return NULL;
    struct template_string *joined = window(s, t, at, a->len + b->len);
    if (joined && a->chars != SIZE_MAX && b->chars != SIZE_MAX) joined->chars = a->chars + b->chars;
    return joined;
}

struct span template_text_span(const struct template_string *string) {
    return (struct span){string->len ? string->text->data + string->at : "", string->len};
}

bool template_text_trusted(const struct template_string *string) {
    if (!string->len) return true;
    const struct template_text *t = string->text;
    int run = run_at(t, string->at);
    /* neighbouring runs differ, so all bytes trusted means one run */
    return t->runs[run].trusted && t->runs[run].end >= string->at + string->len;
}

size_t template_text_count(struct span text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return count;
}

size_t template_text_chars(struct template_string *string) {
    if (string->chars == SIZE_MAX) string->chars = template_text_count(template_text_span(string));
    return string->chars;
}

bool template_text_is_ascii(struct template_string *string) {
    return template_text_chars(string) == string->len;
}

size_t template_text_offset(struct template_string *string, size_t char_index) {
    if (template_text_is_ascii(string)) return char_index < string->len ? char_index : string->len;
    struct span text = template_text_span(string);
    size_t at = 0;
    while (at < text.len && char_index--) at += template_text_char_bytes(text, at);
    return at;
}

size_t template_text_char_bytes(struct span text, size_t at) {
    size_t end = at + 1;
    while (end < text.len && ((unsigned char)text.data[end] & 0xC0) == 0x80) end++;
    return end - at;
}

uint32_t template_text_decode(struct span text, size_t *at) {
    size_t len = template_text_char_bytes(text, *at);
    const unsigned char *p = (const unsigned char *)text.data + *at;
    *at += len;
    switch (len) {
    case 2: return (p[0] & 0x1FU) << 6 | (p[1] & 0x3FU);
    case 3: return (p[0] & 0x0FU) << 12 | (p[1] & 0x3FU) << 6 | (p[2] & 0x3FU);
    case 4:
        return (p[0] & 0x07U) << 18 | (p[1] & 0x3FU) << 12 | (p[2] & 0x3FU) << 6 | (p[3] & 0x3FU);
    default: return p[0];
    }
}

size_t template_text_encode(uint32_t c, char out[4]) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

bool template_text_valid_utf8(struct span text) {
    const unsigned char *p = (const unsigned char *)text.data;
    for (size_t i = 0; i < text.len;) {
        unsigned char c = p[i];
        if (c < 0x80) {
            i++;
            continue;
        }
        size_t len = c >= 0xC2 && c <= 0xDF ? 2 : (c & 0xF0) == 0xE0 ? 3 : c >= 0xF0 ? 4 : 0;
        if (!len || len > text.len - i) return false;
        for (size_t k = 1; k < len; k++)
            if ((p[i + k] & 0xC0) != 0x80) return false;
        size_t at = i;
        uint32_t code = template_text_decode((struct span){text.data, i + len}, &at);
        /* Overlong forms, surrogates and what lies past U+10FFFF are not UTF-8. */
        if ((len == 3 && code < 0x800) || (len == 4 && code < 0x10000) || code > 0x10FFFF ||
            (code >= 0xD800 && code <= 0xDFFF))
            return false;
        i += len;
    }
    return true;
}

size_t template_text_find(struct span text, struct span needle, size_t from) {
    if (from > text.len || needle.len > text.len - from) return SIZE_MAX;
    if (!needle.len) return from;
    const char *found = memmem(text.data + from, text.len - from, needle.data, needle.len);
    return found ? (size_t)(found - text.data) : SIZE_MAX;
}

size_t template_text_rfind(struct span text, struct span needle) {
    if (needle.len > text.len) return SIZE_MAX;
    for (size_t at = text.len - needle.len + 1; at-- > 0;)
        if (!needle.len || memcmp(text.data + at, needle.data, needle.len) == 0) return at;
    return SIZE_MAX;
}
