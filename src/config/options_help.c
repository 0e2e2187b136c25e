/* options_help.c - writes the option table for people.  Pure. */
#include "config/options_help.h"
#include <stdio.h>
#include <string.h>

enum { HELP_INDENT = 30 }; /* the column where the sentences begin */

/* UTF-8 continuation bytes take no column. */
static int columns_of(const char *text, size_t len) {
    int columns = 0;
    for (size_t i = 0; i < len; i++)
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    return columns;
}

void options_help_wrap(struct str *out, const char *text, int column, int indent) {
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        int width = columns_of(text, len);
        if (column > indent && column + 1 + width > OPTIONS_HELP_COLUMNS) {
            str_addf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            str_add_char(out, ' ');
            column++;
        }
        str_add(out, text, len);
        column += width;
        text += len + strspn(text + len, " ");
    }
}

/* "default 512 tokens" / "default: as --kv" / "", as the row says. */
static void add_default(struct str *out, const struct option *row) {
    if (row->fallback_note != NULL)
        str_addf(out, "default: %s", row->fallback_note);
    else if (row->fallback != NULL && row->type != OPTION_TYPE_BOOL)
        str_addf(out, "default %s%s%s", row->fallback, row->unit != NULL ? " " : "",
                 row->unit != NULL ? row->unit : "");
    else if (row->fallback != NULL && strcmp(row->fallback, "true") == 0)
        str_addf(out, "default: on; --no-%s: off", row->flag);
}

static void add_choices(struct str *out, const struct option *row) {
    for (const char *c = row->choices; c != NULL && *c != '\0'; c++) {
        if (*c == ' ')
            str_add_text(out, ", ");
        else
            str_add_char(out, *c);
    }
}

/* The sentence, then in brackets what may be given and what is used without. */
static void add_sentence(struct str *out, const struct option *row) {
    struct str note = {0};
    if (row->type == OPTION_TYPE_ENUM)
        add_choices(&note, row);
    else if (row->unit != NULL && row->fallback == NULL)
        str_add_text(&note, row->unit);
    size_t before = note.len;
    add_default(&note, row);
    if (before > 0 && note.len > before) { /* both: a semicolon between them */
        struct str joined = {0};
        str_add(&joined, note.data, before);
        str_add_text(&joined, "; ");
        str_add(&joined, note.data + before, note.len - before);
        str_deinit(&note);
        note = joined;
    }
    str_add_text(out, row->help);
    if (note.len > 0)
        str_addf(out, " (%s)", str_text(&note));
    str_deinit(&note);
}

static void add_row(struct str *out, const struct option *row) {
    char head[80];
    int width;
    if (row->letter != 0)
        width = snprintf(head, sizeof head, "  -%c, --%s%s%s", row->letter, row->flag,
                         row->value != NULL ? " " : "", row->value != NULL ? row->value : "");
    else
        width = snprintf(head, sizeof head, "      --%s%s%s", row->flag,
                         row->value != NULL ? " " : "", row->value != NULL ? row->value : "");
    width = columns_of(head, (size_t)width);
    str_add_text(out, head);
    if (width + 1 > HELP_INDENT)
        str_addf(out, "\n%*s", HELP_INDENT, "");
    else
        str_addf(out, "%*s", HELP_INDENT - width, "");
    struct str sentence = {0};
    add_sentence(&sentence, row);
    options_help_wrap(out, str_text(&sentence), HELP_INDENT, HELP_INDENT);
    str_add_char(out, '\n');
    str_deinit(&sentence);
}

void options_help(struct str *out, enum option_command command) {
    const struct option *row;
    const char *section = "";
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        if (!(row->commands & command) || row->flag == NULL)
            continue;
        /* Rows of one section need not be neighbours in the table: all of them go under its
         * first heading. */
        bool seen = false;
        for (int j = 0; j < i; j++) {
            const struct option *earlier = option_at(j);
            seen = seen || ((earlier->commands & command) && earlier->flag != NULL &&
                            strcmp(earlier->section, row->section) == 0);
        }
        if (seen)
            continue;
        section = row->section;
        str_addf(out, "\n%s:\n", section);
        for (int j = i; (row = option_at(j)) != NULL; j++) {
            if ((row->commands & command) && row->flag != NULL &&
                strcmp(row->section, section) == 0)
                add_row(out, row);
        }
    }
}

/* ---- Markdown ---- */

/* A cell: "|" would end it. */
static void add_cell(struct str *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '|' || *text == '<')
            str_add_char(out, '\\');
        str_add_char(out, *text);
    }
}

static void add_values(struct str *out, const struct option *row) {
    switch (row->type) {
    case OPTION_TYPE_BOOL: str_add_text(out, "true, false"); break;
    case OPTION_TYPE_INT:
    case OPTION_TYPE_REAL:
    case OPTION_TYPE_INTS:
        str_addf(out, "%.15g … %.15g%s%s", row->min, row->max, row->unit != NULL ? " " : "",
                 row->unit != NULL ? row->unit : "");
        break;
    case OPTION_TYPE_BYTES: str_add_text(out, "bytes, or with K, M, G, T"); break;
    case OPTION_TYPE_ENUM: add_choices(out, row); break;
    case OPTION_TYPE_STRING: str_add_text(out, row->value != NULL ? row->value : "text"); break;
    case OPTION_TYPE_LIST: str_addf(out, "%s, up to %d times", row->value, OPTION_LIST_MAX); break;
    }
}

static void add_fallback(struct str *out, const struct option *row) {
    if (row->fallback_note != NULL)
        add_cell(out, row->fallback_note);
    else if (row->fallback != NULL)
        str_addf(out, "`%s`", row->fallback);
    else
        str_add_text(out, "none");
}

void options_markdown(struct str *out, enum option_command command) {
    const struct option *row;
    str_add_text(out,
                 "| option | value | default | meaning | environment |\n|---|---|---|---|---|\n");
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        if (!(row->commands & command) || row->flag == NULL)
            continue;
        str_addf(out, "| `--%s`", row->flag);
        if (row->letter != 0)
            str_addf(out, ", `-%c`", row->letter);
        str_add_text(out, " | ");
        add_values(out, row);
        str_add_text(out, " | ");
        add_fallback(out, row);
        str_add_text(out, " | ");
        add_cell(out, row->help);
        str_add_text(out, " | ");
        for (const char *at = row->environment; at != NULL && *at != '\0';) {
            size_t len = strcspn(at, " ");
            str_addf(out, "`%.*s`", (int)len, at);
            at += len;
            if (*at == ' ') {
                str_add_text(out, ", ");
                at++;
            }
        }
        str_add_text(out, " |\n");
    }
}

void options_markdown_keys(struct str *out) {
    const struct option *row;
    str_add_text(out, "| key | value | default | meaning | flag |\n|---|---|---|---|---|\n");
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        if (row->key == NULL)
            continue;
        str_addf(out, "| `%s` | ", row->key);
        add_values(out, row);
        str_add_text(out, " | ");
        add_fallback(out, row);
        str_add_text(out, " | ");
        add_cell(out, row->help);
        if (row->flag != NULL)
            str_addf(out, " | `--%s` |\n", row->flag);
        else
            str_add_text(out, " | |\n");
    }
}
