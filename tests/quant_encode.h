/* quant_encode.h - what the tests of both block sizes ask of an encoder. */
#ifndef TESTS_QUANT_ENCODE_H
#define TESTS_QUANT_ENCODE_H
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/random.h"
#include "quant/quant.h"

enum { ENCODE_ELEMENTS = 64 * QUANT_BLOCK_MAX };

/* Root mean square of the error over that of the values, for values that are roughly normal
 * (sum of four uniform ones), with an offset. */
static inline double encode_error(enum quant_type type, double offset) {
    static float in[ENCODE_ELEMENTS], out[ENCODE_ELEMENTS];
    static uint8_t blocks[ENCODE_ELEMENTS * 4];
    struct random r;
    double error = 0, power = 0;
    random_init(&r, 8);
    for (int i = 0; i < ENCODE_ELEMENTS; i++) {
        double x = offset;
        for (int k = 0; k < 4; k++) x += random_unit(&r) - 0.5;
        in[i] = (float)(0.03 * x);
    }
    quant_info(type)->encode(blocks, in, ENCODE_ELEMENTS);
    quant_info(type)->decode(out, blocks, ENCODE_ELEMENTS);
    for (int i = 0; i < ENCODE_ELEMENTS; i++) {
        double off = (double)out[i] - (double)in[i];
        error += off * off;
        power += ((double)in[i] - 0.03 * offset) * ((double)in[i] - 0.03 * offset);
    }
    return sqrt(error / power);
}

/* One block of odd values: the decoded ones are finite, whatever went in.  fill says what. */
static inline bool encode_is_finite(enum quant_type type, float fill, float first) {
    float in[QUANT_BLOCK_MAX], out[QUANT_BLOCK_MAX];
    uint8_t block[QUANT_BLOCK_MAX * 4];
    int n = quant_info(type)->block_elements;
    for (int i = 0; i < n; i++) in[i] = fill;
    in[0] = first;
    quant_info(type)->encode(block, in, n);
    quant_info(type)->decode(out, block, n);
    for (int i = 0; i < n; i++)
        if (!isfinite(out[i])) return false;
    return true;
}

static inline bool encode_survives_anything(enum quant_type type) {
    static const float odd[] = {0.0f,  -0.0f,  1.0f,    -1.0f,    1e-45f,    -1e-40f, 1e-30f,
                                1e38f, -3e38f, 65504.0f, -65504.0f, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++)
            if (!encode_is_finite(type, odd[i], odd[k])) return false;
    return true;
}

/* Zeros must come back as zeros. */
static inline bool encode_keeps_zeros(enum quant_type type) {
    float in[QUANT_BLOCK_MAX] = {0}, out[QUANT_BLOCK_MAX];
    uint8_t block[QUANT_BLOCK_MAX * 4];
    int n = quant_info(type)->block_elements;
    quant_info(type)->encode(block, in, n);
    quant_info(type)->decode(out, block, n);
    for (int i = 0; i < n; i++)
        if (out[i] != 0.0f) return false;
    return true;
}

#endif
