/* reply.c - stop strings; see reply.h.
 *
 * Each stop string is followed by its own automaton (Knuth, Morris, Pratt): after every byte it
 * knows how many bytes at the end of the text are a beginning of the stop string.  The largest of
 * these numbers is exactly what must be held back.  The answer ends with the first byte that
 * completes a stop string, wherever the chunks are cut; of several completed by one byte the
 * longest counts. */
#include "text/reply.h"
#include <stdlib.h>
#include <string.h>

struct stop {
    char *text;
    int len;
    int matched;    /* bytes at the end of the text that begin the stop string */
    uint16_t *back; /* back[i]: the longest proper beginning of text[0..i] that also ends it */
};

struct reply {
    struct stop stops[REPLY_STOPS_MAX];
    int stop_count;
    const struct stop *met;
    bool finished;
    struct str held; /* what waits: the longest `matched` of all */
};
_Static_assert(REPLY_STOP_BYTES_MAX <= UINT16_MAX, "struct stop.back");

static bool stop_init(struct stop *s, const char *text, struct error *err) {
    size_t len = strlen(text);
    s->text = malloc(len + 1);
    s->back = calloc(len, sizeof *s->back);
    if (s->text == NULL || s->back == NULL)
        return error_set(err, ERR_MEMORY, "no memory for a stop string");
    memcpy(s->text, text, len + 1);
    s->len = (int)len;
    for (int i = 1, k = 0; i < s->len; i++) {
        while (k > 0 && text[i] != text[k]) k = s->back[k - 1];
        if (text[i] == text[k]) k++;
        s->back[i] = (uint16_t)k;
    }
    return true;
}

/* The same for one more byte; true when the stop string is complete. */
static bool stop_step(struct stop *s, char c) {
    while (s->matched > 0 && s->text[s->matched] != c) s->matched = s->back[s->matched - 1];
    if (s->text[s->matched] == c) s->matched++;
    return s->matched == s->len;
}

struct reply *reply_open(const char *const *stops, int stop_count, struct error *err) {
    if (stop_count > REPLY_STOPS_MAX) {
        error_set(err, ERR_ARGUMENT, "%d stop strings; at most %d", stop_count, REPLY_STOPS_MAX);
        return NULL;
    }
    struct reply *r = calloc(1, sizeof *r);
    if (r == NULL) {
        error_set(err, ERR_MEMORY, "no memory for an answer");
        return NULL;
    }
    for (int i = 0; i < stop_count; i++) {
        size_t len = strlen(stops[i]);
        if (len == 0) continue; /* clients send "" for none */
        if (len > REPLY_STOP_BYTES_MAX) {
            error_set(err, ERR_ARGUMENT, "stop string %d has %zu bytes; at most %d", i, len,
                      REPLY_STOP_BYTES_MAX);
            reply_close(r);
            return NULL;
        }
        if (!stop_init(&r->stops[r->stop_count++], stops[i], err)) {
            reply_close(r);
            return NULL;
        }
    }
    return r;
}

void reply_close(struct reply *r) {
    if (r == NULL) return;
    for (int i = 0; i < r->stop_count; i++) {
        free(r->stops[i].text);
        free(r->stops[i].back);
    }
    str_deinit(&r->held);
    free(r);
}

/* Takes one byte into the automata; returns the stop string that it completes, or NULL. */
static const struct stop *step_all(struct reply *r, char c) {
    const struct stop *met = NULL;
    for (int i = 0; i < r->stop_count; i++) {
        struct stop *s = &r->stops[i];
        if (stop_step(s, c) && (met == NULL || s->len > met->len)) met = s;
    }
    return met;
}

bool reply_add(struct reply *r, struct span text, struct str *out) {
    if (r->met != NULL || r->finished) return r->met != NULL;
    if (r->stop_count == 0) {
        str_add(out, text.data, text.len);
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        r->met = step_all(r, text.data[i]);
        if (r->met == NULL) continue;
        str_add(&r->held, text.data, i + 1);
        if (r->held.failed)
            out->failed = true;
        else
            str_add(out, r->held.data, r->held.len - (size_t)r->met->len);
        str_clear(&r->held);
        return true;
    }
    size_t keep = 0;
    for (int i = 0; i < r->stop_count; i++)
        if ((size_t)r->stops[i].matched > keep) keep = (size_t)r->stops[i].matched;
    str_add(&r->held, text.data, text.len);
    if (r->held.failed) { /* say so by the same means, and show nothing wrong */
        out->failed = true;
        return false;
    }
    size_t release = r->held.len - keep;
    str_add(out, r->held.data, release);
    str_remove_front(&r->held, release);
    return false;
}

void reply_finish(struct reply *r, struct str *out) {
    if (r->met == NULL && !r->finished) str_add(out, r->held.data, r->held.len);
    r->finished = true;
    str_clear(&r->held);
}

const char *reply_stop(const struct reply *r) {
    return r->met != NULL ? r->met->text : NULL;
}
