/* act_plain.c - activations as int8 with a float scale per block: the specification.
 *
 * For a block of 32 or 256 floats x, with max = the largest |x|:
 *     max not finite, or any NaN:  d = NaN, every q = 0   (so that every product is NaN: a model
 *                                  that overflows is seen, not hidden)
 *     max < ACT_MAX_TINY:          d = 0, every q = 0     (1/d would overflow)
 *     otherwise:                   d = max / 127, q = nearest-even(x · (1 / d))
 * with both divisions and the product rounded to float.  The two divisions err by at most
 * 2^-24 each and the product by 2^-24, so x · (1/d) <= 127·(1 + 2^-22) and rounds to at most
 * 127.  The largest |x| is found by comparing the bits of |x| as integers, which orders floats,
 * puts infinity above them and NaN above that, and has no order of evaluation.  Every level
 * gives these bits. */
#include <math.h>
#include <string.h>
#include "kernels/act.h"
#include "kernels/kernels_level.h"

static uint32_t abs_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffffu;
}


static void quantize_block(int8_t *q, float *d, int16_t *sum, const float *x, int block) {
    uint32_t max = 0;
    for (int i = 0; i < block; i++)
        if (abs_bits(x[i]) > max) max = abs_bits(x[i]);
    float id = act_inverse_scale(d, max);
    for (int i = 0; i < block; i++) q[i] = id == 0.0f ? 0 : (int8_t)lrintf(x[i] * id);
    for (int j = 0; j < block / 16; j++) {
        int s = 0;
        for (int i = 0; i < 16; i++) s += q[16 * j + i];
        sum[j] = (int16_t)s;
    }
}

static void quantize(enum act_format format, void *out, const float *x, int64_t rows, int64_t cols,
                     int64_t x_stride) {
    struct act_layout layout = kernels_act_layout(format, cols);
    int block = format == ACT_Q8_32 ? 32 : 256;
    for (int64_t r = 0; r < rows; r++) {
        uint8_t *row = (uint8_t *)out + (size_t)r * layout.row_bytes;
        float *d = (float *)(void *)(row + layout.d_offset);
        int16_t *sum = (int16_t *)(void *)(row + layout.sum_offset);
        for (int64_t c = 0; c < cols; c += block)
            quantize_block((int8_t *)row + c, d + c / block, sum + c / 16, x + r * x_stride + c,
                           block);
    }
}

static void quantize_32(void *out, const float *x, int64_t rows, int64_t cols, int64_t x_stride) {
    quantize(ACT_Q8_32, out, x, rows, cols, x_stride);
}

static void quantize_256(void *out, const float *x, int64_t rows, int64_t cols, int64_t x_stride) {
    quantize(ACT_Q8_256, out, x, rows, cols, x_stride);
}

static void copy_f32(void *out, const float *x, int64_t rows, int64_t cols, int64_t x_stride) {
    size_t row_bytes = kernels_act_layout(ACT_F32, cols).row_bytes;
    for (int64_t r = 0; r < rows; r++)
        memcpy((uint8_t *)out + (size_t)r * row_bytes, x + r * x_stride,
               (size_t)cols * sizeof(float));
}

void act_add_plain(struct kernels *k) {
    k->act_quantize[ACT_F32] = copy_f32;
    k->act_quantize[ACT_Q8_32] = quantize_32;
    k->act_quantize[ACT_Q8_256] = quantize_256;
}
