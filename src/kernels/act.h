/* act.h - what the act_quantize of every level share: the scale of a block (see act_plain.c
 * for the definition).  Internal to src/kernels. */
#ifndef KERNELS_ACT_H
#define KERNELS_ACT_H
#include <string.h>
#include "kernels/kernels.h"

#define ACT_MAX_TINY 1e-30f /* 127 / 1e-30 = 1.3e32 is far from overflow */

/* Writes d and returns 1/d, or 0 where every q is 0.  max_bits: of the largest |x|. */
static inline float act_inverse_scale(float *d, uint32_t max_bits) {
    float max;
    memcpy(&max, &max_bits, sizeof max);
    if (max_bits >= 0x7f800000u) { /* infinity or NaN */
        *d = __builtin_nanf("");
        return 0.0f;
    }
    if (max < ACT_MAX_TINY) {
        *d = 0.0f;
        return 0.0f;
    }
    *d = max / 127.0f;
    return 1.0f / *d;
}

void act_add_plain(struct kernels *k);
void act_add_avx2(struct kernels *k);
void act_add_avx512(struct kernels *k);
void act_add_neon(struct kernels *k);

#endif
