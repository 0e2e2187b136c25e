/* peak_avx2.c - the loops of peak.h in AVX2.
 *
 * Twelve accumulators: two units of latency 5 need ten chains to be always busy, and twelve
 * and the operands fit in sixteen registers.  The empty asm makes every accumulator's value
 * unknown to the compiler after each round, so that it can neither fold nor drop the work.
 *
 * AVX2 has no product of bytes added into int32: a dot product is at least one vpmaddubsw (32
 * products, added in pairs into int16) and one addition; that is what is counted. */
#include <immintrin.h>
#include "kernels/peak_isa.h"
#include "kernels/unroll.h"

enum { CHAINS = 12, HALF = CHAINS / 2 };
#define KEEP(x) __asm__ volatile("" : "+x"(x))

/* Two arrays, as a loop is unrolled at most eight times. */
int64_t peak_int8_avx2(int64_t rounds) {
    __m256i a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(1), s[HALF], t[HALF];
    UNROLL for (int i = 0; i < HALF; i++) s[i] = t[i] = _mm256_setzero_si256();
    for (int64_t r = 0; r < rounds; r++) {
        KEEP(a);
        KEEP(b);
        UNROLL for (int i = 0; i < HALF; i++) {
            __m256i x = _mm256_maddubs_epi16(a, b), y = _mm256_maddubs_epi16(a, b);
            KEEP(x); /* else twelve equal products would be one */
            KEEP(y);
            s[i] = _mm256_add_epi16(s[i], x);
            t[i] = _mm256_add_epi16(t[i], y);
            KEEP(s[i]);
            KEEP(t[i]);
            KEEP(a);
        }
    }
    return rounds * CHAINS * 32 * 2;
}

int64_t peak_f32_avx2(int64_t rounds) {
    __m256 a = _mm256_set1_ps(1), b = _mm256_set1_ps(0.5F), s[HALF], t[HALF];
    UNROLL for (int i = 0; i < HALF; i++) s[i] = t[i] = _mm256_setzero_ps();
    for (int64_t r = 0; r < rounds; r++) {
        KEEP(a);
        KEEP(b);
        UNROLL for (int i = 0; i < HALF; i++) {
            s[i] = _mm256_fmadd_ps(a, b, s[i]);
            t[i] = _mm256_fmadd_ps(a, b, t[i]);
            KEEP(s[i]);
            KEEP(t[i]);
        }
    }
    return rounds * CHAINS * 8 * 2;
}

uint64_t peak_read_avx2(const void *data, int64_t bytes) {
    const __m256i *at = data;
    __m256i sum[8];
    UNROLL for (int i = 0; i < 8; i++) sum[i] = _mm256_setzero_si256();
    for (int64_t n = bytes / (8 * 32); n > 0; n--, at += 8) {
        UNROLL for (int i = 0; i < 8; i++)
            sum[i] = _mm256_add_epi64(sum[i], _mm256_load_si256(at + i));
    }
    for (int i = 1; i < 8; i++) sum[0] = _mm256_add_epi64(sum[0], sum[i]);
    uint64_t lane[4];
    _mm256_storeu_si256((__m256i *)lane, sum[0]);
    return lane[0] + lane[1] + lane[2] + lane[3];
}
