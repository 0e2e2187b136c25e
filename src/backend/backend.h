/* backend.h - where a model's tensors live and its operations run.
 *
 * The model says what to compute (project, rms_norm, attention, …); the backend decides on
 * the format in memory, the kernel and the sharing out between workers.  Shapes are
 * row-major [rows][cols] without gaps.  The result of a row depends on that row
 * alone, never on how many rows a call has (promise 3).
 *
 * A backend belongs to one thread (the engine's); its workers are its own. */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "kernels/kernels.h"
#include "quant/quant.h"

enum {
    BACKEND_PROJECTIONS_MAX = 4,
    /* Attention is computed in splits of this many keys, joined in ascending order, whoever
     * computes them: the cut is fixed so that the bits are. */
    BACKEND_SPLIT_KEYS = 512,
};

struct backend;

struct backend_options {
    int threads;      /* workers, the caller included */
    const char *cpu;  /* kernel level limit, see kernels_init; NULL: the best */
};
struct backend *backend_open(const struct backend_options *options, struct error *err);
void backend_close(struct backend *b);
const char *backend_level(const struct backend *b);
int backend_threads(const struct backend *b);

/* Zeroed memory in huge pages where the system gives them; touched pages only count. */
void *backend_alloc(size_t bytes, struct error *err);
void backend_free(void *memory, size_t bytes);

/* ---- weights ---- */
struct weight {        /* a matrix [rows][cols], packed for this CPU */
    enum quant_type type;
    int64_t rows, cols;
    void *packed;
    int64_t packed_bytes;
};
/* Bytes that a weight of this shape takes once packed; -1: this type cannot be multiplied. */
int64_t backend_weight_bytes(const struct backend *b, enum quant_type type, int64_t rows,
                             int64_t cols);
bool backend_weight_load(struct backend *b, struct weight *w, enum quant_type type,
                         const void *source, int64_t rows, int64_t cols, struct error *err);
void backend_weight_free(struct weight *w);

/* After the weights are loaded: buffers for up to rows_max rows in a call. */
struct backend_need {
    int rows_max;
    int spans_max;
    int heads, kv_heads, head_dim;
    int context_max;
};
bool backend_reserve(struct backend *b, const struct backend_need *need, struct error *err);
int64_t backend_buffer_bytes(const struct backend *b); /* of what reserve allocated */

/* ---- operations ---- */

/* out[r] = row ids[r] of a table that stays in its GGUF format. */
struct backend_table {
    enum quant_type type;
    const void *data;
    int64_t rows, cols;
};
void backend_embed(struct backend *b, float *out, const struct backend_table *table,
                   const int32_t *ids, int rows);

void backend_rms_norm(struct backend *b, float *out, const float *x, const float *w, int64_t rows,
                      int64_t cols, float eps);

/* Several matrices times the same rows: out[r] = w·x[r] (+ bias) or out[r] += w·x[r] (+ bias). */
struct projection {
    const struct weight *weight;
    float *out;             /* [rows][weight->rows] */
    const float *bias;      /* [weight->rows] or NULL */
    bool add;
};
void backend_project(struct backend *b, const float *x, int64_t rows, const struct projection *p,
                     int count);

/* Rotates every head of every row; cos_sin: [rows][rope_dim/2][2]. */
struct backend_rope {
    float *x;               /* [rows][heads][head_dim] */
    const float *cos_sin;
    int rows, heads, head_dim, rope_dim;
    bool neox;
};
void backend_rope(struct backend *b, const struct backend_rope *r);

void backend_silu_mul(struct backend *b, float *out, const float *gate, const float *up,
                      int64_t rows, int64_t cols);

/* The arithmetic of this CPU, for what is too small to share out (sampling). */
const struct kernels *backend_kernels(const struct backend *b);

/* ---- keys and values ----
 *
 * A page holds KV_BLOCK_TOKENS positions of all layers:
 *     page = layer 0 { head 0 {K block, V block}, head 1 {…}, … }, layer 1 {…}, …  */
struct backend_kv_layout {
    int layers, kv_heads, head_dim;
    enum quant_type k, v;
    size_t k_bytes, v_bytes; /* of one block */
    size_t head_bytes, layer_bytes, page_bytes;
};
/* False: a type that this CPU's kernels have no KV row for. */
bool backend_kv_layout(const struct backend *b, struct backend_kv_layout *l, struct error *err);
const char *backend_kv_types(const struct backend *b); /* "f32, f16, …" */

struct backend_span {       /* consecutive rows of a batch that belong to one sequence */
    int row, row_count;
    int position;           /* of the first row */
    uint8_t *const *pages;  /* page i holds positions 64i … 64i+63 */
};
struct backend_attention {
    const struct backend_kv_layout *layout;
    int layer;
    const struct backend_span *spans;
    int span_count;
    int heads;
    float scale;
    const float *q;         /* [rows][heads][head_dim] */
    const float *k, *v;     /* [rows][kv_heads][head_dim], of this batch */
    float *out;             /* [rows][heads][head_dim] */
};
void backend_kv_store(struct backend *b, const struct backend_attention *a);
/* Causal attention of every row over its sequence's pages, the batch's own rows included. */
void backend_attention(struct backend *b, const struct backend_attention *a);

#endif
