/* matmul_unpack_avx2.c - from the words of a panel (matmul_pack.h) to a tile, by format.
 *
 * Which element a bit field of a block belongs to is told by quant_block.h and quant's
 * unpack functions; here the same is done for eight rows at once, twice.  Rows 0-7 of word i are
 * words[2i], rows 8-15 words[2i + 1]. */
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_avx2.h"
#include "quant/quant_block.h"

#define INLINE static inline __attribute__((always_inline))

/* (v >> shift) & mask in every byte: shift moves bits across bytes, the mask drops them. */
INLINE __m256i bits(__m256i v, int shift, int mask) {
    return _mm256_and_si256(_mm256_srli_epi16(v, shift), _mm256_set1_epi8((char)mask));
}

/* Bit `from` of every byte of v, moved to bit `to`. */
INLINE __m256i bit(__m256i v, int from, int to) {
    v = to >= from ? _mm256_slli_epi16(v, to - from) : _mm256_srli_epi16(v, from - to);
    return _mm256_and_si256(v, _mm256_set1_epi8((char)(1 << to)));
}

/* The low int16 of every lane in both halves of it. */
INLINE __m256i twice(__m256i v) {
    v = _mm256_and_si256(v, _mm256_set1_epi32(0xffff));
    return _mm256_or_si256(v, _mm256_slli_epi32(v, 16));
}

/* Byte i of every lane, as a pair of equal int16; signed or not. */
INLINE __m256i byte_twice(__m256i v, int i) {
    return twice(_mm256_and_si256(_mm256_srli_epi32(v, 8 * i), _mm256_set1_epi32(255)));
}

INLINE __m256i signed_byte_twice(__m256i v, int i) {
    return twice(_mm256_srai_epi32(_mm256_slli_epi32(v, 24 - 8 * i), 24));
}

/* Bytes 2i and 2i + 1 of every lane, as a pair of int16; signed or not. */
INLINE __m256i byte_pair(__m256i v, int i) {
    v = _mm256_srli_epi32(v, 16 * i);
    __m256i high = _mm256_and_si256(_mm256_slli_epi32(v, 8), _mm256_set1_epi32(0xff0000));
    return _mm256_or_si256(_mm256_and_si256(v, _mm256_set1_epi32(255)), high);
}

INLINE __m256i signed_byte_pair(__m256i v, int i) {
    return _mm256_srai_epi16(_mm256_slli_epi16(byte_pair(v, i), 8), 8);
}

INLINE __m256 low_half(__m256i v) {
    v = _mm256_and_si256(v, _mm256_set1_epi32(0xffff));
    v = _mm256_permute4x64_epi64(_mm256_packus_epi32(v, v), 0x08);
    return _mm256_cvtph_ps(_mm256_castsi256_si128(v));
}

INLINE __m256 high_half(__m256i v) {
    return low_half(_mm256_srli_epi32(v, 16));
}

INLINE __m256 half_of(const void *halves, int block, int h) {
    return _mm256_cvtph_ps(((const __m128i *)halves)[2 * block + h]);
}

INLINE __m256i iq4_levels(void) {
    return _mm256_broadcastsi128_si256(
        _mm_loadu_si128((const __m128i *)(const void *)QUANT_IQ4_VALUE));
}

/* ---- blocks of 32 elements --------------------------------------------------------------- */

/* Four words of nibbles: vectors 0-3 from the low ones, 4-7 from the high ones. */
INLINE void unpack_nibbles(__m256i code[][2], const __m256i *low) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) { /* word i/2, rows 8·(i%2) on */
        code[i / 2][i % 2] = bits(low[i], 0, 15);
        code[4 + i / 2][i % 2] = bits(low[i], 4, 15);
    }
}

/* The same with a plane of fifth bits: bit j of every byte of it belongs to vector j. */
INLINE void unpack_fifth_bits(__m256i code[][2], const __m256i *plane, const __m256i *low) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        const int j = i / 2, h = i % 2;
        code[j][h] = _mm256_or_si256(bits(low[i], 0, 15), bit(plane[h], j, 4));
        code[4 + j][h] = _mm256_or_si256(bits(low[i], 4, 15), bit(plane[h], 4 + j, 4));
    }
}

INLINE void unpack_levels(__m256i code[][2], const __m256i *low, __m256i levels) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        code[i / 2][i % 2] = _mm256_shuffle_epi8(levels, bits(low[i], 0, 15));
        code[4 + i / 2][i % 2] = _mm256_shuffle_epi8(levels, bits(low[i], 4, 15));
    }
}

static void unpack_q4_0(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m256i *words = from;
    for (int b = 0; b < blocks; b++, words += 2 * 4) {
        for (int h = 0; h < 2; h++) tile->d[b][h] = half_of(half, b, h);
        unpack_nibbles(tile->code + 8 * b, words);
    }
}

INLINE void unpack_d_m(struct tile *tile, const __m256i *word, int b) {
    for (int h = 0; h < 2; h++) {
        tile->d[b][h] = low_half(word[h]);
        tile->dmin[b][h] = _mm256_xor_ps(high_half(word[h]), _mm256_set1_ps(-0.0f));
    }
}

static void unpack_q4_1(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m256i *words = from;
    (void)half;
    for (int b = 0; b < blocks; b++, words += 2 * 5) {
        unpack_d_m(tile, words, b);
        unpack_nibbles(tile->code + 8 * b, words + 2);
    }
}

static void unpack_q5_0(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m256i *words = from;
    for (int b = 0; b < blocks; b++, words += 2 * 5) {
        for (int h = 0; h < 2; h++) tile->d[b][h] = half_of(half, b, h);
        unpack_fifth_bits(tile->code + 8 * b, words, words + 2);
    }
}

static void unpack_q5_1(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m256i *words = from;
    (void)half;
    for (int b = 0; b < blocks; b++, words += 2 * 6) {
        unpack_d_m(tile, words, b);
        unpack_fifth_bits(tile->code + 8 * b, words + 2, words + 4);
    }
}

static void unpack_q8_0(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m256i *words = from;
    for (int b = 0; b < blocks; b++, words += 2 * 8) {
        for (int h = 0; h < 2; h++) tile->d[b][h] = half_of(half, b, h);
        for (int i = 0; i < 16; i++) tile->code[8 * b + i / 2][i % 2] = words[i];
    }
}

static void unpack_iq4_nl(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m256i *words = from;
    for (int b = 0; b < blocks; b++, words += 2 * 4) {
        for (int h = 0; h < 2; h++) tile->d[b][h] = half_of(half, b, h);
        unpack_levels(tile->code + 8 * b, words, iq4_levels());
    }
}

/* ---- blocks of 256 elements: each function does the rows of half h ------------------------- */

/* words: 4 of scale and min nibbles, 16 of codes, d and dmin. */
INLINE void unpack_q2_k_half(struct tile *tile, const __m256i *words, int h) {
    tile->d[0][h] = low_half(words[2 * 20]);
    tile->dmin[0][h] = high_half(words[2 * 20]);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m256i scales = bits(words[2 * i], 0, 15), mins = bits(words[2 * i], 4, 15);
        for (int g = 0; g < 4; g++) tile->scale[4 * i + g][h] = byte_twice(scales, g);
        for (int g = 0; g < 2; g++) tile->pair[2 * i + g][h] = byte_pair(mins, g);
    }
#pragma GCC unroll 4
    for (int s = 0; s < 4; s++)
        for (int j = 0; j < 8; j++) {
            tile->code[8 * s + j][h] = bits(words[2 * (4 + j)], 2 * s, 3);
            tile->code[32 + 8 * s + j][h] = bits(words[2 * (12 + j)], 2 * s, 3);
        }
}

/* words: 8 of third bits, 16 of two bits, 3 of scales. */
INLINE void unpack_q3_k_half(struct tile *tile, const __m256i *words, int h) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) { /* groups 4i … 4i + 3 */
        __m256i low = bits(words[2 * (24 + i % 2)], i / 2 * 4, 15);
        __m256i high = _mm256_slli_epi16(bits(words[2 * 26], 2 * i, 3), 4);
        __m256i scales = _mm256_sub_epi8(_mm256_or_si256(low, high), _mm256_set1_epi8(32));
        for (int g = 0; g < 4; g++) tile->scale[4 * i + g][h] = signed_byte_twice(scales, g);
        for (int g = 0; g < 2; g++) tile->pair[2 * i + g][h] = signed_byte_pair(scales, g);
    }
#pragma GCC unroll 4
    for (int s = 0; s < 4; s++)
        for (int j = 0; j < 8; j++) {
            tile->code[8 * s + j][h] =
                _mm256_or_si256(bits(words[2 * (8 + j)], 2 * s, 3), bit(words[2 * j], s, 2));
            tile->code[32 + 8 * s + j][h] =
                _mm256_or_si256(bits(words[2 * (16 + j)], 2 * s, 3), bit(words[2 * j], 4 + s, 2));
        }
}

/* d, dmin and the six-bit scales and mins of q4_K and q5_K, from the first four words. */
INLINE void unpack_scales(struct tile *tile, const __m256i *words, int h) {
    const __m256i top = _mm256_set1_epi8(0x30);
    __m256i w0 = words[2], w1 = words[4], w2 = words[6];
    __m256i scale[2] = {bits(w0, 0, 63),
                        _mm256_or_si256(bits(w2, 0, 15),
                                        _mm256_and_si256(_mm256_srli_epi16(w0, 2), top))};
    __m256i min[2] = {bits(w1, 0, 63),
                      _mm256_or_si256(bits(w2, 4, 15),
                                      _mm256_and_si256(_mm256_srli_epi16(w1, 2), top))};
    tile->d[0][h] = low_half(words[0]);
    tile->dmin[0][h] = high_half(words[0]);
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) tile->scale[g][h] = byte_twice(scale[g / 4], g % 4);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) tile->pair[i][h] = byte_pair(min[i / 2], i % 2);
}

/* words: d and dmin, 3 of scales, 32 of nibbles. */
INLINE void unpack_q4_k_half(struct tile *tile, const __m256i *words, int h) {
    unpack_scales(tile, words, h);
    for (int c = 0; c < 4; c++)
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {
            __m256i low = words[2 * (4 + 8 * c + j)];
            tile->code[16 * c + j][h] = bits(low, 0, 15);
            tile->code[16 * c + 8 + j][h] = bits(low, 4, 15);
        }
}

/* words: d and dmin, 3 of scales, 8 of fifth bits, 32 of nibbles. */
INLINE void unpack_q5_k_half(struct tile *tile, const __m256i *words, int h) {
    unpack_scales(tile, words, h);
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++)
        for (int j = 0; j < 8; j++) {
            __m256i low = words[2 * (12 + 8 * c + j)], high = words[2 * (4 + j)];
            tile->code[16 * c + j][h] = _mm256_or_si256(bits(low, 0, 15), bit(high, 2 * c, 4));
            tile->code[16 * c + 8 + j][h] =
                _mm256_or_si256(bits(low, 4, 15), bit(high, 2 * c + 1, 4));
        }
}

/* words: 32 of nibbles, 16 of upper two bits, 4 of scales. */
INLINE void unpack_q6_k_half(struct tile *tile, const __m256i *words, int h) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m256i scales = words[2 * (48 + i)];
        for (int g = 0; g < 4; g++) tile->scale[4 * i + g][h] = signed_byte_twice(scales, g);
        for (int g = 0; g < 2; g++) tile->pair[2 * i + g][h] = signed_byte_pair(scales, g);
    }
    for (int part = 0; part < 2; part++)
#pragma GCC unroll 16
        for (int j = 0; j < 16; j++) {
            __m256i low = words[2 * (16 * part + j)];
            __m256i high = words[2 * (32 + 8 * part + j % 8)]; /* bits 2(j/8) and 4 + 2(j/8) */
            __m256i first = _mm256_slli_epi16(bits(high, j / 8 * 2, 3), 4);
            __m256i second = bits(high, j / 8 * 2, 0x30);
            tile->code[32 * part + j][h] = _mm256_or_si256(bits(low, 0, 15), first);
            tile->code[32 * part + 16 + j][h] = _mm256_or_si256(bits(low, 4, 15), second);
        }
}

/* words: d and upper bits of scales, lower bits of scales, 32 of nibbles. */
INLINE void unpack_iq4_xs_half(struct tile *tile, const __m256i *words, int h) {
    const __m256i levels = iq4_levels();
    __m256i high = _mm256_srli_epi32(words[0], 16);
    tile->d[0][h] = low_half(words[0]);
    for (int g = 0; g < 8; g++) {
        __m256i l = _mm256_and_si256(_mm256_srli_epi32(words[2], 4 * g), _mm256_set1_epi32(15));
        __m256i u = _mm256_and_si256(_mm256_srli_epi32(high, 2 * g), _mm256_set1_epi32(3));
        tile->scale[g][h] = twice(_mm256_sub_epi32(_mm256_or_si256(l, _mm256_slli_epi32(u, 4)),
                                                   _mm256_set1_epi32(32)));
        for (int j = 0; j < 4; j++) {
            __m256i low = words[2 * (2 + 4 * g + j)];
            tile->code[8 * g + j][h] = _mm256_shuffle_epi8(levels, bits(low, 0, 15));
            tile->code[8 * g + 4 + j][h] = _mm256_shuffle_epi8(levels, bits(low, 4, 15));
        }
    }
}

static void unpack_q2_k(void *to, const void *from, const void *half, int blocks) {
    (void)half, (void)blocks;
    for (int h = 0; h < 2; h++) unpack_q2_k_half(to, (const __m256i *)from + h, h);
}

static void unpack_q3_k(void *to, const void *from, const void *half, int blocks) {
    (void)blocks;
    for (int h = 0; h < 2; h++) {
        ((struct tile *)to)->d[0][h] = half_of(half, 0, h);
        unpack_q3_k_half(to, (const __m256i *)from + h, h);
    }
}

static void unpack_q4_k(void *to, const void *from, const void *half, int blocks) {
    (void)half, (void)blocks;
    for (int h = 0; h < 2; h++) unpack_q4_k_half(to, (const __m256i *)from + h, h);
}

static void unpack_q5_k(void *to, const void *from, const void *half, int blocks) {
    (void)half, (void)blocks;
    for (int h = 0; h < 2; h++) unpack_q5_k_half(to, (const __m256i *)from + h, h);
}

static void unpack_q6_k(void *to, const void *from, const void *half, int blocks) {
    (void)blocks;
    for (int h = 0; h < 2; h++) {
        ((struct tile *)to)->d[0][h] = half_of(half, 0, h);
        unpack_q6_k_half(to, (const __m256i *)from + h, h);
    }
}

static void unpack_iq4_xs(void *to, const void *from, const void *half, int blocks) {
    (void)half, (void)blocks;
    for (int h = 0; h < 2; h++) unpack_iq4_xs_half(to, (const __m256i *)from + h, h);
}

/* ---- rows -------------------------------------------------------------------------------- */

static const struct tile_level level = {
    .tile_bytes = sizeof(struct tile), .panels = 1, .x_rows = TILE_X_ROWS, .pass_rows = 96,
    .pass_bytes = 1 << 20, .finish = matmul_tile_finish_avx2,
};

static const struct tile_format formats[] = {
    {QUANT_Q4_0, 8, unpack_q4_0, matmul_tile_4bit},
    {QUANT_Q4_1, 0, unpack_q4_1, matmul_tile_4bit_min},
    {QUANT_Q5_0, 16, unpack_q5_0, matmul_tile_5bit},
    {QUANT_Q5_1, 0, unpack_q5_1, matmul_tile_5bit_min},
    {QUANT_Q8_0, 0, unpack_q8_0, matmul_tile_signed},
    {QUANT_IQ4_NL, 0, unpack_iq4_nl, matmul_tile_signed},
    {QUANT_Q2_K, 0, unpack_q2_k, matmul_tile_q2_k},
    {QUANT_Q3_K, 4, unpack_q3_k, matmul_tile_q3_k},
    {QUANT_Q4_K, 0, unpack_q4_k, matmul_tile_q4_k},
    {QUANT_Q5_K, 0, unpack_q5_k, matmul_tile_q5_k},
    {QUANT_Q6_K, 32, unpack_q6_k, matmul_tile_q6_k},
    {QUANT_IQ4_XS, 0, unpack_iq4_xs, matmul_tile_iq4_xs},
};

static void run_q4_0(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[0]);
}

static void run_q4_1(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[1]);
}

static void run_q5_0(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[2]);
}

static void run_q5_1(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[3]);
}

static void run_q8_0(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[4]);
}

static void run_iq4_nl(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[5]);
}

static void run_q2_k(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[6]);
}

static void run_q3_k(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[7]);
}

static void run_q4_k(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[8]);
}

static void run_q5_k(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[9]);
}

static void run_q6_k(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[10]);
}

static void run_iq4_xs(const struct matmul_work *work) {
    matmul_tile_run(work, &level, &formats[11]);
}

static size_t scratch_bytes(int64_t cols) {
    (void)cols;
    return matmul_tile_scratch_bytes(&level);
}

static void (*const runs[])(const struct matmul_work *work) = {
    run_q4_0, run_q4_1, run_q5_0, run_q5_1, run_q8_0, run_iq4_nl,
    run_q2_k, run_q3_k, run_q4_k, run_q5_k, run_q6_k, run_iq4_xs,
};

void matmul_unpack_add_avx2(struct kernels *k) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        enum quant_type type = formats[i].type;
        bool small = MATMUL_PANEL[type].block_elements == 32;
        k->matmul[type] = (struct kernel_matmul){.act = small ? ACT_Q8_32 : ACT_Q8_256,
                                                 .scratch_bytes = scratch_bytes,
                                                 .run = runs[i]};
        matmul_pack_use(&k->matmul[type], type);
    }
}
