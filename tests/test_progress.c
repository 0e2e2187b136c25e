/* test_progress.c - amounts and times as text, and silence without a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <unistd.h>
#include "cli/progress.h"

static void sizes_are_short(void **state) {
    (void)state;
    static const struct {
        int64_t bytes;
        const char *text;
    } sizes[] = {{0, "0 B"},
                 {999, "999 B"},
                 {1000, "1.0 kB"},
                 {491400064, "491 MB"},
                 {1117320768, "1.1 GB"},
                 {24300000, "24.3 MB"},
                 {999999999, "1.0 GB"},
                 {INT64_MAX, "9223372 TB"}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char out[32];
        assert_string_equal(progress_bytes(out, sizeof out, sizes[i].bytes), sizes[i].text);
    }
}

static void times_are_short(void **state) {
    (void)state;
    char out[32];
    assert_string_equal(progress_time(out, sizeof out, 0), "0 s");
    assert_string_equal(progress_time(out, sizeof out, 99), "99 s");
    assert_string_equal(progress_time(out, sizeof out, 190), "3 min 10 s");
    assert_string_equal(progress_time(out, sizeof out, 7500), "2 h 5 min");
}

static void nothing_is_drawn_where_there_is_no_terminal(void **state) {
    (void)state;
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    struct progress p;
    assert_non_null(file);
    dup2(fileno(file), STDERR_FILENO);
    progress_init(&p, "label", PROGRESS_BYTES, 0);
    progress_update(&p, 1, 0);
    progress_update(&p, 5, 10);
    progress_clear(&p);
    dup2(kept, STDERR_FILENO);
    close(kept);
    assert_false(p.shown);
    assert_int_equal(lseek(fileno(file), 0, SEEK_END), 0);
    fclose(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_short),
        cmocka_unit_test(times_are_short),
        cmocka_unit_test(nothing_is_drawn_where_there_is_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
