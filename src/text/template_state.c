/* template_state.c - budgets and errors of one compilation or render; see the header. */
#include "text/template_state.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { EXCERPT_BYTES_MAX = 60 };

struct place {
    int line, column; /* from 1; columns count bytes */
    struct span excerpt; /* from the place to the end of its line */
};

static struct place locate(const struct template_state *s) {
    struct place p = {.line = 1, .column = 1};
    size_t at = s->at < s->source.len ? s->at : s->source.len;
    for (size_t i = 0; i < at; i++) {
        p.column++;
        if (s->source.data[i] == '\n') {
            p.line++;
            p.column = 1;
        }
    }
    const char *text = s->source.data + at;
    size_t rest = s->source.len - at, len = 0;
    while (len < rest && len < EXCERPT_BYTES_MAX && text[len] != '\n') len++;
    /* not half a character: a continuation byte is 10xxxxxx */
    while (len > 0 && len < rest && ((unsigned char)text[len] & 0xC0) == 0x80) len--;
    p.excerpt = (struct span){text, len};
    return p;
}

bool template_state_fail(struct template_state *s, enum error_code code, const char *format, ...) {
    if (s->failed) return false;
    s->failed = true;
    char message[ERROR_TEXT_BYTES_MAX / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    struct place p = locate(s);
    if (p.excerpt.len)
        return error_set(s->err, code, "%.80s, line %d, column %d: %s, at \"%.*s\"", s->name,
                         p.line, p.column, message, (int)p.excerpt.len, p.excerpt.data);
    return error_set(s->err, code, "%.80s, line %d, column %d: %s", s->name, p.line, p.column,
                     message);
}

bool template_state_refuse(struct template_state *s, struct span message) {
    if (s->failed) return false;
    s->failed = true;
    size_t len = message.len < ERROR_TEXT_BYTES_MAX / 2 ? message.len : ERROR_TEXT_BYTES_MAX / 2;
    return error_set(s->err, ERR_ARGUMENT, "%.*s (said by %.80s, line %d)", (int)len, message.data,
                     s->name, locate(s).line);
}

void *template_state_alloc(struct template_state *s, size_t bytes) {
    return template_state_array(s, 1, bytes);
}

void *template_state_array(struct template_state *s, size_t count, size_t bytes) {
    void *p = arena_array(s->arena, count, bytes);
    if (!p)
        template_state_fail(s, ERR_MEMORY, "more than %zu MB of memory", s->arena->bytes_max >> 20);
    return p;
}

bool template_state_spend(struct template_state *s, uint64_t steps) {
    if (s->failed) return false;
    if (steps <= (uint64_t)s->steps_left) {
        s->steps_left -= (int64_t)steps;
        return true;
    }
    s->steps_left = 0;
    return template_state_fail(s, ERR_ARGUMENT, "more than %d steps", TEMPLATE_STEPS_MAX);
}

bool template_state_spend_bytes(struct template_state *s, size_t bytes) {
    return template_state_spend(s, 1 + bytes / 64);
}

bool template_state_enter(struct template_state *s) {
    if (s->failed) return false;
    if (s->depth >= TEMPLATE_DEPTH_MAX)
        return template_state_fail(s, ERR_ARGUMENT, "nested more than %d levels deep",
                                   TEMPLATE_DEPTH_MAX);
    s->depth++;
    return true;
}

void template_state_leave(struct template_state *s) {
    s->depth--;
}
