/* test_fetch.c - downloads that cannot begin; those that do are in tests/cli/test_pull.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/file.h>
#include <unistd.h>
#include "cli/fetch.h"

static void an_address_where_nobody_listens_is_unreachable(void **state) {
    (void)state;
    struct fetch_facts facts;
    struct error err = {0};
    assert_false(fetch_head("http://127.0.0.1:1/x.gguf", &facts, &err));
    assert_true(facts.unreachable);
    assert_int_equal(facts.status, 0);
    assert_int_equal(facts.bytes, -1);
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "http://127.0.0.1:1/x.gguf"));
}

static void only_http_is_spoken(void **state) {
    (void)state;
    struct fetch_facts facts;
    struct error err = {0};
    struct str out = {0};
    assert_false(fetch_text("file:///etc/passwd", &out, 1 << 20, &facts, &err));
    assert_int_equal(out.len, 0);
    assert_false(facts.unreachable);
    str_deinit(&out);
}

static void a_part_that_another_process_writes_is_left_alone(void **state) {
    (void)state;
    char path[] = "/tmp/longhaul-test-fetch-XXXXXX";
    struct fetch_facts facts;
    struct error err = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_false(fetch_file(&(struct fetch_download){.url = "http://127.0.0.1:1/x",
                                                     .part_path = path,
                                                     .expected_bytes = -1},
                            &facts, &err));
    assert_int_equal(err.code, ERR_BUSY);
    close(fd);
    unlink(path);
}

static void a_folder_that_cannot_be_written_is_named(void **state) {
    (void)state;
    struct fetch_facts facts;
    struct error err = {0};
    assert_false(fetch_file(&(struct fetch_download){.url = "http://127.0.0.1:1/x",
                                                     .part_path = "/nowhere/x.part",
                                                     .expected_bytes = -1},
                            &facts, &err));
    assert_non_null(strstr(err.text, "/nowhere/x.part"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_where_nobody_listens_is_unreachable),
        cmocka_unit_test(only_http_is_spoken),
        cmocka_unit_test(a_part_that_another_process_writes_is_left_alone),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
