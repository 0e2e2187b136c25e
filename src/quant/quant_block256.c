/* quant_block256.c - the formats whose blocks are 256 elements: q2_K … q6_K and iq4_xs.
 *
 * The plain reference: one block at a time.  Pure, any thread.  Encoding fits each group, then
 * rounds the groups' scales to the block's; it does not weigh elements by importance, as
 * tools that make released models do. */
#include "quant/quant_block.h"
#include "quant/quant_fit.h"
#include "quant/quant_format.h"
#include <math.h>
#include <string.h>

static void start(struct quant_codes *out, uint16_t d, int group_elements, int offset) {
    *out = (struct quant_codes){.d = quant_f16_to_f32(d), .elements = 256,
                                .group_elements = group_elements, .offset = offset};
}

/* ---- how codes and scales are folded into bytes ---------------------------------------- */

/* Two bits an element: byte 32h + j holds elements 128h + 32s + j at bit 2s. */
static void unpack_pairs(uint8_t *code, const uint8_t *q) {
    for (int e = 0; e < 256; e++) code[e] = q[e / 128 * 32 + e % 32] >> e % 128 / 32 * 2 & 3;
}

/* Element e's bit is bit e/32 of byte e%32. */
static void unpack_bits(uint8_t *code, const uint8_t *high, int shift) {
    for (int e = 0; e < 256; e++)
        code[e] |= (uint8_t)((high[e % 32] >> e / 32 & 1) << shift);
}

/* Byte 32c + j holds element 64c + j in its low half and 64c + 32 + j in its high half. */
static void unpack_nibbles(uint8_t *code, const uint8_t *low) {
    for (int c = 0; c < 4; c++)
        for (int j = 0; j < 32; j++) {
            code[64 * c + j] = low[32 * c + j] & 15;
            code[64 * c + 32 + j] = low[32 * c + j] >> 4;
        }
}

/* Six-bit scales and mins of q4_K and q5_K.  The first four of each lie in the low six bits of
 * bytes 0-3 and 4-7; the others have their low four bits in the halves of bytes 8-11 and
 * their upper two in the top of bytes 0-7. */
static void unpack_scales(struct quant_codes *out, const uint8_t *s) {
    for (int g = 0; g < 4; g++) {
        out->scale[g] = s[g] & 63;
        out->min[g] = s[g + 4] & 63;
        out->scale[g + 4] = (int16_t)((s[g + 8] & 15) | s[g] >> 6 << 4);
        out->min[g + 4] = (int16_t)(s[g + 8] >> 4 | s[g + 4] >> 6 << 4);
    }
}

/* Six-bit scales of q3_K, stored plus 32: low four bits in the halves of bytes 0-7 (low halves
 * first), upper two at bit 2·(g/4) of byte 8 + g%4. */
static void unpack_scales_q3(struct quant_codes *out, const uint8_t *s) {
    for (int g = 0; g < 16; g++) {
        int low = s[g % 8] >> g / 8 * 4 & 15;
        int high = s[8 + g % 4] >> g / 4 * 2 & 3;
        out->scale[g] = (int16_t)((low | high << 4) - 32);
    }
}

/* ---- unpack ---------------------------------------------------------------------------- */

void quant_q2_K_unpack(struct quant_codes *out, const void *block) {
    const struct quant_q2_K *b = block;
    start(out, b->d, 16, 0);
    out->dmin = quant_f16_to_f32(b->dmin);
    for (int g = 0; g < 16; g++) {
        out->scale[g] = b->scale[g] & 15;
        out->min[g] = b->scale[g] >> 4;
    }
    unpack_pairs(out->code, b->q);
}

/* The file's third bit says "do not subtract 4", which is a code of 0 … 7 less 4. */
void quant_q3_K_unpack(struct quant_codes *out, const void *block) {
    const struct quant_q3_K *b = block;
    start(out, b->d, 16, 4);
    unpack_scales_q3(out, b->scale);
    unpack_pairs(out->code, b->low);
    unpack_bits(out->code, b->high, 2);
}

void quant_q4_K_unpack(struct quant_codes *out, const void *block) {
    const struct quant_q4_K *b = block;
    start(out, b->d, 32, 0);
    out->dmin = quant_f16_to_f32(b->dmin);
    unpack_scales(out, b->scale);
    unpack_nibbles(out->code, b->low);
}

void quant_q5_K_unpack(struct quant_codes *out, const void *block) {
    const struct quant_q5_K *b = block;
    start(out, b->d, 32, 0);
    out->dmin = quant_f16_to_f32(b->dmin);
    unpack_scales(out, b->scale);
    unpack_nibbles(out->code, b->low);
    unpack_bits(out->code, b->high, 4);
}

void quant_q6_K_unpack(struct quant_codes *out, const void *block) {
    const struct quant_q6_K *b = block;
    start(out, b->d, 16, 32);
    for (int g = 0; g < 16; g++) out->scale[g] = b->scale[g];
    unpack_pairs(out->code, b->high);
    for (int h = 0; h < 2; h++)
        for (int j = 0; j < 64; j++) {
            uint8_t *code = out->code + 128 * h + j;
            uint8_t low = b->low[64 * h + j];
            code[0] = (uint8_t)(code[0] << 4 | (low & 15));
            code[64] = (uint8_t)(code[64] << 4 | low >> 4);
        }
}

void quant_iq4_xs_unpack(struct quant_codes *out, const void *block) {
    const struct quant_iq4_xs *b = block;
    start(out, b->d, 32, 128);
    for (int g = 0; g < 8; g++) {
        int low = b->scale_low[g / 2] >> g % 2 * 4 & 15;
        int high = b->scale_high >> 2 * g & 3;
        out->scale[g] = (int16_t)((low | high << 4) - 32);
        for (int j = 0; j < 16; j++) {
            uint8_t pair = b->low[16 * g + j];
            out->code[32 * g + j] = (uint8_t)(QUANT_IQ4_VALUE[pair & 15] + 128);
            out->code[32 * g + 16 + j] = (uint8_t)(QUANT_IQ4_VALUE[pair >> 4] + 128);
        }
    }
}

/* ---- decode ---------------------------------------------------------------------------- */

void quant_q2_K_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 256, sizeof(struct quant_q2_K), quant_q2_K_unpack);
}

void quant_q3_K_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 256, sizeof(struct quant_q3_K), quant_q3_K_unpack);
}

void quant_q4_K_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 256, sizeof(struct quant_q4_K), quant_q4_K_unpack);
}

void quant_q5_K_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 256, sizeof(struct quant_q5_K), quant_q5_K_unpack);
}

void quant_q6_K_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 256, sizeof(struct quant_q6_K), quant_q6_K_unpack);
}

void quant_iq4_xs_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 256, sizeof(struct quant_iq4_xs), quant_iq4_xs_unpack);
}

/* ---- encode ---------------------------------------------------------------------------- */

struct groups { /* a block's integers while it is being encoded */
    uint16_t d, dmin;
    int scale[16], min[16];
    int code[256];
};

/* value = d·scale·q − dmin·min with 0 <= scale, min <= scale_max and 0 <= q <= hi. */
static void encode_affine(struct groups *out, const float *in, int group, int hi, int scale_max) {
    struct quant_fit_line line[16];
    float scale_peak = 0.0f, min_peak = 0.0f;
    int count = 256 / group;
    for (int g = 0; g < count; g++) {
        line[g] = quant_fit_affine(in + g * group, group, hi, 0.0f);
        scale_peak = fmaxf(scale_peak, line[g].scale);
        min_peak = fmaxf(min_peak, -line[g].min);
    }
    out->d = quant_fit_f16(scale_peak / (float)scale_max);
    out->dmin = quant_fit_f16(min_peak / (float)scale_max);
    float d = quant_f16_to_f32(out->d), dmin = quant_f16_to_f32(out->dmin);
    for (int g = 0; g < count; g++) {
        out->scale[g] = quant_fit_nearest(line[g].scale, quant_fit_inverse(d), 0, scale_max);
        out->min[g] = quant_fit_nearest(-line[g].min, quant_fit_inverse(dmin), 0, scale_max);
        float inverse = quant_fit_inverse(d * (float)out->scale[g]);
        float min = dmin * (float)out->min[g];
        for (int i = g * group; i < (g + 1) * group; i++)
            out->code[i] = quant_fit_nearest(in[i] + min, inverse, 0, hi);
    }
}

/* value = d·scale·(q − half) with −scale_half <= scale < scale_half and 0 <= q < 2·half. */
static void encode_symmetric(struct groups *out, const float *in, int half, int scale_half) {
    float step[16], peak = 0.0f;
    for (int g = 0; g < 16; g++) {
        step[g] = quant_fit_symmetric(in + 16 * g, 16, -half, half - 1);
        if (fabsf(step[g]) > fabsf(peak)) peak = step[g];
    }
    out->d = quant_fit_f16(peak / (float)-scale_half);
    float d = quant_f16_to_f32(out->d);
    for (int g = 0; g < 16; g++) {
        out->scale[g] = quant_fit_nearest(step[g], quant_fit_inverse(d), -scale_half,
                                          scale_half - 1);
        float inverse = quant_fit_inverse(d * (float)out->scale[g]);
        for (int i = 16 * g; i < 16 * g + 16; i++)
            out->code[i] = quant_fit_nearest(in[i], inverse, -half, half - 1) + half;
    }
}

static void pack_pairs(uint8_t *q, const int *code, int shift) {
    memset(q, 0, 64);
    for (int e = 0; e < 256; e++)
        q[e / 128 * 32 + e % 32] |= (uint8_t)((code[e] >> shift & 3) << e % 128 / 32 * 2);
}

static void pack_bits(uint8_t *high, const int *code, int shift) {
    memset(high, 0, 32);
    for (int e = 0; e < 256; e++) high[e % 32] |= (uint8_t)((code[e] >> shift & 1) << e / 32);
}

static void pack_nibbles(uint8_t *low, const int *code) {
    for (int c = 0; c < 4; c++)
        for (int j = 0; j < 32; j++)
            low[32 * c + j] =
                (uint8_t)((code[64 * c + j] & 15) | (code[64 * c + 32 + j] & 15) << 4);
}

static void pack_scales(uint8_t *s, const struct groups *from) {
    for (int g = 0; g < 4; g++) {
        s[g] = (uint8_t)(from->scale[g] | from->scale[g + 4] >> 4 << 6);
        s[g + 4] = (uint8_t)(from->min[g] | from->min[g + 4] >> 4 << 6);
        s[g + 8] = (uint8_t)((from->scale[g + 4] & 15) | (from->min[g + 4] & 15) << 4);
    }
}

void quant_q2_K_encode(void *blocks, const float *in, int64_t n) {
    struct quant_q2_K *b = blocks;
    struct groups groups;
    for (int64_t i = 0; i < n; i += 256, b++) {
        encode_affine(&groups, in + i, 16, 3, 15);
        b->d = groups.d;
        b->dmin = groups.dmin;
        for (int g = 0; g < 16; g++)
            b->scale[g] = (uint8_t)(groups.scale[g] | groups.min[g] << 4);
        pack_pairs(b->q, groups.code, 0);
    }
}

void quant_q3_K_encode(void *blocks, const float *in, int64_t n) {
    struct quant_q3_K *b = blocks;
    struct groups groups;
    for (int64_t i = 0; i < n; i += 256, b++) {
        encode_symmetric(&groups, in + i, 4, 32);
        b->d = groups.d;
        memset(b->scale, 0, sizeof b->scale);
        for (int g = 0; g < 16; g++) {
            int stored = groups.scale[g] + 32;
            b->scale[g % 8] |= (uint8_t)((stored & 15) << g / 8 * 4);
            b->scale[8 + g % 4] |= (uint8_t)(stored >> 4 << g / 4 * 2);
        }
        pack_pairs(b->low, groups.code, 0);
        pack_bits(b->high, groups.code, 2);
    }
}

void quant_q4_K_encode(void *blocks, const float *in, int64_t n) {
    struct quant_q4_K *b = blocks;
    struct groups groups;
    for (int64_t i = 0; i < n; i += 256, b++) {
        encode_affine(&groups, in + i, 32, 15, 63);
        b->d = groups.d;
        b->dmin = groups.dmin;
        pack_scales(b->scale, &groups);
        pack_nibbles(b->low, groups.code);
    }
}

void quant_q5_K_encode(void *blocks, const float *in, int64_t n) {
    struct quant_q5_K *b = blocks;
    struct groups groups;
    for (int64_t i = 0; i < n; i += 256, b++) {
        encode_affine(&groups, in + i, 32, 31, 63);
        b->d = groups.d;
        b->dmin = groups.dmin;
        pack_scales(b->scale, &groups);
        pack_nibbles(b->low, groups.code);
        pack_bits(b->high, groups.code, 4);
    }
}

void quant_q6_K_encode(void *blocks, const float *in, int64_t n) {
    struct quant_q6_K *b = blocks;
    struct groups groups;
    for (int64_t i = 0; i < n; i += 256, b++) {
        encode_symmetric(&groups, in + i, 32, 128);
        b->d = groups.d;
        for (int g = 0; g < 16; g++) b->scale[g] = (int8_t)groups.scale[g];
        pack_pairs(b->high, groups.code, 4);
        for (int h = 0; h < 2; h++)
            for (int j = 0; j < 64; j++) {
                const int *code = groups.code + 128 * h + j;
                b->low[64 * h + j] = (uint8_t)((code[0] & 15) | (code[64] & 15) << 4);
            }
    }
}

void quant_iq4_xs_encode(void *blocks, const float *in, int64_t n) {
    struct quant_iq4_xs *b = blocks;
    for (int64_t i = 0; i < n; i += 256, b++) {
        float step[8], peak = 0.0f;
        for (int g = 0; g < 8; g++) {
            step[g] = quant_fit_iq4(in + i + 32 * g, 32);
            if (fabsf(step[g]) > fabsf(peak)) peak = step[g];
        }
        uint16_t stored_d = quant_fit_f16(peak / -32.0f);
        float d = quant_f16_to_f32(stored_d);
        unsigned scale_high = 0;
        memset(b, 0, sizeof *b);
        for (int g = 0; g < 8; g++) {
            int scale = quant_fit_nearest(step[g], quant_fit_inverse(d), -32, 31);
            float inverse = quant_fit_inverse(d * (float)scale);
            scale_high |= (unsigned)(scale + 32) >> 4 << 2 * g;
            b->scale_low[g / 2] |= (uint8_t)(((scale + 32) & 15) << g % 2 * 4);
            for (int j = 0; j < 32; j++) {
                int code = quant_fit_iq4_nearest(in[i + 32 * g + j], inverse);
                b->low[16 * g + j % 16] |= (uint8_t)(code << j / 16 * 4);
            }
        }
        b->d = stored_d;
        b->scale_high = (uint16_t)scale_high;
    }
}
