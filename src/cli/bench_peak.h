/* bench_peak.h - the machine's limits, measured on the spot: arithmetic out of registers, and the
 * bandwidth of reading memory.
 *
 * Measured with the worker pool that the engine computes with.  A limit is the best of many short
 * rounds: what disturbs a round can only make it slower. */
#ifndef CLI_BENCH_PEAK_H
#define CLI_BENCH_PEAK_H
#include "base/error.h"
#include "cli/bench_statistics.h"
#include "config/options.h"
#include "kernels/peak.h"

struct bench_limits {
    int threads;
    int count;
    struct peak peaks[PEAKS_MAX];
    struct spread ops_per_s[PEAKS_MAX];   /* of all threads together */
    struct spread read_bytes_per_s;
    int64_t read_buffer_bytes;
};

struct bench_peak_options {
    int threads;              /* 0: the CPUs that this process may use */
    const char *level;        /* as --cpu */
    int64_t buffer_bytes;     /* to read; 0: as much as a cache cannot hold */
    bool (*stopped)(void);    /* asked between rounds; ends with ERR_CANCELLED */
};

bool bench_peak_measure(const struct bench_peak_options *options, struct bench_limits *out,
                        struct error *err);

/* Operations a second of the best loop of a type at the level that computes ("avx512", …), or of a
 * level below where that level has none; 0: none. */
double bench_peak_ops(const struct bench_limits *limits, enum peak_type type, const char *level);

/* `longhaul bench peak` */
bool bench_peak_command(const struct options *o, bool (*stopped)(void), struct error *err);

#endif
