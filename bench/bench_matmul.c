/* bench_matmul.c - how fast each level multiplies, and how near that is to what the core can do.
 *
 *     bench_matmul [LEVEL [TYPE [SECONDS]]]
 *
 * Prints, for the shapes of small Qwen2.5 models, prefill (512 rows of x) in GOPS (a product and
 * its sum are two operations) and as a share of the int8 peak, which is measured on the spot with
 * registers only; and decode (1 row) in GB/s of packed weights and as a share of a plain
 * reading of the same bytes.  One thread; times are CPU time of the thread, the best of several
 * repetitions, so that busy neighbours disturb little. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "kernels/kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { PREFILL_ROWS = 512, RANGE_ROWS = 256 };

static double seconds_min = 0.3; /* for each figure */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- peaks ------------------------------------------------------------------------------- */

static volatile int sink;

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) static double ops_avx512(void) {
    enum { CHAINS = 16, ROUNDS = 100000 };
    __m512i a[CHAINS], x = _mm512_set1_epi8(3), y = _mm512_set1_epi8(5), all;
#pragma GCC unroll 16
    for (int i = 0; i < CHAINS; i++) a[i] = _mm512_set1_epi32(i);
    for (int r = 0; r < ROUNDS; r++)
#pragma GCC unroll 16
        for (int i = 0; i < CHAINS; i++) {
            a[i] = _mm512_dpbusd_epi32(a[i], x, y);
            __asm__ volatile("" : "+v"(a[i]));
        }
    all = a[0];
#pragma GCC unroll 16
    for (int i = 1; i < CHAINS; i++) all = _mm512_add_epi32(all, a[i]);
    sink = _mm512_reduce_add_epi32(all);
    return 128.0 * CHAINS * ROUNDS;
}

/* vpmaddubsw, vpmaddwd, vpaddd: what a sum of bytes costs without VNNI. */
__attribute__((target("avx2"))) static double ops_avx2(void) {
    enum { CHAINS = 8, ROUNDS = 100000 };
    __m256i a[CHAINS], x = _mm256_set1_epi8(3), y = _mm256_set1_epi8(5);
    __m256i one = _mm256_set1_epi16(1), all = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (int i = 0; i < CHAINS; i++) a[i] = all;
    for (int r = 0; r < ROUNDS; r++)
#pragma GCC unroll 8
        for (int i = 0; i < CHAINS; i++) {
            __asm__ volatile("" : "+x"(x)); /* or the product leaves the loop */
            __m256i p = _mm256_maddubs_epi16(x, y);
            a[i] = _mm256_add_epi32(a[i], _mm256_madd_epi16(p, one));
            __asm__ volatile("" : "+x"(a[i]));
        }
#pragma GCC unroll 8
    for (int i = 0; i < CHAINS; i++) all = _mm256_add_epi32(all, a[i]);
    sink = _mm256_extract_epi32(all, 0);
    return 64.0 * CHAINS * ROUNDS;
}
#endif

/* int8 operations per second with registers only; 0 where there is no measure. */
static double peak_ops(const char *level) {
    double (*run)(void) = NULL;
#if defined(__x86_64__)
    if (strcmp(level, "avx512") == 0 || strcmp(level, "amx") == 0) run = ops_avx512;
    if (strcmp(level, "avx2") == 0) run = ops_avx2;
#endif
    double best = 0.0;
    if (run == NULL) return 0.0;
    for (double end = now() + seconds_min; now() < end;) {
        double begin = now(), ops = run(), rate = ops / (now() - begin);
        if (rate > best) best = rate;
    }
    return best;
}

/* Bytes per second of reading them all, eight bytes at a time in eight chains. */
static double read_rate(const uint8_t *data, size_t bytes) {
    double best = 0.0;
    for (double end = now() + seconds_min; now() < end;) {
        double begin = now();
        uint64_t s[8] = {0};
        for (size_t i = 0; i + 64 <= bytes; i += 64) {
            uint64_t w[8];
            memcpy(w, data + i, 64);
            for (int j = 0; j < 8; j++) s[j] += w[j];
        }
        for (int j = 1; j < 8; j++) s[0] += s[j];
        sink = (int)s[0];
        double rate = (double)bytes / (now() - begin);
        if (rate > best) best = rate;
    }
    return best;
}

/* ---- one matrix -------------------------------------------------------------------------- */

struct matrix {
    enum quant_type type;
    int64_t rows, cols;
};

static const struct matrix matrices[] = {
    {QUANT_Q4_K, 1536, 1536}, {QUANT_Q4_K, 256, 1536},  {QUANT_Q4_K, 8960, 1536},
    {QUANT_Q4_K, 1536, 8960}, {QUANT_Q6_K, 1536, 8960}, {QUANT_Q6_K, 151936, 1536},
    {QUANT_Q5_0, 896, 896},   {QUANT_Q8_0, 128, 896},   {QUANT_Q5_0, 4864, 896},
    {QUANT_Q4_K, 896, 4864},  {QUANT_Q6_K, 896, 4864},  {QUANT_Q8_0, 151936, 896},
    {QUANT_Q4_0, 4864, 896},  {QUANT_Q4_1, 1536, 576},  {QUANT_Q5_1, 4864, 896},
    {QUANT_IQ4_NL, 4864, 896}, {QUANT_Q2_K, 8960, 1536}, {QUANT_Q3_K, 8960, 1536},
    {QUANT_Q5_K, 8960, 1536}, {QUANT_IQ4_XS, 8960, 1536}, {QUANT_F16, 1536, 1536},
    {QUANT_BF16, 1536, 1536}, {QUANT_F32, 1536, 1536},
};

static void *allocate(size_t bytes) {
    void *p = aligned_alloc(2 << 20, (bytes + (2 << 20) - 1) / (2 << 20) * (2 << 20));
    if (p == NULL) {
        fprintf(stderr, "bench_matmul: %zu bytes of memory are not to be had\n", bytes);
        exit(1);
    }
    memset(p, 0x11, bytes);
    return p;
}

/* Seconds of one run over all rows, in ranges as a worker pool would cut them. */
static double run_once(const struct kernel_matmul *m, struct matmul_work *work) {
    double begin = now();
    for (int64_t n = 0; n < work->weight_rows; n += RANGE_ROWS) {
        work->row_begin = n;
        work->row_end = n + RANGE_ROWS < work->weight_rows ? n + RANGE_ROWS : work->weight_rows;
        m->run(work);
    }
    return now() - begin;
}

static double run_best(const struct kernel_matmul *m, struct matmul_work *work, int64_t x_rows) {
    double best = 1e9;
    work->x_rows = x_rows;
    for (double end = now() + seconds_min; now() < end;) {
        double s = run_once(m, work);
        if (s < best) best = s;
    }
    return best;
}

static void bench(const struct kernels *k, const struct matrix *a, double peak) {
    const struct kernel_matmul *m = &k->matmul[a->type];
    size_t source_bytes = (size_t)quant_bytes(a->type, a->rows * a->cols);
    size_t packed_bytes = (size_t)m->packed_bytes(a->rows, a->cols);
    int64_t prefill = a->rows > 100000 ? 64 : PREFILL_ROWS;
    void *source = allocate(source_bytes), *packed = allocate(packed_bytes);
    float *x = allocate((size_t)(prefill * a->cols) * sizeof(float));
    void *q = allocate((size_t)prefill * kernels_act_layout(m->act, a->cols).row_bytes);
    float *out = allocate((size_t)(prefill * a->rows) * sizeof(float));
    void *scratch = allocate(m->scratch_bytes(a->cols) + 64);
    for (int64_t i = 0; i < prefill * a->cols; i++) x[i] = (float)(i * 7919 % 1024) - 511.0f;
    m->pack(packed, source, a->rows, a->cols, 0, a->rows); /* warm pages */
    double begin = now();
    m->pack(packed, source, a->rows, a->cols, 0, a->rows);
    double pack = now() - begin;
    k->act_quantize[m->act](q, x, prefill, a->cols, a->cols);
    begin = now();
    k->act_quantize[m->act](q, x, prefill, a->cols, a->cols);
    double quantize = now() - begin;
    struct matmul_work work = {
        .weights = packed, .weight_rows = a->rows, .cols = a->cols, .x = q, .out = out,
        .out_stride = a->rows, .scratch = scratch,
    };
    double ops = 2.0 * (double)(a->rows * a->cols);
    double many = (double)prefill * ops / run_best(m, &work, prefill);
    double few = run_best(m, &work, 8), four = run_best(m, &work, 4);
    double one = (double)packed_bytes / run_best(m, &work, 1);
    double read = read_rate(packed, packed_bytes);
    printf("%-6s %-6s %6lld x %-5lld %7.1f GOPS %5.1f %%peak  %6.2f GB/s %5.1f %%read"
           "  x4 %4.2f x8 %4.2f  pack %5.2f GB/s  act %5.2f GB/s\n",
           k->level, quant_info(a->type)->name, (long long)a->rows, (long long)a->cols, many / 1e9,
           peak > 0 ? 100.0 * many / peak : 0.0, one / 1e9, 100.0 * one / read,
           four * one / (double)packed_bytes, few * one / (double)packed_bytes,
           (double)source_bytes / pack / 1e9,
           (double)(prefill * a->cols) * sizeof(float) / quantize / 1e9);
    fflush(stdout);
    free(source), free(packed), free(x), free(q), free(out), free(scratch);
}

int main(int argc, char **argv) {
    struct kernels k;
    if (argc > 3) seconds_min = atof(argv[3]);
    if (!kernels_init(&k, argc > 1 ? argv[1] : NULL)) {
        fprintf(stderr, "bench_matmul: no level %s here; levels are %s\n", argv[1],
                kernels_levels());
        return 1;
    }
    double peak = peak_ops(k.level);
    printf("int8 peak of one core, registers only: %.1f GOPS\n", peak / 1e9);
    for (size_t i = 0; i < sizeof matrices / sizeof matrices[0]; i++) {
        enum quant_type type;
        if (argc > 2 && strcmp(argv[2], "all") != 0 &&
            (!quant_from_name(&type, argv[2]) || type != matrices[i].type))
            continue;
        bench(&k, &matrices[i], peak);
    }
    return 0;
}
