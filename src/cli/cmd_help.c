/* cmd_help.c - `longhaul help`, --help of everything, and the Markdown reference (docs/options.md).
 */
#include <stdio.h>
#include <string.h>
#include "cli/command.h"
#include "config/options_help.h"

static void print(struct str *text) {
    fputs(str_text(text), stdout);
    str_deinit(text);
}

void cmd_help_overview(void) {
    struct str out = {0};
    const struct command *c;
    str_add_text(&out, "longhaul - runs local language models with long contexts\n\n"
                       "usage: longhaul COMMAND [ARGUMENTS] [OPTIONS]\n\n");
    for (int i = 0; (c = command_at(i)) != NULL; i++)
        str_addf(&out, "  %-11s %s\n", c->name, c->summary);
    str_add_text(
        &out,
        "\nMODEL is a name from models.json, a name that `longhaul pull --list` shows, the name\n"
        "of a file in the models directory, or the path of a GGUF file.\n\n"
        "to begin:\n"
        "  longhaul pull qwen2.5-coder-0.5b\n"
        "  longhaul run qwen2.5-coder-0.5b \"Write hello world in C.\"\n"
        "  longhaul serve qwen2.5-coder-0.5b\n\n"
        "`longhaul COMMAND --help` lists the options of a command.\n");
    print(&out);
}

static void add_examples(struct str *out, const char *examples, const char *before) {
    for (const char *line = examples; line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        bool whole = memmem(line, len, "longhaul ", 9) != NULL;
        str_addf(out, "%s%s%.*s\n", before, whole ? "" : "longhaul ", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

void cmd_help_command(const struct command *c) {
    struct str out = {0};
    str_addf(&out, "usage: longhaul %s%s%s [OPTIONS]\n\n", c->name, *c->arguments ? " " : "",
             c->arguments);
    options_help_wrap(&out, c->description, 0, 0);
    str_add_char(&out, '\n');
    options_help(&out, c->id);
    if (c->examples != NULL) {
        str_add_text(&out, "\nexamples:\n");
        add_examples(&out, c->examples, "  ");
    }
    print(&out);
}

static void markdown(void) {
    struct str out = {0};
    const struct command *c;
    str_add_text(&out,
                 "# Options\n\n<!-- Made by `longhaul help --markdown`; a test compares. -->\n\n"
                 "Precedence, highest first: the flag, the environment variable, models.json, "
                 "the default.\n\n## Keys of an entry of models.json\n\n");
    options_markdown_keys(&out);
    for (int i = 0; (c = command_at(i)) != NULL; i++) {
        str_addf(&out, "\n## longhaul %s%s%s\n\n%s\n\n", c->name, *c->arguments ? " " : "",
                 c->arguments, c->description);
        options_markdown(&out, c->id);
        if (c->examples != NULL) {
            str_add_text(&out, "\n```sh\n");
            add_examples(&out, c->examples, "");
            str_add_text(&out, "```\n");
        }
    }
    print(&out);
}

bool cmd_help(const struct options *o, struct error *err) {
    if (options_bool(o, OPTION_MARKDOWN)) {
        markdown();
        return true;
    }
    if (o->word_count == 0) {
        cmd_help_overview();
        return true;
    }
    const struct command *c = command_find(o->words[0]);
    if (c == NULL)
        return command_unknown(o->words[0], err);
    cmd_help_command(c);
    return true;
}
