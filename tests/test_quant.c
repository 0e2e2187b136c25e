/* test_quant.c - the table of formats: numbers, names, sizes, and every row's three functions
 * against golden values and each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "guard.h"
#include "quant_golden.h"

enum { SOME = 4 * QUANT_BLOCK_MAX };

static void every_format_has_the_number_and_size_that_ggml_gave_it(void **state) {
    (void)state;
    static const struct { const char *name; uint32_t id; int elements, bytes; } want[] = {
        {"f32", 0, 1, 4},        {"f16", 1, 1, 2},        {"q4_0", 2, 32, 18},
        {"q4_1", 3, 32, 20},     {"q5_0", 6, 32, 22},     {"q5_1", 7, 32, 24},
        {"q8_0", 8, 32, 34},     {"q2_K", 10, 256, 84},   {"q3_K", 11, 256, 110},
        {"q4_K", 12, 256, 144},  {"q5_K", 13, 256, 176},  {"q6_K", 14, 256, 210},
        {"iq4_nl", 20, 32, 18},  {"iq4_xs", 23, 256, 136}, {"bf16", 30, 1, 2},
    };
    assert_int_equal(sizeof want / sizeof want[0], QUANT_TYPES);
    for (size_t i = 0; i < QUANT_TYPES; i++) {
        enum quant_type type;
        assert_true(quant_from_gguf(&type, want[i].id));
        const struct quant_info *info = quant_info(type);
        assert_string_equal(info->name, want[i].name);
        assert_int_equal(info->gguf_id, want[i].id);
        assert_int_equal(info->block_elements, want[i].elements);
        assert_int_equal(info->block_bytes, want[i].bytes);
        assert_int_equal(quant_bytes(type, 256 * 7), 256 * 7 / want[i].elements * want[i].bytes);
    }
}

static void a_number_or_name_that_we_do_not_run_is_not_found(void **state) {
    (void)state;
    static const uint32_t ids[] = {4, 5, 9, 15, 16, 17, 18, 19, 21, 22, 24, 29, 31, 39, UINT32_MAX};
    enum quant_type type;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        assert_false(quant_from_gguf(&type, ids[i]));
    assert_false(quant_from_name(&type, "q4_k_m"));
    assert_false(quant_from_name(&type, ""));
    assert_true(quant_from_name(&type, "Q4_k"));
    assert_int_equal(type, QUANT_Q4_K);
}

static void the_list_of_names_is_the_tables(void **state) {
    (void)state;
    struct str names = {0};
    for (int i = 0; i < QUANT_TYPES; i++)
        str_addf(&names, "%s%s", i ? ", " : "", quant_info((enum quant_type)i)->name);
    assert_string_equal(quant_names(), names.data);
    str_deinit(&names);
}

static void decoded_values_are_those_of_gguf_py(void **state) {
    (void)state;
    struct str file = {0};
    struct quant_golden golden;
    size_t offset = 0;
    int formats = 0;
    assert_true(quant_golden_open(&file));
    while (quant_golden_next(&file, &offset, &golden)) {
        float *out = malloc((size_t)golden.count * sizeof *out);
        assert_non_null(out);
        quant_info(golden.type)->decode(out, golden.blocks, golden.count);
        for (int64_t i = 0; i < golden.count; i++)
            if (!(out[i] == golden.values[i]))
                fail_msg("%s element %lld: %a, not %a", quant_info(golden.type)->name,
                         (long long)i, (double)out[i], (double)golden.values[i]);
        free(out);
        formats++;
    }
    assert_int_equal(offset, file.len);
    assert_int_equal(formats, QUANT_TYPES - 3);
    str_deinit(&file);
}

/* The formula of quant.h in double.  decode rounds twice, each time by at most half a unit
 * of a product or of the result: 2^-24 of their magnitudes. */
static void integer_codes_mean_what_decode_says(void **state) {
    (void)state;
    struct str file = {0};
    struct quant_golden golden;
    size_t offset = 0;
    assert_true(quant_golden_open(&file));
    while (quant_golden_next(&file, &offset, &golden)) {
        const struct quant_info *info = quant_info(golden.type);
        for (int64_t b = 0; b < golden.count / info->block_elements; b++) {
            struct quant_codes c;
            info->unpack(&c, golden.blocks + b * info->block_bytes);
            assert_int_equal(c.elements, info->block_elements);
            assert_true(c.elements / c.group_elements <= QUANT_GROUPS_MAX);
            for (int i = 0; i < c.elements; i++) {
                int g = i / c.group_elements;
                double product = (double)c.d * c.scale[g] * (c.code[i] - c.offset);
                double min = (double)c.dmin * c.min[g];
                double got = (double)golden.values[b * c.elements + i];
                double bound = 0x1p-24 * (fabs(product) + fabs(product - min));
                assert_true(fabs(got - (product - min)) <= bound);
            }
        }
    }
    str_deinit(&file);
}

/* Kernels are built on these ranges: see the derivations beside the plain ones. */
static void codes_and_scales_stay_in_their_ranges(void **state) {
    (void)state;
    static const struct { enum quant_type type; int offset, code_max, group, scale_max; } want[] = {
        {QUANT_Q4_0, 8, 15, 32, 1},     {QUANT_Q4_1, 0, 15, 32, 1},   {QUANT_Q5_0, 16, 31, 32, 1},
        {QUANT_Q5_1, 0, 31, 32, 1},     {QUANT_Q8_0, 128, 255, 32, 1}, {QUANT_Q2_K, 0, 3, 16, 15},
        {QUANT_Q3_K, 4, 7, 16, 32},     {QUANT_Q4_K, 0, 15, 32, 63},  {QUANT_Q5_K, 0, 31, 32, 63},
        {QUANT_Q6_K, 32, 63, 16, 128},  {QUANT_IQ4_NL, 128, 241, 32, 1},
        {QUANT_IQ4_XS, 128, 241, 32, 32},
    };
    struct random r;
    random_init(&r, 3);
    for (size_t k = 0; k < sizeof want / sizeof want[0]; k++) {
        const struct quant_info *info = quant_info(want[k].type);
        for (int n = 0; n < 200; n++) {
            uint8_t block[256];
            struct quant_codes c;
            for (int i = 0; i < info->block_bytes; i++) block[i] = (uint8_t)random_u64(&r);
            info->unpack(&c, block);
            assert_int_equal(c.offset, want[k].offset);
            assert_int_equal(c.group_elements, want[k].group);
            for (int i = 0; i < c.elements; i++) assert_in_range(c.code[i], 0, want[k].code_max);
            for (int g = 0; g < c.elements / c.group_elements; g++) {
                assert_in_range(abs(c.scale[g]), 0, want[k].scale_max);
                assert_in_range(c.min[g], 0, want[k].scale_max);
            }
        }
    }
}

/* Blocks at four alignments, ending at a page that nobody may touch. */
static void blocks_may_lie_anywhere_and_nothing_beyond_is_touched(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 4);
    for (int t = 0; t < QUANT_TYPES; t++) {
        const struct quant_info *info = quant_info((enum quant_type)t);
        for (size_t odd = 0; odd < 4; odd++) {
            size_t bytes = (size_t)quant_bytes((enum quant_type)t, SOME);
            struct guard in = guard_take(SOME * sizeof(float), 1);
            struct guard blocks = guard_take(bytes + odd, 1);
            struct guard out = guard_take(SOME * sizeof(float), 1);
            float *x = in.data;
            for (int i = 0; i < SOME; i++) x[i] = (float)random_unit(&r) - 0.5f;
            info->encode(blocks.data, x, SOME); /* the same bytes one to three lower */
            memmove((char *)blocks.data + odd, blocks.data, bytes);
            info->decode(out.data, (char *)blocks.data + odd, SOME);
            float *y = out.data;
            for (int i = 0; i < SOME; i++) assert_true(fabsf(x[i] - y[i]) < 0.5f);
            guard_drop(&in);
            guard_drop(&blocks);
            guard_drop(&out);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_has_the_number_and_size_that_ggml_gave_it),
        cmocka_unit_test(a_number_or_name_that_we_do_not_run_is_not_found),
        cmocka_unit_test(the_list_of_names_is_the_tables),
        cmocka_unit_test(decoded_values_are_those_of_gguf_py),
        cmocka_unit_test(integer_codes_mean_what_decode_says),
        cmocka_unit_test(codes_and_scales_stay_in_their_ranges),
        cmocka_unit_test(blocks_may_lie_anywhere_and_nothing_beyond_is_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
