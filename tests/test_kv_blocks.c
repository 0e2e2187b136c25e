/* test_kv_blocks.c - keys and values in and out of their blocks, at every level and type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "guard.h"
#include "level.h"

static const enum quant_type types[] = {QUANT_F32, QUANT_F16, QUANT_BF16, QUANT_Q8_0};
static const int dims[] = {8, 64, 72, 80, 96, 128, 256};
enum { TYPES = sizeof types / sizeof types[0], DIMS = sizeof dims / sizeof dims[0] };

struct blocks {
    const struct kernel_kv *kv;
    int head_dim;
    struct guard k, v, k_tile, v_tile;
};

static void blocks_open(struct blocks *b, const struct kernels *kernels, enum quant_type type,
                        int head_dim) {
    b->kv = &kernels->kv[type];
    b->head_dim = head_dim;
    size_t tile_bytes = sizeof(float) * (size_t)head_dim * KV_BLOCK_TOKENS;
    b->k = guard_take(b->kv->k_bytes(head_dim), 64);
    b->v = guard_take(b->kv->v_bytes(head_dim), 64);
    b->k_tile = guard_take(tile_bytes, 64);
    b->v_tile = guard_take(tile_bytes, 64);
}

static void blocks_close(struct blocks *b) {
    guard_drop(&b->k);
    guard_drop(&b->v);
    guard_drop(&b->k_tile);
    guard_drop(&b->v_tile);
}

static void load(struct blocks *b) {
    b->kv->load_k(b->k_tile.data, b->k.data, b->head_dim);
    b->kv->load_v(b->v_tile.data, b->v.data, b->head_dim);
}

/* x as the type keeps it, worked out one element at a time. */
static float kept(enum quant_type type, const float *row, int head_dim, int d) {
    float x = row[d];
    if (type == QUANT_F32) return x;
    if (type == QUANT_F16)
        return quant_f16_to_f32(quant_f32_to_f16(fmaxf(-65504, fminf(65504, x))));
    if (type == QUANT_BF16) return quant_bf16_to_f32(quant_f32_to_bf16(x));
    float most = 0;
    int begin = d / 32 * 32;
    for (int i = begin; i < begin + 32 && i < head_dim; i++) most = fmaxf(most, fabsf(row[i]));
    float scale = quant_f16_to_f32(quant_f32_to_f16(fminf(most / 127, 65504)));
    if (scale == 0) return 0;
    return scale * fmaxf(-127, fminf(127, nearbyintf(x * (1 / scale))));
}

static void row_of(float *row, int head_dim, int seed, double size) {
    struct random r;
    random_init(&r, (uint64_t)seed);
    for (int d = 0; d < head_dim; d++) row[d] = (float)((2 * random_unit(&r) - 1) * size);
}

static void what_is_stored_in_any_slot_is_what_is_loaded(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    static const double sizes[] = {1, 1e-6, 1e-30, 3e4, 1e6, 1e30};
    for (int t = 0; t < TYPES; t++)
        for (int i = 0; i < DIMS; i++) {
            struct blocks b;
            blocks_open(&b, &k, types[t], dims[i]);
            float row[KV_BLOCK_TOKENS][2][HEAD_DIM_MAX];
            for (int j = 0; j < KV_BLOCK_TOKENS; j++) {
                int slot = (j * 29 + 5) % KV_BLOCK_TOKENS; /* in any order */
                row_of(row[slot][0], dims[i], slot, sizes[slot % 6]);
                row_of(row[slot][1], dims[i], slot + 100, sizes[slot % 6]);
                b.kv->store_k(b.k.data, slot, row[slot][0], dims[i]);
                b.kv->store_v(b.v.data, slot, row[slot][1], dims[i]);
            }
            load(&b);
            const float *k_tile = b.k_tile.data, *v_tile = b.v_tile.data;
            for (int slot = 0; slot < KV_BLOCK_TOKENS; slot++)
                for (int d = 0; d < dims[i]; d++) {
                    float key = kept(types[t], row[slot][0], dims[i], d);
                    float value = kept(types[t], row[slot][1], dims[i], d);
                    assert_true(k_tile[d * KV_BLOCK_TOKENS + slot] == key);
                    assert_true(v_tile[slot * dims[i] + d] == value);
                }
            blocks_close(&b);
        }
}

static void zero_bytes_are_zeros(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    for (int t = 0; t < TYPES; t++)
        for (int i = 0; i < DIMS; i++) {
            struct blocks b;
            blocks_open(&b, &k, types[t], dims[i]);
            memset(b.k_tile.data, 0xff, (size_t)dims[i] * 256);
            memset(b.v_tile.data, 0xff, (size_t)dims[i] * 256);
            load(&b);
            const float *k_tile = b.k_tile.data, *v_tile = b.v_tile.data;
            for (int j = 0; j < dims[i] * KV_BLOCK_TOKENS; j++)
                assert_true(k_tile[j] == 0 && v_tile[j] == 0);
            blocks_close(&b);
        }
}

static void a_store_changes_its_own_slot_only(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    for (int t = 0; t < TYPES; t++)
        for (int i = 0; i < DIMS; i++) {
            struct blocks b;
            blocks_open(&b, &k, types[t], dims[i]);
            float row[HEAD_DIM_MAX];
            row_of(row, dims[i], 1, 1);
            b.kv->store_k(b.k.data, 33, row, dims[i]);
            b.kv->store_v(b.v.data, 33, row, dims[i]);
            load(&b);
            const float *k_tile = b.k_tile.data, *v_tile = b.v_tile.data;
            for (int slot = 0; slot < KV_BLOCK_TOKENS; slot++)
                for (int d = 0; d < dims[i]; d++) {
                    if (slot == 33) continue;
                    assert_true(k_tile[d * KV_BLOCK_TOKENS + slot] == 0);
                    assert_true(v_tile[slot * dims[i] + d] == 0);
                }
            blocks_close(&b);
        }
}

/* Blocks travel between machines (a cache file), so their bytes may not depend on the level. */
static void every_level_writes_the_bytes_of_the_plain_one(void **level) {
    struct kernels plain, k;
    assert_true(kernels_init(&plain, "plain"));
    level_kernels(&k, level);
    static const float hostile[] = {0.0f, -0.0f, 1e-45f, -1e-39f, 6e-8f, 65519, 65520, -1e38f,
                                    0x1.FFp127f, INFINITY, -INFINITY, NAN, 1, 1.5f, 127, 254};
    for (int t = 0; t < TYPES; t++)
        for (int i = 0; i < DIMS; i++) {
            struct blocks a, b;
            blocks_open(&a, &plain, types[t], dims[i]);
            blocks_open(&b, &k, types[t], dims[i]);
            for (int slot = 0; slot < KV_BLOCK_TOKENS; slot++) {
                float row[HEAD_DIM_MAX];
                row_of(row, dims[i], slot, slot % 3 ? 1 : 1e5);
                if (slot % 4 == 0)
                    for (int d = 0; d < dims[i]; d++) row[d] = hostile[(d + slot) % 16];
                a.kv->store_k(a.k.data, slot, row, dims[i]);
                a.kv->store_v(a.v.data, slot, row, dims[i]);
                b.kv->store_k(b.k.data, slot, row, dims[i]);
                b.kv->store_v(b.v.data, slot, row, dims[i]);
            }
            assert_memory_equal(a.k.data, b.k.data, a.kv->k_bytes(dims[i]));
            assert_memory_equal(a.v.data, b.v.data, a.kv->v_bytes(dims[i]));
            blocks_close(&a);
            blocks_close(&b);
        }
}

static void finite_floats_stay_finite_in_every_type(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    for (int t = 0; t < TYPES; t++) {
        struct blocks b;
        blocks_open(&b, &k, types[t], 64);
        float row[64];
        for (int d = 0; d < 64; d++) row[d] = d % 2 ? 3.4028235e38f : -3.4028235e38f;
        b.kv->store_k(b.k.data, 0, row, 64);
        b.kv->store_v(b.v.data, 0, row, 64);
        load(&b);
        for (int d = 0; d < 64; d++) {
            assert_true(isfinite(((float *)b.k_tile.data)[d * KV_BLOCK_TOKENS]));
            assert_true(isfinite(((float *)b.v_tile.data)[d]));
        }
        blocks_close(&b);
    }
}

static void a_block_is_as_large_as_its_type_says(void **level) {
    struct kernels k;
    level_kernels(&k, level);
    for (int dim = 8; dim <= HEAD_DIM_MAX; dim += 8) {
        size_t n = (size_t)dim * KV_BLOCK_TOKENS, groups = (size_t)(dim + 31) / 32;
        assert_int_equal(k.kv[QUANT_F32].k_bytes(dim), 4 * n);
        assert_int_equal(k.kv[QUANT_F16].k_bytes(dim), 2 * n);
        assert_int_equal(k.kv[QUANT_BF16].v_bytes(dim), 2 * n);
        assert_int_equal(k.kv[QUANT_Q8_0].v_bytes(dim), n + 2 * KV_BLOCK_TOKENS * groups);
        for (int t = 0; t < TYPES; t++)
            assert_int_equal(k.kv[types[t]].k_bytes(dim) % 64 + k.kv[types[t]].v_bytes(dim) % 64,
                             0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stored_in_any_slot_is_what_is_loaded),
        cmocka_unit_test(zero_bytes_are_zeros),
        cmocka_unit_test(a_store_changes_its_own_slot_only),
        cmocka_unit_test(every_level_writes_the_bytes_of_the_plain_one),
        cmocka_unit_test(finite_floats_stay_finite_in_every_type),
        cmocka_unit_test(a_block_is_as_large_as_its_type_says),
    };
    return level_run(tests, sizeof tests / sizeof tests[0]);
}
