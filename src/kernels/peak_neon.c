/* peak_neon.c - the float loop of peak.h on arm64: fmla, four fused multiply-adds a register.
 *
 * Sixteen accumulators (four units of latency 4 on the widest cores); the empty asm makes each
 * value unknown to the compiler after each round, so that nothing is folded or dropped. */
#include <arm_neon.h>
#include "kernels/peak_isa.h"
#include "kernels/unroll.h"

enum { CHAINS = 16, HALF = CHAINS / 2 };
#define KEEP(x) __asm__ volatile("" : "+w"(x))

int64_t peak_f32_neon(int64_t rounds) {
    float32x4_t a = vdupq_n_f32(1), b = vdupq_n_f32(0.5F), s[HALF], t[HALF];
    UNROLL for (int i = 0; i < HALF; i++) s[i] = t[i] = vdupq_n_f32(0);
    for (int64_t r = 0; r < rounds; r++) {
        KEEP(a);
        KEEP(b);
        UNROLL for (int i = 0; i < HALF; i++) {
            s[i] = vfmaq_f32(s[i], a, b);
            t[i] = vfmaq_f32(t[i], a, b);
            KEEP(s[i]);
            KEEP(t[i]);
        }
    }
    return rounds * CHAINS * 4 * 2;
}
