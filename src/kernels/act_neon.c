/* act_neon.c - act_quantize with NEON.  The definition stands in act_plain.c. */
#include <arm_neon.h>
#include "kernels/act.h"

/* 16 floats · id, rounded to nearest even, as 16 int8; *sum = their sum. */
static inline int8x16_t round_16(const float *x, float id, int16_t *sum) {
    int16x4_t part[4]; /* |q| <= 127, so no narrowing loses anything */
    for (int i = 0; i < 4; i++)
        part[i] = vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4 * i), id)));
    int8x16_t q = vcombine_s8(vmovn_s16(vcombine_s16(part[0], part[1])),
                              vmovn_s16(vcombine_s16(part[2], part[3])));
    *sum = vaddlvq_s8(q);
    return q;
}

static void quantize_block(int8_t *q, float *d, int16_t *sum, const float *x, int block) {
    const uint32x4_t magnitude = vdupq_n_u32(0x7fffffff);
    uint32x4_t max[2] = {vdupq_n_u32(0), vdupq_n_u32(0)};
    for (int i = 0; i < block; i += 8)
        for (int u = 0; u < 2; u++) {
            uint32x4_t bits = vreinterpretq_u32_f32(vld1q_f32(x + i + 4 * u));
            max[u] = vmaxq_u32(max[u], vandq_u32(bits, magnitude));
        }
    float id = act_inverse_scale(d, vmaxvq_u32(vmaxq_u32(max[0], max[1])));
    if (id == 0.0f) {
        memset(q, 0, (size_t)block);
        memset(sum, 0, (size_t)block / 16 * sizeof *sum);
        return;
    }
    for (int i = 0; i < block; i += 16) vst1q_s8(q + i, round_16(x + i, id, sum + i / 16));
}

static inline void quantize(enum act_format format, void *out, const float *x, int64_t rows,
                            int64_t cols, int64_t x_stride) {
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

void act_add_neon(struct kernels *k) {
    k->act_quantize[ACT_Q8_32] = quantize_32;
    k->act_quantize[ACT_Q8_256] = quantize_256;
}
