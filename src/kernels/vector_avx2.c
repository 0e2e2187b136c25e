/* vector_avx2.c - the operations on one row of activations with AVX2 and FMA.
 *
 * Orders of reduction, fixed: element i belongs to lane i mod 32; a lane adds its elements in
 * ascending order, then 32 lanes become 8 ((0+1)+(2+3), by vectors) and one (l + 4, l + 2, l + 1).
 * A tail is a masked vector, so an element's value never depends on where the row ends. */
#include <immintrin.h>
#include <math.h>
#include "kernels/exp_avx2.h"
#include "kernels/kernels.h"
#include "kernels/kernels_level.h"

enum { LANES = 8, UNROLL = 4, LOG_SUM_BLOCK = 4096 };

/* All ones in the first `left` lanes. */
static __m256i lanes_below(int64_t left) {
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    int lanes = left > LANES ? LANES : left < 0 ? 0 : (int)left;
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), index);
}

static float reduce_max(__m256 x) {
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}

static float reduce_add(__m256 x) {
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}

static float sum_of_squares(const float *x, int64_t n) {
    __m256 sum[UNROLL] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                          _mm256_setzero_ps()};
    int64_t i = 0;
    for (; i + UNROLL * LANES <= n; i += UNROLL * LANES)
        for (int u = 0; u < UNROLL; u++) {
            __m256 v = _mm256_loadu_ps(x + i + LANES * u);
            sum[u] = _mm256_fmadd_ps(v, v, sum[u]);
        }
    for (int u = 0; u < UNROLL && i < n; u++, i += LANES) {
        __m256 v = _mm256_maskload_ps(x + i, lanes_below(n - i));
        sum[u] = _mm256_fmadd_ps(v, v, sum[u]);
    }
    return reduce_add(_mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3])));
}

static void rms_norm(float *out, const float *x, const float *w, int64_t cols, float eps) {
    __m256 scale = _mm256_set1_ps(1.0f / sqrtf(sum_of_squares(x, cols) / (float)cols + eps));
    for (int64_t i = 0; i < cols; i += LANES) {
        __m256i mask = lanes_below(cols - i);
        __m256 v = _mm256_mul_ps(_mm256_maskload_ps(x + i, mask), scale);
        _mm256_maskstore_ps(out + i, mask, _mm256_mul_ps(v, _mm256_maskload_ps(w + i, mask)));
    }
}

/* The even elements of two vectors, in order; and the odd ones. */
static __m256 in_order(__m256 x) { /* shuffles work within 128 bits: 0 2 1 3 by 64 */
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0xd8));
}

static __m256 even(__m256 lo, __m256 hi) { return in_order(_mm256_shuffle_ps(lo, hi, 0x88)); }

static __m256 odd(__m256 lo, __m256 hi) { return in_order(_mm256_shuffle_ps(lo, hi, 0xdd)); }

static void rope(float *x, const float *cos_sin, int rope_dim, bool neox) {
    int half = rope_dim / 2;
    for (int i = 0; i < half; i += LANES) {
        /* 8 pairs: 16 floats of cos_sin, and of x where pairs are neighbours. */
        __m256i low = lanes_below(2 * (half - i)), high = lanes_below(2 * (half - i) - LANES);
        __m256i mask = lanes_below(half - i);
        __m256 t0 = _mm256_maskload_ps(cos_sin + 2 * i, low);
        __m256 t1 = _mm256_maskload_ps(cos_sin + 2 * i + LANES, high);
        __m256 c = even(t0, t1), s = odd(t0, t1), a, b;
        if (neox) {
            a = _mm256_maskload_ps(x + i, mask);
            b = _mm256_maskload_ps(x + half + i, mask);
        } else {
            __m256 x0 = _mm256_maskload_ps(x + 2 * i, low);
            __m256 x1 = _mm256_maskload_ps(x + 2 * i + LANES, high);
            a = even(x0, x1);
            b = odd(x0, x1);
        }
        __m256 turned_a = _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s));
        __m256 turned_b = _mm256_fmadd_ps(a, s, _mm256_mul_ps(b, c));
        if (neox) {
            _mm256_maskstore_ps(x + i, mask, turned_a);
            _mm256_maskstore_ps(x + half + i, mask, turned_b);
        } else {
            __m256 z0 = _mm256_unpacklo_ps(turned_a, turned_b); /* pairs 0 1, 4 5 */
            __m256 z1 = _mm256_unpackhi_ps(turned_a, turned_b); /* pairs 2 3, 6 7 */
            _mm256_maskstore_ps(x + 2 * i, low, _mm256_permute2f128_ps(z0, z1, 0x20));
            _mm256_maskstore_ps(x + 2 * i + LANES, high, _mm256_permute2f128_ps(z0, z1, 0x31));
        }
    }
}

static void silu_mul(float *out, const float *gate, const float *up, int64_t n) {
    const __m256 one = _mm256_set1_ps(1.0f), zero = _mm256_setzero_ps();
    for (int64_t i = 0; i < n; i += LANES) {
        __m256i mask = lanes_below(n - i);
        __m256 g = _mm256_maskload_ps(gate + i, mask);
        __m256 e = exp_avx2(_mm256_sub_ps(zero, g));
        __m256 silu = _mm256_div_ps(g, _mm256_add_ps(one, e));
        _mm256_maskstore_ps(out + i, mask, _mm256_mul_ps(silu, _mm256_maskload_ps(up + i, mask)));
    }
}

static void add(float *out, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        __m256i mask = lanes_below(n - i);
        __m256 a = _mm256_maskload_ps(out + i, mask);
        _mm256_maskstore_ps(out + i, mask, _mm256_add_ps(a, _mm256_maskload_ps(x + i, mask)));
    }
}

/* The largest that is not NaN; -infinity where there is none. */
static float largest(const float *x, int64_t n) {
    const __m256 least = _mm256_set1_ps(-INFINITY);
    __m256 most[UNROLL] = {least, least, least, least};
    int64_t i = 0;
    for (; i + UNROLL * LANES <= n; i += UNROLL * LANES)
        for (int u = 0; u < UNROLL; u++) /* max returns its second operand when the first is NaN */
            most[u] = _mm256_max_ps(_mm256_loadu_ps(x + i + LANES * u), most[u]);
    for (; i < n; i += LANES) {
        __m256i mask = lanes_below(n - i);
        __m256 v = _mm256_blendv_ps(least, _mm256_maskload_ps(x + i, mask),
                                    _mm256_castsi256_ps(mask));
        most[0] = _mm256_max_ps(v, most[0]);
    }
    return reduce_max(
        _mm256_max_ps(_mm256_max_ps(most[0], most[1]), _mm256_max_ps(most[2], most[3])));
}

static int64_t argmax(const float *x, int64_t n) {
    __m256 most = _mm256_set1_ps(largest(x, n));
    for (int64_t i = 0; i < n; i += LANES) {
        __m256i mask = lanes_below(n - i);
        __m256 equal = _mm256_cmp_ps(_mm256_maskload_ps(x + i, mask), most, _CMP_EQ_OQ);
        int lanes = _mm256_movemask_ps(_mm256_and_ps(equal, _mm256_castsi256_ps(mask)));
        if (lanes) return i + __builtin_ctz((unsigned)lanes);
    }
    return 0; /* nothing but NaN */
}

static double log_sum_exp(const float *x, int64_t n) {
    float most = largest(x, n);
    if (isinf(most)) return (double)most;
    double sum = 0;
    for (int64_t begin = 0; begin < n; begin += LOG_SUM_BLOCK) {
        int64_t end = begin + LOG_SUM_BLOCK < n ? begin + LOG_SUM_BLOCK : n;
        __m256 part = _mm256_setzero_ps();
        for (int64_t i = begin; i < end; i += LANES) {
            __m256i mask = lanes_below(end - i);
            __m256 v = _mm256_sub_ps(_mm256_maskload_ps(x + i, mask), _mm256_set1_ps(most));
            v = _mm256_and_ps(exp_avx2(v), _mm256_castsi256_ps(mask));
            part = _mm256_add_ps(part, v);
        }
        sum += (double)reduce_add(part);
    }
    return (double)most + log(sum);
}

void vector_add_avx2(struct kernels *k) {
    k->rms_norm = rms_norm;
    k->rope = rope;
    k->silu_mul = silu_mul;
    k->add = add;
    k->argmax = argmax;
    k->log_sum_exp = log_sum_exp;
}
