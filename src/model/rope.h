/* rope.h - rotary positions: frequencies once, cos and sin per batch.
 *
 * Su et al. 2021 (RoFormer); YaRN: Peng et al. 2023, https://arxiv.org/abs/2309.00071, section 3.
 * The cosines are computed in double from the position itself, so that position 100,000
 * is as exact as position 1. */
#ifndef MODEL_ROPE_H
#define MODEL_ROPE_H
#include <stdbool.h>
#include <stdint.h>
#include "backend/backend.h" /* HEAD_DIM_MAX */

enum rope_scaling { ROPE_NONE, ROPE_LINEAR, ROPE_YARN, ROPE_SCALINGS };

struct rope_options {
    int dim;                     /* rotated elements of a head; even, at most HEAD_DIM_MAX */
    bool neox;                   /* pairs (i, i + dim/2) instead of (2i, 2i + 1) */
    double base;                 /* θ: 10,000 or 1,000,000 … */
    enum rope_scaling scaling;
    double factor;               /* of linear and YaRN; 1: none */
    int context_original;        /* YaRN: the length that the model was trained for */
    double attention_factor;     /* YaRN: multiplies 0.1·ln(factor) + 1; usually 1 */
    double beta_fast, beta_slow; /* YaRN: rotations within context_original; 32 and 1 */
    const float *frequency_factors; /* [dim/2] divisors (Llama 3) or NULL; read by init only */
};

struct rope {
    struct rope_options options;
    double frequency[HEAD_DIM_MAX / 2]; /* radians a position */
    double magnitude;                   /* of both cos and sin */
};

void rope_init(struct rope *r, const struct rope_options *options);
/* out: [rows][dim/2][2] = cos, sin of each row's position. */
void rope_fill(const struct rope *r, float *out, const int32_t *positions, int rows);
const char *rope_scaling_name(enum rope_scaling scaling);

#endif
