/* bench_compare.c - interleaves our measurements with the peer's and prints both. */
#include "cli/bench_compare.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/bench_peer.h"
#include "cli/bench_session.h"

struct series { /* tokens/s, a round each; the peer's are 0 where it does not measure this */
    double ours[BENCH_REPEATS_MAX], theirs[BENCH_REPEATS_MAX];
    int count;
};

struct comparison {
    struct bench_session session;
    struct bench_peer peer;
    bool json;
    struct series prefill, decode; /* of the depth at hand */
};

static double per_second(int tokens, double seconds) {
    return seconds > 0 ? tokens / seconds : 0;
}

static bool peer_tick(void *arg) {
    struct comparison *c = arg;
    progress_update(&c->session.bar, 0, 0);
    return !bench_session_stopped();
}

static void add(struct series *s, int tokens, double ours_s, double theirs_s) {
    s->ours[s->count] = per_second(tokens, ours_s);
    s->theirs[s->count++] = per_second(tokens, theirs_s);
}

static bool measure(struct comparison *c, int depth, struct error *err) {
    struct bench_session *s = &c->session;
    char label[64];
    c->prefill.count = c->decode.count = 0;
    for (int i = 0; i < s->repeats; i++) {
        struct engine_bench ours;
        struct bench_peer_result theirs;
        snprintf(label, sizeof label, "depth %d, round %d of %d, ours", depth, i + 1, s->repeats);
        if (!bench_session_measure(s, depth, label, &ours, err))
            return false;
        snprintf(label, sizeof label, "depth %d, round %d of %d, the peer", depth, i + 1,
                 s->repeats);
        progress_init(&s->bar, label, PROGRESS_PERCENT, 0);
        bool ok = bench_peer_run(&c->peer, depth, &theirs, err);
        progress_clear(&s->bar);
        if (!ok)
            return false;
        add(&c->prefill, s->prefill, ours.prefill_s, theirs.prefill_s);
        add(&c->decode, s->decode, ours.decode_s, theirs.decode_s);
    }
    return true;
}

/* ---- text ---- */

static void print_spread(const struct spread *s, const char *format) {
    char text[64];
    snprintf(text, sizeof text, format, s->median, s->min, s->max);
    printf("  %-26s", text);
}

static void print_series(const char *name, const struct series *s) {
    struct spread ours = bench_statistics_spread(s->ours, s->count);
    struct spread theirs = bench_statistics_spread(s->theirs, s->count);
    struct spread ratio = bench_statistics_ratio(s->ours, s->theirs, s->count);
    printf("  %-8s", name);
    print_spread(&ours, "%.1f (%.1f to %.1f)");
    if (ratio.count > 0) {
        print_spread(&theirs, "%.1f (%.1f to %.1f)");
        print_spread(&ratio, "%.2f (%.2f to %.2f)");
    } else {
        printf("  not supported by the peer");
    }
    printf("\n");
}

static void print_depth(const struct comparison *c, int depth) {
    printf("depth %d\n", depth);
    if (c->session.prefill > 0)
        print_series("prefill", &c->prefill);
    if (c->session.decode > 0)
        print_series("decode", &c->decode);
    fflush(stdout);
}

static void print_head(const struct comparison *c) {
    const struct engine_info *info = bench_session_info(&c->session);
    printf("%s, kernels %s, %d threads, keys %s, values %s, prefill %d, decode %d\n"
           "peer: %s%s%s\n"
           "tokens/s, median of %d (slowest to fastest); ratios round by round\n"
           "  %-8s  %-26s  %-26s  %s\n",
           c->session.model.name, info->cpu_level, info->threads, c->peer.kv_k, c->peer.kv_v,
           c->session.prefill, c->session.decode, c->peer.program,
           c->peer.more != NULL ? " " : "", c->peer.more != NULL ? c->peer.more : "",
           c->session.repeats, "", "longhaul", "peer", "longhaul / peer");
}

/* ---- JSON ---- */

static json_t *json_rates(const double *rates, int count) {
    struct spread s = bench_statistics_spread(rates, count);
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_real(rates[i]));
    return json_pack("{s:f,s:f,s:f,s:o}", "tokens_per_s", s.median, "slowest_tokens_per_s", s.min,
                     "fastest_tokens_per_s", s.max, "rounds", list);
}

static json_t *json_series(const struct series *s, int tokens) {
    struct spread ratio = bench_statistics_ratio(s->ours, s->theirs, s->count);
    json_t *out = json_pack("{s:i,s:o}", "tokens", tokens, "longhaul",
                            json_rates(s->ours, s->count));
    if (ratio.count > 0) {
        json_object_set_new(out, "peer", json_rates(s->theirs, s->count));
        json_object_set_new(out, "ratio", json_pack("{s:f,s:f,s:f}", "median", ratio.median, "min",
                                                    ratio.min, "max", ratio.max));
    } else {
        json_object_set_new(out, "peer", json_null());
        json_object_set_new(out, "ratio", json_null());
    }
    return out;
}

static json_t *json_depth(const struct comparison *c, int depth) {
    json_t *row = json_pack("{s:i}", "depth", depth);
    if (c->session.prefill > 0)
        json_object_set_new(row, "prefill", json_series(&c->prefill, c->session.prefill));
    if (c->session.decode > 0)
        json_object_set_new(row, "decode", json_series(&c->decode, c->session.decode));
    return row;
}

static void print_json(const struct comparison *c, json_t *rows) {
    const struct engine_info *info = bench_session_info(&c->session);
    json_t *root = json_pack("{s:s,s:s,s:s,s:i,s:s,s:s,s:{s:s,s:s},s:O}", "model",
                             c->session.model.name, "path", c->peer.model_path, "kernels",
                             info->cpu_level, "threads", info->threads, "kv_k", c->peer.kv_k,
                             "kv_v", c->peer.kv_v, "peer", "program", c->peer.program, "arguments",
                             c->peer.more != NULL ? c->peer.more : "", "results", rows);
    if (root != NULL)
        json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(root);
}

static bool measure_all(struct comparison *c, struct error *err) {
    json_t *rows = json_array();
    bool ok = bench_session_warm_up(&c->session, err);
    if (ok && !c->json)
        print_head(c);
    for (int i = 0; ok && i < c->session.depth_count; i++) {
        ok = measure(c, (int)c->session.depths[i], err);
        if (ok && c->json)
            json_array_append_new(rows, json_depth(c, (int)c->session.depths[i]));
        else if (ok)
            print_depth(c, (int)c->session.depths[i]);
    }
    if (ok && c->json)
        print_json(c, rows);
    json_decref(rows);
    return ok;
}

bool bench_compare_command(const struct options *o, const char *model, struct error *err) {
    if (!options_given(o, OPTION_WITH))
        return error_set(err, ERR_ARGUMENT,
                         "`bench compare` needs --with PATH, the llama-bench to compare with");
    const char *program = options_text(o, OPTION_WITH);
    if (access(program, X_OK) != 0) /* before a model is loaded for minutes */
        return error_set_errno(err, "--with %s", program);
    struct comparison *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_set(err, ERR_MEMORY, "no memory to measure");
    c->json = options_bool(o, OPTION_JSON);
    bool ok = bench_session_open(&c->session, o, model, err);
    if (ok) {
        const struct engine_info *info = bench_session_info(&c->session);
        c->peer = (struct bench_peer){
            .program = program,
            .model_path = str_text(&c->session.model.path),
            .kv_k = quant_info(info->kv_k)->name,
            .kv_v = quant_info(info->kv_v)->name,
            .more = options_text(o, OPTION_WITH_ARGS),
            .threads = info->threads,
            .prefill = c->session.prefill,
            .decode = c->session.decode,
            .timeout_ms = options_int(o, OPTION_WITH_TIMEOUT) * 1000,
            .tick = peer_tick,
            .arg = c,
        };
        ok = measure_all(c, err);
    }
    bench_session_close(&c->session);
    free(c);
    return ok;
}
