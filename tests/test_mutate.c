/* test_mutate.c - the damage that other tests rely on is really done, and always the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mutate.h"

enum { COPIES = 300, INPUT_BYTES = 5000 };

static uint8_t input[INPUT_BYTES];

static int fill_input(void **state) {
    (void)state;
    for (int i = 0; i < INPUT_BYTES; i++) input[i] = (uint8_t)(i % 7 == 0 ? '0' + i % 10 : i * 31);
    return 0;
}

static void the_same_seed_gives_the_same_copies(void **state) {
    (void)state;
    struct mutate a, b;
    mutate_init(&a, &(struct mutate_options){.seed = 7});
    mutate_init(&b, &(struct mutate_options){.seed = 7});
    for (int i = 0; i < COPIES; i++) {
        size_t a_bytes, b_bytes;
        uint8_t *a_copy = mutate_next(&a, input, sizeof input, &a_bytes);
        uint8_t *b_copy = mutate_next(&b, input, sizeof input, &b_bytes);
        assert_int_equal(a_bytes, b_bytes);
        assert_memory_equal(a_copy, b_copy, a_bytes);
        assert_string_equal(mutate_what(&a), mutate_what(&b));
        free(a_copy);
        free(b_copy);
    }
}

static void nearly_every_copy_differs_from_the_input(void **state) {
    (void)state;
    struct mutate m;
    int same = 0;
    mutate_init(&m, &(struct mutate_options){.seed = 3});
    for (int i = 0; i < COPIES; i++) {
        size_t bytes;
        uint8_t *copy = mutate_next(&m, input, sizeof input, &bytes);
        if (bytes == sizeof input && memcmp(copy, input, bytes) == 0) same++;
        assert_true(strlen(mutate_what(&m)) > 0);
        free(copy);
    }
    /* A byte may be set to the value it had: about one in eight of one kind in eleven. */
    assert_in_range(same, 0, COPIES / 20);
}

static void damage_keeps_to_the_hot_part(void **state) {
    (void)state;
    enum { HOT = 64, SLACK = 4 + 8 }; /* a field may begin at the last hot byte */
    struct mutate m;
    mutate_init(&m, &(struct mutate_options){.seed = 5, .hot_bytes = HOT});
    int untouched = 0;
    for (int i = 0; i < COPIES; i++) {
        size_t bytes;
        uint8_t *copy = mutate_next(&m, input, sizeof input, &bytes);
        if (bytes == sizeof input &&
            memcmp(copy + HOT + SLACK, input + HOT + SLACK, bytes - HOT - SLACK) == 0)
            untouched++;
        free(copy);
    }
    assert_true(untouched > COPIES / 4); /* all flips, bytes and lengths */
}

static void empty_and_tiny_inputs_are_damaged_safely(void **state) {
    (void)state;
    static const char *const words[] = {"{%", "endfor", NULL};
    for (size_t size = 0; size < 10; size++) {
        struct mutate m;
        mutate_init(&m, &(struct mutate_options){.seed = size, .words = words});
        for (int i = 0; i < COPIES; i++) {
            size_t bytes;
            char *copy = mutate_next_text(&m, (const char *)input, size, &bytes);
            assert_int_equal(copy[bytes], 0);
            free(copy);
        }
    }
}

static void words_are_inserted(void **state) {
    (void)state;
    static const char *const words[] = {"<|word|>", NULL};
    struct mutate m;
    int seen = 0;
    mutate_init(&m, &(struct mutate_options){.seed = 1, .words = words});
    for (int i = 0; i < COPIES; i++) {
        size_t bytes;
        char *copy = mutate_next_text(&m, (const char *)input, sizeof input, &bytes);
        if (memmem(copy, bytes, words[0], strlen(words[0])) != NULL) seen++;
        free(copy);
    }
    assert_true(seen > COPIES / 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_copies),
        cmocka_unit_test(nearly_every_copy_differs_from_the_input),
        cmocka_unit_test(damage_keeps_to_the_hot_part),
        cmocka_unit_test(empty_and_tiny_inputs_are_damaged_safely),
        cmocka_unit_test(words_are_inserted),
    };
    return cmocka_run_group_tests(tests, fill_input, NULL);
}
