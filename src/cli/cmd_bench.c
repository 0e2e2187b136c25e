/* cmd_bench.c - `longhaul bench`: prefill and decode speed at chosen depths.
 *
 * Every measurement is taken --repeat times through the engine's own code path; shown are the
 * median and the extremes, since a mean hides a disturbed run. */
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/command.h"
#include "cli/load_native.h"
#include "cli/progress.h"

enum { REPEATS_MAX = 1000 };

struct samples { /* seconds, sorted by samples_sort */
    double s[REPEATS_MAX];
    int count;
};

struct run {
    struct native *native;
    int prefill, decode, repeats;
    bool json;
    struct progress bar;
    struct samples prefill_s, decode_s; /* of the depth at hand */
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

static bool tick(void *arg, int64_t done, int64_t total) {
    struct run *r = arg;
    progress_update(&r->bar, done, total);
    return !interrupted;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const struct samples *s) {
    int half = s->count / 2;
    return s->count % 2 ? s->s[half] : (s->s[half - 1] + s->s[half]) / 2;
}

static double per_second(int tokens, double seconds) {
    return seconds > 0 ? tokens / seconds : 0;
}

static bool measure(struct run *r, int depth, struct error *err) {
    char label[64];
    r->prefill_s.count = r->decode_s.count = 0;
    for (int i = 0; i < r->repeats; i++) {
        struct engine_bench b;
        snprintf(label, sizeof label, "depth %d, run %d of %d", depth, i + 1, r->repeats);
        progress_init(&r->bar, label, PROGRESS_TOKENS, 0);
        bool ok =
            engine_bench(native_engine(r->native), depth, r->prefill, r->decode, tick, r, &b, err);
        progress_clear(&r->bar);
        if (!ok)
            return false;
        if (b.cancelled)
            return error_set(err, ERR_CANCELLED, "stopped");
        r->prefill_s.s[r->prefill_s.count++] = b.prefill_s;
        r->decode_s.s[r->decode_s.count++] = b.decode_s;
    }
    qsort(r->prefill_s.s, (size_t)r->prefill_s.count, sizeof(double), by_value);
    qsort(r->decode_s.s, (size_t)r->decode_s.count, sizeof(double), by_value);
    return true;
}

static void print_cell(const struct samples *s, int tokens) {
    if (tokens == 0)
        printf("%-28s", "-");
    else
        printf("%8.1f (%.1f to %.1f)%*s", per_second(tokens, median(s)),
               per_second(tokens, s->s[s->count - 1]), per_second(tokens, s->s[0]), 4, "");
}

static void print_row(const struct run *r, int depth) {
    printf("%8d  ", depth);
    print_cell(&r->prefill_s, r->prefill);
    print_cell(&r->decode_s, r->decode);
    printf("\n");
    fflush(stdout);
}

static json_t *json_samples(const struct samples *s, int tokens) {
    json_t *seconds = json_array();
    for (int i = 0; i < s->count; i++)
        json_array_append_new(seconds, json_real(s->s[i]));
    return json_pack("{s:i,s:o,s:f,s:f,s:f}", "tokens", tokens, "seconds", seconds, "tokens_per_s",
                     per_second(tokens, median(s)), "slowest_tokens_per_s",
                     per_second(tokens, s->s[s->count - 1]), "fastest_tokens_per_s",
                     per_second(tokens, s->s[0]));
}

static json_t *json_row(const struct run *r, int depth) {
    json_t *row = json_pack("{s:i}", "depth", depth);
    if (r->prefill > 0)
        json_object_set_new(row, "prefill", json_samples(&r->prefill_s, r->prefill));
    if (r->decode > 0)
        json_object_set_new(row, "decode", json_samples(&r->decode_s, r->decode));
    return row;
}

static void print_json(const struct run *r, const struct load *model, json_t *rows) {
    const struct engine_info *info = engine_info(native_engine(r->native));
    json_t *root = json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:i,s:s,s:s,s:I,s:O}", "model", model->name,
                             "path", str_text(&model->path), "architecture", info->architecture,
                             "kernels", info->cpu_level, "threads", info->threads, "batch",
                             info->batch, "ubatch", info->ubatch, "kv_k",
                             quant_info(info->kv_k)->name, "kv_v", quant_info(info->kv_v)->name,
                             "weight_bytes", (json_int_t)info->weight_bytes, "results", rows);
    if (root != NULL)
        json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

static bool measure_all(struct run *r, const struct load *model, const int64_t *depths, int count,
                        struct error *err) {
    const struct engine_info *info = engine_info(native_engine(r->native));
    json_t *rows = json_array();
    bool ok = true;
    if (!r->json)
        printf("%s, kernels %s, %d threads, keys %s, values %s\n"
               "tokens/s, median of %d (slowest to fastest)\n   depth   prefill %-20d decode %d\n",
               model->name, info->cpu_level, info->threads, quant_info(info->kv_k)->name,
               quant_info(info->kv_v)->name, r->repeats, r->prefill, r->decode);
    for (int i = 0; ok && i < count; i++) {
        ok = measure(r, (int)depths[i], err);
        if (ok && r->json)
            json_array_append_new(rows, json_row(r, (int)depths[i]));
        else if (ok)
            print_row(r, (int)depths[i]);
    }
    if (ok && r->json)
        print_json(r, model, rows);
    json_decref(rows);
    return ok;
}

/* The window holds the deepest measurement unless the user says otherwise. */
static void set_window(struct native_options *n, void *arg) {
    const int *window = arg;
    n->engine.parallel = 1;
    if (*window > 0)
        n->engine.context = *window;
}

bool cmd_bench(const struct options *o, struct error *err) {
    struct load_config config;
    struct load model = {0};
    struct run *r = calloc(1, sizeof *r);
    int64_t depths[OPTION_INTS_MAX], deepest = 0;
    int count = options_ints(o, OPTION_DEPTHS, depths);
    bool ok = false;
    if (r == NULL)
        return error_set(err, ERR_MEMORY, "no memory to measure");
    r->prefill = (int)options_int(o, OPTION_PREFILL);
    r->decode = (int)options_int(o, OPTION_DECODE_TOKENS);
    r->repeats = (int)options_int(o, OPTION_REPEAT);
    r->json = options_bool(o, OPTION_JSON);
    for (int i = 0; i < count; i++)
        deepest = depths[i] > deepest ? depths[i] : deepest;
    int window = options_given(o, OPTION_CONTEXT) ? 0 : (int)deepest + r->prefill + r->decode + 1;
    if (!load_config_open(&config, o, err))
        goto done;
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
    if (load_find(&model, &config, o, o->words[0], err) &&
        (r->native = load_native_open(&model, set_window, &window, err)) != NULL)
        ok = measure_all(r, &model, depths, count, err);
    native_close(r->native);
    load_deinit(&model);
    load_config_close(&config);
done:
    free(r);
    return ok;
}
