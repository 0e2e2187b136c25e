/* kernels_neon.c - the levels of arm64: which of them this CPU has.
 *
 *     neon      what every arm64 CPU has (Cortex-A53, A72: products of bytes, added as int16)
 *     dotprod   + sdot: four products of bytes added into int32 (Cortex-A76, Neoverse N1, Apple M1)
 *     i8mm      + smmla: 2 × 8 by 8 × 2 (Neoverse V1, N2, Cortex-X2, Apple M2)
 *
 * The system tells what it allows in the auxiliary vector, see Linux' Documentation/arch/arm64/
 * elf_hwcaps.rst.  On other machines these functions say no. */
#include "kernels/kernels.h"
#include "kernels/kernels_level.h"

#if defined(__aarch64__)
#include <sys/auxv.h>

/* Bits of AT_HWCAP and AT_HWCAP2; <asm/hwcap.h> of an old system lacks the younger. */
#define NEON (1UL << 1) /* HWCAP_ASIMD */
#define DOTPROD (1UL << 20) /* HWCAP_ASIMDDP */
#define I8MM (1UL << 13) /* HWCAP2_I8MM */

bool kernels_add_neon(struct kernels *k) {
    if ((getauxval(AT_HWCAP) & NEON) == 0) return false;
    matmul_add_neon(k);
    attention_add_neon(k);
    vector_add_neon(k);
    kv_add_neon(k);
    k->level = "neon";
    return true;
}

bool kernels_add_dotprod(struct kernels *k) {
    if ((getauxval(AT_HWCAP) & DOTPROD) == 0) return false;
    matmul_add_dotprod(k);
    k->level = "dotprod";
    return true;
}

bool kernels_add_i8mm(struct kernels *k) {
    if ((getauxval(AT_HWCAP2) & I8MM) == 0) return false;
    matmul_add_i8mm(k);
    k->level = "i8mm";
    return true;
}
#else
bool kernels_add_neon(struct kernels *k) {
    (void)k;
    return false;
}

bool kernels_add_dotprod(struct kernels *k) {
    (void)k;
    return false;
}

bool kernels_add_i8mm(struct kernels *k) {
    (void)k;
    return false;
}
#endif
