/* kv_neon.c - the streaming parts of the KV types with NEON: all loads, 16-bit stores.
 *
 * Layouts: kv_layout.h.  Bits: those of kv_plain.c.  In the 16-bit types a block of keys and one
 * of values are both head_dim · 64 elements in the order of their float tile, so one function
 * loads either.  Conversions between f16 and f32 are part of the base instruction set and round to
 * nearest even, with denormals.  head_dim is a multiple of 8, so there are no tails. */
#include <arm_neon.h>
#include "kernels/kernels_level.h"
#include "kernels/kv_layout.h"

enum { LANES = 8 };

static float32x4_t saturate(float32x4_t x, float most) { /* NaN stays NaN */
    return vmaxq_f32(vdupq_n_f32(-most), vminq_f32(vdupq_n_f32(most), x));
}

/* ---- f16 ---- */

static void f16_convert(uint16_t *to, const float *from, int n) {
    for (int i = 0; i < n; i += LANES) {
        float16x4_t low = vcvt_f16_f32(saturate(vld1q_f32(from + i), KV_F16_MAX));
        float16x4_t high = vcvt_f16_f32(saturate(vld1q_f32(from + i + 4), KV_F16_MAX));
        vst1q_u16(to + i, vreinterpretq_u16_f16(vcombine_f16(low, high)));
    }
}

static void f16_store_k(void *block, int slot, const float *k, int head_dim) {
    uint16_t half[HEAD_DIM_MAX], *to = (uint16_t *)block + slot;
    f16_convert(half, k, head_dim);
    for (int d = 0; d < head_dim; d++) to[d * KV_BLOCK_TOKENS] = half[d];
}

static void f16_store_v(void *block, int slot, const float *v, int head_dim) {
    f16_convert((uint16_t *)block + (int64_t)slot * head_dim, v, head_dim);
}

static void f16_load(float *tile, const void *block, int head_dim) {
    const uint16_t *from = block;
    for (int i = 0; i < head_dim * KV_BLOCK_TOKENS; i += LANES) {
        float16x8_t half = vreinterpretq_f16_u16(vld1q_u16(from + i));
        vst1q_f32(tile + i, vcvt_f32_f16(vget_low_f16(half)));
        vst1q_f32(tile + i + 4, vcvt_high_f32_f16(half));
    }
}

/* ---- bf16: the upper half of a float, rounded to nearest even ---- */

static uint16x4_t bf16_of(float32x4_t x) {
    x = saturate(x, KV_BF16_MAX);
    uint32x4_t bits = vreinterpretq_u32_f32(x);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t up = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000)); /* NaN stays NaN */
    return vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), up, quiet), 16);
}

static void bf16_convert(uint16_t *to, const float *from, int n) {
    for (int i = 0; i < n; i += LANES)
        vst1q_u16(to + i, vcombine_u16(bf16_of(vld1q_f32(from + i)),
                                       bf16_of(vld1q_f32(from + i + 4))));
}

static void bf16_store_k(void *block, int slot, const float *k, int head_dim) {
    uint16_t half[HEAD_DIM_MAX], *to = (uint16_t *)block + slot;
    bf16_convert(half, k, head_dim);
    for (int d = 0; d < head_dim; d++) to[d * KV_BLOCK_TOKENS] = half[d];
}

static void bf16_store_v(void *block, int slot, const float *v, int head_dim) {
    bf16_convert((uint16_t *)block + (int64_t)slot * head_dim, v, head_dim);
}

static void bf16_load(float *tile, const void *block, int head_dim) {
    const uint16_t *from = block;
    const uint16x8_t zero = vdupq_n_u16(0); /* interleaved below, the lower half of a float */
    for (int i = 0; i < head_dim * KV_BLOCK_TOKENS; i += LANES) {
        uint16x8_t half = vld1q_u16(from + i);
        vst1q_f32(tile + i, vreinterpretq_f32_u16(vzip1q_u16(zero, half)));
        vst1q_f32(tile + i + 4, vreinterpretq_f32_u16(vzip2q_u16(zero, half)));
    }
}

/* ---- q8_0 ---- */

/* 8 codes times 8 scales (or twice the same four). */
static void q8_floats(float *to, const int8_t *codes, float32x4_t low, float32x4_t high) {
    int16x8_t wide = vmovl_s8(vld1_s8(codes));
    vst1q_f32(to, vmulq_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))), low));
    vst1q_f32(to + 4, vmulq_f32(vcvtq_f32_s32(vmovl_high_s16(wide)), high));
}

static float32x4_t scales_at(const uint16_t *scales) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(scales)));
}

static void q8_load_k(float *tile, const void *block, int head_dim) {
    const int8_t *codes = block;
    const uint16_t *scales = (const uint16_t *)(codes + kv_q8_codes_bytes(head_dim));
    for (int d = 0; d < head_dim; d += KV_GROUP, scales += KV_BLOCK_TOKENS) {
        int n = head_dim - d < KV_GROUP ? head_dim - d : KV_GROUP;
        float32x4_t scale[16];
        for (int c = 0; c < 16; c++) scale[c] = scales_at(scales + 4 * c);
        for (int i = 0; i < n; i++, codes += KV_BLOCK_TOKENS, tile += KV_BLOCK_TOKENS)
            for (int c = 0; c < 8; c++)
                q8_floats(tile + LANES * c, codes + LANES * c, scale[2 * c], scale[2 * c + 1]);
    }
}

static void q8_load_v(float *tile, const void *block, int head_dim) {
    const int8_t *codes = block;
    const uint16_t *scales = (const uint16_t *)(codes + kv_q8_codes_bytes(head_dim));
    for (int j = 0; j < KV_BLOCK_TOKENS; j++, codes += head_dim, tile += head_dim)
        for (int d = 0; d < head_dim; d += KV_GROUP, scales++) {
            float32x4_t scale = vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(*scales)));
            for (int i = d; i < d + KV_GROUP && i < head_dim; i += LANES)
                q8_floats(tile + i, codes + i, scale, scale);
        }
}

void kv_add_neon(struct kernels *k) {
    struct kernel_kv *f16 = &k->kv[QUANT_F16], *bf16 = &k->kv[QUANT_BF16];
    f16->store_k = f16_store_k;
    f16->store_v = f16_store_v;
    f16->load_k = f16->load_v = f16_load;
    bf16->store_k = bf16_store_k;
    bf16->store_v = bf16_store_v;
    bf16->load_k = bf16->load_v = bf16_load;
    k->kv[QUANT_Q8_0].load_k = q8_load_k;
    k->kv[QUANT_Q8_0].load_v = q8_load_v;
}
