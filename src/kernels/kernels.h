/* kernels.h - the table of arithmetic: one function pointer an operation.
 *
 * kernels_init() starts from the plain C row (the specification) and lets each level
 * that this CPU has overwrite what it does better (kernels_add_avx2, then …_avx512, …).
 * A kernel is pure: no allocation, no lock, no log, no global state.  Shapes stand at every
 * pointer; row-major; `stride` is in elements between rows.
 *
 * Every output element has ONE order of accumulation, whatever the number of rows in
 * the call, the range of the call or the worker that makes it (promise 3).  Where a
 * kernel's order is part of its contract it is written here. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "quant/quant.h"

/* ---- activations ------------------------------------------------------------------
 *
 * Integer kernels want activations as int8 with a float scale per block:
 *
 *   ACT_Q8_32    blocks of 32, for weights whose blocks are 32 elements
 *   ACT_Q8_256   blocks of 256, for the K formats (and iq4_xs)
 *
 * q = round-to-nearest-even(x / d), d = max|x| / 127 (0 for a block of zeros), |q| <= 127.
 * A quantised row is laid out as  int8 q[cols] | float d[cols/block] | int16 sum[cols/16],
 * each part starting at a multiple of 64 bytes; sum[j] = q[16j] + … + q[16j+15].  */
enum act_format { ACT_F32, ACT_Q8_32, ACT_Q8_256, ACT_FORMATS };

struct act_layout {       /* byte offsets within one quantised row */
    size_t d_offset, sum_offset, row_bytes;
};
struct act_layout kernels_act_layout(enum act_format format, int64_t cols);

/* ---- matrix × rows ------------------------------------------------------------------
 *
 * out[r][n] = Σ_k w[n][k] · x[r][k]  (+ bias[n])  (+ out[r][n] when add)
 *
 * For the integer formats, with blocks b = 0, 1, … in this order, acc starting at 0:
 *     S = Σ_g scale[g] · Σ_{i in g} (code[i] − offset) · q[i]        exact, in int32
 *     M = Σ_g min[g] · Σ_{i in g} q[i]                               exact, in int32
 *     acc = fma(d_w · d_x, (float)S, acc)
 *     acc = fma(−(dmin_w · d_x), (float)M, acc)       only for formats that have a minimum
 * then acc + bias, then out + acc.  Every level gives these bits.
 *
 * The weights are packed once at load (`pack`): 16 rows interleaved so that a vector lane
 * is a row; the layout belongs to the kernel (see its file's head).  Packed size is about the
 * size of the source.  Rows are padded to a multiple of 16 with zeros in the packed form;
 * out is never written past weight_rows. */
struct matmul_work {
    const void *weights;      /* packed, whole matrix */
    int64_t weight_rows;      /* n of the whole matrix */
    int64_t cols;             /* k; a multiple of the weights' block */
    int64_t row_begin, row_end; /* this call's range of weight rows; begin a multiple of 16 */
    const void *x;            /* [x_rows] quantised rows in the kernel's act_format, or floats */
    int64_t x_rows;
    float *out;               /* [x_rows][out_stride] */
    int64_t out_stride;
    const float *bias;        /* [weight_rows] or NULL */
    bool add;                 /* out += instead of out = */
    void *scratch;            /* scratch_bytes(cols), 64-aligned, one per worker */
};

struct kernel_matmul { /* all of one row come from the same level */
    enum act_format act;
    int64_t (*packed_bytes)(int64_t rows, int64_t cols);
    /* Packs rows [row_begin, row_end) of source (row begin multiple of 16; end a multiple of 16
     * or the last row); ranges may run on several workers at once. */
    void (*pack)(void *packed, const void *source, int64_t rows, int64_t cols, int64_t row_begin,
                 int64_t row_end);
    size_t (*scratch_bytes)(int64_t cols);
    void (*run)(const struct matmul_work *work);
};

/* ---- keys and values ----------------------------------------------------------------
 *
 * The cache keeps, per page, layer and KV head, one block of KV_BLOCK_TOKENS keys and one of
 * values.  Only the row of a KV type knows how a block is laid out.  A fresh block is all
 * zero bytes, and zero bytes decode to zeros in every type. */
enum { KV_BLOCK_TOKENS = 64, HEAD_DIM_MAX = 256, KV_FEW_ROWS = 8 };

struct kv_few { /* a few query rows against one block; see few_scores and few_values */
    int rows;                 /* 1 … KV_FEW_ROWS */
    int head_dim;
    int keys;                 /* of the block, from slot 0: values beyond are not read */
    const float *q;           /* [head_dim][rows], times scale */
    float *p;                 /* [rows][64] scores out, or probabilities in */
    float *acc;               /* [rows][head_dim] */
    const float *correction;  /* [rows] */
    const void *block, *next; /* next: will be read soon; may be block itself */
};

struct kernel_kv {
    const char *name; /* "f16", … */
    size_t (*k_bytes)(int head_dim); /* of a block of 64 keys; multiple of 64 bytes */
    size_t (*v_bytes)(int head_dim);
    void (*store_k)(void *block, int slot, const float *k /* [head_dim] */, int head_dim);
    void (*store_v)(void *block, int slot, const float *v /* [head_dim] */, int head_dim);
    void (*load_k)(float *tile /* [head_dim][64], transposed */, const void *block, int head_dim);
    void (*load_v)(float *tile /* [64][head_dim] */, const void *block, int head_dim);
    enum quant_type type; /* this row's: attention may read some types' blocks directly */
    /* For attention's own use, where unpacking a tile does not pay (decode); may be NULL:
     *     p[r][j] = Σ_d q[r][d]·k[j][d]                              one fma chain, d ascending
     *     acc[r][i] = acc[r][i]·correction[r] + Σ_j p[r][j]·v[j][i]  one fma chain, j ascending */
    void (*few_scores)(const struct kv_few *few);
    void (*few_values)(const struct kv_few *few);
};

/* ---- attention ------------------------------------------------------------------------
 *
 * Softmax attention of `rows` query rows over the keys [key_begin, key_end) of one KV head,
 * as a partial result that attention_merge joins.  Row r sees keys 0 … row_last_key[r]
 * (causal); keys beyond it contribute nothing.  key_begin is a multiple of
 * KV_BLOCK_TOKENS.  The blocks of a split are visited in ascending order with an online
 * softmax (Milakov and Gimelshein 2018; FlashAttention-2, Dao 2023):
 *     m' = max(m, max_j s_j); acc = acc·exp(m − m') + Σ_j exp(s_j − m')·v_j, j ascending
 * The result of a row does not depend on the other rows of the call. */
struct attention_work {
    const struct kernel_kv *k_kernel, *v_kernel; /* the types of keys and of values: may differ */
    int head_dim;
    float scale;                  /* of q·k, usually 1/sqrt(head_dim) */
    int rows;                     /* query rows: positions × heads of the group, any order */
    const float *const *q;        /* [rows] pointers to [head_dim] */
    const int32_t *row_last_key;  /* [rows] position of the last key that the row sees */
    const void *const *k_blocks;  /* [ceil(key_end/64)] indexed by absolute key / 64 */
    const void *const *v_blocks;
    int32_t key_begin, key_end;
    float *acc;                   /* [rows][head_dim] out, unnormalised */
    float *max;                   /* [rows] out; -INFINITY where a row sees no key here */
    float *sum;                   /* [rows] out */
    void *scratch;                /* attention_scratch_bytes(rows, head_dim), 64-aligned */
};

/* ---- the table --------------------------------------------------------------------- */
struct kernels {
    const char *level; /* "plain", "avx2", "avx512", … */
    struct kernel_matmul matmul[QUANT_TYPES];
    struct kernel_kv kv[QUANT_TYPES]; /* name NULL: this type is no KV type (yet) */

    /* x: [rows][cols] floats, x_stride apart; out: rows of kernels_act_layout(). */
    void (*act_quantize[ACT_FORMATS])(void *out, const float *x, int64_t rows, int64_t cols,
                                      int64_t x_stride);

    /* out[i] = x[i] · w[i] / sqrt(mean(x²) + eps); out may be x. */
    void (*rms_norm)(float *out, const float *x, const float *w, int64_t cols, float eps);
    /* Rotates pairs of one head in place; cos_sin: [head_dim/2][2], already scaled.
     * neox: pairs (i, i + head_dim/2); else (2i, 2i+1). */
    void (*rope)(float *x, const float *cos_sin, int rope_dim, bool neox);
    /* out[i] = silu(gate[i]) · up[i]; out may be either. */
    void (*silu_mul)(float *out, const float *gate, const float *up, int64_t n);
    void (*add)(float *out, const float *x, int64_t n); /* out += x */
    int64_t (*argmax)(const float *x, int64_t n);       /* first of equals; NaN never wins */
    /* log(Σ exp(x[i])), in double across fixed blocks. */
    double (*log_sum_exp)(const float *x, int64_t n);

    void (*attention)(const struct attention_work *work);
    size_t (*attention_scratch_bytes)(int rows, int head_dim);
    /* Joins a partial result into an accumulated one, in place:
     * acc: [rows][head_dim], max/sum: [rows].  Starts from max = -INFINITY, sum = 0, acc = 0.
     * Joining a part that saw no key (max = -INFINITY) changes no bit. */
    void (*attention_merge)(float *acc, float *max, float *sum, const float *part_acc,
                            const float *part_max, const float *part_sum, int rows, int head_dim);
    /* out[r][i] = acc[r][i] / sum[r] */
    void (*attention_finish)(float *const *out, const float *acc, const float *sum, int rows,
                             int head_dim);
};

/* Levels from the plainest up; each returns false where this CPU (or this build) cannot. */
void kernels_add_plain(struct kernels *k);
bool kernels_add_avx2(struct kernels *k);
bool kernels_add_avx512(struct kernels *k);
bool kernels_add_amx(struct kernels *k); /* asks the kernel for the tile registers, process-wide */
bool kernels_add_neon(struct kernels *k); /* arm64: these three */
bool kernels_add_dotprod(struct kernels *k);
bool kernels_add_i8mm(struct kernels *k);

/* All that this CPU has, up to and including the level named by limit ("plain", "avx2", "avx512",
 * "amx"; on arm64 "neon", "dotprod", "i8mm"; NULL or "auto": no limit).  False: this kind of CPU
 * has no such level, or this CPU lacks it. */
bool kernels_init(struct kernels *k, const char *limit);
const char *kernels_levels(void); /* of this kind, "plain, avx2, …": for errors and help */

#endif
