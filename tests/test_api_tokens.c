/* test_api_tokens.c - POST /tokenize, /detokenize and /apply-template. */
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

static void text_becomes_tokens_and_tokens_text(void **state) {
    (void)state;
    struct reply r;
    ask_post(&f, "/tokenize", "{\"content\": \"hi\"}", &r);
    assert_string_equal(r.body, "{\"tokens\":[104,105]}");
    reply_deinit(&r);
    ask_post(&f, "/detokenize", "{\"tokens\": [104, 105]}", &r);
    assert_string_equal(r.body, "{\"content\":\"hi\"}");
    reply_deinit(&r);
}

static void half_a_character_is_a_piece_of_bytes(void **state) {
    (void)state;
    struct reply r;
    ask_post(&f, "/tokenize", "{\"content\": \"\\u00e9\", \"with_pieces\": true}", &r);
    assert_string_equal(r.body, "{\"tokens\":[{\"id\":195,\"piece\":[195]},"
                                "{\"id\":169,\"piece\":[169]}]}");
    reply_deinit(&r);
}

static void the_beginning_is_added_only_when_asked_for(void **state) {
    (void)state;
    struct reply r;
    ask_post(&f, "/tokenize", "{\"content\": \"h\", \"add_special\": true}", &r);
    assert_string_equal(r.body, "{\"tokens\":[256,104]}");
    reply_deinit(&r);
}

static void a_template_is_applied_without_generating(void **state) {
    (void)state;
    struct reply r;
    ask_post(&f, "/apply-template",
             "{\"messages\": [{\"role\": \"user\", \"content\": \"hello\"}]}", &r);
    assert_string_equal(r.body, "{\"prompt\":\"hello\"}");
    reply_deinit(&r);
}

static void wrong_fields_are_named(void **state) {
    (void)state;
    static const struct {
        const char *path, *body, *param;
    } cases[] = {
        {"/tokenize", "{}", "content"},
        {"/tokenize", "{\"content\": 5}", "content"},
        {"/tokenize", "{\"content\": \"x\", \"add_special\": 1}", "add_special"},
        {"/detokenize", "{}", "tokens"},
        {"/detokenize", "{\"tokens\": \"x\"}", "tokens"},
        {"/detokenize", "{\"tokens\": [1, 300]}", "tokens"},
        {"/apply-template", "{\"messages\": 5}", "messages"},
        {"/apply-template", "{\"model\": 5}", "model"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reply r;
        ask_post(&f, cases[i].path, cases[i].body, &r);
        assert_int_equal(r.status, 400);
        assert_string_equal(reply_text(&r, "error.param"), cases[i].param);
        reply_deinit(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_tokens_and_tokens_text),
        cmocka_unit_test(half_a_character_is_a_piece_of_bytes),
        cmocka_unit_test(the_beginning_is_added_only_when_asked_for),
        cmocka_unit_test(a_template_is_applied_without_generating),
        cmocka_unit_test(wrong_fields_are_named),
    };
    return cmocka_run_group_tests(tests, open_server, close_server);
}
