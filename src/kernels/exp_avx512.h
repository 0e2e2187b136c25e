/* exp_avx512.h - e^x for 16 floats, for the AVX-512 files of this folder.
 *
 *     n = round(x / ln 2),  r = x - n·ln 2 (ln 2 in two parts),  e^x = 2^n · p(r),  |r| <= 0.3468
 *
 * p(r) = 1 + c1·r + … + c6·r^6 is the minimax polynomial with p(0) = 1 (Remez exchange on
 * |r| <= ln 2 / 2 + 0.05 %): relative error 2.6e-9, a 23rd of half a unit in the last place, so
 * rounding decides.  Over all floats the error stays below 1.1 units in the last place
 * (tests/test_attention.c measures it).  Exact: e^0 = 1; x < ln(FLT_MIN) (the result would
 * be denormal) and -infinity give 0; x > 88.73 gives infinity; NaN stays NaN. */
#ifndef KERNELS_EXP_AVX512_H
#define KERNELS_EXP_AVX512_H
#include <immintrin.h>

/* For x <= 88.7 (beyond, the result means nothing). */
static inline __m512 exp_bounded_avx512(__m512 x) {
    /* Not less than ln(FLT_MIN): true for NaN too.  Other lanes compute nonsense and become 0. */
    __mmask16 live = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.33654f), _CMP_NLT_UQ);
    /* Adding 1.5 · 2^23 rounds to an integer, since the sum has no bits below 1. */
    const __m512 round = _mm512_set1_ps(0x1.8p23f);
    __m512 n = _mm512_sub_ps(_mm512_fmadd_ps(x, _mm512_set1_ps(1.44269504f), round), round);
    /* 0.693359375 has 9 bits, so n · it is exact; the second part is ln 2 minus it. */
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.406142255e-03f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.379058912e-03f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.166477174e-02f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.666636467e-01f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.000000596e-01f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_maskz_scalef_ps(live, p, n);
}

static inline __m512 exp_avx512(__m512 x) {
    /* min returns its second operand when one is NaN. */
    return exp_bounded_avx512(_mm512_min_ps(_mm512_set1_ps(89.0f), x));
}

#endif
