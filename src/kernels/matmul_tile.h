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
    TILE_PANELS_MAX = 2,
};

struct tile_x { /* rows of x at one tile's columns */
    const uint8_t *q;   /* int8[256] of the first row */
    const uint8_t *d;   /* float[] */
    const uint8_t *sum; /* int16[16] */
    size_t stride;      /* bytes from row to row, of all three */
};

/* Memory that will be wanted soon: the words of the next tiles and, with the last columns, the
 * outputs.  Asking for it all at once would fill the queue of cache misses and stall; so
 * each row of x that is multiplied asks for its share. */
struct tile_ahead {
    const uint8_t *words[TILE_PANELS_MAX];
    int64_t bytes; /* of each */
    float *out;    /* of the first row of x; NULL: not yet */
    int64_t out_stride;
    int64_t x_rows; /* of the pass */
};

/* The share of rows [begin, end) of the pass. */
static inline void tile_prefetch(const struct tile_ahead *ahead, int panels, int64_t begin,
                                 int64_t end) {
    int64_t stop = ahead->bytes * end / ahead->x_rows;
    for (int64_t i = (ahead->bytes * begin / ahead->x_rows + 63) & -64; i < stop; i += 64)
        for (int p = 0; p < panels; p++) __builtin_prefetch(ahead->words[p] + i);
    for (int64_t t = begin; ahead->out != NULL && t < end; t++)
        for (int p = 0; p < panels; p++)
            __builtin_prefetch(ahead->out + t * ahead->out_stride + p * PANEL_ROWS, 1);
}

struct tile_work {
    const void *tiles; /* `panels` of them, one behind the other */
    int panels;
    int blocks; /* in the tile: up to 8 of 32 elements, or 1 of 256 */
    int offset; /* of the codes */
    int x_rows; /* up to tile_level.x_rows */
    struct tile_x x;
    float *acc; /* [x_rows][tile_level.panels · 16], added to */
    const struct tile_ahead *ahead; /* for levels that prefetch themselves */
};

/* The end of rows of x: acc + bias, then out + acc, for weight rows [n, end), at most 32. */
struct tile_finish {
    float *out; /* of the first row */
    int64_t out_stride;
    const float *bias; /* of weight row n, or NULL */
    const float *acc;
    int acc_stride;
    int count; /* of weight rows */
    int64_t x_rows;
    bool add;
};

struct tile_level {
    size_t tile_bytes; /* multiple of 64 */
    int panels;        /* multiplied together: 1 or 2 */
    int x_rows;        /* rows of x multiplied together: at most */
    int pass_rows;     /* rows of x per pass over the weights, at most; multiple of x_rows */
    bool prefetches;   /* multiply calls tile_prefetch; x_rows is pass_rows */
    int pass_bytes;    /* about, of x per pass, so that it stays in the cache */
    void (*finish)(const struct tile_finish *f);
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
