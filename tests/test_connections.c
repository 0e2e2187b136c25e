/* test_connections.c - deadlines by phase, and noticing that a peer is gone. */
#include "server/connections.h"
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "server_fixture.h"

enum { HANG_MS = 20000 };

static bool ends(int fd, int wait_ms) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&p, 1, wait_ms) > 0 && read(fd, &byte, 1) == 0;
}

static void a_connection_that_overstays_its_phase_is_shut_down(void **state) {
    (void)state;
    static const int64_t limits[CONNECTION_PHASES] = {[CONNECTION_IDLE] = 1,
                                                      [CONNECTION_BODY] = 3600000};
    int idle[2], body[2], answer[2];
    struct error err = {0};
    struct connections *all = connections_open(limits, &err);
    assert_non_null(all);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, idle), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, body), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, answer), 0);
    struct connection *b = connection_enter(all, body[0]);
    struct connection *c = connection_enter(all, answer[0]);
    connection_phase(b, CONNECTION_BODY);
    connection_phase(c, CONNECTION_ANSWER);
    struct connection *a = connection_enter(all, idle[0]);
    assert_int_equal(connections_count(all), 3);
    assert_true(ends(idle[1], HANG_MS));
    assert_false(ends(body[1], 0));
    assert_false(ends(answer[1], 0));
    connection_leave(b); /* from the middle, the end and the beginning */
    connection_leave(c);
    connection_leave(a);
    assert_int_equal(connections_count(all), 0);
    connections_close(all);
    for (int i = 0; i < 2; i++) {
        close(idle[i]);
        close(body[i]);
        close(answer[i]);
    }
}

static void a_peer_that_waits_is_there_and_one_that_closed_is_gone(void **state) {
    (void)state;
    struct fixture f;
    int pair[2];
    fixture_open(&f, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_false(connection_gone(pair[0]));
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_false(connection_gone(pair[0])); /* it sent more, and waits */
    shutdown(pair[1], SHUT_WR);
    assert_true(connection_gone(pair[0])); /* although the byte is still unread */
    close(pair[1]);
    assert_true(connection_gone(pair[0]));
    close(pair[0]);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_that_overstays_its_phase_is_shut_down),
        cmocka_unit_test(a_peer_that_waits_is_there_and_one_that_closed_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
