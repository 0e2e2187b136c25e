/* test_completion.c - places in the queue, deadlines and cancellation, seen through the fake's
 * counts. */
#include "server/completion.h"
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "server_fixture.h"

enum { HANG_MS = 20000 }; /* not a bound that is tested: past it something hangs */

static void wait_for_open(int count) {
    int64_t until_ms = clock_ms() + HANG_MS;
    while (fake_counts().open_now != count && clock_ms() < until_ms) clock_sleep_ms(5);
    assert_int_equal(fake_counts().open_now, count);
}

/* Sends a completion that never ends by itself; the caller closes the socket. */
static int start_endless(const struct fixture *f, const char *more) {
    char body[256], request[512];
    snprintf(body, sizeof body, "{\"prompt\": \"prefill_ms=3600000\"%s}", more);
    snprintf(request, sizeof request,
             "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    int fd = fixture_connect(f);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    return fd;
}

static void a_client_that_hangs_up_frees_its_place(void **state) {
    (void)state;
    static const char *const variants[] = {"", ", \"stream\": true", ", \"echo\": true"};
    const struct server_model_options model = {.name = "fake", .queue_max = 1};
    struct fixture f;
    fixture_open(&f, &(struct server_options){.models = &model, .model_count = 1});
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        struct reply r;
        int fd = start_endless(&f, variants[i]);
        wait_for_open(1);
        ask_post(&f, "/v1/completions", "{\"prompt\": \"say=x\"}", &r);
        assert_int_equal(r.status, 429);
        assert_string_equal(reply_text(&r, "error.code"), "queue_full");
        reply_deinit(&r);
        close(fd);
        wait_for_open(0);
        do { /* the place is free a moment after the answer is closed */
            ask_post(&f, "/v1/completions", "{\"prompt\": \"say=x\"}", &r);
            int status = r.status;
            reply_deinit(&r);
            if (status == 200) break;
            assert_int_equal(status, 429);
        } while (true);
    }
    fixture_close(&f);
}

static void the_choices_of_one_prompt_wait_for_the_first(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL);
    int fd = start_endless(&f, ", \"n\": 4");
    wait_for_open(1);
    close(fd);
    wait_for_open(0);
    struct reply r;
    ask_post(&f, "/v1/completions", "{\"prompt\": \"tokens=3\", \"n\": 4}", &r);
    assert_string_equal(reply_text(&r, "choices.3.text"), "w0 w1 w2");
    reply_deinit(&r);
    fixture_close(&f);
}

static void a_late_first_token_is_a_timeout(void **state) {
    (void)state;
    const struct server_model_options model = {.name = "fake", .first_token_ms = 50};
    struct fixture f;
    struct reply r;
    fixture_open(&f, &(struct server_options){.models = &model, .model_count = 1});
    ask_post(&f, "/v1/completions", "{\"prompt\": \"prefill_ms=3600000\"}", &r);
    assert_int_equal(r.status, 504);
    assert_string_equal(reply_text(&r, "error.code"), "timeout");
    reply_deinit(&r);
    wait_for_open(0);
    fixture_close(&f);
}

static void every_error_of_the_engine_has_its_status(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL);
    for (int code = ERR_ARGUMENT; code < ERR_CODES; code++) {
        static const char *const when[] = {"prompt", "open", "error"};
        for (int i = 0; i < 3; i++) {
            char body[128];
            struct reply r;
            snprintf(body, sizeof body, "{\"prompt\": \"%s=%s\"}", when[i],
                     error_code_name((enum error_code)code));
            ask_post(&f, "/v1/completions", body, &r);
            assert_int_equal(r.status, http_error_row(code)->status);
            assert_string_equal(reply_text(&r, "error.code"), http_error_row(code)->code);
            reply_deinit(&r);
        }
    }
    assert_int_equal(fake_counts().open_now, 0);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_hangs_up_frees_its_place),
        cmocka_unit_test(the_choices_of_one_prompt_wait_for_the_first),
        cmocka_unit_test(a_late_first_token_is_a_timeout),
        cmocka_unit_test(every_error_of_the_engine_has_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
