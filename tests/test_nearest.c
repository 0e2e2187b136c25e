/* test_nearest.c - "did you mean". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/nearest.h"

static const char *near_to(const char *wanted, const char *const *candidates) {
    struct nearest n;
    nearest_init(&n, wanted);
    for (; *candidates != NULL; candidates++)
        nearest_offer(&n, *candidates);
    return nearest_best(&n);
}

static const char *const options[] = {"context", "models-dir", "top-p", "top-k", "seed", NULL};

static void a_typing_mistake_finds_its_name(void **state) {
    (void)state;
    assert_string_equal(near_to("contxt", options), "context");
    assert_string_equal(near_to("sed", options), "seed");
    assert_string_equal(near_to("top-q", options), "top-p");
}

static void a_part_of_a_name_finds_the_whole(void **state) {
    (void)state;
    assert_string_equal(near_to("dir", options), "models-dir");
    assert_string_equal(near_to("context-size", options), "context");
}

static void case_makes_no_difference(void **state) {
    (void)state;
    assert_string_equal(near_to("SEED", options), "seed");
}

static void a_strange_name_is_near_to_nothing(void **state) {
    (void)state;
    assert_null(near_to("frobnicate", options));
    assert_null(near_to("xy", options));
    assert_null(near_to("", options));
}

static void the_nearest_of_several_wins(void **state) {
    (void)state;
    const char *const names[] = {"batch", "ubatch", "patch", NULL};
    assert_string_equal(near_to("ubatc", names), "ubatch");
    assert_string_equal(near_to("batc", names), "batch");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_typing_mistake_finds_its_name),
        cmocka_unit_test(a_part_of_a_name_finds_the_whole),
        cmocka_unit_test(case_makes_no_difference),
        cmocka_unit_test(a_strange_name_is_near_to_nothing),
        cmocka_unit_test(the_nearest_of_several_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
