/* exp_neon.h - e^x for 4 floats, for the NEON files of this folder.
 *
 * The arithmetic, the error bound and the special cases are those of exp_avx512.h, bit for bit;
 * 2^n is made as in exp_avx2.h. */
#ifndef KERNELS_EXP_NEON_H
#define KERNELS_EXP_NEON_H
#include <arm_neon.h>

/* n and p(r) of e^x = 2^n · p(r), and a mask of lanes whose result is not 0. */
static inline float32x4_t exp_split_neon(float32x4_t x, int32x4_t *n, uint32x4_t *live) {
    /* Not less than ln(FLT_MIN): true for NaN too.  Other lanes compute nonsense and become 0. */
    *live = vmvnq_u32(vcltq_f32(x, vdupq_n_f32(-87.33654f)));
    const float32x4_t round = vdupq_n_f32(0x1.8p23f);
    float32x4_t sum = vfmaq_f32(round, x, vdupq_n_f32(1.44269504f));
    float32x4_t whole = vsubq_f32(sum, round);
    /* The integer also stands in the sum's lowest bits. */
    *n = vsubq_s32(vreinterpretq_s32_f32(sum), vreinterpretq_s32_f32(round));
    float32x4_t r = vfmsq_f32(x, whole, vdupq_n_f32(0.693359375f));
    r = vfmsq_f32(r, whole, vdupq_n_f32(-2.12194440e-4f));
    float32x4_t p = vdupq_n_f32(1.406142255e-03f);
    p = vfmaq_f32(vdupq_n_f32(8.379058912e-03f), p, r);
    p = vfmaq_f32(vdupq_n_f32(4.166477174e-02f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.666636467e-01f), p, r);
    p = vfmaq_f32(vdupq_n_f32(5.000000596e-01f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.0f), p, r);
    return vfmaq_f32(vdupq_n_f32(1.0f), p, r);
}

static inline float32x4_t exp_masked_neon(float32x4_t x, uint32x4_t live) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), live));
}

/* For x <= 0: there n is in [-126, 0] and adding it to the exponent of p, in [-1, 0], gives the
 * exponent of the result, at least -126 since e^x >= FLT_MIN. */
static inline float32x4_t exp_nonpositive_neon(float32x4_t x) {
    int32x4_t n;
    uint32x4_t live;
    float32x4_t p = exp_split_neon(x, &n, &live);
    int32x4_t bits = vaddq_s32(vreinterpretq_s32_f32(p), vshlq_n_s32(n, 23));
    return exp_masked_neon(vreinterpretq_f32_s32(bits), live);
}

static inline float32x4_t exp_neon(float32x4_t x) {
    int32x4_t n;
    uint32x4_t live;
    /* The smaller of NaN and a number is NaN. */
    float32x4_t p = exp_split_neon(vminq_f32(vdupq_n_f32(89.0f), x), &n, &live);
    /* n is in [-126, 128]; half and the rest are in [-63, 64]. */
    const int32x4_t bias = vdupq_n_s32(127);
    int32x4_t half = vshrq_n_s32(n, 1), rest = vsubq_s32(n, half);
    float32x4_t two_half = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, bias), 23));
    float32x4_t two_rest = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(rest, bias), 23));
    return exp_masked_neon(vmulq_f32(vmulq_f32(p, two_half), two_rest), live);
}

#endif
