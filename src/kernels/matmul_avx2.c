/* matmul_avx2.c - the AVX2 level's matmul and act_quantize: every format of the table. */
#include "kernels/act.h"
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_avx2.h"

void matmul_add_avx2(struct kernels *k) {
    act_add_avx2(k);
    matmul_unpack_add_avx2(k);
    matmul_float_add_avx2(k);
}
