/* cmd_bench.c - `longhaul bench`: prefill and decode speed at chosen depths, and what part of the
 * machine's limits that is.  `bench peak` and `bench compare` are in bench_peak.c and
 * bench_compare.c.
 *
 * Every measurement is taken --repeat times through the engine's own code path. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "cli/bench_compare.h"
#include "cli/bench_peak.h"
#include "cli/bench_plot.h"
#include "cli/bench_roofline.h"
#include "cli/bench_session.h"
#include "cli/command.h"

struct series { /* of one depth; seconds, and tokens/s */
    double s[BENCH_REPEATS_MAX], rate[BENCH_REPEATS_MAX];
    int count, tokens;
};

struct run {
    struct bench_session session;
    bool json;
    const char *plot;             /* a file, or NULL */
    bool roofline;
    struct bench_limits limits;
    struct bench_costs costs;
    struct series prefill, decode; /* of the depth at hand */
    struct bench_plot_point points[OPTION_INTS_MAX];
};

static void add(struct series *s, double seconds) {
    s->s[s->count] = seconds;
    s->rate[s->count++] = seconds > 0 ? s->tokens / seconds : 0;
}

static bool measure(struct run *r, int index, struct error *err) {
    struct bench_session *s = &r->session;
    int depth = (int)s->depths[index];
    char label[64];
    r->prefill.count = r->decode.count = 0;
    r->prefill.tokens = s->prefill;
    r->decode.tokens = s->decode;
    for (int i = 0; i < s->repeats; i++) {
        struct engine_bench b;
        snprintf(label, sizeof label, "depth %d, run %d of %d", depth, i + 1, s->repeats);
        if (!bench_session_measure(s, depth, label, &b, err))
            return false;
        if (s->prefill > 0)
            add(&r->prefill, b.prefill_s);
        if (s->decode > 0)
            add(&r->decode, b.decode_s);
    }
    r->points[index] = (struct bench_plot_point){
        .depth = depth,
        .prefill = bench_statistics_spread(r->prefill.rate, r->prefill.count),
        .decode = bench_statistics_spread(r->decode.rate, r->decode.count),
    };
    return true;
}

static struct bench_roofline_work work_of(const struct run *r, int index) {
    const struct engine_info *info = bench_session_info(&r->session);
    return (struct bench_roofline_work){
        .costs = &r->costs,
        .limits = &r->limits,
        .level = info->cpu_level,
        .kv_bytes_per_token = info->kv_bytes_per_token,
        .depth = (int)r->session.depths[index],
        .prefill = r->session.prefill,
        .decode = r->session.decode,
        .prefill_tokens_per_s = r->points[index].prefill.median,
        .decode_tokens_per_s = r->points[index].decode.median,
    };
}

/* ---- text ---- */

static void print_head(const struct run *r) {
    const struct engine_info *info = bench_session_info(&r->session);
    printf("%s, kernels %s, %d threads, keys %s, values %s\n"
           "tokens/s, median of %d (slowest to fastest)\n   depth   prefill %-20d decode %d\n",
           r->session.model.name, info->cpu_level, info->threads, quant_info(info->kv_k)->name,
           quant_info(info->kv_v)->name, r->session.repeats, r->session.prefill,
           r->session.decode);
}

static void print_cell(const struct spread *s) {
    if (s->count == 0)
        printf("%-28s", "-");
    else
        printf("%8.1f (%.1f to %.1f)%*s", s->median, s->min, s->max, 4, "");
}

static void print_row(const struct run *r, int index) {
    printf("%8d  ", (int)r->session.depths[index]);
    print_cell(&r->points[index].prefill);
    print_cell(&r->points[index].decode);
    printf("\n");
    if (r->roofline) {
        struct str text = {0};
        struct bench_roofline_work work = work_of(r, index);
        bench_roofline_text(&work, &text);
        fputs(str_text(&text), stdout);
        str_deinit(&text);
    }
    fflush(stdout);
}

/* ---- JSON ---- */

static json_t *json_series(const struct series *s, const struct spread *rate) {
    json_t *seconds = json_array();
    for (int i = 0; i < s->count; i++)
        json_array_append_new(seconds, json_real(s->s[i]));
    return json_pack("{s:i,s:o,s:f,s:f,s:f}", "tokens", s->tokens, "seconds", seconds,
                     "tokens_per_s", rate->median, "slowest_tokens_per_s", rate->min,
                     "fastest_tokens_per_s", rate->max);
}

static json_t *json_row(const struct run *r, int index) {
    json_t *row = json_pack("{s:i}", "depth", (int)r->session.depths[index]);
    struct bench_roofline_work work = work_of(r, index);
    struct bench_roofline roofline = {0};
    if (r->roofline)
        roofline = bench_roofline_of(&work);
    if (r->prefill.count > 0) {
        json_t *prefill = json_series(&r->prefill, &r->points[index].prefill);
        if (r->roofline)
            json_object_update_new(prefill, json_pack("{s:f,s:f}", "int8_peak_fraction",
                                                      roofline.int8, "attention_f32_peak_fraction",
                                                      roofline.f32));
        json_object_set_new(row, "prefill", prefill);
    }
    if (r->decode.count > 0) {
        json_t *decode = json_series(&r->decode, &r->points[index].decode);
        if (r->roofline)
            json_object_set_new(decode, "read_bandwidth_fraction", json_real(roofline.bandwidth));
        json_object_set_new(row, "decode", decode);
    }
    return row;
}

static json_t *json_limits(const struct run *r) {
    const char *level = bench_session_info(&r->session)->cpu_level;
    return json_pack("{s:f,s:f,s:f}", "int8_operations_per_s",
                     bench_peak_ops(&r->limits, PEAK_INT8, level), "f32_operations_per_s",
                     bench_peak_ops(&r->limits, PEAK_F32, level), "read_bytes_per_s",
                     r->limits.read_bytes_per_s.max);
}

static void print_json(const struct run *r, json_t *rows) {
    const struct engine_info *info = bench_session_info(&r->session);
    json_t *root = json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:i,s:s,s:s,s:I,s:O}", "model",
                             r->session.model.name, "path", str_text(&r->session.model.path),
                             "architecture", info->architecture, "kernels", info->cpu_level,
                             "threads", info->threads, "batch", info->batch, "ubatch",
                             info->ubatch, "kv_k", quant_info(info->kv_k)->name, "kv_v",
                             quant_info(info->kv_v)->name, "weight_bytes",
                             (json_int_t)info->weight_bytes, "results", rows);
    if (root != NULL && r->roofline)
        json_object_set_new(root, "limits", json_limits(r));
    if (root != NULL)
        json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

/* ---- the command ---- */

static bool write_plot(const struct run *r, struct error *err) {
    const struct engine_info *info = bench_session_info(&r->session);
    struct str title = {0}, svg = {0};
    str_addf(&title, "%s, %d threads, kernels %s, keys %s, values %s", r->session.model.name,
             info->threads, info->cpu_level, quant_info(info->kv_k)->name,
             quant_info(info->kv_v)->name);
    bench_plot_svg(&svg, str_text(&title), r->points, r->session.depth_count);
    bool ok = svg.failed || title.failed
                  ? error_set(err, ERR_MEMORY, "no memory for the plot")
                  : file_write_atomic(r->plot, svg.data, svg.len, err);
    str_deinit(&title);
    str_deinit(&svg);
    return ok;
}

static bool measure_all(struct run *r, struct error *err) {
    json_t *rows = json_array();
    bool ok = bench_session_warm_up(&r->session, err);
    if (ok && !r->json)
        print_head(r);
    for (int i = 0; ok && i < r->session.depth_count; i++) {
        ok = measure(r, i, err);
        if (ok && r->json)
            json_array_append_new(rows, json_row(r, i));
        else if (ok)
            print_row(r, i);
    }
    if (ok && r->json)
        print_json(r, rows);
    json_decref(rows);
    return ok && (r->plot == NULL || write_plot(r, err));
}

static bool bench_model(const struct options *o, const char *model, struct error *err) {
    struct run *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(err, ERR_MEMORY, "no memory to measure");
    r->json = options_bool(o, OPTION_JSON);
    r->plot = options_text(o, OPTION_PLOT);
    r->roofline = options_bool(o, OPTION_ROOFLINE);
    bool ok = bench_session_open(&r->session, o, model, err);
    if (ok && r->roofline) {
        struct bench_peak_options options = {.threads = bench_session_info(&r->session)->threads,
                                             .level = options_text(o, OPTION_CPU),
                                             .buffer_bytes = options_int(o, OPTION_MEMORY),
                                             .stopped = bench_session_stopped};
        ok = bench_roofline_costs(str_text(&r->session.model.path), &r->costs, err) &&
             bench_peak_measure(&options, &r->limits, err);
    }
    ok = ok && measure_all(r, err);
    bench_session_close(&r->session);
    free(r);
    return ok;
}

static bool one_word_too_many(const char *word, const char *usage, struct error *err) {
    return error_set(err, ERR_ARGUMENT, "\"%.60s\" is one word too many for `longhaul bench %s`",
                     word, usage);
}

bool cmd_bench(const struct options *o, struct error *err) {
    const char *first = o->words[0], *second = o->word_count > 1 ? o->words[1] : NULL;
    bool compare = strcmp(first, "compare") == 0;
    if (compare && second != NULL)
        return bench_compare_command(o, second, err);
    if (compare)
        return error_set(err, ERR_ARGUMENT, "usage: longhaul bench compare MODEL --with PATH");
    if (second != NULL)
        return one_word_too_many(second, strcmp(first, "peak") == 0 ? "peak" : "MODEL", err);
    if (strcmp(first, "peak") == 0)
        return bench_peak_command(o, bench_session_stopped, err);
    return bench_model(o, first, err);
}
