/* test_kv_store.c - the disk store by itself: found again, within its budget, killed at any
 * moment, shared by two, without a disk.
 * Covers: kv_store_table.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "kv/kv_store.h"
#include "kv/kv_store_table.h"

enum { PAGE_BYTES = 8192, PAGES = 64, WAIT_MS = 60000, CHAIN = 12, KILLS = 25 };
static const int64_t file_bytes = PAGE_BYTES + KV_STORE_FILE_HEADER_BYTES;

static char dir[128];

struct side { /* one server */
    struct kv_pool *pool;
    struct kv_store *store;
};

static void remove_files(void) {
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) unlinkat(dirfd(d), e->d_name, 0);
    if (d) closedir(d);
}

static int open_case(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/longhaul-%d-kv", (int)getpid());
    return 0;
}

static int close_case(void **state) {
    (void)state;
    remove_files();
    rmdir(dir);
    return 0;
}

static struct side start_model(const char *model, int64_t bytes_max) {
    struct side s = {.pool = kv_pool_open(PAGE_BYTES, PAGES, NULL)};
    struct kv_store_options o = {.dir = dir, .bytes_max = bytes_max, .pool = s.pool,
                                 .label = model};
    struct error err = {0};
    kv_store_key_root(&o.root, model, strlen(model));
    s.store = kv_store_open(&o, &err);
    assert_non_null(s.store);
    return s;
}

static struct side start(int64_t files_max) {
    return start_model("model", files_max * file_bytes);
}

static void stop(struct side *s) {
    kv_store_close(s->store);
    assert_int_equal(kv_pool_used(s->pool), 0); /* every page came back */
    kv_pool_close(s->pool);
}

/* Conversation `salt`: token and page bytes follow from it and the position. */
static void tokens_of(int32_t tokens[KV_PAGE_TOKENS], int salt, int page) {
    for (int i = 0; i < KV_PAGE_TOKENS; i++) tokens[i] = salt * 1000 + page * 64 + i;
}

static void bytes_of(uint8_t *bytes, int salt, int page) {
    for (int i = 0; i < PAGE_BYTES; i++) bytes[i] = (uint8_t)(salt * 7 + page * 3 + i);
}

static void key_of(const struct side *s, struct kv_store_key *out, int salt, int pages) {
    int32_t tokens[KV_PAGE_TOKENS];
    *out = *kv_store_root(s->store);
    for (int i = 0; i < pages; i++) {
        tokens_of(tokens, salt, i);
        kv_store_key_page(out, out, tokens, KV_PAGE_TOKENS);
    }
}

static void put(struct side *s, int salt, int page, int count) {
    struct kv_store_key parent, own;
    int32_t tokens[KV_PAGE_TOKENS];
    struct kv_page *p = kv_page_acquire(s->pool);
    assert_non_null(p);
    bytes_of(kv_page_data(p), salt, page);
    tokens_of(tokens, salt, page);
    key_of(s, &parent, salt, page);
    kv_store_key_page(&own, &parent, tokens, count);
    kv_store_put(s->store, &(struct kv_store_page){.parent = &parent, .own = &own,
                                                   .page_index = page, .tokens = tokens,
                                                   .count = count, .page = p});
    kv_page_release(s->pool, p);
}

static void flush(struct side *s) {
    struct kv_store_counts c;
    int64_t until = clock_ms() + WAIT_MS;
    do {
        kv_store_counts(s->store, &c);
        kv_store_collect(s->store);
        assert_true(clock_ms() < until);
        clock_sleep_ms(1);
    } while (c.queued > 0 || kv_pool_used(s->pool) > 0);
}

/* How many of the page's first `count` tokens are found, with the right bytes. */
static int find(struct side *s, int salt, int page, int count) {
    struct kv_store_key parent;
    int32_t tokens[KV_PAGE_TOKENS];
    uint8_t got[PAGE_BYTES], expected[PAGE_BYTES];
    int shared = 0;
    key_of(s, &parent, salt, page);
    tokens_of(tokens, salt, page);
    int slot = kv_store_read(s->store, &(struct kv_store_want){
        .parent = &parent, .page_index = page, .tokens = tokens, .count = count});
    assert_true(slot >= 0);
    int64_t until = clock_ms() + WAIT_MS;
    enum kv_store_read state;
    while ((state = kv_store_read_poll(s->store, slot, &shared)) == KV_STORE_READING) {
        assert_true(clock_ms() < until);
        kv_store_read_wait(s->store, 20);
    }
    if (state == KV_STORE_NOT_FOUND) {
        kv_store_read_drop(s->store, slot);
        return 0;
    }
    kv_store_read_take(s->store, slot, got);
    bytes_of(expected, salt, page);
    assert_memory_equal(got, expected, PAGE_BYTES);
    return shared;
}

static bool has(struct side *s, int salt, int page) {
    struct kv_store_key own;
    key_of(s, &own, salt, page + 1);
    return kv_store_has(s->store, &own);
}

static int files_on_disk(void) {
    int count = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct kv_store_file_name name;
        count += kv_store_file_parse(&name, e->d_name);
    }
    if (d) closedir(d);
    return count;
}

static void pages_are_found_after_a_restart(void **state) {
    (void)state;
    struct side s = start(100);
    for (int i = 0; i < CHAIN; i++) put(&s, 1, i, KV_PAGE_TOKENS);
    put(&s, 1, CHAIN, 20);
    stop(&s); /* writes what is queued */
    assert_int_equal(files_on_disk(), CHAIN + 1);
    s = start(100);
    for (int i = 0; i < CHAIN; i++) {
        assert_true(has(&s, 1, i));
        assert_int_equal(find(&s, 1, i, KV_PAGE_TOKENS), KV_PAGE_TOKENS);
        assert_int_equal(find(&s, 1, i, 30), 30); /* a part of a full page */
    }
    assert_int_equal(find(&s, 1, CHAIN, 64), 20);  /* the end of the conversation */
    assert_int_equal(find(&s, 1, CHAIN, 7), 7);
    assert_int_equal(find(&s, 2, 0, 64), 0);
    stop(&s);
    s = start_model("another", 100 * file_bytes);
    assert_false(has(&s, 1, 0));
    assert_int_equal(find(&s, 1, 0, 64), 0);
    stop(&s);
}

static void a_page_without_its_parent_is_not_written(void **state) {
    (void)state;
    struct side s = start(100);
    put(&s, 1, 4, KV_PAGE_TOKENS);
    stop(&s);
    assert_int_equal(files_on_disk(), 0);
}

static void a_file_under_another_files_name_is_skipped_and_replaced(void **state) {
    (void)state;
    struct side s = start(100);
    put(&s, 1, 0, KV_PAGE_TOKENS);
    put(&s, 2, 0, KV_PAGE_TOKENS);
    stop(&s);
    char names[2][sizeof dir + 300];
    int count = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') snprintf(names[count++], sizeof names[0], "%s/%s", dir, e->d_name);
    closedir(d);
    assert_int_equal(count, 2);
    assert_int_equal(rename(names[0], names[1]), 0);
    s = start(100);
    int victim = has(&s, 1, 0) ? 1 : 2;
    assert_int_equal(find(&s, victim, 0, 64), 0);
    assert_false(has(&s, victim, 0));
    put(&s, victim, 0, KV_PAGE_TOKENS);
    flush(&s);
    assert_int_equal(find(&s, victim, 0, 64), 64);
    stop(&s);
}

static void the_budget_holds_and_what_goes_is_old_and_has_nothing_below(void **state) {
    (void)state;
    struct side s = start(CHAIN + 3);
    for (int i = 0; i < CHAIN; i++) put(&s, 1, i, KV_PAGE_TOKENS);
    flush(&s);
    for (int salt = 2; salt < 12; salt++) {
        for (int i = 0; i < 3; i++) {
            put(&s, salt, i, KV_PAGE_TOKENS);
            flush(&s);
            assert_true(files_on_disk() <= CHAIN + 3);
        }
        for (int i = 0; i < 3; i++) assert_true(has(&s, salt, i));
        /* A conversation loses its end, never its beginning. */
        for (int i = 0; i + 1 < CHAIN; i++) assert_true(has(&s, 1, i) || !has(&s, 1, i + 1));
    }
    struct kv_store_counts c;
    kv_store_counts(s.store, &c);
    assert_true(c.bytes <= c.bytes_max);
    stop(&s);
    /* A smaller budget counts at the next write. */
    s = start(4);
    put(&s, 30, 0, KV_PAGE_TOKENS);
    stop(&s);
    assert_true(files_on_disk() <= 4);
    /* One that holds nothing at all. */
    s = start(0);
    put(&s, 31, 0, KV_PAGE_TOKENS);
    stop(&s);
    assert_int_equal(files_on_disk(), 0);
}

static void a_directory_that_is_gone_costs_only_the_pages(void **state) {
    (void)state;
    struct side s = start(100);
    put(&s, 1, 0, KV_PAGE_TOKENS);
    flush(&s);
    remove_files();
    rmdir(dir);
    assert_int_equal(find(&s, 1, 0, 64), 0);
    for (int i = 0; i < CHAIN; i++) put(&s, 2, i, KV_PAGE_TOKENS);
    flush(&s); /* the pages come back unwritten */
    assert_false(has(&s, 2, 0));
    struct kv_store_counts c;
    kv_store_counts(s.store, &c);
    assert_true(c.failed > 0);
    assert_int_equal(c.files, 0);
    stop(&s);
}

static void pages_that_wait_can_be_had_back(void **state) {
    (void)state;
    struct side s = start(1000);
    for (int i = 0; i < PAGES / 2; i++) put(&s, 1, i, KV_PAGE_TOKENS);
    while (kv_store_shed(s.store)) continue;
    flush(&s);
    /* What was written is a beginning without gaps. */
    int written = 0;
    while (has(&s, 1, written)) written++;
    assert_int_equal(files_on_disk(), written);
    stop(&s);
}

static void dropped_reads_free_their_slots(void **state) {
    (void)state;
    struct side s = start(100);
    for (int i = 0; i < CHAIN; i++) put(&s, 1, i, KV_PAGE_TOKENS);
    flush(&s);
    struct random r;
    random_init(&r, 9);
    for (int round = 0; round < 300; round++) {
        int slots[8], count = 1 + (int)random_below(&r, 8), shared;
        int32_t tokens[KV_PAGE_TOKENS];
        struct kv_store_key parent;
        for (int i = 0; i < count; i++) {
            tokens_of(tokens, 1, i);
            key_of(&s, &parent, 1, i);
            slots[i] = kv_store_read(s.store, &(struct kv_store_want){
                .parent = &parent, .page_index = i, .tokens = tokens, .count = 64});
        }
        if (random_below(&r, 2)) kv_store_read_wait(s.store, 5);
        for (int i = 0; i < count; i++) {
            if (slots[i] < 0) continue;
            kv_store_read_poll(s.store, slots[i], &shared);
            kv_store_read_drop(s.store, slots[i]);
        }
    }
    assert_int_equal(find(&s, 1, 3, 64), 64);
    stop(&s);
}

static void write_until_killed(int salt) {
    struct side s = start(40);
    for (int round = 0;; round++)
        for (int i = 0; i < CHAIN; i++) {
            put(&s, salt + round, i, KV_PAGE_TOKENS);
            kv_store_collect(s.store);
            while (kv_pool_used(s.pool) > PAGES / 2) kv_store_collect(s.store);
        }
}

/* Two servers at once, one of them killed again and again. */
static void a_server_killed_at_any_moment_leaves_only_good_pages(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 4);
    for (int n = 0; n < KILLS; n++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            write_until_killed(100 * n);
            _exit(0);
        }
        struct side s = start(40);
        put(&s, 77777 + n, 0, KV_PAGE_TOKENS);
        clock_sleep_ms((int64_t)random_below(&r, 30));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        stop(&s);
        s = start(40);
        struct kv_store_counts c;
        for (int salt = 100 * n; salt < 100 * n + 20; salt++)
            for (int i = 0; i < CHAIN && has(&s, salt, i); i++)
                assert_int_equal(find(&s, salt, i, 64), 64);
        kv_store_counts(s.store, &c);
        assert_int_equal(c.failed, 0); /* nothing was found damaged */
        stop(&s);
    }
}

static void the_table_finds_what_was_added_and_nothing_else(void **state) {
    (void)state;
    struct kv_store_table t = {0};
    struct random r;
    enum { COUNT = 5000 };
    random_init(&r, 1);
    for (int i = 0; i < COUNT; i++) {
        struct kv_store_file_name name = {.page_index = i, .count = 64};
        uint64_t own = (uint64_t)i + 1, parent = (uint64_t)i / 3; /* a tree of threes */
        memcpy(name.own, &own, sizeof own);
        memcpy(name.parent, &parent, sizeof parent);
        struct kv_store_entry *e = kv_store_table_add(&t, &name, KV_STORE_PRESENT);
        assert_non_null(e);
        kv_store_table_resize(&t, e, 10);
        e->used_ns = (int64_t)random_below(&r, 100);
    }
    assert_int_equal(t.bytes, 10 * COUNT);
    for (int left = COUNT; left > 0; left--) {
        struct kv_store_entry *e = kv_store_table_victim(&t, NULL);
        assert_non_null(e);
        assert_int_equal(e->children, 0);
        assert_null(kv_store_table_child(&t, e->name.own, NULL));
        uint8_t own[16];
        memcpy(own, e->name.own, sizeof own);
        kv_store_table_remove(&t, e);
        assert_null(kv_store_table_find(&t, own));
        assert_int_equal(t.count, left - 1);
    }
    assert_null(kv_store_table_victim(&t, NULL));
    assert_int_equal(t.bytes, 0);
    kv_store_table_deinit(&t);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)
    const struct CMUnitTest tests[] = {
        CASE(pages_are_found_after_a_restart),
        CASE(a_page_without_its_parent_is_not_written),
        CASE(a_file_under_another_files_name_is_skipped_and_replaced),
        CASE(the_budget_holds_and_what_goes_is_old_and_has_nothing_below),
        CASE(a_directory_that_is_gone_costs_only_the_pages),
        CASE(pages_that_wait_can_be_had_back),
        CASE(dropped_reads_free_their_slots),
        CASE(a_server_killed_at_any_moment_leaves_only_good_pages),
        CASE(the_table_finds_what_was_added_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
