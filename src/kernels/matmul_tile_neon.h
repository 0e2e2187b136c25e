/* matmul_tile_neon.h - between the unpackers of weights and the three multiplications of arm64.
 *
 * The tile: 64 steps of four vectors of signed bytes.  Vector h of step j holds elements 4j … 4j+3
 * of rows 4h … 4h+3 (a "quad" of rows), a row to each 32-bit lane: what sdot wants.  NEON
 * multiplies signed bytes, so the unpackers take a format's offset off the codes and no
 * multiplication has to; unsigned codes (formats with a minimum) are at most 31.
 *
 * The level i8mm stores the vectors of two steps interleaved by lanes, see matmul_tile_i8mm.c.
 * Internal to the levels of arm64. */
#ifndef KERNELS_MATMUL_TILE_NEON_H
#define KERNELS_MATMUL_TILE_NEON_H
#include <arm_neon.h>
#include "kernels/matmul_tile.h"

enum { QUADS = 4, QUAD_ROWS = 4, TILE_PASS_ROWS = 96, TILE_PASS_BYTES = 1 << 19 };

struct tile {
    int8x16_t code[TILE_STEPS][QUADS];
    int32x4_t scale[16][QUADS]; /* per group */
    int16x4_t min[16][QUADS];   /* per group */
    float32x4_t d[8][QUADS];    /* per block: 8 of 32 elements, or 1 of 256 */
    float32x4_t dmin[8][QUADS];
};

/* ---- the end of a block, the same for all three ------------------------------------------- */

/* acc = fma(d · dx, (float)s, acc) for four rows of weights. */
static inline float32x4_t tile_add_block(float32x4_t acc, float32x4_t d, float dx, int32x4_t s) {
    return vfmaq_f32(acc, vmulq_n_f32(d, dx), vcvtq_f32_s32(s));
}

/* acc = fma(−(dmin · dx), (float)m, acc) */
static inline float32x4_t tile_add_minimum(float32x4_t acc, float32x4_t dmin, float dx,
                                           int32x4_t m) {
    return vfmsq_f32(acc, vmulq_n_f32(dmin, dx), vcvtq_f32_s32(m));
}

static inline float tile_x_d(const struct tile_x *x, int t, int block) {
    return ((const float *)(const void *)(x->d + (size_t)t * x->stride))[block];
}

/* Σx of the groups of one row of x: sixteen of 16 elements, or eight of 32 (|Σ| <= 32 · 127 fits
 * int16). */
static inline void tile_x_sums(int16_t sum[16], const struct tile_x *x, int t, int group) {
    const int16_t *from = (const void *)(x->sum + (size_t)t * x->stride);
    int16x8_t low = vld1q_s16(from), high = vld1q_s16(from + 8);
    if (group == 32) low = vpaddq_s16(low, high);
    vst1q_s16(sum, low);
    vst1q_s16(sum + 8, high);
}

/* Σ min · Σx of a quad of rows, at most 16 · 15 · 16 · 127 (q2_K) or 8 · 63 · 32 · 127 = 2048256 */
static inline int32x4_t tile_minimum(const struct tile *tile, int quad, int groups,
                                     const int16_t sum[16]) {
    int32x4_t m = vdupq_n_s32(0);
    for (int g = 0; g < groups; g++) m = vmlal_n_s16(m, tile->min[g][quad], sum[g]);
    return m;
}

/* ---- what the levels call ------------------------------------------------------------------- */

/* matmul_unpack_neon.c: tile_format.unpack by format; NULL for f32, f16 and bf16. */
typedef void matmul_unpack(void *tile, const void *words, const void *halves, int blocks);
extern matmul_unpack *const MATMUL_UNPACK_NEON[QUANT_TYPES];

/* tile_level.finish of all three. */
void matmul_neon_finish(const struct tile_finish *f);

/* Sets a format's row; its tiles are multiplied by run. */
void matmul_neon_use(struct kernels *k, enum quant_type type,
                     void (*run)(const struct matmul_work *work));

/* matmul_tile_<level>.c: the integer formats' rows; matmul_float_neon.c: f32, f16, bf16. */
void matmul_tile_add_neon(struct kernels *k);
void matmul_float_add_neon(struct kernels *k);
void matmul_tile_run_dotprod(const struct matmul_work *work, enum quant_type type);

#endif
