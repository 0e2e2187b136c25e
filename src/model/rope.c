/* rope.c - rotary positions.  See rope.h. */
#include "model/rope.h"

#include <assert.h>
#include <math.h>

static const char *const scaling_names[ROPE_SCALINGS] = {
    [ROPE_NONE] = "none", [ROPE_LINEAR] = "linear", [ROPE_YARN] = "yarn"};

const char *rope_scaling_name(enum rope_scaling scaling) {
    return scaling_names[scaling];
}

/* The pair whose wave turns `rotations` times within the trained length (YaRN, eq. 14 ff.):
 * L·base^(−2i/d)/2π = rotations, solved for i. */
static double correction_pair(const struct rope_options *o, double rotations) {
    return o->dim * log(o->context_original / (rotations * 2 * M_PI)) / (2 * log(o->base));
}

/* 1 keeps the trained frequency (fast pairs), 0 interpolates (slow ones), linear between. */
static double yarn_keep(const struct rope_options *o, int pair) {
    double low = fmax(0, floor(correction_pair(o, o->beta_fast)));
    double high = fmin(o->dim - 1, ceil(correction_pair(o, o->beta_slow)));
    double ramp = (pair - low) / fmax(0.001, high - low);
    return 1 - fmin(1, fmax(0, ramp));
}

void rope_init(struct rope *r, const struct rope_options *options) {
    assert(options->dim > 0 && options->dim % 2 == 0 && options->dim <= HEAD_DIM_MAX);
    r->options = *options;
    r->options.frequency_factors = NULL; /* a loan for this call */
    r->magnitude = 1;
    for (int i = 0; i < options->dim / 2; i++) {
        double f = pow(options->base, -2.0 * i / options->dim);
        if (options->frequency_factors) f /= options->frequency_factors[i];
        if (options->scaling == ROPE_LINEAR) f /= options->factor;
        if (options->scaling == ROPE_YARN) {
            double keep = yarn_keep(options, i);
            f = f / options->factor * (1 - keep) + f * keep;
        }
        r->frequency[i] = f;
    }
    if (options->scaling == ROPE_YARN && options->factor > 1)
        r->magnitude = options->attention_factor * (1 + 0.1 * log(options->factor));
}

void rope_fill(const struct rope *r, float *out, const int32_t *positions, int rows) {
    int pairs = r->options.dim / 2;
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < pairs; i++) {
            double angle = positions[row] * r->frequency[i], sine, cosine;
            sincos(angle, &sine, &cosine);
            out[(row * pairs + i) * 2] = (float)(cosine * r->magnitude);
            out[(row * pairs + i) * 2 + 1] = (float)(sine * r->magnitude);
        }
}
