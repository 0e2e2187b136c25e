/* backend_attention.c - shares attention out between the workers.
 *
 * The keys of a sequence are cut into splits of BACKEND_SPLIT_KEYS at fixed positions, and
 * the partial results of a row are joined in ascending order.  Two ways of doing it give
 * the same bits:
 *
 *     tile unit    a tile of query rows of one KV head runs its splits one after the
 *                  other and joins as it goes: prefill, where there are many tiles
 *     split unit   one split of one short span; the parts are joined afterwards: decode at
 *                  depth, where there are few rows and many keys */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend_internal.h"

enum { SPLIT_ROWS_MAX = 16 }; /* a decode row and its proposals */

struct attention_run {
    struct backend *backend;
    const struct backend_attention *a;
    int unit_count;
    int group;               /* query heads of one KV head */
    size_t blocks_a_span;    /* pointers reserved for one (span, KV head): K and V */
    int merge_count;         /* spans that were split */
};

/* ---- layout and storing ---- */

bool backend_kv_layout(const struct backend *b, struct backend_kv_layout *l, struct error *err) {
    const struct kernel_kv *k = &b->kernels.kv[l->k], *v = &b->kernels.kv[l->v];
    if (!k->name || !v->name)
        return error_set(err, ERR_UNSUPPORTED, "KV type %s is not available (choose from %s)",
                         quant_info(k->name ? l->v : l->k)->name, backend_kv_types(b));
    l->k_bytes = k->k_bytes(l->head_dim);
    l->v_bytes = v->v_bytes(l->head_dim);
    l->head_bytes = l->k_bytes + l->v_bytes;
    l->layer_bytes = l->head_bytes * (size_t)l->kv_heads;
    l->page_bytes = l->layer_bytes * (size_t)l->layers;
    return true;
}

const char *backend_kv_types(const struct backend *b) {
    char *out = ((struct backend *)(uintptr_t)b)->kv_types;
    size_t room = sizeof b->kv_types, used = 0;
    out[0] = '\0';
    for (int t = 0; t < QUANT_TYPES; t++) {
        const char *name = b->kernels.kv[t].name;
        if (!name || used + strlen(name) + 3 > room) continue;
        if (used) used += (size_t)(stpcpy(out + used, ", ") - (out + used));
        used += (size_t)(stpcpy(out + used, name) - (out + used));
    }
    return out;
}

static uint8_t *block_at(const struct backend_attention *a, const struct backend_span *s, int page,
                         int kv_head) {
    return s->pages[page] + (size_t)a->layer * a->layout->layer_bytes +
           (size_t)kv_head * a->layout->head_bytes;
}

static int span_first_page(const struct backend_span *s) {
    return s->position / KV_BLOCK_TOKENS;
}

static int span_page_count(const struct backend_span *s) {
    return (s->position + s->row_count - 1) / KV_BLOCK_TOKENS - span_first_page(s) + 1;
}

/* Stores the rows of one span that fall into one page. */
static void store_page(const struct attention_run *run, const struct backend_span *s, int page) {
    const struct backend_attention *a = run->a;
    const struct backend_kv_layout *l = a->layout;
    const struct kernel_kv *kernel_k = &run->backend->kernels.kv[l->k];
    const struct kernel_kv *kernel_v = &run->backend->kernels.kv[l->v];
    int begin = page * KV_BLOCK_TOKENS > s->position ? page * KV_BLOCK_TOKENS : s->position;
    int end = s->position + s->row_count;
    if (end > (page + 1) * KV_BLOCK_TOKENS) end = (page + 1) * KV_BLOCK_TOKENS;
    for (int head = 0; head < l->kv_heads; head++) {
        uint8_t *block = block_at(a, s, page, head);
        for (int position = begin; position < end; position++) {
            size_t row = (size_t)(s->row + position - s->position);
            size_t at = (row * (size_t)l->kv_heads + (size_t)head) * (size_t)l->head_dim;
            int slot = position % KV_BLOCK_TOKENS;
            kernel_k->store_k(block, slot, a->k + at, l->head_dim);
            kernel_v->store_v(block + l->k_bytes, slot, a->v + at, l->head_dim);
        }
    }
}

/* Items are the pages that the spans touch, so that no block has two writers. */
static void store_range(void *arg, int worker, int64_t begin, int64_t end) {
    (void)worker;
    const struct attention_run *run = arg;
    int64_t first = 0;
    for (int i = 0; i < run->a->span_count && first < end; i++) {
        const struct backend_span *s = &run->a->spans[i];
        int64_t last = first + span_page_count(s);
        for (int64_t at = begin > first ? begin : first; at < end && at < last; at++)
            store_page(run, s, span_first_page(s) + (int)(at - first));
        first = last;
    }
}

void backend_kv_store(struct backend *b, const struct backend_attention *a) {
    struct attention_run run = {.backend = b, .a = a};
    int64_t pages = 0, rows = 0;
    for (int i = 0; i < a->span_count; i++) {
        pages += span_page_count(&a->spans[i]);
        rows += a->spans[i].row_count;
    }
    if (rows <= 4) /* decode of a few sequences: a few µs */
        store_range(&run, 0, 0, pages);
    else
        threads_run(b->pool, store_range, &run, pages, 1);
}

/* ---- memory ---- */

static int splits_of(int keys) {
    return (keys + BACKEND_SPLIT_KEYS - 1) / BACKEND_SPLIT_KEYS;
}

static size_t part_floats(const struct backend *b) {
    int group = b->need.heads / b->need.kv_heads;
    return (size_t)group * ((size_t)b->need.head_dim + 2);
}

bool backend_attention_reserve(struct backend *b, struct error *err) {
    const struct backend_need *n = &b->need;
    int tiles = (n->rows_max + b->tile_rows - 1) / b->tile_rows + n->spans_max;
    b->unit_capacity = BACKEND_UNITS_MAX + tiles * n->kv_heads;
    b->units = calloc((size_t)b->unit_capacity, sizeof *b->units);
    size_t blocks = (size_t)(n->context_max / KV_BLOCK_TOKENS + 2) * 2;
    b->block_capacity = blocks * (size_t)n->kv_heads * (size_t)n->spans_max;
    b->blocks = calloc(b->block_capacity, sizeof *b->blocks);
    b->parts_bytes = part_floats(b) * BACKEND_UNITS_MAX * sizeof(float);
    b->parts = backend_alloc(b->parts_bytes, err);
    if (!b->units || !b->blocks) return error_set(err, ERR_MEMORY, "no memory for attention");
    return b->parts != NULL;
}

void backend_attention_release(struct backend *b) {
    free(b->units);
    free(b->blocks);
    backend_free(b->parts, b->parts_bytes);
}

/* ---- units ---- */

/* Cuts the batch into units.  A span is split when its tiles alone would leave workers idle. */
static void plan_units(struct attention_run *run) {
    struct backend *b = run->backend;
    const struct backend_attention *a = run->a;
    int workers = threads_count(b->pool), kv_heads = a->layout->kv_heads, parts = 0;
    run->unit_count = 0;
    for (int i = 0; i < a->span_count; i++) {
        const struct backend_span *s = &a->spans[i];
        int splits = splits_of(s->position + s->row_count);
        int span_parts = splits * kv_heads * s->row_count;
        bool split = s->row_count <= SPLIT_ROWS_MAX && s->row_count <= b->tile_rows && splits > 1 &&
                     workers > 1 && a->span_count * kv_heads < 4 * workers &&
                     parts + span_parts <= BACKEND_UNITS_MAX;
        for (int head = 0; head < kv_heads; head++) {
            if (split) {
                run->merge_count++;
                for (int at = 0; at < splits; at++, parts += s->row_count)
                    b->units[run->unit_count++] = (struct attention_unit){i, head, 0, at, parts};
                continue;
            }
            /* The deepest tiles first: they take longest. */
            int tiles = (s->row_count + b->tile_rows - 1) / b->tile_rows;
            for (int t = tiles - 1; t >= 0; t--)
                b->units[run->unit_count++] =
                    (struct attention_unit){i, head, t * b->tile_rows, -1, -1};
        }
    }
}

/* K pointers of all pages of (span, head), then V pointers. */
static const void **blocks_of(const struct attention_run *run, int span, int kv_head) {
    const struct backend *b = run->backend;
    return b->blocks + ((size_t)span * (size_t)run->a->layout->kv_heads + (size_t)kv_head) *
                           run->blocks_a_span;
}

static void fill_blocks(const struct attention_run *run) {
    const struct backend_attention *a = run->a;
    for (int i = 0; i < a->span_count; i++) {
        const struct backend_span *s = &a->spans[i];
        int pages = span_first_page(s) + span_page_count(s);
        for (int head = 0; head < a->layout->kv_heads; head++) {
            const void **k = blocks_of(run, i, head), **v = k + run->blocks_a_span / 2;
            for (int page = 0; page < pages; page++) {
                uint8_t *block = block_at(a, s, page, head);
                k[page] = block;
                v[page] = block + a->layout->k_bytes;
            }
        }
    }
}

/* The rows of a unit, carved from a worker's scratch. */
struct tile {
    int rows, positions;
    const float **q;
    float **out;
    int32_t *last_key;
    float *acc, *max, *sum;                /* joined so far */
    float *part_acc, *part_max, *part_sum; /* of the split at hand */
    void *kernel_scratch;
};

static void *carve(uint8_t **at, size_t bytes) {
    void *here = *at;
    *at += (bytes + 63) / 64 * 64;
    return here;
}

static struct tile tile_make(const struct attention_run *run, const struct attention_unit *u,
                             int worker) {
    const struct backend_attention *a = run->a;
    const struct backend_span *s = &a->spans[u->span];
    int head_dim = a->layout->head_dim, left = s->row_count - u->tile;
    struct tile t = {.positions = left < run->backend->tile_rows ? left : run->backend->tile_rows};
    t.rows = t.positions * run->group;
    size_t rows = (size_t)t.rows;
    uint8_t *at = backend_scratch(run->backend, worker);
    t.q = carve(&at, rows * sizeof *t.q);
    t.out = carve(&at, rows * sizeof *t.out);
    t.last_key = carve(&at, rows * sizeof *t.last_key);
    t.max = carve(&at, rows * sizeof(float));
    t.sum = carve(&at, rows * sizeof(float));
    t.part_max = carve(&at, rows * sizeof(float));
    t.part_sum = carve(&at, rows * sizeof(float));
    t.acc = carve(&at, rows * (size_t)head_dim * sizeof(float));
    t.part_acc = carve(&at, rows * (size_t)head_dim * sizeof(float));
    t.kernel_scratch = at;
    for (int p = 0, r = 0; p < t.positions; p++)
        for (int g = 0; g < run->group; g++, r++) {
            size_t row = (size_t)(s->row + u->tile + p);
            size_t head = (size_t)(u->kv_head * run->group + g);
            size_t offset = (row * (size_t)a->heads + head) * (size_t)head_dim;
            t.q[r] = a->q + offset;
            t.out[r] = a->out + offset;
            t.last_key[r] = s->position + u->tile + p;
            t.max[r] = -INFINITY;
            t.sum[r] = 0;
        }
    memset(t.acc, 0, rows * (size_t)head_dim * sizeof(float));
    return t;
}

/* One split of a tile into acc, max and sum. */
static void tile_split(const struct attention_run *run, const struct attention_unit *u,
                       const struct tile *t, int split, float *acc, float *max, float *sum) {
    const struct backend_attention *a = run->a;
    const void **k = blocks_of(run, u->span, u->kv_head);
    int keys = t->last_key[t->rows - 1] + 1, begin = split * BACKEND_SPLIT_KEYS;
    int end = begin + BACKEND_SPLIT_KEYS;
    run->backend->kernels.attention(&(struct attention_work){
        .k_kernel = &run->backend->kernels.kv[a->layout->k],
        .v_kernel = &run->backend->kernels.kv[a->layout->v],
        .head_dim = a->layout->head_dim,
        .scale = a->scale,
        .rows = t->rows,
        .q = t->q,
        .row_last_key = t->last_key,
        .k_blocks = k,
        .v_blocks = k + run->blocks_a_span / 2,
        .key_begin = begin,
        .key_end = end < keys ? end : keys,
        .acc = acc,
        .max = max,
        .sum = sum,
        .scratch = t->kernel_scratch,
    });
}

static void run_tile(const struct attention_run *run, const struct attention_unit *u, int worker) {
    const struct kernels *kernels = &run->backend->kernels;
    int head_dim = run->a->layout->head_dim;
    struct tile t = tile_make(run, u, worker);
    int splits = splits_of(t.last_key[t.rows - 1] + 1);
    for (int split = 0; split < splits; split++) {
        tile_split(run, u, &t, split, t.part_acc, t.part_max, t.part_sum);
        kernels->attention_merge(t.acc, t.max, t.sum, t.part_acc, t.part_max, t.part_sum, t.rows,
                                 head_dim);
    }
    kernels->attention_finish(t.out, t.acc, t.sum, t.rows, head_dim);
}

static float *part_of(const struct backend *b, int part) {
    return b->parts + (size_t)part * part_floats(b);
}

static void unit_range(void *arg, int worker, int64_t begin, int64_t end) {
    const struct attention_run *run = arg;
    for (int64_t i = begin; i < end; i++) {
        const struct attention_unit *u = &run->backend->units[i];
        if (u->split < 0) {
            run_tile(run, u, worker);
            continue;
        }
        struct tile t = tile_make(run, u, worker);
        float *acc = part_of(run->backend, u->part);
        float *max = acc + (size_t)t.rows * (size_t)run->a->layout->head_dim;
        tile_split(run, u, &t, u->split, acc, max, max + t.rows);
    }
}

/* Joins the parts of every split (span, KV head); they lie one after the other. */
static void merge_splits(const struct attention_run *run) {
    struct backend *b = run->backend;
    int head_dim = run->a->layout->head_dim;
    for (int i = 0; i < run->unit_count; i++) {
        const struct attention_unit *u = &b->units[i];
        if (u->split != 0) continue;
        struct tile t = tile_make(run, u, 0);
        int splits = splits_of(t.last_key[t.rows - 1] + 1);
        for (int split = 0; split < splits; split++) {
            float *acc = part_of(b, u->part + split * t.positions);
            float *max = acc + (size_t)t.rows * (size_t)head_dim;
            b->kernels.attention_merge(t.acc, t.max, t.sum, acc, max, max + t.rows, t.rows,
                                       head_dim);
        }
        b->kernels.attention_finish(t.out, t.acc, t.sum, t.rows, head_dim);
    }
}

void backend_attention(struct backend *b, const struct backend_attention *a) {
    struct attention_run run = {.backend = b, .a = a, .group = a->heads / a->layout->kv_heads};
    run.blocks_a_span = (size_t)(b->need.context_max / KV_BLOCK_TOKENS + 2) * 2;
    fill_blocks(&run);
    plan_units(&run);
    threads_run(b->pool, unit_range, &run, run.unit_count, 1);
    if (run.merge_count) merge_splits(&run);
}
