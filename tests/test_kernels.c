/* test_kernels.c - the table of kernels, and activations as int8 at every level.
 * Covers: act.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/random.h"
#include "guard.h"
#include "kernels/kernels.h"

static const char *const all_levels[] = {"plain", "avx2", "avx512", "amx", "neon", "dotprod",
                                         "i8mm"};
enum { ALL_LEVELS = sizeof all_levels / sizeof all_levels[0] };

static void no_limit_is_the_best_level_and_an_unknown_name_is_none(void **state) {
    (void)state;
    struct kernels best, named;
    assert_true(kernels_init(&best, NULL));
    assert_true(kernels_init(&named, "auto"));
    assert_string_equal(best.level, named.level);
    assert_true(kernels_init(&named, best.level));
    assert_string_equal(best.level, named.level);
    assert_non_null(strstr(kernels_levels(), best.level));
    assert_false(kernels_init(&named, "avx1024"));
    assert_false(kernels_init(&named, ""));
}

static void a_limit_is_the_level_that_is_used(void **state) {
    (void)state;
    for (int l = 0; l < ALL_LEVELS; l++) {
        struct kernels k;
        if (kernels_init(&k, all_levels[l])) assert_string_equal(k.level, all_levels[l]);
    }
}

static void every_level_fills_the_whole_table(void **state) {
    (void)state;
    for (int l = 0; l < ALL_LEVELS; l++) {
        struct kernels k;
        if (!kernels_init(&k, all_levels[l])) continue;
        for (int t = 0; t < QUANT_TYPES; t++) {
            const struct kernel_matmul *m = &k.matmul[t];
            assert_true(m->packed_bytes && m->pack && m->scratch_bytes && m->run);
        }
        for (int a = 0; a < ACT_FORMATS; a++) assert_non_null(k.act_quantize[a]);
        assert_true(k.rms_norm && k.rope && k.silu_mul && k.add && k.argmax && k.log_sum_exp);
        assert_true(k.attention && k.attention_merge && k.attention_finish);
    }
}

static void parts_of_a_quantised_row_start_at_multiples_of_64(void **state) {
    (void)state;
    for (int format = ACT_F32; format < ACT_FORMATS; format++)
        for (int64_t cols = 256; cols <= 4096; cols += 256) {
            struct act_layout l = kernels_act_layout((enum act_format)format, cols);
            assert_int_equal(l.d_offset % 64 + l.sum_offset % 64 + l.row_bytes % 64, 0);
            if (format == ACT_F32) continue;
            size_t blocks = (size_t)cols / (format == ACT_Q8_32 ? 32 : 256);
            assert_true(l.d_offset >= (size_t)cols && l.sum_offset >= l.d_offset + 4 * blocks &&
                        l.row_bytes >= l.sum_offset + (size_t)cols / 16 * 2);
        }
}

/* ---- activations -------------------------------------------------------------------------- */

enum { COLS = 512, ROWS = 3, STRIDE = COLS + 8 };

/* Blocks of many kinds: ordinary, huge, tiny, zero, half-way cases, one large value. */
static void fill(float *x, uint64_t seed) {
    struct random r;
    random_init(&r, seed);
    for (int row = 0; row < ROWS; row++)
        for (int b = 0; b < COLS / 32; b++) {
            static const float sizes[] = {1.0f, 1e30f, 1e-20f, 1e-33f, 0.0f, 3e-45f, 127.0f, 2.5f};
            uint64_t kind = random_below(&r, 8);
            for (int i = 0; i < 32; i++) {
                float v = (float)(random_unit(&r) * 2.0 - 1.0);
                if (kind == 6) v = (float)(random_below(&r, 255) - 127.0) / 254.0f;
                if (kind == 7) v = i == 5 ? -1.0f : v * 0.001f;
                x[row * STRIDE + 32 * b + i] = v * sizes[kind];
            }
        }
}

static void quantised_rows_are_within_half_a_step_and_their_sums_are_sums(void **state) {
    (void)state;
    struct kernels k;
    static float x[ROWS * STRIDE];
    assert_true(kernels_init(&k, "plain"));
    for (int format = ACT_Q8_32; format <= ACT_Q8_256; format++) {
        struct act_layout l = kernels_act_layout((enum act_format)format, COLS);
        int block = format == ACT_Q8_32 ? 32 : 256;
        uint8_t *row = calloc(ROWS, l.row_bytes);
        fill(x, 1);
        k.act_quantize[format](row, x, ROWS, COLS, STRIDE);
        for (int r = 0; r < ROWS; r++)
            for (int i = 0; i < COLS; i++) {
                const uint8_t *at = row + (size_t)r * l.row_bytes;
                float d, value = x[r * STRIDE + i];
                int q = ((const int8_t *)at)[i], sum = 0;
                int16_t stored;
                memcpy(&d, at + l.d_offset + 4 * (size_t)(i / block), 4);
                memcpy(&stored, at + l.sum_offset + 2 * (size_t)(i / 16), 2);
                for (int j = i / 16 * 16; j < i / 16 * 16 + 16; j++) sum += ((const int8_t *)at)[j];
                assert_int_equal(sum, stored);
                assert_in_range(q + 127, 0, 254);
                /* half a step, and 127 · 2^-22 of one for the roundings of act_plain.c */
                double off = fabs((double)value - (double)d * q);
                if (d > 0.0f) assert_true(off <= 0.5001 * (double)d);
                else assert_true(q == 0 && fabsf(value) < 1e-30f);
            }
        free(row);
    }
}

static void every_level_quantises_to_the_same_bits(void **state) {
    (void)state;
    static float x[ROWS * STRIDE];
    for (int l = 1; l < ALL_LEVELS; l++) {
        struct kernels plain, k;
        assert_true(kernels_init(&plain, "plain"));
        if (!kernels_init(&k, all_levels[l])) continue;
        for (int format = ACT_F32; format < ACT_FORMATS; format++)
            for (uint64_t seed = 1; seed <= 200; seed++) {
                size_t bytes = ROWS * kernels_act_layout((enum act_format)format, COLS).row_bytes;
                struct guard a = guard_take(bytes, 1), b = guard_take(bytes, 1);
                assert_true(a.data && b.data);
                fill(x, seed);
                plain.act_quantize[format](a.data, x, ROWS, COLS, STRIDE);
                k.act_quantize[format](b.data, x, ROWS, COLS, STRIDE);
                assert_memory_equal(a.data, b.data, bytes);
                guard_drop(&a), guard_drop(&b);
            }
    }
}

static void a_number_that_is_none_spoils_its_block_and_no_other(void **state) {
    (void)state;
    static const float bad[] = {INFINITY, -INFINITY, NAN};
    static float x[COLS];
    for (int l = 0; l < ALL_LEVELS; l++)
        for (int i = 0; i < 3; i++) {
            struct kernels k;
            if (!kernels_init(&k, all_levels[l])) continue;
            struct act_layout layout = kernels_act_layout(ACT_Q8_32, COLS);
            uint8_t *row = calloc(1, layout.row_bytes);
            for (int c = 0; c < COLS; c++) x[c] = 1.0f;
            x[40] = bad[i];
            k.act_quantize[ACT_Q8_32](row, x, 1, COLS, COLS);
            for (int b = 0; b < COLS / 32; b++) {
                float d;
                memcpy(&d, row + layout.d_offset + 4 * (size_t)b, 4);
                assert_int_equal(isnan(d) != 0, b == 1);
                assert_int_equal(((int8_t *)row)[32 * b], b == 1 ? 0 : 127);
            }
            free(row);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_limit_is_the_best_level_and_an_unknown_name_is_none),
        cmocka_unit_test(a_limit_is_the_level_that_is_used),
        cmocka_unit_test(every_level_fills_the_whole_table),
        cmocka_unit_test(parts_of_a_quantised_row_start_at_multiples_of_64),
        cmocka_unit_test(quantised_rows_are_within_half_a_step_and_their_sums_are_sums),
        cmocka_unit_test(every_level_quantises_to_the_same_bits),
        cmocka_unit_test(a_number_that_is_none_spoils_its_block_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
