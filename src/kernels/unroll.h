/* unroll.h - asks the compiler to unroll a short loop fully (at most 8 rounds), so that the arrays
 * that it indexes live in registers.  gcc wants a bound; clang keeps the arrays in memory when
 * the bound is larger than the number of rounds. */
#ifndef KERNELS_UNROLL_H
#define KERNELS_UNROLL_H

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif
#define ALWAYS_INLINE inline __attribute__((always_inline))

#endif
