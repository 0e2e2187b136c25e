/* matmul_unpack_avx512.c - from the words of a panel (matmul_pack.h) to a tile, by format.
 *
 * Which element a bit field of a block belongs to is told by quant_block.h and quant's
 * unpack functions; here the same is done for 16 rows at once.  `codes` are unsigned bytes; scales
 * are int32 (or float, for "exact" kinds), minimums int16 pairs of neighbouring groups. */
#include "kernels/kernels_level.h"
#include "kernels/matmul_tile_avx512.h"
#include "quant/quant_block.h"

#define INLINE static inline __attribute__((always_inline))

/* (v >> shift) & mask in every byte: shift moves bits across bytes, the mask drops them. */
INLINE __m512i bits(__m512i v, int shift, int mask) {
    return _mm512_and_si512(_mm512_srli_epi16(v, (unsigned)shift), _mm512_set1_epi8((char)mask));
}

/* One bit of every byte of v, at bit `to`. */
INLINE __m512i bit(__m512i v, int from, int to) {
    v = to >= from ? _mm512_slli_epi16(v, (unsigned)(to - from))
                   : _mm512_srli_epi16(v, (unsigned)(from - to));
    return _mm512_and_si512(v, _mm512_set1_epi8((char)(1 << to)));
}

/* Byte i of every lane, as int32; signed or not. */
INLINE __m512i byte_of(__m512i v, int i) {
    return _mm512_and_si512(_mm512_srli_epi32(v, (unsigned)(8 * i)), _mm512_set1_epi32(255));
}

INLINE __m512i signed_byte_of(__m512i v, int i) {
    return _mm512_srai_epi32(_mm512_slli_epi32(v, (unsigned)(24 - 8 * i)), 24);
}

/* Bytes 2i and 2i + 1 of every lane, as a pair of int16. */
INLINE __m512i byte_pair_of(__m512i v, int i) {
    v = _mm512_srli_epi32(v, (unsigned)(16 * i));
    __m512i high = _mm512_and_si512(_mm512_slli_epi32(v, 8), _mm512_set1_epi32(0xff0000));
    return _mm512_or_si512(_mm512_and_si512(v, _mm512_set1_epi32(255)), high);
}

INLINE __m512i as_float(__m512i v) {
    return _mm512_castps_si512(_mm512_cvtepi32_ps(v));
}

INLINE __m512 low_half(__m512i v) {
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v));
}

INLINE __m512 high_half(__m512i v) {
    return low_half(_mm512_srli_epi32(v, 16));
}

/* iq4's table of levels, plus 128, by nibble. */
INLINE __m512i iq4_levels(void) {
    __m128i values = _mm_loadu_si128((const __m128i *)(const void *)QUANT_IQ4_VALUE);
    return _mm512_broadcast_i32x4(_mm_xor_si128(values, _mm_set1_epi8((char)0x80)));
}

/* ---- blocks of 32 elements --------------------------------------------------------------- */

static void unpack_q4_0(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    const __m256i *halves = half;
    for (int b = 0; b < blocks; b++, words += 4) {
        tile->d[b] = _mm512_cvtph_ps(halves[b]);
        for (int j = 0; j < 4; j++) {
            tile->code[8 * b + j] = bits(words[j], 0, 15);
            tile->code[8 * b + 4 + j] = bits(words[j], 4, 15);
        }
    }
}

static void unpack_q4_1(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    (void)half;
    for (int b = 0; b < blocks; b++, words += 5) {
        tile->d[b] = low_half(words[0]);
        tile->dmin[b] = _mm512_xor_ps(high_half(words[0]), _mm512_set1_ps(-0.0f));
        for (int j = 0; j < 4; j++) {
            tile->code[8 * b + j] = bits(words[1 + j], 0, 15);
            tile->code[8 * b + 4 + j] = bits(words[1 + j], 4, 15);
        }
    }
}

/* Nibbles and the plane of fifth bits: bit j of every byte of the plane belongs to vector j. */
INLINE void unpack_fifth_bits(__m512i *code, __m512i plane, const __m512i *low) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        code[j] = _mm512_or_si512(bits(low[j], 0, 15), bit(plane, j, 4));
        code[4 + j] = _mm512_or_si512(bits(low[j], 4, 15), bit(plane, 4 + j, 4));
    }
}

static void unpack_q5_0(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    const __m256i *halves = half;
    for (int b = 0; b < blocks; b++, words += 5) {
        tile->d[b] = _mm512_cvtph_ps(halves[b]);
        unpack_fifth_bits(&tile->code[8 * b], words[0], words + 1);
    }
}

static void unpack_q5_1(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    (void)half;
    for (int b = 0; b < blocks; b++, words += 6) {
        tile->d[b] = low_half(words[0]);
        tile->dmin[b] = _mm512_xor_ps(high_half(words[0]), _mm512_set1_ps(-0.0f));
        unpack_fifth_bits(&tile->code[8 * b], words[1], words + 2);
    }
}

static void unpack_q8_0(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    const __m256i *halves = half;
    const __m512i offset = _mm512_set1_epi8((char)0x80); /* q + 128 of a signed byte */
    for (int b = 0; b < blocks; b++, words += 8) {
        tile->d[b] = _mm512_cvtph_ps(halves[b]);
        for (int j = 0; j < 8; j++) tile->code[8 * b + j] = _mm512_xor_si512(words[j], offset);
    }
}

static void unpack_iq4_nl(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    const __m256i *halves = half;
    const __m512i levels = iq4_levels();
    for (int b = 0; b < blocks; b++, words += 4) {
        tile->d[b] = _mm512_cvtph_ps(halves[b]);
        for (int j = 0; j < 4; j++) {
            tile->code[8 * b + j] = _mm512_shuffle_epi8(levels, bits(words[j], 0, 15));
            tile->code[8 * b + 4 + j] = _mm512_shuffle_epi8(levels, bits(words[j], 4, 15));
        }
    }
}

/* ---- blocks of 256 elements -------------------------------------------------------------- */

/* words: 4 of scale and min nibbles, 16 of codes, d and dmin. */
static void unpack_q2_k(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    (void)half, (void)blocks;
    tile->d[0] = low_half(words[20]);
    tile->dmin[0] = high_half(words[20]);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m512i scales = bits(words[i], 0, 15), mins = bits(words[i], 4, 15);
        for (int g = 0; g < 4; g++) tile->scale[4 * i + g] = as_float(byte_of(scales, g));
        for (int g = 0; g < 2; g++) tile->min[2 * i + g] = byte_pair_of(mins, g);
    }
#pragma GCC unroll 4
    for (int s = 0; s < 4; s++)
        for (int j = 0; j < 8; j++) {
            tile->code[8 * s + j] = bits(words[4 + j], 2 * s, 3);
            tile->code[32 + 8 * s + j] = bits(words[12 + j], 2 * s, 3);
        }
}

/* words: 8 of third bits, 16 of two bits, 3 of scales. */
static void unpack_q3_k(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    const __m256i *halves = half;
    (void)blocks;
    tile->d[0] = _mm512_cvtph_ps(halves[0]);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) { /* groups 4i … 4i + 3 */
        __m512i low = bits(words[24 + i % 2], i / 2 * 4, 15);
        __m512i high = _mm512_slli_epi16(bits(words[26], 2 * i, 3), 4);
        __m512i scales = _mm512_sub_epi8(_mm512_or_si512(low, high), _mm512_set1_epi8(32));
        for (int g = 0; g < 4; g++) tile->scale[4 * i + g] = as_float(signed_byte_of(scales, g));
    }
#pragma GCC unroll 4
    for (int s = 0; s < 4; s++)
        for (int j = 0; j < 8; j++) {
            tile->code[8 * s + j] =
                _mm512_or_si512(bits(words[8 + j], 2 * s, 3), bit(words[j], s, 2));
            tile->code[32 + 8 * s + j] =
                _mm512_or_si512(bits(words[16 + j], 2 * s, 3), bit(words[j], 4 + s, 2));
        }
}

/* The six-bit scales and mins of q4_K and q5_K, from their three words: bytes of groups 0-3 and
 * of groups 4-7. */
struct scales_k {
    __m512i scale[2], min[2];
};

INLINE struct scales_k scales_of(const __m512i *words) {
    const __m512i top = _mm512_set1_epi8(0x30);
    return (struct scales_k){
        {bits(words[0], 0, 63),
         _mm512_or_si512(bits(words[2], 0, 15),
                         _mm512_and_si512(_mm512_srli_epi16(words[0], 2), top))},
        {bits(words[1], 0, 63),
         _mm512_or_si512(bits(words[2], 4, 15),
                         _mm512_and_si512(_mm512_srli_epi16(words[1], 2), top))},
    };
}

INLINE void unpack_mins(struct tile *tile, const struct scales_k *s) {
    for (int i = 0; i < 4; i++) tile->min[i] = byte_pair_of(s->min[i / 2], i % 2);
}

/* words: d and dmin, 3 of scales, 32 of nibbles. */
static void unpack_q4_k(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    (void)half, (void)blocks;
    struct scales_k s = scales_of(words + 1);
    tile->d[0] = low_half(words[0]);
    tile->dmin[0] = high_half(words[0]);
    unpack_mins(tile, &s);
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) tile->scale[g] = as_float(byte_of(s.scale[g / 4], g % 4));
    for (int c = 0; c < 4; c++)
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {
            __m512i low = words[4 + 8 * c + j];
            tile->code[16 * c + j] = bits(low, 0, 15);
            tile->code[16 * c + 8 + j] = bits(low, 4, 15);
        }
}

/* words: d and dmin, 3 of scales, 8 of fifth bits, 32 of nibbles. */
static void unpack_q5_k(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    (void)half, (void)blocks;
    struct scales_k s = scales_of(words + 1);
    tile->d[0] = low_half(words[0]);
    tile->dmin[0] = high_half(words[0]);
    unpack_mins(tile, &s);
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) tile->scale[g] = byte_of(s.scale[g / 4], g % 4);
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++)
        for (int j = 0; j < 8; j++) {
            __m512i low = words[12 + 8 * c + j], high = words[4 + j];
            tile->code[16 * c + j] = _mm512_or_si512(bits(low, 0, 15), bit(high, 2 * c, 4));
            tile->code[16 * c + 8 + j] = _mm512_or_si512(bits(low, 4, 15), bit(high, 2 * c + 1, 4));
        }
}

/* words: 32 of nibbles, 16 of upper two bits, 4 of scales. */
static void unpack_q6_k(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    const __m256i *halves = half;
    (void)blocks;
    tile->d[0] = _mm512_cvtph_ps(halves[0]);
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++) tile->scale[g] = signed_byte_of(words[48 + g / 4], g % 4);
    for (int h = 0; h < 2; h++)
#pragma GCC unroll 16
        for (int j = 0; j < 16; j++) {
            __m512i low = words[16 * h + j];
            __m512i high = words[32 + 8 * h + j % 8]; /* bits 2(j/8) and 4 + 2(j/8) */
            __m512i first = _mm512_slli_epi16(bits(high, j / 8 * 2, 3), 4);
            __m512i second = j < 8 ? bits(high, 0, 0x30)
                                   : bits(high, 2, 0x30);
            tile->code[32 * h + j] = _mm512_or_si512(bits(low, 0, 15), first);
            tile->code[32 * h + 16 + j] = _mm512_or_si512(bits(low, 4, 15), second);
        }
}

/* words: d and upper bits of scales, lower bits of scales, 32 of nibbles. */
static void unpack_iq4_xs(void *to, const void *from, const void *half, int blocks) {
    struct tile *tile = to;
    const __m512i *words = from;
    (void)half, (void)blocks;
    const __m512i levels = iq4_levels();
    __m512i high = _mm512_srli_epi32(words[0], 16);
    tile->d[0] = low_half(words[0]);
    for (int g = 0; g < 8; g++) {
        __m512i l = _mm512_and_si512(_mm512_srli_epi32(words[1], (unsigned)(4 * g)),
                                     _mm512_set1_epi32(15));
        __m512i h = _mm512_and_si512(_mm512_srli_epi32(high, (unsigned)(2 * g)),
                                     _mm512_set1_epi32(3));
        tile->scale[g] = _mm512_sub_epi32(_mm512_or_si512(l, _mm512_slli_epi32(h, 4)),
                                          _mm512_set1_epi32(32));
        for (int j = 0; j < 4; j++) {
            __m512i low = words[2 + 4 * g + j];
            tile->code[8 * g + j] = _mm512_shuffle_epi8(levels, bits(low, 0, 15));
            tile->code[8 * g + 4 + j] = _mm512_shuffle_epi8(levels, bits(low, 4, 15));
        }
    }
}

/* ---- rows -------------------------------------------------------------------------------- */

static const struct tile_level level = {
    .tile_bytes = sizeof(struct tile), .panels = TILE_PANELS, .x_rows = TILE_X_ROWS,
    .pass_rows = 96, .pass_bytes = 1 << 20, .finish = matmul_tile_finish_avx512,
};

static const struct tile_format formats[] = {
    {QUANT_Q4_0, 8, unpack_q4_0, matmul_tile_32},
    {QUANT_Q4_1, 0, unpack_q4_1, matmul_tile_32_min},
    {QUANT_Q5_0, 16, unpack_q5_0, matmul_tile_32},
    {QUANT_Q5_1, 0, unpack_q5_1, matmul_tile_32_min},
    {QUANT_Q8_0, 128, unpack_q8_0, matmul_tile_32},
    {QUANT_IQ4_NL, 128, unpack_iq4_nl, matmul_tile_32},
    {QUANT_Q2_K, 0, unpack_q2_k, matmul_tile_g16_exact_min},
    {QUANT_Q3_K, 4, unpack_q3_k, matmul_tile_g16_exact},
    {QUANT_Q4_K, 0, unpack_q4_k, matmul_tile_g32_halves_min},
    {QUANT_Q5_K, 0, unpack_q5_k, matmul_tile_g32_min},
    {QUANT_Q6_K, 32, unpack_q6_k, matmul_tile_g16},
    {QUANT_IQ4_XS, 128, unpack_iq4_xs, matmul_tile_g32},
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

const struct tile_format *matmul_unpack_format_avx512(enum quant_type type) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].type == type) return &formats[i];
    return NULL;
}

const struct tile_level *matmul_unpack_level_avx512(void) {
    return &level;
}

static size_t scratch_bytes(int64_t cols) {
    (void)cols;
    return matmul_tile_scratch_bytes(&level);
}

static void (*const runs[])(const struct matmul_work *work) = {
    run_q4_0, run_q4_1, run_q5_0, run_q5_1, run_q8_0, run_iq4_nl,
    run_q2_k, run_q3_k, run_q4_k, run_q5_k, run_q6_k, run_iq4_xs,
};

void matmul_unpack_add_avx512(struct kernels *k) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        enum quant_type type = formats[i].type;
        bool small = MATMUL_PANEL[type].block_elements == 32;
        k->matmul[type] = (struct kernel_matmul){.act = small ? ACT_Q8_32 : ACT_Q8_256,
                                                 .scratch_bytes = scratch_bytes,
                                                 .run = runs[i]};
        matmul_pack_use(&k->matmul[type], type);
    }
}
