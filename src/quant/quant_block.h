/* quant_block.h - the blocks as they lie in a file, one struct a format.
 *
 * The structs are packed: a pointer to one may have any alignment.  Half-precision fields
 * are the bits (uint16_t, little-endian); quant_f16_to_f32 gives the number.
 * Layouts: ggml's ggml-common.h (MIT), https://github.com/ggml-org/ggml. */
#ifndef QUANT_QUANT_BLOCK_H
#define QUANT_QUANT_BLOCK_H
#include <stdint.h>

#define QUANT_PACKED __attribute__((packed))

/* ---- blocks of 32 elements -------------------------------------------------------------
 *
 * A nibble array holds element j in the low half of byte j and element j + 16 in the high
 * half; a fifth bit of element j is bit j of high[]. */

struct QUANT_PACKED quant_q4_0 { /* d · (q − 8) */
    uint16_t d;
    uint8_t low[16];
};

struct QUANT_PACKED quant_q4_1 { /* d · q + m */
    uint16_t d, m;
    uint8_t low[16];
};

struct QUANT_PACKED quant_q5_0 { /* d · (q − 16) */
    uint16_t d;
    uint8_t high[4];
    uint8_t low[16];
};

struct QUANT_PACKED quant_q5_1 { /* d · q + m */
    uint16_t d, m;
    uint8_t high[4];
    uint8_t low[16];
};

struct QUANT_PACKED quant_q8_0 { /* d · q, q signed */
    uint16_t d;
    int8_t q[32];
};

struct QUANT_PACKED quant_iq4_nl { /* d · QUANT_IQ4_VALUE[q] */
    uint16_t d;
    uint8_t low[16];
};

/* ---- blocks of 256 elements ------------------------------------------------------------
 *
 * Sixteen groups of 16 or eight of 32, each with a small integer scale. */

struct QUANT_PACKED quant_q2_K { /* d · scale · q − dmin · min, groups of 16 */
    uint8_t scale[16];           /* low nibble scale, high nibble min */
    uint8_t q[64];               /* 2 bits each: byte 32h + j has 128h + {0,32,64,96} + j */
    uint16_t d, dmin;
};

struct QUANT_PACKED quant_q3_K { /* d · (scale − 32) · (q − 4), groups of 16 */
    uint8_t high[32];            /* bit e/32 of byte e%32 is the third bit of element e */
    uint8_t low[64];             /* two bits each, as in q2_K */
    uint8_t scale[12];           /* six bits each: see unpack_scale_q3_K */
    uint16_t d;
};

struct QUANT_PACKED quant_q4_K { /* d · scale · q − dmin · min, groups of 32 */
    uint16_t d, dmin;
    uint8_t scale[12];           /* eight scales and eight mins, six bits each */
    uint8_t low[128];            /* byte 32c + j has elements 64c + j (low) and 64c + 32 + j */
};

struct QUANT_PACKED quant_q5_K { /* d · scale · q − dmin · min, groups of 32 */
    uint16_t d, dmin;
    uint8_t scale[12];
    uint8_t high[32];            /* bit e/32 of byte e%32 is the fifth bit of element e */
    uint8_t low[128];            /* as in q4_K */
};

struct QUANT_PACKED quant_q6_K { /* d · scale · (q − 32), groups of 16 */
    uint8_t low[128];            /* byte 64h + j: elements 128h + j (low), 128h + 64 + j (high) */
    uint8_t high[64];            /* 2 bits each: byte 32h + j as q2_K's q */
    int8_t scale[16];
    uint16_t d;
};

struct QUANT_PACKED quant_iq4_xs { /* d · (scale − 32) · QUANT_IQ4_VALUE[q], groups of 32 */
    uint16_t d;
    uint16_t scale_high;         /* two bits a group  */
    uint8_t scale_low[4];        /* four bits a group */
    uint8_t low[128];            /* byte 16g + j has elements 32g + j (low) and 32g + 16 + j */
};

/* The sixteen levels of iq4_nl and iq4_xs, ascending. */
extern const int8_t QUANT_IQ4_VALUE[16];

_Static_assert(sizeof(struct quant_q4_0) == 18 && sizeof(struct quant_q4_1) == 20, "");
_Static_assert(sizeof(struct quant_q5_0) == 22 && sizeof(struct quant_q5_1) == 24, "");
_Static_assert(sizeof(struct quant_q8_0) == 34 && sizeof(struct quant_iq4_nl) == 18, "");
_Static_assert(sizeof(struct quant_q2_K) == 84 && sizeof(struct quant_q3_K) == 110, "");
_Static_assert(sizeof(struct quant_q4_K) == 144 && sizeof(struct quant_q5_K) == 176, "");
_Static_assert(sizeof(struct quant_q6_K) == 210 && sizeof(struct quant_iq4_xs) == 136, "");

#endif
