/* test_api_health.c - GET /health in every state of the models. */
#include <string.h>
#include "server_fixture.h"

static const struct server_model_options models[] = {{.name = "a"}, {.name = "b"}};
static const struct server_options two = {.models = models, .model_count = 2};

static struct fixture open_unready(void) {
    struct error err = {0};
    struct fixture f = {.native = fake_open(0), .server = server_open(&two, &err)};
    assert_non_null(f.server);
    f.port = server_port(f.server);
    return f;
}

static void health_follows_the_loading_of_all_models(void **state) {
    (void)state;
    struct fixture f = open_unready();
    struct reply r;
    server_loading(f.server, 0, 0.5);
    ask_get(&f, "/health", &r);
    assert_int_equal(r.status, 503);
    assert_string_equal(reply_text(&r, "status"), "loading");
    assert_string_equal(reply_text(&r, "error.message"), "Loading model");
    assert_true(json_real_value(json_object_get(r.json, "progress")) == 0.25);
    reply_deinit(&r);
    server_ready(f.server, 0, f.native);
    ask_get(&f, "/health", &r);
    assert_int_equal(r.status, 503);
    assert_true(json_real_value(json_object_get(r.json, "progress")) == 0.5);
    reply_deinit(&r);
    server_ready(f.server, 1, f.native);
    ask_get(&f, "/health", &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "{\"status\":\"ok\"}");
    reply_deinit(&r);
    fixture_close(&f);
}

static void a_model_that_failed_is_told_while_the_other_one_answers(void **state) {
    (void)state;
    struct fixture f = open_unready();
    struct error why = {0};
    struct reply r;
    error_set(&why, ERR_FORMAT, "no tensors inside");
    server_failed(f.server, 0, &why);
    server_ready(f.server, 1, f.native);
    ask_get(&f, "/v1/health", &r);
    assert_int_equal(r.status, 503);
    assert_string_equal(reply_text(&r, "error.message"),
                        "model a could not be loaded: no tensors inside");
    reply_deinit(&r);
    ask_post(&f, "/v1/completions", "{\"model\": \"b\", \"prompt\": \"say=x\"}", &r);
    assert_int_equal(r.status, 200);
    reply_deinit(&r);
    fixture_close(&f);
}

static void health_needs_no_key(void **state) {
    (void)state;
    static const char *const keys[] = {"secret"};
    struct fixture f;
    struct reply r;
    fixture_open(&f, &(struct server_options){.keys = keys, .key_count = 1});
    ask_get(&f, "/health", &r);
    assert_int_equal(r.status, 200);
    reply_deinit(&r);
    ask_get(&f, "/props", &r);
    assert_int_equal(r.status, 401);
    reply_deinit(&r);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_follows_the_loading_of_all_models),
        cmocka_unit_test(a_model_that_failed_is_told_while_the_other_one_answers),
        cmocka_unit_test(health_needs_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
