/* test_clock.c - time goes forward and the units agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "base/clock.h"

static void it_never_goes_back(void **state) {
    (void)state;
    int64_t last = clock_ns();
    for (int i = 0; i < 100000; i++) {
        int64_t now = clock_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void milliseconds_are_a_millionth_of_nanoseconds(void **state) {
    (void)state;
    int64_t before = clock_ns() / 1000000;
    int64_t ms = clock_ms();
    int64_t after = clock_ns() / 1000000;
    assert_true(before <= ms && ms <= after);
}

static void sleeping_takes_at_least_that_long(void **state) {
    (void)state;
    int64_t begin = clock_ns();
    clock_sleep_ms(5);
    assert_true(clock_ns() - begin >= 5000000);
    clock_sleep_ms(0);
    clock_sleep_ms(-1000000); /* a deadline that has passed */
}

static void the_wall_clock_is_the_systems(void **state) {
    (void)state;
    int64_t before = (int64_t)time(NULL);
    int64_t seen = clock_unix_s();
    assert_true(before <= seen && seen <= (int64_t)time(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_never_goes_back),
        cmocka_unit_test(milliseconds_are_a_millionth_of_nanoseconds),
        cmocka_unit_test(sleeping_takes_at_least_that_long),
        cmocka_unit_test(the_wall_clock_is_the_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
