/* matmul_plain.c - matrix × rows for every weight format, straight from the blocks: the
 * specification of every other level.
 *
 * Weights stay as they lie in the file: "packed" is a copy of the source rows.  A row is
 * unpacked into scratch (struct quant_codes a block) and multiplied with every row of
 * x by the formula in kernels.h.  Written to be read; it runs on any machine. */
#include <math.h>
#include <string.h>
#include "kernels/act.h"
#include "kernels/kernels_level.h"

/* acc + bias, then out + acc: the end of every matmul. */
static void finish(const struct matmul_work *work, int64_t r, int64_t n, float acc) {
    float *out = work->out + r * work->out_stride + n;
    if (work->bias != NULL) acc += work->bias[n];
    *out = work->add ? *out + acc : acc;
}

/* ---- integer formats ------------------------------------------------------------------- */

/* A format without minimum has dmin = 0 and min[] = 0: its second fma adds −0, no bit changes. */
static float dot_codes(const struct quant_codes *codes, const int8_t *q, const float *d,
                       int64_t blocks) {
    float acc = 0.0f;
    for (int64_t b = 0; b < blocks; b++) {
        const struct quant_codes *c = &codes[b];
        int32_t s = 0, m = 0;
        for (int g = 0; g < c->elements / c->group_elements; g++) {
            int32_t group_s = 0, group_m = 0;
            for (int i = g * c->group_elements; i < (g + 1) * c->group_elements; i++) {
                group_s += (c->code[i] - c->offset) * q[i];
                group_m += q[i];
            }
            s += c->scale[g] * group_s;
            m += c->min[g] * group_m;
        }
        acc = fmaf(c->d * d[b], (float)s, acc);
        acc = fmaf(-(c->dmin * d[b]), (float)m, acc);
        q += c->elements;
    }
    return acc;
}

static void run_codes(const struct matmul_work *work, enum quant_type type,
                      enum act_format format) {
    const struct quant_info *info = quant_info(type);
    struct act_layout layout = kernels_act_layout(format, work->cols);
    struct quant_codes *codes = work->scratch;
    int64_t blocks = work->cols / info->block_elements;
    for (int64_t n = work->row_begin; n < work->row_end; n++) {
        const uint8_t *row = (const uint8_t *)work->weights + n * blocks * info->block_bytes;
        for (int64_t b = 0; b < blocks; b++) info->unpack(&codes[b], row + b * info->block_bytes);
        for (int64_t r = 0; r < work->x_rows; r++) {
            const uint8_t *x = (const uint8_t *)work->x + (size_t)r * layout.row_bytes;
            const float *d = (const float *)(const void *)(x + layout.d_offset);
            finish(work, r, n, dot_codes(codes, (const int8_t *)x, d, blocks));
        }
    }
}

/* ---- float formats: one chain of fma in the order of k ----------------------------------- */

static void run_floats(const struct matmul_work *work, enum quant_type type) {
    int64_t row_bytes = quant_bytes(type, work->cols);
    size_t x_bytes = kernels_act_layout(ACT_F32, work->cols).row_bytes;
    float *w = work->scratch;
    for (int64_t n = work->row_begin; n < work->row_end; n++) {
        quant_info(type)->decode(w, (const uint8_t *)work->weights + n * row_bytes, work->cols);
        for (int64_t r = 0; r < work->x_rows; r++) {
            const float *x = (const float *)(const void *)((const uint8_t *)work->x +
                                                           (size_t)r * x_bytes);
            float acc = 0.0f;
            for (int64_t k = 0; k < work->cols; k++) acc = fmaf(w[k], x[k], acc);
            finish(work, r, n, acc);
        }
    }
}

/* ---- one set of functions a format ------------------------------------------------------- */

static void pack_rows(enum quant_type type, void *packed, const void *source, int64_t cols,
                      int64_t row_begin, int64_t row_end) {
    int64_t row_bytes = quant_bytes(type, cols);
    int64_t at = row_begin * row_bytes;
    memcpy((uint8_t *)packed + at, (const uint8_t *)source + at,
           (size_t)((row_end - row_begin) * row_bytes));
}

static size_t scratch_floats(int64_t cols) {
    return (size_t)cols * sizeof(float);
}

static size_t scratch_32(int64_t cols) {
    return (size_t)cols / 32 * sizeof(struct quant_codes);
}

static size_t scratch_256(int64_t cols) {
    return (size_t)cols / 256 * sizeof(struct quant_codes);
}

static int64_t packed_bytes_f32(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_F32, cols);
}
static void pack_f32(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_F32, packed, source, cols, row_begin, row_end);
}
static void run_f32(const struct matmul_work *work) {
    run_floats(work, QUANT_F32);
}

static int64_t packed_bytes_f16(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_F16, cols);
}
static void pack_f16(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_F16, packed, source, cols, row_begin, row_end);
}
static void run_f16(const struct matmul_work *work) {
    run_floats(work, QUANT_F16);
}

static int64_t packed_bytes_bf16(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_BF16, cols);
}
static void pack_bf16(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_BF16, packed, source, cols, row_begin, row_end);
}
static void run_bf16(const struct matmul_work *work) {
    run_floats(work, QUANT_BF16);
}

static int64_t packed_bytes_q4_0(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_Q4_0, cols);
}
static void pack_q4_0(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_Q4_0, packed, source, cols, row_begin, row_end);
}
static void run_q4_0(const struct matmul_work *work) {
    run_codes(work, QUANT_Q4_0, ACT_Q8_32);
}

static int64_t packed_bytes_q4_1(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_Q4_1, cols);
}
static void pack_q4_1(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_Q4_1, packed, source, cols, row_begin, row_end);
}
static void run_q4_1(const struct matmul_work *work) {
    run_codes(work, QUANT_Q4_1, ACT_Q8_32);
}

static int64_t packed_bytes_q5_0(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_Q5_0, cols);
}
static void pack_q5_0(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_Q5_0, packed, source, cols, row_begin, row_end);
}
static void run_q5_0(const struct matmul_work *work) {
    run_codes(work, QUANT_Q5_0, ACT_Q8_32);
}

static int64_t packed_bytes_q5_1(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_Q5_1, cols);
}
static void pack_q5_1(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_Q5_1, packed, source, cols, row_begin, row_end);
}
static void run_q5_1(const struct matmul_work *work) {
    run_codes(work, QUANT_Q5_1, ACT_Q8_32);
}

static int64_t packed_bytes_q8_0(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_Q8_0, cols);
}
static void pack_q8_0(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_Q8_0, packed, source, cols, row_begin, row_end);
}
static void run_q8_0(const struct matmul_work *work) {
    run_codes(work, QUANT_Q8_0, ACT_Q8_32);
}

static int64_t packed_bytes_iq4_nl(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_IQ4_NL, cols);
}
static void pack_iq4_nl(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_IQ4_NL, packed, source, cols, row_begin, row_end);
}
static void run_iq4_nl(const struct matmul_work *work) {
    run_codes(work, QUANT_IQ4_NL, ACT_Q8_32);
}

static int64_t packed_bytes_q2_k(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_Q2_K, cols);
}
static void pack_q2_k(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_Q2_K, packed, source, cols, row_begin, row_end);
}
static void run_q2_k(const struct matmul_work *work) {
    run_codes(work, QUANT_Q2_K, ACT_Q8_256);
}

static int64_t packed_bytes_q3_k(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_Q3_K, cols);
}
static void pack_q3_k(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_Q3_K, packed, source, cols, row_begin, row_end);
}
static void run_q3_k(const struct matmul_work *work) {
    run_codes(work, QUANT_Q3_K, ACT_Q8_256);
}

static int64_t packed_bytes_q4_k(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_Q4_K, cols);
}
static void pack_q4_k(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_Q4_K, packed, source, cols, row_begin, row_end);
}
static void run_q4_k(const struct matmul_work *work) {
    run_codes(work, QUANT_Q4_K, ACT_Q8_256);
}

static int64_t packed_bytes_q5_k(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_Q5_K, cols);
}
static void pack_q5_k(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_Q5_K, packed, source, cols, row_begin, row_end);
}
static void run_q5_k(const struct matmul_work *work) {
    run_codes(work, QUANT_Q5_K, ACT_Q8_256);
}

static int64_t packed_bytes_q6_k(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_Q6_K, cols);
}
static void pack_q6_k(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_Q6_K, packed, source, cols, row_begin, row_end);
}
static void run_q6_k(const struct matmul_work *work) {
    run_codes(work, QUANT_Q6_K, ACT_Q8_256);
}

static int64_t packed_bytes_iq4_xs(int64_t rows, int64_t cols) {
    return rows * quant_bytes(QUANT_IQ4_XS, cols);
}
static void pack_iq4_xs(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack_rows(QUANT_IQ4_XS, packed, source, cols, row_begin, row_end);
}
static void run_iq4_xs(const struct matmul_work *work) {
    run_codes(work, QUANT_IQ4_XS, ACT_Q8_256);
}

static const struct kernel_matmul plain[QUANT_TYPES] = {
    [QUANT_F32] = {ACT_F32, packed_bytes_f32, pack_f32, scratch_floats,
                  run_f32},
    [QUANT_F16] = {ACT_F32, packed_bytes_f16, pack_f16, scratch_floats,
                  run_f16},
    [QUANT_BF16] = {ACT_F32, packed_bytes_bf16, pack_bf16, scratch_floats,
                  run_bf16},
    [QUANT_Q4_0] = {ACT_Q8_32, packed_bytes_q4_0, pack_q4_0, scratch_32,
                  run_q4_0},
    [QUANT_Q4_1] = {ACT_Q8_32, packed_bytes_q4_1, pack_q4_1, scratch_32,
                  run_q4_1},
    [QUANT_Q5_0] = {ACT_Q8_32, packed_bytes_q5_0, pack_q5_0, scratch_32,
                  run_q5_0},
    [QUANT_Q5_1] = {ACT_Q8_32, packed_bytes_q5_1, pack_q5_1, scratch_32,
                  run_q5_1},
    [QUANT_Q8_0] = {ACT_Q8_32, packed_bytes_q8_0, pack_q8_0, scratch_32,
                  run_q8_0},
    [QUANT_IQ4_NL] = {ACT_Q8_32, packed_bytes_iq4_nl, pack_iq4_nl, scratch_32,
                  run_iq4_nl},
    [QUANT_Q2_K] = {ACT_Q8_256, packed_bytes_q2_k, pack_q2_k, scratch_256,
                  run_q2_k},
    [QUANT_Q3_K] = {ACT_Q8_256, packed_bytes_q3_k, pack_q3_k, scratch_256,
                  run_q3_k},
    [QUANT_Q4_K] = {ACT_Q8_256, packed_bytes_q4_k, pack_q4_k, scratch_256,
                  run_q4_k},
    [QUANT_Q5_K] = {ACT_Q8_256, packed_bytes_q5_k, pack_q5_k, scratch_256,
                  run_q5_k},
    [QUANT_Q6_K] = {ACT_Q8_256, packed_bytes_q6_k, pack_q6_k, scratch_256,
                  run_q6_k},
    [QUANT_IQ4_XS] = {ACT_Q8_256, packed_bytes_iq4_xs, pack_iq4_xs, scratch_256,
                  run_iq4_xs},
};

void matmul_add_plain(struct kernels *k) {
    memcpy(k->matmul, plain, sizeof plain);
    act_add_plain(k);
}
