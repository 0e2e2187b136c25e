/* matmul_pack.h - how the vector levels keep weights: panels of 16 rows, interleaved by words.
 *
 * A panel is 16 rows of the matrix (the last one padded with zero bytes):
 *
 *     halves   [blocks][16 rows] of 2 bytes: the block's d, in formats where it stands alone;
 *              padded with zeros to a multiple of 64 bytes
 *     words    [blocks][words][16 rows] of 4 bytes: the rest of the block as it lies in the
 *              file, cut into words (struct quant_… in quant_block.h tells what they hold)
 *
 * So 64 bytes at any word are 16 rows × 4 bytes: a vector whose 32-bit lanes are rows and
 * whose bytes are, in the words of codes, four consecutive k of that row.  That is what
 * vpdpbusd and vpmaddubsw want; groups are separated by masks and shifts of whole vectors, and
 * the scales of 16 rows come in one load.  Packing moves words and loses nothing; the size is
 * that of the source plus the padding.  AVX2 reads the same panel as two halves.
 *
 * One exception to "as it lies in the file": the 32 high bits of q5_0 and q5_1 are permuted from
 * bit k to bit k/4 of byte k%4, so that they too separate by a shift and a mask. */
#ifndef KERNELS_MATMUL_PACK_H
#define KERNELS_MATMUL_PACK_H
#include <stdint.h>
#include "kernels/kernels.h"

enum { PANEL_ROWS = 16, PANEL_WORD_BYTES = 64, PANEL_HALF_BYTES = 32 };

struct panel { /* where the parts of a format's block go */
    int block_elements;
    int block_bytes;
    int half_offset;  /* in the block; -1: no half stands alone */
    int words_offset; /* in the block */
    int words;        /* block_bytes = words · 4 (+ 2 with a half) */
    int plane_word;   /* the word of 32 high bits; -1: none */
};

extern const struct panel MATMUL_PANEL[QUANT_TYPES];

static inline int64_t matmul_pack_halves_bytes(const struct panel *p, int64_t cols) {
    if (p->half_offset < 0) return 0;
    return (cols / p->block_elements * PANEL_HALF_BYTES + 63) / 64 * 64;
}

static inline int64_t matmul_pack_panel_bytes(const struct panel *p, int64_t cols) {
    return matmul_pack_halves_bytes(p, cols) +
           cols / p->block_elements * p->words * PANEL_WORD_BYTES;
}

/* Sets packed_bytes and pack of one format's row. */
void matmul_pack_use(struct kernel_matmul *m, enum quant_type type);

#endif
