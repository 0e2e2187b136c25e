/* test_str.c - the growable buffer and the edit distance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/str.h"
#include "fault.h"

static void an_empty_one_reads_as_an_empty_text(void **state) {
    (void)state;
    struct str s = {0};
    assert_string_equal(str_text(&s), "");
    str_remove_front(&s, 3);
    str_clear(&s);
    str_add(&s, NULL, 0);
    str_deinit(&s);
    str_deinit(&s);
}

static void what_is_added_stays_in_order_and_ends_with_nul(void **state) {
    (void)state;
    struct str s = {0};
    for (int i = 0; i < 10000; i++) {
        str_addf(&s, "%d,", i);
        assert_int_equal(s.data[s.len], 0);
        assert_true(s.len < s.capacity);
    }
    char *p = s.data;
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(strtol(p, &p, 10), i);
        assert_int_equal(*p++, ',');
    }
    assert_false(s.failed);
    str_deinit(&s);
}

static void it_may_hold_nul_bytes(void **state) {
    (void)state;
    struct str s = {0};
    str_add(&s, "a\0b", 3);
    str_add_char(&s, 0);
    str_add_text(&s, "c");
    assert_int_equal(s.len, 5);
    assert_memory_equal(s.data, "a\0b\0c", 6);
    str_deinit(&s);
}

static void an_add_past_the_limit_fails_whole_and_stays_failed(void **state) {
    (void)state;
    struct str s = {.len_max = 10};
    str_add_text(&s, "0123456789"); /* exactly the limit */
    assert_false(s.failed);
    str_clear(&s);
    str_add_text(&s, "01234567");
    str_addf(&s, "%s", "abc");
    assert_true(s.failed);
    assert_string_equal(s.data, "01234567");
    str_add_char(&s, 'x'); /* would fit, but comes after the gap */
    assert_string_equal(s.data, "01234567");
    str_clear(&s);
    assert_false(s.failed);
    str_add_char(&s, 'x');
    assert_string_equal(s.data, "x");
    str_deinit(&s);
    assert_int_equal(s.len_max, 10);
}

static void a_monstrous_length_is_refused(void **state) {
    (void)state;
    struct str s = {0};
    str_add_text(&s, "abc");
    assert_false(str_reserve(&s, SIZE_MAX));
    assert_true(s.failed);
    str_clear(&s);
    assert_false(str_reserve(&s, SIZE_MAX - 3));
    str_deinit(&s);
}

static void the_front_can_be_removed(void **state) {
    (void)state;
    struct str s = {0};
    str_add_text(&s, "0123456789");
    str_remove_front(&s, 0);
    str_remove_front(&s, 4);
    assert_string_equal(s.data, "456789");
    str_remove_front(&s, 6);
    assert_string_equal(s.data, "");
    str_add_text(&s, "ab");
    str_remove_front(&s, 99);
    assert_int_equal(s.len, 0);
    str_deinit(&s);
}

static void taking_leaves_an_empty_one(void **state) {
    (void)state;
    struct str s = {.len_max = 3};
    char *empty = str_take(&s);
    assert_string_equal(empty, "");
    free(empty);
    str_add_text(&s, "abc");
    char *taken = str_take(&s);
    assert_string_equal(taken, "abc");
    assert_null(s.data);
    str_add_text(&s, "too long");
    assert_null(str_take(&s)); /* a failed text is nobody's */
    str_add_text(&s, "new");
    assert_string_equal(str_text(&s), "new");
    str_deinit(&s);
    free(taken);
}

static void it_survives_running_out_of_memory_anywhere(void **state) {
    (void)state;
    for (long n = 0;; n++) {
        struct str s = {0};
        fault_at(FAULT_MEMORY, n);
        for (int i = 0; i < 2000; i++) str_addf(&s, "%04d", i);
        bool happened = fault_off();
        assert_int_equal(s.failed, happened);
        assert_int_equal(s.len % 4, 0);
        assert_int_equal(s.len == 8000, !happened);
        str_deinit(&s);
        if (!happened) break;
    }
}

static void spans_compare_by_length_and_bytes(void **state) {
    (void)state;
    assert_true(span_equal(span_of("abc"), (struct span){"abcd", 3}));
    assert_false(span_equal(span_of("abc"), span_of("abd")));
    assert_false(span_equal(span_of("ab"), span_of("abc")));
    assert_true(span_equal((struct span){NULL, 0}, span_of("")));
    assert_true(span_equal_text((struct span){"a\0b", 1}, "a"));
    assert_false(span_equal_text((struct span){"a\0b", 3}, "a"));
}

static void the_distance_counts_single_edits(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        int distance;
    } rows[] = {
        {"", "", 0},          {"", "abc", 3},        {"abc", "", 3},         {"port", "port", 0},
        {"prot", "port", 2},  {"kitten", "sitting", 3}, {"context", "contxt", 1},
        {"threads", "thread", 1}, {"flaw", "lawn", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(str_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(str_distance(rows[i].b, rows[i].a), rows[i].distance);
    }
}

static void a_monstrous_name_is_far_from_everything(void **state) {
    (void)state;
    char name[10000];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_int_equal(str_distance(name, "a"), sizeof name - 1);
    assert_int_equal(str_distance("a", name), sizeof name - 1);
    name[128] = 0;
    assert_int_equal(str_distance(name, "a"), 127);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_reads_as_an_empty_text),
        cmocka_unit_test(what_is_added_stays_in_order_and_ends_with_nul),
        cmocka_unit_test(it_may_hold_nul_bytes),
        cmocka_unit_test(an_add_past_the_limit_fails_whole_and_stays_failed),
        cmocka_unit_test(a_monstrous_length_is_refused),
        cmocka_unit_test(the_front_can_be_removed),
        cmocka_unit_test(taking_leaves_an_empty_one),
        cmocka_unit_test(it_survives_running_out_of_memory_anywhere),
        cmocka_unit_test(spans_compare_by_length_and_bytes),
        cmocka_unit_test(the_distance_counts_single_edits),
        cmocka_unit_test(a_monstrous_name_is_far_from_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
