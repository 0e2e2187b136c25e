/* matmul_neon.c - the matmul and act_quantize of the levels of arm64: every format of the table.
 *
 * dotprod and i8mm replace the multiplication of the integer formats and keep the rest. */
#include "kernels/act.h"
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_neon.h"

static const struct tile_level level = { /* as far as memory goes, of all three levels */
    .tile_bytes = sizeof(struct tile), .panels = 1, .pass_rows = TILE_PASS_ROWS,
};

static size_t scratch_bytes(int64_t cols) {
    (void)cols;
    return matmul_tile_scratch_bytes(&level);
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
