/* quant_format.h - inside quant/ only: the functions that the rows of the table point to, and
 * the one loop that turns integer codes into floats. */
#ifndef QUANT_QUANT_FORMAT_H
#define QUANT_QUANT_FORMAT_H
#include "quant/quant.h"

/* The formula of struct quant_codes.  d · scale has at most 11 + 8 significant bits and is
 * exact in a float, as is dmin · min; so a value is rounded once in the product with the
 * code and once in the subtraction. */
static inline void quant_codes_values(float *out, const struct quant_codes *c) {
    int groups = c->elements / c->group_elements;
    for (int g = 0; g < groups; g++) {
        float scale = c->d * (float)c->scale[g];
        float min = c->dmin * (float)c->min[g];
        const uint8_t *code = c->code + g * c->group_elements;
        float *value = out + g * c->group_elements;
        if (c->group_elements == 16)
            for (int i = 0; i < 16; i++) value[i] = scale * (float)(code[i] - c->offset) - min;
        else
            for (int i = 0; i < 32; i++) value[i] = scale * (float)(code[i] - c->offset) - min;
    }
}

static inline void quant_decode_blocks(float *out, const void *blocks, int64_t n, int elements,
                                       int bytes, void (*unpack)(struct quant_codes *,
                                                                 const void *)) {
    const uint8_t *block = blocks;
    struct quant_codes codes;
    for (int64_t i = 0; i < n; i += elements, block += bytes) {
        unpack(&codes, block);
        quant_codes_values(out + i, &codes);
    }
}

void quant_f32_decode(float *out, const void *blocks, int64_t n);
void quant_f16_decode(float *out, const void *blocks, int64_t n);
void quant_bf16_decode(float *out, const void *blocks, int64_t n);
void quant_q4_0_decode(float *out, const void *blocks, int64_t n);
void quant_q4_1_decode(float *out, const void *blocks, int64_t n);
void quant_q5_0_decode(float *out, const void *blocks, int64_t n);
void quant_q5_1_decode(float *out, const void *blocks, int64_t n);
void quant_q8_0_decode(float *out, const void *blocks, int64_t n);
void quant_q2_K_decode(float *out, const void *blocks, int64_t n);
void quant_q3_K_decode(float *out, const void *blocks, int64_t n);
void quant_q4_K_decode(float *out, const void *blocks, int64_t n);
void quant_q5_K_decode(float *out, const void *blocks, int64_t n);
void quant_q6_K_decode(float *out, const void *blocks, int64_t n);
void quant_iq4_nl_decode(float *out, const void *blocks, int64_t n);
void quant_iq4_xs_decode(float *out, const void *blocks, int64_t n);

void quant_f32_encode(void *blocks, const float *in, int64_t n);
void quant_f16_encode(void *blocks, const float *in, int64_t n);
void quant_bf16_encode(void *blocks, const float *in, int64_t n);
void quant_q4_0_encode(void *blocks, const float *in, int64_t n);
void quant_q4_1_encode(void *blocks, const float *in, int64_t n);
void quant_q5_0_encode(void *blocks, const float *in, int64_t n);
void quant_q5_1_encode(void *blocks, const float *in, int64_t n);
void quant_q8_0_encode(void *blocks, const float *in, int64_t n);
void quant_q2_K_encode(void *blocks, const float *in, int64_t n);
void quant_q3_K_encode(void *blocks, const float *in, int64_t n);
void quant_q4_K_encode(void *blocks, const float *in, int64_t n);
void quant_q5_K_encode(void *blocks, const float *in, int64_t n);
void quant_q6_K_encode(void *blocks, const float *in, int64_t n);
void quant_iq4_nl_encode(void *blocks, const float *in, int64_t n);
void quant_iq4_xs_encode(void *blocks, const float *in, int64_t n);

void quant_q4_0_unpack(struct quant_codes *out, const void *block);
void quant_q4_1_unpack(struct quant_codes *out, const void *block);
void quant_q5_0_unpack(struct quant_codes *out, const void *block);
void quant_q5_1_unpack(struct quant_codes *out, const void *block);
void quant_q8_0_unpack(struct quant_codes *out, const void *block);
void quant_q2_K_unpack(struct quant_codes *out, const void *block);
void quant_q3_K_unpack(struct quant_codes *out, const void *block);
void quant_q4_K_unpack(struct quant_codes *out, const void *block);
void quant_q5_K_unpack(struct quant_codes *out, const void *block);
void quant_q6_K_unpack(struct quant_codes *out, const void *block);
void quant_iq4_nl_unpack(struct quant_codes *out, const void *block);
void quant_iq4_xs_unpack(struct quant_codes *out, const void *block);

#endif
