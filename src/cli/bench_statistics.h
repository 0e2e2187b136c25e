/* bench_statistics.h - what is said of repeated measurements: the median and the extremes.
 *
 * A mean hides a disturbed run and a standard deviation supposes a bell curve; runs on a shared
 * machine have a long tail on one side.  Pure. */
#ifndef CLI_BENCH_STATISTICS_H
#define CLI_BENCH_STATISTICS_H

enum { BENCH_REPEATS_MAX = 1000 };

struct spread {
    int count;
    double min, median, max;
};

/* Of 0 to BENCH_REPEATS_MAX values, in any order; all zero for none. */
struct spread bench_statistics_spread(const double *values, int count);
/* Of a[i] / b[i]; pairs whose b is not above 0 are left out. */
struct spread bench_statistics_ratio(const double *a, const double *b, int count);

#endif
