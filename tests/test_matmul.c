/* test_matmul.c - every level's matmul gives the bits of the plain one.
 * Covers: matmul_pack.c, matmul_tile.c.
 *
 * For each format: random blocks and extreme ones, shapes that leave remainders everywhere,
 * memory that ends at a guard page, memcmp against the plain level; and the plain level against
 * double arithmetic over decoded weights. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/random.h"
#include "guard.h"
#include "kernels/kernels.h"

#if defined(__aarch64__)
static const char *const levels[] = {"neon", "dotprod", "i8mm"};
#else
static const char *const levels[] = {"avx2", "avx512", "amx", "neon", "dotprod", "i8mm"};
#endif
enum { LEVELS = sizeof levels / sizeof levels[0], CANARY = 0x5a };

static struct guard take(size_t bytes) {
    struct guard g = guard_take(bytes, 1);
    assert_non_null(g.data);
    return g;
}

/* ---- inputs ------------------------------------------------------------------------------ */

enum fill { FILL_RANDOM, FILL_ONES, FILL_ZEROS, FILL_ALTERNATE, FILLS };

/* Where a block's half-precision numbers stand, so that they can be made finite. */
static const struct {
    int count, at[2];
} half_fields[QUANT_TYPES] = {
    [QUANT_Q4_0] = {1, {0}}, [QUANT_Q4_1] = {2, {0, 2}}, [QUANT_Q5_0] = {1, {0}},
    [QUANT_Q5_1] = {2, {0, 2}}, [QUANT_Q8_0] = {1, {0}}, [QUANT_IQ4_NL] = {1, {0}},
    [QUANT_Q2_K] = {2, {80, 82}}, [QUANT_Q3_K] = {1, {108}}, [QUANT_Q4_K] = {2, {0, 2}},
    [QUANT_Q5_K] = {2, {0, 2}}, [QUANT_Q6_K] = {1, {208}}, [QUANT_IQ4_XS] = {1, {0}},
};

static float random_float(struct random *r) {
    return (float)(random_unit(r) * 2.0 - 1.0);
}

static void fill_floats(uint8_t *to, enum quant_type type, int64_t n, struct random *r) {
    for (int64_t i = 0; i < n; i++) {
        float f = random_float(r);
        uint16_t half = type == QUANT_F16 ? quant_f32_to_f16(f) : quant_f32_to_bf16(f);
        if (type == QUANT_F32) memcpy(to + 4 * i, &f, 4);
        else memcpy(to + 2 * i, &half, 2);
    }
}

static void fill_weights(uint8_t *to, enum quant_type type, int64_t n, enum fill fill,
                         struct random *r) {
    const struct quant_info *info = quant_info(type);
    if (info->unpack == NULL) {
        fill_floats(to, type, n, r);
        return;
    }
    for (int64_t b = 0; b < n / info->block_elements; b++, to += info->block_bytes) {
        for (int i = 0; i < info->block_bytes; i++) {
            static const uint8_t constant[FILLS] = {0, 0xff, 0x00, 0x80};
            to[i] = fill == FILL_RANDOM ? (uint8_t)random_u64(r) : constant[fill];
        }
        for (int h = 0; h < half_fields[type].count; h++) {
            uint16_t half = quant_f32_to_f16(random_float(r) * 0.1f);
            memcpy(to + half_fields[type].at[h], &half, 2);
        }
    }
}

/* Random floats, or all of the largest size so that every q is ±127. */
static void fill_x(float *x, int64_t n, enum fill fill, struct random *r) {
    for (int64_t i = 0; i < n; i++) {
        x[i] = random_float(r) * 3.0f;
        if (fill == FILL_ONES) x[i] = 2.5f;
        if (fill == FILL_ZEROS) x[i] = -2.5f;
        if (fill == FILL_ALTERNATE) x[i] = i % 2 == 0 ? 2.5f : -2.5f;
    }
}

/* ---- one multiplication ------------------------------------------------------------------- */

struct shape {
    int64_t rows, cols, x_rows;
    int64_t row_begin; /* of the range that is computed; to the end */
    bool add, bias;
};

struct inputs {
    struct shape shape;
    enum quant_type type;
    const uint8_t *weights;
    const float *x;    /* [x_rows][cols] */
    const float *bias; /* [rows] */
    const float *out;  /* what out holds before */
};

static void *open_aligned(size_t bytes) {
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, 64, bytes + 64), 0);
    return p;
}

static void multiply(float *result, const struct kernels *k, const struct inputs *in) {
    const struct kernel_matmul *m = &k->matmul[in->type];
    const struct shape s = in->shape;
    struct guard packed = take((size_t)m->packed_bytes(s.rows, s.cols));
    size_t x_bytes = kernels_act_layout(m->act, s.cols).row_bytes * (size_t)s.x_rows;
    struct guard x = take(x_bytes);
    struct guard out = take((size_t)(s.rows * s.x_rows) * sizeof(float));
    void *scratch = open_aligned(m->scratch_bytes(s.cols));
    memset(packed.data, CANARY, (size_t)m->packed_bytes(s.rows, s.cols));
    memset(x.data, CANARY, x_bytes);
    for (int64_t n = 0; n < s.rows; n += 16)
        m->pack(packed.data, in->weights, s.rows, s.cols, n, n + 16 < s.rows ? n + 16 : s.rows);
    k->act_quantize[m->act](x.data, in->x, s.x_rows, s.cols, s.cols);
    memcpy(out.data, in->out, (size_t)(s.rows * s.x_rows) * sizeof(float));
    m->run(&(struct matmul_work){
        .weights = packed.data, .weight_rows = s.rows, .cols = s.cols,
        .row_begin = s.row_begin, .row_end = s.rows, .x = x.data, .x_rows = s.x_rows,
        .out = out.data, .out_stride = s.rows,
        .bias = s.bias ? in->bias : NULL, .add = s.add, .scratch = scratch,
    });
    memcpy(result, out.data, (size_t)(s.rows * s.x_rows) * sizeof(float));
    free(scratch);
    guard_drop(&out);
    guard_drop(&x);
    guard_drop(&packed);
}

static void check_shape(enum quant_type type, struct shape shape, enum fill weights_fill,
                        enum fill x_fill, uint64_t seed) {
    struct random random;
    random_init(&random, seed);
    int64_t outs = shape.rows * shape.x_rows;
    size_t weights_bytes = (size_t)quant_bytes(type, shape.rows * shape.cols);
    struct guard weights = take(weights_bytes);
    float *x = open_aligned((size_t)(shape.x_rows * shape.cols) * sizeof(float));
    float *bias = open_aligned((size_t)shape.rows * sizeof(float));
    float *before = open_aligned((size_t)outs * sizeof(float));
    float *expected = open_aligned((size_t)outs * sizeof(float));
    float *result = open_aligned((size_t)outs * sizeof(float));
    fill_weights(weights.data, type, shape.rows * shape.cols, weights_fill, &random);
    fill_x(x, shape.x_rows * shape.cols, x_fill, &random);
    fill_x(bias, shape.rows, FILL_RANDOM, &random);
    fill_x(before, outs, FILL_RANDOM, &random);
    struct inputs in = {shape, type, weights.data, x, bias, before};
    struct kernels kernels;
    assert_true(kernels_init(&kernels, "plain"));
    multiply(expected, &kernels, &in);
    for (int l = 0; l < LEVELS; l++) {
        if (!kernels_init(&kernels, levels[l])) continue;
        multiply(result, &kernels, &in);
        for (int64_t i = 0; i < outs; i++)
            if (memcmp(&result[i], &expected[i], 4) != 0)
                fail_msg("%s %s %lldx%lld x %lld rows, fill %d/%d: row %lld out %lld is %a, not %a",
                         levels[l], quant_info(type)->name, (long long)shape.rows,
                         (long long)shape.cols, (long long)shape.x_rows, (int)weights_fill,
                         (int)x_fill, (long long)(i / shape.rows), (long long)(i % shape.rows),
                         (double)result[i], (double)expected[i]);
    }
    free(result), free(expected), free(before), free(bias), free(x);
    guard_drop(&weights);
}

/* ---- tests ------------------------------------------------------------------------------- */

static void every_level_gives_the_bits_of_the_plain_one(void **state) {
    (void)state;
    static const struct shape shapes[] = {
        {.rows = 16, .cols = 256, .x_rows = 1},
        {.rows = 1, .cols = 256, .x_rows = 1, .add = true},
        {.rows = 33, .cols = 512, .x_rows = 2, .bias = true},
        {.rows = 47, .cols = 1280, .x_rows = 3, .row_begin = 16, .add = true, .bias = true},
        {.rows = 64, .cols = 768, .x_rows = 4, .row_begin = 32},
        {.rows = 31, .cols = 256, .x_rows = 37, .bias = true},
        {.rows = 80, .cols = 512, .x_rows = 101, .add = true},
        {.rows = 20, .cols = 256, .x_rows = 531, .bias = true}, /* two passes of the largest */
    };
    for (int type = 0; type < QUANT_TYPES; type++)
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            check_shape((enum quant_type)type, shapes[i], FILL_RANDOM, FILL_RANDOM, 7 * i + 1);
}

static void any_number_of_rows_of_x_gives_the_same_bits(void **state) {
    (void)state;
    for (int type = 0; type < QUANT_TYPES; type++)
        for (int64_t x_rows = 1; x_rows <= 37; x_rows++)
            check_shape((enum quant_type)type,
                        (struct shape){.rows = 33, .cols = 256, .x_rows = x_rows}, FILL_RANDOM,
                        FILL_RANDOM, 100 + (uint64_t)x_rows);
}

static void columns_that_do_not_fill_a_tile_are_multiplied_too(void **state) {
    (void)state;
    for (int type = 0; type < QUANT_TYPES; type++) {
        if (quant_info((enum quant_type)type)->block_elements > 32) continue;
        for (int64_t cols = 32; cols <= 576; cols += 32)
            check_shape((enum quant_type)type,
                        (struct shape){.rows = 19, .cols = cols, .x_rows = 7}, FILL_RANDOM,
                        FILL_RANDOM, (uint64_t)cols);
    }
}

static void the_largest_codes_and_scales_do_not_overflow(void **state) {
    (void)state;
    for (int type = 0; type < QUANT_TYPES; type++)
        for (int w = 0; w < FILLS; w++)
            for (int x = 0; x < FILLS; x++)
                for (int64_t x_rows = 1; x_rows <= 17; x_rows += 16)
                    check_shape((enum quant_type)type,
                                (struct shape){.rows = 32, .cols = 512, .x_rows = x_rows},
                                (enum fill)w, (enum fill)x, 5);
}

static void a_range_of_rows_leaves_the_others_alone(void **state) {
    (void)state;
    enum { ROWS = 70, COLS = 256, X_ROWS = 20 };
    struct random random;
    random_init(&random, 3);
    for (int l = -1; l < LEVELS; l++) {
        struct kernels k;
        if (!kernels_init(&k, l < 0 ? "plain" : levels[l])) continue;
        const struct kernel_matmul *m = &k.matmul[QUANT_Q4_K];
        uint8_t *source = open_aligned((size_t)quant_bytes(QUANT_Q4_K, ROWS * COLS));
        uint8_t *packed = open_aligned((size_t)m->packed_bytes(ROWS, COLS));
        uint8_t *x = open_aligned(kernels_act_layout(m->act, COLS).row_bytes * X_ROWS);
        static float floats[X_ROWS * COLS], out[X_ROWS][ROWS], whole[X_ROWS][ROWS];
        void *scratch = open_aligned(m->scratch_bytes(COLS));
        fill_weights(source, QUANT_Q4_K, ROWS * COLS, FILL_RANDOM, &random);
        fill_x(floats, X_ROWS * COLS, FILL_RANDOM, &random);
        k.act_quantize[m->act](x, floats, X_ROWS, COLS, COLS);
        m->pack(packed, source, ROWS, COLS, 0, ROWS);
        struct matmul_work work = {
            .weights = packed, .weight_rows = ROWS, .cols = COLS, .row_end = ROWS, .x = x,
            .x_rows = X_ROWS, .out = whole[0], .out_stride = ROWS, .scratch = scratch,
        };
        m->run(&work);
        memset(out, CANARY, sizeof out);
        work.out = out[0], work.row_begin = 16, work.row_end = 48;
        m->run(&work);
        for (int r = 0; r < X_ROWS; r++)
            for (int n = 0; n < ROWS; n++) {
                uint32_t bits, canary = CANARY * 0x01010101u;
                memcpy(&bits, &out[r][n], 4);
                if (n >= 16 && n < 48) assert_memory_equal(&out[r][n], &whole[r][n], 4);
                else assert_int_equal(bits, canary);
            }
        free(source), free(packed), free(x), free(scratch);
    }
}

static void packing_in_ranges_is_packing_at_once_and_hardly_larger(void **state) {
    (void)state;
    enum { ROWS = 53, COLS = 768 };
    struct random random;
    random_init(&random, 11);
    for (int l = 0; l < LEVELS; l++) {
        struct kernels k;
        if (!kernels_init(&k, levels[l])) continue;
        for (int type = 0; type < QUANT_TYPES; type++) {
            const struct kernel_matmul *m = &k.matmul[type];
            size_t source_bytes = (size_t)quant_bytes((enum quant_type)type, ROWS * COLS);
            size_t padded = source_bytes / ROWS * ((ROWS + 15) / 16 * 16);
            size_t bytes = (size_t)m->packed_bytes(ROWS, COLS);
            assert_in_range(bytes, padded, padded + padded / 64 + 4 * 64);
            struct guard source = take(source_bytes), once = take(bytes), parts = take(bytes);
            fill_weights(source.data, (enum quant_type)type, ROWS * COLS, FILL_RANDOM, &random);
            memset(once.data, CANARY, bytes), memset(parts.data, 0, bytes);
            m->pack(once.data, source.data, ROWS, COLS, 0, ROWS);
            m->pack(parts.data, source.data, ROWS, COLS, 32, ROWS);
            m->pack(parts.data, source.data, ROWS, COLS, 0, 16);
            m->pack(parts.data, source.data, ROWS, COLS, 16, 32);
            assert_memory_equal(once.data, parts.data, bytes);
            guard_drop(&source), guard_drop(&once), guard_drop(&parts);
        }
    }
}

/* |error| of an output: each of the blocks' two products, two fma and the sum of them round
 * once, relative to the sum of the sizes: (3 · blocks + 4) · 2^-24 · Σ|w·x| with the x that the
 * integers stand for. */
static void the_plain_level_multiplies_decoded_weights(void **state) {
    (void)state;
    enum { COLS = 512 };
    struct random random;
    struct kernels k;
    random_init(&random, 21);
    assert_true(kernels_init(&k, "plain"));
    for (int type = 0; type < QUANT_TYPES; type++) {
        const struct kernel_matmul *m = &k.matmul[type];
        const struct quant_info *info = quant_info((enum quant_type)type);
        struct act_layout layout = kernels_act_layout(m->act, COLS);
        int64_t block = m->act == ACT_F32 ? 1 : info->block_elements;
        uint8_t *source = open_aligned((size_t)quant_bytes((enum quant_type)type, COLS));
        uint8_t *x = open_aligned(layout.row_bytes);
        void *scratch = open_aligned(m->scratch_bytes(COLS));
        float floats[COLS], decoded[COLS], out;
        fill_weights(source, (enum quant_type)type, COLS, FILL_RANDOM, &random);
        fill_x(floats, COLS, FILL_RANDOM, &random);
        info->decode(decoded, source, COLS);
        k.act_quantize[m->act](x, floats, 1, COLS, COLS);
        m->run(&(struct matmul_work){
            .weights = source, .weight_rows = 1, .cols = COLS, .row_end = 1, .x = x, .x_rows = 1,
            .out = &out, .out_stride = 1, .scratch = scratch,
        });
        double exact = 0.0, size = 0.0;
        for (int i = 0; i < COLS; i++) {
            float d = m->act == ACT_F32 ? floats[i] : 0.0f;
            if (m->act != ACT_F32) memcpy(&d, x + layout.d_offset + 4 * (size_t)(i / block), 4);
            double value = m->act == ACT_F32 ? (double)d : (double)d * ((int8_t *)x)[i];
            exact += (double)decoded[i] * value;
            size += fabs((double)decoded[i] * value);
        }
        /* decode rounds products of its own: 2 · 2^-24 of d·scale·code and of dmin·min, which may
         * be larger than their difference; random minimums are below 64 · 0.1. */
        double bound = (3.0 * COLS / (double)block + 8.0) * 0x1p-24 * (size + 6.4 * 3.0 * COLS);
        assert_true(fabs((double)out - exact) <= bound);
        free(source), free(x), free(scratch);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plain_level_multiplies_decoded_weights),
        cmocka_unit_test(every_level_gives_the_bits_of_the_plain_one),
        cmocka_unit_test(any_number_of_rows_of_x_gives_the_same_bits),
        cmocka_unit_test(columns_that_do_not_fill_a_tile_are_multiplied_too),
        cmocka_unit_test(the_largest_codes_and_scales_do_not_overflow),
        cmocka_unit_test(a_range_of_rows_leaves_the_others_alone),
        cmocka_unit_test(packing_in_ranges_is_packing_at_once_and_hardly_larger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
