/* test_gguf_index.c - names are found again, twins are noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "gguf/gguf_internal.h"

enum { ITEMS = 5000 };

struct item {
    struct span name;
    int unused;
};

static struct item items[ITEMS];
static char text[ITEMS][16];

static void every_name_is_found_and_no_other(void **state) {
    (void)state;
    struct gguf_index x;
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_true(gguf_index_init(&x, &a, items, sizeof items[0], ITEMS));
    for (uint32_t i = 0; i < ITEMS; i++) {
        snprintf(text[i], sizeof text[i], "blk.%u.w", i);
        items[i].name = span_of(text[i]);
        assert_int_equal(gguf_index_find(&x, items[i].name), -1);
        assert_true(gguf_index_add(&x, i));
    }
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_int_equal(gguf_index_find(&x, items[i].name), i);
    assert_int_equal(gguf_index_find(&x, span_of("blk.5000.w")), -1);
    assert_int_equal(gguf_index_find(&x, (struct span){text[0], 5}), -1);
    assert_int_equal(gguf_index_find(&x, (struct span){"", 0}), -1);
    arena_deinit(&a);
}

static void a_second_item_of_a_name_is_not_added(void **state) {
    (void)state;
    struct gguf_index x;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct item twins[2] = {{.name = span_of("same")}, {.name = span_of("same")}};
    assert_true(gguf_index_init(&x, &a, twins, sizeof twins[0], 2));
    assert_true(gguf_index_add(&x, 0));
    assert_false(gguf_index_add(&x, 1));
    assert_int_equal(gguf_index_find(&x, span_of("same")), 0);
    arena_deinit(&a);
}

static void without_memory_there_is_no_index(void **state) {
    (void)state;
    struct gguf_index x;
    struct arena a;
    arena_init(&a, 16);
    assert_false(gguf_index_init(&x, &a, items, sizeof items[0], ITEMS));
    arena_deinit(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_found_and_no_other),
        cmocka_unit_test(a_second_item_of_a_name_is_not_added),
        cmocka_unit_test(without_memory_there_is_no_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
