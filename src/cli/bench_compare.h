/* bench_compare.h - `longhaul bench compare`: beside another program's llama-bench, round by round.
 *
 * At each depth one round of ours is followed by one of theirs, on the same file with as many
 * threads and the same cache types, so that what the machine does meanwhile meets both.  A ratio is
 * formed within a round; shown are the median and the extremes of the ratios. */
#ifndef CLI_BENCH_COMPARE_H
#define CLI_BENCH_COMPARE_H
#include "base/error.h"
#include "config/options.h"

bool bench_compare_command(const struct options *o, const char *model, struct error *err);

#endif
