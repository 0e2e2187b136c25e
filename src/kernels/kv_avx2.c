/* kv_avx2.c - the streaming parts of the KV types with AVX2: all loads, 16-bit stores.
 *
 * Layouts: kv_layout.h.  Bits: those of kv_plain.c.  In the 16-bit types a block of keys and one
 * of values are both head_dim · 64 elements in the order of their float tile, so one function
 * loads either.
 * head_dim is a multiple of 8, so there are no tails. */
#include <immintrin.h>
#include "kernels/kernels_level.h"
#include "kernels/kv_layout.h"

enum { LANES = 8 };

static __m256 saturate(__m256 x, float most) {
    /* min and max return their second operand when one is NaN. */
    return _mm256_max_ps(_mm256_set1_ps(-most), _mm256_min_ps(_mm256_set1_ps(most), x));
}

/* ---- f16 ---- */

static void f16_convert(uint16_t *to, const float *from, int n) {
    for (int i = 0; i < n; i += LANES) {
        __m256 x = saturate(_mm256_loadu_ps(from + i), KV_F16_MAX);
        __m128i half = _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm_storeu_si128((void *)(to + i), half);
    }
}

static void f16_store_k(void *block, int slot, const float *k, int head_dim) {
    uint16_t half[HEAD_DIM_MAX], *to = (uint16_t *)block + slot;
    f16_convert(half, k, head_dim);
    for (int d = 0; d < head_dim; d++) to[d * KV_BLOCK_TOKENS] = half[d];
}

static void f16_store_v(void *block, int slot, const float *v, int head_dim) {
    f16_convert((uint16_t *)block + (int64_t)slot * head_dim, v, head_dim);
}

static void f16_load(float *tile, const void *block, int head_dim) {
    const uint16_t *from = block;
    for (int i = 0; i < head_dim * KV_BLOCK_TOKENS; i += LANES)
        _mm256_storeu_ps(tile + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(from + i))));
}

/* ---- bf16: the upper half of a float, rounded to nearest even ---- */

static void bf16_convert(uint16_t *to, const float *from, int n) {
    for (int i = 0; i < n; i += LANES) {
        __m256 x = saturate(_mm256_loadu_ps(from + i), KV_BF16_MAX);
        __m256i bits = _mm256_castps_si256(x);
        __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
        __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)); /* NaN stays NaN */
        __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
        up = _mm256_srli_epi32(_mm256_blendv_epi8(up, quiet, nan), 16);
        __m128i low = _mm256_castsi256_si128(up), high = _mm256_extracti128_si256(up, 1);
        _mm_storeu_si128((void *)(to + i), _mm_packus_epi32(low, high));
    }
}

static void bf16_store_k(void *block, int slot, const float *k, int head_dim) {
    uint16_t half[HEAD_DIM_MAX], *to = (uint16_t *)block + slot;
    bf16_convert(half, k, head_dim);
    for (int d = 0; d < head_dim; d++) to[d * KV_BLOCK_TOKENS] = half[d];
}

static void bf16_store_v(void *block, int slot, const float *v, int head_dim) {
    bf16_convert((uint16_t *)block + (int64_t)slot * head_dim, v, head_dim);
}

static void bf16_load(float *tile, const void *block, int head_dim) {
    const uint16_t *from = block;
    for (int i = 0; i < head_dim * KV_BLOCK_TOKENS; i += LANES) {
        __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(from + i)));
        _mm256_storeu_ps(tile + i, _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16)));
    }
}

/* ---- q8_0 ---- */

static __m256 q8_floats(const int8_t *codes) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)codes)));
}

static void q8_load_k(float *tile, const void *block, int head_dim) {
    const int8_t *codes = block;
    const uint16_t *scales = (const uint16_t *)(codes + kv_q8_codes_bytes(head_dim));
    for (int d = 0; d < head_dim; d += KV_GROUP, scales += KV_BLOCK_TOKENS) {
        int n = head_dim - d < KV_GROUP ? head_dim - d : KV_GROUP;
        __m256 scale[8];
        for (int c = 0; c < 8; c++)
            scale[c] = _mm256_cvtph_ps(_mm_loadu_si128((const void *)(scales + LANES * c)));
        for (int i = 0; i < n; i++, codes += KV_BLOCK_TOKENS, tile += KV_BLOCK_TOKENS)
            for (int c = 0; c < 8; c++)
                _mm256_storeu_ps(tile + LANES * c,
                                 _mm256_mul_ps(q8_floats(codes + LANES * c), scale[c]));
    }
}

static void q8_load_v(float *tile, const void *block, int head_dim) {
    const int8_t *codes = block;
    const uint16_t *scales = (const uint16_t *)(codes + kv_q8_codes_bytes(head_dim));
    for (int j = 0; j < KV_BLOCK_TOKENS; j++, codes += head_dim, tile += head_dim)
        for (int d = 0; d < head_dim; d += KV_GROUP, scales++) {
            __m256 scale = _mm256_set1_ps(_cvtsh_ss(*scales));
            for (int i = d; i < d + KV_GROUP && i < head_dim; i += LANES)
                _mm256_storeu_ps(tile + i, _mm256_mul_ps(q8_floats(codes + i), scale));
        }
}

void kv_add_avx2(struct kernels *k) {
    struct kernel_kv *f16 = &k->kv[QUANT_F16], *bf16 = &k->kv[QUANT_BF16];
    f16->store_k = f16_store_k;
    f16->store_v = f16_store_v;
    f16->load_k = f16->load_v = f16_load;
    bf16->store_k = bf16_store_k;
    bf16->store_v = bf16_store_v;
    bf16->load_k = bf16->load_v = bf16_load;
    k->kv[QUANT_Q8_0].load_k = q8_load_k;
    k->kv[QUANT_Q8_0].load_v = q8_load_v;
}
