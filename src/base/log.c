/* log.c - one event, one write() to stderr; see log.h.
 *
 * Any thread.  The only state is the level, set once at start.  A line that is too
 * long is cut and says so; control characters become blanks, so that no value from a
 * client can forge a second line. */
#include "base/log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 4096 }; /* PIPE_BUF: a write of this size to a pipe is never interleaved */

static const char cut_mark[] = " [cut]";
static atomic_int level_max = LOG_LEVEL_INFO;
static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

void log_set_level(enum log_level level) {
    atomic_store_explicit(&level_max, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level) {
    return (int)level <= atomic_load_explicit(&level_max, memory_order_relaxed);
}

static size_t format_head(char *line, size_t room, enum log_level level, const char *event) {
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(line, room, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(line + len, room - len, ".%03ldZ %-5s %s ", now.tv_nsec / 1000000,
                        level_names[level], event);
    if (more < 0) return len;
    return (size_t)more < room - len ? len + (size_t)more : room - 1;
}

/* A log that cannot be written has nobody to tell: the error is dropped. */
static void write_line(const char *line, size_t len) {
    while (len > 0) {
        ssize_t written = write(STDERR_FILENO, line, len);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        line += written;
        len -= (size_t)written;
    }
}

static void log_line(enum log_level level, const char *event, const char *format, va_list args) {
    if (!log_enabled(level)) return;
    int errno_before = errno; /* a log line between a call and its errno changes nothing */
    char line[LINE_BYTES_MAX];
    size_t room = sizeof line - 1; /* the newline */
    size_t len = format_head(line, room, level, event);
    int wanted = vsnprintf(line + len, room - len, format, args);
    if (wanted > 0 && (size_t)wanted < room - len) {
        len += (size_t)wanted;
    } else if (wanted > 0) {
        len = room - sizeof cut_mark;
        memcpy(line + len, cut_mark, sizeof cut_mark - 1);
        len += sizeof cut_mark - 1;
    }
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F) line[i] = ' ';
    while (len > 0 && line[len - 1] == ' ') len--;
    line[len++] = '\n';
    write_line(line, len);
    errno = errno_before;
}

void log_event(const char *event, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_line(LOG_LEVEL_INFO, event, format, args);
    va_end(args);
}

void log_warn(const char *event, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_line(LOG_LEVEL_WARN, event, format, args);
    va_end(args);
}

void log_error(const char *event, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_line(LOG_LEVEL_ERROR, event, format, args);
    va_end(args);
}

void log_debug(const char *event, const char *format, ...) {
    va_list args;
    va_start(args, format);
    log_line(LOG_LEVEL_DEBUG, event, format, args);
    va_end(args);
}

/* The escaped form of the sequence at *text (at most 5 bytes with the NUL), which is
 * moved past it: whole UTF-8 sequences, so that a cut never falls inside one. */
static int escape_next(char piece[5], const char **text) {
    static const char hex[] = "0123456789abcdef";
    unsigned char c = (unsigned char)*(*text)++;
    if (c == '"' || c == '\\') return snprintf(piece, 5, "\\%c", c);
    if (c == '\n') return snprintf(piece, 5, "\\n");
    if (c == '\r') return snprintf(piece, 5, "\\r");
    if (c == '\t') return snprintf(piece, 5, "\\t");
    if (c < 0x20 || c == 0x7F)
        return snprintf(piece, 5, "\\x%c%c", hex[c >> 4], hex[c & 15]);
    int len = 0;
    piece[len++] = (char)c;
    while (c >= 0xC0 && len < 4 && ((unsigned char)**text & 0xC0) == 0x80)
        piece[len++] = *(*text)++;
    piece[len] = 0;
    return len;
}

const char *log_quote(char *out, int out_bytes, const char *text) {
    if (out_bytes <= 0) return "";
    if (out_bytes < 3) { /* no room for two quotes */
        out[0] = 0;
        return out;
    }
    int len = 0, safe = 1; /* safe: where "..." can still be put after a cut */
    int room = out_bytes - 2;
    out[len++] = '"';
    while (*text != 0) {
        char piece[5];
        int more = escape_next(piece, &text);
        if (len + more > room) {
            len = safe;
            for (int dots = 0; dots < 3 && len < room; dots++) out[len++] = '.';
            break;
        }
        memcpy(out + len, piece, (size_t)more);
        len += more;
        if (len + 3 <= room) safe = len;
    }
    out[len++] = '"';
    out[len] = 0;
    return out;
}
