/* matmul_float_avx512.c - f32, f16 and bf16 weights with float rows of x.
 *
 * A panel holds 16 rows × k interleaved, so one vector is the 16 weights of one k.  An output
 * is one chain of fma in the order of k (kernels.h); two panels and up to six rows of x
 * are in registers, which is enough independent chains for two fma a cycle, whose latency
 * is four. */
#include "kernels/matmul_tile_avx512.h"
#include "kernels/kernels_level.h"

#define INLINE static inline __attribute__((always_inline))

enum { PANELS = 4, X_ROWS = 4 }; /* 16 chains, 4 weights, 1 of x */

INLINE __m512 weights_at(const enum quant_type type, const uint8_t *panel, int64_t k) {
    if (type == QUANT_F32) return _mm512_loadu_ps(panel + 64 * k);
    __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)(panel + 32 * k));
    if (type == QUANT_F16) return _mm512_cvtph_ps(half);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

struct floats {
    const uint8_t *panel; /* of the first of the panels */
    int64_t panel_bytes;
    const float *x;
    int64_t x_stride; /* floats */
    int64_t cols;
};

INLINE void multiply(const enum quant_type type, const int panels, const int rows,
                     const struct floats *f, __m512 acc[PANELS][X_ROWS]) {
    __m512 a[PANELS][X_ROWS];
#pragma GCC unroll 4
    for (int p = 0; p < panels; p++)
#pragma GCC unroll 4
        for (int t = 0; t < rows; t++) a[p][t] = _mm512_setzero_ps();
    for (int64_t k = 0; k < f->cols; k++) {
        __m512 w[PANELS];
#pragma GCC unroll 4
        for (int p = 0; p < panels; p++)
            w[p] = weights_at(type, f->panel + p * f->panel_bytes, k);
#pragma GCC unroll 4
        for (int t = 0; t < rows; t++) {
            __m512 x = _mm512_set1_ps(f->x[t * f->x_stride + k]);
#pragma GCC unroll 4
            for (int p = 0; p < panels; p++) a[p][t] = _mm512_fmadd_ps(w[p], x, a[p][t]);
        }
    }
#pragma GCC unroll 4
    for (int p = 0; p < panels; p++)
#pragma GCC unroll 4
        for (int t = 0; t < rows; t++) acc[p][t] = a[p][t];
}

INLINE void multiply_any(const enum quant_type type, int panels, int rows, const struct floats *f,
                         __m512 acc[PANELS][X_ROWS]) {
    if (panels == PANELS && rows == X_ROWS) multiply(type, PANELS, X_ROWS, f, acc);
    else if (panels == PANELS && rows == 1) multiply(type, PANELS, 1, f, acc);
    else
        for (int p = 0; p < panels; p++)
            for (int t = 0; t < rows; t++) {
                struct floats one = *f;
                __m512 single[PANELS][X_ROWS];
                one.panel += p * f->panel_bytes;
                one.x += t * f->x_stride;
                multiply(type, 1, 1, &one, single);
                acc[p][t] = single[0][0];
            }
}

/* acc + bias, then out + acc, for 16 rows of weights from n on. */
static void finish(const struct matmul_work *work, int64_t r, int64_t n, __m512 v) {
    int64_t left = work->row_end - n;
    __mmask16 rows = left < PANEL_ROWS ? (__mmask16)((1u << left) - 1) : (__mmask16)0xffff;
    float *out = work->out + r * work->out_stride + n;
    if (work->bias != NULL) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(rows, work->bias + n));
    if (work->add) v = _mm512_add_ps(_mm512_maskz_loadu_ps(rows, out), v);
    _mm512_mask_storeu_ps(out, rows, v);
}

INLINE void run(const enum quant_type type, const struct matmul_work *work) {
    int64_t panel_bytes = matmul_pack_panel_bytes(&MATMUL_PANEL[type], work->cols);
    int64_t stride = (int64_t)(kernels_act_layout(ACT_F32, work->cols).row_bytes / sizeof(float));
    for (int64_t n = work->row_begin; n < work->row_end; n += PANELS * PANEL_ROWS) {
        int64_t left = (work->row_end - n + PANEL_ROWS - 1) / PANEL_ROWS;
        int panels = left < PANELS ? (int)left : PANELS;
        for (int64_t r = 0; r < work->x_rows; r += X_ROWS) {
            int rows = work->x_rows - r < X_ROWS ? (int)(work->x_rows - r) : X_ROWS;
            __m512 acc[PANELS][X_ROWS];
            struct floats f = {(const uint8_t *)work->weights + n / PANEL_ROWS * panel_bytes,
                               panel_bytes, (const float *)work->x + r * stride, stride,
                               work->cols};
            multiply_any(type, panels, rows, &f, acc);
            for (int t = 0; t < rows; t++)
                for (int p = 0; p < panels; p++)
                    finish(work, r + t, n + p * PANEL_ROWS, acc[p][t]);
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

void matmul_float_add_avx512(struct kernels *k) {
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
