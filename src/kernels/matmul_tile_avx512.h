/* matmul_tile_avx512.h - between the unpackers of weights and the multiplication of tiles.
 *
 * A tile is one panel (16 rows, matmul_pack.h) × up to 256 elements, unpacked into the form that
 * vpdpbusd wants: 64 vectors of unsigned bytes, vector j holding elements 4j … 4j+3 of each
 * row, rows in the 32-bit lanes.  Tiles live in scratch, stay in L1, and are used for all rows of x
 * before the next is unpacked: 4 KB of codes and 2.5 KB of scales, two panels at a time.
 * Internal to the avx512 level. */
#ifndef KERNELS_MATMUL_TILE_AVX512_H
#define KERNELS_MATMUL_TILE_AVX512_H
#include <immintrin.h>
#include "kernels/matmul_pack.h"

enum {
    TILE_ELEMENTS = 256,
    TILE_STEPS = TILE_ELEMENTS / 4,
    TILE_PANELS = 2,  /* tiles multiplied together: 32 rows */
    TILE_X_ROWS = 6,  /* rows of x in registers: 2 · 6 sums + 2 · 6 totals + weights + scales < 32 */
    TILE_PASS_ROWS = 96, /* rows of x per pass over the weights; 96 · cols bytes stay in L2 */
};

struct tile {
    __m512i code[TILE_STEPS];
    __m512i scale[16]; /* per group: int32, or float where the kind says "exact" */
    __m512i min[8];    /* per two groups: int16 pairs */
    __m512 d[8];       /* per block: 8 of 32 elements, or 1 of 256 */
    __m512 dmin[8];
};

struct tile_x { /* rows of x at one tile's columns */
    const uint8_t *q;   /* int8[256] of the first row */
    const uint8_t *d;   /* float[] */
    const uint8_t *sum; /* int16[16] */
    size_t stride;      /* bytes from row to row, of all three */
};

/* acc[r][32] += tiles · rows of x, r < x_rows <= TILE_X_ROWS; two panels fill 32, one 16. */
typedef void tile_multiply(const struct tile *tile, const struct tile_x *x, int blocks, int offset,
                           int x_rows, float *acc);

struct tile_kind {
    tile_multiply *one, *two; /* panels */
};

extern const struct tile_kind TILE_32;      /* blocks of 32: q4_0, q5_0, q8_0, iq4_nl */
extern const struct tile_kind TILE_32_MIN;  /* q4_1, q5_1 */
extern const struct tile_kind TILE_256_G16; /* groups of 16, offset: q6_K */
extern const struct tile_kind TILE_256_G16_EXACT;     /* q3_K */
extern const struct tile_kind TILE_256_G16_EXACT_MIN; /* q2_K */
extern const struct tile_kind TILE_256_G32;           /* iq4_xs */
extern const struct tile_kind TILE_256_G32_MIN;       /* q5_K */
extern const struct tile_kind TILE_256_G32_HALVES_MIN; /* q4_K */

struct tile_format {
    enum quant_type type;
    const struct tile_kind *kind;
    int offset;
    /* Fills a tile from `blocks` blocks of a panel: their words and their halves. */
    void (*unpack)(struct tile *tile, const __m512i *words, const __m256i *halves, int blocks);
};

void matmul_tile_run(const struct matmul_work *work, const struct tile_format *format);
size_t matmul_tile_scratch_bytes(void);

/* matmul_unpack_avx512.c: the integer formats' rows; matmul_float_avx512.c: f32, f16, bf16. */
void matmul_unpack_add_avx512(struct kernels *k);
void matmul_float_add_avx512(struct kernels *k);

#endif
