/* attention_few_neon.c - scores and values of a few query rows straight from the packed block.
 *
 * What attention_few_avx512.c does, for 32 registers of four floats.  Elements come eight at a
 * time, an "octet" (one load of a 16-bit type).  The fewer the rows, the wider the tile, so
 * that there are at least 8 and mostly 16 or more chains of multiply-adds:
 *
 *     rows       octets    accumulators
 *     1, 2         4         8, 16
 *     3 … 6        2        12 … 24
 *     7, 8         1        14, 16                  (two octets would need 28 and 32) */
#include "kernels/attention_neon.h"
#include "kernels/kernels_level.h"
#include "kernels/kv_layout.h"

enum { OCTET = 8, OCTETS_MAX = 4, PARTS_MAX = 2 * OCTETS_MAX };

static ALWAYS_INLINE int octets_for(const int rows) { return rows <= 2 ? 4 : rows <= 6 ? 2 : 1; }

struct octet {
    float32x4_t low, high;
};

/* 8 elements of a block as floats. */
static ALWAYS_INLINE struct octet elements(const enum quant_type type, const void *block, int at) {
    if (type == QUANT_F32)
        return (struct octet){vld1q_f32((const float *)block + at),
                              vld1q_f32((const float *)block + at + 4)};
    if (type == QUANT_Q8_0) {
        int16x8_t wide = vmovl_s8(vld1_s8((const int8_t *)block + at));
        return (struct octet){vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))),
                              vcvtq_f32_s32(vmovl_high_s16(wide))};
    }
    uint16x8_t half = vld1q_u16((const uint16_t *)block + at);
    if (type == QUANT_F16)
        return (struct octet){vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(half))),
                              vcvt_high_f32_f16(vreinterpretq_f16_u16(half))};
    const uint16x8_t zero = vdupq_n_u16(0); /* the lower half of a float */
    return (struct octet){vreinterpretq_f32_u16(vzip1q_u16(zero, half)),
                          vreinterpretq_f32_u16(vzip2q_u16(zero, half))};
}

static ALWAYS_INLINE const uint16_t *scales_of(const struct kv_few *f) {
    return (const void *)((const char *)f->block + kv_q8_codes_bytes(f->head_dim));
}

/* Dimensions [begin, end) of `octets` · 8 keys from slot `first`; in q8_0 they share scales. */
static ALWAYS_INLINE void scores_span(const enum quant_type type, const int rows, const int octets,
                                      const struct kv_few *f, int first, int begin, int end,
                                      float32x4_t s[KV_FEW_ROWS][PARTS_MAX]) {
    struct octet scale[OCTETS_MAX];
    if (type == QUANT_Q8_0)
        for (int c = 0; c < octets; c++)
            scale[c] = elements(QUANT_F16, scales_of(f),
                                begin / KV_GROUP * KV_BLOCK_TOKENS + first + OCTET * c);
    const char *next = (const char *)f->next + first * 2 * f->head_dim;
    const float *q = f->q + begin * rows;
    for (int d = begin; d < end; d++, q += rows) {
        __builtin_prefetch(next + d * octets * 16);
        struct factors x = factors_load(rows, q, q + 4);
        UNROLL
        for (int c = 0; c < octets; c++) {
            struct octet key = elements(type, f->block, d * KV_BLOCK_TOKENS + first + OCTET * c);
            if (type == QUANT_Q8_0) {
                key.low = vmulq_f32(key.low, scale[c].low);
                key.high = vmulq_f32(key.high, scale[c].high);
            }
            UNROLL
            for (int r = 0; r < rows; r++) {
                s[r][2 * c] = factors_add(s[r][2 * c], key.low, &x, r);
                s[r][2 * c + 1] = factors_add(s[r][2 * c + 1], key.high, &x, r);
            }
        }
    }
}

static ALWAYS_INLINE void scores_rows(const enum quant_type type, const int rows,
                                      const struct kv_few *f) {
    const int octets = octets_for(rows);
    for (int first = 0; first < KV_BLOCK_TOKENS; first += octets * OCTET) {
        float32x4_t s[KV_FEW_ROWS][PARTS_MAX];
        UNROLL
        for (int r = 0; r < rows; r++)
            UNROLL
            for (int c = 0; c < 2 * octets; c++) s[r][c] = vdupq_n_f32(0);
        int step = type == QUANT_Q8_0 ? KV_GROUP : f->head_dim;
        for (int d = 0; d < f->head_dim; d += step)
            scores_span(type, rows, octets, f, first, d,
                        d + step < f->head_dim ? d + step : f->head_dim, s);
        UNROLL
        for (int r = 0; r < rows; r++)
            UNROLL
            for (int c = 0; c < 2 * octets; c++)
                vst1q_f32(f->p + r * KV_BLOCK_TOKENS + first + 4 * c, s[r][c]);
    }
}

/* `octets` · 8 columns from `column`, which in q8_0 share their scale. */
static ALWAYS_INLINE void values_tile(const enum quant_type type, const int rows, const int octets,
                                      const struct kv_few *f,
                                      const struct quads *quads, int column) {
    const uint16_t *scales = scales_of(f) + column / KV_GROUP;
    const int groups = kv_groups(f->head_dim);
    float *acc = f->acc + column;
    float32x4_t a[KV_FEW_ROWS][PARTS_MAX];
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < 2 * octets; c++)
            a[r][c] = vmulq_n_f32(vld1q_f32(acc + r * f->head_dim + 4 * c), f->correction[r]);
    const char *next = (const char *)f->next + column * 2 * KV_BLOCK_TOKENS;
    for (int j = 0; j < f->keys; j++) {
        __builtin_prefetch(next + j * octets * 16);
        struct factors weight = factors_load(rows, quads->four[0][j], quads->four[1][j]);
        float32x4_t scale = vdupq_n_f32(1);
        if (type == QUANT_Q8_0)
            scale = vcvt_f32_f16(vreinterpret_f16_u16(vld1_dup_u16(scales + j * groups)));
        UNROLL
        for (int c = 0; c < octets; c++) {
            struct octet value = elements(type, f->block, j * f->head_dim + column + OCTET * c);
            if (type == QUANT_Q8_0) {
                value.low = vmulq_f32(value.low, scale);
                value.high = vmulq_f32(value.high, scale);
            }
            UNROLL
            for (int r = 0; r < rows; r++) {
                a[r][2 * c] = factors_add(a[r][2 * c], value.low, &weight, r);
                a[r][2 * c + 1] = factors_add(a[r][2 * c + 1], value.high, &weight, r);
            }
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
        for (int c = 0; c < 2 * octets; c++)
            vst1q_f32(acc + r * f->head_dim + 4 * c, a[r][c]);
}

static ALWAYS_INLINE void values_rows(const enum quant_type type, const int rows,
                                      const struct kv_few *f) {
    const int octets = octets_for(rows);
    struct quads quads;
    attention_quads(&quads, f->p, rows, f->keys);
    int column = 0;
    for (; column + octets * OCTET <= f->head_dim; column += octets * OCTET)
        values_tile(type, rows, octets, f, &quads, column);
    for (; column < f->head_dim; column += OCTET) values_tile(type, rows, 1, f, &quads, column);
}

/* Each number of rows with its accumulators in registers. */
static ALWAYS_INLINE void scores(const enum quant_type type, const struct kv_few *f) {
    switch (f->rows) {
    case 1: scores_rows(type, 1, f); break;
    case 2: scores_rows(type, 2, f); break;
    case 3: scores_rows(type, 3, f); break;
    case 4: scores_rows(type, 4, f); break;
    case 5: scores_rows(type, 5, f); break;
    case 6: scores_rows(type, 6, f); break;
    case 7: scores_rows(type, 7, f); break;
    default: scores_rows(type, KV_FEW_ROWS, f); break;
    }
}

static ALWAYS_INLINE void values(const enum quant_type type, const struct kv_few *f) {
    switch (f->rows) {
    case 1: values_rows(type, 1, f); break;
    case 2: values_rows(type, 2, f); break;
    case 3: values_rows(type, 3, f); break;
    case 4: values_rows(type, 4, f); break;
    case 5: values_rows(type, 5, f); break;
    case 6: values_rows(type, 6, f); break;
    case 7: values_rows(type, 7, f); break;
    default: values_rows(type, KV_FEW_ROWS, f); break;
    }
}

static void f32_scores(const struct kv_few *f) { scores(QUANT_F32, f); }
static void f32_values(const struct kv_few *f) { values(QUANT_F32, f); }
static void f16_scores(const struct kv_few *f) { scores(QUANT_F16, f); }
static void f16_values(const struct kv_few *f) { values(QUANT_F16, f); }
static void bf16_scores(const struct kv_few *f) { scores(QUANT_BF16, f); }
static void bf16_values(const struct kv_few *f) { values(QUANT_BF16, f); }
static void q8_scores(const struct kv_few *f) { scores(QUANT_Q8_0, f); }
static void q8_values(const struct kv_few *f) { values(QUANT_Q8_0, f); }

void attention_few_add_neon(struct kernels *k) {
    k->kv[QUANT_F32].few_scores = f32_scores;
    k->kv[QUANT_F32].few_values = f32_values;
    k->kv[QUANT_F16].few_scores = f16_scores;
    k->kv[QUANT_F16].few_values = f16_values;
    k->kv[QUANT_BF16].few_scores = bf16_scores;
    k->kv[QUANT_BF16].few_values = bf16_values;
    k->kv[QUANT_Q8_0].few_scores = q8_scores;
    k->kv[QUANT_Q8_0].few_values = q8_values;
}
