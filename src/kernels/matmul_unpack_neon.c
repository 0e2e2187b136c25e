/* matmul_unpack_neon.c - from the words of a panel (matmul_pack.h) to a tile: a function a format.
 *
 * Which element a bit field of a block belongs to is told by quant_block.h and quant's
 * unpack functions; here the same is done for a quad of rows at once.  `words` point at the
 * quad: word i of its four rows is words[4i].  Bytes are shifted as bytes, so that no bit
 * crosses into a neighbour. */
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_neon.h"
#include "kernels/unroll.h"
#include "quant/quant_block.h"

/* (v >> shift) & mask in every byte. */
static ALWAYS_INLINE uint8x16_t bits(uint8x16_t v, int shift, int mask) {
    return (v >> vdupq_n_u8((uint8_t)shift)) & vdupq_n_u8((uint8_t)mask);
}

/* Bit `from` of every byte, at bit `to`. */
static ALWAYS_INLINE uint8x16_t bit(uint8x16_t v, int from, int to) {
    v = to >= from ? v << vdupq_n_u8((uint8_t)(to - from)) : v >> vdupq_n_u8((uint8_t)(from - to));
    return v & vdupq_n_u8((uint8_t)(1 << to));
}

static ALWAYS_INLINE uint8x16_t high_nibbles(uint8x16_t v) { return v >> vdupq_n_u8(4); }

static ALWAYS_INLINE int8x16_t less(uint8x16_t v, int offset) {
    return vreinterpretq_s8_u8(v - vdupq_n_u8((uint8_t)offset));
}

/* Byte i of every lane; signed or not. */
static ALWAYS_INLINE int32x4_t byte_of(uint8x16_t v, int i) {
    uint32x4_t lanes = vreinterpretq_u32_u8(v) >> vdupq_n_u32((uint32_t)(8 * i));
    return vreinterpretq_s32_u32(lanes & vdupq_n_u32(255));
}

static ALWAYS_INLINE int32x4_t signed_byte_of(uint8x16_t v, int i) {
    int32x4_t up = vreinterpretq_s32_u8(v) << vdupq_n_s32(24 - 8 * i);
    return up >> vdupq_n_s32(24);
}

static ALWAYS_INLINE float32x4_t low_half(uint8x16_t v) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vmovn_u32(vreinterpretq_u32_u8(v))));
}

static ALWAYS_INLINE float32x4_t high_half(uint8x16_t v) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vshrn_n_u32(vreinterpretq_u32_u8(v), 16)));
}

static ALWAYS_INLINE float32x4_t half_of(const void *halves, int block, int h) {
    const uint16_t *at = (const uint16_t *)halves + PANEL_ROWS * block + QUAD_ROWS * h;
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(at)));
}

/* ---- blocks of 32 elements --------------------------------------------------------------- */

struct nibbles { /* of one word */
    uint8x16_t low, high;
};

static ALWAYS_INLINE struct nibbles nibbles_of(uint8x16_t word) {
    return (struct nibbles){bits(word, 0, 15), high_nibbles(word)};
}

/* Four words of nibbles: steps 0-3 from the low ones, 4-7 from the high ones. */
static ALWAYS_INLINE void unpack_nibbles(int8x16_t code[][QUADS], const uint8x16_t *words, int h,
                                         int offset) {
    UNROLL
    for (int j = 0; j < 4; j++) {
        struct nibbles n = nibbles_of(words[QUADS * j]);
        code[j][h] = less(n.low, offset);
        code[4 + j][h] = less(n.high, offset);
    }
}

/* The same with a plane of fifth bits: bit j of every byte of it belongs to step j. */
static ALWAYS_INLINE void unpack_fifth_bits(int8x16_t code[][QUADS], uint8x16_t plane,
                                            const uint8x16_t *words, int h, int offset) {
    UNROLL
    for (int j = 0; j < 4; j++) {
        struct nibbles n = nibbles_of(words[QUADS * j]);
        code[j][h] = less(n.low | bit(plane, j, 4), offset);
        code[4 + j][h] = less(n.high | bit(plane, 4 + j, 4), offset);
    }
}

static void unpack_q4_0(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const uint8x16_t *words = from;
    for (int b = 0; b < blocks; b++, words += 4 * QUADS)
        for (int h = 0; h < QUADS; h++) {
            tile->d[b][h] = half_of(half, b, h);
            unpack_nibbles(tile->code + 8 * b, words + h, h, 8);
        }
}

/* d · code + m is d · code − (−m) · 1. */
static ALWAYS_INLINE void unpack_d_m(struct tile *tile, uint8x16_t word, int b, int h) {
    tile->d[b][h] = low_half(word);
    tile->dmin[b][h] = vnegq_f32(high_half(word));
}

static void unpack_q4_1(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const uint8x16_t *words = from;
    (void)half;
    for (int b = 0; b < blocks; b++, words += 5 * QUADS)
        for (int h = 0; h < QUADS; h++) {
            unpack_d_m(tile, words[h], b, h);
            unpack_nibbles(tile->code + 8 * b, words + QUADS + h, h, 0);
        }
}

static void unpack_q5_0(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const uint8x16_t *words = from;
    for (int b = 0; b < blocks; b++, words += 5 * QUADS)
        for (int h = 0; h < QUADS; h++) {
            tile->d[b][h] = half_of(half, b, h);
            unpack_fifth_bits(tile->code + 8 * b, words[h], words + QUADS + h, h, 16);
        }
}

static void unpack_q5_1(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const uint8x16_t *words = from;
    (void)half;
    for (int b = 0; b < blocks; b++, words += 6 * QUADS)
        for (int h = 0; h < QUADS; h++) {
            unpack_d_m(tile, words[h], b, h);
            unpack_fifth_bits(tile->code + 8 * b, words[QUADS + h], words + 2 * QUADS + h, h, 0);
        }
}

static void unpack_q8_0(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const int8x16_t *words = from;
    for (int b = 0; b < blocks; b++, words += 8 * QUADS)
        for (int h = 0; h < QUADS; h++) {
            tile->d[b][h] = half_of(half, b, h);
            for (int j = 0; j < 8; j++) tile->code[8 * b + j][h] = words[QUADS * j + h];
        }
}

static void unpack_iq4_nl(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const uint8x16_t *words = from;
    const int8x16_t levels = vld1q_s8(QUANT_IQ4_VALUE);
    for (int b = 0; b < blocks; b++, words += 4 * QUADS)
        for (int h = 0; h < QUADS; h++) {
            tile->d[b][h] = half_of(half, b, h);
            for (int j = 0; j < 4; j++) {
                struct nibbles n = nibbles_of(words[QUADS * j + h]);
                tile->code[8 * b + j][h] = vqtbl1q_s8(levels, n.low);
                tile->code[8 * b + 4 + j][h] = vqtbl1q_s8(levels, n.high);
            }
        }
}

/* ---- blocks of 256 elements: each function does the rows of quad h -------------------------- */

/* words: 4 of scale and min nibbles, 16 of codes, d and dmin. */
static ALWAYS_INLINE void unpack_q2_k_quad(struct tile *tile, const uint8x16_t *words, int h) {
    tile->d[0][h] = low_half(words[QUADS * 20]);
    tile->dmin[0][h] = high_half(words[QUADS * 20]);
    UNROLL
    for (int i = 0; i < 4; i++) {
        struct nibbles n = nibbles_of(words[QUADS * i]);
        UNROLL
        for (int g = 0; g < 4; g++) {
            tile->scale[4 * i + g][h] = byte_of(n.low, g);
            tile->min[4 * i + g][h] = vmovn_s32(byte_of(n.high, g));
        }
    }
    UNROLL
    for (int s = 0; s < 4; s++)
        for (int j = 0; j < 8; j++) {
            uint8x16_t first = words[QUADS * (4 + j)], second = words[QUADS * (12 + j)];
            tile->code[8 * s + j][h] = less(bits(first, 2 * s, 3), 0);
            tile->code[32 + 8 * s + j][h] = less(bits(second, 2 * s, 3), 0);
        }
}

/* words: 8 of third bits, 16 of two bits, 3 of scales. */
static ALWAYS_INLINE void unpack_q3_k_quad(struct tile *tile, const uint8x16_t *words, int h) {
    UNROLL
    for (int i = 0; i < 4; i++) { /* groups 4i … 4i + 3 */
        uint8x16_t low = bits(words[QUADS * (24 + i % 2)], i / 2 * 4, 15);
        uint8x16_t high = bits(words[QUADS * 26], 2 * i, 3) << vdupq_n_u8(4);
        uint8x16_t scales = (low | high) - vdupq_n_u8(32);
        UNROLL
        for (int g = 0; g < 4; g++) tile->scale[4 * i + g][h] = signed_byte_of(scales, g);
    }
    UNROLL
    for (int s = 0; s < 4; s++)
        for (int j = 0; j < 8; j++) {
            uint8x16_t first = bits(words[QUADS * (8 + j)], 2 * s, 3);
            uint8x16_t second = bits(words[QUADS * (16 + j)], 2 * s, 3);
            uint8x16_t third = words[QUADS * j];
            tile->code[8 * s + j][h] = less(first | bit(third, s, 2), 4);
            tile->code[32 + 8 * s + j][h] = less(second | bit(third, 4 + s, 2), 4);
        }
}

/* d, dmin and the six-bit scales and mins of q4_K and q5_K, from the first four words. */
static ALWAYS_INLINE void unpack_scales(struct tile *tile, const uint8x16_t *words, int h) {
    const uint8x16_t top = vdupq_n_u8(0x30);
    uint8x16_t w0 = words[QUADS], w1 = words[2 * QUADS], w2 = words[3 * QUADS];
    uint8x16_t scale[2] = {bits(w0, 0, 63), bits(w2, 0, 15) | ((w0 >> vdupq_n_u8(2)) & top)};
    uint8x16_t min[2] = {bits(w1, 0, 63), high_nibbles(w2) | ((w1 >> vdupq_n_u8(2)) & top)};
    tile->d[0][h] = low_half(words[0]);
    tile->dmin[0][h] = high_half(words[0]);
    UNROLL
    for (int g = 0; g < 8; g++) {
        tile->scale[g][h] = byte_of(scale[g / 4], g % 4);
        tile->min[g][h] = vmovn_s32(byte_of(min[g / 4], g % 4));
    }
}

/* words: d and dmin, 3 of scales, 32 of nibbles. */
static ALWAYS_INLINE void unpack_q4_k_quad(struct tile *tile, const uint8x16_t *words, int h) {
    unpack_scales(tile, words, h);
    for (int c = 0; c < 4; c++)
        UNROLL
        for (int j = 0; j < 8; j++) {
            struct nibbles n = nibbles_of(words[QUADS * (4 + 8 * c + j)]);
            tile->code[16 * c + j][h] = less(n.low, 0);
            tile->code[16 * c + 8 + j][h] = less(n.high, 0);
        }
}

/* words: d and dmin, 3 of scales, 8 of fifth bits, 32 of nibbles. */
static ALWAYS_INLINE void unpack_q5_k_quad(struct tile *tile, const uint8x16_t *words, int h) {
    unpack_scales(tile, words, h);
    UNROLL
    for (int c = 0; c < 4; c++)
        for (int j = 0; j < 8; j++) {
            struct nibbles n = nibbles_of(words[QUADS * (12 + 8 * c + j)]);
            uint8x16_t fifth = words[QUADS * (4 + j)];
            tile->code[16 * c + j][h] = less(n.low | bit(fifth, 2 * c, 4), 0);
            tile->code[16 * c + 8 + j][h] = less(n.high | bit(fifth, 2 * c + 1, 4), 0);
        }
}

/* words: 32 of nibbles, 16 of upper two bits, 4 of scales. */
static ALWAYS_INLINE void unpack_q6_k_quad(struct tile *tile, const uint8x16_t *words, int h) {
    UNROLL
    for (int i = 0; i < 4; i++)
        UNROLL
        for (int g = 0; g < 4; g++)
            tile->scale[4 * i + g][h] = signed_byte_of(words[QUADS * (48 + i)], g);
    for (int part = 0; part < 2; part++)
        UNROLL
        for (int half = 0; half < 2; half++) /* upper bits 2·half, and 4 + 2·half */
            for (int i = 0; i < 8; i++) {
                const int j = 8 * half + i;
                struct nibbles n = nibbles_of(words[QUADS * (16 * part + j)]);
                uint8x16_t upper = words[QUADS * (32 + 8 * part + i)];
                uint8x16_t first = bits(upper, 2 * half, 3) << vdupq_n_u8(4);
                uint8x16_t second = bits(upper, 2 * half, 0x30);
                tile->code[32 * part + j][h] = less(n.low | first, 32);
                tile->code[32 * part + 16 + j][h] = less(n.high | second, 32);
            }
}

/* words: d and upper bits of scales, lower bits of scales, 32 of nibbles. */
static ALWAYS_INLINE void unpack_iq4_xs_quad(struct tile *tile, const uint8x16_t *words, int h) {
    const int8x16_t levels = vld1q_s8(QUANT_IQ4_VALUE);
    uint32x4_t upper = vreinterpretq_u32_u8(words[0]) >> vdupq_n_u32(16);
    uint32x4_t lower = vreinterpretq_u32_u8(words[QUADS]);
    tile->d[0][h] = low_half(words[0]);
    UNROLL
    for (int g = 0; g < 8; g++) {
        uint32x4_t low = (lower >> vdupq_n_u32((uint32_t)(4 * g))) & vdupq_n_u32(15);
        uint32x4_t high = (upper >> vdupq_n_u32((uint32_t)(2 * g))) & vdupq_n_u32(3);
        int32x4_t scale = vreinterpretq_s32_u32(low | high << vdupq_n_u32(4));
        tile->scale[g][h] = scale - vdupq_n_s32(32);
        for (int j = 0; j < 4; j++) {
            struct nibbles n = nibbles_of(words[QUADS * (2 + 4 * g + j)]);
            tile->code[8 * g + j][h] = vqtbl1q_s8(levels, n.low);
            tile->code[8 * g + 4 + j][h] = vqtbl1q_s8(levels, n.high);
        }
    }
}

static void unpack_q2_k(void *to, const void *from, const void *half, int blocks) {
    (void)half, (void)blocks;
    for (int h = 0; h < QUADS; h++) unpack_q2_k_quad(to, (const uint8x16_t *)from + h, h);
}

static void unpack_q3_k(void *to, const void *from, const void *half, int blocks) {
    (void)blocks;
    for (int h = 0; h < QUADS; h++) {
        ((struct tile *)to)->d[0][h] = half_of(half, 0, h);
        unpack_q3_k_quad(to, (const uint8x16_t *)from + h, h);
    }
}

static void unpack_q4_k(void *to, const void *from, const void *half, int blocks) {
    (void)half, (void)blocks;
    for (int h = 0; h < QUADS; h++) unpack_q4_k_quad(to, (const uint8x16_t *)from + h, h);
}

static void unpack_q5_k(void *to, const void *from, const void *half, int blocks) {
    (void)half, (void)blocks;
    for (int h = 0; h < QUADS; h++) unpack_q5_k_quad(to, (const uint8x16_t *)from + h, h);
}

static void unpack_q6_k(void *to, const void *from, const void *half, int blocks) {
    (void)blocks;
    for (int h = 0; h < QUADS; h++) {
        ((struct tile *)to)->d[0][h] = half_of(half, 0, h);
        unpack_q6_k_quad(to, (const uint8x16_t *)from + h, h);
    }
}

static void unpack_iq4_xs(void *to, const void *from, const void *half, int blocks) {
    (void)half, (void)blocks;
    for (int h = 0; h < QUADS; h++) unpack_iq4_xs_quad(to, (const uint8x16_t *)from + h, h);
}

matmul_unpack *const MATMUL_UNPACK_NEON[QUANT_TYPES] = {
    [QUANT_Q4_0] = unpack_q4_0, [QUANT_Q4_1] = unpack_q4_1, [QUANT_Q5_0] = unpack_q5_0,
    [QUANT_Q5_1] = unpack_q5_1, [QUANT_Q8_0] = unpack_q8_0, [QUANT_IQ4_NL] = unpack_iq4_nl,
    [QUANT_Q2_K] = unpack_q2_k, [QUANT_Q3_K] = unpack_q3_k, [QUANT_Q4_K] = unpack_q4_k,
    [QUANT_Q5_K] = unpack_q5_k, [QUANT_Q6_K] = unpack_q6_k, [QUANT_IQ4_XS] = unpack_iq4_xs,
};
