/* peak_avx512.c - the loops of peak.h in AVX-512 with VNNI.
 *
 * Sixteen accumulators (two units, latency 4 or 5: ten chains are the least); the empty asm makes
 * each value unknown to the compiler after each round, so that nothing is folded or dropped.
 * vpdpbusd: 64 products a register, added into 16 sums. */
#include <immintrin.h>
#include "kernels/peak_isa.h"
#include "kernels/unroll.h"

enum { CHAINS = 16, HALF = CHAINS / 2 };
#define KEEP(x) __asm__ volatile("" : "+v"(x))

int64_t peak_int8_avx512(int64_t rounds) {
    __m512i a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(1), s[HALF], t[HALF];
    UNROLL for (int i = 0; i < HALF; i++) s[i] = t[i] = _mm512_setzero_si512();
    for (int64_t r = 0; r < rounds; r++) {
        KEEP(a);
        KEEP(b);
        UNROLL for (int i = 0; i < HALF; i++) {
            s[i] = _mm512_dpbusd_epi32(s[i], a, b);
            t[i] = _mm512_dpbusd_epi32(t[i], a, b);
            KEEP(s[i]);
            KEEP(t[i]);
        }
    }
    return rounds * CHAINS * 64 * 2;
}

int64_t peak_f32_avx512(int64_t rounds) {
    __m512 a = _mm512_set1_ps(1), b = _mm512_set1_ps(0.5F), s[HALF], t[HALF];
    UNROLL for (int i = 0; i < HALF; i++) s[i] = t[i] = _mm512_setzero_ps();
    for (int64_t r = 0; r < rounds; r++) {
        KEEP(a);
        KEEP(b);
        UNROLL for (int i = 0; i < HALF; i++) {
            s[i] = _mm512_fmadd_ps(a, b, s[i]);
            t[i] = _mm512_fmadd_ps(a, b, t[i]);
            KEEP(s[i]);
            KEEP(t[i]);
        }
    }
    return rounds * CHAINS * 16 * 2;
}

uint64_t peak_read_avx512(const void *data, int64_t bytes) {
    const __m512i *at = data;
    __m512i sum[8];
    UNROLL for (int i = 0; i < 8; i++) sum[i] = _mm512_setzero_si512();
    for (int64_t n = bytes / (8 * 64); n > 0; n--, at += 8) {
        UNROLL for (int i = 0; i < 8; i++)
            sum[i] = _mm512_add_epi64(sum[i], _mm512_load_si512(at + i));
    }
    for (int i = 1; i < 8; i++) sum[0] = _mm512_add_epi64(sum[0], sum[i]);
    return (uint64_t)_mm512_reduce_add_epi64(sum[0]);
}
