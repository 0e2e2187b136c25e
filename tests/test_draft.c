/* test_draft.c - proposals: found where the text repeats, trusted as far as they were right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/draft.h"

static struct draft find(struct draft_index *x, const int32_t *tokens, int count) {
    struct draft d;
    draft_find(x, tokens, count, &d);
    return d;
}

static void what_followed_the_last_time_is_proposed(void **state) {
    (void)state;
    struct draft_index x;
    assert_true(draft_index_init(&x, 100, NULL));
    const int32_t tokens[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4};
    struct draft d = find(&x, tokens, 12);
    assert_int_equal(d.match, 3);
    assert_int_equal(d.count, DRAFT_MAX);
    for (int i = 0; i < 5; i++) assert_int_equal(d.tokens[i], 5 + i);
    draft_index_deinit(&x);
}

static void the_newest_occurrence_wins(void **state) {
    (void)state;
    struct draft_index x;
    assert_true(draft_index_init(&x, 100, NULL));
    const int32_t tokens[] = {1, 2, 3, 10, 1, 2, 3, 20, 1, 2, 3};
    assert_int_equal(find(&x, tokens, 11).tokens[0], 20);
    draft_index_deinit(&x);
}

static void it_keeps_up_token_by_token(void **state) {
    (void)state;
    struct draft_index x;
    int32_t tokens[200];
    for (int i = 0; i < 200; i++) tokens[i] = i % 50;
    assert_true(draft_index_init(&x, 200, NULL));
    int found = 0;
    for (int count = 1; count <= 200; count++) {
        struct draft d = find(&x, tokens, count);
        if (d.count > 0) assert_int_equal(d.tokens[0], count % 50);
        if (d.count > 0) assert_true(count >= 50 + DRAFT_MATCH_MIN);
        found += d.count > 0;
    }
    assert_true(found > 130); /* of 148; the rest fell to collisions in the index */
    draft_index_deinit(&x);
}

static void a_repetition_proposes_itself(void **state) {
    (void)state;
    struct draft_index x;
    const int32_t tokens[] = {9, 7, 7, 7, 7};
    assert_true(draft_index_init(&x, 10, NULL));
    struct draft d = find(&x, tokens, 5);
    assert_int_equal(d.count, DRAFT_MAX);
    for (int i = 0; i < d.count; i++) assert_int_equal(d.tokens[i], 7);
    draft_index_deinit(&x);
}

static void text_that_does_not_repeat_proposes_nothing(void **state) {
    (void)state;
    struct draft_index x;
    int32_t tokens[3000];
    for (int i = 0; i < 3000; i++) tokens[i] = i * 7 + i % 3;
    assert_true(draft_index_init(&x, 10, NULL)); /* collisions: more n-grams than slots */
    for (int count = 0; count <= 3000; count++) assert_int_equal(find(&x, tokens, count).count, 0);
    draft_index_deinit(&x);
}

static void the_bet_follows_what_was_right_and_what_rows_cost(void **state) {
    (void)state;
    struct draft_odds o;
    struct draft d = {.count = DRAFT_MAX, .match = 8};
    draft_odds_init(&o);
    for (int rows = 1; rows <= DRAFT_MAX + 1; rows++) draft_saw_step(&o, rows, 1 + 0.05 * rows);
    for (int i = 0; i < 200; i++) draft_saw_answer(&o, 8, 8, 8);
    assert_int_equal(draft_choose(&o, &d), DRAFT_MAX); /* rows are cheap, guesses right */
    for (int i = 0; i < 500; i++) draft_saw_answer(&o, 8, 4, 0);
    assert_int_equal(draft_choose(&o, &d), 0); /* wrong again and again */
    d.match = 30; /* another class has its own record */
    assert_true(draft_choose(&o, &d) > 0);
    for (int i = 0; i < 100; i++)
        for (int rows = 2; rows <= DRAFT_MAX + 1; rows++) draft_saw_step(&o, rows, 10.0 * rows);
    assert_int_equal(draft_choose(&o, &d), 0); /* rows cost more than they can bring */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_followed_the_last_time_is_proposed),
        cmocka_unit_test(the_newest_occurrence_wins),
        cmocka_unit_test(it_keeps_up_token_by_token),
        cmocka_unit_test(a_repetition_proposes_itself),
        cmocka_unit_test(text_that_does_not_repeat_proposes_nothing),
        cmocka_unit_test(the_bet_follows_what_was_right_and_what_rows_cost),
    };
    return cmocka_run_group_tests_name("draft", tests, NULL, NULL);
}
