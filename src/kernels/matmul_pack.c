/* matmul_pack.c - packs weights into the panels of matmul_pack.h.
 *
 * A transpose of words: memory speed matters (every start packs the whole model), so the
 * inner loop is sixteen loads and sixteen stores without a branch.  Plain C; the levels
 * avx2 and avx512 share it.  Ranges may run on several workers at once: a panel is
 * written by one call only. */
#include "kernels/matmul_pack.h"
#include <string.h>
#include "kernels/kernels_level.h"
#include "quant/quant_block.h"

const struct panel MATMUL_PANEL[QUANT_TYPES] = {
    /*                elements, bytes, half, words at, words, plane */
    [QUANT_F32] = {1, 4, -1, 0, 1, -1},
    [QUANT_F16] = {1, 2, 0, 2, 0, -1},
    [QUANT_BF16] = {1, 2, 0, 2, 0, -1},
    [QUANT_Q4_0] = {32, sizeof(struct quant_q4_0), 0, 2, 4, -1},
    [QUANT_Q4_1] = {32, sizeof(struct quant_q4_1), -1, 0, 5, -1},
    [QUANT_Q5_0] = {32, sizeof(struct quant_q5_0), 0, 2, 5, 0},
    [QUANT_Q5_1] = {32, sizeof(struct quant_q5_1), -1, 0, 6, 1},
    [QUANT_Q8_0] = {32, sizeof(struct quant_q8_0), 0, 2, 8, -1},
    [QUANT_IQ4_NL] = {32, sizeof(struct quant_iq4_nl), 0, 2, 4, -1},
    [QUANT_Q2_K] = {256, sizeof(struct quant_q2_K), -1, 0, 21, -1},
    [QUANT_Q3_K] = {256, sizeof(struct quant_q3_K), 108, 0, 27, -1},
    [QUANT_Q4_K] = {256, sizeof(struct quant_q4_K), -1, 0, 36, -1},
    [QUANT_Q5_K] = {256, sizeof(struct quant_q5_K), -1, 0, 44, -1},
    [QUANT_Q6_K] = {256, sizeof(struct quant_q6_K), 208, 0, 52, -1},
    [QUANT_IQ4_XS] = {256, sizeof(struct quant_iq4_xs), -1, 0, 34, -1},
};

/* Swaps the bits of x under mask with those `shift` above them. */
static uint32_t swap_bits(uint32_t x, uint32_t mask, int shift) {
    uint32_t t = (x ^ x >> shift) & mask;
    return x ^ t ^ t << shift;
}

/* Moves bit 4w + i to bit 8i + w.  In the five bits of a bit's index that takes (w2 w1 w0 i1 i0) to
 * (i1 i0 w2 w1 w0): exchanging index bits 0,1 then 0,2 then 1,3 then 2,4.  An exchange of index
 * bits a < b swaps the bits whose index has a set and b clear with those 2^b − 2^a above. */
static uint32_t permute_plane(uint32_t x) {
    x = swap_bits(x, 0x22222222u, 1);
    x = swap_bits(x, 0x0a0a0a0au, 3);
    x = swap_bits(x, 0x00cc00ccu, 6);
    return swap_bits(x, 0x0000f0f0u, 12);
}

struct rows { /* up to 16 source rows */
    const uint8_t *data;
    int64_t stride; /* bytes */
    int count;
};

static void pack_words(uint8_t *to, struct rows from, int words) {
    for (int w = 0; w < words; w++, from.data += 4, to += PANEL_WORD_BYTES) {
        if (from.count == PANEL_ROWS) /* a constant count: the loop below, unrolled */
            for (int r = 0; r < PANEL_ROWS; r++) memcpy(to + 4 * r, from.data + r * from.stride, 4);
        else
            for (int r = 0; r < from.count; r++) memcpy(to + 4 * r, from.data + r * from.stride, 4);
    }
}

static void pack_halves(uint8_t *to, struct rows from) {
    for (int r = 0; r < from.count; r++) memcpy(to + 2 * r, from.data + r * from.stride, 2);
}

static void pack_plane(uint8_t *word) {
    for (int r = 0; r < PANEL_ROWS; r++) {
        uint32_t bits;
        memcpy(&bits, word + 4 * r, 4);
        bits = permute_plane(bits);
        memcpy(word + 4 * r, &bits, 4);
    }
}

static void pack_panel(const struct panel *p, uint8_t *to, struct rows from, int64_t cols) {
    int64_t blocks = cols / p->block_elements;
    int64_t halves_bytes = matmul_pack_halves_bytes(p, cols);
    uint8_t *words = to + halves_bytes;
    if (from.count < PANEL_ROWS) memset(to, 0, (size_t)matmul_pack_panel_bytes(p, cols));
    for (int64_t b = 0; b < blocks; b++, from.data += p->block_bytes) {
        struct rows part = from;
        if (p->half_offset >= 0) {
            part.data = from.data + p->half_offset;
            pack_halves(to + b * PANEL_HALF_BYTES, part);
        }
        part.data = from.data + p->words_offset;
        pack_words(words, part, p->words);
        if (p->plane_word >= 0) pack_plane(words + p->plane_word * PANEL_WORD_BYTES);
        words += p->words * PANEL_WORD_BYTES;
    }
    if (p->half_offset >= 0)
        memset(to + blocks * PANEL_HALF_BYTES, 0,
               (size_t)(halves_bytes - blocks * PANEL_HALF_BYTES));
}

static void pack(enum quant_type type, void *packed, const void *source, int64_t cols,
                 int64_t row_begin, int64_t row_end) {
    const struct panel *p = &MATMUL_PANEL[type];
    int64_t panel_bytes = matmul_pack_panel_bytes(p, cols);
    int64_t row_bytes = cols / p->block_elements * p->block_bytes;
    for (int64_t n = row_begin; n < row_end; n += PANEL_ROWS) {
        struct rows from = {(const uint8_t *)source + n * row_bytes, row_bytes,
                            row_end - n < PANEL_ROWS ? (int)(row_end - n) : PANEL_ROWS};
        pack_panel(p, (uint8_t *)packed + n / PANEL_ROWS * panel_bytes, from, cols);
    }
}

static int64_t packed_bytes(enum quant_type type, int64_t rows, int64_t cols) {
    return (rows + PANEL_ROWS - 1) / PANEL_ROWS *
           matmul_pack_panel_bytes(&MATMUL_PANEL[type], cols);
}

/* ---- one pair of functions a format ------------------------------------------------------ */

static int64_t packed_bytes_f32(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_F32, rows, cols);
}
static void pack_f32(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_F32, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_f16(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_F16, rows, cols);
}
static void pack_f16(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_F16, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_bf16(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_BF16, rows, cols);
}
static void pack_bf16(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_BF16, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_q4_0(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_Q4_0, rows, cols);
}
static void pack_q4_0(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_Q4_0, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_q4_1(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_Q4_1, rows, cols);
}
static void pack_q4_1(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_Q4_1, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_q5_0(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_Q5_0, rows, cols);
}
static void pack_q5_0(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_Q5_0, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_q5_1(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_Q5_1, rows, cols);
}
static void pack_q5_1(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_Q5_1, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_q8_0(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_Q8_0, rows, cols);
}
static void pack_q8_0(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_Q8_0, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_iq4_nl(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_IQ4_NL, rows, cols);
}
static void pack_iq4_nl(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_IQ4_NL, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_q2_k(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_Q2_K, rows, cols);
}
static void pack_q2_k(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_Q2_K, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_q3_k(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_Q3_K, rows, cols);
}
static void pack_q3_k(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_Q3_K, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_q4_k(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_Q4_K, rows, cols);
}
static void pack_q4_k(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_Q4_K, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_q5_k(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_Q5_K, rows, cols);
}
static void pack_q5_k(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_Q5_K, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_q6_k(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_Q6_K, rows, cols);
}
static void pack_q6_k(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_Q6_K, packed, source, cols, row_begin, row_end);
}

static int64_t packed_bytes_iq4_xs(int64_t rows, int64_t cols) {
    return packed_bytes(QUANT_IQ4_XS, rows, cols);
}
static void pack_iq4_xs(void *packed, const void *source, int64_t rows, int64_t cols,
                     int64_t row_begin, int64_t row_end) {
    (void)rows;
    pack(QUANT_IQ4_XS, packed, source, cols, row_begin, row_end);
}

static const struct {
    int64_t (*packed_bytes)(int64_t rows, int64_t cols);
    void (*pack)(void *packed, const void *source, int64_t rows, int64_t cols, int64_t row_begin,
                 int64_t row_end);
} packers[QUANT_TYPES] = {
    [QUANT_F32] = {packed_bytes_f32, pack_f32},
    [QUANT_F16] = {packed_bytes_f16, pack_f16},
    [QUANT_BF16] = {packed_bytes_bf16, pack_bf16},
    [QUANT_Q4_0] = {packed_bytes_q4_0, pack_q4_0},
    [QUANT_Q4_1] = {packed_bytes_q4_1, pack_q4_1},
    [QUANT_Q5_0] = {packed_bytes_q5_0, pack_q5_0},
    [QUANT_Q5_1] = {packed_bytes_q5_1, pack_q5_1},
    [QUANT_Q8_0] = {packed_bytes_q8_0, pack_q8_0},
    [QUANT_IQ4_NL] = {packed_bytes_iq4_nl, pack_iq4_nl},
    [QUANT_Q2_K] = {packed_bytes_q2_k, pack_q2_k},
    [QUANT_Q3_K] = {packed_bytes_q3_k, pack_q3_k},
    [QUANT_Q4_K] = {packed_bytes_q4_k, pack_q4_k},
    [QUANT_Q5_K] = {packed_bytes_q5_k, pack_q5_k},
    [QUANT_Q6_K] = {packed_bytes_q6_k, pack_q6_k},
    [QUANT_IQ4_XS] = {packed_bytes_iq4_xs, pack_iq4_xs},
};

void matmul_pack_use(struct kernel_matmul *m, enum quant_type type) {
    m->packed_bytes = packers[type].packed_bytes;
    m->pack = packers[type].pack;
}
