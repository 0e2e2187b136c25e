/* matmul_tile.h - the loops around a level's tiles, the same for every level and integer format.
 *
 * A tile is one panel (16 rows, matmul_pack.h) × up to 256 elements, unpacked into the form that
 * the level's multiplication wants.  Tiles live in scratch, stay in L1, and are used for all rows
 * of x before the next is unpacked.  With one row of x (decode) the weights still stream
 * through once, in order.  Internal to src/kernels. */
#ifndef KERNELS_MATMUL_TILE_H
#define KERNELS_MATMUL_TILE_H
#include "kernels/matmul_pack.h"

enum {
    TILE_ELEMENTS = 256,
    TILE_STEPS = TILE_ELEMENTS / 4, /* vectors of four elements a row */
};

struct tile_x { /* rows of x at one tile's columns */
    const uint8_t *q;   /* int8[256] of the first row */
    const uint8_t *d;   /* float[] */
    const uint8_t *sum; /* int16[16] */
    size_t stride;      /* bytes from row to row, of all three */
};

struct tile_work {
    const void *tiles; /* `panels` of them, one behind the other */
    int panels;
    int blocks; /* in the tile: up to 8 of 32 elements, or 1 of 256 */
    int offset; /* of the codes */
    int x_rows; /* up to tile_level.x_rows */
    struct tile_x x;
    float *acc; /* [x_rows][tile_level.panels · 16], added to */
};

struct tile_level {
    size_t tile_bytes; /* multiple of 64 */
    int panels;        /* multiplied together: 1 or 2 */
    int x_rows;        /* rows of x multiplied together: at most */
    int pass_rows;     /* rows of x per pass over the weights, at most; multiple of x_rows */
    int pass_bytes;    /* about, of x per pass, so that it stays in the cache */
};

struct tile_format {
    enum quant_type type;
    int offset;
    /* Fills a tile from `blocks` blocks of a panel: their words and their halves. */
    void (*unpack)(void *tile, const void *words, const void *halves, int blocks);
    void (*multiply)(const struct tile_work *work);
};

void matmul_tile_run(const struct matmul_work *work, const struct tile_level *level,
                     const struct tile_format *format);
size_t matmul_tile_scratch_bytes(const struct tile_level *level);

#endif
