/* test_commands.c - the table of commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/command.h"

static void every_command_is_complete_and_found_by_its_name(void **state) {
    (void)state;
    const struct command *c;
    unsigned seen = 0;
    for (int i = 0; (c = command_at(i)) != NULL; i++) {
        assert_ptr_equal(command_find(c->name), c);
        assert_non_null(c->run);
        assert_true(strlen(c->summary) > 0 && strlen(c->summary) < 60);
        assert_int_equal(c->description[strlen(c->description) - 1], '.');
        assert_true(c->words_min <= c->words_max && c->words_max <= OPTION_WORDS_MAX);
        assert_int_equal(seen & (unsigned)c->id, 0);
        seen |= (unsigned)c->id;
    }
    assert_null(command_at(-1));
}

static void every_command_takes_help(void **state) {
    (void)state;
    const struct command *c;
    for (int i = 0; (c = command_at(i)) != NULL; i++)
        assert_true(option_row(OPTION_HELP)->commands & (unsigned)c->id);
}

static void an_unknown_command_names_the_nearest(void **state) {
    (void)state;
    struct error err = {0};
    assert_null(command_find("srve"));
    assert_false(command_unknown("srve", &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "did you mean \"serve\"?"));
    err = (struct error){0};
    assert_false(command_unknown("frobnicate", &err));
    assert_non_null(strstr(err.text, "longhaul --help"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_complete_and_found_by_its_name),
        cmocka_unit_test(every_command_takes_help),
        cmocka_unit_test(an_unknown_command_names_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
