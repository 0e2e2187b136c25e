/* test_api_completions.c - POST /v1/completions over a real socket. */
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

static void a_prompt_goes_on(void **state) {
    (void)state;
    struct reply r;
    ask_post(&f, "/v1/completions", "{\"prompt\": \"say=a_b\"}", &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_text(&r, "object"), "text_completion");
    assert_string_equal(reply_text(&r, "choices.0.text"), "a b");
    reply_deinit(&r);
}

static void several_prompts_are_several_choices(void **state) {
    (void)state;
    struct reply r;
    ask_post(&f, "/v1/completions",
             "{\"prompt\": [\"say=a\", \"say=b\"], \"n\": 2, \"echo\": true}", &r);
    assert_string_equal(reply_text(&r, "choices.0.text"), "say=aa");
    assert_string_equal(reply_text(&r, "choices.1.text"), "say=aa");
    assert_string_equal(reply_text(&r, "choices.2.text"), "say=bb");
    assert_int_equal(reply_number(&r, "choices.3.index"), 3);
    reply_deinit(&r);
}

static void a_token_that_the_model_does_not_have_is_refused(void **state) {
    (void)state;
    struct reply r;
    ask_post(&f, "/v1/completions", "{\"prompt\": [1, 2, 300]}", &r);
    assert_int_equal(r.status, 400);
    assert_string_equal(reply_text(&r, "error.message"),
                        "prompt: token id 300; this model has 0 to 299");
    reply_deinit(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_goes_on),
        cmocka_unit_test(several_prompts_are_several_choices),
        cmocka_unit_test(a_token_that_the_model_does_not_have_is_refused),
    };
    return cmocka_run_group_tests(tests, open_server, close_server);
}
