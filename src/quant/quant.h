/* quant.h - the tensor formats of GGUF: their blocks, and what a block means.
 *
 * One row a format in quant.c.  A block is seen in two ways:
 *
 *   decode   the block's values as floats: what an embedding lookup or a plain C
 *            reference wants
 *   unpack   the block as integers (struct quant_codes): what every integer matrix
 *            kernel is specified by and tested against
 *
 * Formats and layouts: ggml's ggml-common.h (MIT), https://github.com/ggml-org/ggml.
 * All pointers to blocks may be unaligned; bytes are little-endian. */
#ifndef QUANT_QUANT_H
#define QUANT_QUANT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum quant_type {
    QUANT_F32, QUANT_F16, QUANT_BF16,
    QUANT_Q4_0, QUANT_Q4_1, QUANT_Q5_0, QUANT_Q5_1, QUANT_Q8_0,
    QUANT_Q2_K, QUANT_Q3_K, QUANT_Q4_K, QUANT_Q5_K, QUANT_Q6_K,
    QUANT_IQ4_NL, QUANT_IQ4_XS,
    QUANT_TYPES
};

enum {
    QUANT_BLOCK_MAX = 256, /* elements in the largest block  */
    QUANT_GROUPS_MAX = 16, /* scale groups in a block        */
};

/* One block as integers.  Element i lies in group g = i / group_elements and is worth
 *
 *     d · scale[g] · (code[i] − offset)  −  dmin · min[g]
 *
 * Formats without minimum have dmin = 0 and min[] = 0.  Formats whose blocks are 32
 * elements have one group with scale 1 (and min 1 where they have a minimum). */
struct quant_codes {
    float d, dmin;
    int elements;       /* 32 or 256 */
    int group_elements; /* 16 or 32  */
    int offset;         /* 0, 4, 8, 16, 32 or 128 */
    int16_t scale[QUANT_GROUPS_MAX];
    int16_t min[QUANT_GROUPS_MAX];
    uint8_t code[QUANT_BLOCK_MAX];
};

struct quant_info {
    const char *name;      /* as ggml spells it in lower case: "q4_K", "f16", "iq4_xs" */
    uint32_t gguf_id;      /* ggml_type */
    int block_elements;    /* 1, 32 or 256 */
    int block_bytes;
    /* n is a multiple of block_elements. */
    void (*decode)(float *out, const void *blocks, int64_t n);
    void (*encode)(void *blocks, const float *in, int64_t n); /* NULL where we never write it */
    void (*unpack)(struct quant_codes *out, const void *block); /* NULL for f32, f16, bf16 */
};

const struct quant_info *quant_info(enum quant_type type);
bool quant_from_gguf(enum quant_type *type, uint32_t gguf_id);
bool quant_from_name(enum quant_type *type, const char *name); /* case does not matter */
const char *quant_names(void);                                /* "f32, f16, …" for errors */

/* Bytes of n elements; n is a multiple of the block. */
int64_t quant_bytes(enum quant_type type, int64_t n);

float quant_f16_to_f32(uint16_t h);
uint16_t quant_f32_to_f16(float f); /* round to nearest even, overflow to infinity */
float quant_bf16_to_f32(uint16_t h);
uint16_t quant_f32_to_bf16(float f); /* round to nearest even, NaN stays NaN */

#endif
