/* str.c - the growable buffer; see str.h.
 *
 * Growth doubles, so n bytes added one by one cost O(n).  An add is whole or not at
 * all: what does not fit under len_max sets `failed` and leaves the text as it was. */
#include "base/str.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 64, DISTANCE_NAME_MAX = 128 };

void str_deinit(struct str *s) {
    free(s->data);
    *s = (struct str){.len_max = s->len_max};
}

void str_clear(struct str *s) {
    s->len = 0;
    s->failed = false;
    if (s->data != NULL) s->data[0] = 0;
}

bool str_reserve(struct str *s, size_t more) {
    if (s->failed) return false;
    size_t need; /* text and NUL */
    if (__builtin_add_overflow(s->len, more, &need) || need > SIZE_MAX / 4 ||
        (s->len_max != 0 && need > s->len_max)) {
        s->failed = true;
        return false;
    }
    need++;
    if (need <= s->capacity) return true;
    size_t capacity = s->capacity < CAPACITY_MIN ? CAPACITY_MIN : s->capacity * 2;
    if (capacity < need) capacity = need;
    if (s->len_max != 0 && capacity > s->len_max + 1) capacity = s->len_max + 1;
    char *data = realloc(s->data, capacity);
    if (data == NULL) {
        s->failed = true;
        return false;
    }
    data[s->len] = 0;
    s->data = data;
    s->capacity = capacity;
    return true;
}

void str_add(struct str *s, const char *data, size_t len) {
    if (len == 0 || !str_reserve(s, len)) return;
    memcpy(s->data + s->len, data, len);
    s->len += len;
    s->data[s->len] = 0;
}

void str_add_char(struct str *s, char c) {
    str_add(s, &c, 1);
}

void str_add_text(struct str *s, const char *text) {
    str_add(s, text, strlen(text));
}

void str_addf(struct str *s, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        s->failed = true;
    else if (str_reserve(s, (size_t)len)) {
        vsnprintf(s->data + s->len, (size_t)len + 1, format, again);
        s->len += (size_t)len;
    }
    va_end(again);
}

void str_remove_front(struct str *s, size_t len) {
    if (len == 0) return;
    if (len >= s->len) {
        s->len = 0;
        if (s->data != NULL) s->data[0] = 0;
        return;
    }
    memmove(s->data, s->data + len, s->len - len + 1); /* with the NUL */
    s->len -= len;
}

char *str_take(struct str *s) {
    char *data = s->failed ? NULL : s->data;
    if (s->failed)
        free(s->data);
    else if (data == NULL)
        data = calloc(1, 1); /* an empty text is a text */
    *s = (struct str){.len_max = s->len_max};
    return data;
}

const char *str_text(const struct str *s) {
    return s->data == NULL ? "" : s->data;
}

struct span span_of(const char *text) {
    return (struct span){text, strlen(text)};
}

bool span_equal(struct span a, struct span b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool span_equal_text(struct span a, const char *text) {
    return span_equal(a, span_of(text));
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

int str_distance(const char *a, const char *b) {
    size_t rows = strlen(a), columns = strlen(b);
    /* Names longer than the table are as far apart as the longer one is long: the
     * caller looks for near names, and near a monster there is none. */
    if (rows > DISTANCE_NAME_MAX || columns > DISTANCE_NAME_MAX) {
        size_t longer = rows > columns ? rows : columns;
        return longer > INT32_MAX ? INT32_MAX : (int)longer;
    }
    int row[DISTANCE_NAME_MAX + 1]; /* row[j]: distance of a[0..i) and b[0..j) */
    for (size_t j = 0; j <= columns; j++) row[j] = (int)j;
    for (size_t i = 1; i <= rows; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= columns; j++) {
            int replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = smaller(replaced, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[columns];
}
