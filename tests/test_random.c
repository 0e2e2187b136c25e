/* test_random.c - the sequence is the published one, and draws are fair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"

static void the_sequence_is_that_of_xoshiro256starstar(void **state) {
    (void)state;
    /* From the state 1, 2, 3, 4; the values that independent implementations publish as
     * their test vector (for instance Rust's rand_xoshiro). */
    static const uint64_t want[] = {
        11520u, 0u, 1509978240u, 1215971899390074240u, 1216172134540287360u,
        607988272756665600u, 16172922978634559625u, 8476171486693032832u,
        10595114339597558777u, 2904607092377533576u,
    };
    struct random r = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_true(random_u64(&r) == want[i]);
}

static void the_seed_is_spread_by_splitmix64(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 1234567); /* the vector published with splitmix64 */
    assert_true(r.state[0] == 6457827717110365317u);
    assert_true(r.state[1] == 3203168211198807973u);
    assert_true(r.state[2] == 9817491932198370423u);
    assert_true(r.state[3] == 4593380528125082431u);
}

static void equal_seeds_give_equal_sequences_and_others_do_not(void **state) {
    (void)state;
    struct random a, b, c;
    random_init(&a, 42);
    random_init(&b, 42);
    random_init(&c, 43);
    int equal = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t drawn = random_u64(&a);
        assert_true(drawn == random_u64(&b));
        equal += drawn == random_u64(&c);
    }
    assert_int_equal(equal, 0);
}

static void units_lie_in_the_half_open_interval_and_spread(void **state) {
    (void)state;
    enum { DRAWS = 100000, BINS = 10 };
    struct random r;
    int bin[BINS] = {0};
    random_init(&r, 9);
    for (int i = 0; i < DRAWS; i++) {
        double u = random_unit(&r);
        assert_true(u >= 0.0 && u < 1.0);
        bin[(int)(u * BINS)]++;
    }
    /* Expected 10000 a bin, standard deviation sqrt(100000 * 0.1 * 0.9) = 95: six of them. */
    for (int i = 0; i < BINS; i++) assert_in_range(bin[i], 10000 - 570, 10000 + 570);
    /* All bits set is the largest unit, and still below one. */
    assert_true((double)(UINT64_MAX >> 11) * 0x1p-53 < 1.0);
}

static void draws_below_n_are_in_range_and_fair(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 11);
    static const uint64_t limits[] = {1, 2, 3, 10, 1u << 31, UINT64_MAX / 2 + 2, UINT64_MAX};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        for (int j = 0; j < 1000; j++) assert_true(random_below(&r, limits[i]) < limits[i]);
    /* With n = 3/4 of 2^64 a plain remainder would give the lower third twice as often. */
    uint64_t n = (uint64_t)3 << 62;
    int lower = 0;
    for (int j = 0; j < 30000; j++) lower += random_below(&r, n) < n / 3;
    assert_in_range(lower, 10000 - 490, 10000 + 490); /* six of sqrt(30000 * 2/9) = 82 */
}

static void entropy_differs_from_call_to_call(void **state) {
    (void)state;
    assert_true(random_entropy() != random_entropy());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sequence_is_that_of_xoshiro256starstar),
        cmocka_unit_test(the_seed_is_spread_by_splitmix64),
        cmocka_unit_test(equal_seeds_give_equal_sequences_and_others_do_not),
        cmocka_unit_test(units_lie_in_the_half_open_interval_and_spread),
        cmocka_unit_test(draws_below_n_are_in_range_and_fair),
        cmocka_unit_test(entropy_differs_from_call_to_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
