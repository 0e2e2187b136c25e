/* peak.h - what the arithmetic units can do at most: loops over registers, without memory.
 *
 * A peak kernel makes `rounds` rounds of one instruction mix on independent accumulators and
 * says how many operations that was: a multiplication and an addition count as two, whatever
 * the instruction.  A fraction of such a peak says how much of the machine an operation uses; the
 * peak itself is never reached by anything that loads its operands.
 *
 * peak_read is the other limit: a streaming read of memory, nothing done with it.
 *
 * Pure, any thread; levels as in kernels.h. */
#ifndef KERNELS_PEAK_H
#define KERNELS_PEAK_H
#include <stdbool.h>
#include <stdint.h>

enum { PEAKS_MAX = 8 };

enum peak_type { PEAK_INT8, PEAK_F32, PEAK_F16, PEAK_BF16 };

struct peak {
    enum peak_type type;
    const char *level;        /* of kernels.h, from which on it counts: "avx2", "avx512", "amx" */
    const char *instruction;  /* "vpdpbusd, 512 bits" */
    int64_t (*run)(int64_t rounds); /* returns operations */
};

/* Those that this CPU has, up to and including the level `limit` (NULL or "auto": all), plainest
 * level first.  Asks the system for the tile registers where the CPU has them. */
int peak_list(struct peak out[PEAKS_MAX], const char *limit);

/* The last (best) of a type in a list; NULL: none. */
const struct peak *peak_best(const struct peak *list, int count, enum peak_type type);
const char *peak_type_name(enum peak_type type); /* "int8", "f32", "f16", "bf16" */

/* Reads bytes (a multiple of 1024, data at a multiple of 64) once and returns a sum that depends on
 * all of them, with the widest loads that this CPU has. */
uint64_t peak_read(const void *data, int64_t bytes);

#endif
