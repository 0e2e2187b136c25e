/* bench_peak.c - measures the machine's limits and prints them. */
#include "cli/bench_peak.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "base/clock.h"
#include "base/memory.h"
#include "base/threads.h"
#include "cli/progress.h"

enum {
    ROUNDS = 60,                    /* measurements of a peak … */
    ROUND_NS = 2 * 1000 * 1000,     /* … of about so long each: shorter than a time slice */
    READ_PASSES = 7,
    BLOCK_BYTES = 4 << 20,          /* a worker reads so much at a time: two huge pages */
    SHARE = 4,                      /* at most this part of the memory that is left */
};
/* Eight times the largest last-level cache of 2026 (512 MiB): an eighth of the reads at most
 * can come from it. */
#define BUFFER_BYTES (4LL << 30)

struct round { /* one measurement: the same number of rounds, or all blocks, over the workers */
    const struct peak *peak;
    int64_t rounds;
    const uint8_t *buffer;
    int64_t ops[THREADS_MAX];       /* a worker each */
    uint64_t sum[THREADS_MAX];
};

static void run_peak(void *arg, int worker, int64_t begin, int64_t end) {
    struct round *r = arg;
    r->ops[worker] += r->peak->run(r->rounds * (end - begin));
}

static void run_read(void *arg, int worker, int64_t begin, int64_t end) {
    struct round *r = arg;
    r->sum[worker] += peak_read(r->buffer + begin * BLOCK_BYTES, (end - begin) * BLOCK_BYTES);
}

/* Writes to every page: memory that was never written is one shared page of zeros. */
static void run_touch(void *arg, int worker, int64_t begin, int64_t end) {
    uint8_t *buffer = arg;
    memset(buffer + begin * BLOCK_BYTES, worker + 1, (size_t)((end - begin) * BLOCK_BYTES));
}

static double seconds_since(int64_t start_ns) {
    return (double)(clock_ns() - start_ns) / 1e9;
}

/* How many rounds of the loop fill ROUND_NS.  The better of two: one may have been disturbed. */
static int64_t rounds_for(const struct peak *peak) {
    int64_t rounds = 1000, took = 0;
    while (took < ROUND_NS && rounds < INT64_MAX >> 24) {
        rounds *= 2;
        took = INT64_MAX;
        for (int i = 0; i < 2; i++) {
            int64_t start = clock_ns();
            peak->run(rounds);
            int64_t t = clock_ns() - start;
            took = t < took ? t : took;
        }
    }
    return rounds;
}

static struct spread measure_peak(struct threads *pool, const struct peak *peak) {
    struct round r = {.peak = peak, .rounds = rounds_for(peak)};
    double rates[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        memset(r.ops, 0, sizeof r.ops);
        int64_t start = clock_ns(), ops = 0;
        threads_run(pool, run_peak, &r, threads_count(pool), 1);
        double s = seconds_since(start);
        for (int worker = 0; worker < threads_count(pool); worker++)
            ops += r.ops[worker];
        rates[i] = s > 0 ? (double)ops / s : 0;
    }
    return bench_statistics_spread(rates, ROUNDS);
}

static int64_t buffer_bytes(int64_t wanted) {
    int64_t bytes = wanted > 0 ? wanted : BUFFER_BYTES, left = memory_available();
    if (left >= 0 && bytes > left / SHARE)
        bytes = left / SHARE;
    return bytes / BLOCK_BYTES * BLOCK_BYTES;
}

static bool measure_read(struct threads *pool, const struct bench_peak_options *options,
                         struct bench_limits *out, struct error *err) {
    int64_t bytes = buffer_bytes(options->buffer_bytes), blocks = bytes / BLOCK_BYTES;
    double rates[READ_PASSES];
    if (blocks < 1)
        return error_set(err, ERR_MEMORY, "no %d MiB of memory to read from", BLOCK_BYTES >> 20);
    void *buffer = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        -1, 0);
    if (buffer == MAP_FAILED)
        return error_set_errno(err, "memory to read from (%lld bytes)", (long long)bytes);
    madvise(buffer, (size_t)bytes, MADV_HUGEPAGE); /* a wish: without, it is a little slower */
    threads_run(pool, run_touch, buffer, blocks, 1);
    bool stopped = false;
    int passes = 0;
    while (passes < READ_PASSES && !stopped) {
        struct round r = {.buffer = buffer};
        int64_t start = clock_ns();
        threads_run(pool, run_read, &r, blocks, 1);
        double s = seconds_since(start);
        rates[passes++] = s > 0 ? (double)bytes / s : 0;
        stopped = options->stopped != NULL && options->stopped();
    }
    munmap(buffer, (size_t)bytes);
    out->read_bytes_per_s = bench_statistics_spread(rates, passes);
    out->read_buffer_bytes = bytes;
    return !stopped || error_set(err, ERR_CANCELLED, "stopped");
}

bool bench_peak_measure(const struct bench_peak_options *options, struct bench_limits *out,
                        struct error *err) {
    *out = (struct bench_limits){0};
    out->threads = options->threads > 0 ? options->threads : threads_cpu_count();
    out->count = peak_list(out->peaks, options->level);
    struct threads *pool = threads_open(out->threads, err);
    struct progress bar;
    bool ok = pool != NULL;
    if (!ok)
        return false;
    progress_init(&bar, "measuring the machine", PROGRESS_PERCENT, 0);
    for (int i = 0; i < out->count && ok; i++) {
        progress_update(&bar, i, out->count + 1);
        out->ops_per_s[i] = measure_peak(pool, &out->peaks[i]);
        if (options->stopped != NULL && options->stopped())
            ok = error_set(err, ERR_CANCELLED, "stopped");
    }
    progress_update(&bar, out->count, out->count + 1);
    ok = ok && measure_read(pool, options, out, err);
    progress_clear(&bar);
    threads_close(pool);
    return ok;
}

double bench_peak_ops(const struct bench_limits *limits, enum peak_type type, const char *level) {
    struct peak allowed[PEAKS_MAX];
    int count = peak_list(allowed, level);
    const struct peak *best = peak_best(allowed, count, type);
    for (int i = 0; best != NULL && i < limits->count; i++) {
        if (limits->peaks[i].run == best->run)
            return limits->ops_per_s[i].max;
    }
    return 0;
}

/* ---- the command ---- */

static void print_text(const struct bench_limits *l) {
    printf("%d threads; billions (10^9) a second, best of %d rounds (median)\n", l->threads,
           ROUNDS);
    for (int i = 0; i < l->count; i++)
        printf("  %-5s %-7s %8.1f (%.1f) operations   %s\n", peak_type_name(l->peaks[i].type),
               l->peaks[i].level, l->ops_per_s[i].max / 1e9, l->ops_per_s[i].median / 1e9,
               l->peaks[i].instruction);
    if (l->count == 0)
        printf("  no loops over registers for this CPU (or --cpu level)\n");
    printf("  read          %8.1f (%.1f) bytes        streaming over %lld MiB\n",
           l->read_bytes_per_s.max / 1e9, l->read_bytes_per_s.median / 1e9,
           (long long)(l->read_buffer_bytes >> 20));
}

static json_t *json_spread(const struct spread *s) {
    return json_pack("{s:f,s:f,s:f}", "best", s->max, "median", s->median, "worst", s->min);
}

static void print_json(const struct bench_limits *l) {
    json_t *peaks = json_array();
    for (int i = 0; i < l->count; i++)
        json_array_append_new(
            peaks, json_pack("{s:s,s:s,s:s,s:o}", "type", peak_type_name(l->peaks[i].type),
                             "level", l->peaks[i].level, "instruction", l->peaks[i].instruction,
                             "operations_per_s", json_spread(&l->ops_per_s[i])));
    json_t *root = json_pack("{s:i,s:o,s:{s:I,s:o}}", "threads", l->threads, "peaks", peaks,
                             "read", "buffer_bytes", (json_int_t)l->read_buffer_bytes,
                             "bytes_per_s", json_spread(&l->read_bytes_per_s));
    if (root != NULL)
        json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(root);
}

bool bench_peak_command(const struct options *o, bool (*stopped)(void), struct error *err) {
    struct bench_limits limits;
    struct bench_peak_options options = {
        .threads = (int)options_int(o, OPTION_THREADS),
        .level = options_text(o, OPTION_CPU),
        .buffer_bytes = options_int(o, OPTION_MEMORY),
        .stopped = stopped,
    };
    if (!bench_peak_measure(&options, &limits, err))
        return false;
    if (options_bool(o, OPTION_JSON))
        print_json(&limits);
    else
        print_text(&limits);
    return true;
}
