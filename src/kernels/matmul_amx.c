/* matmul_amx.c - the integer formats × many rows of x with AMX tiles (int8 dot products of
 * 16 × 16 outputs × 64 elements an instruction).
 *
 * The tile unit wants long sums without a scale in between, so the scales of a block's groups go
 * into the codes, as bytes:
 *
 *     unsigned   scale = 8·a + b, a and b < 8, codes unsigned < 32: a·code and b·code are
 *                unsigned bytes (7 · 31 = 217).  One 16-bit multiplication makes two of them: the
 *                lower product stays below 256 and does not carry into the upper.  S = 8·A + B.
 *     single     q2_K: scale · code <= 45 is one byte.  S = A.
 *     signed     scale · (code − offset), at most 4096 in size, is cut into a signed upper and an
 *                unsigned lower byte.  S = 256·A + B.
 *
 * A and B are sums over 256 elements of a byte times |x| <= 127: at most 256 · 255 · 127 = 8290560
 * < 2^31, so every sum is exact and S is the integer that the other levels find; the floats
 * follow in the same order.  Blocks of 32 elements have one instruction a block (half filled), for
 * their scales are floats.
 *
 * Order of instructions.  The tile unit, the vector units and the load ports can work at the same
 * time, but only as far as the processor sees ahead, so a row of the last products is added
 * up between every two tile instructions of the next.  A load that follows a store not yet made,
 * with the same low 12 bits of the address, waits for it; the products' 4 KB cover them all, so
 * they are stored last, when nothing is left to load.
 *
 * Rows of x are read where they lie, 16 at a time; fewer than 16 are copied and padded.  Calls
 * with few rows, and float formats, are left to the level below. */
#include <immintrin.h>
#include <string.h>
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_avx512.h"

#define INLINE static inline __attribute__((always_inline))

enum {
    TILE_SIDE = 16,       /* rows of x, and of weights, of an instruction */
    X_ROWS_MIN = 9,       /* fewer are faster on the level below */
    ACC_STRIDE = TILE_PANELS * PANEL_ROWS,
};

struct amx_tile {
    __m512i byte[2][TILE_STEPS]; /* A and B, vectors like those of tile.code */
    struct tile tile;            /* as the level below unpacks it: scales, and codes to use */
};

typedef __m512i product[TILE_SIDE]; /* [row of x], 16 rows of weights in the lanes */

enum coding { CODING_SINGLE, CODING_UNSIGNED, CODING_SIGNED };

struct shape { /* of blocks of 256; always a constant */
    enum coding coding;
    int group; /* elements under one scale */
    bool min;
};

/* ---- the tile unit ------------------------------------------------------------------------ */

struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Tiles 0-3 sums, 4 and 5 x, 6 and 7 weights of `elements` (32 or 64) each. */
static void configure(int elements) {
    struct tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.rows[i] = (uint8_t)(i < 6 ? TILE_SIDE : elements / 4);
        config.row_bytes[i] = (uint16_t)(i < 4 || i > 5 ? 64 : elements);
    }
    /* gcc 12 declares that the instruction reads 8 of the 64 bytes: this makes it store all. */
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
}

/* The tile intrinsics do not tell the compiler which memory they read. */
INLINE void settle_memory(void) {
    __asm__ volatile("" ::: "memory");
}

/* ---- from tiles of the level below to bytes ------------------------------------------------ */

INLINE __m512i scale_words(const struct tile *tile, const bool exact, int g) {
    __m512i scale = tile->scale[g];
    if (exact) scale = _mm512_cvtps_epi32(_mm512_castsi512_ps(scale));
    scale = _mm512_and_si512(scale, _mm512_set1_epi32(0xffff));
    return _mm512_or_si512(scale, _mm512_slli_epi32(scale, 16));
}

/* exact: the level below has scales as floats. */
INLINE void bytes_unsigned(struct amx_tile *to, const int group, const bool exact) {
    const int steps = group / 4;
    for (int g = 0; g < TILE_ELEMENTS / group; g++) {
        __m512i scale = scale_words(&to->tile, exact, g);
        __m512i a = _mm512_srli_epi16(scale, 3);
        __m512i b = _mm512_and_si512(scale, _mm512_set1_epi16(7));
        for (int j = g * steps; j < (g + 1) * steps; j++) {
            to->byte[0][j] = _mm512_mullo_epi16(to->tile.code[j], a);
            to->byte[1][j] = _mm512_mullo_epi16(to->tile.code[j], b);
        }
    }
}

INLINE void bytes_signed(struct amx_tile *to, const int group, const bool exact, int offset) {
    const __m512i low = _mm512_set1_epi16(255), off = _mm512_set1_epi16((int16_t)offset);
    const int steps = group / 4;
    for (int g = 0; g < TILE_ELEMENTS / group; g++) {
        __m512i scale = scale_words(&to->tile, exact, g);
        for (int j = g * steps; j < (g + 1) * steps; j++) {
            __m512i code = to->tile.code[j];
            __m512i even = _mm512_sub_epi16(_mm512_and_si512(code, low), off);
            __m512i odd = _mm512_sub_epi16(_mm512_srli_epi16(code, 8), off);
            even = _mm512_mullo_epi16(even, scale);
            odd = _mm512_mullo_epi16(odd, scale);
            to->byte[0][j] =
                _mm512_or_si512(_mm512_srli_epi16(even, 8), _mm512_andnot_si512(low, odd));
            to->byte[1][j] =
                _mm512_or_si512(_mm512_and_si512(even, low), _mm512_slli_epi16(odd, 8));
        }
    }
}

INLINE void bytes_single(struct amx_tile *to, const int group, const bool exact) {
    const int steps = group / 4;
    for (int g = 0; g < TILE_ELEMENTS / group; g++) {
        __m512i scale = scale_words(&to->tile, exact, g);
        for (int j = g * steps; j < (g + 1) * steps; j++)
            to->byte[0][j] = _mm512_mullo_epi16(to->tile.code[j], scale);
    }
}

INLINE void unpack_below(enum quant_type type, struct amx_tile *to, const void *words,
                         const void *halves, int blocks) {
    matmul_unpack_format_avx512(type)->unpack(&to->tile, words, halves, blocks);
}

static void unpack_32(enum quant_type type, void *tile, const void *words, const void *halves,
                      int blocks) {
    struct amx_tile *to = tile;
    const struct tile_format *below = matmul_unpack_format_avx512(type);
    const __m512i off = _mm512_set1_epi8((char)below->offset); /* −128 wraps to the signed byte */
    below->unpack(&to->tile, words, halves, blocks);
    for (int j = 0; j < 8 * blocks; j++)
        to->byte[0][j] = _mm512_sub_epi8(to->tile.code[j], off);
}

static void unpack_q2_k(void *tile, const void *words, const void *halves, int blocks) {
    unpack_below(QUANT_Q2_K, tile, words, halves, blocks);
    bytes_single(tile, 16, true);
}

static void unpack_q3_k(void *tile, const void *words, const void *halves, int blocks) {
    unpack_below(QUANT_Q3_K, tile, words, halves, blocks);
    bytes_signed(tile, 16, true, 4);
}

static void unpack_q4_k(void *tile, const void *words, const void *halves, int blocks) {
    unpack_below(QUANT_Q4_K, tile, words, halves, blocks);
    bytes_unsigned(tile, 32, true);
}

static void unpack_q5_k(void *tile, const void *words, const void *halves, int blocks) {
    unpack_below(QUANT_Q5_K, tile, words, halves, blocks);
    bytes_unsigned(tile, 32, false);
}

static void unpack_q6_k(void *tile, const void *words, const void *halves, int blocks) {
    unpack_below(QUANT_Q6_K, tile, words, halves, blocks);
    bytes_signed(tile, 16, false, 32);
}

static void unpack_iq4_xs(void *tile, const void *words, const void *halves, int blocks) {
    unpack_below(QUANT_IQ4_XS, tile, words, halves, blocks);
    bytes_signed(tile, 32, false, 128);
}

static void unpack_q4_0(void *tile, const void *words, const void *halves, int blocks) {
    unpack_32(QUANT_Q4_0, tile, words, halves, blocks);
}

static void unpack_q4_1(void *tile, const void *words, const void *halves, int blocks) {
    unpack_32(QUANT_Q4_1, tile, words, halves, blocks);
}

static void unpack_q5_0(void *tile, const void *words, const void *halves, int blocks) {
    unpack_32(QUANT_Q5_0, tile, words, halves, blocks);
}

static void unpack_q5_1(void *tile, const void *words, const void *halves, int blocks) {
    unpack_32(QUANT_Q5_1, tile, words, halves, blocks);
}

static void unpack_q8_0(void *tile, const void *words, const void *halves, int blocks) {
    unpack_32(QUANT_Q8_0, tile, words, halves, blocks);
}

static void unpack_iq4_nl(void *tile, const void *words, const void *halves, int blocks) {
    unpack_32(QUANT_IQ4_NL, tile, words, halves, blocks);
}

/* ---- rows of x ------------------------------------------------------------------------------ */

INLINE struct tile_x x_at(const struct tile_x *x, int64_t t) {
    size_t skip = (size_t)t * x->stride;
    return (struct tile_x){x->q + skip, x->d + skip, x->sum + skip, x->stride};
}

struct x_codes { /* 16 rows that the tile unit may read */
    const uint8_t *q;
    size_t stride;
};

struct x_copy {
    uint8_t row[TILE_SIDE][TILE_ELEMENTS];
};

/* The rows where they lie; fewer than 16 are copied, and the rest of the copy is whatever it was:
 * nobody looks at the sums that come of it. */
INLINE struct x_codes x_codes(const struct tile_work *w, int64_t t, int bytes,
                              struct x_copy *copy) {
    const uint8_t *q = w->x.q + (size_t)t * w->x.stride;
    if (w->x_rows - t >= TILE_SIDE) return (struct x_codes){q, w->x.stride};
    for (int64_t i = 0; i < w->x_rows - t; i++)
        memcpy(copy->row[i], q + (size_t)i * w->x.stride, (size_t)bytes);
    return (struct x_codes){copy->row[0], TILE_ELEMENTS};
}

INLINE int rows_from(const struct tile_work *w, int64_t t) {
    return w->x_rows - t < TILE_SIDE ? (int)(w->x_rows - t) : TILE_SIDE;
}

/* Σx of 16 elements, of 16 groups. */
INLINE __m256i load_sums(const uint8_t *sum) {
    return _mm256_loadu_si256((const __m256i *)(const void *)sum);
}

/* ---- blocks of 256 ------------------------------------------------------------------------- */

/* One of the 16 steps that multiply 16 rows of x with two panels: elements 64k … 64k + 63, with k =
 * step / 4, and sum step % 4: 0 and 1 are A and B of the first panel, 2 and 3 of the second. */
INLINE void product_256(const enum coding coding, const int panels, const struct amx_tile *tile,
                        struct x_codes x, const int step) {
    const int k = step / 4;
    if (step % 4 == 0) {
        _tile_loadd(4, x.q + 64 * k, x.stride);
        _tile_loadd(6, &tile[0].byte[0][16 * k], 64);
        if (coding == CODING_SIGNED) _tile_dpbssd(0, 4, 6);
        else _tile_dpbsud(0, 4, 6);
    }
    if (step % 4 == 1 && coding != CODING_SINGLE) {
        _tile_loadd(7, &tile[0].byte[1][16 * k], 64);
        _tile_dpbsud(1, 4, 7);
    }
    if (step % 4 == 2 && panels == 2) {
        _tile_loadd(6, &tile[1].byte[0][16 * k], 64);
        if (coding == CODING_SIGNED) _tile_dpbssd(2, 4, 6);
        else _tile_dpbsud(2, 4, 6);
    }
    if (step % 4 == 3 && panels == 2 && coding != CODING_SINGLE) {
        _tile_loadd(7, &tile[1].byte[1][16 * k], 64);
        _tile_dpbsud(3, 4, 7);
    }
}

INLINE void zero_sums(void) {
    settle_memory();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

INLINE void store_256(product c[4], const enum coding coding, const int panels) {
    _tile_stored(0, c[0], 64);
    if (coding != CODING_SINGLE) _tile_stored(1, c[1], 64);
    if (panels == 2) _tile_stored(2, c[2], 64);
    if (panels == 2 && coding != CODING_SINGLE) _tile_stored(3, c[3], 64);
    settle_memory();
}

/* S of 16 rows of weights for row t of x. */
INLINE __m512 total_256(product c[2], const enum coding coding, int t) {
    if (coding == CODING_SINGLE) return _mm512_cvtepi32_ps(c[0][t]);
    __m512i a = _mm512_slli_epi32(c[0][t], coding == CODING_UNSIGNED ? 3 : 8);
    return _mm512_cvtepi32_ps(_mm512_add_epi32(a, c[1][t]));
}

/* What a row of x brings besides its codes, one row behind the other. */
struct x_rows {
    float d[TILE_SIDE];
    int32_t pair[TILE_SIDE][8]; /* Σx of two groups, as int16 pairs */
};

INLINE void take_rows(struct x_rows *to, const struct shape shape, const struct tile_work *w,
                      int begin) {
    const int rows = rows_from(w, begin);
    const struct tile_x x = x_at(&w->x, begin);
    for (int t = 0; t < rows; t++) {
        memcpy(&to->d[t], x.d + (size_t)t * x.stride, sizeof to->d[t]);
        if (!shape.min) continue;
        __m256i sums = load_sums(x.sum + (size_t)t * x.stride);
        if (shape.group == 16) {
            _mm256_storeu_si256((__m256i *)(void *)to->pair[t], sums);
        } else { /* |Σ| <= 32 · 127: fits int16 */
            sums = _mm256_madd_epi16(sums, _mm256_set1_epi16(1));
            _mm_storeu_si128((__m128i *)(void *)to->pair[t], _mm256_cvtepi32_epi16(sums));
        }
    }
}

struct scales { /* of the tiles: copies that the compiler can keep in registers */
    __m512 d[TILE_PANELS], dmin[TILE_PANELS];
    __m512i min[TILE_PANELS][8];
};

INLINE void take_scales_256(struct scales *to, const struct shape shape, const int panels,
                            const struct amx_tile *tiles) {
    const int pairs = shape.min ? TILE_ELEMENTS / shape.group / 2 : 0;
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++) {
        to->d[p] = tiles[p].tile.d[0];
        to->dmin[p] = tiles[p].tile.dmin[0];
#pragma GCC unroll 8
        for (int i = 0; i < pairs; i++)
            to->min[p][i] = tiles[p].tile.min[i];
    }
}

/* Adds the products of row t of 16 rows of x to acc. */
INLINE void add_256(float *acc, const struct shape shape, const int panels,
                    const struct scales *scales, product c[4], const struct x_rows *x, int t) {
    const int pairs = shape.min ? TILE_ELEMENTS / shape.group / 2 : 0;
    __m512 dx = _mm512_set1_ps(x->d[t]);
    __m512i m[TILE_PANELS];
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++) m[p] = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (int i = 0; i < pairs; i++) {
        __m512i pair = _mm512_set1_epi32(x->pair[t][i]);
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++)
            m[p] = _mm512_dpwssd_epi32(m[p], scales->min[p][i], pair);
    }
#pragma GCC unroll 2
    for (int p = 0; p < panels; p++) {
        float *at = acc + ACC_STRIDE * t + PANEL_ROWS * p;
        __m512 a = _mm512_load_ps(at);
        a = _mm512_fmadd_ps(_mm512_mul_ps(scales->d[p], dx), total_256(c + 2 * p, shape.coding, t),
                            a);
        if (shape.min)
            a = _mm512_fnmadd_ps(_mm512_mul_ps(scales->dmin[p], dx), _mm512_cvtepi32_ps(m[p]), a);
        _mm512_store_ps(at, a);
    }
}

/* While the products of 16 rows are made, those of the 16 before them are added up: a step of one,
 * a row of the other. */
INLINE void rows_256(const struct shape shape, const int panels, const struct tile_work *w) {
    product c[4];
    struct x_copy copy;
    struct x_rows x;
    struct scales scales;
    const struct amx_tile *tiles = w->tiles;
    float *acc = w->acc;
    take_scales_256(&scales, shape, panels, tiles);
    for (int t = 0; t < w->x_rows; t += TILE_SIDE) {
        const struct x_codes q = x_codes(w, t, TILE_ELEMENTS, &copy);
        zero_sums();
        if (t == 0) {
            for (int i = 0; i < TILE_SIDE; i++) product_256(shape.coding, panels, tiles, q, i);
        } else {
#pragma GCC unroll 16
            for (int i = 0; i < TILE_SIDE; i++) {
                product_256(shape.coding, panels, tiles, q, i);
                add_256(acc, shape, panels, &scales, c, &x, i);
            }
            acc += ACC_STRIDE * TILE_SIDE;
        }
        tile_prefetch(w->ahead, panels, t, t + rows_from(w, t));
        take_rows(&x, shape, w, t);
        store_256(c, shape.coding, panels);
    }
    for (int i = 0; i <= (w->x_rows - 1) % TILE_SIDE; i++)
        add_256(acc, shape, panels, &scales, c, &x, i);
}

INLINE void multiply_256(const struct shape shape, const struct tile_work *w) {
    configure(64);
    if (w->panels == 2) rows_256(shape, 2, w);
    else rows_256(shape, 1, w);
    _tile_release();
}

static void multiply_single_min(const struct tile_work *w) {
    multiply_256((struct shape){CODING_SINGLE, 16, true}, w);
}

static void multiply_unsigned_min(const struct tile_work *w) {
    multiply_256((struct shape){CODING_UNSIGNED, 32, true}, w);
}

static void multiply_signed(const struct tile_work *w) {
    multiply_256((struct shape){CODING_SIGNED, 32, false}, w); /* group: no matter without min */
}

/* ---- blocks of 32 -------------------------------------------------------------------------- */

struct x_scales { /* of 16 rows of x: d and, for minimums, Σx by block */
    float d[TILE_SIDE][8], sum[TILE_SIDE][8];
};

static void take_scales(struct x_scales *to, struct tile_x x, int blocks, int rows) {
    for (int t = 0; t < TILE_SIDE; t++) {
        __m256i sums = _mm256_setzero_si256();
        memset(to->d[t], 0, sizeof to->d[t]);
        if (t < rows) {
            memcpy(to->d[t], x.d + (size_t)t * x.stride, (size_t)blocks * sizeof(float));
            sums = load_sums(x.sum + (size_t)t * x.stride);
        }
        sums = _mm256_madd_epi16(sums, _mm256_set1_epi16(1));
        _mm256_storeu_ps(to->sum[t], _mm256_cvtepi32_ps(sums));
    }
}

/* Adds the products of block b with 16 rows of x to a. */
INLINE void add_32(__m512 a[TILE_SIDE], const bool min, const struct tile *tile, const product c,
                   const struct x_scales *x, int b) {
    const __m512 d = tile->d[b], dmin = tile->dmin[b];
#pragma GCC unroll 16
    for (int t = 0; t < TILE_SIDE; t++) {
        __m512 dx = _mm512_set1_ps(x->d[t][b]);
        a[t] = _mm512_fmadd_ps(_mm512_mul_ps(d, dx), _mm512_cvtepi32_ps(c[t]), a[t]);
        if (min)
            a[t] = _mm512_fnmadd_ps(_mm512_mul_ps(dmin, dx), _mm512_set1_ps(x->sum[t][b]), a[t]);
    }
}

struct unit { /* 16 rows of x × one panel × the columns of a tile */
    const struct amx_tile *tile;
    struct x_codes x;
    float *acc;
    int rows;
};

/* S of block b of a unit in tile register 0 or 1. */
INLINE void product_32(const struct unit *u, int b) {
    if (b % 2 == 0) {
        _tile_zero(0);
        _tile_loadd(4, u->x.q + 32 * b, u->x.stride);
        _tile_loadd(6, &u->tile->byte[0][8 * b], 64);
        _tile_dpbssd(0, 4, 6);
    } else {
        _tile_zero(1);
        _tile_loadd(5, u->x.q + 32 * b, u->x.stride);
        _tile_loadd(7, &u->tile->byte[0][8 * b], 64);
        _tile_dpbssd(1, 5, 7);
    }
}

INLINE void store_32(product c, int b) {
    if (b % 2 == 0) _tile_stored(0, c, 64);
    else _tile_stored(1, c, 64);
    settle_memory();
}

/* Block by block: starts the products of `next` (NULL: there is none), adds up those of `last`,
 * then stores the former where the latter were. */
INLINE void step_32(product c[8], const bool min, int blocks, const struct unit *next,
                    const struct unit *last, const struct x_scales *x) {
    __m512 a[TILE_SIDE];
#pragma GCC unroll 16
    for (int t = 0; t < TILE_SIDE; t++)
        a[t] = t < last->rows ? _mm512_load_ps(last->acc + ACC_STRIDE * t) : _mm512_setzero_ps();
#pragma GCC unroll 2
    for (int b = 0; b < blocks; b++) {
        if (next != NULL) product_32(next, b);
        add_32(a, min, &last->tile->tile, c[b], x, b);
        if (next != NULL) store_32(c[b], b);
    }
#pragma GCC unroll 16
    for (int t = 0; t < TILE_SIDE; t++)
        if (t < last->rows) _mm512_store_ps(last->acc + ACC_STRIDE * t, a[t]);
}

INLINE struct unit unit_at(const struct tile_work *w, int t, int p, struct x_copy *copy) {
    return (struct unit){(const struct amx_tile *)w->tiles + p,
                         x_codes(w, t, 32 * w->blocks, copy),
                         w->acc + ACC_STRIDE * t + PANEL_ROWS * p, rows_from(w, t)};
}

INLINE void multiply_32_any(const bool min, const struct tile_work *w) {
    product c[8];
    struct x_copy copy;
    struct x_scales scales;
    struct unit last = unit_at(w, 0, 0, &copy);
    configure(32);
    settle_memory();
    for (int b = 0; b < w->blocks; b++) {
        product_32(&last, b);
        store_32(c[b], b);
    }
    for (int t = 0; t < w->x_rows; t += TILE_SIDE) {
        tile_prefetch(w->ahead, w->panels, t, t + rows_from(w, t));
        take_scales(&scales, x_at(&w->x, t), w->blocks, rows_from(w, t));
        for (int p = 0; p < w->panels; p++) {
            const bool wrap = p + 1 == w->panels;
            struct unit next = last;
            const bool more = !wrap || t + TILE_SIDE < w->x_rows;
            if (more) next = unit_at(w, wrap ? t + TILE_SIDE : t, wrap ? 0 : p + 1, &copy);
            settle_memory();
            if (more) step_32(c, min, w->blocks, &next, &last, &scales);
            else step_32(c, min, w->blocks, NULL, &last, &scales);
            last = next;
        }
    }
    _tile_release();
}

static void multiply_32(const struct tile_work *w) {
    multiply_32_any(false, w);
}

static void multiply_32_min(const struct tile_work *w) {
    multiply_32_any(true, w);
}

/* ---- rows -------------------------------------------------------------------------------- */

/* 512 rows of x, so that unpacking is a small part of the work; but no more than stay in L2. */
static const struct tile_level level = {
    .tile_bytes = sizeof(struct amx_tile), .panels = TILE_PANELS, .x_rows = 512, .pass_rows = 512,
    .prefetches = true, .pass_bytes = 1280 << 10, .finish = matmul_tile_finish_avx512,
};

static const struct tile_format formats[] = {
    {QUANT_Q4_0, 0, unpack_q4_0, multiply_32},
    {QUANT_Q4_1, 0, unpack_q4_1, multiply_32_min},
    {QUANT_Q5_0, 0, unpack_q5_0, multiply_32},
    {QUANT_Q5_1, 0, unpack_q5_1, multiply_32_min},
    {QUANT_Q8_0, 0, unpack_q8_0, multiply_32},
    {QUANT_IQ4_NL, 0, unpack_iq4_nl, multiply_32},
    {QUANT_Q2_K, 0, unpack_q2_k, multiply_single_min},
    {QUANT_Q3_K, 0, unpack_q3_k, multiply_signed},
    {QUANT_Q4_K, 0, unpack_q4_k, multiply_unsigned_min},
    {QUANT_Q5_K, 0, unpack_q5_k, multiply_unsigned_min},
    {QUANT_Q6_K, 0, unpack_q6_k, multiply_signed},
    {QUANT_IQ4_XS, 0, unpack_iq4_xs, multiply_signed},
};

static void run(const struct matmul_work *work, const struct tile_format *format) {
    if (work->x_rows >= X_ROWS_MIN)
        matmul_tile_run(work, &level, format);
    else
        matmul_tile_run(work, matmul_unpack_level_avx512(),
                        matmul_unpack_format_avx512(format->type));
}

static size_t scratch_bytes(int64_t cols) {
    (void)cols;
    size_t here = matmul_tile_scratch_bytes(&level);
    size_t below = matmul_tile_scratch_bytes(matmul_unpack_level_avx512());
    return here > below ? here : below;
}

static void run_q4_0(const struct matmul_work *work) {
    run(work, &formats[0]);
}

static void run_q4_1(const struct matmul_work *work) {
    run(work, &formats[1]);
}

static void run_q5_0(const struct matmul_work *work) {
    run(work, &formats[2]);
}

static void run_q5_1(const struct matmul_work *work) {
    run(work, &formats[3]);
}

static void run_q8_0(const struct matmul_work *work) {
    run(work, &formats[4]);
}

static void run_iq4_nl(const struct matmul_work *work) {
    run(work, &formats[5]);
}

static void run_q2_k(const struct matmul_work *work) {
    run(work, &formats[6]);
}

static void run_q3_k(const struct matmul_work *work) {
    run(work, &formats[7]);
}

static void run_q4_k(const struct matmul_work *work) {
    run(work, &formats[8]);
}

static void run_q5_k(const struct matmul_work *work) {
    run(work, &formats[9]);
}

static void run_q6_k(const struct matmul_work *work) {
    run(work, &formats[10]);
}

static void run_iq4_xs(const struct matmul_work *work) {
    run(work, &formats[11]);
}

static void (*const runs[])(const struct matmul_work *work) = {
    run_q4_0, run_q4_1, run_q5_0, run_q5_1, run_q8_0, run_iq4_nl,
    run_q2_k, run_q3_k, run_q4_k, run_q5_k, run_q6_k, run_iq4_xs,
};

void matmul_add_amx(struct kernels *k) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        k->matmul[formats[i].type].scratch_bytes = scratch_bytes;
        k->matmul[formats[i].type].run = runs[i];
    }
}
