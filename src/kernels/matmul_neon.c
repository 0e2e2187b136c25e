/* matmul_neon.c - the neon level's matmul and act_quantize: every format of the table. */
#include "kernels/act.h"
#include "kernels/kernels_level.h"

void matmul_add_neon(struct kernels *k) {
    act_add_neon(k);
}

void matmul_add_dotprod(struct kernels *k) {
    (void)k; /* no instruction of this level is used yet */
}

void matmul_add_i8mm(struct kernels *k) {
    (void)k;
}
