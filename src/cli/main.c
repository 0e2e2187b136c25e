/* main.c - the command line: which command, its options, its exit code.
 *
 * stdout is the result, stderr is talk, the exit code the verdict: 0 done, 1 failed, 2 called
 * wrongly, 130 stopped by the user. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "cli/command.h"

/* The one place where an error's code becomes an exit code. */
static int exit_code(enum error_code code) {
    static const int codes[ERR_CODES] = {
        [ERR_NONE] = 0,        [ERR_ARGUMENT] = 2,
        [ERR_NOT_FOUND] = 1,   [ERR_FORMAT] = 1,
        [ERR_UNSUPPORTED] = 1, [ERR_CONTEXT] = 1,
        [ERR_MEMORY] = 1,      [ERR_BUSY] = 1,
        [ERR_TIMEOUT] = 1,     [ERR_IO] = 1,
        [ERR_INTERNAL] = 1,    [ERR_CANCELLED] = 130, /* 128 + SIGINT, as shells have it */
    };
    return codes[code];
}

static int fail(const struct error *err) {
    fprintf(stderr, "longhaul: %s\n", err->text);
    return exit_code(err->code);
}

static void set_log_level(const struct options *o, enum option_command command) {
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {{"error", LOG_LEVEL_ERROR},
                  {"warn", LOG_LEVEL_WARN},
                  {"info", LOG_LEVEL_INFO},
                  {"debug", LOG_LEVEL_DEBUG}};
    const char *name = options_text(o, OPTION_LOG_LEVEL);
    if (name == NULL)
        name = command == COMMAND_SERVE ? "info" : "warn";
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(levels[i].name, name) == 0)
            log_set_level(levels[i].level);
    }
}

static bool check_words(const struct command *c, const struct options *o, struct error *err) {
    if (o->word_count < c->words_min)
        return error_set(err, ERR_ARGUMENT, "usage: longhaul %s %s; see `longhaul %s --help`",
                         c->name, c->arguments, c->name);
    if (o->word_count > c->words_max)
        return error_set(err, ERR_ARGUMENT,
                         "\"%.60s\" is one word too many for `longhaul %s %s`; a text with spaces "
                         "goes in quotes",
                         o->words[c->words_max], c->name, c->arguments);
    return true;
}

static int run_command(const struct command *c, int argc, char **argv) {
    struct options o;
    struct error err = {0};
    options_init(&o);
    if (!options_parse(&o, c->id, c->name, argc, argv, &err))
        return fail(&err);
    if (options_bool(&o, OPTION_HELP)) {
        cmd_help_command(c);
        return 0;
    }
    if (!options_read_environment(&o, c->id, &err) || !check_words(c, &o, &err))
        return fail(&err);
    set_log_level(&o, c->id);
    if (!c->run(&o, &err))
        return fail(&err);
    /* A full disk or a closed pipe behind stdout is a failure like any other. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        error_set_errno(&err, "stdout");
        return fail(&err);
    }
    return 0;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN); /* a client or a pipe that went away is an error code, not a death */
    signal(SIGXFSZ, SIG_IGN); /* and so is a file that grew to the limit of its size */
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        cmd_help_overview();
        return argc > 1 ? 0 : 2;
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *c = command_find(name);
    if (c == NULL) {
        struct error err = {0};
        command_unknown(name, &err);
        return fail(&err);
    }
    return run_command(c, argc - 2, argv + 2);
}
