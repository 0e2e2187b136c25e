/* peak_dotprod.c - the int8 loop of peak.h on arm64 with sdot: sixteen products a register,
 * added into four sums.
 * See peak_neon.c for the form of the loop. */
#include <arm_neon.h>
#include "kernels/peak_isa.h"
#include "kernels/unroll.h"

enum { CHAINS = 16, HALF = CHAINS / 2 };
#define KEEP(x) __asm__ volatile("" : "+w"(x))

int64_t peak_int8_dotprod(int64_t rounds) {
    int8x16_t a = vdupq_n_s8(1), b = vdupq_n_s8(1);
    int32x4_t s[HALF], t[HALF];
    UNROLL for (int i = 0; i < HALF; i++) s[i] = t[i] = vdupq_n_s32(0);
    for (int64_t r = 0; r < rounds; r++) {
        KEEP(a);
        KEEP(b);
        UNROLL for (int i = 0; i < HALF; i++) {
            s[i] = vdotq_s32(s[i], a, b);
            t[i] = vdotq_s32(t[i], a, b);
            KEEP(s[i]);
            KEEP(t[i]);
        }
    }
    return rounds * CHAINS * 16 * 2;
}
