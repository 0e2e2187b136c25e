/* bench_attention.c - how fast attention is: prefill tiles and decode, by level and KV type.
 *
 *     bench_attention [LEVEL [KV_TYPE [DEPTH]]]
 *
 * One thread, process CPU time, the best of several rounds: figures hold beside busy neighbours.
 * Flops are the 4 · rows · keys · head_dim of q·k and p·v; bytes are the blocks that were read.
 * The line "peak" is what this core does at this moment: fused multiply-adds in registers and a
 * sequential read of memory.  Decode walks through BLOCK_BYTES of distinct blocks, so that they
 * come from memory (or from a cache as large as that). */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "kernels/kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { SPLIT_KEYS = 2048, ROWS_MAX = 256, ROUNDS = 5, DEPTH_MAX = 200000 };
#define BLOCK_BYTES ((size_t)512 << 20)

static const struct shape {
    const char *model;
    int layers, heads, kv_heads, head_dim;
} shapes[] = {
    {"Qwen2.5-0.5B", 24, 14, 2, 64},
    {"Qwen2.5-1.5B", 28, 12, 2, 128},
    {"Qwen2.5-7B", 28, 28, 4, 128},
};

struct bench {
    const struct kernels *k;
    const struct kernel_kv *kv;
    struct shape shape;
    int positions, rows, depth; /* query rows; keys before them */
    int head_count;             /* distinct (layer, KV head) block rows */
    const void **k_blocks, **v_blocks;
    float *q;
    const float *q_rows[ROWS_MAX];
    float *out_rows[ROWS_MAX];
    int32_t last_key[ROWS_MAX];
    float *acc, *part, *out, *scratch;
    float max[ROWS_MAX], sum[ROWS_MAX], part_max[ROWS_MAX], part_sum[ROWS_MAX];
};

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *take(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) {
        fprintf(stderr, "bench_attention: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    memset(p, 0, bytes);
    return p;
}

static float noise(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)*state * 0x1p-31f;
}

/* ---- what the core can do ---- */

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static double fma_flops_512(void) {
    enum { CHAINS = 12, STEPS = 1 << 21 };
    __m512 a[CHAINS], x = _mm512_set1_ps(0.999f);
    for (int i = 0; i < CHAINS; i++) a[i] = _mm512_set1_ps((float)i);
    double start = cpu_s();
    for (int s = 0; s < STEPS; s++)
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) a[i] = _mm512_fmadd_ps(a[i], x, x);
    double took = cpu_s() - start;
    for (int i = 1; i < CHAINS; i++) a[0] = _mm512_add_ps(a[0], a[i]);
    volatile float sink = _mm512_reduce_add_ps(a[0]);
    (void)sink;
    return 2.0 * 16 * CHAINS * STEPS / took;
}

__attribute__((target("avx2,fma"))) static double fma_flops_256(void) {
    enum { CHAINS = 12, STEPS = 1 << 21 };
    __m256 a[CHAINS], x = _mm256_set1_ps(0.999f);
    for (int i = 0; i < CHAINS; i++) a[i] = _mm256_set1_ps((float)i);
    double start = cpu_s();
    for (int s = 0; s < STEPS; s++)
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) a[i] = _mm256_fmadd_ps(a[i], x, x);
    double took = cpu_s() - start;
    for (int i = 1; i < CHAINS; i++) a[0] = _mm256_add_ps(a[0], a[i]);
    float lanes[8];
    _mm256_storeu_ps(lanes, a[0]);
    volatile float sink = lanes[0];
    (void)sink;
    return 2.0 * 8 * CHAINS * STEPS / took;
}
#endif

static double fma_flops(const char *level) {
    double best = 0;
#if defined(__x86_64__)
    for (int i = 0; i < ROUNDS && strcmp(level, "plain") != 0; i++) {
        double flops = strcmp(level, "avx2") != 0 ? fma_flops_512() : fma_flops_256();
        if (flops > best) best = flops;
    }
#endif
    (void)level;
    return best;
}

static double read_bytes_s(const void *memory, size_t bytes) {
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        const uint64_t *at = memory;
        uint64_t sum[8] = {0};
        double start = cpu_s();
        for (size_t n = 0; n < bytes / 64; n++, at += 8)
            for (int l = 0; l < 8; l++) sum[l] ^= at[l];
        double took = cpu_s() - start;
        for (int l = 1; l < 8; l++) sum[0] ^= sum[l];
        volatile uint64_t sink = sum[0];
        (void)sink;
        if ((double)bytes / took > best) best = (double)bytes / took;
    }
    return best;
}

/* ---- attention ---- */

/* Fills one block with noise through the stores, and the rest of memory with copies of it. */
static void fill_blocks(struct bench *b, uint8_t *memory) {
    const struct shape *s = &b->shape;
    size_t k_bytes = b->kv->k_bytes(s->head_dim), v_bytes = b->kv->v_bytes(s->head_dim);
    size_t pages = (size_t)(b->depth + b->positions + KV_BLOCK_TOKENS - 1) / KV_BLOCK_TOKENS;
    size_t count = BLOCK_BYTES / (k_bytes + v_bytes);
    float row[HEAD_DIM_MAX];
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        uint8_t *block = memory + i * (k_bytes + v_bytes);
        for (int slot = 0; slot < KV_BLOCK_TOKENS && i == 0; slot++) {
            for (int d = 0; d < s->head_dim; d++) row[d] = noise(&state);
            b->kv->store_k(block, slot, row, s->head_dim);
            b->kv->store_v(block + k_bytes, slot, row, s->head_dim);
        }
        if (i > 0) memcpy(block, memory, k_bytes + v_bytes);
        b->k_blocks[i] = block;
        b->v_blocks[i] = block + k_bytes;
    }
    b->head_count = (int)(count / pages);
}

/* One KV head of one layer, as the backend calls it: split by split, joined. */
static void head_once(struct bench *b, int head) {
    const struct shape *s = &b->shape;
    int keys = b->depth + b->positions, pages = (keys + KV_BLOCK_TOKENS - 1) / KV_BLOCK_TOKENS;
    for (int r = 0; r < b->rows; r++) {
        b->max[r] = -__builtin_inff();
        b->sum[r] = 0;
    }
    memset(b->acc, 0, sizeof(float) * (size_t)b->rows * (size_t)s->head_dim);
    for (int begin = 0; begin < keys; begin += SPLIT_KEYS) {
        b->k->attention(&(struct attention_work){
            .k_kernel = b->kv, .v_kernel = b->kv, .head_dim = s->head_dim, .scale = 0.125f,
            .rows = b->rows, .q = b->q_rows, .row_last_key = b->last_key,
            .k_blocks = b->k_blocks + (size_t)head * (size_t)pages,
            .v_blocks = b->v_blocks + (size_t)head * (size_t)pages,
            .key_begin = begin,
            .key_end = begin + SPLIT_KEYS < keys ? begin + SPLIT_KEYS : keys,
            .acc = b->part, .max = b->part_max, .sum = b->part_sum, .scratch = b->scratch});
        b->k->attention_merge(b->acc, b->max, b->sum, b->part, b->part_max, b->part_sum, b->rows,
                              s->head_dim);
    }
    b->k->attention_finish(b->out_rows, b->acc, b->sum, b->rows, s->head_dim);
}

static void measure(struct bench *b, double peak_flops, double peak_bytes) {
    const struct shape *s = &b->shape;
    int group = s->heads / s->kv_heads, keys = b->depth + b->positions;
    b->rows = b->positions * group;
    for (int r = 0; r < b->rows; r++) {
        b->q_rows[r] = b->q + (size_t)r * (size_t)s->head_dim;
        b->out_rows[r] = b->out + (size_t)r * (size_t)s->head_dim;
        b->last_key[r] = b->depth + r / group;
    }
    double best = 1e9;
    int repeats = b->positions > 1 ? 2 : b->head_count < 64 ? b->head_count : 64;
    for (int round = 0, head = 0; round < ROUNDS; round++) {
        double start = cpu_s();
        for (int i = 0; i < repeats; i++, head = (head + 1) % b->head_count) head_once(b, head);
        double took = (cpu_s() - start) / repeats;
        if (took < best) best = took;
    }
    double flops = 4.0 * b->rows * keys * s->head_dim / best;
    size_t block = b->kv->k_bytes(s->head_dim) + b->kv->v_bytes(s->head_dim);
    double bytes = (double)block * ((keys + 63) / 64) / best;
    double token_us = best * s->layers * s->kv_heads / b->positions * 1e6;
    printf("%-7s %-5s %-13s %3d %6d %7.1f GFLOPS", b->k->level, b->kv->name, s->model, b->positions,
           b->depth, flops * 1e-9);
    if (peak_flops > 0) printf(" %3.0f %%", 100 * flops / peak_flops);
    printf(" %6.1f GB/s %3.0f %% %9.1f us/token\n", bytes * 1e-9, 100 * bytes / peak_bytes,
           token_us);
}

/* ---- accuracy ---- */

/* Fills `keys` keys of head 0: noise, around a constant of norm `bias` as Qwen2.5 has them. */
static void fill_head(struct bench *b, uint8_t *memory, int keys, double bias) {
    const struct shape *s = &b->shape;
    size_t k_bytes = b->kv->k_bytes(s->head_dim), v_bytes = b->kv->v_bytes(s->head_dim);
    float row[HEAD_DIM_MAX];
    uint32_t state = 5;
    for (int key = 0; key < keys; key++) {
        int page = key / KV_BLOCK_TOKENS, slot = key % KV_BLOCK_TOKENS;
        uint8_t *block = memory + (size_t)page * (k_bytes + v_bytes);
        b->k_blocks[page] = block;
        b->v_blocks[page] = block + k_bytes;
        for (int d = 0; d < s->head_dim; d++)
            row[d] = 3 * noise(&state) + (float)(bias / sqrt(s->head_dim) * (d % 3 - 1));
        b->kv->store_k(block, slot, row, s->head_dim);
        for (int d = 0; d < s->head_dim; d++) row[d] = noise(&state);
        b->kv->store_v(block + k_bytes, slot, row, s->head_dim);
    }
}

/* One row in double from the unpacked blocks. */
static void exact_row(const struct bench *b, int row, double *out) {
    const int dim = b->shape.head_dim, keys = b->last_key[row] + 1;
    float *k = take(sizeof(float) * (size_t)dim * 64), *v = take(sizeof(float) * (size_t)dim * 64);
    double *s = take(sizeof(double) * (size_t)keys), most = -1e300, sum = 0;
    for (int pass = 0; pass < 2; pass++) /* first the largest score */
        for (int key = 0; key < keys; key++) {
            if (key % KV_BLOCK_TOKENS == 0) {
                b->kv->load_k(k, b->k_blocks[key / KV_BLOCK_TOKENS], dim);
                b->kv->load_v(v, b->v_blocks[key / KV_BLOCK_TOKENS], dim);
            }
            for (int d = 0; d < dim && pass == 0; d++)
                s[key] += (double)b->q_rows[row][d] * (double)k[d * 64 + key % 64] * 0.125;
            if (pass == 0 && s[key] > most) most = s[key];
            double p = pass ? exp(s[key] - most) : 0;
            sum += p;
            for (int d = 0; d < dim && pass; d++)
                out[d] = (key ? out[d] : 0) + p * (double)v[key % 64 * dim + d];
        }
    for (int d = 0; d < dim; d++) out[d] /= sum;
    free(k);
    free(v);
    free(s);
}

/* The largest error of 32 rows over 2,048 keys, as a part of the largest output. */
static void accuracy(struct bench *b, uint8_t *memory, double bias) {
    double worst = 0, most = 0, exact[HEAD_DIM_MAX];
    b->depth = 2047;
    b->positions = 1;
    b->rows = 32;
    fill_head(b, memory, 2048, bias);
    for (int r = 0; r < b->rows; r++) {
        b->q_rows[r] = b->q + (size_t)r * (size_t)b->shape.head_dim;
        b->out_rows[r] = b->out + (size_t)r * (size_t)b->shape.head_dim;
        b->last_key[r] = 2047 - 60 * r;
    }
    head_once(b, 0);
    for (int r = 0; r < b->rows; r++) {
        exact_row(b, r, exact);
        for (int d = 0; d < b->shape.head_dim; d++) {
            worst = fmax(worst, fabs((double)b->out_rows[r][d] - exact[d]));
            most = fmax(most, fabs(exact[d]));
        }
    }
    printf("%-7s %-5s head_dim %3d, key bias %4.0f: error %.2g of the largest output\n",
           b->k->level, b->kv->name, b->shape.head_dim, bias, worst / most);
}

int main(int argc, char **argv) {
    const char *level = argc > 1 ? argv[1] : "auto", *type = argc > 2 ? argv[2] : NULL;
    int depth = argc > 3 ? atoi(argv[3]) : 8192;
    struct kernels k;
    if (!kernels_init(&k, level) || depth < 0 || depth > DEPTH_MAX) {
        fprintf(stderr, "bench_attention: depth %d (at most %d) or level %s (%s) cannot be\n",
                depth, DEPTH_MAX, level, kernels_levels());
        return 2;
    }
    size_t floats = (size_t)ROWS_MAX * HEAD_DIM_MAX, pointers = BLOCK_BYTES / 8192 * 2;
    struct bench b = {.k = &k, .k_blocks = take(pointers * sizeof(void *)),
                      .v_blocks = take(pointers * sizeof(void *)), .q = take(floats * 4),
                      .acc = take(floats * 4), .part = take(floats * 4), .out = take(floats * 4),
                      .scratch = take(k.attention_scratch_bytes(ROWS_MAX, HEAD_DIM_MAX))};
    uint32_t state = 7;
    for (size_t i = 0; i < floats; i++) b.q[i] = noise(&state);
    uint8_t *memory = take(BLOCK_BYTES);
    double peak_flops = fma_flops(k.level), peak_bytes = read_bytes_s(memory, BLOCK_BYTES);
    printf("peak %.1f GFLOPS, %.1f GB/s, one thread\n", peak_flops * 1e-9, peak_bytes * 1e-9);
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int t = 0; t < QUANT_TYPES; t++) {
            if (!k.kv[t].name || (type && strcmp(type, k.kv[t].name) != 0)) continue;
            b.kv = &k.kv[t];
            b.shape = shapes[s];
            if (s < 2) accuracy(&b, memory, 0);
            if (s < 2) accuracy(&b, memory, 600);
            static const int positions[] = {16, 32, 1};
            for (int p = 0; p < 3; p++) {
                b.depth = depth;
                b.positions = positions[p];
                if (p == 0) fill_blocks(&b, memory);
                measure(&b, peak_flops, peak_bytes);
            }
        }
    free(memory);
    return 0;
}
