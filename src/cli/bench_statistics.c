/* bench_statistics.c - medians and extremes. */
#include "cli/bench_statistics.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct spread bench_statistics_spread(const double *values, int count) {
    double sorted[BENCH_REPEATS_MAX];
    assert(count >= 0 && count <= BENCH_REPEATS_MAX);
    if (count == 0)
        return (struct spread){0};
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    int half = count / 2;
    return (struct spread){
        .count = count,
        .min = sorted[0],
        .median = count % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2,
        .max = sorted[count - 1],
    };
}

struct spread bench_statistics_ratio(const double *a, const double *b, int count) {
    double ratios[BENCH_REPEATS_MAX];
    int kept = 0;
    for (int i = 0; i < count; i++) {
        if (b[i] > 0)
            ratios[kept++] = a[i] / b[i];
    }
    return bench_statistics_spread(ratios, kept);
}
