/* log.h - one event, one line on stderr: time level event key=value …
 *
 * Fields are a printf of key=value pairs; a value with spaces is quoted by the
 * caller (log_quote).  Thread-safe: a line is one write().  Never called in kernels.
 *
 *     2026-11-23T20:51:07.123Z info  request_done id=7 prompt=812 cached=790 … */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level); /* default INFO; once, at start */
bool log_enabled(enum log_level level);

void log_event(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_error(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* text as a double-quoted, escaped value, cut to fit out_bytes; returns out. */
const char *log_quote(char *out, int out_bytes, const char *text);

#endif
