/* quant_block32.c - the formats whose blocks are 32 elements: q4_0, q4_1, q5_0, q5_1, q8_0,
 * iq4_nl.
 *
 * The plain reference: one block at a time, nothing unrolled by hand.  Pure, any thread. */
#include "quant/quant_block.h"
#include "quant/quant_fit.h"
#include "quant/quant_format.h"
#include <math.h>
#include <string.h>

const int8_t QUANT_IQ4_VALUE[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                    1,    13,   25,  38,  53,  69,  89,  113};

static void start(struct quant_codes *out, uint16_t d, int offset) {
    *out = (struct quant_codes){.d = quant_f16_to_f32(d), .elements = 32, .group_elements = 32,
                                .offset = offset, .scale = {1}};
}

/* The file has value = d·q + m; the formula of quant_codes subtracts. */
static void start_with_min(struct quant_codes *out, uint16_t d, uint16_t m) {
    start(out, d, 0);
    out->dmin = -quant_f16_to_f32(m);
    out->min[0] = 1;
}

static void unpack_nibbles(uint8_t *code, const uint8_t *low) {
    for (int j = 0; j < 16; j++) {
        code[j] = low[j] & 15;
        code[j + 16] = low[j] >> 4;
    }
}

static void unpack_fifth_bits(uint8_t *code, const uint8_t *high) {
    for (int j = 0; j < 32; j++) code[j] |= (uint8_t)((high[j / 8] >> j % 8 & 1) << 4);
}

void quant_q4_0_unpack(struct quant_codes *out, const void *block) {
    const struct quant_q4_0 *b = block;
    start(out, b->d, 8);
    unpack_nibbles(out->code, b->low);
}

void quant_q4_1_unpack(struct quant_codes *out, const void *block) {
    const struct quant_q4_1 *b = block;
    start_with_min(out, b->d, b->m);
    unpack_nibbles(out->code, b->low);
}

void quant_q5_0_unpack(struct quant_codes *out, const void *block) {
    const struct quant_q5_0 *b = block;
    start(out, b->d, 16);
    unpack_nibbles(out->code, b->low);
    unpack_fifth_bits(out->code, b->high);
}

void quant_q5_1_unpack(struct quant_codes *out, const void *block) {
    const struct quant_q5_1 *b = block;
    start_with_min(out, b->d, b->m);
    unpack_nibbles(out->code, b->low);
    unpack_fifth_bits(out->code, b->high);
}

void quant_q8_0_unpack(struct quant_codes *out, const void *block) {
    const struct quant_q8_0 *b = block;
    start(out, b->d, 128);
    for (int j = 0; j < 32; j++) out->code[j] = (uint8_t)(b->q[j] + 128);
}

void quant_iq4_nl_unpack(struct quant_codes *out, const void *block) {
    const struct quant_iq4_nl *b = block;
    start(out, b->d, 128);
    unpack_nibbles(out->code, b->low);
    for (int j = 0; j < 32; j++)
        out->code[j] = (uint8_t)(QUANT_IQ4_VALUE[out->code[j]] + 128);
}

void quant_q4_0_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 32, sizeof(struct quant_q4_0), quant_q4_0_unpack);
}

void quant_q4_1_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 32, sizeof(struct quant_q4_1), quant_q4_1_unpack);
}

void quant_q5_0_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 32, sizeof(struct quant_q5_0), quant_q5_0_unpack);
}

void quant_q5_1_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 32, sizeof(struct quant_q5_1), quant_q5_1_unpack);
}

void quant_q8_0_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 32, sizeof(struct quant_q8_0), quant_q8_0_unpack);
}

void quant_iq4_nl_decode(float *out, const void *blocks, int64_t n) {
    quant_decode_blocks(out, blocks, n, 32, sizeof(struct quant_iq4_nl), quant_iq4_nl_unpack);
}

/* ---- encoding: codes are chosen for the scale as the file will hold it ----------------- */

static void pack_nibbles(uint8_t *low, const int *code) {
    for (int j = 0; j < 16; j++) low[j] = (uint8_t)((code[j] & 15) | (code[j + 16] & 15) << 4);
}

static void pack_fifth_bits(uint8_t *high, const int *code) {
    memset(high, 0, 4);
    for (int j = 0; j < 32; j++) high[j / 8] |= (uint8_t)((code[j] >> 4 & 1) << j % 8);
}

static uint16_t encode_symmetric(int *code, const float *in, int half) {
    uint16_t d = quant_fit_f16(quant_fit_symmetric(in, 32, -half, half - 1));
    float inverse = quant_fit_inverse(quant_f16_to_f32(d));
    for (int j = 0; j < 32; j++)
        code[j] = quant_fit_nearest(in[j], inverse, -half, half - 1) + half;
    return d;
}

static void encode_affine(int *code, uint16_t *d, uint16_t *m, const float *in, int hi) {
    struct quant_fit_line line = quant_fit_affine(in, 32, hi, INFINITY);
    *d = quant_fit_f16(line.scale);
    *m = quant_fit_f16(line.min);
    float inverse = quant_fit_inverse(quant_f16_to_f32(*d)), min = quant_f16_to_f32(*m);
    for (int j = 0; j < 32; j++) code[j] = quant_fit_nearest(in[j] - min, inverse, 0, hi);
}

void quant_q4_0_encode(void *blocks, const float *in, int64_t n) {
    struct quant_q4_0 *b = blocks;
    int code[32];
    for (int64_t i = 0; i < n; i += 32, b++) {
        b->d = encode_symmetric(code, in + i, 8);
        pack_nibbles(b->low, code);
    }
}

void quant_q4_1_encode(void *blocks, const float *in, int64_t n) {
    struct quant_q4_1 *b = blocks;
    int code[32];
    for (int64_t i = 0; i < n; i += 32, b++) {
        uint16_t d, m;
        encode_affine(code, &d, &m, in + i, 15);
        b->d = d;
        b->m = m;
        pack_nibbles(b->low, code);
    }
}

void quant_q5_0_encode(void *blocks, const float *in, int64_t n) {
    struct quant_q5_0 *b = blocks;
    int code[32];
    for (int64_t i = 0; i < n; i += 32, b++) {
        b->d = encode_symmetric(code, in + i, 16);
        pack_nibbles(b->low, code);
        pack_fifth_bits(b->high, code);
    }
}

void quant_q5_1_encode(void *blocks, const float *in, int64_t n) {
    struct quant_q5_1 *b = blocks;
    int code[32];
    for (int64_t i = 0; i < n; i += 32, b++) {
        uint16_t d, m;
        encode_affine(code, &d, &m, in + i, 31);
        b->d = d;
        b->m = m;
        pack_nibbles(b->low, code);
        pack_fifth_bits(b->high, code);
    }
}

void quant_q8_0_encode(void *blocks, const float *in, int64_t n) {
    struct quant_q8_0 *b = blocks;
    for (int64_t i = 0; i < n; i += 32, b++) {
        float peak = 0.0f;
        for (int j = 0; j < 32; j++)
            if (fabsf(in[i + j]) > peak) peak = fabsf(in[i + j]);
        uint16_t d = quant_fit_f16(peak / 127.0f);
        float inverse = quant_fit_inverse(quant_f16_to_f32(d));
        b->d = d;
        for (int j = 0; j < 32; j++)
            b->q[j] = (int8_t)quant_fit_nearest(in[i + j], inverse, -127, 127);
    }
}

void quant_iq4_nl_encode(void *blocks, const float *in, int64_t n) {
    struct quant_iq4_nl *b = blocks;
    int code[32];
    for (int64_t i = 0; i < n; i += 32, b++) {
        uint16_t d = quant_fit_f16(quant_fit_iq4(in + i, 32));
        float inverse = quant_fit_inverse(quant_f16_to_f32(d));
        b->d = d;
        for (int j = 0; j < 32; j++) code[j] = quant_fit_iq4_nearest(in[i + j], inverse);
        pack_nibbles(b->low, code);
    }
}
