/* error.c - formatting of struct error; see error.h for the rules.
 *
 * Pure: no allocation, no locks, no output.  A text that does not fit is cut at the end
 * of a UTF-8 sequence, because it travels on into JSON. */
#include "base/error.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[ERR_CODES] = {
    [ERR_NONE] = "none",           [ERR_ARGUMENT] = "argument",
    [ERR_NOT_FOUND] = "not_found", [ERR_FORMAT] = "format",
    [ERR_UNSUPPORTED] = "unsupported", [ERR_CONTEXT] = "context",
    [ERR_MEMORY] = "memory",       [ERR_BUSY] = "busy",
    [ERR_TIMEOUT] = "timeout",     [ERR_CANCELLED] = "cancelled",
    [ERR_IO] = "io",               [ERR_INTERNAL] = "internal",
};

/* Drops the bytes of a UTF-8 sequence that the end of the buffer cut through. */
static void trim_partial_utf8(char *text) {
    size_t len = strlen(text), start = len;
    while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0) return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (len - start < want) text[start - 1] = 0;
}

/* vsnprintf at text[used], cut to fit. */
static void format_at(char *text, size_t used, const char *format, va_list args) {
    size_t room = ERROR_TEXT_BYTES_MAX - used;
    int wanted = vsnprintf(text + used, room, format, args);
    if (wanted < 0)
        text[used] = 0;
    else if ((size_t)wanted >= room)
        trim_partial_utf8(text);
}

bool error_set(struct error *err, enum error_code code, const char *format, ...) {
    if (err == NULL || err->code != ERR_NONE) return false;
    va_list args;
    va_start(args, format);
    format_at(err->text, 0, format, args);
    va_end(args);
    err->code = code == ERR_NONE ? ERR_INTERNAL : code;
    return false;
}

bool error_set_errno(struct error *err, const char *format, ...) {
    int number = errno; /* before anything below can change it */
    if (err == NULL || err->code != ERR_NONE) return false;
    va_list args;
    va_start(args, format);
    format_at(err->text, 0, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    char reason[128];
    /* The GNU strerror_r (_GNU_SOURCE) returns the text, which may not be in the buffer. */
    const char *text = strerror_r(number, reason, sizeof reason);
    if (snprintf(err->text + used, sizeof err->text - used, ": %s", text) < 0)
        err->text[used] = 0;
    err->code = number == ENOENT ? ERR_NOT_FOUND : number == ENOMEM ? ERR_MEMORY : ERR_IO;
    return false;
}

void error_prefix(struct error *err, const char *format, ...) {
    if (err == NULL || err->code == ERR_NONE) return;
    char old[ERROR_TEXT_BYTES_MAX];
    memcpy(old, err->text, sizeof old);
    va_list args;
    va_start(args, format);
    format_at(err->text, 0, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    int wanted = snprintf(err->text + used, sizeof err->text - used, ": %s", old);
    if (wanted >= 0 && (size_t)wanted >= sizeof err->text - used) trim_partial_utf8(err->text);
}

const char *error_code_name(enum error_code code) {
    if ((unsigned)code >= ERR_CODES) return "unknown";
    return code_names[code];
}
