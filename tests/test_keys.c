/* test_keys.c - which Authorization headers are accepted. */
#include "server/keys.h"
#include "server_fixture.h"

static void without_keys_everybody_may_ask(void **state) {
    (void)state;
    struct context open = {0};
    assert_true(keys_accept(&open, NULL));
    assert_true(keys_accept(&open, "Bearer anything"));
}

static void only_a_whole_key_is_accepted(void **state) {
    (void)state;
    char first[] = "alpha", second[] = "a";
    char *keys[] = {first, second};
    struct context closed = {.keys = keys, .key_count = 2};
    static const char *const right[] = {"Bearer alpha", "bearer alpha", "Bearer  alpha",
                                        "Bearer a"};
    static const char *const wrong[] = {"",           "alpha",          "Bearer",
                                        "Bearer ",    "Bearer alph",    "Bearer alphaalpha",
                                        "Bearer aa",  "Basic alpha",    "Bearer alpha ",
                                        "Bearer Alpha"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        assert_true(keys_accept(&closed, right[i]));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(keys_accept(&closed, wrong[i]));
    assert_false(keys_accept(&closed, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_keys_everybody_may_ask),
        cmocka_unit_test(only_a_whole_key_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
