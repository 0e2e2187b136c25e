/* test_options_help.c - the table as people read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/options_help.h"

static int columns_of(const char *line, size_t len) {
    int columns = 0;
    for (size_t i = 0; i < len; i++)
        columns += ((unsigned char)line[i] & 0xC0) != 0x80;
    return columns;
}

static void no_line_is_wider_than_a_terminal(void **state) {
    (void)state;
    for (unsigned command = 1; command <= COMMAND_VERSION; command *= 2) {
        struct str out = {0};
        options_help(&out, (enum option_command)command);
        for (const char *line = str_text(&out); *line != '\0';) {
            size_t len = strcspn(line, "\n");
            if (columns_of(line, len) > OPTIONS_HELP_COLUMNS)
                fail_msg("too wide: %.*s", (int)len, line);
            line += len + (line[len] == '\n');
        }
        str_deinit(&out);
    }
}

static void help_shows_every_option_of_the_command_with_unit_and_default(void **state) {
    (void)state;
    struct str out = {0};
    const struct option *row;
    options_help(&out, COMMAND_SERVE);
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        char flag[64];
        if (row->flag == NULL)
            continue;
        snprintf(flag, sizeof flag, "--%s%s", row->flag, row->value != NULL ? " " : "");
        if (row->commands & COMMAND_SERVE)
            assert_non_null(strstr(str_text(&out), flag));
    }
    assert_non_null(strstr(str_text(&out), "default 2048"));
    assert_non_null(strstr(str_text(&out), "default 8027"));
    assert_null(strstr(str_text(&out), "--depths"));
    str_deinit(&out);
}

static void every_heading_stands_once(void **state) {
    (void)state;
    struct str out = {0};
    options_help(&out, COMMAND_RUN);
    const char *first = strstr(str_text(&out), "\nAnswer:\n");
    assert_non_null(first);
    assert_null(strstr(first + 1, "\nAnswer:\n"));
    str_deinit(&out);
}

static void markdown_lists_every_key_of_models_json(void **state) {
    (void)state;
    struct str out = {0};
    const struct option *row;
    options_markdown_keys(&out);
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        char cell[80];
        if (row->key == NULL)
            continue;
        snprintf(cell, sizeof cell, "| `%s` |", row->key);
        assert_non_null(strstr(str_text(&out), cell));
    }
    str_deinit(&out);
}

static void long_words_are_not_broken(void **state) {
    (void)state;
    struct str out = {0};
    char word[150];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    options_help_wrap(&out, "a", 0, 4);
    options_help_wrap(&out, word, 4, 4);
    assert_non_null(strstr(str_text(&out), word));
    str_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_line_is_wider_than_a_terminal),
        cmocka_unit_test(help_shows_every_option_of_the_command_with_unit_and_default),
        cmocka_unit_test(every_heading_stands_once),
        cmocka_unit_test(markdown_lists_every_key_of_models_json),
        cmocka_unit_test(long_words_are_not_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
