/* matmul_tile.c - the loops around tiles: over rows of x, panels, columns.
 *
 * Order: a pass of rows of x; two panels (or one); columns 256 at a time: unpack their tiles, then
 * multiply them with every row of the pass, adding to float accumulators in scratch.  An
 * output's accumulator sees its blocks in ascending order whatever the shape of the call. */
#include "kernels/matmul_tile.h"
#include <string.h>

enum {
    FEW_ROWS = 4,          /* of x: so little work that the next tile is asked for too late */
    PREFETCH_BYTES = 4096, /* then this far ahead */
};

struct pass { /* what stays the same for one pair of panels and one pass of rows of x */
    const struct tile_level *level;
    const struct tile_format *format;
    const struct panel *shape;
    const uint8_t *panel; /* the first */
    int64_t panel_bytes, halves_bytes;
    int panels;
    const uint8_t *x; /* the first row */
    struct act_layout layout;
    int64_t x_rows;
    uint8_t *tiles;
    float *acc; /* [x_rows][level->panels · 16] */
};

size_t matmul_tile_scratch_bytes(const struct tile_level *level) {
    return (size_t)level->panels * level->tile_bytes +
           sizeof(float) * (size_t)(level->pass_rows * level->panels * PANEL_ROWS);
}

/* Columns [c, c + 256) or as many as there are. */
static void run_columns(const struct pass *p, int64_t c, int64_t cols, struct tile_ahead *ahead) {
    int64_t b = c / p->shape->block_elements, left = cols - c;
    int blocks = (int)((left < TILE_ELEMENTS ? left : TILE_ELEMENTS) / p->shape->block_elements);
    const int64_t block_bytes = p->shape->words * PANEL_WORD_BYTES;
    const bool few = p->x_rows <= FEW_ROWS;
    ahead->bytes = blocks * block_bytes;
    for (int i = 0; i < p->panels; i++) {
        const uint8_t *panel = p->panel + i * p->panel_bytes;
        const uint8_t *words = panel + p->halves_bytes + b * block_bytes;
        ahead->words[i] = words + (few ? PREFETCH_BYTES : ahead->bytes);
        p->format->unpack(p->tiles + (size_t)i * p->level->tile_bytes, words,
                          panel + b * PANEL_HALF_BYTES, blocks);
    }
    struct tile_work work = {
        .tiles = p->tiles, .panels = p->panels, .blocks = blocks, .offset = p->format->offset,
        .x = {p->x + c, p->x + p->layout.d_offset + 4 * b, p->x + p->layout.sum_offset + c / 8,
              p->layout.row_bytes},
        .acc = p->acc, .ahead = ahead,
    };
    const int step = p->level->x_rows;
    for (int64_t t = 0; t < p->x_rows; t += step) {
        work.x_rows = p->x_rows - t < step ? (int)(p->x_rows - t) : step;
        if (!p->level->prefetches) tile_prefetch(ahead, p->panels, t, t + work.x_rows);
        p->format->multiply(&work);
        work.x.q += (size_t)step * work.x.stride;
        work.x.d += (size_t)step * work.x.stride;
        work.x.sum += (size_t)step * work.x.stride;
        work.acc += step * p->level->panels * PANEL_ROWS;
    }
}

static void run_pass(const struct matmul_work *work, struct pass *p, int64_t r) {
    const int width = p->level->panels * PANEL_ROWS;
    for (int64_t n = work->row_begin; n < work->row_end; n += width) {
        p->panel = (const uint8_t *)work->weights + n / PANEL_ROWS * p->panel_bytes;
        p->panels = (int)((work->row_end - n + PANEL_ROWS - 1) / PANEL_ROWS);
        if (p->panels > p->level->panels) p->panels = p->level->panels;
        memset(p->acc, 0, sizeof(float) * (size_t)(p->x_rows * width));
        struct tile_ahead ahead = {.out_stride = work->out_stride, .x_rows = p->x_rows};
        for (int64_t c = 0; c < work->cols; c += TILE_ELEMENTS) {
            if (c + TILE_ELEMENTS >= work->cols) ahead.out = work->out + r * work->out_stride + n;
            run_columns(p, c, work->cols, &ahead);
        }
        const int64_t left = work->row_end - n;
        p->level->finish(&(struct tile_finish){
            .out = work->out + r * work->out_stride + n, .out_stride = work->out_stride,
            .bias = work->bias != NULL ? work->bias + n : NULL, .acc = p->acc,
            .acc_stride = width, .count = left < width ? (int)left : width, .x_rows = p->x_rows,
            .add = work->add,
        });
    }
}

/* A multiple of 48, which both 16 and 6 divide, unless it is the level's largest. */
static int64_t pass_rows(const struct tile_level *level, int64_t cols) {
    int64_t rows = level->pass_bytes / cols / 48 * 48;
    if (rows < 48) rows = 48;
    return rows < level->pass_rows ? rows : level->pass_rows;
}

void matmul_tile_run(const struct matmul_work *work, const struct tile_level *level,
                     const struct tile_format *format) {
    const struct panel *shape = &MATMUL_PANEL[format->type];
    struct pass p = {
        .level = level, .format = format, .shape = shape,
        .panel_bytes = matmul_pack_panel_bytes(shape, work->cols),
        .halves_bytes = matmul_pack_halves_bytes(shape, work->cols),
        .layout = kernels_act_layout(shape->block_elements == 32 ? ACT_Q8_32 : ACT_Q8_256,
                                     work->cols),
        .tiles = work->scratch,
    };
    p.acc = (float *)(void *)(p.tiles + (size_t)level->panels * level->tile_bytes);
    int64_t pass = pass_rows(level, work->cols);
    for (int64_t r = 0; r < work->x_rows; r += pass) {
        p.x = (const uint8_t *)work->x + (size_t)r * p.layout.row_bytes;
        p.x_rows = work->x_rows - r < pass ? work->x_rows - r : pass;
        run_pass(work, &p, r);
    }
}
