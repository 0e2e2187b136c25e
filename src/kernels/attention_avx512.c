/* attention_avx512.c - attention with AVX-512F: tiles of float keys and values in scratch.
 *
 * A block of 64 keys and values is unpacked once (load_k, load_v of their types) and used by all
 * rows of the call, in groups of up to 6 (for few rows see attention_few_avx512.c):
 *
 *     scores    s[6][64] = q[6][d] · K[d][64]        a lane is a key, 6 × 4 accumulators
 *     softmax   s -> p in place, the new maximum, the correction of what was summed before
 *     values    acc[6][64] = acc·correction + p[6][j] · V[j][64]    a lane is a dimension
 *
 * 6 × 4 accumulators, 4 vectors of the tile and 1 broadcast fill 29 of the 32 registers, and
 * give 24 independent chains where two FMA ports of latency 4 need 8.
 *
 * Order of accumulation, the same whatever the group that a row falls into: a score is one fma
 * chain over d ascending of (q · scale) and k; an element of acc is multiplied by the correction
 * and goes on as one fma chain over j ascending.  A row's sum is kept as 16 lanes (lane l holds
 * the keys 16·c + l of every block, c ascending) that are added up at the very end.  Keys that
 * a row does not see have p = 0, and fma(0, v, acc) is acc. */
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include "kernels/exp_avx512.h"
#include "kernels/kernels.h"
#include "kernels/kernels_level.h"
#include "kernels/unroll.h"

enum {
    LANES = 16,
    VECTORS = KV_BLOCK_TOKENS / LANES,
    GROUP_ROWS = 6,
};
_Static_assert((int)KV_FEW_ROWS <= (int)LANES, "struct group keeps the corrections in one vector");

struct tiles { /* in scratch, each part 64-aligned */
    float *k;    /* [head_dim][64] */
    float *v;    /* [64][head_dim] */
    float *p;    /* [KV_FEW_ROWS][64] scores, then probabilities */
    float *sums; /* [rows][LANES] */
    float *q;    /* [rows][head_dim] times scale; a group of rows as [head_dim][rows] */
};

struct group { /* some rows of the call against one block */
    int rows, head_dim, keys;  /* keys: the most that one of the rows sees of the block */
    int visible[KV_FEW_ROWS];  /* keys of the block that the row sees */
    const float *q;            /* [head_dim][rows] */
    float *acc;                /* [rows][head_dim] */
    float correction[LANES];   /* by row */
};

static float larger(float a, float b) { return a > b ? a : b; }

static size_t attention_scratch_bytes(int rows, int head_dim) {
    size_t tile = (size_t)head_dim * KV_BLOCK_TOKENS;
    size_t row = LANES + (size_t)head_dim; /* sums and q */
    return sizeof(float) * (2 * tile + KV_FEW_ROWS * KV_BLOCK_TOKENS + (size_t)rows * row);
}

static struct tiles scratch_tiles(const struct attention_work *w) {
    size_t tile = (size_t)w->head_dim * KV_BLOCK_TOKENS;
    struct tiles t = {.k = w->scratch};
    t.v = t.k + tile;
    t.p = t.v + tile;
    t.sums = t.p + KV_FEW_ROWS * KV_BLOCK_TOKENS;
    t.q = t.sums + (size_t)w->rows * LANES;
    return t;
}

static ALWAYS_INLINE void scores_rows(const int rows, const struct group *g, const float *k,
                                      float *p) {
    __m512 s[GROUP_ROWS][VECTORS];
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < VECTORS; c++) s[r][c] = _mm512_setzero_ps();
    const float *q = g->q;
    for (int d = 0; d < g->head_dim; d++, k += KV_BLOCK_TOKENS, q += rows) {
        __m512 key[VECTORS];
        UNROLL
        for (int c = 0; c < VECTORS; c++) key[c] = _mm512_load_ps(k + LANES * c);
        UNROLL
        for (int r = 0; r < rows; r++) {
            __m512 x = _mm512_set1_ps(q[r]);
            UNROLL
            for (int c = 0; c < VECTORS; c++) s[r][c] = _mm512_fmadd_ps(x, key[c], s[r][c]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < VECTORS; c++)
            _mm512_store_ps(p + KV_BLOCK_TOKENS * r + LANES * c, s[r][c]);
}

static void scores(const struct group *g, const float *k, float *p) {
    switch (g->rows) { /* each with its accumulators in registers */
    case 1: scores_rows(1, g, k, p); break;
    case 2: scores_rows(2, g, k, p); break;
    case 3: scores_rows(3, g, k, p); break;
    case 4: scores_rows(4, g, k, p); break;
    case 5: scores_rows(5, g, k, p); break;
    default: scores_rows(6, g, k, p); break;
    }
}

/* The largest of a row's scores; those of keys that the row does not see become -infinity. */
static float largest(float *s, int visible) {
    __m512 x[VECTORS];
    for (int c = 0; c < VECTORS; c++) {
        int lanes = visible - LANES * c;
        x[c] = _mm512_load_ps(s + LANES * c);
        if (lanes >= LANES) continue;
        __mmask16 unseen = (__mmask16)(0xffffu << (lanes > 0 ? lanes : 0));
        x[c] = _mm512_mask_mov_ps(x[c], unseen, _mm512_set1_ps(-INFINITY));
        _mm512_store_ps(s + LANES * c, x[c]);
    }
    return _mm512_reduce_max_ps(
        _mm512_max_ps(_mm512_max_ps(x[0], x[1]), _mm512_max_ps(x[2], x[3])));
}

/* Scores -> probabilities, in place; moves max, sums and correction along. */
static void softmax(struct group *g, float *p, float *max, float *sums) {
    const __m512 least = _mm512_set1_ps(-INFINITY);
    const __mmask16 rows = (__mmask16)((1u << g->rows) - 1);
    float most[LANES] = {0}, shift[LANES];
    for (int r = 0; r < g->rows; r++) most[r] = largest(p + KV_BLOCK_TOKENS * r, g->visible[r]);
    __m512 before = _mm512_mask_loadu_ps(least, rows, max); /* a lane is a row */
    __m512 now = _mm512_max_ps(before, _mm512_loadu_ps(most));
    _mm512_mask_storeu_ps(max, rows, now);
    /* exp(-inf - 0) is 0, where -inf - -inf would be NaN. */
    now = _mm512_mask_mov_ps(now, _mm512_cmp_ps_mask(now, least, _CMP_EQ_OQ), _mm512_setzero_ps());
    _mm512_storeu_ps(shift, now);
    _mm512_storeu_ps(g->correction, exp_bounded_avx512(_mm512_sub_ps(before, now)));
    for (int r = 0; r < g->rows; r++) {
        float *s = p + KV_BLOCK_TOKENS * r;
        __m512 most_now = _mm512_set1_ps(shift[r]), correction = _mm512_set1_ps(g->correction[r]);
        __m512 sum = _mm512_mul_ps(_mm512_load_ps(sums + LANES * r), correction);
        for (int c = 0; c < VECTORS; c++) {
            __m512 e = exp_bounded_avx512(_mm512_sub_ps(_mm512_load_ps(s + LANES * c), most_now));
            _mm512_store_ps(s + LANES * c, e);
            sum = _mm512_add_ps(sum, e);
        }
        _mm512_store_ps(sums + LANES * r, sum);
    }
}

/* `vectors` · 16 columns of acc from `column`; `tail` masks the last vector. */
static ALWAYS_INLINE void values_tile(const int rows, const int vectors, __mmask16 tail,
                                      const struct group *g, const float *v, const float *p,
                                      int column) {
    __m512 a[GROUP_ROWS][VECTORS];
    float *acc = g->acc + column;
    v += column;
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < vectors; c++) {
            __m512 x = _mm512_maskz_loadu_ps(c == vectors - 1 ? tail : 0xffff,
                                             acc + (int64_t)r * g->head_dim + LANES * c);
            a[r][c] = _mm512_mul_ps(x, _mm512_set1_ps(g->correction[r]));
        }
    for (int j = 0; j < g->keys; j++, v += g->head_dim) {
        __m512 value[VECTORS];
        UNROLL
        for (int c = 0; c < vectors; c++)
            value[c] = vectors > 1 ? _mm512_loadu_ps(v + LANES * c)
                                   : _mm512_maskz_loadu_ps(tail, v + LANES * c);
        UNROLL
        for (int r = 0; r < rows; r++) {
            __m512 weight = _mm512_set1_ps(p[KV_BLOCK_TOKENS * r + j]);
            UNROLL
            for (int c = 0; c < vectors; c++) a[r][c] = _mm512_fmadd_ps(weight, value[c], a[r][c]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < vectors; c++)
            _mm512_mask_storeu_ps(acc + (int64_t)r * g->head_dim + LANES * c,
                                  c == vectors - 1 ? tail : 0xffff, a[r][c]);
}

static ALWAYS_INLINE void values_rows(const int rows, const struct group *g, const float *v,
                                      const float *p) {
    int column = 0;
    for (; column + 4 * LANES <= g->head_dim; column += 4 * LANES)
        values_tile(rows, 4, 0xffff, g, v, p, column);
    if (column + 2 * LANES <= g->head_dim) {
        values_tile(rows, 2, 0xffff, g, v, p, column);
        column += 2 * LANES;
    }
    for (; column < g->head_dim; column += LANES) {
        int left = g->head_dim - column;
        __mmask16 tail = left >= LANES ? 0xffff : (__mmask16)((1u << left) - 1);
        values_tile(rows, 1, tail, g, v, p, column);
    }
}

static void values(const struct group *g, const float *v, const float *p) {
    switch (g->rows) {
    case 1: values_rows(1, g, v, p); break;
    case 2: values_rows(2, g, v, p); break;
    case 3: values_rows(3, g, v, p); break;
    case 4: values_rows(4, g, v, p); break;
    case 5: values_rows(5, g, v, p); break;
    default: values_rows(6, g, v, p); break;
    }
}

/* The rows of the group that begins at row.  Groups are even: 13 rows go as 5, 4 and 4, since a
 * group of 1 would leave the ports idle. */
static int group_rows(const struct attention_work *w, int row) {
    int groups = (w->rows + GROUP_ROWS - 1) / GROUP_ROWS;
    int larger_rows = w->rows / groups + 1, larger_groups = w->rows % groups;
    return row < larger_groups * larger_rows ? larger_rows : larger_rows - 1;
}

/* Rows [row, row + rows) against the block that starts at key; end bounds the keys. */
static struct group group_of(const struct attention_work *w, const struct tiles *t, int row,
                             int rows, int32_t key, int32_t end) {
    struct group g = {.rows = rows, .head_dim = w->head_dim};
    g.q = t->q + (int64_t)row * w->head_dim;
    for (int r = 0; r < rows; r++) {
        int32_t last = w->row_last_key[row + r] < end ? w->row_last_key[row + r] : end - 1;
        int32_t seen = last - key + 1;
        g.visible[r] = seen < 0 ? 0 : seen > KV_BLOCK_TOKENS ? KV_BLOCK_TOKENS : (int)seen;
        if (g.visible[r] > g.keys) g.keys = g.visible[r];
    }
    g.acc = w->acc + (int64_t)row * w->head_dim;
    return g;
}

/* Queries into the order in which the scores read them. */
static void pack_queries(const struct attention_work *w, bool few, float *to) {
    for (int row = 0, rows; row < w->rows; row += rows) {
        rows = few ? w->rows : group_rows(w, row);
        for (int d = 0; d < w->head_dim; d++)
            for (int r = 0; r < rows; r++) *to++ = w->q[row + r][d] * w->scale;
    }
}

/* Asks for the share of a block that [row, row + rows) are of all rows: the next block comes while
 * this one is at work. */
static void prefetch_share(const void *block, size_t bytes, const struct attention_work *w,
                           int row, int rows) {
    size_t all = (size_t)w->rows, begin = bytes * (size_t)row / all / 64 * 64;
    size_t end = bytes * (size_t)(row + rows) / all;
    for (size_t at = begin; at < end; at += 64)
        _mm_prefetch((const char *)block + at, _MM_HINT_T1);
}

/* All rows of the call against one block, unpacked, in groups. */
static void block_tiled(const struct attention_work *w, const struct tiles *t, int32_t key,
                        int32_t end) {
    int at = key / KV_BLOCK_TOKENS, next = key + KV_BLOCK_TOKENS < end ? at + 1 : at;
    size_t k_bytes = w->k_kernel->k_bytes(w->head_dim), v_bytes = w->v_kernel->v_bytes(w->head_dim);
    w->k_kernel->load_k(t->k, w->k_blocks[at], w->head_dim);
    w->v_kernel->load_v(t->v, w->v_blocks[at], w->head_dim);
    for (int row = 0, rows; row < w->rows; row += rows) {
        rows = group_rows(w, row);
        struct group g = group_of(w, t, row, rows, key, end);
        if (g.keys == 0) continue;
        prefetch_share(w->k_blocks[next], k_bytes, w, row, rows);
        scores(&g, t->k, t->p);
        prefetch_share(w->v_blocks[next], v_bytes, w, row, rows);
        softmax(&g, t->p, w->max + row, t->sums + (int64_t)row * LANES);
        values(&g, t->v, t->p);
    }
}

/* The same for at most KV_FEW_ROWS rows, without unpacking. */
static void block_few(const struct attention_work *w, const struct tiles *t, int32_t key,
                      int32_t end) {
    struct group g = group_of(w, t, 0, w->rows, key, end);
    int at = key / KV_BLOCK_TOKENS;
    bool more = key + KV_BLOCK_TOKENS < end;
    struct kv_few few = {.rows = g.rows, .head_dim = g.head_dim, .keys = g.keys, .q = g.q,
                         .p = t->p, .acc = g.acc, .correction = g.correction,
                         .block = w->k_blocks[at], .next = w->v_blocks[at]};
    w->k_kernel->few_scores(&few);
    softmax(&g, t->p, w->max, t->sums);
    few.block = w->v_blocks[at];
    few.next = more ? w->k_blocks[at + 1] : w->v_blocks[at];
    w->v_kernel->few_values(&few);
}

/* One past the last key that any row sees. */
static int32_t keys_end(const struct attention_work *w) {
    int32_t last = -1;
    for (int r = 0; r < w->rows; r++)
        if (w->row_last_key[r] > last) last = w->row_last_key[r];
    return last < w->key_end ? last + 1 : w->key_end;
}

static void attention(const struct attention_work *w) {
    const struct tiles t = scratch_tiles(w);
    memset(w->acc, 0, sizeof(float) * (size_t)w->rows * (size_t)w->head_dim);
    memset(t.sums, 0, sizeof(float) * (size_t)w->rows * LANES);
    for (int r = 0; r < w->rows; r++) w->max[r] = -INFINITY;
    int32_t end = keys_end(w);
    bool few = w->rows <= KV_FEW_ROWS && w->k_kernel->few_scores && w->v_kernel->few_values;
    pack_queries(w, few, t.q);
    for (int32_t key = w->key_begin; key < end; key += KV_BLOCK_TOKENS)
        if (few) block_few(w, &t, key, end);
        else block_tiled(w, &t, key, end);
    for (int r = 0; r < w->rows; r++)
        w->sum[r] = _mm512_reduce_add_ps(_mm512_load_ps(t.sums + (int64_t)r * LANES));
}

static void scale_add(float *acc, float mine, const float *part, float theirs, int n) {
    for (int i = 0; i < n; i += LANES) {
        __mmask16 mask = n - i >= LANES ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
        __m512 a = _mm512_maskz_loadu_ps(mask, acc + i);
        __m512 b = _mm512_maskz_loadu_ps(mask, part + i);
        a = _mm512_mul_ps(a, _mm512_set1_ps(mine));
        a = _mm512_fmadd_ps(b, _mm512_set1_ps(theirs), a);
        _mm512_mask_storeu_ps(acc + i, mask, a);
    }
}

static void attention_merge(float *acc, float *max, float *sum, const float *part_acc,
                            const float *part_max, const float *part_sum, int rows, int head_dim) {
    for (int r = 0; r < rows; r++) {
        if (part_max[r] == -INFINITY) continue; /* a part that saw nothing changes no bit */
        float most = larger(max[r], part_max[r]);
        float change[LANES] = {max[r] - most, part_max[r] - most};
        _mm512_storeu_ps(change, exp_avx512(_mm512_loadu_ps(change)));
        max[r] = most;
        sum[r] = fmaf(part_sum[r], change[1], sum[r] * change[0]);
        scale_add(acc + (int64_t)r * head_dim, change[0], part_acc + (int64_t)r * head_dim,
                  change[1], head_dim);
    }
}

static void attention_finish(float *const *out, const float *acc, const float *sum, int rows,
                             int head_dim) {
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < head_dim; i += LANES) {
            int left = head_dim - i;
            __mmask16 mask = left >= LANES ? 0xffff : (__mmask16)((1u << left) - 1);
            __m512 x = _mm512_maskz_loadu_ps(mask, acc + (int64_t)r * head_dim + i);
            _mm512_mask_storeu_ps(out[r] + i, mask, _mm512_div_ps(x, _mm512_set1_ps(sum[r])));
        }
}

void attention_add_avx512(struct kernels *k) {
    k->attention = attention;
    k->attention_scratch_bytes = attention_scratch_bytes;
    k->attention_merge = attention_merge;
    k->attention_finish = attention_finish;
    attention_few_add_avx512(k);
}
