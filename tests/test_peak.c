/* test_peak.c - the peak loops run, count what they do, and respect the level. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/kernels.h"
#include "kernels/peak.h"

static void every_loop_counts_in_proportion_to_its_rounds(void **state) {
    (void)state;
    struct peak list[PEAKS_MAX];
    int count = peak_list(list, NULL);
    for (int i = 0; i < count; i++) {
        int64_t one = list[i].run(1);
        assert_true(one > 0);
        assert_int_equal(list[i].run(1000), 1000 * one);
        assert_int_equal(list[i].run(0), 0);
        assert_true(strlen(list[i].instruction) > 0);
    }
}

#if defined(__aarch64__)
static const char lowest[] = "neon";
#else
static const char lowest[] = "avx2";
#endif

static void a_limit_leaves_out_the_levels_above_it(void **state) {
    (void)state;
    struct peak list[PEAKS_MAX], all[PEAKS_MAX];
    assert_int_equal(peak_list(list, "plain"), 0);
    int all_count = peak_list(all, "auto");
    int count = peak_list(list, lowest);
    assert_true(count <= all_count);
    for (int i = 0; i < count; i++) {
        assert_string_equal(list[i].level, lowest);
        assert_ptr_equal(list[i].run, all[i].run);
    }
}

static void every_vector_level_of_this_cpu_has_an_integer_or_float_peak(void **state) {
    (void)state;
    struct kernels k;
    struct peak list[PEAKS_MAX];
    int count = peak_list(list, NULL);
    assert_true(kernels_init(&k, NULL));
    if (strcmp(k.level, "plain") == 0) {
        assert_int_equal(count, 0);
        return;
    }
    assert_non_null(peak_best(list, count, PEAK_F32));
    assert_true(count > 0);
}

static void the_best_of_a_type_is_the_last(void **state) {
    (void)state;
    struct peak list[3] = {{.type = PEAK_INT8, .level = "a"},
                           {.type = PEAK_F32, .level = "a"},
                           {.type = PEAK_INT8, .level = "b"}};
    assert_ptr_equal(peak_best(list, 3, PEAK_INT8), &list[2]);
    assert_ptr_equal(peak_best(list, 3, PEAK_F32), &list[1]);
    assert_null(peak_best(list, 3, PEAK_BF16));
    assert_null(peak_best(list, 0, PEAK_INT8));
    assert_string_equal(peak_type_name(PEAK_INT8), "int8");
    assert_string_equal(peak_type_name(PEAK_BF16), "bf16");
}

static void reading_sees_every_word(void **state) {
    (void)state;
    enum { BYTES = 8192, WORDS = BYTES / 8 };
    uint64_t *data = aligned_alloc(64, BYTES), sum = 0;
    assert_non_null(data);
    for (int i = 0; i < WORDS; i++) {
        data[i] = (uint64_t)i * 0x9e3779b97f4a7c15U;
        sum += data[i];
    }
    assert_true(peak_read(data, BYTES) == sum);
    assert_true(peak_read(data, 0) == 0);
    for (int i = 0; i < WORDS; i += 97) {
        data[i]++;
        assert_true(peak_read(data, BYTES) == ++sum);
    }
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_loop_counts_in_proportion_to_its_rounds),
        cmocka_unit_test(a_limit_leaves_out_the_levels_above_it),
        cmocka_unit_test(every_vector_level_of_this_cpu_has_an_integer_or_float_peak),
        cmocka_unit_test(the_best_of_a_type_is_the_last),
        cmocka_unit_test(reading_sees_every_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
