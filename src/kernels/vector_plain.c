/* vector_plain.c - the operations on one row of activations, in plain C: the specification.
 *
 * The result of a row depends on nothing but that row. */
#include <math.h>
#include "kernels/kernels.h"
#include "kernels/kernels_level.h"

static void rms_norm(float *out, const float *x, const float *w, int64_t cols, float eps) {
    double squares = 0;
    for (int64_t i = 0; i < cols; i++) squares += (double)x[i] * x[i];
    float scale = (float)(1.0 / sqrt(squares / (double)cols + (double)eps));
    for (int64_t i = 0; i < cols; i++) out[i] = x[i] * scale * w[i];
}

static void rope(float *x, const float *cos_sin, int rope_dim, bool neox) {
    int half = rope_dim / 2;
    for (int i = 0; i < half; i++) {
        float *a = neox ? x + i : x + 2 * i, *b = neox ? x + half + i : x + 2 * i + 1;
        float c = cos_sin[2 * i], s = cos_sin[2 * i + 1], a0 = *a, b0 = *b;
        *a = a0 * c - b0 * s;
        *b = a0 * s + b0 * c;
    }
}

static void silu_mul(float *out, const float *gate, const float *up, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = gate[i] / (1.0f + expf(-gate[i])) * up[i];
}

static void add(float *out, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] += x[i];
}

static int64_t argmax(const float *x, int64_t n) {
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++)
        if (x[i] == x[i] && (best < 0 || x[i] > x[best])) best = i;
    return best < 0 ? 0 : best; /* nothing but NaN: the first */
}

static double log_sum_exp(const float *x, int64_t n) {
    float most = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        if (x[i] > most) most = x[i];
    if (isinf(most)) return (double)most; /* no weight at all, or one that outweighs the rest */
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += exp((double)x[i] - (double)most);
    return (double)most + log(sum);
}

void vector_add_plain(struct kernels *k) {
    k->rms_norm = rms_norm;
    k->rope = rope;
    k->silu_mul = silu_mul;
    k->add = add;
    k->argmax = argmax;
    k->log_sum_exp = log_sum_exp;
}
