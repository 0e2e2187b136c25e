/* tokenizer_split.c - the hand-made matchers; see tokenizer_split.h.
 *
 * Each family is a function from the start of a word to its end, with the alternatives of the
 * pattern in their order.  Positions are bytes; `end` bounds what may be looked at, so that a
 * lookahead sees the end of the segment exactly as the pattern would. */
#include "text/tokenizer_split.h"
#include <assert.h>
#include "text/unicode.h"

struct text {
    const char *data;
    size_t end;
};

struct character {
    unsigned class;
    size_t len; /* 0 at the end of the text */
};

static struct character wide_character_at(struct text t, size_t at) {
    uint32_t code;
    int len = unicode_decode((struct span){t.data + at, t.end - at}, &code);
    if (len <= 0) return (struct character){.class = 0, .len = 1};
    return (struct character){.class = unicode_class(code), .len = (size_t)len};
}

static inline struct character character_at(struct text t, size_t at) {
    if (at >= t.end) return (struct character){0};
    uint8_t byte = (uint8_t)t.data[at];
    if (byte < 128) return (struct character){.class = unicode_ascii_class[byte], .len = 1};
    return wide_character_at(t, at);
}

/* The end of the run, from `at`, of characters that are in one of the classes. */
static inline size_t skip_in(struct text t, size_t at, unsigned classes) {
    for (;;) {
        struct character c = character_at(t, at);
        if (!(c.class & classes)) return at;
        at += c.len;
    }
}

static inline size_t skip_not_in(struct text t, size_t at, unsigned classes) {
    for (;;) {
        struct character c = character_at(t, at);
        if (c.len == 0 || (c.class & classes)) return at;
        at += c.len;
    }
}

static inline bool is_newline(char c) {
    return c == '\r' || c == '\n';
}

/* The length of 's, 't, 'm, 'd, 're, 've or 'll at a quote, or 0. */
static size_t contraction_len(struct text t, size_t at, bool any_case) {
    char fold = any_case ? 0x20 : 0; /* the bit between 'S' and 's' */
    if (at + 1 >= t.end) return 0;
    char first = (char)(t.data[at + 1] | fold);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
    if (at + 2 >= t.end) return 0;
    char second = (char)(t.data[at + 2] | fold);
    if (second == 'e' && (first == 'r' || first == 'v')) return 3;
    return first == 'l' && second == 'l' ? 3 : 0;
}

/* \s+(?!\S)|\s+ at a space: all of a run that ends the text; otherwise all but its last character,
 * which belongs to what follows; a single one stands alone. */
static size_t spaces_end(struct text t, size_t at) {
    size_t start = at, last = at;
    for (;;) {
        struct character c = character_at(t, at);
        if (c.len == 0) return at;
        if (!(c.class & UNICODE_SPACE)) break;
        last = at;
        at += c.len;
    }
    return last > start ? last : at;
}

static size_t gpt2_word_end(struct text t, size_t start) {
    if (t.data[start] == '\'') {
        size_t len = contraction_len(t, start, false);
        if (len > 0) return start + len;
    }
    size_t at = start + (t.data[start] == ' ');
    struct character c = character_at(t, at);
    if (c.class & UNICODE_LETTER) return skip_in(t, at + c.len, UNICODE_LETTER);
    if (c.class & UNICODE_NUMBER) return skip_in(t, at + c.len, UNICODE_NUMBER);
    if (c.len == 0 || (c.class & UNICODE_SPACE)) return spaces_end(t, start);
    return skip_not_in(t, at + c.len, UNICODE_LETTER | UNICODE_NUMBER | UNICODE_SPACE);
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ at a space: up to the last newline of the run where it has one. */
static size_t lines_end(struct text t, size_t start) {
    size_t at = start, newline_end = 0;
    for (;;) {
        struct character c = character_at(t, at);
        if (!(c.class & UNICODE_SPACE)) break;
        at += c.len;
        if (is_newline(t.data[at - 1])) newline_end = at;
    }
    return newline_end > 0 ? newline_end : spaces_end(t, start);
}

static size_t llama3_word_end(const struct tokenizer_split *rule, struct text t, size_t start) {
    unsigned letters = UNICODE_LETTER | (rule->marks_as_letters ? UNICODE_MARK : 0);
    char first = t.data[start];
    if (first == '\'' && rule->contractions) {
        size_t len = contraction_len(t, start, true);
        if (len > 0) return start + len;
    }
    struct character c = character_at(t, start);
    if (c.class & letters) return skip_in(t, start + c.len, letters);
    if (c.class & UNICODE_NUMBER) {
        size_t at = start + c.len;
        for (int digits = 1; digits < rule->digits_max; digits++) {
            c = character_at(t, at);
            if (!(c.class & UNICODE_NUMBER)) break;
            at += c.len;
        }
        return at;
    }
    struct character next = character_at(t, start + c.len);
    if ((next.class & letters) && !is_newline(first))
        return skip_in(t, start + c.len + next.len, letters);
    if (first == ' ') c = next; /* the space in front of punctuation */
    if (c.len > 0 && !(c.class & (letters | UNICODE_NUMBER | UNICODE_SPACE))) {
        size_t at = start + (first == ' ');
        at = skip_not_in(t, at + c.len, letters | UNICODE_NUMBER | UNICODE_SPACE);
        while (at < t.end && is_newline(t.data[at])) at++;
        return at;
    }
    return lines_end(t, start);
}

static bool run_gpt2(struct text t, size_t at, tokenizer_word_fn *word, void *arg) {
    while (at < t.end) {
        size_t end = gpt2_word_end(t, at);
        assert(end > at && end <= t.end);
        if (!word(arg, (struct span){t.data + at, end - at})) return false;
        at = end;
    }
    return true;
}

/* Each number character is a word; the pattern sees only what lies between two of them. */
static bool run_gpt2_between_numbers(struct text t, tokenizer_word_fn *word, void *arg) {
    size_t at = 0;
    while (at < t.end) {
        size_t number = skip_not_in(t, at, UNICODE_NUMBER);
        if (!run_gpt2((struct text){t.data, number}, at, word, arg)) return false;
        if (number == t.end) return true;
        size_t len = character_at(t, number).len;
        if (!word(arg, (struct span){t.data + number, len})) return false;
        at = number + len;
    }
    return true;
}

bool tokenizer_split_run(const struct tokenizer_split *rule, struct span text,
                         tokenizer_word_fn *word, void *arg) {
    struct text t = {text.data, text.len};
    assert(rule->family != TOKENIZER_SPLIT_NONE);
    if (rule->family == TOKENIZER_SPLIT_GPT2)
        return rule->isolate_numbers ? run_gpt2_between_numbers(t, word, arg)
                                     : run_gpt2(t, 0, word, arg);
    for (size_t at = 0; at < t.end;) {
        size_t end = llama3_word_end(rule, t, at);
        assert(end > at && end <= t.end);
        if (!word(arg, (struct span){text.data + at, end - at})) return false;
        at = end;
    }
    return true;
}
