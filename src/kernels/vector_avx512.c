/* vector_avx512.c - the operations on one row of activations with AVX-512F.
 *
 * Orders of reduction, fixed: element i belongs to lane i mod 64; a lane adds its elements in
 * ascending order, then 64 lanes become 16 ((0+1)+(2+3), by vectors) and one
 * (_mm512_reduce_add).  A tail is a masked vector, so an element's value never depends on where
 * the row ends. */
#include <immintrin.h>
#include <math.h>
#include "kernels/exp_avx512.h"
#include "kernels/kernels.h"
#include "kernels/kernels_level.h"

enum { LANES = 16, UNROLL = 4, LOG_SUM_BLOCK = 4096 };

static __mmask16 lanes_below(int64_t left) {
    return left >= LANES ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
}

static float sum_of_squares(const float *x, int64_t n) {
    __m512 sum[UNROLL] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                          _mm512_setzero_ps()};
    int64_t i = 0;
    for (; i + UNROLL * LANES <= n; i += UNROLL * LANES)
        for (int u = 0; u < UNROLL; u++) {
            __m512 v = _mm512_loadu_ps(x + i + LANES * u);
            sum[u] = _mm512_fmadd_ps(v, v, sum[u]);
        }
    for (int u = 0; u < UNROLL && i < n; u++, i += LANES) {
        __m512 v = _mm512_maskz_loadu_ps(lanes_below(n - i), x + i);
        sum[u] = _mm512_fmadd_ps(v, v, sum[u]);
    }
    return _mm512_reduce_add_ps(
        _mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3])));
}

static void rms_norm(float *out, const float *x, const float *w, int64_t cols, float eps) {
    __m512 scale = _mm512_set1_ps(1.0f / sqrtf(sum_of_squares(x, cols) / (float)cols + eps));
    for (int64_t i = 0; i < cols; i += LANES) {
        __mmask16 mask = lanes_below(cols - i);
        __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), scale);
        v = _mm512_mul_ps(v, _mm512_maskz_loadu_ps(mask, w + i));
        _mm512_mask_storeu_ps(out + i, mask, v);
    }
}

/* Vectors a = x0 x1 … of even and b of odd elements of two vectors; and back. */
static __m512 even(__m512 lo, __m512 hi) {
    const __m512i at = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(lo, at, hi);
}

static __m512 odd(__m512 lo, __m512 hi) {
    const __m512i at = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_permutex2var_ps(lo, at, hi);
}

static __m512 zip_low(__m512 a, __m512 b) {
    const __m512i at = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return _mm512_permutex2var_ps(a, at, b);
}

static __m512 zip_high(__m512 a, __m512 b) {
    const __m512i at =
        _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    return _mm512_permutex2var_ps(a, at, b);
}

static void rope(float *x, const float *cos_sin, int rope_dim, bool neox) {
    int half = rope_dim / 2;
    for (int i = 0; i < half; i += LANES) {
        /* 16 pairs: 32 floats of cos_sin, and of x where pairs are neighbours. */
        __mmask16 low = lanes_below(2 * (half - i)), high = lanes_below(2 * (half - i) - LANES);
        __mmask16 mask = lanes_below(half - i);
        __m512 t0 = _mm512_maskz_loadu_ps(low, cos_sin + 2 * i);
        __m512 t1 = _mm512_maskz_loadu_ps(high, cos_sin + 2 * i + LANES);
        __m512 c = even(t0, t1), s = odd(t0, t1), a, b;
        if (neox) {
            a = _mm512_maskz_loadu_ps(mask, x + i);
            b = _mm512_maskz_loadu_ps(mask, x + half + i);
        } else {
            __m512 x0 = _mm512_maskz_loadu_ps(low, x + 2 * i);
            __m512 x1 = _mm512_maskz_loadu_ps(high, x + 2 * i + LANES);
            a = even(x0, x1);
            b = odd(x0, x1);
        }
        __m512 turned_a = _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s));
        __m512 turned_b = _mm512_fmadd_ps(a, s, _mm512_mul_ps(b, c));
        if (neox) {
            _mm512_mask_storeu_ps(x + i, mask, turned_a);
            _mm512_mask_storeu_ps(x + half + i, mask, turned_b);
        } else {
            _mm512_mask_storeu_ps(x + 2 * i, low, zip_low(turned_a, turned_b));
            _mm512_mask_storeu_ps(x + 2 * i + LANES, high, zip_high(turned_a, turned_b));
        }
    }
}

static void silu_mul(float *out, const float *gate, const float *up, int64_t n) {
    const __m512 one = _mm512_set1_ps(1.0f), zero = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i += LANES) {
        __mmask16 mask = lanes_below(n - i);
        __m512 g = _mm512_maskz_loadu_ps(mask, gate + i);
        __m512 e = exp_avx512(_mm512_sub_ps(zero, g));
        __m512 silu = _mm512_div_ps(g, _mm512_add_ps(one, e));
        __m512 u = _mm512_maskz_loadu_ps(mask, up + i);
        _mm512_mask_storeu_ps(out + i, mask, _mm512_mul_ps(silu, u));
    }
}

static void add(float *out, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        __mmask16 mask = lanes_below(n - i);
        __m512 a = _mm512_maskz_loadu_ps(mask, out + i);
        _mm512_mask_storeu_ps(out + i, mask,
                              _mm512_add_ps(a, _mm512_maskz_loadu_ps(mask, x + i)));
    }
}

/* The largest that is not NaN; -infinity where there is none. */
static float largest(const float *x, int64_t n) {
    const __m512 least = _mm512_set1_ps(-INFINITY);
    __m512 most[UNROLL] = {least, least, least, least};
    int64_t i = 0;
    for (; i + UNROLL * LANES <= n; i += UNROLL * LANES)
        for (int u = 0; u < UNROLL; u++) /* max returns its second operand when the first is NaN */
            most[u] = _mm512_max_ps(_mm512_loadu_ps(x + i + LANES * u), most[u]);
    for (; i < n; i += LANES) {
        __m512 v = _mm512_mask_loadu_ps(least, lanes_below(n - i), x + i);
        most[0] = _mm512_max_ps(v, most[0]);
    }
    return _mm512_reduce_max_ps(
        _mm512_max_ps(_mm512_max_ps(most[0], most[1]), _mm512_max_ps(most[2], most[3])));
}

static int64_t argmax(const float *x, int64_t n) {
    __m512 most = _mm512_set1_ps(largest(x, n));
    for (int64_t i = 0; i < n; i += LANES) {
        __mmask16 mask = lanes_below(n - i);
        __m512 v = _mm512_maskz_loadu_ps(mask, x + i);
        __mmask16 equal = _mm512_mask_cmp_ps_mask(mask, v, most, _CMP_EQ_OQ);
        if (equal) return i + __builtin_ctz(equal);
    }
    return 0; /* nothing but NaN */
}

static double log_sum_exp(const float *x, int64_t n) {
    float most = largest(x, n);
    if (isinf(most)) return (double)most;
    double sum = 0;
    for (int64_t begin = 0; begin < n; begin += LOG_SUM_BLOCK) {
        int64_t end = begin + LOG_SUM_BLOCK < n ? begin + LOG_SUM_BLOCK : n;
        __m512 part = _mm512_setzero_ps();
        for (int64_t i = begin; i < end; i += LANES) {
            __mmask16 mask = lanes_below(end - i);
            __m512 v = _mm512_maskz_loadu_ps(mask, x + i);
            v = exp_avx512(_mm512_sub_ps(v, _mm512_set1_ps(most)));
            part = _mm512_add_ps(part, _mm512_maskz_mov_ps(mask, v));
        }
        sum += (double)_mm512_reduce_add_ps(part);
    }
    return (double)most + log(sum);
}

void vector_add_avx512(struct kernels *k) {
    k->rms_norm = rms_norm;
    k->rope = rope;
    k->silu_mul = silu_mul;
    k->add = add;
    k->argmax = argmax;
    k->log_sum_exp = log_sum_exp;
}
