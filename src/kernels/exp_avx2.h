/* exp_avx2.h - e^x for 8 floats, for the AVX2 files of this folder.
 *
 * The arithmetic, the error bound and the special cases are those of exp_avx512.h, bit for bit;
 * only 2^n is made differently: as two factors, because 2^128 (needed just below the overflow)
 * is no float. */
#ifndef KERNELS_EXP_AVX2_H
#define KERNELS_EXP_AVX2_H
#include <immintrin.h>

static inline __m256 exp_avx2(__m256 x) {
    const __m256 least = _mm256_set1_ps(-87.33654f); /* ln(FLT_MIN) */
    __m256 tiny = _mm256_cmp_ps(x, least, _CMP_LT_OQ);
    /* min and max return their second operand when one is NaN. */
    x = _mm256_max_ps(least, _mm256_min_ps(_mm256_set1_ps(89.0f), x));
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
    __m256 p = _mm256_set1_ps(1.406142255e-03f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.379058912e-03f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.166477174e-02f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.666636467e-01f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.000000596e-01f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    /* n is in [-126, 128]; half and the rest are in [-63, 64]. */
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    __m256i rest = _mm256_sub_epi32(whole, half), bias = _mm256_set1_epi32(127);
    __m256 two_half = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
    __m256 two_rest = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
    p = _mm256_mul_ps(_mm256_mul_ps(p, two_half), two_rest);
    return _mm256_andnot_ps(tiny, p);
}

#endif
