/* test_call.c - what every answer carries, and what becomes of an unreadable body. */
#include "server/call.h"
#include <string.h>
#include "server_fixture.h"

static void an_error_says_when_to_come_back_only_if_that_helps(void **state) {
    (void)state;
    struct fixture f;
    struct reply r;
    fixture_open(&f, NULL);
    ask_post(&f, "/v1/completions", "{\"prompt\": \"open=busy\"}", &r);
    assert_int_equal(r.status, 429);
    assert_non_null(strstr(r.text.data, "Retry-After: 2\r\n"));
    reply_deinit(&r);
    ask_post(&f, "/v1/completions", "{", &r);
    assert_int_equal(r.status, 400);
    assert_null(strstr(r.text.data, "Retry-After"));
    assert_string_equal(reply_text(&r, "error.code"), "invalid_json");
    reply_deinit(&r);
    fixture_close(&f);
}

static void cors_headers_are_sent_only_where_configured(void **state) {
    (void)state;
    struct fixture f;
    struct reply r;
    fixture_open(&f, &(struct server_options){.cors_origin = "https://x.example"});
    fixture_ask(&f, "OPTIONS", "/v1/models", NULL, NULL, &r);
    assert_int_equal(r.status, 204);
    assert_non_null(strstr(r.text.data, "Access-Control-Allow-Origin: https://x.example\r\n"));
    assert_non_null(strstr(r.text.data, "Vary: Origin\r\n"));
    reply_deinit(&r);
    fixture_close(&f);
    fixture_open(&f, NULL);
    ask_get(&f, "/v1/models", &r);
    assert_null(strstr(r.text.data, "Access-Control"));
    reply_deinit(&r);
    fixture_close(&f);
}

static void ids_are_unique(void **state) {
    (void)state;
    struct fixture f;
    struct reply r, s;
    fixture_open(&f, NULL);
    ask_post(&f, "/v1/completions", "{\"prompt\": \"say=x\"}", &r);
    ask_post(&f, "/v1/completions", "{\"prompt\": \"say=x\"}", &s);
    assert_int_equal(strlen(reply_text(&r, "id")), strlen("cmpl-") + 24);
    assert_string_not_equal(reply_text(&r, "id"), reply_text(&s, "id"));
    reply_deinit(&r);
    reply_deinit(&s);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_says_when_to_come_back_only_if_that_helps),
        cmocka_unit_test(cors_headers_are_sent_only_where_configured),
        cmocka_unit_test(ids_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
