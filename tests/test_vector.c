/* test_vector.c - the operations on one row, at every level, against double precision.
 *
 * Rows end directly before a page that nobody may touch, at lengths around every vector width.
 * Bounds are computed from the data, with u = 2^-24; they stand at each test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "guard.h"
#include "level.h"

static const int lengths[] = {1,  2,  7,  8,  9,  15, 16,  17,  31,  32,  33,   63,  64,
                              65, 79, 80, 96, 127, 128, 129, 255, 896, 1000, 1536, 3584};
enum { LENGTHS = sizeof lengths / sizeof lengths[0], LENGTH_MAX = 3584 };

static const double u = 0x1p-24;

static float *take(struct guard *g, int n) {
    *g = guard_take(sizeof(float) * (size_t)n, 4);
    return g->data;
}

static void fill(float *x, int n, uint64_t seed, double size) {
    struct random r;
    random_init(&r, seed);
    for (int i = 0; i < n; i++) x[i] = (float)((2 * random_unit(&r) - 1) * size);
}

static void assert_near(double got, double exact, double bound) {
    if (!(fabs(got - exact) <= bound)) fail_msg("%.9g, not %.9g (bound %g)", got, exact, bound);
}

/* The mean of squares is a sum of n positive terms, each off by u and added in at most n steps;
 * its root halves that; a division, a root and two products add 4 u.  Terms lie in 32 lanes or
 * more, so n/32 + 40 steps bound the chains. */
static void rms_norm_is_exact_up_to_rounding(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    static const double sizes[] = {1, 1e-12, 1e15};
    for (int l = 0; l < LENGTHS; l++)
        for (int s = 0; s < 3; s++) {
            struct guard gx, gw, gout;
            int n = lengths[l];
            float *x = take(&gx, n), *w = take(&gw, n), *out = take(&gout, n);
            fill(x, n, (uint64_t)l, sizes[s]);
            fill(w, n, 77, 2);
            double squares = 0;
            for (int i = 0; i < n; i++) squares += (double)x[i] * (double)x[i];
            double scale = 1 / sqrt(squares / n + (double)1e-6f);
            k.rms_norm(out, x, w, n, 1e-6f);
            for (int i = 0; i < n; i++) {
                double exact = (double)x[i] * scale * (double)w[i];
                assert_near((double)out[i], exact, fabs(exact) * u * (n / 32.0 + 40) + 0x1p-140);
            }
            k.rms_norm(x, x, w, n, 1e-6f); /* in place: the same bits */
            assert_memory_equal(x, out, sizeof(float) * (size_t)n);
            guard_drop(&gx);
            guard_drop(&gw);
            guard_drop(&gout);
        }
}

static void rms_norm_of_zeros_is_zeros(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    float x[100] = {0}, w[100], out[100];
    fill(w, 100, 1, 1);
    k.rms_norm(out, x, w, 100, 1e-6f);
    for (int i = 0; i < 100; i++) assert_true(out[i] == 0);
}

/* Two products and a sum: 3 u of the sizes of the products. */
static void rope_turns_each_pair_and_nothing_else(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    for (int dim = 2; dim <= 256; dim += dim < 40 ? 2 : 24)
        for (int neox = 0; neox < 2; neox++) {
            struct guard gx, gt;
            float *x = take(&gx, dim), *table = take(&gt, dim), before[256];
            fill(x, dim, (uint64_t)dim, 10);
            fill(table, dim, 3, 1.2);
            memcpy(before, x, sizeof(float) * (size_t)dim);
            k.rope(x, table, dim, neox);
            for (int i = 0; i < dim / 2; i++) {
                int a = neox ? i : 2 * i, b = neox ? i + dim / 2 : 2 * i + 1;
                double c = (double)table[2 * i], s = (double)table[2 * i + 1];
                double xa = (double)before[a], xb = (double)before[b];
                double bound_a = 3 * u * (fabs(xa * c) + fabs(xb * s));
                double bound_b = 3 * u * (fabs(xa * s) + fabs(xb * c));
                assert_near((double)x[a], xa * c - xb * s, bound_a);
                assert_near((double)x[b], xa * s + xb * c, bound_b);
            }
            float wide[256 + 16]; /* a partial rotation leaves the rest of the head alone */
            fill(wide, dim + 16, 5, 1);
            memcpy(before, wide + dim, 16 * sizeof(float));
            k.rope(wide, table, dim, neox);
            assert_memory_equal(wide + dim, before, 16 * sizeof(float));
            guard_drop(&gx);
            guard_drop(&gt);
        }
}

/* exp is within 2 units (4 u), then a sum, a quotient and a product; results below the
 * smallest normal float may be 0. */
static void silu_mul_is_exact_up_to_rounding(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    static const double sizes[] = {1, 20, 100, 1e4, 1e30, 1e-30};
    for (int l = 0; l < LENGTHS; l++)
        for (int s = 0; s < 6; s++) {
            struct guard gg, gu, go;
            int n = lengths[l];
            float *gate = take(&gg, n), *up = take(&gu, n), *out = take(&go, n);
            fill(gate, n, (uint64_t)l, sizes[s]);
            fill(up, n, 9, 3);
            k.silu_mul(out, gate, up, n);
            for (int i = 0; i < n; i++) {
                double g = (double)gate[i], exact = g / (1 + exp(-g)) * (double)up[i];
                assert_near((double)out[i], exact, fabs(exact) * 8 * u + 0x1p-115);
            }
            k.silu_mul(gate, gate, up, n); /* over either operand: the same bits */
            assert_memory_equal(gate, out, sizeof(float) * (size_t)n);
            fill(gate, n, (uint64_t)l, sizes[s]);
            k.silu_mul(up, gate, up, n);
            assert_memory_equal(up, out, sizeof(float) * (size_t)n);
            guard_drop(&gg);
            guard_drop(&gu);
            guard_drop(&go);
        }
}

static void add_gives_the_one_correct_sum(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    for (int l = 0; l < LENGTHS; l++) {
        struct guard ga, gb;
        int n = lengths[l];
        float *a = take(&ga, n), *b = take(&gb, n), exact[LENGTH_MAX];
        fill(a, n, 1, 1);
        fill(b, n, 2, 1e-3);
        for (int i = 0; i < n; i++) exact[i] = a[i] + b[i];
        k.add(a, b, n);
        assert_memory_equal(a, exact, sizeof(float) * (size_t)n);
        guard_drop(&ga);
        guard_drop(&gb);
    }
}

static void argmax_finds_the_first_of_equals_anywhere(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    for (int l = 0; l < LENGTHS; l++) {
        struct guard g;
        int n = lengths[l];
        float *x = take(&g, n);
        for (int at = 0; at < n; at += n > 200 ? 37 : 1) {
            fill(x, n, (uint64_t)at, 1);
            x[at] = 2;
            x[n - 1] = 2;
            for (int i = 0; i < at; i += 3) x[i] = NAN;
            assert_int_equal(k.argmax(x, n), at);
            for (int i = 0; i < n; i++) x[i] = i < at ? NAN : -INFINITY;
            assert_int_equal(k.argmax(x, n), at);
            x[at] = INFINITY;
            assert_int_equal(k.argmax(x, n), at);
        }
        for (int i = 0; i < n; i++) x[i] = NAN;
        assert_int_equal(k.argmax(x, n), 0);
        guard_drop(&g);
    }
}

/* Each term is off by 4 u and by u · |x − max|; added in float in blocks of 4096 over 8 lanes or
 * more (at most 512 + 8 steps), then in double. */
static void log_sum_exp_is_exact_up_to_rounding(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    static const double sizes[] = {1, 30, 1e4, 0};
    for (int l = 0; l <= LENGTHS; l++)
        for (int s = 0; s < 4; s++) {
            struct guard g;
            int n = l < LENGTHS ? lengths[l] : 20011;
            float *x = take(&g, n);
            fill(x, n, (uint64_t)l, sizes[s]);
            double most = -INFINITY, sum = 0, off = 0;
            for (int i = 0; i < n; i++) most = fmax(most, (double)x[i]);
            for (int i = 0; i < n; i++) {
                double p = exp((double)x[i] - most);
                sum += p;
                off += p * u * (4 + most - (double)x[i] + 520);
            }
            assert_near(k.log_sum_exp(x, n), most + log(sum), off / sum + fabs(most) * 0x1p-50);
            guard_drop(&g);
        }
}

static void log_sum_exp_knows_infinities(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    float x[40];
    for (int i = 0; i < 40; i++) x[i] = -INFINITY;
    assert_true(k.log_sum_exp(x, 40) == -INFINITY);
    x[17] = 3;
    assert_true(k.log_sum_exp(x, 40) == 3);
    x[18] = INFINITY;
    assert_true(k.log_sum_exp(x, 40) == INFINITY);
}

static void a_row_has_the_same_bits_at_any_address(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    enum { N = 150, SHIFTS = 16 };
    float room[4][N + SHIFTS], first[4][N];
    double sum = 0;
    for (int shift = 0; shift < SHIFTS; shift++) {
        float *a = room[0] + shift, *b = room[1] + shift, *norm = room[2] + shift;
        float *silu = room[3] + shift;
        fill(a, N, 1, 3);
        fill(b, N, 2, 3);
        k.rms_norm(norm, a, b, N, 1e-5f);
        k.silu_mul(silu, a, b, N);
        double log_sum = k.log_sum_exp(a, N);
        k.rope(a, b, 128, true);
        k.rope(b, norm, 128, false);
        const float *made[4] = {a, b, norm, silu};
        for (int i = 0; i < 4; i++) {
            if (shift == 0) memcpy(first[i], made[i], sizeof first[i]);
            assert_memory_equal(made[i], first[i], sizeof first[i]);
        }
        if (shift == 0) sum = log_sum;
        assert_true(log_sum == sum);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rms_norm_is_exact_up_to_rounding),
        cmocka_unit_test(rms_norm_of_zeros_is_zeros),
        cmocka_unit_test(rope_turns_each_pair_and_nothing_else),
        cmocka_unit_test(silu_mul_is_exact_up_to_rounding),
        cmocka_unit_test(add_gives_the_one_correct_sum),
        cmocka_unit_test(argmax_finds_the_first_of_equals_anywhere),
        cmocka_unit_test(log_sum_exp_is_exact_up_to_rounding),
        cmocka_unit_test(log_sum_exp_knows_infinities),
        cmocka_unit_test(a_row_has_the_same_bits_at_any_address),
    };
    return level_run(tests, sizeof tests / sizeof tests[0]);
}
