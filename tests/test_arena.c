/* test_arena.c - one lifetime, one limit, and a failure that stays visible. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/random.h"
#include "fault.h"

static void memory_is_zeroed_aligned_and_apart(void **state) {
    (void)state;
    struct arena a;
    struct random r;
    arena_init(&a, 64 << 20);
    random_init(&r, 1);
    enum { COUNT = 500 };
    uint8_t *piece[COUNT];
    size_t bytes[COUNT];
    for (int i = 0; i < COUNT; i++) {
        bytes[i] = (size_t)random_below(&r, i % 50 == 0 ? 3 << 20 : 300);
        piece[i] = arena_alloc(&a, bytes[i]);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % 16, 0);
        for (size_t j = 0; j < bytes[i]; j++) assert_int_equal(piece[i][j], 0);
        memset(piece[i], i % 255 + 1, bytes[i]);
    }
    for (int i = 0; i < COUNT; i++) /* nobody wrote over anybody */
        for (size_t j = 0; j < bytes[i]; j++) assert_int_equal(piece[i][j], i % 255 + 1);
    arena_deinit(&a);
}

static void memory_is_zeroed_again_after_a_reset(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (int round = 0; round < 3; round++) {
        uint8_t *p = arena_alloc(&a, 1000);
        for (int i = 0; i < 1000; i++) assert_int_equal(p[i], 0);
        memset(p, 0xFF, 1000);
        arena_alloc(&a, 100000); /* a second block, freed by the reset */
        arena_reset(&a);
        assert_int_equal(a.bytes_used, 0);
    }
    arena_deinit(&a);
}

static void the_limit_is_exact_and_failure_stays(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 160);
    for (int i = 0; i < 10; i++) assert_non_null(arena_alloc(&a, 16));
    assert_int_equal(a.bytes_used, 160);
    assert_false(a.failed);
    assert_null(arena_alloc(&a, 1));
    assert_true(a.failed);
    assert_int_equal(a.bytes_used, 160);
    arena_reset(&a);
    assert_false(a.failed);
    assert_non_null(arena_alloc(&a, 160));
    assert_null(arena_alloc(&a, 0));
    arena_deinit(&a);
}

static void after_a_failure_nothing_is_handed_out(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_null(arena_alloc(&a, 2 << 20));
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_strdup(&a, "x"));
    arena_deinit(&a);
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    static const size_t monsters[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 16,
                                      SIZE_MAX - 64, SIZE_MAX / 2 + 1};
    for (size_t i = 0; i < sizeof monsters / sizeof *monsters; i++) {
        struct arena a;
        arena_init(&a, SIZE_MAX);
        assert_non_null(arena_alloc(&a, 1));
        assert_null(arena_alloc(&a, monsters[i]));
        assert_true(a.failed);
        arena_deinit(&a);
    }
}

static void an_array_whose_bytes_overflow_is_refused(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_null(arena_array(&a, SIZE_MAX / 8 + 1, 8)); /* wraps round to 0 */
    assert_true(a.failed);
    arena_reset(&a);
    assert_null(arena_array(&a, (size_t)1 << 32, (size_t)1 << 32));
    arena_reset(&a);
    assert_non_null(arena_array(&a, 0, 8));
    assert_non_null(arena_array(&a, 8, 0));
    assert_non_null(arena_array(&a, 1000, 8));
    arena_deinit(&a);
}

static void texts_are_copied_with_their_end(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 16);
    assert_string_equal(arena_strndup(&a, "prefix and more", 6), "prefix");
    assert_string_equal(arena_strndup(&a, NULL, 0), "");
    assert_string_equal(arena_strdup(&a, ""), "");
    assert_string_equal(arena_printf(&a, "%s-%05d", "shard", 3), "shard-00003");
    assert_string_equal(arena_printf(&a, "%s", ""), "");
    char *with_nul = arena_strndup(&a, "a\0b", 3);
    assert_memory_equal(with_nul, "a\0b\0", 4);
    assert_null(arena_strndup(&a, "x", SIZE_MAX));
    assert_null(arena_printf(&a, "x"));
    arena_deinit(&a);
}

static void a_zeroed_arena_may_be_closed(void **state) {
    (void)state;
    struct arena a = {0};
    arena_reset(&a);
    arena_deinit(&a);
    arena_deinit(&a);
}

static void it_survives_running_out_of_memory_anywhere(void **state) {
    (void)state;
    for (long n = 0;; n++) {
        struct arena a;
        arena_init(&a, 16 << 20);
        fault_at(FAULT_MEMORY, n);
        int given = 0;
        for (int i = 0; i < 64; i++) given += arena_alloc(&a, 10000) != NULL;
        bool happened = fault_off();
        assert_int_equal(a.failed, happened);
        assert_int_equal(given == 64, !happened);
        arena_deinit(&a);
        if (!happened) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(memory_is_zeroed_again_after_a_reset),
        cmocka_unit_test(the_limit_is_exact_and_failure_stays),
        cmocka_unit_test(after_a_failure_nothing_is_handed_out),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(an_array_whose_bytes_overflow_is_refused),
        cmocka_unit_test(texts_are_copied_with_their_end),
        cmocka_unit_test(a_zeroed_arena_may_be_closed),
        cmocka_unit_test(it_survives_running_out_of_memory_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
