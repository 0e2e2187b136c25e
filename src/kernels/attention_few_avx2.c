/* attention_few_avx2.c - scores and values of a few query rows straight from the packed block.
 *
 * What attention_few_avx512.c does, for 16 registers: up to 6 rows go 16 keys (or dimensions) at a
 * time, 6 × 2 accumulators, 2 elements and a broadcast; 7 and 8 rows go 8 at a time, since
 * splitting them would convert every element twice. */
#include <immintrin.h>
#include "kernels/kernels_level.h"
#include "kernels/kv_layout.h"
#include "kernels/unroll.h"

enum { LANES = 8, PAIR = 2, PAIR_ROWS = 6 };

/* 8 elements of a block as floats. */
static ALWAYS_INLINE __m256 elements(const enum quant_type type, const void *block, int at) {
    if (type == QUANT_F32) return _mm256_loadu_ps((const float *)block + at);
    if (type == QUANT_Q8_0) {
        __m128i codes = _mm_loadl_epi64((const void *)((const int8_t *)block + at));
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes));
    }
    __m128i half = _mm_loadu_si128((const void *)((const uint16_t *)block + at));
    if (type == QUANT_F16) return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

/* Dimensions [begin, end) of `vectors` · 8 keys from slot `first`; in q8_0 they share scales. */
static ALWAYS_INLINE void scores_span(const enum quant_type type, const int rows,
                                      const int vectors, const struct kv_few *f, int first,
                                      int begin, int end, __m256 s[KV_FEW_ROWS][PAIR]) {
    __m256 scale[PAIR];
    if (type == QUANT_Q8_0) {
        const uint16_t *scales = (const void *)((const char *)f->block +
                                                kv_q8_codes_bytes(f->head_dim));
        scales += begin / KV_GROUP * KV_BLOCK_TOKENS + first;
        for (int c = 0; c < vectors; c++)
            scale[c] = _mm256_cvtph_ps(_mm_loadu_si128((const void *)(scales + LANES * c)));
    }
    const char *next = (const char *)f->next + first * 2 * f->head_dim;
    for (int d = begin; d < end; d++) {
        __m256 key[PAIR];
        _mm_prefetch(next + d * vectors * 16, _MM_HINT_T0);
        UNROLL
        for (int c = 0; c < vectors; c++) {
            key[c] = elements(type, f->block, d * KV_BLOCK_TOKENS + first + LANES * c);
            if (type == QUANT_Q8_0) key[c] = _mm256_mul_ps(key[c], scale[c]);
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            __m256 q = _mm256_broadcast_ss(f->q + d * rows + r);
            UNROLL
            for (int c = 0; c < vectors; c++) s[r][c] = _mm256_fmadd_ps(q, key[c], s[r][c]);
        }
    }
}

static ALWAYS_INLINE void scores_rows(const enum quant_type type, const int rows,
                                      const struct kv_few *f) {
    const int vectors = rows <= PAIR_ROWS ? PAIR : 1;
    for (int first = 0; first < KV_BLOCK_TOKENS; first += vectors * LANES) {
        __m256 s[KV_FEW_ROWS][PAIR];
        UNROLL
        for (int r = 0; r < rows; r++)
            UNROLL
            for (int c = 0; c < vectors; c++) s[r][c] = _mm256_setzero_ps();
        int step = type == QUANT_Q8_0 ? KV_GROUP : f->head_dim;
        for (int d = 0; d < f->head_dim; d += step)
            scores_span(type, rows, vectors, f, first, d,
                        d + step < f->head_dim ? d + step : f->head_dim, s);
        UNROLL
        for (int r = 0; r < rows; r++)
            UNROLL
            for (int c = 0; c < vectors; c++)
                _mm256_storeu_ps(f->p + r * KV_BLOCK_TOKENS + first + LANES * c, s[r][c]);
    }
}

/* `vectors` · 8 columns from `column`, which in q8_0 share their scale. */
static ALWAYS_INLINE void values_tile(const enum quant_type type, const int rows,
                                      const int vectors, const struct kv_few *f, int column) {
    const uint16_t *scales =
        (const void *)((const char *)f->block + kv_q8_codes_bytes(f->head_dim));
    int groups = kv_groups(f->head_dim);
    float *acc = f->acc + column;
    __m256 a[KV_FEW_ROWS][PAIR];
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < vectors; c++)
            a[r][c] = _mm256_mul_ps(_mm256_loadu_ps(acc + r * f->head_dim + LANES * c),
                                    _mm256_set1_ps(f->correction[r]));
    const char *next = (const char *)f->next + column * 2 * KV_BLOCK_TOKENS;
    for (int j = 0; j < f->keys; j++) {
        __m256 value[PAIR];
        _mm_prefetch(next + j * vectors * 16, _MM_HINT_T0);
        UNROLL
        for (int c = 0; c < vectors; c++) {
            value[c] = elements(type, f->block, j * f->head_dim + column + LANES * c);
            if (type == QUANT_Q8_0) {
                float scale = _cvtsh_ss(scales[j * groups + column / KV_GROUP]);
                value[c] = _mm256_mul_ps(value[c], _mm256_set1_ps(scale));
            }
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            __m256 weight = _mm256_broadcast_ss(f->p + r * KV_BLOCK_TOKENS + j);
            UNROLL
            for (int c = 0; c < vectors; c++) a[r][c] = _mm256_fmadd_ps(weight, value[c], a[r][c]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < vectors; c++)
            _mm256_storeu_ps(acc + r * f->head_dim + LANES * c, a[r][c]);
}

static ALWAYS_INLINE void values_rows(const enum quant_type type, const int rows,
                                      const struct kv_few *f) {
    const int vectors = rows <= PAIR_ROWS ? PAIR : 1;
    int column = 0;
    for (; column + vectors * LANES <= f->head_dim; column += vectors * LANES)
        values_tile(type, rows, vectors, f, column);
    if (column < f->head_dim) values_tile(type, rows, 1, f, column); /* head_dim is 8 · odd */
}

/* Each number of rows with its accumulators in registers. */
static ALWAYS_INLINE void scores(const enum quant_type type, const struct kv_few *f) {
    switch (f->rows) {
    case 1: scores_rows(type, 1, f); break;
    case 2: scores_rows(type, 2, f); break;
    case 3: scores_rows(type, 3, f); break;
    case 4: scores_rows(type, 4, f); break;
    case 5: scores_rows(type, 5, f); break;
    case 6: scores_rows(type, 6, f); break;
    case 7: scores_rows(type, 7, f); break;
    default: scores_rows(type, KV_FEW_ROWS, f); break;
    }
}

static ALWAYS_INLINE void values(const enum quant_type type, const struct kv_few *f) {
    switch (f->rows) {
    case 1: values_rows(type, 1, f); break;
    case 2: values_rows(type, 2, f); break;
    case 3: values_rows(type, 3, f); break;
    case 4: values_rows(type, 4, f); break;
    case 5: values_rows(type, 5, f); break;
    case 6: values_rows(type, 6, f); break;
    case 7: values_rows(type, 7, f); break;
    default: values_rows(type, KV_FEW_ROWS, f); break;
    }
}

static void f32_scores(const struct kv_few *f) { scores(QUANT_F32, f); }
static void f32_values(const struct kv_few *f) { values(QUANT_F32, f); }
static void f16_scores(const struct kv_few *f) { scores(QUANT_F16, f); }
static void f16_values(const struct kv_few *f) { values(QUANT_F16, f); }
static void bf16_scores(const struct kv_few *f) { scores(QUANT_BF16, f); }
static void bf16_values(const struct kv_few *f) { values(QUANT_BF16, f); }
static void q8_scores(const struct kv_few *f) { scores(QUANT_Q8_0, f); }
static void q8_values(const struct kv_few *f) { values(QUANT_Q8_0, f); }

void attention_few_add_avx2(struct kernels *k) {
    k->kv[QUANT_F32].few_scores = f32_scores;
    k->kv[QUANT_F32].few_values = f32_values;
    k->kv[QUANT_F16].few_scores = f16_scores;
    k->kv[QUANT_F16].few_values = f16_values;
    k->kv[QUANT_BF16].few_scores = bf16_scores;
    k->kv[QUANT_BF16].few_values = bf16_values;
    k->kv[QUANT_Q8_0].few_scores = q8_scores;
    k->kv[QUANT_Q8_0].few_values = q8_values;
}
