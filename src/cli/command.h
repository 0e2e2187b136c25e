/* command.h - what a command is: a row in commands.c, and one function in cmd_<name>.c.
 *
 * A command gets its options parsed (flags and environment), prints its result to stdout and talk
 * to stderr, and returns false with an error for main() to print and to turn into an exit code.
 * Commands run on the main thread, one a process. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H
#include "base/error.h"
#include "config/options.h"

typedef bool command_fn(const struct options *o, struct error *err);

struct command {
    const char *name;
    enum option_command id;
    const char *arguments;     /* after the name, as --help shows it */
    int words_min, words_max;  /* how many words that are no option */
    const char *summary;       /* one line of `longhaul --help` */
    const char *description;   /* a paragraph of `longhaul NAME --help` */
    const char *examples;      /* lines without "longhaul " before, or NULL */
    command_fn *run;
};

const struct command *command_at(int index);            /* NULL past the end */
const struct command *command_find(const char *name);   /* NULL: unknown */
/* ERR_ARGUMENT that names the nearest command; always false. */
bool command_unknown(const char *name, struct error *err);

command_fn cmd_run, cmd_serve, cmd_inspect, cmd_tokenize, cmd_perplexity, cmd_bench, cmd_pull,
    cmd_cache, cmd_help, cmd_version;

/* `longhaul --help` and `longhaul NAME --help`, on stdout. */
void cmd_help_overview(void);
void cmd_help_command(const struct command *c);

#endif
