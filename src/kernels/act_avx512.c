/* act_avx512.c - act_quantize with 512-bit vectors.  The definition stands in act_plain.c. */
#include <immintrin.h>
#include "kernels/act.h"

/* 16 floats · id, rounded to nearest even, as 16 int8; *sum = their sum. */
static inline __m128i round_16(const float *x, __m512 id, int16_t *sum) {
    __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), id));
    *sum = (int16_t)_mm512_reduce_add_epi32(q);
    return _mm512_cvtepi32_epi8(q);
}

static void quantize_block(int8_t *q, float *d, int16_t *sum, const float *x, int block) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512i max = _mm512_setzero_si512();
    for (int i = 0; i < block; i += 16)
        max = _mm512_max_epi32(max, _mm512_and_si512(_mm512_loadu_si512(x + i), magnitude));
    float id = act_inverse_scale(d, (uint32_t)_mm512_reduce_max_epi32(max));
    if (id == 0.0f) {
        memset(q, 0, (size_t)block);
        memset(sum, 0, (size_t)block / 16 * sizeof *sum);
        return;
    }
    for (int i = 0; i < block; i += 16)
        _mm_storeu_si128((__m128i *)(void *)(q + i),
                         round_16(x + i, _mm512_set1_ps(id), sum + i / 16));
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

void act_add_avx512(struct kernels *k) {
    k->act_quantize[ACT_Q8_32] = quantize_32;
    k->act_quantize[ACT_Q8_256] = quantize_256;
}
