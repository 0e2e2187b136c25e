/* test_error.c - errors keep the first cause and never overflow their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"

static void setting_an_error_returns_false_and_keeps_code_and_text(void **state) {
    (void)state;
    struct error err = {0};
    assert_false(error_set(&err, ERR_CONTEXT, "%d tokens; at most %d", 7, 5));
    assert_int_equal(err.code, ERR_CONTEXT);
    assert_string_equal(err.text, "7 tokens; at most 5");
}

static void the_first_error_wins(void **state) {
    (void)state;
    struct error err = {0};
    error_set(&err, ERR_FORMAT, "first");
    error_set(&err, ERR_IO, "second");
    errno = ENOENT;
    error_set_errno(&err, "third");
    assert_int_equal(err.code, ERR_FORMAT);
    assert_string_equal(err.text, "first");
}

static void nobody_has_to_listen(void **state) {
    (void)state;
    assert_false(error_set(NULL, ERR_IO, "lost"));
    assert_false(error_set_errno(NULL, "lost"));
    error_prefix(NULL, "lost");
}

static void errno_chooses_the_code_and_ends_the_text(void **state) {
    (void)state;
    static const struct {
        int number;
        enum error_code code;
    } rows[] = {{ENOENT, ERR_NOT_FOUND}, {ENOMEM, ERR_MEMORY}, {EACCES, ERR_IO}, {99999, ERR_IO}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err = {0};
        char want[256];
        snprintf(want, sizeof want, "open x: %s", strerror(rows[i].number));
        errno = rows[i].number;
        assert_false(error_set_errno(&err, "open %s", "x"));
        assert_int_equal(err.code, rows[i].code);
        assert_string_equal(err.text, want);
    }
}

static void a_prefix_goes_in_front_of_an_error_only(void **state) {
    (void)state;
    struct error err = {0};
    error_prefix(&err, "model %d", 1);
    assert_int_equal(err.code, ERR_NONE);
    assert_string_equal(err.text, "");
    error_set(&err, ERR_FORMAT, "bad magic");
    error_prefix(&err, "model %d", 1);
    assert_string_equal(err.text, "model 1: bad magic");
    assert_int_equal(err.code, ERR_FORMAT);
}

static void a_text_that_is_too_long_is_cut_to_whole_characters(void **state) {
    (void)state;
    char text[2 * ERROR_TEXT_BYTES_MAX];
    /* U+20AC is three bytes; every phase of the cut is tried. */
    for (size_t phase = 0; phase < 3; phase++) {
        size_t len = 0;
        while (len < phase) text[len++] = 'x';
        while (len + 4 < sizeof text) {
            memcpy(text + len, "\xE2\x82\xAC", 3);
            len += 3;
        }
        text[len] = 0;
        struct error err = {0};
        error_set(&err, ERR_FORMAT, "%s", text);
        size_t kept = strlen(err.text);
        assert_true(kept > ERROR_TEXT_BYTES_MAX - 4);
        assert_int_equal((kept - phase) % 3, 0);
        error_prefix(&err, "file");
        kept = strlen(err.text);
        assert_true(kept > ERROR_TEXT_BYTES_MAX - 4);
        assert_int_equal((kept - strlen("file: ") - phase) % 3, 0);
    }
}

static void a_long_name_before_an_errno_does_not_overflow(void **state) {
    (void)state;
    char name[2 * ERROR_TEXT_BYTES_MAX];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    struct error err = {0};
    errno = ENOENT;
    error_set_errno(&err, "open %s", name);
    assert_int_equal(strlen(err.text), ERROR_TEXT_BYTES_MAX - 1);
    error_prefix(&err, "%s", name);
    assert_int_equal(strlen(err.text), ERROR_TEXT_BYTES_MAX - 1);
}

static void every_code_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int i = 0; i < ERR_CODES; i++) {
        assert_non_null(error_code_name(i));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(error_code_name(i), error_code_name(j));
    }
    assert_string_equal(error_code_name(ERR_CONTEXT), "context");
    assert_string_equal(error_code_name(ERR_CODES), "unknown");
    assert_string_equal(error_code_name((enum error_code)-1), "unknown");
}

static void a_failure_without_a_code_is_still_a_failure(void **state) {
    (void)state;
    struct error err = {0};
    error_set(&err, ERR_NONE, "confused");
    assert_int_equal(err.code, ERR_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_returns_false_and_keeps_code_and_text),
        cmocka_unit_test(the_first_error_wins),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(errno_chooses_the_code_and_ends_the_text),
        cmocka_unit_test(a_prefix_goes_in_front_of_an_error_only),
        cmocka_unit_test(a_text_that_is_too_long_is_cut_to_whole_characters),
        cmocka_unit_test(a_long_name_before_an_errno_does_not_overflow),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
        cmocka_unit_test(a_failure_without_a_code_is_still_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
