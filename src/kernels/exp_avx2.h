/* exp_avx2.h - e^x for 8 floats, for the AVX2 files of this folder.
 *
 * The arithmetic, the error bound and the special cases are those of exp_avx512.h, bit for bit;
 * only 2^n is made differently: as two factors, because 2^128 (needed just below the overflow)
 * is no float. */
#ifndef KERNELS_EXP_AVX2_H
#define KERNELS_EXP_AVX2_H
#include <immintrin.h>

/* n and p(r) of e^x = 2^n · p(r), and a mask of lanes whose result is not 0. */
static inline __m256 exp_split_avx2(__m256 x, __m256i *n, __m256 *live) {
    /* Not less than ln(FLT_MIN): true for NaN too.  Other lanes compute nonsense and become 0. */
    *live = _mm256_cmp_ps(x, _mm256_set1_ps(-87.33654f), _CMP_NLT_UQ);
    const __m256 round = _mm256_set1_ps(0x1.8p23f);
    __m256 sum = _mm256_fmadd_ps(x, _mm256_set1_ps(1.44269504f), round);
    __m256 whole = _mm256_sub_ps(sum, round);
    /* The integer also stands in the sum's lowest bits. */
    *n = _mm256_sub_epi32(_mm256_castps_si256(sum), _mm256_castps_si256(round));
    __m256 r = _mm256_fnmadd_ps(whole, _mm256_set1_ps(0.693359375f), x);
    r = _mm256_fnmadd_ps(whole, _mm256_set1_ps(-2.12194440e-4f), r);
    __m256 p = _mm256_set1_ps(1.406142255e-03f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.379058912e-03f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.166477174e-02f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.666636467e-01f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.000000596e-01f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    return _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
}

/* For x <= 0: there n is in [-126, 0] and adding it to the exponent of p, in [-1, 0], gives the
 * exponent of the result, at least -126 since e^x >= FLT_MIN. */
static inline __m256 exp_nonpositive_avx2(__m256 x) {
    __m256i n;
    __m256 live, p = exp_split_avx2(x, &n, &live);
    __m256i bits = _mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(n, 23));
    return _mm256_and_ps(live, _mm256_castsi256_ps(bits));
}

static inline __m256 exp_avx2(__m256 x) {
    __m256i n;
    /* min returns its second operand when one is NaN. */
    __m256 live, p = exp_split_avx2(_mm256_min_ps(_mm256_set1_ps(89.0f), x), &n, &live);
    /* n is in [-126, 128]; half and the rest are in [-63, 64]. */
    __m256i half = _mm256_srai_epi32(n, 1), rest = _mm256_sub_epi32(n, half);
    __m256i bias = _mm256_set1_epi32(127);
    __m256 two_half = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
    __m256 two_rest = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
    return _mm256_and_ps(live, _mm256_mul_ps(_mm256_mul_ps(p, two_half), two_rest));
}

#endif
