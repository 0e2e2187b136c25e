/* matmul_tile_dotprod.c - multiplies tiles of weights with rows of x with sdot: all integer
 * formats.
 *
 * An sdot adds four products of signed bytes into each of four int32 lanes; its second factor is
 * four bytes of x taken from a lane, so one load of 16 bytes of x serves four steps.  Sums are
 * int32 from the start, which nothing overflows (kernels.h asks for exactness in int32).
 *
 * Three rows of x × 16 of weights: 12 sums, 12 totals, 4 vectors of weights and 3 of x fill 31 of
 * the 32 registers.  Per group of 32 elements and four rows of weights that is 8 sdot and one
 * multiply-add with the scale. */
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_neon.h"
#include "kernels/unroll.h"

enum { X_ROWS = 3 };

struct kind { /* always a constant */
    int group; /* elements under one scale: 16 or 32 */
    bool min;
};

struct sums {
    int32x4_t s[QUADS][X_ROWS];
};

/* The intrinsic wants its lane as a literal. */
static ALWAYS_INLINE int32x4_t dot(int32x4_t sum, int8x16_t w, int8x16_t x, const int lane) {
    switch (lane) {
    case 0: return vdotq_laneq_s32(sum, w, x, 0);
    case 1: return vdotq_laneq_s32(sum, w, x, 1);
    case 2: return vdotq_laneq_s32(sum, w, x, 2);
    default: return vdotq_laneq_s32(sum, w, x, 3);
    }
}

static ALWAYS_INLINE void zero(struct sums *sums, const int rows) {
    UNROLL
    for (int t = 0; t < rows; t++)
        UNROLL
        for (int h = 0; h < QUADS; h++) sums->s[h][t] = vdupq_n_s32(0);
}

/* sums = codes · x over one group. */
static ALWAYS_INLINE void multiply_group(struct sums *sums, const struct kind kind, const int rows,
                                         const struct tile *tile, const int8_t *const q[X_ROWS],
                                         int group) {
    zero(sums, rows);
    UNROLL
    for (int part = 0; part < kind.group / 16; part++) { /* 16 elements: four steps */
        const int first = (group * kind.group + 16 * part) / 4;
        int8x16_t x[X_ROWS];
        UNROLL
        for (int t = 0; t < rows; t++) x[t] = vld1q_s8(q[t] + 4 * first);
        UNROLL
        for (int lane = 0; lane < 4; lane++)
            UNROLL
            for (int h = 0; h < QUADS; h++) {
                int8x16_t w = tile->code[first + lane][h];
                UNROLL
                for (int t = 0; t < rows; t++) sums->s[h][t] = dot(sums->s[h][t], w, x[t], lane);
            }
    }
}

static ALWAYS_INLINE void take_pointers(const int8_t *q[X_ROWS], const int rows,
                                        const struct tile_x *x) {
    UNROLL
    for (int t = 0; t < rows; t++) q[t] = (const int8_t *)x->q + (size_t)t * x->stride;
}

static ALWAYS_INLINE void rows_32(const struct kind kind, const int rows,
                                  const struct tile_work *w) {
    const struct tile *tile = w->tiles;
    const int8_t *q[X_ROWS];
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
    const int8_t *q[X_ROWS];
    struct sums total;
    take_pointers(q, rows, &w->x);
    zero(&total, rows);
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
    switch (w->x_rows) {
    case 1: rows_32(kind, 1, w); break;
    case 2: rows_32(kind, 2, w); break;
    default: rows_32(kind, 3, w); break;
    }
}

static ALWAYS_INLINE void any_256(const struct kind kind, const struct tile_work *w) {
    switch (w->x_rows) {
    case 1: rows_256(kind, 1, w); break;
    case 2: rows_256(kind, 2, w); break;
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

/* ---- rows ------------------------------------------------------------------------------------ */

static const struct tile_level level = {
    .tile_bytes = sizeof(struct tile), .panels = 1, .x_rows = X_ROWS,
    .pass_rows = TILE_PASS_ROWS, .pass_bytes = TILE_PASS_BYTES, .finish = matmul_neon_finish,
};

void matmul_tile_run_dotprod(const struct matmul_work *work, enum quant_type type) {
    static void (*const multiply[QUANT_TYPES])(const struct tile_work *) = {
        [QUANT_Q4_0] = blocks_32, [QUANT_Q4_1] = blocks_32_min, [QUANT_Q5_0] = blocks_32,
        [QUANT_Q5_1] = blocks_32_min, [QUANT_Q8_0] = blocks_32, [QUANT_IQ4_NL] = blocks_32,
        [QUANT_Q2_K] = groups_16_min, [QUANT_Q3_K] = groups_16, [QUANT_Q4_K] = groups_32_min,
        [QUANT_Q5_K] = groups_32_min, [QUANT_Q6_K] = groups_16, [QUANT_IQ4_XS] = groups_32,
    };
    const struct tile_format format = {.type = type, .unpack = MATMUL_UNPACK_NEON[type],
                                       .multiply = multiply[type]};
    matmul_tile_run(work, &level, &format);
}

static void run_q4_0(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_Q4_0);
}

static void run_q4_1(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_Q4_1);
}

static void run_q5_0(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_Q5_0);
}

static void run_q5_1(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_Q5_1);
}

static void run_q8_0(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_Q8_0);
}

static void run_iq4_nl(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_IQ4_NL);
}

static void run_q2_k(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_Q2_K);
}

static void run_q3_k(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_Q3_K);
}

static void run_q4_k(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_Q4_K);
}

static void run_q5_k(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_Q5_K);
}

static void run_q6_k(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_Q6_K);
}

static void run_iq4_xs(const struct matmul_work *work) {
    matmul_tile_run_dotprod(work, QUANT_IQ4_XS);
}

void matmul_add_dotprod(struct kernels *k) {
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
