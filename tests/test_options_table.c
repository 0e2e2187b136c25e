/* test_options_table.c - the rows themselves hold together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/options.h"

static void every_id_has_exactly_one_row(void **state) {
    (void)state;
    int seen[OPTION_IDS] = {0};
    for (int i = 0; option_at(i) != NULL; i++)
        seen[option_at(i)->id]++;
    for (int id = 0; id < OPTION_IDS; id++)
        assert_int_equal(seen[id], 1);
    assert_null(option_at(-1));
}

static void every_default_is_a_value_that_its_own_row_takes(void **state) {
    (void)state;
    const struct option *row;
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        struct options o;
        struct error err = {0};
        options_init(&o);
        if (row->fallback != NULL &&
            !options_set(&o, row->id, row->fallback, OPTION_FROM_FLAG, &err))
            fail_msg("%s: %s", row->flag != NULL ? row->flag : row->key, err.text);
    }
}

static void no_two_options_of_a_command_share_a_flag_or_a_letter(void **state) {
    (void)state;
    const struct option *a, *b;
    for (int i = 0; (a = option_at(i)) != NULL; i++) {
        for (int j = 0; (b = option_at(j)) != NULL && j < i; j++) {
            if (!(a->commands & b->commands))
                continue;
            if (a->flag != NULL && b->flag != NULL)
                assert_string_not_equal(a->flag, b->flag);
            assert_true(a->letter == 0 || a->letter != b->letter);
        }
    }
}

static void no_two_options_share_a_key_or_a_variable(void **state) {
    (void)state;
    const struct option *a, *b;
    for (int i = 0; (a = option_at(i)) != NULL; i++) {
        for (int j = 0; (b = option_at(j)) != NULL && j < i; j++) {
            if (a->key != NULL && b->key != NULL)
                assert_string_not_equal(a->key, b->key);
            if (a->environment != NULL && b->environment != NULL)
                assert_string_not_equal(a->environment, b->environment);
        }
    }
}

static void every_row_says_what_it_is_for(void **state) {
    (void)state;
    const struct option *row;
    for (int i = 0; (row = option_at(i)) != NULL; i++) {
        assert_non_null(row->help);
        assert_int_equal(row->help[strlen(row->help) - 1], '.');
        assert_non_null(row->section);
        assert_true(row->flag != NULL || row->key != NULL);
        assert_true(row->flag == NULL || row->commands != 0);
        if (row->type == OPTION_TYPE_ENUM)
            assert_non_null(row->choices);
        if (row->type == OPTION_TYPE_INT || row->type == OPTION_TYPE_REAL)
            assert_true(row->min < row->max);
        if (row->type != OPTION_TYPE_BOOL)
            assert_non_null(row->value);
    }
}

static void a_key_is_found_by_its_dotted_path(void **state) {
    (void)state;
    assert_int_equal(option_by_key("performance.batch")->id, OPTION_BATCH);
    assert_int_equal(option_by_key("context")->id, OPTION_CONTEXT);
    assert_null(option_by_key("performance"));
    assert_null(option_by_key("batch"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_has_exactly_one_row),
        cmocka_unit_test(every_default_is_a_value_that_its_own_row_takes),
        cmocka_unit_test(no_two_options_of_a_command_share_a_flag_or_a_letter),
        cmocka_unit_test(no_two_options_share_a_key_or_a_variable),
        cmocka_unit_test(every_row_says_what_it_is_for),
        cmocka_unit_test(a_key_is_found_by_its_dotted_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
