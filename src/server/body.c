/* body.c - repair, parse, explain; see body.h. */
#include "server/body.h"
#include <string.h>

/* The value of \uXXXX at s (6 bytes), or -1. */
static int escape_at(const char *s, const char *end) {
    if (end - s < 6 || s[0] != '\\' || s[1] != 'u') return -1;
    int value = 0;
    for (int i = 2; i < 6; i++) {
        char c = s[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static void mend_surrogates(char *text, size_t len) {
    char *end = text + len;
    for (char *s = text; (s = memchr(s, '\\', (size_t)(end - s))) != NULL;) {
        int first = escape_at(s, end);
        if (first < 0) { /* another escape: skip what it escapes */
            s += end - s < 2 ? 1 : 2;
            continue;
        }
        if (first < 0xD800 || first > 0xDFFF) {
            s += 6;
            continue;
        }
        int second = first <= 0xDBFF ? escape_at(s + 6, end) : -1;
        if (second >= 0xDC00 && second <= 0xDFFF) {
            s += 12;
            continue;
        }
        memcpy(s, "\\ufffd", 6);
        s += 6;
    }
}

json_t *body_parse(struct str *text, struct error *err) {
    json_error_t where;
    if (text->len == 0) {
        error_set(err, ERR_FORMAT, "the body is empty; send a JSON object");
        return NULL;
    }
    mend_surrogates(text->data, text->len);
    json_t *value = json_loadb(text->data, text->len, JSON_ALLOW_NUL, &where);
    if (value == NULL) {
        error_set(err, ERR_FORMAT, "the body is not valid JSON: line %d, column %d (byte %d): %s",
                  where.line, where.column, where.position, where.text);
        return NULL;
    }
    if (!json_is_object(value)) {
        json_decref(value);
        error_set(err, ERR_FORMAT, "the body must be a JSON object");
        return NULL;
    }
    return value;
}
