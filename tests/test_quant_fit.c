/* test_quant_fit.c - scales chosen when encoding: never worse than the obvious ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "quant/quant.h"
#include "quant/quant_block.h"
#include "quant/quant_fit.h"

enum { N = 32, ROUNDS = 500 };

static void fill(struct random *r, float *x, double offset) {
    for (int i = 0; i < N; i++) x[i] = (float)(random_unit(r) + random_unit(r) - 1 + offset);
}

static double step_error(const float *x, float step, int lo, int hi) {
    double error = 0;
    for (int i = 0; i < N; i++) {
        int q = quant_fit_nearest(x[i], quant_fit_inverse(step), lo, hi);
        error += pow((double)(x[i] - step * (float)q), 2);
    }
    return error;
}

static void rounding_is_to_the_nearest_code_within_the_range(void **state) {
    (void)state;
    assert_int_equal(quant_fit_nearest(2.4f, 1.0f, -8, 7), 2);
    assert_int_equal(quant_fit_nearest(2.5f, 1.0f, -8, 7), 2); /* to even */
    assert_int_equal(quant_fit_nearest(-9.0f, 1.0f, -8, 7), -8);
    assert_int_equal(quant_fit_nearest(1e30f, 1e30f, -8, 7), 7);
    assert_int_equal(quant_fit_nearest(NAN, 1.0f, -8, 7), -8);
    assert_int_equal(quant_fit_nearest(1.0f, NAN, -8, 7), -8);
}

static void a_fitted_step_is_no_worse_than_the_one_of_the_extreme(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 1);
    for (int n = 0; n < ROUNDS; n++) {
        float x[N], peak = 0;
        fill(&r, x, 0);
        for (int i = 0; i < N; i++)
            if (fabsf(x[i]) > fabsf(peak)) peak = x[i];
        double fitted = step_error(x, quant_fit_symmetric(x, N, -8, 7), -8, 7);
        assert_true(fitted <= step_error(x, peak / -8.0f, -8, 7) * (1 + 1e-5));
    }
}

static void a_fitted_line_is_no_worse_than_the_one_through_the_ends(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 2);
    for (int n = 0; n < ROUNDS; n++) {
        float x[N], low = INFINITY, high = -INFINITY;
        double naive = 0, fitted = 0;
        fill(&r, x, 0.5);
        for (int i = 0; i < N; i++) {
            low = fminf(low, x[i]);
            high = fmaxf(high, x[i]);
        }
        struct quant_fit_line line = quant_fit_affine(x, N, 15, INFINITY);
        float step = (high - low) / 15.0f;
        for (int i = 0; i < N; i++) {
            int q = quant_fit_nearest(x[i] - line.min, quant_fit_inverse(line.scale), 0, 15);
            int p = quant_fit_nearest(x[i] - low, quant_fit_inverse(step), 0, 15);
            fitted += pow((double)(line.scale * (float)q + line.min - x[i]), 2);
            naive += pow((double)(step * (float)p + low - x[i]), 2);
        }
        assert_true(fitted <= naive * (1 + 1e-5));
        assert_true(line.scale > 0);
    }
}

static void a_minimum_that_must_not_be_positive_is_not(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 3);
    for (int n = 0; n < ROUNDS; n++) {
        float x[N];
        fill(&r, x, random_unit(&r) * 4);
        assert_true(quant_fit_affine(x, N, 15, 0.0f).min <= 0.0f);
    }
}

static void the_levels_of_iq4_are_found_by_distance(void **state) {
    (void)state;
    for (int q = 0; q < 16; q++)
        assert_int_equal(quant_fit_iq4_nearest((float)QUANT_IQ4_VALUE[q] * 0.25f, 4.0f), q);
    float x[N];
    for (int i = 0; i < N; i++) x[i] = (float)QUANT_IQ4_VALUE[i % 16] * 0.125f;
    assert_true(fabsf(quant_fit_iq4(x, N) - 0.125f) < 1e-6f);
}

static void odd_numbers_have_a_finite_half_and_inverse(void **state) {
    (void)state;
    static const float odd[] = {0, INFINITY, -INFINITY, NAN, 1e38f, -1e38f, 1e-45f};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        assert_true(isfinite(quant_f16_to_f32(quant_fit_f16(odd[i]))));
        assert_true(isfinite(quant_fit_inverse(odd[i])));
    }
    assert_int_equal(quant_fit_f16(1e38f), 0x7bff);
    assert_int_equal(quant_fit_f16(-1e38f), 0xfbff);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_is_to_the_nearest_code_within_the_range),
        cmocka_unit_test(a_fitted_step_is_no_worse_than_the_one_of_the_extreme),
        cmocka_unit_test(a_fitted_line_is_no_worse_than_the_one_through_the_ends),
        cmocka_unit_test(a_minimum_that_must_not_be_positive_is_not),
        cmocka_unit_test(the_levels_of_iq4_are_found_by_distance),
        cmocka_unit_test(odd_numbers_have_a_finite_half_and_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
