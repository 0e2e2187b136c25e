/* matmul_tile_avx2.c - multiplies tiles of weights with rows of x: all integer formats.
 *
 * vpmaddubsw multiplies unsigned codes with signed x and adds two neighbours into int16, so
 * how many of its results may be added before widening to int32 (the "span", in vectors of
 * four elements) follows from the largest code; |x| <= 127:
 *     q2_K          2 ·   3 · 127 · 4 =  3048
 *     q3_K          2 ·   7 · 127 · 4 =  7112
 *     4-bit codes   2 ·  15 · 127 · 8 = 30480
 *     5-bit codes   2 ·  31 · 127 · 4 = 31496
 *     q6_K          2 ·  63 · 127 · 2 = 32004
 *     8-bit codes   2 · 128 · 127 · 1 = 32512   as |code| times x with code's sign
 * all at most 32767.  vpmaddwd then widens and multiplies with the group's scale at once.
 *
 * The offset of unsigned codes: blocks of 32 start their sum at −offset · Σx; blocks of 256
 * subtract offset · Σ scale · Σx at the end, a sum over pairs of groups like that of minimums. */
#include "kernels/matmul_tile_avx2.h"
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

_Static_assert(2 * 15 * 127 * 8 <= INT16_MAX && 2 * 31 * 127 * 4 <= INT16_MAX &&
               2 * 63 * 127 * 2 <= INT16_MAX && 2 * 128 * 127 <= INT16_MAX, "see above");

/* ---- loads ------------------------------------------------------------------------------- */

INLINE __m256i broadcast_word(const uint8_t *at) {
    int32_t word;
    memcpy(&word, at, 4);
    return _mm256_set1_epi32(word);
}

INLINE __m256 broadcast_float(const uint8_t *at) {
    float f;
    memcpy(&f, at, 4);
    return _mm256_set1_ps(f);
}

INLINE __m256i load_sums(const struct tile_x *x, int t) {
    return _mm256_loadu_si256((const __m256i *)(const void *)(x->sum + (size_t)t * x->stride));
}

/* ---- int16 sums over one span ------------------------------------------------------------- */

struct sums {
    __m256i s[2][TILE_X_ROWS];
};

struct kind { /* always a constant */
    int group;      /* elements under one scale: 16 or 32 */
    int span;       /* vectors of codes that int16 can sum */
    bool is_signed; /* codes are signed; span is 1 */
    bool min;
    bool offset;
};

INLINE __m256i multiply_bytes(const bool is_signed, __m256i w, __m256i w_abs, __m256i x) {
    return is_signed ? _mm256_maddubs_epi16(w_abs, _mm256_sign_epi8(x, w))
                     : _mm256_maddubs_epi16(w, x);
}

/* s = codes · x over `span` vectors of codes from `first` on. */
INLINE void multiply_span(struct sums *sums, const struct kind kind, const int rows,
                          const struct tile *tile, const uint8_t *const q[TILE_X_ROWS], int first) {
#pragma GCC unroll 8
    for (int j = 0; j < kind.span; j++) {
        __m256i w[2], w_abs[2];
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            w[h] = tile->code[first + j][h];
            w_abs[h] = kind.is_signed ? _mm256_abs_epi8(w[h]) : w[h];
        }
#pragma GCC unroll 4
        for (int t = 0; t < rows; t++) {
            __m256i x = broadcast_word(q[t] + 4 * (first + j));
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                __m256i s = multiply_bytes(kind.is_signed, w[h], w_abs[h], x);
                if (j > 0) s = _mm256_add_epi16(sums->s[h][t], s);
                /* Not to be reordered: left to itself the compiler makes all products first,
                 * sums them as a tree, and has no registers left. */
                __asm__("" : "+x"(s));
                sums->s[h][t] = s;
            }
        }
    }
}

/* total += codes · x of one group, times its scale (one: no scale). */
INLINE void multiply_group(struct sums *total, const struct kind kind, const int rows,
                           const struct tile *tile, const uint8_t *const q[TILE_X_ROWS], int group,
                           const bool scaled) {
    const int steps = kind.group / 4;
#pragma GCC unroll 8
    for (int j = 0; j < steps; j += kind.span) {
        struct sums sums;
        multiply_span(&sums, kind, rows, tile, q, group * steps + j);
#pragma GCC unroll 4
        for (int t = 0; t < rows; t++)
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                __m256i scale = scaled ? tile->scale[group][h] : _mm256_set1_epi16(1);
                total->s[h][t] = _mm256_add_epi32(total->s[h][t],
                                                  _mm256_madd_epi16(sums.s[h][t], scale));
            }
    }
}

INLINE void take_pointers(const uint8_t *q[TILE_X_ROWS], const int rows, const struct tile_x *x) {
#pragma GCC unroll 4
    for (int t = 0; t < rows; t++) {
        q[t] = x->q + (size_t)t * x->stride;
        /* Registers that the compiler cannot see to be related; else it keeps differences on the
         * stack and reloads one for every broadcast. */
        __asm__("" : "+r"(q[t]));
    }
}

/* ---- blocks of 32 elements --------------------------------------------------------------- */

INLINE void rows_32(const struct kind kind, const int rows, const struct tile_work *w) {
    const struct tile *tile = w->tiles;
    const uint8_t *q[TILE_X_ROWS];
    int32_t x_sum[TILE_X_ROWS][8]; /* per block: Σx, or −offset · Σx */
    take_pointers(q, rows, &w->x);
#pragma GCC unroll 4
    for (int t = 0; t < rows; t++) {
        __m256i factor = _mm256_set1_epi16((int16_t)(kind.offset ? -w->offset : 1));
        _mm256_storeu_si256((__m256i *)(void *)x_sum[t],
                            _mm256_madd_epi16(load_sums(&w->x, t), factor));
    }
    for (int b = 0; b < w->blocks; b++) {
        struct sums total;
#pragma GCC unroll 4
        for (int t = 0; t < rows; t++)
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++)
                total.s[h][t] =
                    kind.offset ? _mm256_set1_epi32(x_sum[t][b]) : _mm256_setzero_si256();
        multiply_group(&total, kind, rows, tile, q, b, false);
#pragma GCC unroll 4
        for (int t = 0; t < rows; t++) {
            __m256 dx = broadcast_float(w->x.d + (size_t)t * w->x.stride + 4 * (size_t)b);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                float *at = w->acc + PANEL_ROWS * t + 8 * h;
                __m256 a = _mm256_fmadd_ps(_mm256_mul_ps(tile->d[b][h], dx),
                                           _mm256_cvtepi32_ps(total.s[h][t]), _mm256_load_ps(at));
                if (kind.min)
                    a = _mm256_fnmadd_ps(_mm256_mul_ps(tile->dmin[b][h], dx),
                                         _mm256_cvtepi32_ps(_mm256_set1_epi32(x_sum[t][b])), a);
                _mm256_store_ps(at, a);
            }
        }
    }
}

/* ---- blocks of 256 elements -------------------------------------------------------------- */

/* Σx of two groups as int16 pairs. */
INLINE void sum_pairs(int32_t pair[8], const struct kind kind, const struct tile_x *x, int t) {
    __m256i sums = load_sums(x, t);
    if (kind.group == 32) { /* |Σ| <= 32 · 127: fits int16 */
        sums = _mm256_madd_epi16(sums, _mm256_set1_epi16(1));
        sums = _mm256_packs_epi32(sums, sums);
        sums = _mm256_permute4x64_epi64(sums, 0x08);
    }
    _mm256_storeu_si256((__m256i *)(void *)pair, sums);
}

INLINE __m256i multiply_pairs(const struct kind kind, const struct tile *tile, int h,
                              const int32_t pair[8]) {
    __m256i m = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (int i = 0; i < TILE_ELEMENTS / kind.group / 2; i++)
        m = _mm256_add_epi32(m, _mm256_madd_epi16(tile->pair[i][h], _mm256_set1_epi32(pair[i])));
    return m;
}

INLINE void rows_256(const struct kind kind, const int rows, const struct tile_work *w) {
    const struct tile *tile = w->tiles;
    const uint8_t *q[TILE_X_ROWS];
    struct sums total;
    take_pointers(q, rows, &w->x);
#pragma GCC unroll 4
    for (int t = 0; t < rows; t++)
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) total.s[h][t] = _mm256_setzero_si256();
    for (int g = 0; g < TILE_ELEMENTS / kind.group; g++)
        multiply_group(&total, kind, rows, tile, q, g, true);
#pragma GCC unroll 4
    for (int t = 0; t < rows; t++) {
        __m256 dx = broadcast_float(w->x.d + (size_t)t * w->x.stride);
        int32_t pair[8];
        if (kind.min || kind.offset) sum_pairs(pair, kind, &w->x, t);
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            float *at = w->acc + PANEL_ROWS * t + 8 * h;
            __m256i s = total.s[h][t], m = _mm256_setzero_si256();
            if (kind.min || kind.offset) m = multiply_pairs(kind, tile, h, pair);
            if (kind.offset)
                s = _mm256_sub_epi32(s, _mm256_mullo_epi32(m, _mm256_set1_epi32(w->offset)));
            __m256 a = _mm256_fmadd_ps(_mm256_mul_ps(tile->d[0][h], dx), _mm256_cvtepi32_ps(s),
                                       _mm256_load_ps(at));
            if (kind.min)
                a = _mm256_fnmadd_ps(_mm256_mul_ps(tile->dmin[0][h], dx), _mm256_cvtepi32_ps(m),
                                     a);
            _mm256_store_ps(at, a);
        }
    }
}

/* ---- one function a kind of block ---------------------------------------------------------- */

INLINE void any_32(const struct kind kind, const struct tile_work *w) {
    switch (w->x_rows) {
    case 1: rows_32(kind, 1, w); break;
    case 2: rows_32(kind, 2, w); break;
    case 3: rows_32(kind, 3, w); break;
    default: rows_32(kind, 4, w); break;
    }
}

INLINE void any_256(const struct kind kind, const struct tile_work *w) {
    switch (w->x_rows) {
    case 1: rows_256(kind, 1, w); break;
    case 2: rows_256(kind, 2, w); break;
    case 3: rows_256(kind, 3, w); break;
    default: rows_256(kind, 4, w); break;
    }
}

void matmul_tile_4bit(const struct tile_work *work) {
    any_32((struct kind){.group = 32, .span = 8, .offset = true}, work);
}

void matmul_tile_4bit_min(const struct tile_work *work) {
    any_32((struct kind){.group = 32, .span = 8, .min = true}, work);
}

void matmul_tile_5bit(const struct tile_work *work) {
    any_32((struct kind){.group = 32, .span = 4, .offset = true}, work);
}

void matmul_tile_5bit_min(const struct tile_work *work) {
    any_32((struct kind){.group = 32, .span = 4, .min = true}, work);
}

void matmul_tile_signed(const struct tile_work *work) {
    any_32((struct kind){.group = 32, .span = 1, .is_signed = true}, work);
}

void matmul_tile_q2_k(const struct tile_work *work) {
    any_256((struct kind){.group = 16, .span = 4, .min = true}, work);
}

void matmul_tile_q3_k(const struct tile_work *work) {
    any_256((struct kind){.group = 16, .span = 4, .offset = true}, work);
}

void matmul_tile_q4_k(const struct tile_work *work) {
    any_256((struct kind){.group = 32, .span = 8, .min = true}, work);
}

void matmul_tile_q5_k(const struct tile_work *work) {
    any_256((struct kind){.group = 32, .span = 4, .min = true}, work);
}

void matmul_tile_q6_k(const struct tile_work *work) {
    any_256((struct kind){.group = 16, .span = 2, .offset = true}, work);
}

void matmul_tile_iq4_xs(const struct tile_work *work) {
    any_256((struct kind){.group = 32, .span = 1, .is_signed = true}, work);
}

/* ---- the end ----------------------------------------------------------------------------- */

static void finish_few(const struct tile_finish *f) {
    for (int64_t t = 0; t < f->x_rows; t++)
        for (int i = 0; i < f->count; i++) {
            float *out = f->out + t * f->out_stride + i;
            float v = f->acc[t * f->acc_stride + i];
            if (f->bias != NULL) v += f->bias[i];
            *out = f->add ? *out + v : v;
        }
}

INLINE void finish_panel(const struct tile_finish *f, const bool bias, const bool add) {
    for (int64_t t = 0; t < f->x_rows; t++) {
        float *out = f->out + t * f->out_stride;
#pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            __m256 v = _mm256_load_ps(f->acc + t * f->acc_stride + 8 * h);
            if (bias) v = _mm256_add_ps(v, _mm256_loadu_ps(f->bias + 8 * h));
            if (add) v = _mm256_add_ps(_mm256_loadu_ps(out + 8 * h), v);
            _mm256_storeu_ps(out + 8 * h, v);
        }
    }
}

void matmul_tile_finish_avx2(const struct tile_finish *f) {
    if (f->count < PANEL_ROWS) finish_few(f);
    else if (f->bias != NULL && f->add) finish_panel(f, true, true);
    else if (f->bias != NULL) finish_panel(f, true, false);
    else if (f->add) finish_panel(f, false, true);
    else finish_panel(f, false, false);
}
