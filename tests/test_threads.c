/* test_threads.c - every item once, by a worker that exists, and done when the call returns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/threads.h"

enum { ITEMS_MAX = 5000 };

struct record {
    int workers;
    int64_t grain_max;               /* 0: not checked */
    int times[ITEMS_MAX];            /* plain ints: a race would be lost updates */
    int worker_of[ITEMS_MAX];
    _Atomic int in_use[THREADS_MAX]; /* a worker's index is used by one at a time */
    _Atomic int violations;          /* cmocka's asserts belong to the main thread */
};

static void record_range(void *arg, int worker, int64_t begin, int64_t end) {
    struct record *r = arg;
    bool wrong = worker < 0 || worker >= r->workers || begin < 0 || begin >= end ||
                 end > ITEMS_MAX || (r->grain_max > 0 && end - begin > r->grain_max);
    if (wrong || atomic_fetch_add(&r->in_use[worker], 1) != 0) {
        atomic_fetch_add(&r->violations, 1);
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        r->times[i]++;
        r->worker_of[i] = worker;
    }
    atomic_fetch_sub(&r->in_use[worker], 1);
}

static void assert_each_item_once(struct threads *t, struct record *r, int64_t count,
                                  int64_t grain) {
    memset(r, 0, sizeof *r);
    r->workers = threads_count(t);
    r->grain_max = r->workers > 1 ? grain : 0; /* one worker may do it in one go */
    threads_run(t, record_range, r, count, grain);
    assert_int_equal(r->violations, 0);
    for (int64_t i = 0; i < ITEMS_MAX; i++) assert_int_equal(r->times[i], i < count);
}

static void every_item_is_done_once_for_every_shape(void **state) {
    (void)state;
    static const int workers[] = {1, 2, 3, 8, 33};
    static const int64_t counts[] = {0, 1, 2, 7, 64, 1000, ITEMS_MAX};
    static const int64_t grains[] = {1, 2, 3, 64, 999, 100000, INT64_MAX / 2};
    struct record *r = malloc(sizeof *r);
    assert_non_null(r);
    for (size_t w = 0; w < sizeof workers / sizeof *workers; w++) {
        struct threads *t = threads_open(workers[w], NULL);
        assert_non_null(t);
        assert_int_equal(threads_count(t), workers[w]);
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (size_t g = 0; g < sizeof grains / sizeof *grains; g++)
                assert_each_item_once(t, r, counts[c], grains[g]);
        threads_close(t);
    }
    free(r);
}

static void add_range(void *arg, int worker, int64_t begin, int64_t end) {
    (void)worker;
    int64_t *values = arg;
    for (int64_t i = begin; i < end; i++) values[i] += i;
}

static void the_caller_sees_all_results_of_thousands_of_small_jobs(void **state) {
    (void)state;
    enum { JOBS = 20000, ITEMS = 16 };
    int64_t values[ITEMS] = {0};
    struct threads *t = threads_open(4, NULL);
    assert_non_null(t);
    for (int64_t job = 1; job <= JOBS; job++) {
        threads_run(t, add_range, values, ITEMS, 1);
        for (int64_t i = 0; i < ITEMS; i++) assert_true(values[i] == i * job);
    }
    threads_close(t);
}

static void note_thread(void *arg, int worker, int64_t begin, int64_t end) {
    pthread_t *of = arg;
    (void)begin;
    (void)end;
    of[worker] = pthread_self();
}

static void worker_zero_is_the_caller(void **state) {
    (void)state;
    struct threads *t = threads_open(2, NULL);
    assert_non_null(t);
    for (int i = 0; i < 1000; i++) {
        pthread_t of[2] = {pthread_self(), 0};
        threads_run(t, note_thread, of, 8, 1);
        assert_true(pthread_equal(of[0], pthread_self()));
        if (of[1] != 0) assert_false(pthread_equal(of[1], pthread_self()));
    }
    threads_close(t);
}

struct nap {
    _Atomic int arrived;
    int wanted;
};

/* Ends only when `wanted` workers are in at once. */
static void wait_for_others(void *arg, int worker, int64_t begin, int64_t end) {
    struct nap *n = arg;
    (void)worker;
    (void)begin;
    (void)end;
    atomic_fetch_add(&n->arrived, 1);
    while (atomic_load(&n->arrived) < n->wanted) sched_yield();
}

static void workers_do_run_side_by_side(void **state) {
    (void)state;
    struct threads *t = threads_open(4, NULL);
    assert_non_null(t);
    for (int i = 0; i < 50; i++) {
        struct nap n = {.wanted = 4};
        threads_run(t, wait_for_others, &n, 4, 1);
        assert_int_equal(n.arrived, 4);
    }
    threads_close(t);
}

static void sleep_between(int64_t us) {
    struct timespec pause = {.tv_nsec = us * 1000};
    nanosleep(&pause, NULL);
}

static void a_pool_that_went_to_sleep_wakes_for_the_next_job(void **state) {
    (void)state;
    struct threads *t = threads_open(3, NULL);
    assert_non_null(t);
    for (int i = 0; i < 60; i++) {
        sleep_between(i * 10); /* around the moment when a spinning worker gives up */
        struct nap n = {.wanted = 3};
        threads_run(t, wait_for_others, &n, 3, 1);
        assert_int_equal(n.arrived, 3);
    }
    threads_close(t);
}

static void a_pool_can_be_closed_at_any_moment(void **state) {
    (void)state;
    int64_t values[64] = {0};
    threads_close(NULL);
    for (int i = 0; i < 200; i++) {
        struct threads *t = threads_open(1 + i % 5, NULL);
        assert_non_null(t);
        if (i % 3 != 0) threads_run(t, add_range, values, 64, 4);
        if (i % 2 != 0) sleep_between(i);
        threads_close(t);
    }
}

static void impossible_counts_are_errors(void **state) {
    (void)state;
    static const int counts[] = {0, -1, THREADS_MAX + 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct error err = {0};
        assert_null(threads_open(counts[i], &err));
        assert_int_equal(err.code, ERR_ARGUMENT);
    }
}

static void a_grain_below_one_counts_as_one(void **state) {
    (void)state;
    struct record *r = malloc(sizeof *r);
    struct threads *t = threads_open(2, NULL);
    assert_non_null(r);
    assert_non_null(t);
    assert_each_item_once(t, r, 100, 1);
    memset(r, 0, sizeof *r);
    r->workers = 2;
    threads_run(t, record_range, r, 100, 0);
    threads_run(t, record_range, r, 100, -5);
    for (int i = 0; i < 100; i++) assert_int_equal(r->times[i], 2);
    threads_run(t, record_range, r, -3, 1);
    assert_int_equal(r->violations, 0);
    threads_close(t);
    free(r);
}

static void the_cpu_count_follows_the_affinity(void **state) {
    (void)state;
    cpu_set_t before, one;
    assert_in_range(threads_cpu_count(), 1, THREADS_MAX);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &before)) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(threads_cpu_count(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_done_once_for_every_shape),
        cmocka_unit_test(the_caller_sees_all_results_of_thousands_of_small_jobs),
        cmocka_unit_test(worker_zero_is_the_caller),
        cmocka_unit_test(workers_do_run_side_by_side),
        cmocka_unit_test(a_pool_that_went_to_sleep_wakes_for_the_next_job),
        cmocka_unit_test(a_pool_can_be_closed_at_any_moment),
        cmocka_unit_test(impossible_counts_are_errors),
        cmocka_unit_test(a_grain_below_one_counts_as_one),
        cmocka_unit_test(the_cpu_count_follows_the_affinity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
