/* peak_plain.c - peak_read in plain C: 64-bit loads, or what the compiler makes of them. */
#include <string.h>
#include "kernels/peak_isa.h"

enum { LANES = 16 }; /* independent sums, so that loads need not wait for additions */

uint64_t peak_read_plain(const void *data, int64_t bytes) {
    const uint8_t *at = data;
    uint64_t sum[LANES] = {0}, all = 0;
    for (int64_t i = 0; i < bytes; i += (int64_t)sizeof sum) {
        uint64_t x[LANES];
        memcpy(x, at + i, sizeof x);
        for (int lane = 0; lane < LANES; lane++) sum[lane] += x[lane];
    }
    for (int lane = 0; lane < LANES; lane++) all += sum[lane];
    return all;
}
