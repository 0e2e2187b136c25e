/* test_http.c - decisions on the headers alone, and the listening socket. */
#include "server/http.h"
#include <string.h>
#include <unistd.h>
#include "server_fixture.h"

static int status_of(const struct fixture *f, const char *method, const char *path,
                     const char *headers, const char *body) {
    struct reply r;
    fixture_ask(f, method, path, headers, body, &r);
    int status = r.status;
    reply_deinit(&r);
    return status;
}

static void a_port_that_is_taken_is_named(void **state) {
    (void)state;
    struct error err = {0};
    int first = http_listen("127.0.0.1", 0, &err);
    assert_true(first >= 0);
    assert_int_equal(http_listen("127.0.0.1", http_port(first), &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "is taken by another program"));
    close(first);
}

static void addresses_that_cannot_be_had_are_errors(void **state) {
    (void)state;
    static const struct {
        const char *host;
        int port;
    } cases[] = {{"127.0.0.1", -1}, {"127.0.0.1", 65536}, {"no such host", 0}, {"192.0.2.1", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        assert_int_equal(http_listen(cases[i].host, cases[i].port, &err), -1);
        assert_int_not_equal(err.code, ERR_NONE);
    }
}

static void a_refused_request_is_read_to_its_end(void **state) {
    (void)state;
    struct fixture f;
    static char body[3000];
    memset(body, 'x', sizeof body - 1);
    fixture_open(&f, &(struct server_options){.body_bytes_max = 1000, .header_bytes_max = 400});
    assert_int_equal(status_of(&f, "POST", "/v1/completions", NULL, body), 413);
    assert_int_equal(status_of(&f, "POST", "/nowhere", NULL, body), 413);
    body[900] = 0;
    assert_int_equal(status_of(&f, "POST", "/nowhere", NULL, body), 404);
    assert_int_equal(status_of(&f, "PUT", "/health", NULL, body), 405);
    char headers[700];
    snprintf(headers, sizeof headers, "X-Long: %.600s\r\n", body);
    assert_int_equal(status_of(&f, "GET", "/health", headers, NULL), 431);
    fixture_close(&f);
}

static void an_expected_refusal_comes_without_the_body(void **state) {
    (void)state;
    struct fixture f;
    char got[64] = "";
    static const char request[] = "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n"
                                  "Expect: 100-continue\r\n\r\n";
    fixture_open(&f, NULL);
    int fd = fixture_connect(&f);
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    assert_true(read(fd, got, sizeof got - 1) > 0);
    assert_non_null(strstr(got, "404"));
    close(fd);
    fixture_close(&f);
}

static void uploads_of_other_media_are_refused_and_sloppy_json_is_not(void **state) {
    (void)state;
    struct fixture f;
    static const char body[] = "{\"prompt\": \"say=x\"}";
    fixture_open(&f, NULL);
    assert_int_equal(status_of(&f, "POST", "/v1/completions",
                               "Content-Type: multipart/form-data\r\n", body), 415);
    assert_int_equal(status_of(&f, "POST", "/v1/completions",
                               "Content-Type: application/x-www-form-urlencoded\r\n", body), 200);
    assert_int_equal(status_of(&f, "POST", "/v1/completions", NULL, body), 200);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_that_is_taken_is_named),
        cmocka_unit_test(addresses_that_cannot_be_had_are_errors),
        cmocka_unit_test(a_refused_request_is_read_to_its_end),
        cmocka_unit_test(an_expected_refusal_comes_without_the_body),
        cmocka_unit_test(uploads_of_other_media_are_refused_and_sloppy_json_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
