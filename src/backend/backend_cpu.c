/* backend_cpu.c - the backend of this machine's CPU: packed weights, a worker pool, and
 * the kernel table.  Every operation is one parallel loop over pieces that do not
 * share output; small ones run on the calling thread, where waking a worker would cost
 * more than the work. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/backend_internal.h"

enum {
    PANEL_ROWS = 16,          /* weight rows are packed in panels, see kernels.h */
    GEMM_ROWS_MIN = 8,        /* from here on a call is bound by arithmetic, not by memory */
    GEMM_PANELS_A_PIECE = 4,  /* 64 weight rows: a tile of unpacked weights that fits in L2 */
    GEMV_PIECES_A_WORKER = 8, /* small enough that a slow core delays little */
    GEMM_PIECES_A_WORKER = 6,
    SERIAL_FLOATS = 16 * 1024,/* element-wise work below this runs on the caller: a few µs */
    HUGE_PAGE_BYTES = 2 << 20,
};

/* ---- memory ---- */

static size_t huge_round(size_t bytes) {
    return (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
}

void *backend_alloc(size_t bytes, struct error *err) {
    if (bytes > SIZE_MAX / 2) {
        error_set(err, ERR_MEMORY, "%zu bytes are more than this machine can address", bytes);
        return NULL;
    }
    size_t mapped = huge_round(bytes ? bytes : 1);
    /* Reserving a huge page more than needed lets the start be moved to a 2 MiB boundary. */
    uint8_t *raw = mmap(NULL, mapped + HUGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) {
        error_set(err, ERR_MEMORY, "the system has no %.1f MiB left", (double)bytes / (1 << 20));
        return NULL;
    }
    uint8_t *start = raw + (HUGE_PAGE_BYTES - (uintptr_t)raw % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
    if (start > raw) munmap(raw, (size_t)(start - raw));
    size_t tail = (size_t)(raw + mapped + HUGE_PAGE_BYTES - (start + mapped));
    if (tail) munmap(start + mapped, tail);
    if (mapped >= 2 * HUGE_PAGE_BYTES) madvise(start, mapped, MADV_HUGEPAGE);
    return start;
}

void backend_free(void *memory, size_t bytes) {
    if (memory) munmap(memory, huge_round(bytes ? bytes : 1));
}

/* ---- life ---- */

struct backend *backend_open(const struct backend_options *options, struct error *err) {
    struct backend *b = calloc(1, sizeof *b);
    if (!b) {
        error_set(err, ERR_MEMORY, "no memory for the backend");
        return NULL;
    }
    if (!kernels_init(&b->kernels, options->cpu)) {
        error_set(err, ERR_ARGUMENT, "--cpu %s: not a kernel level that this CPU has (levels: %s)",
                  options->cpu ? options->cpu : "auto", kernels_levels());
        backend_close(b);
        return NULL;
    }
    b->pool = threads_open(options->threads, err);
    if (!b->pool) {
        backend_close(b);
        return NULL;
    }
    return b;
}

void backend_close(struct backend *b) {
    if (!b) return;
    backend_attention_release(b);
    for (int f = 0; f < ACT_FORMATS; f++) backend_free(b->act[f], b->act_bytes[f]);
    if (b->scratch) backend_free(b->scratch, b->scratch_bytes * (size_t)threads_count(b->pool));
    threads_close(b->pool);
    free(b);
}

const char *backend_level(const struct backend *b) {
    return b->kernels.level;
}

int backend_threads(const struct backend *b) {
    return threads_count(b->pool);
}

void *backend_scratch(struct backend *b, int worker) {
    return b->scratch + b->scratch_bytes * (size_t)worker;
}

static size_t max_size(size_t a, size_t b) {
    return a > b ? a : b;
}

bool backend_reserve(struct backend *b, const struct backend_need *need, struct error *err) {
    b->need = *need;
    for (int f = 0; f < ACT_FORMATS; f++) {
        if (f == ACT_F32 || !b->act_used[f]) continue;
        size_t row_bytes = kernels_act_layout((enum act_format)f, b->cols_max).row_bytes;
        b->act_bytes[f] = row_bytes * (size_t)need->rows_max;
        b->act[f] = backend_alloc(b->act_bytes[f], err);
        if (!b->act[f]) return false;
    }
    int group = need->heads / need->kv_heads;
    b->tile_rows = 112 / group > 0 ? 112 / group : 1; /* about 112 query rows share a K tile */
    int rows = b->tile_rows * group;
    size_t attention = b->kernels.attention_scratch_bytes(rows, need->head_dim);
    /* Beside the kernel's own: accumulated and partial acc, max, sum, and the row lists. */
    attention += (size_t)rows * ((size_t)need->head_dim * 2 + 4) * sizeof(float) +
                 (size_t)rows * (2 * sizeof(void *) + sizeof(int32_t)) + 8 * 64;
    b->scratch_bytes = huge_round(max_size(attention, b->matmul_scratch_bytes));
    b->scratch = backend_alloc(b->scratch_bytes * (size_t)threads_count(b->pool), err);
    return b->scratch && backend_attention_reserve(b, err);
}

int64_t backend_buffer_bytes(const struct backend *b) {
    size_t bytes = b->scratch_bytes * (size_t)threads_count(b->pool);
    for (int f = 0; f < ACT_FORMATS; f++) bytes += b->act_bytes[f];
    return (int64_t)(bytes + b->parts_bytes + b->block_capacity * sizeof(void *) +
                     (size_t)b->unit_capacity * sizeof(struct attention_unit));
}

/* ---- weights ---- */

int64_t backend_weight_bytes(const struct backend *b, enum quant_type type, int64_t rows,
                             int64_t cols) {
    const struct kernel_matmul *m = &b->kernels.matmul[type];
    return m->run ? m->packed_bytes(rows, cols) : -1;
}

struct pack_work {
    const struct kernel_matmul *matmul;
    struct weight *weight;
    const void *source;
};

static void pack_range(void *arg, int worker, int64_t begin, int64_t end) {
    (void)worker;
    const struct pack_work *p = arg;
    int64_t row_end = end * PANEL_ROWS < p->weight->rows ? end * PANEL_ROWS : p->weight->rows;
    p->matmul->pack(p->weight->packed, p->source, p->weight->rows, p->weight->cols,
                    begin * PANEL_ROWS, row_end);
}

bool backend_weight_load(struct backend *b, struct weight *w, enum quant_type type,
                         const void *source, int64_t rows, int64_t cols, struct error *err) {
    const struct kernel_matmul *m = &b->kernels.matmul[type];
    int64_t bytes = backend_weight_bytes(b, type, rows, cols);
    if (bytes < 0)
        return error_set(err, ERR_UNSUPPORTED, "matrices of type %s have no kernel",
                         quant_info(type)->name);
    *w = (struct weight){.type = type, .rows = rows, .cols = cols, .packed_bytes = bytes};
    w->packed = backend_alloc((size_t)bytes, err);
    if (!w->packed) return false;
    struct pack_work work = {m, w, source};
    threads_run(b->pool, pack_range, &work, (rows + PANEL_ROWS - 1) / PANEL_ROWS, 8);
    if (cols > b->cols_max) b->cols_max = cols;
    b->matmul_scratch_bytes = max_size(b->matmul_scratch_bytes, m->scratch_bytes(cols));
    b->act_used[m->act] = true;
    return true;
}

void backend_weight_free(struct weight *w) {
    backend_free(w->packed, (size_t)w->packed_bytes);
    *w = (struct weight){0};
}

/* ---- projections ---- */

struct project_work {
    struct backend *backend;
    const struct projection *projections;
    int count;
    const float *x;
    int64_t rows, cols;
};

static int64_t panels(const struct weight *w) {
    return (w->rows + PANEL_ROWS - 1) / PANEL_ROWS;
}

/* Panels [begin, end) of all the matrices laid end to end. */
static void project_range(void *arg, int worker, int64_t begin, int64_t end) {
    const struct project_work *work = arg;
    struct backend *b = work->backend;
    int64_t first = 0; /* first panel of matrix i */
    for (int i = 0; i < work->count && first < end; i++) {
        const struct projection *p = &work->projections[i];
        int64_t last = first + panels(p->weight);
        int64_t from = begin > first ? begin : first;
        int64_t to = end < last ? end : last;
        if (from < to) {
            const struct kernel_matmul *m = &b->kernels.matmul[p->weight->type];
            int64_t row_end = (to - first) * PANEL_ROWS;
            m->run(&(struct matmul_work){
                .weights = p->weight->packed,
                .weight_rows = p->weight->rows,
                .cols = work->cols,
                .row_begin = (from - first) * PANEL_ROWS,
                .row_end = row_end < p->weight->rows ? row_end : p->weight->rows,
                .x = m->act == ACT_F32 ? (const void *)work->x : b->act[m->act],
                .x_rows = work->rows,
                .out = p->out,
                .out_stride = p->weight->rows,
                .bias = p->bias,
                .add = p->add,
                .scratch = backend_scratch(b, worker),
            });
        }
        first = last;
    }
}

struct quantize_work {
    struct backend *backend;
    enum act_format format;
    const float *x;
    int64_t cols;
    size_t row_bytes;
};

static void quantize_range(void *arg, int worker, int64_t begin, int64_t end) {
    (void)worker;
    const struct quantize_work *w = arg;
    w->backend->kernels.act_quantize[w->format](
        w->backend->act[w->format] + (size_t)begin * w->row_bytes, w->x + begin * w->cols,
        end - begin, w->cols, w->cols);
}

/* Runs fn over rows of `cols` floats, on the caller alone when that is little. */
static void run_rows(struct backend *b, threads_fn *fn, void *arg, int64_t rows, int64_t cols) {
    if (rows * cols <= SERIAL_FLOATS) {
        fn(arg, 0, 0, rows);
        return;
    }
    int64_t grain = SERIAL_FLOATS / 2 / cols;
    threads_run(b->pool, fn, arg, rows, grain < 1 ? 1 : grain);
}

void backend_project(struct backend *b, const float *x, int64_t rows, const struct projection *p,
                     int count) {
    int64_t cols = p[0].weight->cols, panel_count = 0;
    bool quantized[ACT_FORMATS] = {[ACT_F32] = true};
    for (int i = 0; i < count; i++) {
        enum act_format format = b->kernels.matmul[p[i].weight->type].act;
        panel_count += panels(p[i].weight);
        if (quantized[format]) continue;
        struct quantize_work q = {b, format, x, cols, kernels_act_layout(format, cols).row_bytes};
        run_rows(b, quantize_range, &q, rows, cols);
        quantized[format] = true;
    }
    struct project_work work = {b, p, count, x, rows, cols};
    int threads = threads_count(b->pool);
    int64_t grain;
    if (rows < GEMM_ROWS_MIN) {
        grain = panel_count / (threads * GEMV_PIECES_A_WORKER);
    } else {
        grain = panel_count / (threads * GEMM_PIECES_A_WORKER);
        grain = grain > GEMM_PANELS_A_PIECE ? GEMM_PANELS_A_PIECE : grain / 2 * 2;
    }
    threads_run(b->pool, project_range, &work, panel_count, grain < 1 ? 1 : grain);
}

/* ---- element-wise ---- */

struct embed_work {
    const struct backend_table *table;
    const int32_t *ids;
    float *out;
};

static void embed_range(void *arg, int worker, int64_t begin, int64_t end) {
    (void)worker;
    const struct embed_work *e = arg;
    int64_t cols = e->table->cols;
    size_t row_bytes = (size_t)quant_bytes(e->table->type, cols);
    for (int64_t r = begin; r < end; r++)
        quant_info(e->table->type)
            ->decode(e->out + r * cols,
                     (const uint8_t *)e->table->data + (size_t)e->ids[r] * row_bytes, cols);
}

void backend_embed(struct backend *b, float *out, const struct backend_table *table,
                   const int32_t *ids, int rows) {
    run_rows(b, embed_range, &(struct embed_work){table, ids, out}, rows, table->cols);
}

struct norm_work {
    const struct backend *backend;
    float *out;
    const float *x, *w;
    int64_t cols;
    float eps;
};

static void norm_range(void *arg, int worker, int64_t begin, int64_t end) {
    (void)worker;
    const struct norm_work *n = arg;
    for (int64_t r = begin; r < end; r++)
        n->backend->kernels.rms_norm(n->out + r * n->cols, n->x + r * n->cols, n->w, n->cols,
                                     n->eps);
}

void backend_rms_norm(struct backend *b, float *out, const float *x, const float *w, int64_t rows,
                      int64_t cols, float eps) {
    run_rows(b, norm_range, &(struct norm_work){b, out, x, w, cols, eps}, rows, cols);
}

struct rope_work {
    const struct backend *backend;
    const struct backend_rope *rope;
};

static void rope_range(void *arg, int worker, int64_t begin, int64_t end) {
    (void)worker;
    const struct rope_work *w = arg;
    const struct backend_rope *r = w->rope;
    for (int64_t row = begin; row < end; row++)
        for (int h = 0; h < r->heads; h++)
            w->backend->kernels.rope(r->x + (row * r->heads + h) * r->head_dim,
                                     r->cos_sin + row * r->rope_dim, r->rope_dim, r->neox);
}

void backend_rope(struct backend *b, const struct backend_rope *r) {
    run_rows(b, rope_range, &(struct rope_work){b, r}, r->rows, (int64_t)r->heads * r->head_dim);
}

struct silu_work {
    const struct backend *backend;
    float *out;
    const float *gate, *up;
    int64_t cols;
};

static void silu_range(void *arg, int worker, int64_t begin, int64_t end) {
    (void)worker;
    const struct silu_work *s = arg;
    s->backend->kernels.silu_mul(s->out + begin * s->cols, s->gate + begin * s->cols,
                                 s->up + begin * s->cols, (end - begin) * s->cols);
}

void backend_silu_mul(struct backend *b, float *out, const float *gate, const float *up,
                      int64_t rows, int64_t cols) {
    run_rows(b, silu_range, &(struct silu_work){b, out, gate, up, cols}, rows, cols);
}

const struct kernels *backend_kernels(const struct backend *b) {
    return &b->kernels;
}
