/* matmul_float_avx2.c - f32, f16 and bf16 weights with float rows of x.
 *
 * A panel holds 16 rows × k interleaved, so two vectors are the 16 weights of one k.  An output is
 * one chain of fma in the order of k (kernels.h).  Ten chains keep two fma a cycle of latency
 * five busy: one panel with five rows of x, or five panels with one. */
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_avx2.h"

#define INLINE static inline __attribute__((always_inline))

enum { CHAINS = 5 }; /* of two vectors */

INLINE __m256 weights_at(const enum quant_type type, const uint8_t *panel, int64_t k, int h) {
    if (type == QUANT_F32)
        return _mm256_loadu_ps((const float *)(const void *)(panel + 64 * k + 32 * h));
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)(panel + 32 * k + 16 * h));
    if (type == QUANT_F16) return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

/* acc + bias, then out + acc, for 16 rows of weights from n on. */
static void finish(const struct matmul_work *work, int64_t r, int64_t n, const __m256 acc[2]) {
    int64_t left = work->row_end - n;
    int count = left < PANEL_ROWS ? (int)left : PANEL_ROWS;
    float *out = work->out + r * work->out_stride + n;
    float v[PANEL_ROWS];
    for (int h = 0; h < 2; h++) _mm256_storeu_ps(v + 8 * h, acc[h]);
    for (int i = 0; i < count; i++) {
        if (work->bias != NULL) v[i] += work->bias[n + i];
        out[i] = work->add ? out[i] + v[i] : v[i];
    }
}

struct chains { /* `panels` panels × `rows` rows of x; one of the two is 1 */
    const uint8_t *panel;
    int64_t panel_bytes;
    const float *x;
    int64_t x_stride; /* floats */
    int64_t cols;
};

INLINE void multiply(const enum quant_type type, const int panels, const int rows,
                     const struct chains *c, __m256 out[CHAINS][2]) {
    __m256 a[CHAINS][2];
    const int count = panels * rows;
#pragma GCC unroll 5
    for (int i = 0; i < count; i++) a[i][0] = a[i][1] = _mm256_setzero_ps();
    for (int64_t k = 0; k < c->cols; k++) {
#pragma GCC unroll 5
        for (int i = 0; i < count; i++) {
            __m256 x = _mm256_set1_ps(c->x[(panels == 1 ? i : 0) * c->x_stride + k]);
            const uint8_t *panel = c->panel + (panels == 1 ? 0 : i) * c->panel_bytes;
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++)
                a[i][h] = _mm256_fmadd_ps(weights_at(type, panel, k, h), x, a[i][h]);
        }
    }
#pragma GCC unroll 5
    for (int i = 0; i < count; i++) out[i][0] = a[i][0], out[i][1] = a[i][1];
}

INLINE void run(const enum quant_type type, const struct matmul_work *work) {
    int64_t panel_bytes = matmul_pack_panel_bytes(&MATMUL_PANEL[type], work->cols);
    int64_t stride = (int64_t)(kernels_act_layout(ACT_F32, work->cols).row_bytes / sizeof(float));
    const bool many_panels = work->x_rows < CHAINS;
    const int panel_step = many_panels ? CHAINS : 1, row_step = many_panels ? 1 : CHAINS;
    for (int64_t n = work->row_begin; n < work->row_end; n += panel_step * PANEL_ROWS)
        for (int64_t r = 0; r < work->x_rows; r += row_step) {
            int64_t panels = (work->row_end - n + PANEL_ROWS - 1) / PANEL_ROWS;
            int64_t rows = work->x_rows - r;
            struct chains c = {(const uint8_t *)work->weights + n / PANEL_ROWS * panel_bytes,
                               panel_bytes, (const float *)work->x + r * stride, stride,
                               work->cols};
            __m256 out[CHAINS][2];
            if (many_panels && panels >= CHAINS) {
                multiply(type, CHAINS, 1, &c, out);
                for (int p = 0; p < CHAINS; p++) finish(work, r, n + p * PANEL_ROWS, out[p]);
            } else if (!many_panels && rows >= CHAINS) {
                multiply(type, 1, CHAINS, &c, out);
                for (int t = 0; t < CHAINS; t++) finish(work, r + t, n, out[t]);
            } else {
                for (int p = 0; p < panels && p < panel_step; p++)
                    for (int t = 0; t < rows && t < row_step; t++) {
                        struct chains one = c;
                        one.panel += p * panel_bytes;
                        one.x += t * stride;
                        multiply(type, 1, 1, &one, out);
                        finish(work, r + t, n + p * PANEL_ROWS, out[0]);
                    }
            }
        }
}

static void run_f32(const struct matmul_work *work) {
    run(QUANT_F32, work);
}

static void run_f16(const struct matmul_work *work) {
    run(QUANT_F16, work);
}

static void run_bf16(const struct matmul_work *work) {
    run(QUANT_BF16, work);
}

static size_t scratch_bytes(int64_t cols) {
    (void)cols;
    return 0;
}

void matmul_float_add_avx2(struct kernels *k) {
    static const struct {
        enum quant_type type;
        void (*run)(const struct matmul_work *work);
    } rows[] = {{QUANT_F32, run_f32}, {QUANT_F16, run_f16}, {QUANT_BF16, run_bf16}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kernel_matmul *m = &k->matmul[rows[i].type];
        *m = (struct kernel_matmul){
            .act = ACT_F32, .scratch_bytes = scratch_bytes, .run = rows[i].run};
        matmul_pack_use(m, rows[i].type);
    }
}
