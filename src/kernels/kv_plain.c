/* kv_plain.c - keys and values in and out of their blocks, in plain C, for every KV type.
 *
 * The layouts are in kv_layout.h.  The faster levels overwrite what streams (the loads and the
 * stores of the 16-bit types) and keep the rest. */
#include <math.h>
#include <string.h>
#include "kernels/kernels_level.h"
#include "kernels/kv_layout.h"

static float saturate(float x, float most) { return x > most ? most : x < -most ? -most : x; }

/* ---- f32 ---- */

static size_t f32_bytes(int head_dim) {
    return sizeof(float) * (size_t)head_dim * KV_BLOCK_TOKENS;
}

static void f32_store_k(void *block, int slot, const float *k, int head_dim) {
    float *to = block;
    for (int d = 0; d < head_dim; d++) to[d * KV_BLOCK_TOKENS + slot] = k[d];
}

static void f32_store_v(void *block, int slot, const float *v, int head_dim) {
    memcpy((float *)block + (int64_t)slot * head_dim, v, sizeof *v * (size_t)head_dim);
}

static void f32_load(float *tile, const void *block, int head_dim) {
    memcpy(tile, block, f32_bytes(head_dim));
}

/* ---- f16 and bf16 ---- */

static size_t half_bytes(int head_dim) {
    return sizeof(uint16_t) * (size_t)head_dim * KV_BLOCK_TOKENS;
}

static void f16_store_k(void *block, int slot, const float *k, int head_dim) {
    uint16_t *to = block;
    for (int d = 0; d < head_dim; d++)
        to[d * KV_BLOCK_TOKENS + slot] = quant_f32_to_f16(saturate(k[d], KV_F16_MAX));
}

static void f16_store_v(void *block, int slot, const float *v, int head_dim) {
    uint16_t *to = (uint16_t *)block + (int64_t)slot * head_dim;
    for (int d = 0; d < head_dim; d++) to[d] = quant_f32_to_f16(saturate(v[d], KV_F16_MAX));
}

static void f16_load(float *tile, const void *block, int head_dim) {
    const uint16_t *from = block;
    for (int i = 0; i < head_dim * KV_BLOCK_TOKENS; i++) tile[i] = quant_f16_to_f32(from[i]);
}

static void bf16_store_k(void *block, int slot, const float *k, int head_dim) {
    uint16_t *to = block;
    for (int d = 0; d < head_dim; d++)
        to[d * KV_BLOCK_TOKENS + slot] = quant_f32_to_bf16(saturate(k[d], KV_BF16_MAX));
}

static void bf16_store_v(void *block, int slot, const float *v, int head_dim) {
    uint16_t *to = (uint16_t *)block + (int64_t)slot * head_dim;
    for (int d = 0; d < head_dim; d++) to[d] = quant_f32_to_bf16(saturate(v[d], KV_BF16_MAX));
}

static void bf16_load(float *tile, const void *block, int head_dim) {
    const uint16_t *from = block;
    for (int i = 0; i < head_dim * KV_BLOCK_TOKENS; i++) tile[i] = quant_bf16_to_f32(from[i]);
}

/* ---- q8_0 ---- */

static size_t q8_bytes(int head_dim) {
    return kv_q8_codes_bytes(head_dim) +
           sizeof(uint16_t) * KV_BLOCK_TOKENS * (size_t)kv_groups(head_dim);
}

/* Codes of n <= 32 floats; returns their scale as f16.  Dividing by the rounded scale keeps
 * |code| <= 127: max|x| / f16(max|x| / 127) <= 127 · (1 + 2^-11) rounds to 127.  Only a scale
 * that is denormal as f16 is coarser than that, and it saturates. */
static uint16_t q8_group(int8_t *codes, const float *x, int n) {
    float most = 0;
    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > most) most = fabsf(x[i]);
    uint16_t scale = quant_f32_to_f16(saturate(most / 127.0f, KV_F16_MAX));
    float d = quant_f16_to_f32(scale), inverse = d > 0 ? 1.0f / d : 0.0f;
    for (int i = 0; i < n; i++) {
        float code = saturate(x[i] * inverse, 127.0f);
        codes[i] = code == code ? (int8_t)nearbyintf(code) : 0; /* NaN counts as 0 */
    }
    return scale;
}

static void q8_store_k(void *block, int slot, const float *k, int head_dim) {
    int8_t *codes = (int8_t *)block + slot;
    uint16_t *scales = (uint16_t *)((char *)block + kv_q8_codes_bytes(head_dim)) + slot;
    for (int begin = 0; begin < head_dim; begin += KV_GROUP) {
        int n = head_dim - begin < KV_GROUP ? head_dim - begin : KV_GROUP;
        int8_t group[KV_GROUP];
        scales[begin / KV_GROUP * KV_BLOCK_TOKENS] = q8_group(group, k + begin, n);
        for (int i = 0; i < n; i++) codes[(begin + i) * KV_BLOCK_TOKENS] = group[i];
    }
}

static void q8_store_v(void *block, int slot, const float *v, int head_dim) {
    int8_t *codes = (int8_t *)block + (int64_t)slot * head_dim;
    uint16_t *scales = (uint16_t *)((char *)block + kv_q8_codes_bytes(head_dim));
    scales += slot * kv_groups(head_dim);
    for (int begin = 0; begin < head_dim; begin += KV_GROUP) {
        int n = head_dim - begin < KV_GROUP ? head_dim - begin : KV_GROUP;
        scales[begin / KV_GROUP] = q8_group(codes + begin, v + begin, n);
    }
}

static void q8_load_k(float *tile, const void *block, int head_dim) {
    const int8_t *codes = block;
    const uint16_t *scales =
        (const uint16_t *)((const char *)block + kv_q8_codes_bytes(head_dim));
    for (int d = 0; d < head_dim; d++)
        for (int j = 0; j < KV_BLOCK_TOKENS; j++) {
            float scale = quant_f16_to_f32(scales[d / KV_GROUP * KV_BLOCK_TOKENS + j]);
            tile[d * KV_BLOCK_TOKENS + j] = scale * (float)codes[d * KV_BLOCK_TOKENS + j];
        }
}

static void q8_load_v(float *tile, const void *block, int head_dim) {
    const int8_t *codes = block;
    const uint16_t *scales =
        (const uint16_t *)((const char *)block + kv_q8_codes_bytes(head_dim));
    int groups = kv_groups(head_dim);
    for (int j = 0; j < KV_BLOCK_TOKENS; j++)
        for (int d = 0; d < head_dim; d++) {
            float scale = quant_f16_to_f32(scales[j * groups + d / KV_GROUP]);
            tile[j * head_dim + d] = scale * (float)codes[j * head_dim + d];
        }
}

void kv_add_plain(struct kernels *k) {
    k->kv[QUANT_F32] = (struct kernel_kv){
        .name = "f32", .type = QUANT_F32, .k_bytes = f32_bytes, .v_bytes = f32_bytes,
        .store_k = f32_store_k, .store_v = f32_store_v, .load_k = f32_load, .load_v = f32_load};
    k->kv[QUANT_F16] = (struct kernel_kv){
        .name = "f16", .type = QUANT_F16, .k_bytes = half_bytes, .v_bytes = half_bytes,
        .store_k = f16_store_k, .store_v = f16_store_v, .load_k = f16_load, .load_v = f16_load};
    k->kv[QUANT_BF16] = (struct kernel_kv){
        .name = "bf16", .type = QUANT_BF16, .k_bytes = half_bytes, .v_bytes = half_bytes,
        .store_k = bf16_store_k, .store_v = bf16_store_v, .load_k = bf16_load, .load_v = bf16_load};
    k->kv[QUANT_Q8_0] = (struct kernel_kv){
        .name = "q8_0", .type = QUANT_Q8_0, .k_bytes = q8_bytes, .v_bytes = q8_bytes,
        .store_k = q8_store_k, .store_v = q8_store_v, .load_k = q8_load_k, .load_v = q8_load_v};
}
