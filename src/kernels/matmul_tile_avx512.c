/* matmul_tile_avx512.c - multiplies tiles of weights with rows of x: all integer formats,
 * one row of x (decode) and many (prefill).
 *
 * Two panels × six rows of x are 12 int32 sums in registers, one vpdpbusd each per four elements;
 * the processor starts two a cycle and needs about ten in flight.  x is broadcast four bytes
 * at a time.  At the end of a group its sum is multiplied by the group's scale and added to the
 * block's total S; at the end of a block S meets the float scales.
 *
 * Bounds (|x| <= 127).  vpdpbusd adds four products of unsigned and signed bytes into int32 without
 * saturation; the largest group sum is 32 · 241 · 127 (iq4_xs), the largest total |S| is
 * 133 million (q6_K: 128 · 32 · 127 · 256), so int32 never overflows.
 *
 * Codes are unsigned; the format's offset is taken off by starting a group's sum at
 * −offset · Σx, which the quantised row carries: no instruction more than starting at 0.
 *
 * "Exact" kinds keep the total in float: converting and a fused multiply-add are two instructions
 * where vpmulld and vpaddd are three.  Floats hold integers exactly up to 2^24 = 16777216:
 *     q2_K  256 · 3 · 15 · 127  =  1463040         q3_K  256 · 4 · 32 · 127 = 4161536
 *     q4_K  half a block: 128 · 15 · 63 · 127 = 15361920, so S is two exact floats, and their
 *           sum rounds once, to (float)S. */
#include "kernels/matmul_tile_avx512.h"
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* ---- what rows of x bring besides their codes -------------------------------------------- */

struct x_sums {
    int32_t start[TILE_X_ROWS][16]; /* −offset · Σx of a group */
    int32_t pair[TILE_X_ROWS][8];   /* Σx of two groups as int16 pairs, for minimums */
};

INLINE __m256i load_sums(const struct tile_x *x, int t) {
    return _mm256_loadu_si256((const __m256i *)(const void *)(x->sum + (size_t)t * x->stride));
}

INLINE __m512i broadcast_word(const uint8_t *at) {
    int32_t word;
    memcpy(&word, at, 4);
    return _mm512_set1_epi32(word);
}

INLINE __m512 broadcast_float(const uint8_t *at) {
    float f;
    memcpy(&f, at, 4);
    return _mm512_set1_ps(f);
}

INLINE void sum_groups_of_16(struct x_sums *s, const struct tile_x *x, int t, int offset) {
    __m256i sums = load_sums(x, t);
    __m512i wide = _mm512_cvtepi16_epi32(sums);
    _mm512_storeu_si512(s->start[t], _mm512_mullo_epi32(wide, _mm512_set1_epi32(-offset)));
    _mm256_storeu_si256((__m256i *)(void *)s->pair[t], sums);
}

INLINE void sum_groups_of_32(struct x_sums *s, const struct tile_x *x, int t, int offset) {
    __m256i sums = load_sums(x, t);
    __m256i start = _mm256_madd_epi16(sums, _mm256_set1_epi16((int16_t)-offset));
    __m256i both = _mm256_madd_epi16(sums, _mm256_set1_epi16(1)); /* |Σ| <= 32 · 127: fits int16 */
    _mm256_storeu_si256((__m256i *)(void *)s->start[t], start);
    _mm_storeu_si128((__m128i *)(void *)s->pair[t], _mm256_cvtepi32_epi16(both));
}

/* ---- sums over one group ----------------------------------------------------------------- */

struct sums {
    __m512i s[TILE_PANELS][TILE_X_ROWS];
};

/* s = start + codes · x over `steps` vectors of codes, beginning with vector `first`. */
INLINE void multiply_group(struct sums *sums, const int panels, const int rows, const int steps,
                           const struct tile *tile, const struct tile_x *x, int first) {
    const uint8_t *q[TILE_X_ROWS];
#pragma GCC unroll 6
    for (int t = 0; t < rows; t++) {
        q[t] = x->q + (size_t)t * x->stride + 4 * first;
        /* Six registers that the compiler cannot see to be related: left to itself it keeps one and
         * reloads a difference from the stack for every broadcast. */
        __asm__("" : "+r"(q[t]));
    }
#pragma GCC unroll 8
    for (int j = 0; j < steps; j++) {
        __m512i w[TILE_PANELS];
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) w[p] = _mm512_load_si512(&tile[p].code[first + j]);
#pragma GCC unroll 6
        for (int t = 0; t < rows; t++) {
            __m512i xt = broadcast_word(q[t] + 4 * j);
#pragma GCC unroll 2
            for (int p = 0; p < panels; p++)
                sums->s[p][t] = _mm512_dpbusd_epi32(sums->s[p][t], w[p], xt);
        }
    }
}

INLINE void start_sums(struct sums *sums, const int panels, const int rows, const bool offset,
                       const struct x_sums *from, int group) {
#pragma GCC unroll 6
    for (int t = 0; t < rows; t++) {
        __m512i start = offset ? _mm512_set1_epi32(from->start[t][group]) : _mm512_setzero_si512();
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) sums->s[p][t] = start;
    }
}

/* ---- blocks of 32 elements --------------------------------------------------------------- */

INLINE void tokens_32(const int panels, const int rows, const bool min, const struct tile *tile,
                      const struct tile_x *x, int blocks, int offset, float *acc) {
    struct x_sums x_sums;
    struct sums sums;
    __m512 a[TILE_PANELS][TILE_X_ROWS];
#pragma GCC unroll 6
    for (int t = 0; t < rows; t++) {
        sum_groups_of_32(&x_sums, x, t, min ? -1 : offset);
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) a[p][t] = _mm512_load_ps(acc + 32 * t + 16 * p);
    }
    for (int b = 0; b < blocks; b++) {
        start_sums(&sums, panels, rows, !min, &x_sums, b);
        multiply_group(&sums, panels, rows, 8, tile, x, 8 * b);
#pragma GCC unroll 6
        for (int t = 0; t < rows; t++) {
            __m512 dx = broadcast_float(x->d + (size_t)t * x->stride + 4 * (size_t)b);
#pragma GCC unroll 2
            for (int p = 0; p < panels; p++) {
                a[p][t] = _mm512_fmadd_ps(_mm512_mul_ps(tile[p].d[b], dx),
                                          _mm512_cvtepi32_ps(sums.s[p][t]), a[p][t]);
                if (min) /* start holds Σx itself */
                    a[p][t] = _mm512_fnmadd_ps(
                        _mm512_mul_ps(tile[p].dmin[b], dx),
                        _mm512_cvtepi32_ps(_mm512_set1_epi32(x_sums.start[t][b])), a[p][t]);
            }
        }
    }
#pragma GCC unroll 6
    for (int t = 0; t < rows; t++)
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) _mm512_store_ps(acc + 32 * t + 16 * p, a[p][t]);
}

/* ---- blocks of 256 elements -------------------------------------------------------------- */

struct shape_256 { /* always a constant */
    int group;   /* elements: 16 or 32 */
    int phases;  /* float totals a block: 1 or 2; 0: the total is int32 */
    bool offset;
    bool min;
};

struct totals {
    __m512 f[TILE_PANELS][TILE_X_ROWS];
};

/* Σ scale · sum over groups [begin, end), exact in float (file head). */
INLINE void total_float(struct totals *total, const int group, const int begin, const int end,
                        const int panels, const int rows, const struct tile *tile,
                        const struct tile_x *x, const struct x_sums *x_sums, const bool offset) {
#pragma GCC unroll 6
    for (int t = 0; t < rows; t++)
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) total->f[p][t] = _mm512_setzero_ps();
    for (int g = begin; g < end; g++) {
        struct sums sums;
        start_sums(&sums, panels, rows, offset, x_sums, g);
        multiply_group(&sums, panels, rows, group / 4, tile, x, g * group / 4);
#pragma GCC unroll 6
        for (int t = 0; t < rows; t++)
#pragma GCC unroll 2
            for (int p = 0; p < panels; p++)
                total->f[p][t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums.s[p][t]),
                                                 _mm512_castsi512_ps(tile[p].scale[g]),
                                                 total->f[p][t]);
    }
}

/* (float) Σ scale · sum over all groups, summed in int32. */
INLINE void total_int(struct totals *total, const int group, const int panels, const int rows,
                      const struct tile *tile, const struct tile_x *x,
                      const struct x_sums *x_sums, const bool offset) {
    __m512i whole[TILE_PANELS][TILE_X_ROWS];
#pragma GCC unroll 6
    for (int t = 0; t < rows; t++)
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) whole[p][t] = _mm512_setzero_si512();
    for (int g = 0; g < TILE_ELEMENTS / group; g++) {
        struct sums sums;
        start_sums(&sums, panels, rows, offset, x_sums, g);
        multiply_group(&sums, panels, rows, group / 4, tile, x, g * group / 4);
#pragma GCC unroll 6
        for (int t = 0; t < rows; t++)
#pragma GCC unroll 2
            for (int p = 0; p < panels; p++)
                whole[p][t] = _mm512_add_epi32(
                    whole[p][t], _mm512_mullo_epi32(sums.s[p][t], tile[p].scale[g]));
    }
#pragma GCC unroll 6
    for (int t = 0; t < rows; t++)
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) total->f[p][t] = _mm512_cvtepi32_ps(whole[p][t]);
}

/* (float)S of one block. */
INLINE void total_256(struct totals *total, const struct shape_256 shape, const int panels,
                      const int rows, const struct tile *tile, const struct tile_x *x,
                      const struct x_sums *x_sums) {
    const int groups = TILE_ELEMENTS / shape.group;
    if (shape.phases == 0) {
        total_int(total, shape.group, panels, rows, tile, x, x_sums, shape.offset);
        return;
    }
    const int half = groups / shape.phases;
    total_float(total, shape.group, 0, half, panels, rows, tile, x, x_sums, shape.offset);
    if (shape.phases == 1) return;
    struct totals second;
    total_float(&second, shape.group, half, groups, panels, rows, tile, x, x_sums, shape.offset);
    for (int t = 0; t < rows; t++)
        for (int p = 0; p < panels; p++)
            total->f[p][t] = _mm512_add_ps(total->f[p][t], second.f[p][t]);
}

/* M of one block for one panel and row of x. */
INLINE __m512 minimum_256(const int pairs, const struct tile *tile, const int32_t *x_pair) {
    __m512i m = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (int i = 0; i < pairs; i++)
        m = _mm512_dpwssd_epi32(m, tile->min[i], _mm512_set1_epi32(x_pair[i]));
    return _mm512_cvtepi32_ps(m);
}

INLINE void tokens_256(const struct shape_256 shape, const int panels, const int rows,
                       const struct tile *tile, const struct tile_x *x, int offset, float *acc) {
    struct x_sums x_sums;
    struct totals total;
    for (int t = 0; t < rows; t++) {
        if (shape.group == 16) sum_groups_of_16(&x_sums, x, t, offset);
        else sum_groups_of_32(&x_sums, x, t, offset);
    }
    total_256(&total, shape, panels, rows, tile, x, &x_sums);
#pragma GCC unroll 6
    for (int t = 0; t < rows; t++) {
        __m512 dx = broadcast_float(x->d + (size_t)t * x->stride);
#pragma GCC unroll 2
        for (int p = 0; p < panels; p++) {
            __m512 a = _mm512_load_ps(acc + 32 * t + 16 * p);
            a = _mm512_fmadd_ps(_mm512_mul_ps(tile[p].d[0], dx), total.f[p][t], a);
            if (shape.min)
                a = _mm512_fnmadd_ps(
                    _mm512_mul_ps(tile[p].dmin[0], dx),
                    minimum_256(TILE_ELEMENTS / shape.group / 2, &tile[p], x_sums.pair[t]), a);
            _mm512_store_ps(acc + 32 * t + 16 * p, a);
        }
    }
}

/* ---- one function a kind of block ----------------------------------------------------------- */

INLINE void rows_32(const int panels, const bool min, const struct tile_work *w) {
    const struct tile *tile = w->tiles;
    switch (w->x_rows) {
    case 1: tokens_32(panels, 1, min, tile, &w->x, w->blocks, w->offset, w->acc); break;
    case 2: tokens_32(panels, 2, min, tile, &w->x, w->blocks, w->offset, w->acc); break;
    case 3: tokens_32(panels, 3, min, tile, &w->x, w->blocks, w->offset, w->acc); break;
    case 4: tokens_32(panels, 4, min, tile, &w->x, w->blocks, w->offset, w->acc); break;
    case 5: tokens_32(panels, 5, min, tile, &w->x, w->blocks, w->offset, w->acc); break;
    default: tokens_32(panels, 6, min, tile, &w->x, w->blocks, w->offset, w->acc); break;
    }
}

INLINE void any_32(const bool min, const struct tile_work *w) {
    if (w->panels == 2) rows_32(2, min, w);
    else rows_32(1, min, w);
}

INLINE void rows_256(const struct shape_256 shape, const int panels, const struct tile_work *w) {
    const struct tile *tile = w->tiles;
    switch (w->x_rows) {
    case 1: tokens_256(shape, panels, 1, tile, &w->x, w->offset, w->acc); break;
    case 2: tokens_256(shape, panels, 2, tile, &w->x, w->offset, w->acc); break;
    case 3: tokens_256(shape, panels, 3, tile, &w->x, w->offset, w->acc); break;
    case 4: tokens_256(shape, panels, 4, tile, &w->x, w->offset, w->acc); break;
    case 5: tokens_256(shape, panels, 5, tile, &w->x, w->offset, w->acc); break;
    default: tokens_256(shape, panels, 6, tile, &w->x, w->offset, w->acc); break;
    }
}

INLINE void any_256(const struct shape_256 shape, const struct tile_work *w) {
    if (w->panels == 2) rows_256(shape, 2, w);
    else rows_256(shape, 1, w);
}

void matmul_tile_32(const struct tile_work *work) {
    any_32(false, work);
}

void matmul_tile_32_min(const struct tile_work *work) {
    any_32(true, work);
}

void matmul_tile_g16(const struct tile_work *work) {
    any_256((struct shape_256){.group = 16, .offset = true}, work);
}

void matmul_tile_g16_exact(const struct tile_work *work) {
    any_256((struct shape_256){.group = 16, .phases = 1, .offset = true}, work);
}

void matmul_tile_g16_exact_min(const struct tile_work *work) {
    any_256((struct shape_256){.group = 16, .phases = 1, .min = true}, work);
}

void matmul_tile_g32(const struct tile_work *work) {
    any_256((struct shape_256){.group = 32, .offset = true}, work);
}

void matmul_tile_g32_min(const struct tile_work *work) {
    any_256((struct shape_256){.group = 32, .min = true}, work);
}

void matmul_tile_g32_halves_min(const struct tile_work *work) {
    any_256((struct shape_256){.group = 32, .phases = 2, .min = true}, work);
}

/* ---- the end ----------------------------------------------------------------------------- */

INLINE void finish_rows(const struct tile_finish *f, const bool bias, const bool add) {
    const __mmask16 low = f->count < 16 ? (__mmask16)((1u << f->count) - 1) : (__mmask16)0xffff;
    const __mmask16 high = f->count < 16 ? 0 : (__mmask16)((1u << (f->count - 16)) - 1);
    const __mmask16 mask[TILE_PANELS] = {low, high};
    for (int64_t t = 0; t < f->x_rows; t++) {
        float *out = f->out + t * f->out_stride;
#pragma GCC unroll 2
        for (int p = 0; p < TILE_PANELS; p++) {
            __m512 v = _mm512_load_ps(f->acc + t * f->acc_stride + 16 * p);
            if (bias) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask[p], f->bias + 16 * p));
            if (add) v = _mm512_add_ps(_mm512_maskz_loadu_ps(mask[p], out + 16 * p), v);
            _mm512_mask_storeu_ps(out + 16 * p, mask[p], v);
        }
    }
}

void matmul_tile_finish_avx512(const struct tile_finish *f) {
    if (f->bias != NULL && f->add) finish_rows(f, true, true);
    else if (f->bias != NULL) finish_rows(f, true, false);
    else if (f->add) finish_rows(f, false, true);
    else finish_rows(f, false, false);
}
