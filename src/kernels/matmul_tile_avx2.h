/* matmul_tile_avx2.h - between the unpackers of weights and the multiplication of tiles.
 *
 * The tile of this level: 64 pairs of vectors of bytes, pair j holding elements 4j … 4j+3 of
 * each row, rows in the 32-bit lanes, rows 0-7 in the first and 8-15 in the second.  Codes are
 * unsigned, or signed where the multiplication says so.  Internal to the avx2 level. */
#ifndef KERNELS_MATMUL_TILE_AVX2_H
#define KERNELS_MATMUL_TILE_AVX2_H
#include <immintrin.h>
#include "kernels/matmul_tile.h"

enum { TILE_X_ROWS = 4 };

struct tile {
    __m256i code[TILE_STEPS][2];
    __m256i scale[16][2]; /* per group: the scale twice, as a pair of int16 */
    __m256i pair[8][2];   /* per two groups: int16 pairs of minimums, or of scales where the
                           * offset of the codes is taken off at the end of the block */
    __m256 d[8][2];       /* per block: 8 of 32 elements, or 1 of 256 */
    __m256 dmin[8][2];
};

/* tile_format.multiply by the kind of block. */
void matmul_tile_4bit(const struct tile_work *work);     /* of 32: q4_0 */
void matmul_tile_4bit_min(const struct tile_work *work); /* q4_1 */
void matmul_tile_5bit(const struct tile_work *work);     /* q5_0 */
void matmul_tile_5bit_min(const struct tile_work *work); /* q5_1 */
void matmul_tile_signed(const struct tile_work *work);   /* q8_0, iq4_nl */
void matmul_tile_q2_k(const struct tile_work *work);     /* of 256 */
void matmul_tile_q3_k(const struct tile_work *work);
void matmul_tile_q4_k(const struct tile_work *work);
void matmul_tile_q5_k(const struct tile_work *work);
void matmul_tile_q6_k(const struct tile_work *work);
void matmul_tile_iq4_xs(const struct tile_work *work);

void matmul_tile_finish_avx2(const struct tile_finish *f);

/* matmul_unpack_avx2.c: the integer formats' rows; matmul_float_avx2.c: f32, f16, bf16. */
void matmul_unpack_add_avx2(struct kernels *k);
void matmul_float_add_avx2(struct kernels *k);

#endif
