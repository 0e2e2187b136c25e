/* kv_avx512.c - the streaming parts of the KV types with AVX-512: all loads, 16-bit stores.
 *
 * Layouts: kv_layout.h.  Bits: those of kv_plain.c.  In the 16-bit types a block of keys and one
 * of values are both head_dim · 64 elements in the order of their float tile, so one function
 * loads either. */
#include <immintrin.h>
#include "kernels/kernels_level.h"
#include "kernels/kv_layout.h"

enum { LANES = 16 };

static __m512 saturate(__m512 x, float most) {
    /* min and max return their second operand when one is NaN. */
    return _mm512_max_ps(_mm512_set1_ps(-most), _mm512_min_ps(_mm512_set1_ps(most), x));
}

static __mmask16 lanes_below(int left) {
    return left >= LANES ? 0xffff : (__mmask16)((1u << left) - 1);
}

/* ---- f16 ---- */

static void f16_convert(uint16_t *to, const float *from, int n) {
    for (int i = 0; i < n; i += LANES) {
        __mmask16 mask = lanes_below(n - i);
        __m512 x = saturate(_mm512_maskz_loadu_ps(mask, from + i), KV_F16_MAX);
        __m256i half = _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm256_mask_storeu_epi16(to + i, mask, half);
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
    for (int i = 0; i < head_dim * KV_BLOCK_TOKENS; i += 2 * LANES) {
        __m256i a = _mm256_loadu_si256((const void *)(from + i));
        __m256i b = _mm256_loadu_si256((const void *)(from + i + LANES));
        _mm512_storeu_ps(tile + i, _mm512_cvtph_ps(a));
        _mm512_storeu_ps(tile + i + LANES, _mm512_cvtph_ps(b));
    }
}

/* ---- bf16: the upper half of a float, rounded to nearest even ---- */

static void bf16_convert(uint16_t *to, const float *from, int n) {
    for (int i = 0; i < n; i += LANES) {
        __mmask16 mask = lanes_below(n - i);
        __m512 x = saturate(_mm512_maskz_loadu_ps(mask, from + i), KV_BF16_MAX);
        __m512i bits = _mm512_castps_si512(x);
        __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
        __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
        up = _mm512_mask_or_epi32(up, nan, bits, _mm512_set1_epi32(0x400000)); /* stays NaN */
        _mm256_mask_storeu_epi16(to + i, mask, _mm512_cvtepi32_epi16(_mm512_srli_epi32(up, 16)));
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
        __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(from + i)));
        _mm512_storeu_si512(tile + i, _mm512_slli_epi32(wide, 16));
    }
}

/* ---- q8_0 ---- */

static __m512 q8_floats(const int8_t *codes, __mmask16 mask) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, codes)));
}

static void q8_load_k(float *tile, const void *block, int head_dim) {
    const int8_t *codes = block;
    const uint16_t *scales = (const uint16_t *)(codes + kv_q8_codes_bytes(head_dim));
    for (int d = 0; d < head_dim; d += KV_GROUP, scales += KV_BLOCK_TOKENS) {
        int n = head_dim - d < KV_GROUP ? head_dim - d : KV_GROUP;
        __m512 scale[4];
        for (int c = 0; c < 4; c++)
            scale[c] = _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(scales + LANES * c)));
        for (int i = 0; i < n; i++, codes += KV_BLOCK_TOKENS, tile += KV_BLOCK_TOKENS)
            for (int c = 0; c < 4; c++) {
                __m512 x = q8_floats(codes + LANES * c, 0xffff);
                _mm512_storeu_ps(tile + LANES * c, _mm512_mul_ps(x, scale[c]));
            }
    }
}

static void q8_load_v(float *tile, const void *block, int head_dim) {
    const int8_t *codes = block;
    const uint16_t *scales = (const uint16_t *)(codes + kv_q8_codes_bytes(head_dim));
    for (int j = 0; j < KV_BLOCK_TOKENS; j++, codes += head_dim, tile += head_dim)
        for (int d = 0; d < head_dim; d += KV_GROUP, scales++) {
            __m512 scale = _mm512_set1_ps(_cvtsh_ss(*scales));
            for (int i = d; i < d + KV_GROUP && i < head_dim; i += LANES) {
                __mmask16 mask = lanes_below(head_dim - i);
                __m512 x = _mm512_mul_ps(q8_floats(codes + i, mask), scale);
                _mm512_mask_storeu_ps(tile + i, mask, x);
            }
        }
}

void kv_add_avx512(struct kernels *k) {
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
