/* matmul_avx512.c - the AVX-512 level's matmul and act_quantize: every format of the table. */
#include "kernels/act.h"
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_avx512.h"

void matmul_add_avx512(struct kernels *k) {
    act_add_avx512(k);
    matmul_unpack_add_avx512(k);
    matmul_float_add_avx512(k);
}
