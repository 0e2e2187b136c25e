/* attention_neon.c - attention with NEON: tiles of float keys and values in scratch.
 *
 * The algorithm, and the order of accumulation of scores and values, is that of
 * attention_avx512.c; only the register blocking differs:
 *
 *     scores    s[6][16] = q[6][d] · K[d][16]        four times for the 64 keys of a block
 *     values    acc[6][16] = acc·correction + p[6][j] · V[j][16]
 *
 * 6 × 4 accumulators, 4 vectors of the tile and 2 of factors (attention_neon.h) fill 30 of the 32
 * registers: 24 multiply-adds for 6 loads, and more chains than the four pipes of the widest
 * processors times their latency of four need.
 * A row's sum is kept as 4 lanes (lane l holds the keys 4·c + l, c ascending). */
#include "kernels/attention_neon.h"
#include <math.h>
#include <string.h>
#include "kernels/exp_neon.h"
#include "kernels/kernels_level.h"

enum {
    LANES = 4,
    VECTORS = KV_BLOCK_TOKENS / LANES,
    WIDTH = 4, /* vectors that a register block is wide */
    GROUP_ROWS = 6,
};

struct tiles { /* in scratch, each part 16-aligned */
    float *k;    /* [head_dim][64] */
    float *v;    /* [64][head_dim] */
    float *p;    /* [KV_FEW_ROWS][64] scores, then probabilities */
    float *sums; /* [rows][LANES] */
    float *q;    /* [rows][head_dim] times scale; a group of rows as [head_dim][rows] */
};

struct group { /* some rows of the call against one block */
    int rows, head_dim, keys;      /* keys: the most that one of the rows sees of the block */
    int visible[KV_FEW_ROWS];      /* keys of the block that the row sees */
    const float *q;                /* [head_dim][rows] */
    float *acc;                    /* [rows][head_dim] */
    float correction[KV_FEW_ROWS]; /* by row */
};

static float larger(float a, float b) { return a > b ? a : b; }

static size_t attention_scratch_bytes(int rows, int head_dim) {
    size_t tile = (size_t)head_dim * KV_BLOCK_TOKENS;
    size_t row = LANES + (size_t)head_dim; /* sums and q */
    return sizeof(float) * (2 * tile + KV_FEW_ROWS * KV_BLOCK_TOKENS + (size_t)rows * row +
                            ATTENTION_Q_SLACK);
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

/* Scores of 16 keys, from k and into p. */
static ALWAYS_INLINE void scores_tile(const int rows, const struct group *g, const float *k,
                                      float *p) {
    float32x4_t s[GROUP_ROWS][WIDTH];
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < WIDTH; c++) s[r][c] = vdupq_n_f32(0);
    const float *q = g->q;
    for (int d = 0; d < g->head_dim; d++, k += KV_BLOCK_TOKENS, q += rows) {
        float32x4_t key[WIDTH];
        UNROLL
        for (int c = 0; c < WIDTH; c++) key[c] = vld1q_f32(k + LANES * c);
        struct factors x = factors_load(rows, q, q + 4);
        UNROLL
        for (int r = 0; r < rows; r++)
            UNROLL
            for (int c = 0; c < WIDTH; c++) s[r][c] = factors_add(s[r][c], key[c], &x, r);
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < WIDTH; c++) vst1q_f32(p + KV_BLOCK_TOKENS * r + LANES * c, s[r][c]);
}

static void scores(const struct group *g, const float *k, float *p) {
    for (int j = 0; j < KV_BLOCK_TOKENS; j += WIDTH * LANES)
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
    const float32x4_t least = vdupq_n_f32(-INFINITY);
    static const int32_t index[LANES] = {0, 1, 2, 3};
    float32x4_t most = least;
    for (int c = 0; c < VECTORS; c++) {
        float32x4_t x = vld1q_f32(s + LANES * c);
        if (visible < LANES * (c + 1)) {
            uint32x4_t seen = vcgtq_s32(vdupq_n_s32(visible - LANES * c), vld1q_s32(index));
            x = vbslq_f32(seen, x, least);
            vst1q_f32(s + LANES * c, x);
        }
        most = vbslq_f32(vcgtq_f32(x, most), x, most); /* a NaN is not larger */
    }
    return vmaxvq_f32(most);
}

/* Moves the maxima of up to four rows on; sets their corrections and what to subtract. */
static void move_max(int rows, float *max, const float most[LANES], float *correction,
                     float shift[LANES]) {
    float before[LANES] = {0};
    memcpy(before, max, sizeof *max * (size_t)rows);
    float32x4_t was = vld1q_f32(before), now = vld1q_f32(most);
    now = vbslq_f32(vcgtq_f32(now, was), now, was);
    vst1q_f32(shift, now);
    memcpy(max, shift, sizeof *max * (size_t)rows);
    /* exp(-inf - 0) is 0, where -inf - -inf would be NaN. */
    now = vbslq_f32(vceqq_f32(now, vdupq_n_f32(-INFINITY)), vdupq_n_f32(0), now);
    vst1q_f32(shift, now);
    vst1q_f32(correction, exp_nonpositive_neon(vsubq_f32(was, now)));
}

/* Scores -> probabilities, in place; moves max, sums and correction along. */
static void softmax(struct group *g, float *p, float *max, float *sums) {
    float most[KV_FEW_ROWS] = {0}, shift[KV_FEW_ROWS];
    for (int r = 0; r < g->rows; r++) most[r] = largest(p + KV_BLOCK_TOKENS * r, g->visible[r]);
    for (int r = 0; r < g->rows; r += LANES)
        move_max(g->rows - r < LANES ? g->rows - r : LANES, max + r, most + r, g->correction + r,
                 shift + r);
    for (int r = 0; r < g->rows; r++) {
        float *s = p + KV_BLOCK_TOKENS * r;
        float32x4_t most_now = vdupq_n_f32(shift[r]);
        float32x4_t sum = vmulq_n_f32(vld1q_f32(sums + LANES * r), g->correction[r]);
        for (int c = 0; c < VECTORS; c++) {
            float32x4_t e = vsubq_f32(vld1q_f32(s + LANES * c), most_now);
            e = exp_nonpositive_neon(e);
            vst1q_f32(s + LANES * c, e);
            sum = vaddq_f32(sum, e);
        }
        vst1q_f32(sums + LANES * r, sum);
    }
}

/* `vectors` · 4 columns of acc from `column`. */
static ALWAYS_INLINE void values_tile(const int rows, const int vectors, const struct group *g,
                                      const float *v, const struct quads *quads,
                                      int column) {
    float32x4_t a[GROUP_ROWS][WIDTH];
    float *acc = g->acc + column;
    v += column;
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < vectors; c++)
            a[r][c] = vmulq_n_f32(vld1q_f32(acc + (int64_t)r * g->head_dim + LANES * c),
                                  g->correction[r]);
    for (int j = 0; j < g->keys; j++, v += g->head_dim) {
        float32x4_t value[WIDTH];
        UNROLL
        for (int c = 0; c < vectors; c++) value[c] = vld1q_f32(v + LANES * c);
        struct factors weight = factors_load(rows, quads->four[0][j], quads->four[1][j]);
        UNROLL
        for (int r = 0; r < rows; r++)
            UNROLL
            for (int c = 0; c < vectors; c++)
                a[r][c] = factors_add(a[r][c], value[c], &weight, r);
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < vectors; c++)
            vst1q_f32(acc + (int64_t)r * g->head_dim + LANES * c, a[r][c]);
}

static ALWAYS_INLINE void values_rows(const int rows, const struct group *g, const float *v,
                                      const struct quads *quads) {
    int column = 0;
    for (; column + WIDTH * LANES <= g->head_dim; column += WIDTH * LANES)
        values_tile(rows, WIDTH, g, v, quads, column);
    if (column < g->head_dim) values_tile(rows, 2, g, v, quads, column); /* head_dim is 8 · odd */
}

static void values(const struct group *g, const float *v, const float *p) {
    struct quads quads;
    attention_quads(&quads, p, g->rows, g->keys);
    switch (g->rows) {
    case 1: values_rows(1, g, v, &quads); break;
    case 2: values_rows(2, g, v, &quads); break;
    case 3: values_rows(3, g, v, &quads); break;
    case 4: values_rows(4, g, v, &quads); break;
    case 5: values_rows(5, g, v, &quads); break;
    default: values_rows(6, g, v, &quads); break;
    }
}

/* The rows of the group that begins at row.  Groups are even: 13 rows go as 5, 4 and 4, since a
 * group of 1 would leave the pipes idle. */
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
        __builtin_prefetch((const char *)block + at, 0, 2); /* into L2 */
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
        w->sum[r] = vaddvq_f32(vld1q_f32(t.sums + (int64_t)r * LANES));
}

static void attention_merge(float *acc, float *max, float *sum, const float *part_acc,
                            const float *part_max, const float *part_sum, int rows, int head_dim) {
    for (int r = 0; r < rows; r++) {
        if (part_max[r] == -INFINITY) continue; /* a part that saw nothing changes no bit */
        float most = larger(max[r], part_max[r]);
        float change[LANES] = {max[r] - most, part_max[r] - most};
        vst1q_f32(change, exp_neon(vld1q_f32(change)));
        max[r] = most;
        sum[r] = fmaf(part_sum[r], change[1], sum[r] * change[0]);
        float *to = acc + (int64_t)r * head_dim;
        const float *from = part_acc + (int64_t)r * head_dim;
        for (int i = 0; i < head_dim; i += LANES) {
            float32x4_t a = vmulq_n_f32(vld1q_f32(to + i), change[0]);
            vst1q_f32(to + i, vfmaq_n_f32(a, vld1q_f32(from + i), change[1]));
        }
    }
}

static void attention_finish(float *const *out, const float *acc, const float *sum, int rows,
                             int head_dim) {
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < head_dim; i += LANES) {
            float32x4_t x = vld1q_f32(acc + (int64_t)r * head_dim + i);
            vst1q_f32(out[r] + i, vdivq_f32(x, vdupq_n_f32(sum[r])));
        }
}

void attention_add_neon(struct kernels *k) {
    k->attention = attention;
    k->attention_scratch_bytes = attention_scratch_bytes;
    k->attention_merge = attention_merge;
    k->attention_finish = attention_finish;
    attention_few_add_neon(k);
}
