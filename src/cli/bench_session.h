/* bench_session.h - a model opened to be measured: what `bench` and `bench compare` share.
 *
 * One window holds all depths, so that each token is filled once.  Ctrl-C ends a measurement with
 * ERR_CANCELLED.  Main thread. */
#ifndef CLI_BENCH_SESSION_H
#define CLI_BENCH_SESSION_H
#include "cli/bench_statistics.h"
#include "cli/load_native.h"
#include "cli/progress.h"

struct bench_session {
    struct load_config config;
    bool config_open;
    struct load model;
    struct native *native;
    struct engine_bench_window *window;
    int prefill, decode, repeats; /* tokens, tokens, rounds */
    int64_t depths[OPTION_INTS_MAX]; /* ascending */
    int depth_count;
    struct progress bar;
};

/* Reads the options, finds and loads the model.  Close it in any case. */
bool bench_session_open(struct bench_session *s, const struct options *o, const char *model,
                        struct error *err);
void bench_session_close(struct bench_session *s);

const struct engine_info *bench_session_info(const struct bench_session *s);
/* A short run that is not counted: first touches of buffers, clocks that go up. */
bool bench_session_warm_up(struct bench_session *s, struct error *err);
/* Times one prefill and one decode at a depth; the label stands beside the progress bar. */
bool bench_session_measure(struct bench_session *s, int depth, const char *label,
                           struct engine_bench *out, struct error *err);
bool bench_session_stopped(void); /* somebody pressed Ctrl-C */

#endif
