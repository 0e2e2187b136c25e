/* test_attention.c - attention, at every level, against a double precision reference.
 *
 * The bound of an output element is computed from the data.  With u = 2^-24, a score is off by
 * at most (head_dim + 2) · u · scale · Σ|q·k|, the maximum likewise, their difference by
 * u · |s − m|, and the exponential by 2 u.  Call the largest sum of these in a row delta: a
 * weight p_j is off by a factor within exp(±2 delta), and so is their sum; adding n products and
 * rescaling them once a block adds (n + 2 · blocks + 8) · u to either
 * (amx multiplies bfloat16 parts: 2^-14 of each product comes on top of either).  Hence
 *     |out − exact| <= Σ p·|v| / Σ p · 2 · (expm1(2 delta) + (n + 2 · blocks + 8) · u). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "guard.h"
#include "level.h"

enum { ROWS_MAX = 48, KEYS_MAX = 448, BLOCKS_MAX = KEYS_MAX / KV_BLOCK_TOKENS };

struct fixture {
    struct kernels k;
    enum quant_type type;
    int head_dim, rows, keys;
    struct guard q[ROWS_MAX], out[ROWS_MAX], k_block[BLOCKS_MAX], v_block[BLOCKS_MAX];
    struct guard last, acc, max, sum, scratch, joined;
    const float *q_rows[ROWS_MAX];
    float *out_rows[ROWS_MAX];
    const void *k_blocks[BLOCKS_MAX], *v_blocks[BLOCKS_MAX];
};

static void fixture_open(struct fixture *f, void **level, enum quant_type type, int head_dim,
                         int rows, int keys) {
    level_kernels(&f->k, level);
    f->type = type;
    f->head_dim = head_dim;
    f->rows = rows;
    f->keys = keys;
    size_t row_bytes = sizeof(float) * (size_t)head_dim;
    for (int r = 0; r < rows; r++) {
        f->q_rows[r] = (f->q[r] = guard_take(row_bytes, 4)).data;
        f->out_rows[r] = (f->out[r] = guard_take(row_bytes, 4)).data;
    }
    const struct kernel_kv *kv = &f->k.kv[type];
    for (int b = 0; b < (keys + KV_BLOCK_TOKENS - 1) / KV_BLOCK_TOKENS; b++) {
        f->k_blocks[b] = (f->k_block[b] = guard_take(kv->k_bytes(head_dim), 64)).data;
        f->v_blocks[b] = (f->v_block[b] = guard_take(kv->v_bytes(head_dim), 64)).data;
    }
    f->last = guard_take(sizeof(int32_t) * (size_t)rows, 4);
    f->acc = guard_take(row_bytes * (size_t)rows, 4);
    f->joined = guard_take((row_bytes + 2 * sizeof(float)) * (size_t)rows, 4);
    f->max = guard_take(sizeof(float) * (size_t)rows, 4);
    f->sum = guard_take(sizeof(float) * (size_t)rows, 4);
    f->scratch = guard_take(f->k.attention_scratch_bytes(rows, head_dim), 64);
}

static void fixture_close(struct fixture *f) {
    for (int i = 0; i < ROWS_MAX; i++) {
        guard_drop(&f->q[i]);
        guard_drop(&f->out[i]);
    }
    for (int i = 0; i < BLOCKS_MAX; i++) {
        guard_drop(&f->k_block[i]);
        guard_drop(&f->v_block[i]);
    }
    struct guard *rest[] = {&f->last, &f->acc, &f->max, &f->sum, &f->scratch, &f->joined};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++) guard_drop(rest[i]);
}

static void store(struct fixture *f, int key, const float *k, const float *v) {
    int block = key / KV_BLOCK_TOKENS, slot = key % KV_BLOCK_TOKENS;
    f->k.kv[f->type].store_k(f->k_block[block].data, slot, k, f->head_dim);
    f->k.kv[f->type].store_v(f->v_block[block].data, slot, v, f->head_dim);
}

/* Uniform queries, keys and values of these magnitudes; each row sees every key. */
static void fill(struct fixture *f, uint64_t seed, float q_size, float k_size, float v_size) {
    struct random r;
    random_init(&r, seed);
    float k[HEAD_DIM_MAX], v[HEAD_DIM_MAX];
    for (int row = 0; row < f->rows; row++) {
        float *q = f->q[row].data;
        for (int d = 0; d < f->head_dim; d++) q[d] = (float)(2 * random_unit(&r) - 1) * q_size;
        ((int32_t *)f->last.data)[row] = f->keys - 1;
    }
    for (int key = 0; key < f->keys; key++) {
        for (int d = 0; d < f->head_dim; d++) {
            k[d] = (float)(2 * random_unit(&r) - 1) * k_size;
            v[d] = (float)(2 * random_unit(&r) - 1) * v_size;
        }
        store(f, key, k, v);
    }
}

static float scale_of(const struct fixture *f) { return 1.0f / sqrtf((float)f->head_dim); }

static void attend(struct fixture *f, int key_begin, int key_end) {
    f->k.attention(&(struct attention_work){
        .k_kernel = &f->k.kv[f->type], .v_kernel = &f->k.kv[f->type], .head_dim = f->head_dim,
        .scale = scale_of(f), .rows = f->rows, .q = f->q_rows, .row_last_key = f->last.data,
        .k_blocks = f->k_blocks, .v_blocks = f->v_blocks, .key_begin = key_begin,
        .key_end = key_end, .acc = f->acc.data, .max = f->max.data, .sum = f->sum.data,
        .scratch = f->scratch.data});
}

/* All keys in splits of split_keys, joined and finished into out. */
static void attend_joined(struct fixture *f, int split_keys) {
    float *acc = f->joined.data, *max = acc + f->rows * f->head_dim, *sum = max + f->rows;
    memset(acc, 0, sizeof *acc * (size_t)(f->rows * f->head_dim));
    for (int r = 0; r < f->rows; r++) {
        max[r] = -INFINITY;
        sum[r] = 0;
    }
    for (int begin = 0; begin < f->keys; begin += split_keys) {
        attend(f, begin, begin + split_keys < f->keys ? begin + split_keys : f->keys);
        f->k.attention_merge(acc, max, sum, f->acc.data, f->max.data, f->sum.data, f->rows,
                             f->head_dim);
    }
    f->k.attention_finish(f->out_rows, acc, sum, f->rows, f->head_dim);
}

/* One row in double: out and its bound, as the head of this file says. */
static void reference_row(const struct fixture *f, const float *k_tiles, const float *v_tiles,
                          int row, double *out, double *bound) {
    int n = ((int32_t *)f->last.data)[row] + 1, tile = f->head_dim * KV_BLOCK_TOKENS;
    double s[KEYS_MAX], size[KEYS_MAX], most = -INFINITY, delta = 0, sum = 0;
    const double split = strcmp(f->k.level, "amx") == 0 ? 0x1p-14 : 0;
    const double u = 0x1p-24, scale = (double)scale_of(f);
    if (n > f->keys) n = f->keys;
    for (int j = 0; j < n; j++) {
        const float *k = k_tiles + j / KV_BLOCK_TOKENS * tile + j % KV_BLOCK_TOKENS;
        s[j] = size[j] = 0;
        for (int d = 0; d < f->head_dim; d++) {
            double product = (double)f->q_rows[row][d] * (double)k[d * KV_BLOCK_TOKENS];
            s[j] += product * scale;
            size[j] += fabs(product) * scale;
        }
        most = fmax(most, s[j]);
    }
    memset(out, 0, sizeof *out * (size_t)f->head_dim);
    memset(bound, 0, sizeof *bound * (size_t)f->head_dim);
    for (int j = 0; j < n; j++) {
        const float *v = v_tiles + j / KV_BLOCK_TOKENS * tile + j % KV_BLOCK_TOKENS * f->head_dim;
        double p = exp(s[j] - most);
        double off = ((f->head_dim + 2) * u + split) * size[j] + u * (most - s[j]) + 2 * u;
        if (p > 0x1p-126 && off > delta) delta = off;
        sum += p;
        for (int d = 0; d < f->head_dim; d++) {
            out[d] += p * (double)v[d];
            bound[d] += p * fabs((double)v[d]);
        }
    }
    double factor = 2 * (expm1(2 * delta) + (n + 2 * (n / KV_BLOCK_TOKENS + 1) + 8) * u + split);
    for (int d = 0; d < f->head_dim; d++) {
        out[d] /= sum;
        bound[d] = bound[d] / sum * factor + 0x1p-120; /* weights below 2^-126 count as 0 */
    }
}

/* out of every row lies within its bound; returns the largest error as a part of the bound. */
static double assert_close(const struct fixture *f) {
    int tile = f->head_dim * KV_BLOCK_TOKENS;
    float *k_tiles = malloc(sizeof(float) * (size_t)(tile * BLOCKS_MAX));
    float *v_tiles = malloc(sizeof(float) * (size_t)(tile * BLOCKS_MAX));
    for (int b = 0; b * KV_BLOCK_TOKENS < f->keys; b++) {
        f->k.kv[f->type].load_k(k_tiles + b * tile, f->k_blocks[b], f->head_dim);
        f->k.kv[f->type].load_v(v_tiles + b * tile, f->v_blocks[b], f->head_dim);
    }
    double worst = 0;
    for (int r = 0; r < f->rows; r++) {
        double out[HEAD_DIM_MAX], bound[HEAD_DIM_MAX];
        reference_row(f, k_tiles, v_tiles, r, out, bound);
        for (int d = 0; d < f->head_dim; d++) {
            double part = fabs((double)f->out_rows[r][d] - out[d]) / bound[d];
            if (!(part <= 1))
                fail_msg("%s %s head_dim %d rows %d keys %d: row %d, %d is %g, not %g (bound %g)",
                         f->k.level, f->k.kv[f->type].name, f->head_dim, f->rows, f->keys, r, d,
                         (double)f->out_rows[r][d], out[d], bound[d]);
            if (part > worst) worst = part;
        }
    }
    free(k_tiles);
    free(v_tiles);
    return worst;
}

static void every_shape_and_type_stays_within_the_bound(void **level) {
    static const int dims[] = {8, 64, 72, 80, 96, 128, 256};
    static const int rows[] = {1, 2, 3, 5, 6, 7, 8, 13, 42};
    static const enum quant_type types[] = {QUANT_F32, QUANT_F16, QUANT_BF16, QUANT_Q8_0};
    double worst = 0;
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < 9; j++)
            for (size_t t = 0; t < 4; t++) {
                struct fixture f = {0};
                fixture_open(&f, level, types[t], dims[i], rows[j], 64 + 37 * (int)j);
                fill(&f, i * 100 + j, 3, 2, 1);
                attend_joined(&f, 128);
                worst = fmax(worst, assert_close(&f));
                fixture_close(&f);
            }
    print_message("the largest error is %.3f of its bound\n", worst);
}

static void extreme_inputs_stay_within_the_bound(void **level) {
    static const struct { float q, k, v; } sizes[] = {
        {300, 300, 1},         /* scores around ±1e4 and more */
        {0, 1, 1},             /* all scores equal */
        {1e-20f, 1e-20f, 1},   /* products that are denormal */
        {1, 1, 1e-39f},        /* values that are denormal */
        {1e-3f, 1e-3f, 1e30f},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int head_dim = 64; head_dim <= 128; head_dim += 64) {
            struct fixture f = {0};
            fixture_open(&f, level, QUANT_F32, head_dim, 7, 200);
            fill(&f, i, sizes[i].q, sizes[i].k, sizes[i].v);
            attend_joined(&f, 64);
            assert_close(&f);
            fixture_close(&f);
        }
}

static void each_position_of_the_last_key_stays_within_the_bound(void **level) {
    struct fixture f = {0};
    fixture_open(&f, level, QUANT_F16, 64, 6, 130);
    fill(&f, 5, 3, 2, 1);
    for (int last = 0; last < 130; last++) {
        for (int r = 0; r < f.rows; r++)
            ((int32_t *)f.last.data)[r] = last - 3 * r < 0 ? 0 : last - 3 * r;
        attend_joined(&f, 128);
        assert_close(&f);
    }
    fixture_close(&f);
}

static void a_row_has_the_same_bits_whatever_rows_stand_beside_it(void **level) {
    static const int dims[] = {64, 80, 96, 128}, counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 33};
    static const enum quant_type types[] = {QUANT_F16, QUANT_Q8_0, QUANT_F32, QUANT_F16};
    for (int i = 0; i < 4; i++) {
        struct fixture all = {0}, one = {0};
        int dim = dims[i], rows = 41, keys = 333;
        fixture_open(&all, level, types[i], dim, rows, keys);
        fill(&all, 9, 3, 2, 1);
        for (int r = 0; r < rows; r++) ((int32_t *)all.last.data)[r] = (r * 97 + 5) % keys;
        attend(&all, 0, keys);
        for (int c = 0; c < 11; c++) {
            int count = counts[c];
            memset(&one, 0, sizeof one);
            fixture_open(&one, level, types[i], dim, count, keys);
            fill(&one, 9, 3, 2, 1);
            memcpy(one.k_blocks, all.k_blocks, sizeof one.k_blocks);
            memcpy(one.v_blocks, all.v_blocks, sizeof one.v_blocks);
            for (int first = 0; first + count <= rows; first += 3) {
                for (int r = 0; r < count; r++) {
                    one.q_rows[r] = all.q_rows[first + r];
                    ((int32_t *)one.last.data)[r] = ((int32_t *)all.last.data)[first + r];
                }
                attend(&one, 0, keys);
                size_t n = (size_t)count;
                assert_memory_equal(one.acc.data, (float *)all.acc.data + first * dim,
                                    n * (size_t)dim * sizeof(float));
                assert_memory_equal(one.max.data, (float *)all.max.data + first, n * 4);
                assert_memory_equal(one.sum.data, (float *)all.sum.data + first, n * 4);
            }
            fixture_close(&one);
        }
        fixture_close(&all);
    }
}

/* Row 0 sees keys 0 … last.  Once with the other rows seeing everything and hostile floats in
 * the slots that belong to nobody, once cut short at last + 1. */
static void masked_keys_leave_the_bits_of_a_shorter_call(void **level) {
    struct fixture f = {0};
    const int keys = 150, dim = 64;
    fixture_open(&f, level, QUANT_F32, dim, 6, keys);
    fill(&f, 3, 3, 2, 1);
    float hostile[HEAD_DIM_MAX], acc[64], max, sum;
    for (int d = 0; d < dim; d++) hostile[d] = d % 3 ? NAN : INFINITY;
    for (int key = keys; key < 192; key++) store(&f, key, hostile, hostile);
    for (int last = 0; last < keys; last++) {
        int32_t *row_last = f.last.data;
        for (int r = 0; r < f.rows; r++) row_last[r] = r == 0 ? last : keys - 1;
        attend(&f, 0, keys);
        memcpy(acc, f.acc.data, sizeof acc);
        max = *(float *)f.max.data;
        sum = *(float *)f.sum.data;
        attend(&f, 0, last + 1);
        assert_memory_equal(acc, f.acc.data, sizeof acc);
        assert_memory_equal(&max, f.max.data, sizeof max);
        assert_memory_equal(&sum, f.sum.data, sizeof sum);
        for (int r = 0; r < f.rows; r++) row_last[r] = last;
        attend(&f, 0, keys);
        assert_memory_equal(acc, f.acc.data, sizeof acc);
    }
    fixture_close(&f);
}

static void a_row_that_sees_no_key_is_empty_and_joins_without_a_trace(void **level) {
    struct fixture f = {0};
    fixture_open(&f, level, QUANT_F16, 64, 8, 192);
    fill(&f, 3, 3, 2, 1);
    for (int r = 0; r < f.rows; r++) ((int32_t *)f.last.data)[r] = r % 2 ? 191 : 63;
    attend(&f, 64, 192);
    float *acc = f.acc.data, *max = f.max.data, *sum = f.sum.data;
    for (int r = 0; r < f.rows; r += 2) {
        assert_true(max[r] == -INFINITY && sum[r] == 0);
        for (int d = 0; d < 64; d++) assert_true(acc[r * 64 + d] == 0);
        assert_true(isfinite(max[r + 1]) && sum[r + 1] >= 1);
    }
    float before[64], old_max = 3, old_sum = 7;
    for (int d = 0; d < 64; d++) before[d] = (float)d - 20;
    float joined[64], joined_max = old_max, joined_sum = old_sum;
    memcpy(joined, before, sizeof joined);
    f.k.attention_merge(joined, &joined_max, &joined_sum, acc, max, sum, 1, 64);
    assert_memory_equal(joined, before, sizeof joined);
    assert_true(joined_max == old_max && joined_sum == old_sum);
    memset(joined, 0, sizeof joined); /* empty into empty: still empty, and no NaN */
    joined_max = -INFINITY;
    joined_sum = 0;
    f.k.attention_merge(joined, &joined_max, &joined_sum, acc, max, sum, 1, 64);
    assert_true(joined_max == -INFINITY && joined_sum == 0 && joined[5] == 0);
    f.k.attention_merge(joined, &joined_max, &joined_sum, acc + 64, max + 1, sum + 1, 1, 64);
    assert_memory_equal(joined, acc + 64, sizeof joined); /* into empty: a copy */
    assert_true(joined_max == max[1] && joined_sum == sum[1]);
    fixture_close(&f);
}

static void scores_of_minus_infinity_have_no_weight(void **level) {
    if (strcmp(*level, "amx") == 0) skip(); /* needs finite keys: see attention_amx.c */
    struct fixture f = {0};
    fixture_open(&f, level, QUANT_F32, 8, 1, 130);
    fill(&f, 3, 1, 1, 1);
    for (int d = 0; d < 8; d++) ((float *)f.q[0].data)[d] = d == 0;
    float k[8] = {-INFINITY}, v[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (int key = 0; key < 130; key++) store(&f, key, k, v);
    attend(&f, 0, 130); /* nothing but -infinity: as if there were no key */
    assert_true(*(float *)f.max.data == -INFINITY && *(float *)f.sum.data == 0);
    k[0] = 2;
    store(&f, 129, k, v);
    attend_joined(&f, 192);
    for (int d = 0; d < 8; d++) assert_true(f.out_rows[0][d] == v[d]);
    fixture_close(&f);
}

/* attention_merge multiplies acc by exp(max − larger max), which shows the exponential bare. */
static void the_exponential_is_within_two_units_in_the_last_place(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    double worst = 0;
    for (uint32_t bits = 0; bits < 0x7f800000u; bits += 1009) {
        float acc[8] = {1}, part[8] = {0}, x, max, sum = 0, zero = 0;
        memcpy(&x, &bits, sizeof x);
        max = -x;
        k.attention_merge(acc, &max, &sum, part, &zero, &zero, 1, 8);
        if (x > 87.33654f) {
            assert_true(acc[0] < 0x1p-125f); /* 0, or denormal with the C library */
            continue;
        }
        double exact = exp(-(double)x), ulp = ldexp(1, ilogb(exact) - 23);
        worst = fmax(worst, fabs((double)acc[0] - exact) / ulp);
    }
    print_message("exp is off by %.3f units in the last place at most\n", worst);
    assert_true(worst < 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_and_type_stays_within_the_bound),
        cmocka_unit_test(extreme_inputs_stay_within_the_bound),
        cmocka_unit_test(each_position_of_the_last_key_stays_within_the_bound),
        cmocka_unit_test(a_row_has_the_same_bits_whatever_rows_stand_beside_it),
        cmocka_unit_test(masked_keys_leave_the_bits_of_a_shorter_call),
        cmocka_unit_test(a_row_that_sees_no_key_is_empty_and_joins_without_a_trace),
        cmocka_unit_test(scores_of_minus_infinity_have_no_weight),
        cmocka_unit_test(the_exponential_is_within_two_units_in_the_last_place),
    };
    return level_run(tests, sizeof tests / sizeof tests[0]);
}
