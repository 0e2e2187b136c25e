/* level.h - runs every test once a kernel level: "avx2: a sentence about behaviour".
 *
 * A test gets its level's name as *state and calls level_kernels(), which skips the test
 * where this CPU cannot run the level. */
#ifndef TESTS_LEVEL_H
#define TESTS_LEVEL_H
#include <stdio.h>
#include "kernels/kernels.h"

/* Levels without operations of their own in these files (dotprod, i8mm) are left out. */
#if defined(__aarch64__)
static char level_names[][8] = {"plain", "neon"};
#else
static char level_names[][8] = {"plain", "avx2", "avx512", "amx"};
#endif
enum {
    LEVELS = sizeof level_names / sizeof level_names[0],
    LEVEL_TESTS_MAX = 32,
    LEVEL_NAME_BYTES = 160
};

static inline void level_kernels(struct kernels *k, void **state) {
    if (kernels_init(k, *state)) return;
    print_message("this CPU does not run level %s\n", (const char *)*state);
    skip();
}

static inline int level_run(const struct CMUnitTest *tests, size_t count) {
    static char names[LEVELS][LEVEL_TESTS_MAX][LEVEL_NAME_BYTES];
    static struct CMUnitTest all[LEVELS * LEVEL_TESTS_MAX];
    assert_in_range(count, 1, LEVEL_TESTS_MAX);
    for (size_t l = 0; l < LEVELS; l++)
        for (size_t t = 0; t < count; t++) {
            struct CMUnitTest *test = &all[l * count + t];
            *test = tests[t];
            snprintf(names[l][t], LEVEL_NAME_BYTES, "%s: %s", level_names[l], tests[t].name);
            test->name = names[l][t];
            test->initial_state = level_names[l];
        }
    return _cmocka_run_group_tests("levels", all, LEVELS * count, NULL, NULL);
}

#endif
