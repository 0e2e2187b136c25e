/* attention_few_avx512.c - scores and values of a few query rows straight from the packed block.
 *
 * In decode a block meets one group of heads (1 to 8 rows) only, so unpacking it into a tile would
 * cost as much as using it.  Here an element is converted in a register on its way to the fma:
 *
 *     scores    s[rows][32 keys]  += q[rows][d] · K[d][32]     twice for the 64 keys of a block
 *     values    acc[rows][32]     += p[rows][j] · V[j][32]     for each 32 dimensions
 *
 * The order of accumulation is that of attention_avx512.c, and the element is the same float that a
 * load makes of it, so the bits are those of the tiled way.
 *
 * The loops also ask for the next block, one line a step: blocks of a sequence lie in different
 * pages, where the CPU's own prefetching stops. */
#include <immintrin.h>
#include "kernels/kernels_level.h"
#include "kernels/kv_layout.h"
#include "kernels/unroll.h"

enum { LANES = 16, PAIR = 2, LINE = 64 };

static __mmask16 lanes_below(int left) {
    return left >= LANES ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
}

/* 16 elements of a block as floats; lanes outside the mask are 0 and not touched. */
static ALWAYS_INLINE __m512 elements(const enum quant_type type, const void *block, int64_t at,
                                     __mmask16 mask) {
    if (type == QUANT_F32) return _mm512_maskz_loadu_ps(mask, (const float *)block + at);
    if (type == QUANT_Q8_0) {
        __m128i codes = _mm_maskz_loadu_epi8(mask, (const int8_t *)block + at);
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes));
    }
    __m256i half = mask == 0xffff
                       ? _mm256_loadu_si256((const void *)((const uint16_t *)block + at))
                       : _mm256_maskz_loadu_epi16(mask, (const uint16_t *)block + at);
    if (type == QUANT_F16) return _mm512_cvtph_ps(half);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* Dimensions [begin, end) of 32 keys from slot `first`; in q8_0 they share their scales. */
static ALWAYS_INLINE void scores_span(const enum quant_type type, const int rows,
                                      const struct kv_few *f, int first, int begin, int end,
                                      __m512 s[KV_FEW_ROWS][PAIR]) {
    __m512 scale[PAIR];
    if (type == QUANT_Q8_0) {
        const uint16_t *scales = (const void *)((const char *)f->block +
                                                kv_q8_codes_bytes(f->head_dim));
        scales += begin / KV_GROUP * KV_BLOCK_TOKENS + first;
        for (int c = 0; c < PAIR; c++)
            scale[c] = _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(scales + LANES * c)));
    }
    const char *next = (const char *)f->next + (int64_t)first * 2 * f->head_dim;
    for (int d = begin; d < end; d++) {
        __m512 key[PAIR];
        _mm_prefetch(next + d * LINE, _MM_HINT_T0);
        UNROLL
        for (int c = 0; c < PAIR; c++) {
            key[c] = elements(type, f->block, d * KV_BLOCK_TOKENS + first + LANES * c, 0xffff);
            if (type == QUANT_Q8_0) key[c] = _mm512_mul_ps(key[c], scale[c]);
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            __m512 q = _mm512_set1_ps(f->q[d * rows + r]);
            UNROLL
            for (int c = 0; c < PAIR; c++) s[r][c] = _mm512_fmadd_ps(q, key[c], s[r][c]);
        }
    }
}

static ALWAYS_INLINE void scores_rows(const enum quant_type type, const int rows,
                                      const struct kv_few *f) {
    for (int first = 0; first < KV_BLOCK_TOKENS; first += PAIR * LANES) {
        __m512 s[KV_FEW_ROWS][PAIR];
        UNROLL
        for (int r = 0; r < rows; r++)
            UNROLL
            for (int c = 0; c < PAIR; c++) s[r][c] = _mm512_setzero_ps();
        int step = type == QUANT_Q8_0 ? KV_GROUP : f->head_dim;
        for (int d = 0; d < f->head_dim; d += step)
            scores_span(type, rows, f, first, d, d + step < f->head_dim ? d + step : f->head_dim,
                        s);
        UNROLL
        for (int r = 0; r < rows; r++)
            UNROLL
            for (int c = 0; c < PAIR; c++)
                _mm512_storeu_ps(f->p + r * KV_BLOCK_TOKENS + first + LANES * c, s[r][c]);
    }
}

/* `vectors` · 16 columns from `column`, which in q8_0 share their scale; `tail` masks the last. */
static ALWAYS_INLINE void values_tile(const enum quant_type type, const int rows,
                                      const int vectors, __mmask16 tail, const struct kv_few *f,
                                      int column) {
    const uint16_t *scales =
        (const void *)((const char *)f->block + kv_q8_codes_bytes(f->head_dim));
    int groups = kv_groups(f->head_dim);
    float *acc = f->acc + column;
    __m512 a[KV_FEW_ROWS][PAIR];
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < vectors; c++) {
            __m512 x = _mm512_maskz_loadu_ps(vectors == 1 ? tail : 0xffff,
                                             acc + r * f->head_dim + LANES * c);
            a[r][c] = _mm512_mul_ps(x, _mm512_set1_ps(f->correction[r]));
        }
    const char *next = (const char *)f->next + (int64_t)column * 2 * KV_BLOCK_TOKENS;
    for (int j = 0; j < f->keys; j++) {
        __m512 value[PAIR];
        _mm_prefetch(next + j * LINE, _MM_HINT_T0);
        UNROLL
        for (int c = 0; c < vectors; c++) {
            value[c] = elements(type, f->block, j * f->head_dim + column + LANES * c,
                                vectors == 1 ? tail : 0xffff);
            if (type == QUANT_Q8_0) {
                float scale = _cvtsh_ss(scales[j * groups + column / KV_GROUP]);
                value[c] = _mm512_mul_ps(value[c], _mm512_set1_ps(scale));
            }
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            __m512 weight = _mm512_set1_ps(f->p[r * KV_BLOCK_TOKENS + j]);
            UNROLL
            for (int c = 0; c < vectors; c++) a[r][c] = _mm512_fmadd_ps(weight, value[c], a[r][c]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < vectors; c++)
            _mm512_mask_storeu_ps(acc + r * f->head_dim + LANES * c,
                                  vectors == 1 ? tail : 0xffff, a[r][c]);
}

static ALWAYS_INLINE void values_rows(const enum quant_type type, const int rows,
                                      const struct kv_few *f) {
    int column = 0;
    for (; column + PAIR * LANES <= f->head_dim; column += PAIR * LANES)
        values_tile(type, rows, PAIR, 0xffff, f, column);
    for (; column < f->head_dim; column += LANES)
        values_tile(type, rows, 1, lanes_below(f->head_dim - column), f, column);
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

void attention_few_add_avx512(struct kernels *k) {
    k->kv[QUANT_F32].few_scores = f32_scores;
    k->kv[QUANT_F32].few_values = f32_values;
    k->kv[QUANT_F16].few_scores = f16_scores;
    k->kv[QUANT_F16].few_values = f16_values;
    k->kv[QUANT_BF16].few_scores = bf16_scores;
    k->kv[QUANT_BF16].few_values = bf16_values;
    k->kv[QUANT_Q8_0].few_scores = q8_scores;
    k->kv[QUANT_Q8_0].few_values = q8_values;
}
