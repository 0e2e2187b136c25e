/* test_digest.c - SHA-256 of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <unistd.h>
#include "base/file.h"
#include "cli/digest.h"

static void check(const char *data, size_t len, const char *expected) {
    char path[] = "/tmp/longhaul-test-digest-XXXXXX", sum[DIGEST_TEXT_BYTES];
    struct error err = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_true(file_write_atomic(path, data, len, &err));
    assert_true(digest_file(sum, path, NULL, NULL, &err));
    assert_string_equal(sum, expected);
    unlink(path);
}

/* FIPS 180-2, appendix B, and the empty message. */
static void the_published_examples_come_out(void **state) {
    (void)state;
    check("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    char *million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);
    check(million, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

static void a_missing_file_is_an_error(void **state) {
    (void)state;
    char sum[DIGEST_TEXT_BYTES];
    struct error err = {0};
    assert_false(digest_file(sum, "/nowhere/file", NULL, NULL, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void only_64_hexadecimal_digits_are_a_sum(void **state) {
    (void)state;
    char sum[DIGEST_TEXT_BYTES], text[80];
    memset(text, 'A', sizeof text);
    text[64] = '\0';
    assert_true(digest_parse(sum, text));
    assert_int_equal(sum[0], 'a');
    assert_int_equal(strlen(sum), 64);
    text[64] = '"';
    assert_true(digest_parse(sum, text));
    text[64] = 'A';
    text[65] = '\0';
    assert_false(digest_parse(sum, text));
    text[40] = '-';
    assert_false(digest_parse(sum, text));
    text[40] = '\0';
    assert_false(digest_parse(sum, text));
    assert_false(digest_parse(sum, ""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_examples_come_out),
        cmocka_unit_test(a_missing_file_is_an_error),
        cmocka_unit_test(only_64_hexadecimal_digits_are_a_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
