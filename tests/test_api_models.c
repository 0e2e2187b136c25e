/* test_api_models.c - GET /v1/models and /v1/models/NAME. */
#include <string.h>
#include "server_fixture.h"

static struct fixture f;

static int open_server(void **state) {
    (void)state;
    fixture_open(&f, NULL);
    return 0;
}

static int close_server(void **state) {
    (void)state;
    fixture_close(&f);
    return 0;
}

static void the_model_is_listed_with_its_window(void **state) {
    (void)state;
    struct reply r;
    ask_get(&f, "/v1/models", &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_text(&r, "data.0.id"), "fake");
    assert_int_equal(reply_number(&r, "data.0.context_length"), 4096);
    assert_int_equal(reply_number(&r, "data.0.meta.n_ctx_train"), 32768);
    reply_deinit(&r);
}

static void one_model_is_found_by_name_and_by_stem(void **state) {
    (void)state;
    struct reply r;
    ask_get(&f, "/v1/models/fake", &r);
    assert_string_equal(reply_text(&r, "id"), "fake");
    reply_deinit(&r);
    ask_get(&f, "/v1/models/fake-stem", &r);
    assert_string_equal(reply_text(&r, "id"), "fake");
    reply_deinit(&r);
}

static void an_unknown_model_is_404(void **state) {
    (void)state;
    struct reply r;
    ask_get(&f, "/v1/models/other", &r);
    assert_int_equal(r.status, 404);
    assert_string_equal(reply_text(&r, "error.code"), "model_not_found");
    assert_non_null(strstr(reply_text(&r, "error.message"), "fake"));
    reply_deinit(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_is_listed_with_its_window),
        cmocka_unit_test(one_model_is_found_by_name_and_by_stem),
        cmocka_unit_test(an_unknown_model_is_404),
    };
    return cmocka_run_group_tests(tests, open_server, close_server);
}
