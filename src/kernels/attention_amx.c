/* attention_amx.c - attention on AMX tiles: bfloat16 products that keep 16 bits of each factor.
 *
 * A float x is split into hi, x as bfloat16, and lo, x − hi as bfloat16.  An f16 has 11 bits, so
 * that cutting gives it exactly (|lo| < 2^-7 |x|); other floats are rounded (|lo| <= 2^-8 |x|, and
 * hi + lo is off by at most 2^-17 |x|).  A product is hi·hi + lo·hi + lo·lo + hi·lo, summed in
 * float.  Values do without lo·lo, which is below 2^-15 of the product.  Scores need it: keys of
 * Qwen2.5 have a constant of norm 600 to 900, whose share of a score is large and mostly cancels.
 * Without lo·lo the error was 1.1e-4 of the output there, with it 5e-6 (float: 4e-6), for a
 * twentieth of the speed; the worst log-probability against llama.cpp's on the 1.5B moved from
 * 0.155 to 0.098 (avx512: 0.101).
 *
 * tdpbf16ps multiplies A[16][32] by B[32][16], where B holds two of the 32 rows side by side.
 * Which two is free as long as A agrees: here rows i and i + 16 of 32, since then a shift and a
 * blend of two vectors pack either operand.
 *
 *     scores   S[32][64] = Q[32][d] · K[d][64]          2 × 2 accumulator tiles, d by 32
 *     values   acc[32][d] += P[32][64] · V[64][d]       2 × 2 accumulator tiles, keys by 32
 *
 * Up to 16 rows go as 1 × 4 tiles of as many rows.  Either way an element of the result takes, for
 * each 32 terms in ascending order, hi·hi, lo·hi, lo·lo and hi·lo, so the grouping changes no bit.
 *
 * So does decode: its 1 to 8 rows are a tile of as many rows.  Keys and values must be finite (0 ·
 * infinity turns up in the split), which the narrow types' stores see to.  Tiles flush denormals.
 *
 * Lies on top of the avx512 level.  head_dim is padded to a multiple of 32 inside. */
#include <immintrin.h>
#include <math.h>
#include <string.h>
#include "kernels/exp_avx512.h"
#include "kernels/kernels.h"
#include "kernels/kernels_level.h"
#include "kernels/kv_layout.h"
#include "kernels/unroll.h"

enum { LANES = 16, TILE_ROWS = 16, GROUP_ROWS = 2 * TILE_ROWS, CHUNK = 32 };

struct parts { /* the same numbers twice */
    uint32_t *hi, *lo; /* pairs of bfloat16 */
};

struct tiles { /* in scratch, each part 64-aligned; dim: head_dim padded to CHUNK */
    float *k, *v;     /* an unpacked block: [head_dim][64], [64][head_dim] */
    struct parts kp;  /* [dim/2][64]   pairs of dimensions */
    struct parts vp;  /* [32][dim]     pairs of keys */
    struct parts qp;  /* [rows][dim/2] pairs of dimensions, times scale */
    struct parts pp;  /* [GROUP_ROWS][32] pairs of keys */
    float *s;         /* [GROUP_ROWS][64] */
    float *acc;       /* [rows][dim] */
    float *sums;      /* [rows][LANES] */
    float *max;       /* [rows] */
    int dim;
};

static int padded(int n, int to) { return (n + to - 1) / to * to; }

/* Lays the parts out from `at`; returns how many floats they take. */
static size_t tiles_carve(struct tiles *t, float *at, int rows, int head_dim) {
    size_t dim = (size_t)padded(head_dim, CHUNK), all = (size_t)padded(rows, GROUP_ROWS);
    size_t used = 0;
    struct {
        void *to; /* a pointer of some type */
        size_t floats;
    } parts[] = {
        {&t->k, dim * 64},      {&t->v, dim * 64},      {&t->kp.hi, dim * 32},
        {&t->kp.lo, dim * 32},  {&t->vp.hi, dim * 32},  {&t->vp.lo, dim * 32},
        {&t->qp.hi, all * dim / 2}, {&t->qp.lo, all * dim / 2}, {&t->pp.hi, GROUP_ROWS * 32},
        {&t->pp.lo, GROUP_ROWS * 32}, {&t->s, GROUP_ROWS * 64}, {&t->acc, all * dim},
        {&t->sums, all * LANES}, {&t->max, all},
    };
    t->dim = (int)dim;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        float *here = at ? at + used : NULL;
        memcpy(parts[i].to, &here, sizeof here);
        used += (parts[i].floats + 15) / 16 * 16;
    }
    return used;
}

static size_t attention_scratch_bytes(int rows, int head_dim) {
    struct tiles t;
    return sizeof(float) * tiles_carve(&t, NULL, rows, head_dim);
}

static __mmask16 lanes_below(int left) {
    return left >= LANES ? 0xffff : left <= 0 ? 0 : (__mmask16)((1u << left) - 1);
}

/* a and b become 16 pairs (a in the lower half), hi and lo apart. */
static ALWAYS_INLINE void split_pair(__m512 a, __m512 b, bool exact, uint32_t *hi, uint32_t *lo) {
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000), half = _mm512_set1_epi32(0x8000);
    const __mmask32 odd = 0xaaaaaaaa;
    __m512i ia = _mm512_castps_si512(a), ib = _mm512_castps_si512(b);
    if (!exact) { /* half a unit of hi's last place: halves go away from 0 */
        ia = _mm512_add_epi32(ia, half);
        ib = _mm512_add_epi32(ib, half);
    }
    _mm512_store_si512(hi, _mm512_mask_mov_epi16(_mm512_srli_epi32(ia, 16), odd, ib));
    __m512 la = _mm512_sub_ps(a, _mm512_castsi512_ps(_mm512_and_si512(ia, upper)));
    __m512 lb = _mm512_sub_ps(b, _mm512_castsi512_ps(_mm512_and_si512(ib, upper)));
    ia = _mm512_castps_si512(la);
    ib = _mm512_castps_si512(lb);
    if (!exact) {
        ia = _mm512_add_epi32(ia, half);
        ib = _mm512_add_epi32(ib, half);
    }
    _mm512_store_si512(lo, _mm512_mask_mov_epi16(_mm512_srli_epi32(ia, 16), odd, ib));
}

/* The next block's lines, asked for a few at a time all along the work on this one: a burst
 * would fill the buffers of outstanding lines and stop everything, a pause leaves memory idle. */
struct stream {
    const char *k, *v;
    size_t k_lines, lines, at; /* of K, of both, asked for so far */
    size_t due, rate;          /* in 1/64 lines: owed so far, owed a unit of work */
};

enum { PRODUCT_WORK = 8 }; /* units in 4 tile products; packing 32 elements is one unit */

static ALWAYS_INLINE void stream_ask(struct stream *s, size_t work) {
    s->due += s->rate * work;
    for (; s->at < s->due / 64 && s->at < s->lines; s->at++)
        _mm_prefetch(s->at < s->k_lines ? s->k + 64 * s->at : s->v + 64 * (s->at - s->k_lines),
                     _MM_HINT_T1);
}

/* A row-major tile [rows][cols] into pairs of rows [padded rows / 2][padded cols]; what is
 * beyond is 0. */
static void split_floats(struct parts to, const float *from, int rows, int cols, bool exact,
                         struct stream *next) {
    int to_cols = padded(cols, CHUNK);
    for (int begin = 0; begin < rows; begin += CHUNK)
        for (int i = begin; i < begin + LANES; i++)
            for (int c = 0; c < to_cols; c += LANES) {
                __mmask16 mask = lanes_below(cols - c);
                __mmask16 first = i < rows ? mask : 0, second = i + LANES < rows ? mask : 0;
                const float *at = from + (int64_t)i * cols + c;
                int64_t out = (int64_t)((begin / 2) + (i - begin)) * to_cols + c;
                stream_ask(next, 1);
                split_pair(_mm512_maskz_loadu_ps(first, at),
                           _mm512_maskz_loadu_ps(second, at + (int64_t)LANES * cols), exact,
                           to.hi + out, to.lo + out);
            }
}

/* The same straight from a block of f16, [rows][cols] in whole chunks. */
static void split_f16(struct parts to, const void *block, int rows, int cols,
                      struct stream *next) {
    for (int begin = 0; begin < rows; begin += CHUNK)
        for (int i = 0; i < LANES; i++) {
            const uint16_t *a = (const uint16_t *)block + (int64_t)(begin + i) * cols;
            const uint16_t *b = a + LANES * cols;
            int64_t out = (int64_t)(begin / 2 + i) * cols;
            for (int c = 0; c < cols; c += LANES) {
                stream_ask(next, 1);
                split_pair(_mm512_cvtph_ps(_mm256_loadu_si256((const void *)(a + c))),
                           _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(b + c))), true,
                           to.hi + out + c, to.lo + out + c);
            }
        }
}

static ALWAYS_INLINE __m512 q8_floats(const int8_t *codes, __m512 scale) {
    __m512i wide = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)codes));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(wide), scale);
}

/* Straight from q8_0: 32 dimensions of a key share a scale, and a chunk is those 32. */
static void split_q8_k(struct parts to, const void *block, int rows, int cols,
                       struct stream *next) {
    const uint16_t *scales = (const void *)((const char *)block + kv_q8_codes_bytes(rows));
    for (int begin = 0; begin < rows; begin += CHUNK, scales += cols)
        for (int c = 0; c < cols; c += LANES) {
            __m512 scale = _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(scales + c)));
            const int8_t *a = (const int8_t *)block + (int64_t)begin * cols + c;
            int64_t out = (int64_t)begin / 2 * cols + c;
            for (int i = 0; i < LANES; i++, a += cols, out += cols) {
                stream_ask(next, 1);
                split_pair(q8_floats(a, scale), q8_floats(a + LANES * cols, scale), false,
                           to.hi + out, to.lo + out);
            }
        }
}

static void split_q8_v(struct parts to, const void *block, int rows, int cols,
                       struct stream *next) {
    const uint16_t *scales = (const void *)((const char *)block + kv_q8_codes_bytes(cols));
    int groups = kv_groups(cols);
    for (int begin = 0; begin < rows; begin += CHUNK)
        for (int i = 0; i < LANES; i++) {
            const int8_t *a = (const int8_t *)block + (int64_t)(begin + i) * cols;
            const uint16_t *scale = scales + (begin + i) * groups;
            int64_t out = (int64_t)(begin / 2 + i) * cols;
            for (int c = 0; c < cols; c += LANES) {
                __m512 sa = _mm512_set1_ps(_cvtsh_ss(scale[c / KV_GROUP]));
                __m512 sb = _mm512_set1_ps(_cvtsh_ss(scale[LANES * groups + c / KV_GROUP]));
                stream_ask(next, 1);
                split_pair(q8_floats(a + c, sa), q8_floats(a + LANES * cols + c, sb), false,
                           to.hi + out + c, to.lo + out + c);
            }
        }
}
_Static_assert((int)KV_GROUP == (int)CHUNK, "split_q8_k takes one scale a chunk");

/* How a type's blocks are split without unpacking them first, where that has been written.
 * exact: its numbers have at most 15 bits.  They get the same parts either way. */
static const struct splitter {
    void (*k)(struct parts to, const void *block, int rows, int cols, struct stream *next);
    void (*v)(struct parts to, const void *block, int rows, int cols, struct stream *next);
    bool exact;
} splitters[QUANT_TYPES] = {
    [QUANT_F16] = {split_f16, split_f16, true},
    [QUANT_BF16] = {NULL, NULL, true},
    [QUANT_Q8_0] = {split_q8_k, split_q8_v, false},
};

static void split_queries(const struct attention_work *w, const struct tiles *t) {
    const __m512 scale = _mm512_set1_ps(w->scale);
    for (int r = 0; r < w->rows; r++)
        for (int d = 0; d < t->dim; d += CHUNK) {
            __m512 a = _mm512_maskz_loadu_ps(lanes_below(w->head_dim - d), w->q[r] + d);
            __m512 b = _mm512_maskz_loadu_ps(lanes_below(w->head_dim - d - LANES),
                                             w->q[r] + d + LANES);
            int64_t at = (int64_t)r * t->dim / 2 + d / 2;
            split_pair(_mm512_mul_ps(a, scale), _mm512_mul_ps(b, scale), false, t->qp.hi + at,
                       t->qp.lo + at);
        }
}

/* One block at work: which one, how many of its slots are in use, and whether its keys and
 * values have been split yet.  Values wait until they are needed, so that in decode the split
 * keys are still in the first cache when the scores read them. */
struct block {
    int32_t key;
    int keys;
    bool k_split, v_split;
    struct stream next;
};

static void split_keys(const struct attention_work *w, const struct tiles *t, struct block *b) {
    const struct splitter *split = &splitters[w->k_kernel->type];
    const void *k = w->k_blocks[b->key / KV_BLOCK_TOKENS];
    if (w->head_dim == t->dim && split->k) {
        split->k(t->kp, k, w->head_dim, KV_BLOCK_TOKENS, &b->next);
    } else {
        w->k_kernel->load_k(t->k, k, w->head_dim);
        split_floats(t->kp, t->k, w->head_dim, KV_BLOCK_TOKENS, split->exact, &b->next);
    }
    b->k_split = true;
}

/* Slots that are not in use may hold anything, and 0 · NaN would be NaN. */
static void split_values(const struct attention_work *w, const struct tiles *t, struct block *b) {
    const struct splitter *split = &splitters[w->v_kernel->type];
    const void *v = w->v_blocks[b->key / KV_BLOCK_TOKENS];
    if (w->head_dim == t->dim && split->v && b->keys == KV_BLOCK_TOKENS) {
        split->v(t->vp, v, KV_BLOCK_TOKENS, w->head_dim, &b->next);
    } else {
        size_t unused = (size_t)(KV_BLOCK_TOKENS - b->keys) * (size_t)w->head_dim;
        w->v_kernel->load_v(t->v, v, w->head_dim);
        memset(t->v + (int64_t)b->keys * w->head_dim, 0, sizeof(float) * unused);
        split_floats(t->vp, t->v, KV_BLOCK_TOKENS, w->head_dim, split->exact, &b->next);
    }
    b->v_split = true;
}

/* ---- tiles 0 to 3 accumulate, 4 and 5 are A, 6 and 7 are B ---- */

/* out[32][32] += A[32][32·chunks] · B[32·chunks][32].  Strides are in bytes. */
struct product {
    struct parts a, b;
    int64_t a_stride, b_stride;     /* of rows */
    int64_t a_chunk, b_chunk;       /* from one chunk of 32 terms to the next, in pairs */
    int chunks;
    bool low;                       /* lo·lo too */
};

static void multiply_2x2(const struct product *m, struct stream *next) {
    int64_t below = m->a_stride * TILE_ROWS / 4; /* the second 16 rows of A, in pairs */
    for (int i = 0; i < m->chunks; i++) {
        const uint32_t *a_hi = m->a.hi + i * m->a_chunk, *a_lo = m->a.lo + i * m->a_chunk;
        const uint32_t *b_hi = m->b.hi + i * m->b_chunk, *b_lo = m->b.lo + i * m->b_chunk;
        _tile_loadd(4, a_hi, m->a_stride);
        _tile_loadd(5, a_hi + below, m->a_stride);
        _tile_loadd(6, b_hi, m->b_stride);
        _tile_loadd(7, b_hi + LANES, m->b_stride);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        stream_ask(next, PRODUCT_WORK);
        _tile_loadd(4, a_lo, m->a_stride);
        _tile_loadd(5, a_lo + below, m->a_stride);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        stream_ask(next, PRODUCT_WORK);
        _tile_loadd(6, b_lo, m->b_stride);
        _tile_loadd(7, b_lo + LANES, m->b_stride);
        if (m->low) {
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_loadd(4, a_hi, m->a_stride);
        _tile_loadd(5, a_hi + below, m->a_stride);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        stream_ask(next, PRODUCT_WORK);
    }
}

/* out[up to 16][64] += A · B[32·chunks][64]: tile n holds columns 16·n; tiles 2 and 3 take theirs
 * from last_columns on. */
static void multiply_1x4(const struct product *m, int64_t last_columns, struct stream *next) {
    for (int i = 0; i < m->chunks; i++) {
        const uint32_t *b_hi = m->b.hi + i * m->b_chunk, *b_lo = m->b.lo + i * m->b_chunk;
        _tile_loadd(4, m->a.hi + i * m->a_chunk, m->a_stride);
        _tile_loadd(5, m->a.lo + i * m->a_chunk, m->a_stride);
        _tile_loadd(6, b_hi, m->b_stride);
        _tile_loadd(7, b_hi + LANES, m->b_stride);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(0, 5, 6);
        _tile_dpbf16ps(1, 5, 7);
        stream_ask(next, PRODUCT_WORK);
        _tile_loadd(6, b_lo, m->b_stride);
        _tile_loadd(7, b_lo + LANES, m->b_stride);
        if (m->low) {
            _tile_dpbf16ps(0, 5, 6);
            _tile_dpbf16ps(1, 5, 7);
        }
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        stream_ask(next, PRODUCT_WORK);
        _tile_loadd(6, b_hi + last_columns, m->b_stride);
        _tile_loadd(7, b_hi + last_columns + LANES, m->b_stride);
        _tile_dpbf16ps(2, 4, 6);
        _tile_dpbf16ps(3, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        stream_ask(next, PRODUCT_WORK);
        _tile_loadd(6, b_lo + last_columns, m->b_stride);
        _tile_loadd(7, b_lo + last_columns + LANES, m->b_stride);
        if (m->low) {
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_dpbf16ps(2, 4, 6);
        _tile_dpbf16ps(3, 4, 7);
    }
}

/* Where the four accumulators lie: [2][2] of 16 × 16, or [1][4]. */
struct corner {
    float *at[4];
    int64_t stride; /* bytes */
};

static struct corner corner_of(float *base, int64_t stride, bool wide) {
    int64_t down = stride / 4 * TILE_ROWS;
    struct corner c = {.stride = stride, .at = {base, base + LANES}};
    c.at[2] = wide ? base + down : base + 2 * LANES;
    c.at[3] = c.at[2] + LANES;
    return c;
}

static void corner_load(const struct corner *c) {
    _tile_loadd(0, c->at[0], c->stride);
    _tile_loadd(1, c->at[1], c->stride);
    _tile_loadd(2, c->at[2], c->stride);
    _tile_loadd(3, c->at[3], c->stride);
}

static void corner_store(const struct corner *c) {
    _tile_stored(0, c->at[0], c->stride);
    _tile_stored(1, c->at[1], c->stride);
    _tile_stored(2, c->at[2], c->stride);
    _tile_stored(3, c->at[3], c->stride);
}

static void scores(const struct tiles *t, int row, bool wide, struct stream *next) {
    int64_t q = (int64_t)row * t->dim / 2;
    for (int column = 0; column < KV_BLOCK_TOKENS; column += wide ? 32 : 64) {
        struct product m = {
            .a = {t->qp.hi + q, t->qp.lo + q}, .a_stride = t->dim * 2, .a_chunk = CHUNK / 2,
            .b = {t->kp.hi + column, t->kp.lo + column}, .b_stride = KV_BLOCK_TOKENS * 4,
            .b_chunk = CHUNK / 2 * KV_BLOCK_TOKENS, .chunks = t->dim / CHUNK, .low = true};
        struct corner c = corner_of(t->s + column, KV_BLOCK_TOKENS * 4, wide);
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        if (wide) multiply_2x2(&m, next);
        else multiply_1x4(&m, 2 * LANES, next);
        corner_store(&c);
    }
}

static void values(const struct tiles *t, int row, bool wide, struct stream *next) {
    float *acc = t->acc + (int64_t)row * t->dim;
    for (int column = 0; column < t->dim; column += wide ? 32 : 64) {
        struct product m = {
            .a = t->pp, .a_stride = KV_BLOCK_TOKENS * 2, .a_chunk = CHUNK / 2,
            .b = {t->vp.hi + column, t->vp.lo + column}, .b_stride = t->dim * 4,
            .b_chunk = CHUNK / 2 * t->dim, .chunks = KV_BLOCK_TOKENS / CHUNK};
        struct corner c = corner_of(acc + column, t->dim * 4, wide);
        if (!wide && t->dim - column == CHUNK) { /* two tiles are left: do them twice over */
            c.at[2] = c.at[0];
            c.at[3] = c.at[1];
        }
        corner_load(&c);
        if (wide) multiply_2x2(&m, next);
        else multiply_1x4(&m, c.at[2] - c.at[0], next);
        corner_store(&c);
    }
}

/* ---- softmax, as attention_avx512.c has it ---- */

static float largest(float *s, int visible) {
    __m512 x[4];
    for (int c = 0; c < 4; c++) {
        __mmask16 unseen = (__mmask16)~lanes_below(visible - LANES * c);
        x[c] = _mm512_load_ps(s + LANES * c);
        if (unseen == 0) continue;
        x[c] = _mm512_mask_mov_ps(x[c], unseen, _mm512_set1_ps(-INFINITY));
        _mm512_store_ps(s + LANES * c, x[c]);
    }
    return _mm512_reduce_max_ps(
        _mm512_max_ps(_mm512_max_ps(x[0], x[1]), _mm512_max_ps(x[2], x[3])));
}

/* One row's scores -> split probabilities; sums and acc move to the new maximum. */
static void softmax_row(const struct tiles *t, int row, int r, float most, float correction) {
    const float *s = t->s + KV_BLOCK_TOKENS * r;
    float *sums = t->sums + (int64_t)(row + r) * LANES, *acc = t->acc + (int64_t)(row + r) * t->dim;
    __m512 shift = _mm512_set1_ps(most), factor = _mm512_set1_ps(correction), e[4];
    __m512 sum = _mm512_mul_ps(_mm512_load_ps(sums), factor);
    UNROLL
    for (int c = 0; c < 4; c++) {
        e[c] = exp_bounded_avx512(_mm512_sub_ps(_mm512_load_ps(s + LANES * c), shift));
        sum = _mm512_add_ps(sum, e[c]);
    }
    _mm512_store_ps(sums, sum);
    split_pair(e[0], e[1], false, t->pp.hi + 32 * r, t->pp.lo + 32 * r);
    split_pair(e[2], e[3], false, t->pp.hi + 32 * r + 16, t->pp.lo + 32 * r + 16);
    if (correction == 1) return; /* times 1 changes no bit */
    for (int i = 0; i < t->dim; i += LANES)
        _mm512_store_ps(acc + i, _mm512_mul_ps(_mm512_load_ps(acc + i), factor));
}

/* Up to 16 rows: those from row, which are r, r + 1, … of the group. */
static void softmax(const struct tiles *t, int row, int r, int rows, const int *visible) {
    const __m512 least = _mm512_set1_ps(-INFINITY);
    float most[LANES] = {0}, shift[LANES], correction[LANES], *max = t->max + row + r;
    for (int i = 0; i < rows; i++)
        most[i] = largest(t->s + KV_BLOCK_TOKENS * (r + i), visible[r + i]);
    __m512 before = _mm512_load_ps(max), now = _mm512_max_ps(before, _mm512_loadu_ps(most));
    _mm512_store_ps(max, now);
    /* exp(-inf - 0) is 0, where -inf - -inf would be NaN. */
    now = _mm512_mask_mov_ps(now, _mm512_cmp_ps_mask(now, least, _CMP_EQ_OQ), _mm512_setzero_ps());
    _mm512_storeu_ps(shift, now);
    _mm512_storeu_ps(correction, exp_bounded_avx512(_mm512_sub_ps(before, now)));
    for (int i = 0; i < rows; i++) softmax_row(t, row, r + i, shift[i], correction[i]);
}

/* ---- the call ---- */

static void group_block(const struct attention_work *w, const struct tiles *t, int row, int rows,
                        struct block *b) {
    int visible[GROUP_ROWS] = {0}, most = 0;
    for (int r = 0; r < rows; r++) {
        int32_t seen = w->row_last_key[row + r] - b->key + 1;
        visible[r] = seen < 0 ? 0 : seen > b->keys ? b->keys : (int)seen;
        if (visible[r] > most) most = visible[r];
    }
    if (most == 0) return;
    bool wide = rows > TILE_ROWS;
    if (!b->k_split) split_keys(w, t, b);
    scores(t, row, wide, &b->next);
    softmax(t, row, 0, rows < TILE_ROWS ? rows : TILE_ROWS, visible);
    if (rows > TILE_ROWS) softmax(t, row, TILE_ROWS, rows - TILE_ROWS, visible);
    if (!b->v_split) split_values(w, t, b);
    values(t, row, wide, &b->next);
}

static void configure(int rows) {
    struct __attribute__((packed)) { /* Intel SDM, LDTILECFG, palette 1 */
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = i < 6 && rows < TILE_ROWS ? (uint8_t)rows : TILE_ROWS;
    }
    /* gcc 12 declares that the instruction reads 8 of the 64 bytes: this makes it store all. */
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
}

/* One past the last key that any row sees. */
static int32_t keys_end(const struct attention_work *w) {
    int32_t last = -1;
    for (int r = 0; r < w->rows; r++)
        if (w->row_last_key[r] > last) last = w->row_last_key[r];
    return last < w->key_end ? last + 1 : w->key_end;
}

static void start(const struct attention_work *w, const struct tiles *t) {
    size_t all = (size_t)padded(w->rows, GROUP_ROWS), dim = (size_t)t->dim;
    memset(t->acc, 0, sizeof(float) * all * dim);
    memset(t->sums, 0, sizeof(float) * all * LANES);
    memset(t->qp.hi, 0, 2 * all * dim);
    memset(t->qp.lo, 0, 2 * all * dim);
    memset(t->pp.hi, 0, GROUP_ROWS * 128);
    memset(t->pp.lo, 0, GROUP_ROWS * 128);
    for (size_t r = 0; r < all; r++) t->max[r] = -INFINITY;
    split_queries(w, t);
}

/* The block after the one at key, at a rate that spreads it over the packing of 2 · dim · 64
 * elements and, for each 16 rows, 3 products a chunk of 32 terms: dim/32 for the scores and
 * dim/64 · 2 for the values. */
static struct stream stream_of(const struct attention_work *w, int dim, int32_t key, int32_t end) {
    struct stream s = {.at = 0};
    int next = key / KV_BLOCK_TOKENS + 1;
    if (key + KV_BLOCK_TOKENS >= end) return s;
    s.k = w->k_blocks[next];
    s.v = w->v_blocks[next];
    s.k_lines = w->k_kernel->k_bytes(w->head_dim) / 64;
    s.lines = s.k_lines + w->v_kernel->v_bytes(w->head_dim) / 64;
    size_t tiles = (size_t)((w->rows + TILE_ROWS - 1) / TILE_ROWS);
    size_t work = (size_t)dim * 4 + PRODUCT_WORK * 3 * 2 * (size_t)(dim / CHUNK) * tiles;
    s.rate = s.lines * 64 / work + 1;
    return s;
}

static void attention(const struct attention_work *w) {
    struct tiles t;
    tiles_carve(&t, w->scratch, w->rows, w->head_dim);
    start(w, &t);
    configure(w->rows);
    int32_t end = keys_end(w);
    for (int32_t key = w->key_begin; key < end; key += KV_BLOCK_TOKENS) {
        struct block b = {.key = key, .keys = end - key, .next = stream_of(w, t.dim, key, end)};
        if (b.keys > KV_BLOCK_TOKENS) b.keys = KV_BLOCK_TOKENS;
        for (int row = 0; row < w->rows; row += GROUP_ROWS)
            group_block(w, &t, row, w->rows - row < GROUP_ROWS ? w->rows - row : GROUP_ROWS, &b);
    }
    _tile_release();
    for (int r = 0; r < w->rows; r++) {
        memcpy(w->acc + (int64_t)r * w->head_dim, t.acc + (int64_t)r * t.dim,
               sizeof(float) * (size_t)w->head_dim);
        w->max[r] = t.max[r];
        w->sum[r] = _mm512_reduce_add_ps(_mm512_load_ps(t.sums + (int64_t)r * LANES));
    }
}

void attention_add_amx(struct kernels *k) {
    k->attention = attention;
    k->attention_scratch_bytes = attention_scratch_bytes;
}
