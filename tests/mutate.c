/* mutate.c - one function per kind of damage, in a table; see mutate.h. */
#include "mutate.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct copy { /* being damaged; data has room for capacity bytes */
    uint8_t *data;
    size_t bytes, capacity;
};

enum { RANGE_BYTES_MAX = 4096 };

__attribute__((format(printf, 2, 3)))
static void describe(struct mutate *m, const char *format, ...) {
    size_t used = strlen(m->what);
    va_list args;
    if (used > 0 && used + 3 < sizeof m->what) {
        memcpy(m->what + used, "; ", 3);
        used += 2;
    }
    va_start(args, format);
    vsnprintf(m->what + used, sizeof m->what - used, format, args);
    va_end(args);
}

static size_t below(struct mutate *m, size_t n) {
    return (size_t)random_below(&m->random, n);
}

/* A position in the hot part; the copy is not empty. */
static size_t position(struct mutate *m, const struct copy *c) {
    size_t hot = m->options.hot_bytes;
    return below(m, hot > 0 && hot < c->bytes ? hot : c->bytes);
}

/* Lengths of all magnitudes are alike likely: 1 to 4096, at most what is left. */
static size_t range_bytes(struct mutate *m, size_t left) {
    size_t bytes = 1 + below(m, (size_t)1 << below(m, 13));
    if (bytes > RANGE_BYTES_MAX) bytes = RANGE_BYTES_MAX;
    return bytes < left ? bytes : left;
}

/* Puts bytes in at `at`, moving the rest back; without room the end falls off. */
static void insert(struct copy *c, size_t at, const void *bytes, size_t count) {
    if (count > c->capacity - c->bytes) count = c->capacity - c->bytes;
    memmove(c->data + at + count, c->data + at, c->bytes - at);
    memcpy(c->data + at, bytes, count);
    c->bytes += count;
}

static void flip_bit(struct mutate *m, struct copy *c) {
    size_t at = position(m, c), bit = below(m, 8);
    c->data[at] = (uint8_t)(c->data[at] ^ (1u << bit));
    describe(m, "bit %zu of byte %zu flipped", bit, at);
}

static void set_byte(struct mutate *m, struct copy *c) {
    static const uint8_t extremes[] = {0x00, 0x01, 0x20, 0x7F, 0x80, 0xC0, 0xFE, 0xFF};
    size_t at = position(m, c);
    c->data[at] = extremes[below(m, sizeof extremes)];
    describe(m, "byte %zu set to 0x%02x", at, c->data[at]);
}

/* A field of 4 or 8 bytes becomes a length that breaks arithmetic. */
static void set_length(struct mutate *m, struct copy *c) {
    static const uint64_t extremes[] = {
        0,          1,          0x7FFFFFFF,          0x80000000,          0xFFFFFFFF,
        0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF,
        0xFFFFFFFFFFFFFFF0, 0x2000000000000000, 0x4000000000000001,
    };
    size_t field = below(m, 2) == 0 ? 4 : 8;
    if (c->bytes < field) field = c->bytes;
    size_t at = position(m, c);
    if (below(m, 2) == 0) at &= ~(size_t)3; /* fields are often aligned */
    if (at > c->bytes - field) at = c->bytes - field;
    uint64_t value = 0;
    memcpy(&value, c->data + at, field);
    uint64_t old = value;
    switch (below(m, 4)) {
    case 0: value++; break;
    case 1: value--; break;
    case 2: value *= 2 + below(m, 255); break;
    default: value = extremes[below(m, sizeof extremes / sizeof *extremes)]; break;
    }
    memcpy(c->data + at, &value, field);
    describe(m, "%zu bytes at %zu: %llu to %llu", field, at, (unsigned long long)old,
             (unsigned long long)value);
}

static void cut(struct mutate *m, struct copy *c) {
    c->bytes = below(m, 4) == 0 ? below(m, c->bytes) : position(m, c);
    describe(m, "cut to %zu bytes", c->bytes);
}

static void remove_range(struct mutate *m, struct copy *c) {
    size_t at = position(m, c), count = range_bytes(m, c->bytes - at);
    memmove(c->data + at, c->data + at + count, c->bytes - at - count);
    c->bytes -= count;
    describe(m, "%zu bytes at %zu removed", count, at);
}

static void repeat_range(struct mutate *m, struct copy *c) {
    uint8_t range[RANGE_BYTES_MAX];
    size_t at = position(m, c), count = range_bytes(m, c->bytes - at);
    memcpy(range, c->data + at, count);
    insert(c, at, range, count);
    describe(m, "%zu bytes at %zu repeated", count, at);
}

static void move_range(struct mutate *m, struct copy *c) {
    uint8_t range[RANGE_BYTES_MAX];
    size_t from = position(m, c), count = range_bytes(m, c->bytes - from);
    memcpy(range, c->data + from, count);
    memmove(c->data + from, c->data + from + count, c->bytes - from - count);
    c->bytes -= count;
    size_t to = c->bytes > 0 ? position(m, c) : 0;
    insert(c, to, range, count);
    describe(m, "%zu bytes moved from %zu to %zu", count, from, to);
}

static void overwrite_range(struct mutate *m, struct copy *c) {
    size_t from = position(m, c), to = position(m, c);
    size_t count = range_bytes(m, c->bytes - (from > to ? from : to));
    memmove(c->data + to, c->data + from, count);
    describe(m, "%zu bytes at %zu overwritten by those at %zu", count, to, from);
}

static void zero_range(struct mutate *m, struct copy *c) {
    size_t at = position(m, c), count = range_bytes(m, c->bytes - at);
    memset(c->data + at, 0, count);
    describe(m, "%zu bytes at %zu zeroed", count, at);
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* The first decimal number after a position becomes another; without one a byte changes. */
static void set_number(struct mutate *m, struct copy *c) {
    static const char *const numbers[] = {
        "0", "-1", "2147483648", "9223372036854775808", "1e999", "0.5", "99999999999999999999999",
        "-0", "00", "1e-400", "NaN", "\"1\"",
    };
    size_t at = position(m, c);
    while (at < c->bytes && !is_digit(c->data[at])) at++;
    if (at == c->bytes) {
        set_byte(m, c);
        return;
    }
    size_t end = at;
    while (end < c->bytes && is_digit(c->data[end])) end++;
    const char *number = numbers[below(m, sizeof numbers / sizeof *numbers)];
    memmove(c->data + at, c->data + end, c->bytes - end);
    c->bytes -= end - at;
    insert(c, at, number, strlen(number));
    describe(m, "number at %zu became %s", at, number);
}

static void insert_word(struct mutate *m, struct copy *c) {
    size_t count = 0;
    while (m->options.words != NULL && m->options.words[count] != NULL) count++;
    if (count == 0) {
        flip_bit(m, c);
        return;
    }
    const char *word = m->options.words[below(m, count)];
    size_t at = position(m, c);
    insert(c, at, word, strlen(word));
    describe(m, "'%s' inserted at %zu", word, at);
}

static void (*const kinds[])(struct mutate *m, struct copy *c) = {
    flip_bit,   set_byte,        set_length, cut,        remove_range, repeat_range,
    move_range, overwrite_range, zero_range, set_number, insert_word,
};

void mutate_init(struct mutate *m, const struct mutate_options *options) {
    *m = (struct mutate){.options = *options};
    random_init(&m->random, options->seed);
}

uint8_t *mutate_next(struct mutate *m, const uint8_t *input, size_t bytes, size_t *bytes_out) {
    enum { KINDS = sizeof kinds / sizeof *kinds, DAMAGES_MAX = 3 };
    /* One damage adds at most a range or a word. */
    struct copy c = {.bytes = bytes, .capacity = bytes + (size_t)DAMAGES_MAX * RANGE_BYTES_MAX};
    c.data = malloc(c.capacity);
    if (c.data == NULL) abort();
    if (bytes > 0) memcpy(c.data, input, bytes);
    m->what[0] = 0;
    /* The first damage goes round the table, further ones are drawn. */
    size_t damages = 1 + (below(m, 3) == 0 ? 1 + below(m, DAMAGES_MAX - 1) : 0);
    for (size_t i = 0; i < damages && c.bytes > 0; i++)
        kinds[i == 0 ? m->turn++ % KINDS : below(m, KINDS)](m, &c);
    /* A block of its own exact size: what reads past the end is caught. */
    uint8_t *exact = malloc(c.bytes > 0 ? c.bytes : 1);
    if (exact == NULL) abort();
    memcpy(exact, c.data, c.bytes);
    free(c.data);
    *bytes_out = c.bytes;
    return exact;
}

char *mutate_next_text(struct mutate *m, const char *input, size_t bytes, size_t *bytes_out) {
    uint8_t *damaged = mutate_next(m, (const uint8_t *)input, bytes, bytes_out);
    char *text = realloc(damaged, *bytes_out + 1);
    if (text == NULL) abort();
    text[*bytes_out] = 0;
    return text;
}

const char *mutate_what(const struct mutate *m) {
    return m->what[0] == 0 ? "nothing damaged" : m->what;
}
