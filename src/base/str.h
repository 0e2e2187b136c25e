/* str.h - the one growable byte buffer, and a borrowed slice.
 *
 * A str is always NUL-terminated once it holds something, and may hold NULs.
 * Growth can fail (limit or memory): then `failed` stays set, later adds do
 * nothing, and the caller checks once at the end.  A zeroed struct str is a
 * valid empty one without a limit. */
#ifndef BASE_STR_H
#define BASE_STR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span { /* a loan: bytes that somebody else owns, not NUL-terminated */
    const char *data;
    size_t len;
};

struct str {
    char *data; /* NULL while empty */
    size_t len;
    size_t capacity;
    size_t len_max; /* 0: no limit */
    bool failed;
};

void str_deinit(struct str *s);
void str_clear(struct str *s);                         /* len = 0, keeps memory and limit */
bool str_reserve(struct str *s, size_t more);          /* room for `more` bytes and a NUL */
void str_add(struct str *s, const char *data, size_t len);
void str_add_char(struct str *s, char c);
void str_add_text(struct str *s, const char *text);    /* NUL-terminated */
void str_addf(struct str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void str_remove_front(struct str *s, size_t len);
char *str_take(struct str *s);                         /* caller frees; s is empty after */
const char *str_text(const struct str *s);             /* "" when empty, never NULL */

struct span span_of(const char *text);
bool span_equal(struct span a, struct span b);
bool span_equal_text(struct span a, const char *text);

/* Levenshtein distance of two short names, for "did you mean". */
int str_distance(const char *a, const char *b);

#endif
