/* bench_session.c - opens a model with a window that holds every depth, and times it. */
#include "cli/bench_session.h"
#include <signal.h>
#include <stdlib.h>

enum { WARM_UP_TOKENS = 64 };

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

bool bench_session_stopped(void) {
    return interrupted != 0;
}

static bool tick(void *arg, int64_t done, int64_t total) {
    struct bench_session *s = arg;
    progress_update(&s->bar, done, total);
    return !interrupted;
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int window_of(const struct bench_session *s) {
    int longest = s->prefill > s->decode ? s->prefill : s->decode;
    return (int)s->depths[s->depth_count - 1] + longest;
}

/* The window holds the deepest measurement unless the user says otherwise. */
static void set_window(struct native_options *n, void *arg) {
    const int *window = arg;
    n->engine.parallel = 1;
    if (*window > 0)
        n->engine.context = *window;
}

bool bench_session_open(struct bench_session *s, const struct options *o, const char *model,
                        struct error *err) {
    *s = (struct bench_session){
        .prefill = (int)options_int(o, OPTION_PREFILL),
        .decode = (int)options_int(o, OPTION_DECODE_TOKENS),
        .repeats = (int)options_int(o, OPTION_REPEAT),
    };
    s->depth_count = options_ints(o, OPTION_DEPTHS, s->depths);
    qsort(s->depths, (size_t)s->depth_count, sizeof *s->depths, by_value);
    if (s->prefill == 0 && s->decode == 0)
        return error_set(err, ERR_ARGUMENT, "--prefill 0 and --decode 0 leave nothing to measure");
    int window = options_given(o, OPTION_CONTEXT) ? 0 : window_of(s) + 1;
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
    s->config_open = load_config_open(&s->config, o, err);
    return s->config_open && load_find(&s->model, &s->config, o, model, err) &&
           (s->native = load_native_open(&s->model, set_window, &window, err)) != NULL &&
           (s->window = engine_bench_open(native_engine(s->native), window_of(s), err)) != NULL;
}

void bench_session_close(struct bench_session *s) {
    engine_bench_close(s->window);
    native_close(s->native);
    load_deinit(&s->model);
    if (s->config_open)
        load_config_close(&s->config);
}

const struct engine_info *bench_session_info(const struct bench_session *s) {
    return engine_info(native_engine(s->native));
}

static bool finish(struct bench_session *s, bool ok, const struct engine_bench *b,
                   struct error *err) {
    progress_clear(&s->bar);
    return ok && (!b->cancelled || error_set(err, ERR_CANCELLED, "stopped"));
}

bool bench_session_warm_up(struct bench_session *s, struct error *err) {
    struct engine_bench b;
    int longest = window_of(s);
    progress_init(&s->bar, "warming up", PROGRESS_TOKENS, 0);
    bool ok = engine_bench_at(s->window, 0, longest < WARM_UP_TOKENS ? longest : WARM_UP_TOKENS, 1,
                              tick, s, &b, err);
    return finish(s, ok, &b, err);
}

bool bench_session_measure(struct bench_session *s, int depth, const char *label,
                           struct engine_bench *out, struct error *err) {
    progress_init(&s->bar, label, PROGRESS_TOKENS, 0);
    bool ok = engine_bench_at(s->window, depth, s->prefill, s->decode, tick, s, out, err);
    return finish(s, ok, out, err);
}
