/* test_kv_prefix.c - pages and the prefix tree: what is shared, what is copied, what is evicted.
 * Covers: kv_page.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "kv/kv_page.h"
#include "kv/kv_prefix.h"

enum { PAGE_BYTES = 4096, PAGES = 400 };

struct setup {
    struct kv_pool *pool;
    struct kv_prefix *tree;
};

static int open_setup(void **state) {
    struct setup *s = calloc(1, sizeof *s);
    s->pool = kv_pool_open(PAGE_BYTES, PAGES, NULL);
    s->tree = kv_prefix_open(s->pool, NULL);
    *state = s;
    return !s->pool || !s->tree;
}

static int close_setup(void **state) {
    struct setup *s = *state;
    kv_prefix_close(s->tree);
    assert_int_equal(kv_pool_used(s->pool), 0); /* nobody lost a page */
    kv_pool_close(s->pool);
    free(s);
    return 0;
}

/* What a sequence does: match, compute the rest, offer full pages, leave the tail.  The "keys" of
 * a page are its tokens and the page's position, so that a wrong page shows. */
static int compute(struct setup *s, const int32_t *tokens, int count) {
    struct kv_page *pages[PAGES] = {0};
    struct kv_node *node;
    int matched = kv_prefix_match(s->tree, tokens, count, pages, &node);
    int page_count = (matched + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
    int frozen = matched / KV_PAGE_TOKENS;
    for (int i = 0; i < matched; i++) {
        const int32_t *kept = (const int32_t *)kv_page_data(pages[i / KV_PAGE_TOKENS]);
        assert_int_equal(kept[i % KV_PAGE_TOKENS], tokens[i]);
    }
    for (int at = matched; at < count; at++) {
        if (at / KV_PAGE_TOKENS == page_count) {
            struct kv_page *page = kv_page_acquire(s->pool);
            if (!page && kv_prefix_evict(s->tree)) page = kv_page_acquire(s->pool);
            assert_non_null(page);
            pages[page_count++] = page;
        }
        assert_int_equal(kv_page_owners(pages[at / KV_PAGE_TOKENS]), 1);
        ((int32_t *)kv_page_data(pages[at / KV_PAGE_TOKENS]))[at % KV_PAGE_TOKENS] = tokens[at];
        if (at % KV_PAGE_TOKENS != KV_PAGE_TOKENS - 1) continue;
        node = kv_prefix_extend(s->tree, node, tokens + frozen * KV_PAGE_TOKENS, &pages[frozen]);
        assert_non_null(node);
        frozen++;
    }
    int tail = count % KV_PAGE_TOKENS;
    if (tail) kv_prefix_add_tail(s->tree, node, tokens + count - tail, tail, pages[frozen]);
    for (int i = 0; i < page_count; i++) kv_page_release(s->pool, pages[i]);
    return matched;
}

static void fill(int32_t *tokens, int from, int to, int salt) {
    for (int i = from; i < to; i++) tokens[i] = i * 31 + salt;
}

static void an_acquired_page_is_zero_even_after_use(void **state) {
    struct setup *s = *state;
    struct kv_page *page = kv_page_acquire(s->pool);
    memset(kv_page_data(page), 0xff, PAGE_BYTES);
    kv_page_release(s->pool, page);
    page = kv_page_acquire(s->pool);
    for (int i = 0; i < PAGE_BYTES; i++) assert_int_equal(kv_page_data(page)[i], 0);
    kv_page_release(s->pool, page);
}

static void a_shared_page_outlives_its_first_owner(void **state) {
    struct setup *s = *state;
    struct kv_page *page = kv_page_acquire(s->pool);
    kv_page_retain(page);
    kv_page_release(s->pool, page);
    assert_int_equal(kv_page_owners(page), 1);
    assert_int_equal(kv_pool_used(s->pool), 1);
    kv_page_release(s->pool, page);
    assert_int_equal(kv_pool_used(s->pool), 0);
}

static void a_full_pool_says_so(void **state) {
    struct setup *s = *state;
    struct kv_page *pages[PAGES];
    for (int i = 0; i < PAGES; i++) assert_non_null(pages[i] = kv_page_acquire(s->pool));
    assert_null(kv_page_acquire(s->pool));
    assert_null(kv_page_copy(s->pool, pages[0]));
    for (int i = 0; i < PAGES; i++) kv_page_release(s->pool, pages[i]);
}

static void the_next_turn_finds_all_of_the_last(void **state) {
    struct setup *s = *state;
    int32_t tokens[500];
    fill(tokens, 0, 500, 0);
    assert_int_equal(compute(s, tokens, 300), 0);
    assert_int_equal(compute(s, tokens, 400), 300);
    assert_int_equal(compute(s, tokens, 500), 400);
    assert_int_equal(kv_prefix_peek(s->tree, tokens, 500), 500);
}

static void a_prompt_is_cut_at_any_token(void **state) {
    struct setup *s = *state;
    int32_t tokens[300], other[300];
    fill(tokens, 0, 300, 0);
    compute(s, tokens, 300);
    for (int cut = 0; cut <= 300; cut += 7) {
        memcpy(other, tokens, sizeof other);
        fill(other, cut, 300, 100000 + cut);
        assert_int_equal(kv_prefix_peek(s->tree, other, 300), cut);
        assert_int_equal(compute(s, other, 300), cut);
    }
}

static void equal_tokens_after_another_prefix_are_not_shared(void **state) {
    struct setup *s = *state;
    int32_t a[192], b[192];
    fill(a, 0, 192, 0);
    memcpy(b, a, sizeof b);
    b[0] = 7777; /* everything behind it depends on it */
    compute(s, a, 192);
    assert_int_equal(compute(s, b, 192), 0);
}

static void two_that_compute_the_same_end_up_with_one_page(void **state) {
    struct setup *s = *state;
    int32_t tokens[KV_PAGE_TOKENS];
    fill(tokens, 0, KV_PAGE_TOKENS, 0);
    struct kv_page *a = kv_page_acquire(s->pool), *b = kv_page_acquire(s->pool);
    struct kv_node *first = kv_prefix_extend(s->tree, NULL, tokens, &a);
    struct kv_node *second = kv_prefix_extend(s->tree, NULL, tokens, &b);
    assert_ptr_equal(first, second);
    assert_ptr_equal(a, b);
    assert_int_equal(kv_pool_used(s->pool), 1);
    kv_page_release(s->pool, a);
    kv_page_release(s->pool, b);
}

static void the_oldest_goes_first_and_a_used_path_stays(void **state) {
    struct setup *s = *state;
    int32_t a[128], b[128];
    fill(a, 0, 128, 0);
    fill(b, 0, 128, 50000);
    compute(s, a, 128);
    compute(s, b, 128);
    struct kv_page *pages[2];
    struct kv_node *node;
    assert_int_equal(kv_prefix_match(s->tree, a, 128, pages, &node), 128); /* a is in use */
    kv_prefix_clear(s->tree);
    assert_int_equal(kv_prefix_peek(s->tree, a, 128), 128);
    assert_int_equal(kv_prefix_peek(s->tree, b, 128), 0);
    assert_int_equal(kv_prefix_page_count(s->tree), 2);
    assert_int_equal(kv_prefix_idle_count(s->tree), 0);
    for (int i = 0; i < 2; i++) kv_page_release(s->pool, pages[i]);
    compute(s, b, 128);
    compute(s, a, 64); /* touches a's first page only: its second is the oldest leaf */
    assert_true(kv_prefix_evict(s->tree));
    assert_int_equal(kv_prefix_peek(s->tree, a, 128), 64);
    assert_int_equal(kv_prefix_peek(s->tree, b, 128), 128);
}

static void a_thousand_random_conversations_never_meet_a_wrong_page(void **state) {
    struct setup *s = *state;
    struct random r;
    random_init(&r, 1);
    int32_t tokens[600];
    for (int turn = 0; turn < 1000; turn++) {
        /* A few prefixes, cut and continued at random; compute() checks every page it gets. */
        fill(tokens, 0, 600, (int)random_below(&r, 3) * 1000);
        int cut = (int)random_below(&r, 600);
        fill(tokens, cut, 600, (int)random_below(&r, 5) * 777);
        compute(s, tokens, 1 + (int)random_below(&r, 600));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, open_setup, close_setup)
        T(an_acquired_page_is_zero_even_after_use),
        T(a_shared_page_outlives_its_first_owner),
        T(a_full_pool_says_so),
        T(the_next_turn_finds_all_of_the_last),
        T(a_prompt_is_cut_at_any_token),
        T(equal_tokens_after_another_prefix_are_not_shared),
        T(two_that_compute_the_same_end_up_with_one_page),
        T(the_oldest_goes_first_and_a_used_path_stays),
        T(a_thousand_random_conversations_never_meet_a_wrong_page),
    };
    return cmocka_run_group_tests_name("kv_prefix", tests, NULL, NULL);
}
