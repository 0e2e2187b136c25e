/* test_api_chat.c - POST /v1/chat/completions over a real socket. */
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

static void a_chat_is_answered(void **state) {
    (void)state;
    struct reply r;
    ask_post(&f, "/v1/chat/completions",
             "{\"messages\": [{\"role\": \"user\", \"content\": \"say=good_day\"}]}", &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_text(&r, "object"), "chat.completion");
    assert_string_equal(reply_text(&r, "choices.0.message.content"), "good day");
    assert_string_equal(reply_text(&r, "choices.0.finish_reason"), "stop");
    assert_int_equal(reply_number(&r, "usage.completion_tokens"), 2);
    reply_deinit(&r);
}

static void a_streamed_chat_ends_with_done(void **state) {
    (void)state;
    struct reply r;
    ask_post(&f, "/v1/chat/completions",
             "{\"stream\": true, \"messages\": [{\"role\": \"user\", \"content\": \"tokens=2\"}]}",
             &r);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"role\":\"assistant\""));
    assert_non_null(strstr(r.body, "\"content\":\" w1\""));
    assert_non_null(strstr(r.body, "\"finish_reason\":\"stop\""));
    assert_non_null(strstr(r.body, "data: [DONE]\n\n"));
    reply_deinit(&r);
}

static void a_chat_without_messages_is_refused(void **state) {
    (void)state;
    struct reply r;
    ask_post(&f, "/v1/chat/completions", "{\"prompt\": \"x\"}", &r);
    assert_int_equal(r.status, 400);
    assert_string_equal(reply_text(&r, "error.param"), "messages");
    reply_deinit(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chat_is_answered),
        cmocka_unit_test(a_streamed_chat_ends_with_done),
        cmocka_unit_test(a_chat_without_messages_is_refused),
    };
    return cmocka_run_group_tests(tests, open_server, close_server);
}
