/* matmul_tile_i8mm.c - multiplies tiles of weights with two or more rows of x with smmla: all
 * integer formats.
 *
 * An smmla multiplies 2 × 8 by 8 × 2 signed bytes into 2 × 2 int32: twice the products of an sdot.
 * Both factors are two rows of eight elements.  Hence two rearrangements:
 *
 *     weights   per step of 8 elements: the vectors of two steps of the tile, zipped by 32-bit
 *               lanes, are rows 0 and 1 of the quad (code[2i][h]) and 2 and 3 (code[2i + 1][h])
 *     x         two rows zipped by eight bytes, into a buffer on the stack, once a tile
 *
 * A sum's lanes are x0·w0, x0·w1, x1·w0, x1·w1; the scales are doubled to match, and at the end
 * of a block the sums of a quad are zipped back to four weights of one row of x.
 *
 * Three pairs of rows of x × 8 rows of weights: 12 sums, 12 totals, 4 vectors of weights and 3 of x
 * fill 31 of the 32 registers; a panel takes two such rounds.  Per group of 32 elements a round is
 * 48 smmla and 12 multiply-adds with scales.  An odd row goes with itself.  A single row of x is
 * left to dotprod: half of every smmla would be wasted. */
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_neon.h"
#include "kernels/unroll.h"

enum {
    PAIRS = 3,
    X_ROWS = 2 * PAIRS,
    SIDES = 2,                     /* rounds of 8 rows of weights */
    PARTS = 4,                     /* vectors of two rows of weights in a round */
    LONG_STEPS = TILE_STEPS / 2,   /* of 8 elements */
};

struct kind { /* always a constant */
    int group; /* elements under one scale: 16 or 32 */
    bool min;
};

struct sums {
    int32x4_t s[PARTS][PAIRS];
};

struct pairs { /* rows of x */
    int8x16_t of[LONG_STEPS][PAIRS];
};

/* The low halves of a and b; the high ones. */
static ALWAYS_INLINE int32x4_t zip_low(int32x4_t a, int32x4_t b) {
    return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

static ALWAYS_INLINE int32x4_t zip_high(int32x4_t a, int32x4_t b) {
    return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

static ALWAYS_INLINE void zip_x(struct pairs *to, const int pairs, int rows, const struct tile_x *x,
                                int elements) {
    UNROLL
    for (int p = 0; p < pairs; p++) {
        const uint8_t *first = x->q + (size_t)(2 * p) * x->stride;
        const uint8_t *second = 2 * p + 1 < rows ? first + x->stride : first;
        for (int i = 0; i < elements; i += 16) {
            int64x2_t a = vreinterpretq_s64_u8(vld1q_u8(first + i));
            int64x2_t b = vreinterpretq_s64_u8(vld1q_u8(second + i));
            to->of[i / 8][p] = vreinterpretq_s8_s64(vzip1q_s64(a, b));
            to->of[i / 8 + 1][p] = vreinterpretq_s8_s64(vzip2q_s64(a, b));
        }
    }
}

static ALWAYS_INLINE void zero(struct sums *sums, const int pairs) {
    UNROLL
    for (int v = 0; v < PARTS; v++)
        UNROLL
        for (int p = 0; p < pairs; p++) sums->s[v][p] = vdupq_n_s32(0);
}

/* sums = codes · x over one group, for rows 8·side … 8·side + 7. */
static ALWAYS_INLINE void multiply_group(struct sums *sums, const struct kind kind,
                                         const int pairs, const struct tile *tile,
                                         const struct pairs *x, int side, int group) {
    const int steps = kind.group / 8;
    zero(sums, pairs);
    UNROLL
    for (int i = 0; i < steps; i++) {
        const int step = group * steps + i;
        UNROLL
        for (int v = 0; v < PARTS; v++) {
            int8x16_t w = tile->code[2 * step + v % 2][2 * side + v / 2];
            UNROLL
            for (int p = 0; p < pairs; p++)
                sums->s[v][p] = vmmlaq_s32(sums->s[v][p], x->of[step][p], w);
        }
    }
}

/* total += sums · scale */
static ALWAYS_INLINE void add_scaled(struct sums *total, const struct sums *sums, const int pairs,
                                     const struct tile *tile, int side, int group) {
    UNROLL
    for (int v = 0; v < PARTS; v++) {
        int32x4_t quad = tile->scale[group][2 * side + v / 2];
        int32x4_t scale = v % 2 ? zip_high(quad, quad) : zip_low(quad, quad);
        UNROLL
        for (int p = 0; p < pairs; p++)
            total->s[v][p] = vmlaq_s32(total->s[v][p], sums->s[v][p], scale);
    }
}

/* The sums of quad 2·side + `of_side` with row t of x. */
static ALWAYS_INLINE int32x4_t quad_sums(const struct sums *sums, const int of_side, const int t) {
    int32x4_t low = sums->s[2 * of_side][t / 2], high = sums->s[2 * of_side + 1][t / 2];
    return t % 2 ? zip_high(low, high) : zip_low(low, high);
}

static ALWAYS_INLINE void rows_32(const struct kind kind, const int pairs,
                                  const struct tile_work *w) {
    const struct tile *tile = w->tiles;
    struct pairs x;
    int16_t x_sum[X_ROWS][16];
    zip_x(&x, pairs, w->x_rows, &w->x, 32 * w->blocks);
    for (int t = 0; t < w->x_rows && kind.min; t++) tile_x_sums(x_sum[t], &w->x, t, 32);
    for (int side = 0; side < SIDES; side++)
        for (int b = 0; b < w->blocks; b++) {
            struct sums sums;
            multiply_group(&sums, kind, pairs, tile, &x, side, b);
            UNROLL
            for (int t = 0; t < 2 * pairs; t++) {
                if (t >= w->x_rows) break;
                float dx = tile_x_d(&w->x, t, b);
                UNROLL
                for (int i = 0; i < 2; i++) {
                    const int h = 2 * side + i;
                    float *at = w->acc + PANEL_ROWS * t + QUAD_ROWS * h;
                    float32x4_t a = tile_add_block(vld1q_f32(at), tile->d[b][h], dx,
                                                   quad_sums(&sums, i, t));
                    if (kind.min)
                        a = tile_add_minimum(a, tile->dmin[b][h], dx, vdupq_n_s32(x_sum[t][b]));
                    vst1q_f32(at, a);
                }
            }
        }
}

static ALWAYS_INLINE void rows_256(const struct kind kind, const int pairs,
                                   const struct tile_work *w) {
    const struct tile *tile = w->tiles;
    const int groups = TILE_ELEMENTS / kind.group;
    struct pairs x;
    int16_t x_sum[X_ROWS][16];
    zip_x(&x, pairs, w->x_rows, &w->x, TILE_ELEMENTS);
    for (int t = 0; t < w->x_rows && kind.min; t++) tile_x_sums(x_sum[t], &w->x, t, kind.group);
    for (int side = 0; side < SIDES; side++) {
        struct sums total;
        zero(&total, pairs);
        for (int g = 0; g < groups; g++) {
            struct sums sums;
            multiply_group(&sums, kind, pairs, tile, &x, side, g);
            add_scaled(&total, &sums, pairs, tile, side, g);
        }
        UNROLL
        for (int t = 0; t < 2 * pairs; t++) {
            if (t >= w->x_rows) break;
            float dx = tile_x_d(&w->x, t, 0);
            UNROLL
            for (int i = 0; i < 2; i++) {
                const int h = 2 * side + i;
                float *at = w->acc + PANEL_ROWS * t + QUAD_ROWS * h;
                float32x4_t a = tile_add_block(vld1q_f32(at), tile->d[0][h], dx,
                                               quad_sums(&total, i, t));
                if (kind.min)
                    a = tile_add_minimum(a, tile->dmin[0][h], dx,
                                         tile_minimum(tile, h, groups, x_sum[t]));
                vst1q_f32(at, a);
            }
        }
    }
}

static ALWAYS_INLINE void any_32(const struct kind kind, const struct tile_work *w) {
    switch (w->x_rows) {
    case 1: case 2: rows_32(kind, 1, w); break;
    case 3: case 4: rows_32(kind, 2, w); break;
    default: rows_32(kind, 3, w); break;
    }
}

static ALWAYS_INLINE void any_256(const struct kind kind, const struct tile_work *w) {
    switch (w->x_rows) {
    case 1: case 2: rows_256(kind, 1, w); break;
    case 3: case 4: rows_256(kind, 2, w); break;
    default: rows_256(kind, 3, w); break;
    }
}

/* ---- one function a kind of block ------------------------------------------------------------ */

static void blocks_32(const struct tile_work *w) {
    any_32((struct kind){.group = 32}, w);
}

static void blocks_32_min(const struct tile_work *w) {
    any_32((struct kind){.group = 32, .min = true}, w);
}

static void groups_16(const struct tile_work *w) {
    any_256((struct kind){.group = 16}, w);
}

static void groups_16_min(const struct tile_work *w) {
    any_256((struct kind){.group = 16, .min = true}, w);
}

static void groups_32(const struct tile_work *w) {
    any_256((struct kind){.group = 32}, w);
}

static void groups_32_min(const struct tile_work *w) {
    any_256((struct kind){.group = 32, .min = true}, w);
}

/* ---- weights --------------------------------------------------------------------------------- */

static void unpack(enum quant_type type, struct tile *tile, const void *words, const void *halves,
                   int blocks) {
    MATMUL_UNPACK_NEON[type](tile, words, halves, blocks);
    const int steps = blocks * MATMUL_PANEL[type].block_elements / 4;
    for (int j = 0; j < steps; j += 2)
        for (int h = 0; h < QUADS; h++) {
            int32x4_t a = vreinterpretq_s32_s8(tile->code[j][h]);
            int32x4_t b = vreinterpretq_s32_s8(tile->code[j + 1][h]);
            tile->code[j][h] = vreinterpretq_s8_s32(vzip1q_s32(a, b));
            tile->code[j + 1][h] = vreinterpretq_s8_s32(vzip2q_s32(a, b));
        }
}

static void unpack_q4_0(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_Q4_0, to, words, halves, blocks);
}

static void unpack_q4_1(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_Q4_1, to, words, halves, blocks);
}

static void unpack_q5_0(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_Q5_0, to, words, halves, blocks);
}

static void unpack_q5_1(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_Q5_1, to, words, halves, blocks);
}

static void unpack_q8_0(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_Q8_0, to, words, halves, blocks);
}

static void unpack_iq4_nl(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_IQ4_NL, to, words, halves, blocks);
}

static void unpack_q2_k(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_Q2_K, to, words, halves, blocks);
}

static void unpack_q3_k(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_Q3_K, to, words, halves, blocks);
}

static void unpack_q4_k(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_Q4_K, to, words, halves, blocks);
}

static void unpack_q5_k(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_Q5_K, to, words, halves, blocks);
}

static void unpack_q6_k(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_Q6_K, to, words, halves, blocks);
}

static void unpack_iq4_xs(void *to, const void *words, const void *halves, int blocks) {
    unpack(QUANT_IQ4_XS, to, words, halves, blocks);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static const struct tile_level level = {
    .tile_bytes = sizeof(struct tile), .panels = 1, .x_rows = X_ROWS,
    .pass_rows = TILE_PASS_ROWS, .pass_bytes = TILE_PASS_BYTES, .finish = matmul_neon_finish,
};

static const struct tile_format formats[QUANT_TYPES] = {
    [QUANT_Q4_0] = {QUANT_Q4_0, 0, unpack_q4_0, blocks_32},
    [QUANT_Q4_1] = {QUANT_Q4_1, 0, unpack_q4_1, blocks_32_min},
    [QUANT_Q5_0] = {QUANT_Q5_0, 0, unpack_q5_0, blocks_32},
    [QUANT_Q5_1] = {QUANT_Q5_1, 0, unpack_q5_1, blocks_32_min},
    [QUANT_Q8_0] = {QUANT_Q8_0, 0, unpack_q8_0, blocks_32},
    [QUANT_IQ4_NL] = {QUANT_IQ4_NL, 0, unpack_iq4_nl, blocks_32},
    [QUANT_Q2_K] = {QUANT_Q2_K, 0, unpack_q2_k, groups_16_min},
    [QUANT_Q3_K] = {QUANT_Q3_K, 0, unpack_q3_k, groups_16},
    [QUANT_Q4_K] = {QUANT_Q4_K, 0, unpack_q4_k, groups_32_min},
    [QUANT_Q5_K] = {QUANT_Q5_K, 0, unpack_q5_k, groups_32_min},
    [QUANT_Q6_K] = {QUANT_Q6_K, 0, unpack_q6_k, groups_16},
    [QUANT_IQ4_XS] = {QUANT_IQ4_XS, 0, unpack_iq4_xs, groups_32},
};

static void run(const struct matmul_work *work, enum quant_type type) {
    if (work->x_rows == 1) matmul_tile_run_dotprod(work, type);
    else matmul_tile_run(work, &level, &formats[type]);
}

static void run_q4_0(const struct matmul_work *work) {
    run(work, QUANT_Q4_0);
}

static void run_q4_1(const struct matmul_work *work) {
    run(work, QUANT_Q4_1);
}

static void run_q5_0(const struct matmul_work *work) {
    run(work, QUANT_Q5_0);
}

static void run_q5_1(const struct matmul_work *work) {
    run(work, QUANT_Q5_1);
}

static void run_q8_0(const struct matmul_work *work) {
    run(work, QUANT_Q8_0);
}

static void run_iq4_nl(const struct matmul_work *work) {
    run(work, QUANT_IQ4_NL);
}

static void run_q2_k(const struct matmul_work *work) {
    run(work, QUANT_Q2_K);
}

static void run_q3_k(const struct matmul_work *work) {
    run(work, QUANT_Q3_K);
}

static void run_q4_k(const struct matmul_work *work) {
    run(work, QUANT_Q4_K);
}

static void run_q5_k(const struct matmul_work *work) {
    run(work, QUANT_Q5_K);
}

static void run_q6_k(const struct matmul_work *work) {
    run(work, QUANT_Q6_K);
}

static void run_iq4_xs(const struct matmul_work *work) {
    run(work, QUANT_IQ4_XS);
}

void matmul_add_i8mm(struct kernels *k) {
    matmul_neon_use(k, QUANT_Q4_0, run_q4_0);
    matmul_neon_use(k, QUANT_Q4_1, run_q4_1);
    matmul_neon_use(k, QUANT_Q5_0, run_q5_0);
    matmul_neon_use(k, QUANT_Q5_1, run_q5_1);
    matmul_neon_use(k, QUANT_Q8_0, run_q8_0);
    matmul_neon_use(k, QUANT_IQ4_NL, run_iq4_nl);
    matmul_neon_use(k, QUANT_Q2_K, run_q2_k);
    matmul_neon_use(k, QUANT_Q3_K, run_q3_k);
    matmul_neon_use(k, QUANT_Q4_K, run_q4_k);
    matmul_neon_use(k, QUANT_Q5_K, run_q5_k);
    matmul_neon_use(k, QUANT_Q6_K, run_q6_k);
    matmul_neon_use(k, QUANT_IQ4_XS, run_iq4_xs);
}
