/* vector_neon.c - the operations on one row of activations with NEON.
 *
 * Orders of reduction, fixed: in a sum of squares element i belongs to lane i mod 32 (eight
 * vectors, two multiply-adds a cycle of latency four), in a sum of exponentials to lane i mod 8 of
 * its block; a lane adds its elements in ascending order, then vectors are added as a tree and
 * the last four lanes as ((0+1)+(2+3)).  NEON has no masked loads: a tail goes through four floats
 * on the stack, so an element's value never depends on where the row ends. */
#include <arm_neon.h>
#include <math.h>
#include <string.h>
#include "kernels/exp_neon.h"
#include "kernels/kernels.h"
#include "kernels/kernels_level.h"
#include "kernels/unroll.h"

enum { LANES = 4, SQUARES = 8, MOST = 4, LOG_SUM_BLOCK = 4096 };

/* The first `left` floats at x, or four of them; lanes beyond hold rest. */
static ALWAYS_INLINE float32x4_t load(const float *x, int64_t left, float rest) {
    if (left >= LANES) return vld1q_f32(x);
    float part[LANES] = {rest, rest, rest, rest};
    for (int64_t i = 0; i < left; i++) part[i] = x[i];
    return vld1q_f32(part);
}

static ALWAYS_INLINE void store(float *x, int64_t left, float32x4_t v) {
    if (left >= LANES) {
        vst1q_f32(x, v);
        return;
    }
    float part[LANES];
    vst1q_f32(part, v);
    for (int64_t i = 0; i < left; i++) x[i] = part[i];
}

static float sum_of_squares(const float *x, int64_t n) {
    float32x4_t sum[SQUARES];
    UNROLL
    for (int u = 0; u < SQUARES; u++) sum[u] = vdupq_n_f32(0);
    int64_t i = 0;
    for (; i + SQUARES * LANES <= n; i += SQUARES * LANES)
        UNROLL
        for (int u = 0; u < SQUARES; u++) {
            float32x4_t v = vld1q_f32(x + i + LANES * u);
            sum[u] = vfmaq_f32(sum[u], v, v);
        }
    UNROLL
    for (int u = 0; u < SQUARES; u++)
        if (i + LANES * u < n) {
            float32x4_t v = load(x + i + LANES * u, n - i - LANES * u, 0);
            sum[u] = vfmaq_f32(sum[u], v, v);
        }
    UNROLL
    for (int u = 0; u < 4; u++) sum[u] = vaddq_f32(sum[2 * u], sum[2 * u + 1]);
    return vaddvq_f32(vaddq_f32(vaddq_f32(sum[0], sum[1]), vaddq_f32(sum[2], sum[3])));
}

static void rms_norm(float *out, const float *x, const float *w, int64_t cols, float eps) {
    float32x4_t scale = vdupq_n_f32(1.0f / sqrtf(sum_of_squares(x, cols) / (float)cols + eps));
    for (int64_t i = 0; i < cols; i += LANES) {
        float32x4_t v = vmulq_f32(load(x + i, cols - i, 0), scale);
        store(out + i, cols - i, vmulq_f32(v, load(w + i, cols - i, 0)));
    }
}

struct turned {
    float32x4_t a, b;
};

static ALWAYS_INLINE struct turned turn(float32x4_t a, float32x4_t b, float32x4x2_t cos_sin) {
    return (struct turned){
        vfmsq_f32(vmulq_f32(a, cos_sin.val[0]), b, cos_sin.val[1]),
        vfmaq_f32(vmulq_f32(b, cos_sin.val[0]), a, cos_sin.val[1]),
    };
}

static void rope(float *x, const float *cos_sin, int rope_dim, bool neox) {
    const int half = rope_dim / 2, step = neox ? 1 : 2;
    int i = 0;
    for (; i + LANES <= half; i += LANES) {
        float32x4x2_t table = vld2q_f32(cos_sin + 2 * i);
        if (neox) {
            struct turned t = turn(vld1q_f32(x + i), vld1q_f32(x + half + i), table);
            vst1q_f32(x + i, t.a);
            vst1q_f32(x + half + i, t.b);
        } else { /* pairs are neighbours */
            float32x4x2_t pair = vld2q_f32(x + 2 * i);
            struct turned t = turn(pair.val[0], pair.val[1], table);
            pair.val[0] = t.a;
            pair.val[1] = t.b;
            vst2q_f32(x + 2 * i, pair);
        }
    }
    for (; i < half; i++) { /* the same arithmetic, one pair at a time */
        float *to_a = x + step * i, *to_b = neox ? x + half + i : to_a + 1;
        float c = cos_sin[2 * i], s = cos_sin[2 * i + 1], a = *to_a, b = *to_b;
        *to_a = fmaf(-b, s, a * c);
        *to_b = fmaf(a, s, b * c);
    }
}

static void silu_mul(float *out, const float *gate, const float *up, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        float32x4_t g = load(gate + i, n - i, 0);
        float32x4_t e = exp_neon(vnegq_f32(g));
        float32x4_t silu = vdivq_f32(g, vaddq_f32(vdupq_n_f32(1.0f), e));
        store(out + i, n - i, vmulq_f32(silu, load(up + i, n - i, 0)));
    }
}

static void add(float *out, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES)
        store(out + i, n - i, vaddq_f32(load(out + i, n - i, 0), load(x + i, n - i, 0)));
}

/* b where it is larger, a elsewhere: a NaN is not larger. */
static ALWAYS_INLINE float32x4_t larger(float32x4_t a, float32x4_t b) {
    return vbslq_f32(vcgtq_f32(b, a), b, a);
}

/* The largest that is not NaN; -infinity where there is none. */
static float largest(const float *x, int64_t n) {
    float32x4_t most[MOST];
    UNROLL
    for (int u = 0; u < MOST; u++) most[u] = vdupq_n_f32(-INFINITY);
    int64_t i = 0;
    for (; i + MOST * LANES <= n; i += MOST * LANES)
        UNROLL
        for (int u = 0; u < MOST; u++) most[u] = larger(most[u], vld1q_f32(x + i + LANES * u));
    for (; i < n; i += LANES) most[0] = larger(most[0], load(x + i, n - i, -INFINITY));
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(most[0], most[1]), vmaxq_f32(most[2], most[3])));
}

static int64_t argmax(const float *x, int64_t n) {
    const float32x4_t most = vdupq_n_f32(largest(x, n));
    for (int64_t i = 0; i < n; i += LANES) {
        uint32x4_t equal = vceqq_f32(load(x + i, n - i, NAN), most);
        uint64_t lanes = vget_lane_u64(vreinterpret_u64_u16(vmovn_u32(equal)), 0); /* 16 each */
        if (lanes) return i + __builtin_ctzll(lanes) / 16;
    }
    return 0; /* nothing but NaN */
}

static double log_sum_exp(const float *x, int64_t n) {
    float most = largest(x, n);
    if (isinf(most)) return (double)most;
    double sum = 0;
    for (int64_t begin = 0; begin < n; begin += LOG_SUM_BLOCK) {
        int64_t end = begin + LOG_SUM_BLOCK < n ? begin + LOG_SUM_BLOCK : n;
        float32x4_t part[2] = {vdupq_n_f32(0), vdupq_n_f32(0)};
        for (int64_t i = begin; i < end; i += 2 * LANES)
            UNROLL
            for (int u = 0; u < 2; u++) { /* e^-infinity is 0 */
                float32x4_t v = load(x + i + LANES * u, end - i - LANES * u, -INFINITY);
                part[u] = vaddq_f32(part[u], exp_neon(vsubq_f32(v, vdupq_n_f32(most))));
            }
        sum += (double)vaddvq_f32(vaddq_f32(part[0], part[1]));
    }
    return (double)most + log(sum);
}

void vector_add_neon(struct kernels *k) {
    k->rms_norm = rms_norm;
    k->rope = rope;
    k->silu_mul = silu_mul;
    k->add = add;
    k->argmax = argmax;
    k->log_sum_exp = log_sum_exp;
}
