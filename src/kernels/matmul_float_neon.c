/* matmul_float_neon.c - f32, f16 and bf16 weights with float rows of x.
 *
 * A panel holds 16 rows × k interleaved, so four vectors are the 16 weights of one k.  An output is
 * one chain of fma in the order of k (kernels.h).  Five panels with one row of x, or one panel with
 * five rows, are 20 vectors of chains, which keep four pipes of latency four busy; with the weight
 * and five vectors of x, four k each, that is 26 registers. */
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_neon.h"
#include "kernels/unroll.h"

enum { CHAINS = 5, X_STEP = 4 };

/* The weights of one k and a quad of rows. */
static ALWAYS_INLINE float32x4_t weights_at(const enum quant_type type, const uint8_t *panel,
                                            int64_t k, int h) {
    int64_t at = PANEL_ROWS * k + QUAD_ROWS * h;
    if (type == QUANT_F32) return vld1q_f32((const float *)(const void *)panel + at);
    uint16x4_t half = vld1_u16((const uint16_t *)(const void *)panel + at);
    if (type == QUANT_F16) return vcvt_f32_f16(vreinterpret_f16_u16(half));
    return vreinterpretq_f32_u32(vmovl_u16(half) << vdupq_n_u32(16));
}

/* acc + bias, then out + acc, for 16 rows of weights from n on. */
static void finish(const struct matmul_work *work, int64_t r, int64_t n,
                   const float32x4_t acc[QUADS]) {
    int64_t left = work->row_end - n;
    int count = left < PANEL_ROWS ? (int)left : PANEL_ROWS;
    float *out = work->out + r * work->out_stride + n;
    float v[PANEL_ROWS];
    for (int h = 0; h < QUADS; h++) vst1q_f32(v + QUAD_ROWS * h, acc[h]);
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

struct sums {
    float32x4_t s[CHAINS][QUADS];
};

/* The next k, whose x stand in lane `lane`. */
static ALWAYS_INLINE void multiply_k(struct sums *sums, const enum quant_type type,
                                     const int panels, const int rows, const struct chains *c,
                                     int64_t k, const float32x4_t x[CHAINS], const int lane) {
    const int count = panels * rows;
    UNROLL
    for (int h = 0; h < QUADS; h++) {
        float32x4_t w = weights_at(type, c->panel, k, h);
        UNROLL
        for (int i = 0; i < count; i++) {
            if (i > 0 && panels > 1) w = weights_at(type, c->panel + i * c->panel_bytes, k, h);
            sums->s[i][h] = vfmaq_n_f32(sums->s[i][h], w, x[panels == 1 ? i : 0][lane]);
        }
    }
}

static ALWAYS_INLINE struct sums multiply(const enum quant_type type, const int panels,
                                          const int rows, const struct chains *c) {
    struct sums sums;
    float32x4_t x[CHAINS];
    UNROLL
    for (int i = 0; i < panels * rows; i++)
        UNROLL
        for (int h = 0; h < QUADS; h++) sums.s[i][h] = vdupq_n_f32(0);
    int64_t k = 0;
    for (; k + X_STEP <= c->cols; k += X_STEP) {
        UNROLL
        for (int t = 0; t < rows; t++) x[t] = vld1q_f32(c->x + t * c->x_stride + k);
        UNROLL
        for (int lane = 0; lane < X_STEP; lane++)
            multiply_k(&sums, type, panels, rows, c, k + lane, x, lane);
    }
    for (; k < c->cols; k++) {
        UNROLL
        for (int t = 0; t < rows; t++) x[t] = vdupq_n_f32(c->x[t * c->x_stride + k]);
        multiply_k(&sums, type, panels, rows, c, k, x, 0);
    }
    return sums;
}

/* The chains that c begins with, of which `panels` and `rows` exist. */
static ALWAYS_INLINE void run_chains(const enum quant_type type, const struct matmul_work *work,
                                     const struct chains *c, int64_t n, int64_t r, int panels,
                                     int rows) {
    if (panels == CHAINS) {
        struct sums sums = multiply(type, CHAINS, 1, c);
        for (int p = 0; p < CHAINS; p++) finish(work, r, n + p * PANEL_ROWS, sums.s[p]);
    } else if (rows == CHAINS) {
        struct sums sums = multiply(type, 1, CHAINS, c);
        for (int t = 0; t < CHAINS; t++) finish(work, r + t, n, sums.s[t]);
    } else {
        for (int p = 0; p < panels; p++)
            for (int t = 0; t < rows; t++) {
                struct chains one = *c;
                one.panel += p * c->panel_bytes;
                one.x += t * c->x_stride;
                struct sums sums = multiply(type, 1, 1, &one);
                finish(work, r + t, n + p * PANEL_ROWS, sums.s[0]);
            }
    }
}

static ALWAYS_INLINE void run(const enum quant_type type, const struct matmul_work *work) {
    int64_t panel_bytes = matmul_pack_panel_bytes(&MATMUL_PANEL[type], work->cols);
    int64_t stride = (int64_t)(kernels_act_layout(ACT_F32, work->cols).row_bytes / sizeof(float));
    const bool many_panels = work->x_rows < CHAINS;
    const int panel_step = many_panels ? CHAINS : 1, row_step = many_panels ? 1 : CHAINS;
    for (int64_t n = work->row_begin; n < work->row_end; n += panel_step * PANEL_ROWS)
        for (int64_t r = 0; r < work->x_rows; r += row_step) {
            int64_t panels = (work->row_end - n + PANEL_ROWS - 1) / PANEL_ROWS;
            int64_t rows = work->x_rows - r;
            const struct chains c = {(const uint8_t *)work->weights + n / PANEL_ROWS * panel_bytes,
                                     panel_bytes, (const float *)work->x + r * stride, stride,
                                     work->cols};
            run_chains(type, work, &c, n, r, panels < panel_step ? (int)panels : panel_step,
                       rows < row_step ? (int)rows : row_step);
        }
}

static void run_f32(const struct matmul_work *work) { run(QUANT_F32, work); }
static void run_f16(const struct matmul_work *work) { run(QUANT_F16, work); }
static void run_bf16(const struct matmul_work *work) { run(QUANT_BF16, work); }

static size_t scratch_bytes(int64_t cols) {
    (void)cols;
    return 0;
}

void matmul_float_add_neon(struct kernels *k) {
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
