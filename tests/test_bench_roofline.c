/* test_bench_roofline.c - fractions of known limits, computed by hand.
 * Covers: bench_peak.c, bench_session.c, bench_compare.c (the rest of them in tests/cli). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/bench_roofline.h"
#include "kernels/kernels.h"

static bool near(double a, double b) {
    return a - b < 1e-9 && b - a < 1e-9;
}

/* The limits as if each loop of this CPU did 1000 operations a second. */
static struct bench_limits limits_of_this_cpu(void) {
    struct bench_limits l = {.read_bytes_per_s = {.count = 1, .max = 500}};
    l.count = peak_list(l.peaks, NULL);
    for (int i = 0; i < l.count; i++)
        l.ops_per_s[i] = (struct spread){.count = 1, .min = 1, .median = 10, .max = 1000};
    return l;
}

static void fractions_follow_from_counts(void **state) {
    (void)state;
    struct kernels k;
    struct bench_limits limits = limits_of_this_cpu();
    assert_true(kernels_init(&k, NULL));
    struct bench_costs costs = {.matrix_ops = 20, .attention_ops_per_key = 2, .weight_bytes = 40};
    struct bench_roofline_work work = {.costs = &costs, .limits = &limits, .level = k.level,
                                       .kv_bytes_per_token = 4, .depth = 10, .prefill = 9,
                                       .decode = 1, .prefill_tokens_per_s = 10,
                                       .decode_tokens_per_s = 5};
    struct bench_roofline r = bench_roofline_of(&work);
    double best = bench_peak_ops(&limits, PEAK_INT8, k.level);
    assert_true(near(r.int8, best > 0 ? 10 * 20.0 / 1000 : 0));
    best = bench_peak_ops(&limits, PEAK_F32, k.level);
    /* On average 10 + (9 + 1) / 2 keys. */
    assert_true(near(r.f32, best > 0 ? 10 * 2 * 15.0 / 1000 : 0));
    /* 10 + (1 + 1) / 2 keys. */
    assert_true(near(r.bandwidth, 5 * (40 + 4 * 11.0) / 500));
}

static void what_was_not_measured_is_not_mentioned(void **state) {
    (void)state;
    struct bench_limits limits = limits_of_this_cpu();
    struct bench_costs costs = {20, 2, 40};
    struct str out = {0};
    struct bench_roofline_work work = {.costs = &costs, .limits = &limits, .level = "plain",
                                       .decode = 1, .decode_tokens_per_s = 5};
    bench_roofline_text(&work, &out);
    assert_null(strstr(out.data, "prefill"));
    assert_non_null(strstr(out.data, "decode: 40.0 % of the read bandwidth"));
    work.prefill_tokens_per_s = 1;
    work.prefill = 1;
    str_clear(&out);
    bench_roofline_text(&work, &out);
    assert_non_null(strstr(out.data, "no int8 peak is known"));
    str_deinit(&out);
}

static void a_level_without_loops_has_no_peak(void **state) {
    (void)state;
    struct bench_limits limits = limits_of_this_cpu();
    assert_true(near(bench_peak_ops(&limits, PEAK_INT8, "plain"), 0));
    assert_true(near(bench_peak_ops(&(struct bench_limits){0}, PEAK_INT8, NULL), 0));
}

static void the_machine_is_measured(void **state) {
    (void)state;
    struct bench_limits l;
    struct error err = {0};
    assert_true(bench_peak_measure(
        &(struct bench_peak_options){.threads = 2, .buffer_bytes = 8 << 20}, &l, &err));
    assert_int_equal(l.threads, 2);
    assert_int_equal(l.read_buffer_bytes, 8 << 20);
    assert_true(l.read_bytes_per_s.min > 0 && l.read_bytes_per_s.max >= l.read_bytes_per_s.median);
    for (int i = 0; i < l.count; i++)
        assert_true(l.ops_per_s[i].min > 0 && l.ops_per_s[i].max >= l.ops_per_s[i].median);
}

static bool at_once(void) {
    return true;
}

static void measuring_the_machine_can_be_stopped(void **state) {
    (void)state;
    struct bench_limits l;
    struct error err = {0};
    assert_false(bench_peak_measure(&(struct bench_peak_options){.threads = 1,
                                                                 .buffer_bytes = 8 << 20,
                                                                 .stopped = at_once}, &l, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fractions_follow_from_counts),
        cmocka_unit_test(what_was_not_measured_is_not_mentioned),
        cmocka_unit_test(a_level_without_loops_has_no_peak),
        cmocka_unit_test(the_machine_is_measured),
        cmocka_unit_test(measuring_the_machine_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
