/* attention_avx2.c - attention with AVX2 and FMA: tiles of float keys and values in scratch.
 *
 * The algorithm, and the order of accumulation of scores and values, is that of
 * attention_avx512.c; only the register blocking differs:
 *
 *     scores    s[6][16] = q[6][d] · K[d][16]        four times for the 64 keys of a block
 *     values    acc[6][16] = acc·correction + p[6][j] · V[j][16]
 *
 * 6 × 2 accumulators, 2 vectors of the tile and 1 broadcast fill 15 of the 16 registers.
 * A row's sum is kept as 8 lanes (lane l holds the keys 8·c + l, c ascending). */
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include "kernels/exp_avx2.h"
#include "kernels/kernels.h"
#include "kernels/kernels_level.h"
#include "kernels/unroll.h"

enum {
    LANES = 8,
    VECTORS = KV_BLOCK_TOKENS / LANES,
    PAIR = 2, /* vectors that a register block is wide */
    GROUP_ROWS = 6,
};
_Static_assert((int)KV_FEW_ROWS <= (int)LANES, "struct group keeps the corrections in one vector");

struct tiles { /* in scratch, each part 32-aligned */
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

/* All ones in the first `lanes` lanes. */
static __m256i lane_mask(int lanes) {
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), index);
}

/* lane l with l + 4, then l + 2, then l + 1. */
static float reduce_max(__m256 x) {
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}

static float reduce_add(__m256 x) {
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}

/* Scores of 16 keys, from k and into p. */
static ALWAYS_INLINE void scores_tile(const int rows, const struct group *g, const float *k,
                                      float *p) {
    __m256 s[GROUP_ROWS][PAIR];
    UNROLL
    for (int r = 0; r < rows; r++) s[r][0] = s[r][1] = _mm256_setzero_ps();
    const float *q = g->q;
    for (int d = 0; d < g->head_dim; d++, k += KV_BLOCK_TOKENS, q += rows) {
        __m256 k0 = _mm256_load_ps(k), k1 = _mm256_load_ps(k + LANES);
        UNROLL
        for (int r = 0; r < rows; r++) {
            __m256 x = _mm256_broadcast_ss(q + r);
            s[r][0] = _mm256_fmadd_ps(x, k0, s[r][0]);
            s[r][1] = _mm256_fmadd_ps(x, k1, s[r][1]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        _mm256_store_ps(p + KV_BLOCK_TOKENS * r, s[r][0]);
        _mm256_store_ps(p + KV_BLOCK_TOKENS * r + LANES, s[r][1]);
    }
}

static void scores(const struct group *g, const float *k, float *p) {
    for (int j = 0; j < KV_BLOCK_TOKENS; j += PAIR * LANES)
        switch (g->rows) { /* each with its accumulators in registers */
        case 1: scores_tile(1, g, k + j, p + j); break;
        case 2: scores_tile(2, g, k + j, p + j); break;
        case 3: scores_tile(3, g, k + j, p + j); break;
        case 4: scores_tile(4, g, k + j, p + j); break;
        case 5: scores_tile(5, g, k + j, p + j); break;
        default: scores_tile(6, g, k + j, p + j); break;
        }
}

/* The largest of a row's scores; those of keys that the row does not see become -infinity. */
static float largest(float *s, int visible) {
    const __m256 least = _mm256_set1_ps(-INFINITY);
    __m256 most = least;
    for (int c = 0; c < VECTORS; c++) {
        __m256 x = _mm256_load_ps(s + LANES * c);
        if (visible < LANES * (c + 1)) {
            x = _mm256_blendv_ps(least, x, _mm256_castsi256_ps(lane_mask(visible - LANES * c)));
            _mm256_store_ps(s + LANES * c, x);
        }
        most = _mm256_max_ps(most, x);
    }
    return reduce_max(most);
}

/* Scores -> probabilities, in place; moves max, sums and correction along. */
static void softmax(struct group *g, float *p, float *max, float *sums) {
    const __m256 least = _mm256_set1_ps(-INFINITY);
    const __m256i rows = lane_mask(g->rows);
    float most[LANES] = {0}, shift[LANES];
    for (int r = 0; r < g->rows; r++) most[r] = largest(p + KV_BLOCK_TOKENS * r, g->visible[r]);
    __m256 before = _mm256_maskload_ps(max, rows); /* a lane is a row */
    __m256 now = _mm256_max_ps(before, _mm256_loadu_ps(most));
    _mm256_maskstore_ps(max, rows, now);
    /* exp(-inf - 0) is 0, where -inf - -inf would be NaN. */
    now = _mm256_andnot_ps(_mm256_cmp_ps(now, least, _CMP_EQ_OQ), now);
    _mm256_storeu_ps(shift, now);
    _mm256_storeu_ps(g->correction, exp_nonpositive_avx2(_mm256_sub_ps(before, now)));
    for (int r = 0; r < g->rows; r++) {
        float *s = p + KV_BLOCK_TOKENS * r;
        __m256 most_now = _mm256_set1_ps(shift[r]), correction = _mm256_set1_ps(g->correction[r]);
        __m256 sum = _mm256_mul_ps(_mm256_load_ps(sums + LANES * r), correction);
        for (int c = 0; c < VECTORS; c++) {
            __m256 e = _mm256_sub_ps(_mm256_load_ps(s + LANES * c), most_now);
            e = exp_nonpositive_avx2(e);
            _mm256_store_ps(s + LANES * c, e);
            sum = _mm256_add_ps(sum, e);
        }
        _mm256_store_ps(sums + LANES * r, sum);
    }
}

/* `vectors` · 8 columns of acc from `column`. */
static ALWAYS_INLINE void values_tile(const int rows, const int vectors, const struct group *g,
                                      const float *v, const float *p, int column) {
    __m256 a[GROUP_ROWS][PAIR];
    float *acc = g->acc + column;
    v += column;
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < vectors; c++) {
            __m256 x = _mm256_loadu_ps(acc + (int64_t)r * g->head_dim + LANES * c);
            a[r][c] = _mm256_mul_ps(x, _mm256_set1_ps(g->correction[r]));
        }
    for (int j = 0; j < g->keys; j++, v += g->head_dim) {
        __m256 value[PAIR];
        UNROLL
        for (int c = 0; c < vectors; c++) value[c] = _mm256_loadu_ps(v + LANES * c);
        UNROLL
        for (int r = 0; r < rows; r++) {
            __m256 weight = _mm256_broadcast_ss(p + KV_BLOCK_TOKENS * r + j);
            UNROLL
            for (int c = 0; c < vectors; c++) a[r][c] = _mm256_fmadd_ps(weight, value[c], a[r][c]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < vectors; c++)
            _mm256_storeu_ps(acc + (int64_t)r * g->head_dim + LANES * c, a[r][c]);
}

static ALWAYS_INLINE void values_rows(const int rows, const struct group *g, const float *v,
                                      const float *p) {
    int column = 0;
    for (; column + PAIR * LANES <= g->head_dim; column += PAIR * LANES)
        values_tile(rows, PAIR, g, v, p, column);
    if (column < g->head_dim) values_tile(rows, 1, g, v, p, column); /* head_dim is 8 · odd */
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
        w->sum[r] = reduce_add(_mm256_load_ps(t.sums + (int64_t)r * LANES));
}

static void attention_merge(float *acc, float *max, float *sum, const float *part_acc,
                            const float *part_max, const float *part_sum, int rows, int head_dim) {
    for (int r = 0; r < rows; r++) {
        if (part_max[r] == -INFINITY) continue; /* a part that saw nothing changes no bit */
        float most = larger(max[r], part_max[r]);
        float change[LANES] = {max[r] - most, part_max[r] - most};
        _mm256_storeu_ps(change, exp_avx2(_mm256_loadu_ps(change)));
        max[r] = most;
        sum[r] = fmaf(part_sum[r], change[1], sum[r] * change[0]);
        const __m256 mine = _mm256_set1_ps(change[0]), theirs = _mm256_set1_ps(change[1]);
        float *to = acc + (int64_t)r * head_dim;
        const float *from = part_acc + (int64_t)r * head_dim;
        for (int i = 0; i < head_dim; i += LANES) {
            __m256 a = _mm256_mul_ps(_mm256_loadu_ps(to + i), mine);
            _mm256_storeu_ps(to + i, _mm256_fmadd_ps(_mm256_loadu_ps(from + i), theirs, a));
        }
    }
}

static void attention_finish(float *const *out, const float *acc, const float *sum, int rows,
                             int head_dim) {
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < head_dim; i += LANES) {
            __m256 x = _mm256_loadu_ps(acc + (int64_t)r * head_dim + i);
            _mm256_storeu_ps(out[r] + i, _mm256_div_ps(x, _mm256_set1_ps(sum[r])));
        }
}

void attention_add_avx2(struct kernels *k) {
    k->attention = attention;
    k->attention_scratch_bytes = attention_scratch_bytes;
    k->attention_merge = attention_merge;
    k->attention_finish = attention_finish;
    attention_few_add_avx2(k);
}
