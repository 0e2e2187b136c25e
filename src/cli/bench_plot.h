/* bench_plot.h - tokens a second over depth as an SVG: self-contained, for light and dark pages.
 *
 * Pure: writes into a string. */
#ifndef CLI_BENCH_PLOT_H
#define CLI_BENCH_PLOT_H
#include "base/str.h"
#include "cli/bench_statistics.h"

struct bench_plot_point {
    double depth;
    struct spread prefill, decode; /* tokens/s; count 0: not measured */
};

/* Points in order of depth.  The title is escaped. */
void bench_plot_svg(struct str *out, const char *title, const struct bench_plot_point *points,
                    int count);

#endif
