/* chat_session.c - asks generation.h, shows what comes, keeps the conversation. */
#include "cli/chat_session.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "cli/progress.h"

enum { POLL_MS = 100 };

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

void chat_session_catch_interrupt(void) {
    /* No SA_RESTART: waiting for a line ends, too. */
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
}

bool chat_session_interrupted(void) {
    bool was = interrupted != 0;
    interrupted = 0;
    return was;
}

bool chat_session_init(struct chat_session *s, struct error *err) {
    s->messages = json_array();
    return s->messages != NULL ? chat_session_clear(s, err)
                               : error_set(err, ERR_MEMORY, "no memory for a conversation");
}

void chat_session_deinit(struct chat_session *s) {
    json_decref(s->messages);
    s->messages = NULL;
}

bool chat_session_add(struct chat_session *s, const char *role, const char *text, size_t len,
                      struct error *err) {
    json_t *content = json_stringn(text, len);
    if (content == NULL)
        return error_set(err, ERR_ARGUMENT, "the text is not UTF-8");
    json_t *message = json_pack("{s:s,s:o}", "role", role, "content", content);
    return (message != NULL && json_array_append_new(s->messages, message) == 0) ||
           error_set(err, ERR_MEMORY, "no memory for a message");
}

void chat_session_drop_last(struct chat_session *s) {
    if (json_array_size(s->messages) > 0)
        json_array_remove(s->messages, json_array_size(s->messages) - 1);
}

bool chat_session_clear(struct chat_session *s, struct error *err) {
    json_array_clear(s->messages);
    return s->system == NULL || chat_session_add(s, "system", s->system, strlen(s->system), err);
}

bool chat_session_save(const struct chat_session *s, const char *path, struct error *err) {
    char *text = json_dumps(s->messages, JSON_INDENT(2));
    bool ok = text != NULL ? file_write_atomic(path, text, strlen(text), err)
                           : error_set(err, ERR_MEMORY, "no memory to save the conversation");
    free(text);
    return ok;
}

struct watch { /* one answer while it is made */
    struct progress bar;
    int64_t start_ms, first_ms; /* first_ms 0: no token yet */
    struct str answer;
};

static void on_progress(struct watch *w, const struct engine_event *e) {
    if (e->queued)
        return;
    w->bar.start_done = e->prompt_cached; /* what cost no time is no speed */
    progress_update(&w->bar, e->prompt_processed, e->prompt_total);
}

static void on_text(struct watch *w, struct span text) {
    progress_clear(&w->bar);
    if (w->first_ms == 0)
        w->first_ms = clock_ms();
    fwrite(text.data, 1, text.len, stdout);
    fflush(stdout);
    str_add(&w->answer, text.data, text.len);
}

static void print_stats(const struct watch *w, const struct generation_event *e) {
    int64_t end_ms = clock_ms();
    int64_t first_ms = w->first_ms != 0 ? w->first_ms : end_ms;
    double prefill_s = (double)(first_ms - w->start_ms) / 1000;
    double decode_s = (double)(end_ms - first_ms) / 1000;
    int computed = e->prompt_tokens - e->cached_tokens;
    /* The first token belongs to the prefill: it is there when that ends. */
    int decoded = e->generated_tokens > 0 ? e->generated_tokens - 1 : 0;
    fprintf(stderr, "[prompt %d tokens, %d from the cache, %.1f s", e->prompt_tokens,
            e->cached_tokens, prefill_s);
    if (prefill_s > 0 && computed > 0)
        fprintf(stderr, " = %.1f tokens/s", computed / prefill_s);
    fprintf(stderr, "; answer %d tokens, %.1f s", e->generated_tokens, decode_s);
    if (decode_s > 0 && decoded > 0)
        fprintf(stderr, " = %.1f tokens/s", decoded / decode_s);
    fprintf(stderr, "]\n");
}

static bool finish(struct chat_session *s, struct watch *w, const struct generation_event *e,
                   bool *cancelled, struct error *err) {
    progress_clear(&w->bar);
    *cancelled = e->finish == GENERATION_CANCELLED;
    if (w->answer.len > 0 && w->answer.data[w->answer.len - 1] != '\n')
        putchar('\n');
    fflush(stdout);
    if (e->finish == GENERATION_ERROR) {
        *err = e->error;
        return false;
    }
    if (e->finish == GENERATION_LENGTH && isatty(STDERR_FILENO))
        fprintf(stderr, "[cut: the longest answer or the end of the window]\n");
    if (s->stats)
        print_stats(w, e);
    return chat_session_add(s, "assistant", str_text(&w->answer), w->answer.len, err);
}

bool chat_session_answer(struct chat_session *s, bool *cancelled, struct error *err) {
    struct watch w = {.start_ms = clock_ms()};
    struct generation_event e;
    bool ok = false;
    *cancelled = false;
    struct generation *g = generation_open(
        s->native,
        &(struct generation_request){
            .messages = s->messages, .sampling = s->sampling, .max_tokens = s->max_tokens},
        err);
    if (g == NULL)
        return false;
    progress_init(&w.bar, "reading", PROGRESS_TOKENS, 0);
    for (;;) {
        if (chat_session_interrupted())
            generation_cancel(g);
        if (!generation_next(g, &e, POLL_MS))
            continue;
        if (e.type == GENERATION_PROGRESS)
            on_progress(&w, &e.engine);
        else if (e.type == GENERATION_TEXT)
            on_text(&w, e.text);
        else
            break;
    }
    ok = finish(s, &w, &e, cancelled, err);
    generation_close(g);
    str_deinit(&w.answer);
    return ok;
}
