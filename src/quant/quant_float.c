/* quant_float.c - the formats that are floats: f32, f16 (IEEE binary16), bf16.
 *
 * Promises the bits that x86's vcvtps2ph/vcvtph2ps give in their default mode: round to nearest
 * even, denormals kept, NaN quieted with its upper payload.  Pure, any thread.  Does not
 * depend on the denormal flags of the calling thread. */
#include "quant/quant_format.h"
#include <string.h>

static uint32_t float_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Exponent biases are 15 and 127; mantissas have 10 and 23 bits. */
static inline float f16_to_f32(uint16_t h) {
    uint32_t magnitude = h & 0x7fffu;
    uint32_t bits = (magnitude << 13) + ((127u - 15u) << 23);
    if (magnitude >= 0x7c00) bits += (127u - 15u) << 23;   /* exponent 31 becomes 255 */
    if (magnitude >= 0x7c01) bits |= 0x400000;             /* a NaN becomes quiet */
    if (magnitude < 0x400) bits = float_bits((float)magnitude * 0x1p-24f); /* denormal, exact */
    return bits_float(bits | (uint32_t)(h & 0x8000u) << 16);
}

static inline uint16_t f32_to_f16(float f) {
    uint32_t bits = float_bits(f);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    /* 65520 lies half-way between 65504, the largest, and the 65536 that does not exist. */
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    /* Below 2^-14 the result counts units of 2^-24, which is the distance of floats in
     * [0.5, 1): adding 0.5 rounds to that grid. */
    if (magnitude < 0x38800000)
        return (uint16_t)(sign | (float_bits(bits_float(magnitude) + 0.5f) - float_bits(0.5f)));
    magnitude += 0xfff + (magnitude >> 13 & 1);
    return (uint16_t)(sign | (magnitude - ((127u - 15u) << 23)) >> 13);
}

static inline float bf16_to_f32(uint16_t h) { return bits_float((uint32_t)h << 16); }

static inline uint16_t f32_to_bf16(float f) {
    uint32_t bits = float_bits(f);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float quant_f16_to_f32(uint16_t h) { return f16_to_f32(h); }
uint16_t quant_f32_to_f16(float f) { return f32_to_f16(f); }
float quant_bf16_to_f32(uint16_t h) { return bf16_to_f32(h); }
uint16_t quant_f32_to_bf16(float f) { return f32_to_bf16(f); }

void quant_f32_decode(float *out, const void *blocks, int64_t n) {
    if (n) memcpy(out, blocks, (size_t)n * sizeof(float));
}

void quant_f32_encode(void *blocks, const float *in, int64_t n) {
    if (n) memcpy(blocks, in, (size_t)n * sizeof(float));
}

void quant_f16_decode(float *out, const void *blocks, int64_t n) {
    const uint8_t *from = blocks;
    for (int64_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, from + 2 * i, sizeof h);
        out[i] = f16_to_f32(h);
    }
}

void quant_f16_encode(void *blocks, const float *in, int64_t n) {
    uint8_t *to = blocks;
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = f32_to_f16(in[i]);
        memcpy(to + 2 * i, &h, sizeof h);
    }
}

void quant_bf16_decode(float *out, const void *blocks, int64_t n) {
    const uint8_t *from = blocks;
    for (int64_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, from + 2 * i, sizeof h);
        out[i] = bf16_to_f32(h);
    }
}

void quant_bf16_encode(void *blocks, const float *in, int64_t n) {
    uint8_t *to = blocks;
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = f32_to_bf16(in[i]);
        memcpy(to + 2 * i, &h, sizeof h);
    }
}
