/* act_avx2.c - act_quantize with 256-bit vectors.  The definition stands in act_plain.c. */
#include <immintrin.h>
#include "kernels/act.h"

/* 16 floats · id, rounded to nearest even, as 16 int8; *sum = their sum. */
static inline __m128i round_16(const float *x, __m256 id, int16_t *sum) {
    __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), id));
    __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8), id));
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    __m128i pairs = _mm_add_epi16(_mm256_castsi256_si128(words),
                                  _mm256_extracti128_si256(words, 1));
    __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi16(1));
    fours = _mm_add_epi32(fours, _mm_shuffle_epi32(fours, 0x4e));
    fours = _mm_add_epi32(fours, _mm_shuffle_epi32(fours, 0xb1));
    *sum = (int16_t)_mm_cvtsi128_si32(fours);
    return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

static uint32_t largest(__m256i v) {
    __m128i max = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    max = _mm_max_epi32(max, _mm_shuffle_epi32(max, 0x4e));
    max = _mm_max_epi32(max, _mm_shuffle_epi32(max, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(max);
}

static void quantize_block(int8_t *q, float *d, int16_t *sum, const float *x, int block) {
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i max = _mm256_setzero_si256();
    for (int i = 0; i < block; i += 8) {
        __m256i bits = _mm256_loadu_si256((const __m256i *)(const void *)(x + i));
        max = _mm256_max_epi32(max, _mm256_and_si256(bits, magnitude));
    }
    float id = act_inverse_scale(d, largest(max));
    if (id == 0.0f) {
        memset(q, 0, (size_t)block);
        memset(sum, 0, (size_t)block / 16 * sizeof *sum);
        return;
    }
    for (int i = 0; i < block; i += 16)
        _mm_storeu_si128((__m128i *)(void *)(q + i),
                         round_16(x + i, _mm256_set1_ps(id), sum + i / 16));
}

static inline void quantize(enum act_format format, void *out, const float *x, int64_t rows,
                            int64_t cols, int64_t x_stride) {
    struct act_layout layout = kernels_act_layout(format, cols);
    int block = format == ACT_Q8_32 ? 32 : 256;
    for (int64_t r = 0; r < rows; r++) {
        uint8_t *row = (uint8_t *)out + (size_t)r * layout.row_bytes;
        float *d = (float *)(void *)(row + layout.d_offset);
        int16_t *sum = (int16_t *)(void *)(row + layout.sum_offset);
        for (int64_t c = 0; c < cols; c += block)
            quantize_block((int8_t *)row + c, d + c / block, sum + c / 16, x + r * x_stride + c,
                           block);
    }
}

static void quantize_32(void *out, const float *x, int64_t rows, int64_t cols, int64_t x_stride) {
    quantize(ACT_Q8_32, out, x, rows, cols, x_stride);
}

static void quantize_256(void *out, const float *x, int64_t rows, int64_t cols, int64_t x_stride) {
    quantize(ACT_Q8_256, out, x, rows, cols, x_stride);
}

void act_add_avx2(struct kernels *k) {
    k->act_quantize[ACT_Q8_32] = quantize_32;
    k->act_quantize[ACT_Q8_256] = quantize_256;
}
