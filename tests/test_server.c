/* test_server.c - open, stop within a grace time, close. */
#include "server/server.h"
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "server_fixture.h"

struct asking { /* one client on a thread of its own */
    const struct fixture *f;
    const char *body;
    struct reply reply;
    pthread_t thread;
};

static void *ask(void *arg) {
    struct asking *a = arg;
    ask_post(a->f, "/v1/completions", a->body, &a->reply);
    return NULL;
}

static void ask_beside(struct asking *a, const struct fixture *f, const char *body) {
    int before = fake_counts().opened;
    *a = (struct asking){.f = f, .body = body};
    assert_int_equal(pthread_create(&a->thread, NULL, ask, a), 0);
    while (fake_counts().opened == before) clock_sleep_ms(2);
}

static void stopping_lets_running_answers_finish(void **state) {
    (void)state;
    struct fixture f;
    struct asking whole, stream;
    fixture_open(&f, NULL);
    ask_beside(&whole, &f, "{\"prompt\": \"tokens=5 step_ms=40\"}");
    ask_beside(&stream, &f, "{\"prompt\": \"tokens=5 step_ms=40\", \"stream\": true}");
    server_stop(f.server, 60000);
    pthread_join(whole.thread, NULL);
    pthread_join(stream.thread, NULL);
    assert_int_equal(whole.reply.status, 200);
    assert_string_equal(reply_text(&whole.reply, "choices.0.text"), "w0 w1 w2 w3 w4");
    assert_non_null(strstr(stream.reply.body, "\"finish_reason\":\"stop\""));
    reply_deinit(&whole.reply);
    reply_deinit(&stream.reply);
    fixture_close(&f);
}

static void stopping_cancels_what_does_not_finish_and_says_so(void **state) {
    (void)state;
    struct fixture f;
    struct asking whole, stream;
    fixture_open(&f, NULL);
    ask_beside(&whole, &f, "{\"prompt\": \"prefill_ms=3600000\"}");
    ask_beside(&stream, &f, "{\"prompt\": \"prefill_ms=3600000\", \"stream\": true}");
    server_stop(f.server, 50);
    pthread_join(whole.thread, NULL);
    pthread_join(stream.thread, NULL);
    assert_int_equal(whole.reply.status, 503);
    assert_string_equal(reply_text(&whole.reply, "error.code"), "cancelled");
    assert_non_null(strstr(stream.reply.body, "\"code\":\"cancelled\""));
    assert_int_equal(fake_counts().open_now, 0);
    reply_deinit(&whole.reply);
    reply_deinit(&stream.reply);
    fixture_close(&f);
}

static void a_half_sent_request_does_not_hold_up_a_stop(void **state) {
    (void)state;
    struct fixture f;
    fixture_open(&f, NULL);
    int fd = fixture_connect(&f);
    assert_int_equal(write(fd, "GET /health HTTP/1.1\r\n", 22), 22);
    server_stop(f.server, 60000);
    fixture_close(&f);
    close(fd);
}

static void the_second_server_on_a_port_is_refused(void **state) {
    (void)state;
    struct fixture f;
    struct error err = {0};
    fixture_open(&f, NULL);
    assert_null(server_open(&(struct server_options){.port = f.port}, &err));
    assert_int_equal(err.code, ERR_IO);
    fixture_close(&f);
}

static void limits_are_checked_when_opening(void **state) {
    (void)state;
    static const char *const keys[] = {""};
    struct error err = {0};
    assert_null(server_open(&(struct server_options){.model_count = SERVER_MODELS_MAX + 1}, &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
    err = (struct error){0};
    assert_null(server_open(&(struct server_options){.keys = keys, .key_count = 1}, &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
    err = (struct error){0};
    assert_null(server_open(&(struct server_options){.host = "no such host"}, &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
    server_close(NULL);
}

static void many_clients_get_their_own_answers(void **state) {
    (void)state;
    enum { CLIENTS = 64 };
    static struct asking all[CLIENTS];
    static char bodies[CLIENTS][128];
    struct fixture f;
    fixture_open(&f, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        snprintf(bodies[i], sizeof bodies[i],
                 "{\"prompt\": \"tokens=20 step_ms=2 mark=c%d-\", \"stream\": true}", i);
        all[i] = (struct asking){.f = &f, .body = bodies[i]};
        assert_int_equal(pthread_create(&all[i].thread, NULL, ask, &all[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(all[i].thread, NULL);
        const char *at = all[i].reply.body;
        for (int word = 0; word < 20; word++) {
            char want[64];
            snprintf(want, sizeof want, "\"text\":\"%sc%d-%d\"", word > 0 ? " " : "", i, word);
            at = strstr(at, want);
            assert_non_null(at);
        }
        reply_deinit(&all[i].reply);
    }
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopping_lets_running_answers_finish),
        cmocka_unit_test(stopping_cancels_what_does_not_finish_and_says_so),
        cmocka_unit_test(a_half_sent_request_does_not_hold_up_a_stop),
        cmocka_unit_test(the_second_server_on_a_port_is_refused),
        cmocka_unit_test(limits_are_checked_when_opening),
        cmocka_unit_test(many_clients_get_their_own_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
