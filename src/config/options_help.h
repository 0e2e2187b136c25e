/* options_help.h - the option table as text: for --help, and for docs/options.md. */
#ifndef CONFIG_OPTIONS_HELP_H
#define CONFIG_OPTIONS_HELP_H
#include "base/str.h"
#include "config/options.h"

enum { OPTIONS_HELP_COLUMNS = 100 };

/* The options of one command, under their sections, with unit and default. */
void options_help(struct str *out, enum option_command command);

/* The options of one command as a Markdown table. */
void options_markdown(struct str *out, enum option_command command);

/* Every key of an entry of models.json as a Markdown table. */
void options_markdown_keys(struct str *out);

/* Appends text, wrapped at OPTIONS_HELP_COLUMNS; lines after the first begin with `indent` spaces.
 * `column` is where the cursor stands. */
void options_help_wrap(struct str *out, const char *text, int column, int indent);

#endif
