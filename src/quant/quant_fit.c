/* quant_fit.c - choosing scales when encoding.
 *
 * Encoding happens when test models are made and where a cache stores few values; it is
 * written for small error and plainness, not for speed.  Every fit tries a handful of inverse
 * steps around the one that maps the extreme value to the extreme code, rounds, solves for the
 * best step of those codes (least squares) and keeps the attempt with the least error.
 *
 * Inputs may be anything: non-finite values give some valid block, never undefined behaviour. */
#include "quant/quant_fit.h"
#include "quant/quant_block.h"
#include "quant/quant.h"
#include <math.h>
#include <stdbool.h>

enum { TRIALS = 8 }; /* on each side of the first guess */

int quant_fit_nearest(float x, float inverse, int lo, int hi) {
    float q = x * inverse;
    if (!(q > (float)lo)) return lo;
    if (q >= (float)hi) return hi;
    return (int)lrintf(q);
}

uint16_t quant_fit_f16(float f) {
    if (!(f > -65504.0f)) f = f != f ? 0.0f : -65504.0f;
    if (f > 65504.0f) f = 65504.0f;
    return quant_f32_to_f16(f);
}

float quant_fit_inverse(float f) {
    float inverse = f != 0.0f ? 1.0f / f : 0.0f;
    return isfinite(inverse) ? inverse : 0.0f;
}

/* The element of largest magnitude, with its sign. */
static float extreme(const float *x, int n) {
    float best = 0.0f;
    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(best)) best = x[i];
    return best;
}

float quant_fit_symmetric(const float *x, int n, int lo, int hi) {
    float peak = extreme(x, n), best_scale = 0.0f, best_gain = 0.0f;
    if (peak == 0.0f || !isfinite(peak)) return 0.0f;
    for (int trial = -TRIALS; trial <= TRIALS; trial++) {
        float inverse = ((float)lo + 0.1f * (float)trial) / peak;
        float xq = 0.0f, qq = 0.0f;
        for (int i = 0; i < n; i++) {
            float q = (float)quant_fit_nearest(x[i], inverse, lo, hi);
            xq += x[i] * q;
            qq += q * q;
        }
        /* Σ(x − s·q)² with s = Σxq / Σqq is Σx² − (Σxq)²/Σqq: the largest gain wins. */
        float gain = qq > 0.0f ? xq * xq / qq : 0.0f;
        if (!(gain > best_gain)) continue;
        best_gain = gain;
        best_scale = xq / qq;
    }
    return isfinite(best_scale) ? best_scale : 0.0f;
}

static float line_error(const float *x, int n, int hi, struct quant_fit_line line) {
    float inverse = quant_fit_inverse(line.scale), error = 0.0f;
    for (int i = 0; i < n; i++) {
        float q = (float)quant_fit_nearest(x[i] - line.min, inverse, 0, hi);
        float off = line.scale * q + line.min - x[i];
        error += off * off;
    }
    return error;
}

/* The best line through the codes that `line` gives, with m <= m_max. */
static struct quant_fit_line line_refit(const float *x, int n, int hi, struct quant_fit_line line,
                                        float m_max) {
    float inverse = quant_fit_inverse(line.scale);
    double sx = 0, sq = 0, sxq = 0, sqq = 0;
    for (int i = 0; i < n; i++) {
        double q = quant_fit_nearest(x[i] - line.min, inverse, 0, hi);
        sx += (double)x[i];
        sq += q;
        sxq += (double)x[i] * q;
        sqq += q * q;
    }
    double determinant = n * sqq - sq * sq;
    if (determinant <= 0) return line;
    double scale = (n * sxq - sx * sq) / determinant;
    double min = (sx * sqq - sq * sxq) / determinant;
    if (min > (double)m_max) {
        min = (double)m_max;
        scale = sqq > 0 ? (sxq - min * sq) / sqq : 0;
    }
    if (!(scale > 0)) return line;
    return (struct quant_fit_line){(float)scale, (float)min};
}

struct quant_fit_line quant_fit_affine(const float *x, int n, int hi, float m_max) {
    float low = INFINITY, high = -INFINITY;
    for (int i = 0; i < n; i++) {
        if (x[i] < low) low = x[i];
        if (x[i] > high) high = x[i];
    }
    if (!isfinite(low) || !isfinite(high)) return (struct quant_fit_line){0.0f, 0.0f};
    if (low > m_max) low = m_max;
    struct quant_fit_line best = {(high - low) / (float)hi, low};
    if (!(high > low)) return (struct quant_fit_line){0.0f, low};
    float best_error = line_error(x, n, hi, best);
    for (int trial = -TRIALS; trial <= TRIALS; trial++) {
        struct quant_fit_line line = {(high - low) / ((float)hi + 0.1f * (float)trial), low};
        line = line_refit(x, n, hi, line, m_max);
        float error = line_error(x, n, hi, line);
        if (!(error < best_error)) continue;
        best_error = error;
        best = line;
    }
    return best;
}

int quant_fit_iq4_nearest(float x, float inverse) {
    float value = x * inverse;
    int best = 0;
    for (int q = 1; q < 16; q++)
        if (fabsf(value - QUANT_IQ4_VALUE[q]) < fabsf(value - QUANT_IQ4_VALUE[best])) best = q;
    return best;
}

float quant_fit_iq4(const float *x, int n) {
    float peak = extreme(x, n), best_scale = 0.0f, best_gain = 0.0f;
    if (peak == 0.0f || !isfinite(peak)) return 0.0f;
    for (int trial = -TRIALS; trial <= TRIALS; trial++) {
        float inverse = ((float)QUANT_IQ4_VALUE[0] + 2.0f * (float)trial) / peak;
        float xv = 0.0f, vv = 0.0f;
        for (int i = 0; i < n; i++) {
            float v = (float)QUANT_IQ4_VALUE[quant_fit_iq4_nearest(x[i], inverse)];
            xv += x[i] * v;
            vv += v * v;
        }
        float gain = vv > 0.0f ? xv * xv / vv : 0.0f; /* as in quant_fit_symmetric */
        if (!(gain > best_gain)) continue;
        best_gain = gain;
        best_scale = xv / vv;
    }
    return isfinite(best_scale) ? best_scale : 0.0f;
}
