/* test_api_props.c - GET /props. */
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

static void props_tell_how_the_model_runs(void **state) {
    (void)state;
    struct reply r;
    ask_get(&f, "/props", &r);
    assert_int_equal(r.status, 200);
    assert_int_equal(reply_number(&r, "default_generation_settings.n_ctx"), 4096);
    assert_int_equal(reply_number(&r, "total_slots"), 4);
    assert_string_equal(reply_text(&r, "model_path"), "/x/fake-stem.gguf");
    assert_string_equal(reply_text(&r, "chat_template"), "{{ messages }} {# knows </think> #}");
    assert_string_equal(reply_text(&r, "rope.type"), "none");
    assert_string_equal(reply_text(&r, "eos_token"), "<eos>");
    reply_deinit(&r);
}

static void props_of_a_model_that_is_not_there_are_404(void **state) {
    (void)state;
    struct reply r;
    ask_get(&f, "/props?model=other", &r);
    assert_int_equal(r.status, 404);
    reply_deinit(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(props_tell_how_the_model_runs),
        cmocka_unit_test(props_of_a_model_that_is_not_there_are_404),
    };
    return cmocka_run_group_tests(tests, open_server, close_server);
}
