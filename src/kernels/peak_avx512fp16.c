/* peak_avx512fp16.c - the half-precision loop of peak.h: 32 fused multiply-adds a register.
 * See peak_avx512.c for the form of the loop. */
#include <immintrin.h>
#include "kernels/peak_isa.h"
#include "kernels/unroll.h"

enum { CHAINS = 16, HALF = CHAINS / 2 };
#define KEEP(x) __asm__ volatile("" : "+v"(x))

int64_t peak_f16_avx512fp16(int64_t rounds) {
    /* 0.5 in each lane; the sums stop at 1,024, where adding 1/4 no longer changes a half. */
    __m512h a = _mm512_castsi512_ph(_mm512_set1_epi16(0x3800)), b = a, s[HALF], t[HALF];
    UNROLL for (int i = 0; i < HALF; i++)
        s[i] = t[i] = _mm512_castsi512_ph(_mm512_setzero_si512());
    for (int64_t r = 0; r < rounds; r++) {
        KEEP(a);
        KEEP(b);
        UNROLL for (int i = 0; i < HALF; i++) {
            s[i] = _mm512_fmadd_ph(a, b, s[i]);
            t[i] = _mm512_fmadd_ph(a, b, t[i]);
            KEEP(s[i]);
            KEEP(t[i]);
        }
    }
    return rounds * CHAINS * 32 * 2;
}
