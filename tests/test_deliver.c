/* test_deliver.c - streams that are never silent, and errors inside them. */
#include "server/deliver.h"
#include <string.h>
#include <unistd.h>
#include "server_fixture.h"

static int count(const char *text, const char *what) {
    int found = 0;
    for (; (text = strstr(text, what)) != NULL; text++) found++;
    return found;
}

/* Reads until `what` has come `times` times; the test runner's limit ends a wait in vain. */
static void read_until(int fd, struct str *out, const char *what, int times) {
    char part[1024];
    while (count(str_text(out), what) < times) {
        ssize_t got = read(fd, part, sizeof part);
        assert_true(got > 0);
        str_add(out, part, (size_t)got);
    }
}

static int start(const struct fixture *f, const char *body) {
    char request[512];
    int fd = fixture_connect(f);
    snprintf(request, sizeof request,
             "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    return fd;
}

static void the_first_chunk_comes_before_anything_happened(void **state) {
    (void)state;
    struct fixture f;
    struct str got = {0};
    fixture_open(&f, NULL);
    int fd = start(&f, "{\"stream\": true, \"prompt\": \"queue_ms=3600000 tick_ms=0\"}");
    read_until(fd, &got, "data: ", 1);
    assert_non_null(strstr(got.data, "HTTP/1.1 200 OK"));
    assert_non_null(strstr(got.data, "Content-Type: text/event-stream"));
    close(fd);
    str_deinit(&got);
    fixture_close(&f);
}

static void chunks_come_while_nothing_happens(void **state) {
    (void)state;
    struct fixture f;
    struct str got = {0};
    fixture_open(&f, &(struct server_options){.liveness_ms = 20});
    int fd = start(&f, "{\"stream\": true, \"prompt\": \"prefill_ms=3600000 tick_ms=0\"}");
    read_until(fd, &got, "\"prompt_progress\"", 5);
    close(fd);
    str_clear(&got);
    fd = start(&f, "{\"stream\": true, \"prompt\": \"tokens=2 step_ms=3600000\"}");
    read_until(fd, &got, "\"text\":\"w0\"", 1);
    read_until(fd, &got, "\"text\":\"\"", 6);
    close(fd);
    str_deinit(&got);
    fixture_close(&f);
}

static void an_error_in_a_stream_is_followed_by_done(void **state) {
    (void)state;
    struct fixture f;
    struct reply r;
    fixture_open(&f, NULL);
    ask_post(&f, "/v1/completions",
             "{\"stream\": true, \"prompt\": \"tokens=9 error=memory after=1\"}", &r);
    assert_int_equal(r.status, 200);
    const char *error = strstr(r.body, "data: {\"error\":{\"message\":\"the script ends");
    assert_non_null(error);
    assert_non_null(strstr(error, "data: [DONE]"));
    assert_int_equal(count(r.body, "finish_reason\":\""), 0);
    reply_deinit(&r);
    fixture_close(&f);
}

static void usage_and_timings_come_once_and_last(void **state) {
    (void)state;
    struct fixture f;
    struct reply r;
    fixture_open(&f, NULL);
    ask_post(&f, "/v1/completions",
             "{\"stream\": true, \"stream_options\": {\"include_usage\": true}, \"n\": 3,"
             " \"prompt\": \"tokens=4\"}", &r);
    assert_int_equal(count(r.body, "\"timings\""), 1);
    assert_int_equal(count(r.body, "\"usage\""), 1);
    assert_int_equal(count(r.body, "\"finish_reason\":\"stop\""), 3);
    assert_true(strstr(r.body, "\"usage\"") > strstr(r.body, "\"timings\""));
    assert_non_null(strstr(r.body, "\"choices\":[],\"usage\":{\"prompt_tokens\":8,"));
    reply_deinit(&r);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_chunk_comes_before_anything_happened),
        cmocka_unit_test(chunks_come_while_nothing_happens),
        cmocka_unit_test(an_error_in_a_stream_is_followed_by_done),
        cmocka_unit_test(usage_and_timings_come_once_and_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
