/* matmul_neon.c - the matmul and act_quantize of the levels of arm64: every format of the table.
 *
 * dotprod and i8mm replace the multiplication of the integer formats and keep the rest. */
#include "kernels/act.h"
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_neon.h"
#include "kernels/unroll.h"

static const struct tile_level level = { /* as far as memory goes, of all three levels */
    .tile_bytes = sizeof(struct tile), .panels = 1, .pass_rows = TILE_PASS_ROWS,
};

static size_t scratch_bytes(int64_t cols) {
    (void)cols;
    return matmul_tile_scratch_bytes(&level);
}

static void finish_few(const struct tile_finish *f) {
    for (int64_t t = 0; t < f->x_rows; t++)
        for (int i = 0; i < f->count; i++) {
            float *out = f->out + t * f->out_stride + i;
            float v = f->acc[t * f->acc_stride + i];
            if (f->bias != NULL) v += f->bias[i];
            *out = f->add ? *out + v : v;
        }
}

static ALWAYS_INLINE void finish_panel(const struct tile_finish *f, const bool bias,
                                       const bool add) {
    for (int64_t t = 0; t < f->x_rows; t++) {
        float *out = f->out + t * f->out_stride;
        UNROLL
        for (int h = 0; h < QUADS; h++) {
            float32x4_t v = vld1q_f32(f->acc + t * f->acc_stride + QUAD_ROWS * h);
            if (bias) v = vaddq_f32(v, vld1q_f32(f->bias + QUAD_ROWS * h));
            if (add) v = vaddq_f32(vld1q_f32(out + QUAD_ROWS * h), v);
            vst1q_f32(out + QUAD_ROWS * h, v);
        }
    }
}

void matmul_neon_finish(const struct tile_finish *f) {
    if (f->count < PANEL_ROWS) finish_few(f);
    else if (f->bias != NULL && f->add) finish_panel(f, true, true);
    else if (f->bias != NULL) finish_panel(f, true, false);
    else if (f->add) finish_panel(f, false, true);
    else finish_panel(f, false, false);
}

void matmul_neon_use(struct kernels *k, enum quant_type type,
                     void (*run)(const struct matmul_work *work)) {
    bool small = MATMUL_PANEL[type].block_elements == 32;
    k->matmul[type] = (struct kernel_matmul){
        .act = small ? ACT_Q8_32 : ACT_Q8_256, .scratch_bytes = scratch_bytes, .run = run};
    matmul_pack_use(&k->matmul[type], type);
}

void matmul_add_neon(struct kernels *k) {
    act_add_neon(k);
    matmul_tile_add_neon(k);
    matmul_float_add_neon(k);
}
