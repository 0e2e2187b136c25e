/* peak_avx512bf16.c - the bfloat16 loop of peak.h: vdpbf16ps, 32 products a register added in
 * pairs into 16 floats.  See peak_avx512.c for the form of the loop. */
#include <immintrin.h>
#include "kernels/peak_isa.h"
#include "kernels/unroll.h"

enum { CHAINS = 16, HALF = CHAINS / 2 };
#define KEEP(x) __asm__ volatile("" : "+v"(x))

int64_t peak_bf16_avx512bf16(int64_t rounds) {
    __m512 s[HALF], t[HALF];
    __m512i bits = _mm512_set1_epi16(0x3f00); /* 0.5 in each lane */
    UNROLL for (int i = 0; i < HALF; i++) s[i] = t[i] = _mm512_setzero_ps();
    for (int64_t r = 0; r < rounds; r++) {
        KEEP(bits);
        UNROLL for (int i = 0; i < HALF; i++) {
            s[i] = _mm512_dpbf16_ps(s[i], (__m512bh)bits, (__m512bh)bits);
            t[i] = _mm512_dpbf16_ps(t[i], (__m512bh)bits, (__m512bh)bits);
            KEEP(s[i]);
            KEEP(t[i]);
        }
    }
    return rounds * CHAINS * 32 * 2;
}
