/* quant_fit.h - inside quant/ only: choosing scales when encoding. */
#ifndef QUANT_QUANT_FIT_H
#define QUANT_QUANT_FIT_H
#include <stdint.h>

/* x / step to the nearest integer in [lo, hi]; lo for a NaN.  inverse is 1/step. */
int quant_fit_nearest(float x, float inverse, int lo, int hi);

/* The step s for which s · q, lo <= q <= hi, comes closest to x[n] in squared error; 0 for
 * zeros.  lo < 0 < hi; s may be negative (so that the largest magnitude can use lo). */
float quant_fit_symmetric(const float *x, int n, int lo, int hi);

/* s and m for which s · q + m, 0 <= q <= hi, comes closest to x[n].  m_max bounds m from
 * above (0 for the formats that can only subtract, INFINITY for the others); s >= 0. */
struct quant_fit_line {
    float scale, min;
};
struct quant_fit_line quant_fit_affine(const float *x, int n, int hi, float m_max);

/* The step s for which s · QUANT_IQ4_VALUE[q] comes closest to x[n]. */
float quant_fit_iq4(const float *x, int n);
/* Index of the level nearest to x · inverse. */
int quant_fit_iq4_nearest(float x, float inverse);

/* f as the half-precision number that will stand in the file, never an infinity. */
uint16_t quant_fit_f16(float f);
/* 1/f, and 0 where f is 0 or 1/f is no finite number. */
float quant_fit_inverse(float f);

#endif
