/* test_bench_statistics.c - medians, extremes and ratios of repeated measurements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/bench_statistics.h"

static bool near(double a, double b) {
    return a - b < 1e-12 && b - a < 1e-12;
}

static void nothing_measured_is_all_zero(void **state) {
    (void)state;
    struct spread s = bench_statistics_spread(NULL, 0);
    assert_int_equal(s.count, 0);
    assert_true(near(s.min, 0) && near(s.median, 0) && near(s.max, 0));
}

static void the_median_of_an_odd_count_is_a_value(void **state) {
    (void)state;
    struct spread s = bench_statistics_spread((double[]){9, 1, 5}, 3);
    assert_true(near(s.min, 1) && near(s.median, 5) && near(s.max, 9));
    s = bench_statistics_spread((double[]){7}, 1);
    assert_true(near(s.min, 7) && near(s.median, 7) && near(s.max, 7) && s.count == 1);
}

static void the_median_of_an_even_count_is_between_two(void **state) {
    (void)state;
    double values[] = {4, 1, 100, 2};
    struct spread s = bench_statistics_spread(values, 4);
    assert_true(near(s.median, 3) && near(s.max, 100));
    assert_true(near(values[2], 100)); /* the caller's order stays */
}

static void the_most_values_fit(void **state) {
    (void)state;
    double values[BENCH_REPEATS_MAX];
    for (int i = 0; i < BENCH_REPEATS_MAX; i++)
        values[i] = (i * 7919) % BENCH_REPEATS_MAX;
    struct spread s = bench_statistics_spread(values, BENCH_REPEATS_MAX);
    assert_true(near(s.min, 0) && near(s.max, BENCH_REPEATS_MAX - 1));
    assert_true(near(s.median, (BENCH_REPEATS_MAX - 1) / 2.0));
}

static void ratios_are_formed_pair_by_pair(void **state) {
    (void)state;
    double ours[] = {10, 40, 30}, theirs[] = {5, 10, 10};
    struct spread s = bench_statistics_ratio(ours, theirs, 3);
    assert_true(near(s.min, 2) && near(s.median, 3) && near(s.max, 4) && s.count == 3);
}

static void a_pair_without_a_second_half_is_left_out(void **state) {
    (void)state;
    double ours[] = {10, 40, 30}, theirs[] = {0, 10, 10}, none[] = {0, 0, 0};
    assert_int_equal(bench_statistics_ratio(ours, theirs, 3).count, 2);
    assert_int_equal(bench_statistics_ratio(ours, none, 3).count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_measured_is_all_zero),
        cmocka_unit_test(the_median_of_an_odd_count_is_a_value),
        cmocka_unit_test(the_median_of_an_even_count_is_between_two),
        cmocka_unit_test(the_most_values_fit),
        cmocka_unit_test(ratios_are_formed_pair_by_pair),
        cmocka_unit_test(a_pair_without_a_second_half_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
