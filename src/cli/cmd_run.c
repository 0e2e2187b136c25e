/* cmd_run.c - `longhaul run`: one question, or a conversation on the terminal.
 *
 * The answer goes to stdout and nothing else does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/chat_session.h"
#include "cli/command.h"
#include "cli/load_native.h"
#include "config/nearest.h"

enum { STDIN_BYTES_MAX = 64 << 20 };

static bool read_stdin(struct str *out, struct error *err) {
    char piece[1 << 16];
    ssize_t n;
    while ((n = read(STDIN_FILENO, piece, sizeof piece)) > 0) {
        if (out->len + (size_t)n > STDIN_BYTES_MAX)
            return error_set(err, ERR_ARGUMENT, "stdin has more than %d bytes", STDIN_BYTES_MAX);
        str_add(out, piece, (size_t)n);
    }
    if (out->failed)
        return error_set(err, ERR_MEMORY, "no memory for the text on stdin");
    return n == 0 || error_set_errno(err, "stdin");
}

/* ---- the conversation's commands ---- */

enum verdict { GO_ON, ASK, LEAVE }; /* what a line means: nothing to ask, a question, the end */

typedef enum verdict line_fn(struct chat_session *s, const char *argument, struct error *err);

static enum verdict line_help(struct chat_session *s, const char *argument, struct error *err);

static enum verdict line_clear(struct chat_session *s, const char *argument, struct error *err) {
    (void)argument;
    if (chat_session_clear(s, err))
        fprintf(stderr, "[forgotten]\n");
    return GO_ON;
}

static enum verdict line_system(struct chat_session *s, const char *argument, struct error *err) {
    static struct str text; /* lives as long as the conversation: one a process */
    str_clear(&text);
    str_add_text(&text, argument);
    s->system = *argument != '\0' ? str_text(&text) : NULL;
    if (chat_session_clear(s, err))
        fprintf(stderr, "[system message %s; the conversation begins again]\n",
                s->system != NULL ? "set" : "removed");
    return GO_ON;
}

static enum verdict line_save(struct chat_session *s, const char *argument, struct error *err) {
    if (*argument == '\0')
        error_set(err, ERR_ARGUMENT, "usage: /save FILE");
    else if (chat_session_save(s, argument, err))
        fprintf(stderr, "[saved to %s]\n", argument);
    return GO_ON;
}

static enum verdict line_stats(struct chat_session *s, const char *argument, struct error *err) {
    (void)argument, (void)err;
    s->stats = !s->stats;
    fprintf(stderr, "[statistics %s]\n", s->stats ? "on" : "off");
    return GO_ON;
}

static enum verdict line_retry(struct chat_session *s, const char *argument, struct error *err) {
    (void)argument;
    size_t count = json_array_size(s->messages);
    const char *role = json_string_value(
        json_object_get(json_array_get(s->messages, count - (count > 0)), "role"));
    if (role == NULL || strcmp(role, "assistant") != 0) {
        error_set(err, ERR_ARGUMENT, "there is no answer to make again");
        return GO_ON;
    }
    chat_session_drop_last(s);
    return ASK;
}

static enum verdict line_quit(struct chat_session *s, const char *argument, struct error *err) {
    (void)s, (void)argument, (void)err;
    return LEAVE;
}

static const struct {
    const char *name, *argument, *help;
    line_fn *run;
} lines[] = {
    {"/help", "", "this", line_help},
    {"/clear", "", "forget the conversation", line_clear},
    {"/system", " TEXT", "begin again with this system message", line_system},
    {"/retry", "", "answer the last question again", line_retry},
    {"/save", " FILE", "write the conversation to a file as JSON", line_save},
    {"/stats", "", "turn the line of statistics on or off", line_stats},
    {"/quit", "", "leave (or Ctrl-D)", line_quit},
};

static enum verdict line_help(struct chat_session *s, const char *argument, struct error *err) {
    (void)s, (void)argument, (void)err;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        fprintf(stderr, "  %s%-*s %s\n", lines[i].name, (int)(14 - strlen(lines[i].name)),
                lines[i].argument, lines[i].help);
    fprintf(stderr, "  a line that ends in \\ goes on in the next one; Ctrl-C stops an answer\n");
    return GO_ON;
}

static enum verdict run_line(struct chat_session *s, const char *line, struct error *err) {
    size_t len = strcspn(line, " ");
    struct nearest near;
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)len, line);
    nearest_init(&near, name);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        nearest_offer(&near, lines[i].name);
        if (strcmp(name, lines[i].name) == 0)
            return lines[i].run(s, line + len + strspn(line + len, " "), err);
    }
    error_set(err, ERR_ARGUMENT, "there is no %s%s%s; /help lists the commands", name,
              nearest_best(&near) != NULL ? ", did you mean " : "",
              nearest_best(&near) != NULL ? nearest_best(&near) : "");
    return GO_ON;
}

/* ---- the conversation ---- */

/* Reads a question, over several lines where they end in a backslash.  False at the end of input.
 */
static bool read_question(struct str *out) {
    char *line = NULL;
    size_t capacity = 0;
    bool more = true, got = false;
    str_clear(out);
    fputs("> ", stderr);
    while (more) {
        errno = 0;
        ssize_t len = getline(&line, &capacity, stdin);
        if (len < 0 && errno == EINTR) { /* Ctrl-C: the line is dropped */
            clearerr(stdin);
            chat_session_interrupted();
            str_clear(out);
            fputs("\n> ", stderr);
            continue;
        }
        if (len < 0)
            break;
        got = true;
        if (len > 0 && line[len - 1] == '\n')
            len--;
        more = len > 0 && line[len - 1] == '\\';
        str_add(out, line, (size_t)(len - more));
        if (more) {
            str_add_char(out, '\n');
            fputs(". ", stderr);
        }
    }
    free(line);
    return got;
}

static void say(struct error *err) {
    if (err->code != ERR_NONE)
        fprintf(stderr, "longhaul: %s\n", err->text);
    *err = (struct error){0};
}

static void converse(struct chat_session *s) {
    struct str question = {0};
    bool cancelled;
    fprintf(stderr, "Ctrl-C stops an answer, Ctrl-D leaves, /help lists commands.\n");
    while (read_question(&question)) {
        struct error err = {0};
        enum verdict verdict = ASK;
        if (question.len == 0)
            continue;
        if (str_text(&question)[0] == '/')
            verdict = run_line(s, str_text(&question), &err);
        else if (!chat_session_add(s, "user", str_text(&question), question.len, &err))
            verdict = GO_ON;
        if (verdict == LEAVE)
            break;
        if (verdict == ASK && !chat_session_answer(s, &cancelled, &err))
            chat_session_drop_last(s); /* the question that has no answer */
        say(&err);
    }
    fputc('\n', stderr);
    str_deinit(&question);
}

static bool ask_once(struct chat_session *s, const char *question, struct error *err) {
    struct str text = {0};
    bool cancelled = false, ok = true;
    if (question != NULL)
        str_add_text(&text, question);
    if (!isatty(STDIN_FILENO)) {
        struct str piped = {0};
        ok = read_stdin(&piped, err);
        if (ok && piped.len > 0 && text.len > 0)
            str_add_text(&text, "\n\n");
        str_add(&text, str_text(&piped), piped.len);
        str_deinit(&piped);
    }
    if (ok && text.len == 0)
        ok = error_set(err, ERR_ARGUMENT, "there is no question, and nothing on stdin");
    ok = ok && chat_session_add(s, "user", str_text(&text), text.len, err) &&
         chat_session_answer(s, &cancelled, err);
    str_deinit(&text);
    return ok && (!cancelled || error_set(err, ERR_CANCELLED, "stopped"));
}

static void one_sequence(struct native_options *n, void *arg) {
    (void)arg;
    n->engine.parallel = 1;
}

bool cmd_run(const struct options *o, struct error *err) {
    struct load_config config;
    struct load model = {0};
    struct chat_session s = {0};
    bool ok = false;
    if (!load_config_open(&config, o, err))
        return false;
    if (!load_find(&model, &config, o, o->words[0], err))
        goto done;
    load_log_notes(&model);
    if ((s.native = load_native_open(&model, one_sequence, NULL, err)) == NULL)
        goto done;
    s.system = options_text(o, OPTION_SYSTEM);
    s.max_tokens = (int)options_int(&model.options, OPTION_MAX_TOKENS);
    s.stats =
        options_given(o, OPTION_STATS) ? options_bool(o, OPTION_STATS) : isatty(STDERR_FILENO) != 0;
    load_native_sampling(&model.options, &s.sampling);
    if (!sampling_check(&s.sampling, err) || !chat_session_init(&s, err))
        goto done;
    chat_session_catch_interrupt();
    ok = true;
    if (o->word_count > 1 || !isatty(STDIN_FILENO))
        ok = ask_once(&s, o->word_count > 1 ? o->words[1] : NULL, err);
    else
        converse(&s);
done:
    chat_session_deinit(&s);
    native_close(s.native);
    load_deinit(&model);
    load_config_close(&config);
    return ok;
}
