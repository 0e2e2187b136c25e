/* matmul_tile_avx512.h - between the unpackers of weights and the multiplication of tiles.
 *
 * The tile of this level is what vpdpbusd wants: 64 vectors of unsigned bytes, vector j holding
 * elements 4j … 4j+3 of each row, rows in the 32-bit lanes: 4 KB of codes and 2.5 KB of scales.
 * Two panels are multiplied together.  Internal to the avx512 level. */
#ifndef KERNELS_MATMUL_TILE_AVX512_H
#define KERNELS_MATMUL_TILE_AVX512_H
#include <immintrin.h>
#include "kernels/matmul_tile.h"

enum {
    TILE_PANELS = 2,
    TILE_X_ROWS = 6, /* 2 · 6 sums + 2 · 6 totals + weights, x and scales fit 32 registers */
};

struct tile {
    __m512i code[TILE_STEPS];
    __m512i scale[16]; /* per group: int32, or float where the multiplication is "exact" */
    __m512i min[8];    /* per two groups: int16 pairs */
    __m512 d[8];       /* per block: 8 of 32 elements, or 1 of 256 */
    __m512 dmin[8];
};

/* tile_format.multiply by the kind of block. */
void matmul_tile_32(const struct tile_work *work);     /* of 32: q4_0, q5_0, q8_0, iq4_nl */
void matmul_tile_32_min(const struct tile_work *work); /* of 32 with minimum: q4_1, q5_1 */
void matmul_tile_g16(const struct tile_work *work);    /* of 256, groups of 16: q6_K */
void matmul_tile_g16_exact(const struct tile_work *work);      /* q3_K */
void matmul_tile_g16_exact_min(const struct tile_work *work);  /* q2_K */
void matmul_tile_g32(const struct tile_work *work);            /* groups of 32: iq4_xs */
void matmul_tile_g32_min(const struct tile_work *work);        /* q5_K */
void matmul_tile_g32_halves_min(const struct tile_work *work); /* q4_K */

void matmul_tile_finish_avx512(const struct tile_finish *f);

/* How the level above unpacks and, for few rows of x, multiplies; NULL: a float format. */
const struct tile_format *matmul_unpack_format_avx512(enum quant_type type);
const struct tile_level *matmul_unpack_level_avx512(void);

/* matmul_unpack_avx512.c: the integer formats' rows; matmul_float_avx512.c: f32, f16, bf16. */
void matmul_unpack_add_avx512(struct kernels *k);
void matmul_float_add_avx512(struct kernels *k);

#endif
