/* matmul_tile_neon.c - multiplies tiles of weights with rows of x on CPUs without dot products: all
 * integer formats.
 *
 * smull and smlal multiply bytes and add the products into int16.  The four bytes of a row stay
 * in four lanes until the end of a group, so a lane gets one product a step and the number of
 * steps that int16 can sum (the "span") follows from the largest code; |x| <= 127:
 *     q2_K          3 · 127 · 4 =  1524        4-bit codes  15 · 127 · 8 = 15240
 *     q3_K, q6_K   32 · 127 · 4 = 16256        5-bit codes  31 · 127 · 8 = 31496
 *     8-bit codes 128 · 127 · 2 = 32512
 * all at most 32767.  Then the four lanes of a row become one of int32.
 *
 * Two rows of x × 16 of weights: 16 vectors of int16, 8 totals, 4 of weights and 2 of x fill 30 of
 * the 32 registers. */
#include <string.h>
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_neon.h"
#include "kernels/unroll.h"

enum { X_ROWS = 2 };

_Static_assert(31 * 127 * 8 <= INT16_MAX && 32 * 127 * 4 <= INT16_MAX && 128 * 127 * 2 <= INT16_MAX,
               "see above");

struct kind { /* always a constant */
    int group; /* elements under one scale: 16 or 32 */
    int span;  /* steps that int16 can sum */
    bool min;
};

struct sums {
    int32x4_t s[QUADS][X_ROWS];
};

/* Four bytes of x, in every lane. */
static ALWAYS_INLINE int8x16_t broadcast_word(const uint8_t *at) {
    int32_t word;
    memcpy(&word, at, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(word));
}

static ALWAYS_INLINE int16x8_t multiply_low(int16x8_t sum, int8x16_t w, int8x16_t x,
                                            const bool first) {
    return first ? vmull_s8(vget_low_s8(w), vget_low_s8(x))
                 : vmlal_s8(sum, vget_low_s8(w), vget_low_s8(x));
}

static ALWAYS_INLINE int16x8_t multiply_high(int16x8_t sum, int8x16_t w, int8x16_t x,
                                             const bool first) {
    return first ? vmull_high_s8(w, x) : vmlal_high_s8(sum, w, x);
}

/* sums = codes · x over one group. */
static ALWAYS_INLINE void multiply_group(struct sums *sums, const struct kind kind, const int rows,
                                         const struct tile *tile, const uint8_t *const q[X_ROWS],
                                         int group) {
    const int steps = kind.group / 4;
    int32x4_t wide[2][QUADS][X_ROWS]; /* rows 0 and 1 of a quad, rows 2 and 3 */
    UNROLL
    for (int begin = 0; begin < steps; begin += kind.span) {
        int16x8_t s[2][QUADS][X_ROWS];
        UNROLL
        for (int i = 0; i < kind.span; i++) {
            const int step = group * steps + begin + i;
            UNROLL
            for (int t = 0; t < rows; t++) {
                int8x16_t x = broadcast_word(q[t] + 4 * step);
                UNROLL
                for (int h = 0; h < QUADS; h++) {
                    int8x16_t w = tile->code[step][h];
                    s[0][h][t] = multiply_low(s[0][h][t], w, x, i == 0);
                    s[1][h][t] = multiply_high(s[1][h][t], w, x, i == 0);
                }
            }
        }
        UNROLL
        for (int t = 0; t < rows; t++)
            UNROLL
            for (int h = 0; h < QUADS; h++)
                for (int half = 0; half < 2; half++)
                    wide[half][h][t] = begin == 0 ? vpaddlq_s16(s[half][h][t])
                                                  : vpadalq_s16(wide[half][h][t], s[half][h][t]);
    }
    UNROLL
    for (int t = 0; t < rows; t++)
        UNROLL
        for (int h = 0; h < QUADS; h++)
            sums->s[h][t] = vpaddq_s32(wide[0][h][t], wide[1][h][t]);
}

static ALWAYS_INLINE void take_pointers(const uint8_t *q[X_ROWS], const int rows,
                                        const struct tile_x *x) {
    UNROLL
    for (int t = 0; t < rows; t++) q[t] = x->q + (size_t)t * x->stride;
}

static ALWAYS_INLINE void rows_32(const struct kind kind, const int rows,
                                  const struct tile_work *w) {
    const struct tile *tile = w->tiles;
    const uint8_t *q[X_ROWS];
    int16_t x_sum[X_ROWS][16];
    take_pointers(q, rows, &w->x);
    for (int t = 0; t < rows; t++) tile_x_sums(x_sum[t], &w->x, t, 32);
    for (int b = 0; b < w->blocks; b++) {
        struct sums sums;
        multiply_group(&sums, kind, rows, tile, q, b);
        for (int t = 0; t < rows; t++) {
            float dx = tile_x_d(&w->x, t, b);
            UNROLL
            for (int h = 0; h < QUADS; h++) {
                float *at = w->acc + PANEL_ROWS * t + QUAD_ROWS * h;
                float32x4_t a = tile_add_block(vld1q_f32(at), tile->d[b][h], dx, sums.s[h][t]);
                if (kind.min)
                    a = tile_add_minimum(a, tile->dmin[b][h], dx, vdupq_n_s32(x_sum[t][b]));
                vst1q_f32(at, a);
            }
        }
    }
}

static ALWAYS_INLINE void rows_256(const struct kind kind, const int rows,
                                   const struct tile_work *w) {
    const struct tile *tile = w->tiles;
    const uint8_t *q[X_ROWS];
    struct sums total;
    take_pointers(q, rows, &w->x);
    UNROLL
    for (int t = 0; t < rows; t++)
        UNROLL
        for (int h = 0; h < QUADS; h++) total.s[h][t] = vdupq_n_s32(0);
    for (int g = 0; g < TILE_ELEMENTS / kind.group; g++) {
        struct sums sums;
        multiply_group(&sums, kind, rows, tile, q, g);
        UNROLL
        for (int t = 0; t < rows; t++)
            UNROLL
            for (int h = 0; h < QUADS; h++)
                total.s[h][t] = vmlaq_s32(total.s[h][t], sums.s[h][t], tile->scale[g][h]);
    }
    for (int t = 0; t < rows; t++) {
        float dx = tile_x_d(&w->x, t, 0);
        int16_t x_sum[16];
        if (kind.min) tile_x_sums(x_sum, &w->x, t, kind.group);
        UNROLL
        for (int h = 0; h < QUADS; h++) {
            float *at = w->acc + PANEL_ROWS * t + QUAD_ROWS * h;
            float32x4_t a = tile_add_block(vld1q_f32(at), tile->d[0][h], dx, total.s[h][t]);
            if (kind.min)
                a = tile_add_minimum(a, tile->dmin[0][h], dx,
                                     tile_minimum(tile, h, TILE_ELEMENTS / kind.group, x_sum));
            vst1q_f32(at, a);
        }
    }
}

static ALWAYS_INLINE void any_32(const struct kind kind, const struct tile_work *w) {
    if (w->x_rows == 1) rows_32(kind, 1, w);
    else rows_32(kind, 2, w);
}

static ALWAYS_INLINE void any_256(const struct kind kind, const struct tile_work *w) {
    if (w->x_rows == 1) rows_256(kind, 1, w);
    else rows_256(kind, 2, w);
}

/* ---- one function a kind of block ------------------------------------------------------------ */

static void narrow_32(const struct tile_work *w) {
    any_32((struct kind){.group = 32, .span = 8}, w);
}

static void narrow_32_min(const struct tile_work *w) {
    any_32((struct kind){.group = 32, .span = 8, .min = true}, w);
}

static void bytes_32(const struct tile_work *w) {
    any_32((struct kind){.group = 32, .span = 2}, w);
}

static void narrow_g16(const struct tile_work *w) {
    any_256((struct kind){.group = 16, .span = 4}, w);
}

static void narrow_g16_min(const struct tile_work *w) {
    any_256((struct kind){.group = 16, .span = 4, .min = true}, w);
}

static void narrow_g32_min(const struct tile_work *w) {
    any_256((struct kind){.group = 32, .span = 8, .min = true}, w);
}

static void bytes_g32(const struct tile_work *w) {
    any_256((struct kind){.group = 32, .span = 2}, w);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static const struct tile_level level = {
    .tile_bytes = sizeof(struct tile), .panels = 1, .x_rows = X_ROWS,
    .pass_rows = TILE_PASS_ROWS, .pass_bytes = TILE_PASS_BYTES, .finish = matmul_neon_finish,
};

static void run(const struct matmul_work *work, enum quant_type type) {
    static void (*const multiply[QUANT_TYPES])(const struct tile_work *) = {
        [QUANT_Q4_0] = narrow_32, [QUANT_Q4_1] = narrow_32_min, [QUANT_Q5_0] = narrow_32,
        [QUANT_Q5_1] = narrow_32_min, [QUANT_Q8_0] = bytes_32, [QUANT_IQ4_NL] = bytes_32,
        [QUANT_Q2_K] = narrow_g16_min, [QUANT_Q3_K] = narrow_g16, [QUANT_Q4_K] = narrow_g32_min,
        [QUANT_Q5_K] = narrow_g32_min, [QUANT_Q6_K] = narrow_g16, [QUANT_IQ4_XS] = bytes_g32,
    };
    const struct tile_format format = {.type = type, .unpack = MATMUL_UNPACK_NEON[type],
                                       .multiply = multiply[type]};
    matmul_tile_run(work, &level, &format);
}

static void run_q4_0(const struct matmul_work *work) { run(work, QUANT_Q4_0); }
static void run_q4_1(const struct matmul_work *work) { run(work, QUANT_Q4_1); }
static void run_q5_0(const struct matmul_work *work) { run(work, QUANT_Q5_0); }
static void run_q5_1(const struct matmul_work *work) { run(work, QUANT_Q5_1); }
static void run_q8_0(const struct matmul_work *work) { run(work, QUANT_Q8_0); }
static void run_iq4_nl(const struct matmul_work *work) { run(work, QUANT_IQ4_NL); }
static void run_q2_k(const struct matmul_work *work) { run(work, QUANT_Q2_K); }
static void run_q3_k(const struct matmul_work *work) { run(work, QUANT_Q3_K); }
static void run_q4_k(const struct matmul_work *work) { run(work, QUANT_Q4_K); }
static void run_q5_k(const struct matmul_work *work) { run(work, QUANT_Q5_K); }
static void run_q6_k(const struct matmul_work *work) { run(work, QUANT_Q6_K); }
static void run_iq4_xs(const struct matmul_work *work) { run(work, QUANT_IQ4_XS); }

void matmul_tile_add_neon(struct kernels *k) {
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
