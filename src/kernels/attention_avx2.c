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

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
    LANES = 8,
    VECTORS = KV_BLOCK_TOKENS / LANES,
    PAIR = 2, /* vectors that a register block is wide */
    GROUP_ROWS = 6,
};

struct tiles { /* in scratch, each part 32-aligned */
    float *k;    /* [head_dim][64] */
    float *v;    /* [64][head_dim] */
    float *p;    /* [GROUP_ROWS][64] scores, then probabilities */
    float *sums; /* [rows][LANES] */
};

struct group { /* some rows of the call against one block */
    int rows, head_dim, keys;  /* keys: the most that one of the rows sees of the block */
    int visible[GROUP_ROWS];   /* keys of the block that the row sees */
    const float *q[GROUP_ROWS];
    float *acc;                /* [rows][head_dim] */
    float correction[LANES];   /* by row; 1 beyond */
};

static float larger(float a, float b) { return a > b ? a : b; }

static size_t attention_scratch_bytes(int rows, int head_dim) {
    size_t tile = (size_t)head_dim * KV_BLOCK_TOKENS;
    return sizeof(float) * (2 * tile + GROUP_ROWS * KV_BLOCK_TOKENS + (size_t)rows * LANES);
}

static struct tiles scratch_tiles(const struct attention_work *w) {
    size_t tile = (size_t)w->head_dim * KV_BLOCK_TOKENS;
    struct tiles t = {.k = w->scratch};
    t.v = t.k + tile;
    t.p = t.v + tile;
    t.sums = t.p + GROUP_ROWS * KV_BLOCK_TOKENS;
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
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) s[r][0] = s[r][1] = _mm256_setzero_ps();
    for (int d = 0; d < g->head_dim; d++, k += KV_BLOCK_TOKENS) {
        __m256 k0 = _mm256_load_ps(k), k1 = _mm256_load_ps(k + LANES);
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            __m256 q = _mm256_broadcast_ss(g->q[r] + d);
            s[r][0] = _mm256_fmadd_ps(q, k0, s[r][0]);
            s[r][1] = _mm256_fmadd_ps(q, k1, s[r][1]);
        }
    }
#pragma GCC unroll 6
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

/* Scales a row's scores in place, -infinity where the row sees no key; returns the largest. */
static float scale_row(float *s, int visible, float scale) {
    const __m256 least = _mm256_set1_ps(-INFINITY);
    __m256 most = least;
    for (int c = 0; c < VECTORS; c++) {
        __m256 mask = _mm256_castsi256_ps(lane_mask(visible - LANES * c));
        __m256 x = _mm256_mul_ps(_mm256_load_ps(s + LANES * c), _mm256_set1_ps(scale));
        x = _mm256_blendv_ps(least, x, mask);
        _mm256_store_ps(s + LANES * c, x);
        most = _mm256_max_ps(most, x);
    }
    return reduce_max(most);
}

/* Scores -> probabilities, in place; moves max, sums and correction along. */
static void softmax(struct group *g, float *p, float scale, float *max, float *sums) {
    float before[LANES] = {0}, now[LANES] = {0};
    for (int r = 0; r < g->rows; r++) {
        if (g->visible[r] == 0) continue;
        before[r] = max[r];
        now[r] = larger(max[r], scale_row(p + KV_BLOCK_TOKENS * r, g->visible[r], scale));
        if (now[r] == -INFINITY) now[r] = 0; /* exp(-inf - 0) = 0, where -inf - -inf is NaN */
        else max[r] = now[r];
    }
    __m256 change = _mm256_sub_ps(_mm256_loadu_ps(before), _mm256_loadu_ps(now));
    _mm256_storeu_ps(g->correction, exp_avx2(change)); /* exp(0) = 1 where nothing changed */
    for (int r = 0; r < g->rows; r++) {
        float *s = p + KV_BLOCK_TOKENS * r;
        if (g->visible[r] == 0) {
            memset(s, 0, KV_BLOCK_TOKENS * sizeof *s);
            continue;
        }
        __m256 shift = _mm256_set1_ps(now[r]), sum = _mm256_load_ps(sums + LANES * r);
        sum = _mm256_mul_ps(sum, _mm256_set1_ps(g->correction[r]));
        for (int c = 0; c < VECTORS; c++) {
            __m256 e = exp_avx2(_mm256_sub_ps(_mm256_load_ps(s + LANES * c), shift));
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
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int c = 0; c < vectors; c++) {
            __m256 x = _mm256_loadu_ps(acc + (int64_t)r * g->head_dim + LANES * c);
            a[r][c] = _mm256_mul_ps(x, _mm256_set1_ps(g->correction[r]));
        }
    for (int j = 0; j < g->keys; j++, v += g->head_dim) {
        __m256 value[PAIR];
#pragma GCC unroll 2
        for (int c = 0; c < vectors; c++) value[c] = _mm256_loadu_ps(v + LANES * c);
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            __m256 weight = _mm256_broadcast_ss(p + KV_BLOCK_TOKENS * r + j);
#pragma GCC unroll 2
            for (int c = 0; c < vectors; c++) a[r][c] = _mm256_fmadd_ps(weight, value[c], a[r][c]);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
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

/* Rows [row, row + rows) against the block that starts at key; end bounds the keys. */
static void group_block(const struct attention_work *w, const struct tiles *t, int row, int rows,
                        int32_t key, int32_t end) {
    struct group g = {.rows = rows, .head_dim = w->head_dim};
    for (int r = 0; r < rows; r++) {
        int32_t last = w->row_last_key[row + r] < end ? w->row_last_key[row + r] : end - 1;
        int32_t seen = last - key + 1;
        g.visible[r] = seen < 0 ? 0 : seen > KV_BLOCK_TOKENS ? KV_BLOCK_TOKENS : (int)seen;
        if (g.visible[r] > g.keys) g.keys = g.visible[r];
        g.q[r] = w->q[row + r];
    }
    if (g.keys == 0) return;
    g.acc = w->acc + (int64_t)row * w->head_dim;
    scores(&g, t->k, t->p);
    softmax(&g, t->p, w->scale, w->max + row, t->sums + (int64_t)row * LANES);
    values(&g, t->v, t->p);
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
    int groups = (w->rows + GROUP_ROWS - 1) / GROUP_ROWS;
    for (int32_t key = w->key_begin; key < end; key += KV_BLOCK_TOKENS) {
        w->k_kernel->load_k(t.k, w->k_blocks[key / KV_BLOCK_TOKENS], w->head_dim);
        w->v_kernel->load_v(t.v, w->v_blocks[key / KV_BLOCK_TOKENS], w->head_dim);
        /* Groups of even size: 7 rows go as 4 and 3, since 6 and 1 would leave the ports idle. */
        for (int row = 0, left = groups; left > 0; left--) {
            int rows = (w->rows - row + left - 1) / left;
            group_block(w, &t, row, rows, key, end);
            row += rows;
        }
    }
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
}
