/* test_sampler.c - what each parameter does, against the definition, over many draws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/sampler.h"
#include "kernels/kernels.h"

enum { VOCAB = 1000, DRAWS = 20000 };

static struct sampler_math math;

static int find_math(void **state) {
    (void)state;
    static struct kernels k;
    kernels_init(&k, NULL);
    math = (struct sampler_math){k.argmax, k.log_sum_exp};
    return 0;
}

static struct sampling seeded(uint64_t seed) {
    struct sampling s;
    sampling_default(&s);
    s.seed = seed;
    s.seed_set = true;
    return s;
}

/* logits[i] = −i/4: probabilities fall by e^(−1/4) from token to token. */
static void slope(float *logits) {
    for (int i = 0; i < VOCAB; i++) logits[i] = -(float)i / 4;
}

static void draw_many(const struct sampling *s, int counts[VOCAB]) {
    float logits[VOCAB];
    struct sampler *p = sampler_open(s, NULL, 0, VOCAB, &math, NULL);
    assert_non_null(p);
    memset(counts, 0, VOCAB * sizeof *counts);
    for (int i = 0; i < DRAWS; i++) {
        slope(logits);
        counts[sampler_sample(p, logits)]++;
    }
    sampler_close(p);
}

/* Shares of the first tokens within five standard deviations of p[i] ∝ exp(−i/4/T), i < kept. */
static void assert_shares(const int counts[VOCAB], int kept, double temperature) {
    double total = 0;
    for (int i = 0; i < kept; i++) total += exp(-i / 4.0 / temperature);
    for (int i = 0; i < 20 && i < kept; i++) {
        double p = exp(-i / 4.0 / temperature) / total, bound = 5 * sqrt(p * (1 - p) * DRAWS);
        if (fabs(counts[i] - p * DRAWS) > bound)
            fail_msg("token %d: %d draws, expected %g ± %g", i, counts[i], p * DRAWS, bound);
    }
    for (int i = kept; i < VOCAB; i++) assert_int_equal(counts[i], 0);
}

static void temperature_zero_takes_the_best_and_the_first_of_equals(void **state) {
    (void)state;
    struct sampling s = seeded(1);
    s.temperature = 0;
    float logits[VOCAB] = {0};
    logits[7] = logits[9] = 3;
    struct sampler *p = sampler_open(&s, NULL, 0, VOCAB, &math, NULL);
    assert_int_equal(sampler_sample(p, logits), 7);
    sampler_close(p);
}

static void plain_draws_follow_the_distribution_at_any_temperature(void **state) {
    (void)state;
    const float temperatures[] = {0.5f, 1, 2.5f};
    for (int i = 0; i < 3; i++) {
        int counts[VOCAB];
        struct sampling s = seeded(10 + (uint64_t)i);
        s.temperature = temperatures[i];
        draw_many(&s, counts);
        assert_shares(counts, VOCAB, (double)temperatures[i]);
    }
}

static void top_k_keeps_k(void **state) {
    (void)state;
    int counts[VOCAB];
    struct sampling s = seeded(2);
    s.top_k = 5;
    s.temperature = 0.8f;
    draw_many(&s, counts);
    assert_shares(counts, 5, (double)0.8f);
}

/* Kept is the least n with 1 − e^(−n/4) >= p: 0.9 → n = 10. */
static void top_p_keeps_the_least_that_reaches_p(void **state) {
    (void)state;
    int counts[VOCAB];
    struct sampling s = seeded(3);
    s.top_p = 0.9f;
    draw_many(&s, counts);
    assert_shares(counts, 10, 1);
}

/* exp(−i/4) >= 0.05 for i <= 11.98: 12 tokens. */
static void min_p_keeps_what_is_near_the_best(void **state) {
    (void)state;
    int counts[VOCAB];
    struct sampling s = seeded(4);
    s.min_p = 0.05f;
    draw_many(&s, counts);
    assert_shares(counts, 12, 1);
}

/* A sure token beside many rare ones: its surprise is far below the entropy, so it goes first. */
static void typical_drops_what_is_too_likely(void **state) {
    (void)state;
    struct sampling s = seeded(5);
    s.typical_p = 0.3f;
    float logits[VOCAB];
    struct sampler *p = sampler_open(&s, NULL, 0, VOCAB, &math, NULL);
    for (int i = 0; i < 200; i++) {
        for (int j = 0; j < VOCAB; j++) logits[j] = j == 0 ? logf(500) : 0;
        assert_int_not_equal(sampler_sample(p, logits), 0);
    }
    sampler_close(p);
}

static void filters_do_not_depend_on_how_far_the_tail_reaches(void **state) {
    (void)state;
    /* top_p so near 1 that only the whole vocabulary settles it. */
    int counts[VOCAB];
    struct sampling s = seeded(6);
    s.top_p = 0.9999999f;
    draw_many(&s, counts);
    for (int i = 100; i < VOCAB; i++) assert_int_equal(counts[i], 0);
    assert_true(counts[0] > 0);
}

static void the_same_seed_gives_the_same_answer(void **state) {
    (void)state;
    int a[VOCAB], b[VOCAB], c[VOCAB];
    struct sampling s = seeded(42), other = seeded(43);
    draw_many(&s, a);
    draw_many(&s, b);
    draw_many(&other, c);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
}

static int32_t best_after(const struct sampling *s, const int32_t *history, int count,
                          const struct sampling_bias *bias, int bias_count) {
    float logits[VOCAB];
    struct sampler *p = sampler_open(s, bias, bias_count, VOCAB, &math, NULL);
    for (int i = 0; i < count; i++) sampler_accept(p, history[i]);
    slope(logits);
    int32_t token = sampler_sample(p, logits);
    sampler_close(p);
    return token;
}

static void penalties_work_within_their_window(void **state) {
    (void)state;
    struct sampling s = seeded(7);
    s.temperature = 0;
    const int32_t history[] = {0, 0, 1};
    s.presence_penalty = 0.3f; /* 0 → −0.3, 1 → −0.55, 2 stays −0.5 */
    assert_int_equal(best_after(&s, history, 3, NULL, 0), 0);
    s.frequency_penalty = 0.2f; /* 0 → −0.7 */
    assert_int_equal(best_after(&s, history, 3, NULL, 0), 2);
    s.penalty_window = 1; /* sees the 1 only */
    assert_int_equal(best_after(&s, history, 3, NULL, 0), 0);
    s = seeded(7);
    s.temperature = 0;
    s.repetition_penalty = 3; /* logits −1/4 and −2/4 triple: 1 and 2 fall behind 3 */
    s.penalty_window = -1;
    const int32_t low[] = {1, 2};
    const struct sampling_bias no_zero = {0, -100};
    assert_int_equal(best_after(&s, low, 2, &no_zero, 1), 1); /* −0.75, and 3 is −0.75: first */
    s.repetition_penalty = 3.1f;
    assert_int_equal(best_after(&s, low, 2, &no_zero, 1), 3);
}

static void bias_adds_and_minus_100_bans(void **state) {
    (void)state;
    struct sampling s = seeded(8);
    s.temperature = 0;
    const struct sampling_bias bias[] = {{0, -100}, {500, 200}};
    assert_int_equal(best_after(&s, NULL, 0, bias, 1), 1);
    assert_int_equal(best_after(&s, NULL, 0, bias, 2), 500);
    struct error err = {0};
    const struct sampling_bias outside = {VOCAB, 1};
    assert_null(sampler_open(&s, &outside, 1, VOCAB, &math, &err));
    assert_non_null(strstr(err.text, "logit_bias"));
}

static void a_value_out_of_range_is_named(void **state) {
    (void)state;
    struct error err = {0};
    struct sampling s = seeded(9);
    s.top_p = NAN;
    assert_false(sampling_check(&s, &err));
    assert_non_null(strstr(err.text, "top_p"));
    err = (struct error){0};
    s = seeded(9);
    s.temperature = -1;
    assert_null(sampler_open(&s, NULL, 0, VOCAB, &math, &err));
    assert_non_null(strstr(err.text, "temperature is -1"));
}

static void logits_that_are_not_numbers_do_not_crash_it(void **state) {
    (void)state;
    struct sampling s = seeded(11);
    s.top_p = 0.9f;
    float logits[VOCAB];
    struct sampler *p = sampler_open(&s, NULL, 0, VOCAB, &math, NULL);
    const float odd[] = {NAN, -INFINITY, INFINITY};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < VOCAB; j++) logits[j] = odd[i];
        int32_t token = sampler_sample(p, logits);
        assert_in_range(token, 0, VOCAB - 1);
    }
    sampler_close(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(temperature_zero_takes_the_best_and_the_first_of_equals),
        cmocka_unit_test(plain_draws_follow_the_distribution_at_any_temperature),
        cmocka_unit_test(top_k_keeps_k),
        cmocka_unit_test(top_p_keeps_the_least_that_reaches_p),
        cmocka_unit_test(min_p_keeps_what_is_near_the_best),
        cmocka_unit_test(typical_drops_what_is_too_likely),
        cmocka_unit_test(filters_do_not_depend_on_how_far_the_tail_reaches),
        cmocka_unit_test(the_same_seed_gives_the_same_answer),
        cmocka_unit_test(penalties_work_within_their_window),
        cmocka_unit_test(bias_adds_and_minus_100_bans),
        cmocka_unit_test(a_value_out_of_range_is_named),
        cmocka_unit_test(logits_that_are_not_numbers_do_not_crash_it),
    };
    return cmocka_run_group_tests_name("sampler", tests, find_math, NULL);
}
