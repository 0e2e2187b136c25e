/* attention_neon.h - between the two attention files of the neon level.
 *
 * A multiply-add takes one factor from a lane of a vector (fmla v, v, v.s[r]), so the numbers
 * of up to eight rows that meet the same key are loaded together, four a vector:
 *
 *     queries          q[head_dim][rows], as in struct kv_few; two loads of four read up to
 *                      ATTENTION_Q_SLACK floats past a group's last one
 *     probabilities    struct quads: row 4i + r of key j is four[i][j][r] */
#ifndef KERNELS_ATTENTION_NEON_H
#define KERNELS_ATTENTION_NEON_H
#include <arm_neon.h>
#include "kernels/kernels.h"
#include "kernels/unroll.h"

enum { ATTENTION_Q_SLACK = 3, QUADS = 2 };
_Static_assert((int)KV_FEW_ROWS == 4 * (int)QUADS, "rows 0-3 and 4-7");

struct factors { /* one for each of up to eight rows */
    float32x4_t four[QUADS];
};

static ALWAYS_INLINE struct factors factors_load(const int rows, const float *low,
                                                 const float *high) {
    struct factors f;
    f.four[0] = vld1q_f32(low);
    f.four[1] = rows > 4 ? vld1q_f32(high) : f.four[0];
    return f;
}

/* sum + x · (the factor of row r); a constant r names a lane. */
static ALWAYS_INLINE float32x4_t factors_add(float32x4_t sum, float32x4_t x,
                                             const struct factors *f, const int r) {
    return vfmaq_n_f32(sum, x, f->four[r / 4][r % 4]);
}

struct quads {
    float four[QUADS][KV_BLOCK_TOKENS][4];
};

/* From [rows][64]; lanes without a row repeat the last. */
static inline void attention_quads(struct quads *to, const float *p, int rows, int keys) {
    for (int i = 0; 4 * i < rows; i++) {
        const float *row[4];
        for (int r = 0; r < 4; r++)
            row[r] = p + KV_BLOCK_TOKENS * (4 * i + r < rows ? 4 * i + r : rows - 1);
        for (int j = 0; j < keys; j += 4) {
            float32x4x4_t four = {{vld1q_f32(row[0] + j), vld1q_f32(row[1] + j),
                                   vld1q_f32(row[2] + j), vld1q_f32(row[3] + j)}};
            vst4q_f32(to->four[i][j], four);
        }
    }
}

#endif
