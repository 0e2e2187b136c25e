/* test_rope.c - frequencies, YaRN's ramp and magnitude, exactness at far positions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <cmocka.h>

#include "model/rope.h"

static struct rope_options plain(void) {
    return (struct rope_options){.dim = 64, .neox = true, .base = 1000000, .scaling = ROPE_NONE,
                                 .factor = 1, .context_original = 32768, .attention_factor = 1,
                                 .beta_fast = 32, .beta_slow = 1};
}

static void near(double a, double b, double bound) {
    if (fabs(a - b) > bound) fail_msg("%.12g is not within %g of %.12g", a, bound, b);
}

static void plain_frequencies_are_powers_of_the_base(void **state) {
    (void)state;
    struct rope r;
    struct rope_options o = plain();
    rope_init(&r, &o);
    for (int i = 0; i < 32; i++) near(r.frequency[i], pow(1000000, -i / 32.0), 1e-15);
    near(r.magnitude, 1, 0);
}

static void a_far_position_is_as_exact_as_a_near_one(void **state) {
    (void)state;
    struct rope r;
    struct rope_options o = plain();
    float out[64];
    rope_init(&r, &o);
    const int32_t position = 131071;
    rope_fill(&r, out, &position, 1);
    for (int i = 0; i < 32; i++) {
        long double angle = (long double)position * powl(1000000, -i / 32.0L);
        near((double)out[2 * i], (double)cosl(angle), 1e-7);
        near((double)out[2 * i + 1], (double)sinl(angle), 1e-7);
    }
}

static void linear_scaling_divides_every_frequency(void **state) {
    (void)state;
    struct rope a, b;
    struct rope_options o = plain();
    rope_init(&a, &o);
    o.scaling = ROPE_LINEAR;
    o.factor = 4;
    rope_init(&b, &o);
    for (int i = 0; i < 32; i++) near(b.frequency[i] * 4, a.frequency[i], 1e-15);
}

/* Figures worked out by hand from the paper's equations for Qwen2.5's card: base 10^6,
 * head 128, factor 4 from 32,768.  The pair that turns 32 times within the trained length is
 * 128·ln(32768/(32·2π))/(2·ln 10^6) = 23.6, the one that turns once 39.6. */
static void yarn_keeps_fast_pairs_and_divides_slow_ones(void **state) {
    (void)state;
    struct rope a, b;
    struct rope_options o = plain();
    o.dim = 128;
    rope_init(&a, &o);
    o.scaling = ROPE_YARN;
    o.factor = 4;
    rope_init(&b, &o);
    for (int i = 0; i <= 23; i++) near(b.frequency[i], a.frequency[i], 1e-15);
    for (int i = 40; i < 64; i++) near(b.frequency[i] * 4, a.frequency[i], 1e-15);
    /* Half way up the ramp from 23 to 40, at pair 31.5, keep is 1/2: pair 31 keeps 9/17. */
    near(b.frequency[31], a.frequency[31] * (9.0 / 17 + 8.0 / 17 / 4), 1e-12);
    near(b.magnitude, 1 + 0.1 * log(4), 1e-12);
}

static void frequency_factors_divide_pair_by_pair(void **state) {
    (void)state;
    struct rope a, b;
    struct rope_options o = plain();
    float factors[32];
    for (int i = 0; i < 32; i++) factors[i] = 1 + (float)i;
    rope_init(&a, &o);
    o.frequency_factors = factors;
    rope_init(&b, &o);
    for (int i = 0; i < 32; i++) near(b.frequency[i] * (1 + i), a.frequency[i], 1e-12);
    assert_null(b.options.frequency_factors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_frequencies_are_powers_of_the_base),
        cmocka_unit_test(a_far_position_is_as_exact_as_a_near_one),
        cmocka_unit_test(linear_scaling_divides_every_frequency),
        cmocka_unit_test(yarn_keeps_fast_pairs_and_divides_slow_ones),
        cmocka_unit_test(frequency_factors_divide_pair_by_pair),
    };
    return cmocka_run_group_tests_name("rope", tests, NULL, NULL);
}
