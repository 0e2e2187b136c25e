/* test_sequence_store.c - answers from pages on disk: the bits of a cold run after a restart, from
 * damaged directories, with pools and budgets that are too small, by two engines at once.
 * Covers: model_key.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "engine/engine.h"
#include "kv/kv_store_file.h"
#include "tiny_model.h"

enum { ANSWER = 12, WAIT_MS = 120000, PROMPT = 700 };

static char dir[256];
static const char *model_path; /* written once a test */

static void check(bool ok, const struct error *err) {
    if (!ok) print_error("%s\n", err->text);
    assert_true(ok);
}

/* Calls fn for every page on disk. */
static int each_file(void (*fn)(const char *path)) {
    int count = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct kv_store_file_name name;
        char path[600];
        if (!kv_store_file_parse(&name, e->d_name)) continue;
        count++;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (fn) fn(path);
    }
    if (d) closedir(d);
    return count;
}

static void remove_path(const char *path) {
    unlink(path);
}

static int open_case(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "%s.cache", tiny_model_path("store"));
    model_path = tiny_model_path("store");
    each_file(remove_path);
    rmdir(dir);
    return !tiny_model_write(&(struct tiny_model){.architecture = "qwen2", .type = QUANT_Q8_0},
                             model_path, NULL);
}

static int close_case(void **state) {
    (void)state;
    chmod(dir, 0700);
    each_file(remove_path);
    rmdir(dir);
    unlink(tiny_model_path("store"));
    return 0;
}

struct server {
    struct gguf *gguf;
    struct engine *engine;
};

static struct server start(const struct engine_options *options) {
    struct server s = {0};
    struct error err = {0};
    s.gguf = gguf_open(model_path, &err);
    check(s.gguf != NULL, &err);
    s.engine = engine_open(s.gguf, options, &err);
    check(s.engine != NULL, &err);
    return s;
}

static void stop(struct server *s) {
    engine_close(s->engine);
    gguf_close(s->gguf);
}

struct answer {
    int32_t tokens[ANSWER];
    float logprobs[ANSWER];
    int count, cached;
};

static struct ticket *submit(struct server *s, const int32_t *tokens, int count) {
    struct error err = {0};
    struct engine_request r = {.tokens = tokens, .token_count = count, .max_tokens = ANSWER,
                               .logprobs_wanted = true};
    sampling_default(&r.sampling);
    r.sampling.temperature = 0;
    struct ticket *t = engine_submit(s->engine, &r, &err);
    check(t != NULL, &err);
    return t;
}

static struct answer collect(struct ticket *t) {
    struct answer a = {0};
    struct engine_event e = {0};
    int64_t until = clock_ms() + WAIT_MS;
    while (e.type != ENGINE_DONE) {
        assert_true(clock_ms() < until);
        if (!ticket_next(t, &e, 1000)) continue;
        if (e.type != ENGINE_TOKEN) continue;
        assert_true(a.count < ANSWER);
        a.logprobs[a.count] = e.logprob;
        a.tokens[a.count++] = e.token;
    }
    a.cached = e.prompt_cached;
    ticket_release(t);
    return a;
}

static struct answer ask(struct server *s, const int32_t *tokens, int count) {
    return collect(submit(s, tokens, count));
}

static void assert_same(const struct answer *a, const struct answer *b) {
    assert_int_equal(a->count, ANSWER);
    assert_memory_equal(a->tokens, b->tokens, sizeof a->tokens);
    assert_memory_equal(a->logprobs, b->logprobs, sizeof a->logprobs);
}

static void fill(int32_t *tokens, int from, int to, int salt) {
    for (int i = from; i < to; i++) tokens[i] = (i * 37 + i / 5 + salt * 11) % 256;
}

static const struct engine_options cold_options = {.context = 1024, .threads = 2};

static struct engine_options warm_options(void) {
    struct engine_options o = cold_options;
    o.cache_dir = dir;
    return o;
}

static struct engine_stats stats_of(struct server *s) {
    struct engine_stats stats;
    engine_stats(s->engine, &stats);
    return stats;
}

static void a_restarted_engine_answers_from_disk_with_the_same_bits(void **state) {
    (void)state;
    struct engine_options o = warm_options();
    int32_t tokens[PROMPT];
    fill(tokens, 0, PROMPT, 0);
    struct server first = start(&o);
    struct answer a = ask(&first, tokens, PROMPT);
    assert_int_equal(a.cached, 0);
    stop(&first);
    assert_int_equal(each_file(NULL), 12); /* 11 full pages of 711 tokens and the rest */
    const int cuts[] = {PROMPT, 699, 641, 640, 639, 333, 64, 63, 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        fill(tokens, 0, cuts[i], 0);
        fill(tokens, cuts[i], PROMPT, 1 + (int)i);
        struct server cold = start(&cold_options), warm = start(&o);
        struct answer b = ask(&warm, tokens, PROMPT), c = ask(&cold, tokens, PROMPT);
        if (i == 0) assert_same(&a, &c);
        assert_same(&b, &c);
        assert_true(b.cached >= cuts[i] - 1);
        assert_int_equal(c.cached, 0);
        assert_int_equal(stats_of(&warm).restored_tokens_total, b.cached);
        /* What was restored is in the tree now. */
        struct answer d = ask(&warm, tokens, PROMPT);
        assert_same(&d, &c);
        assert_int_equal(d.cached, PROMPT - 1);
        stop(&warm);
        stop(&cold);
    }
}

static void sequences_restore_beside_each_other(void **state) {
    (void)state;
    struct engine_options o = warm_options();
    int32_t tokens[PROMPT];
    struct answer cold[3];
    struct ticket *tickets[6];
    struct server first = start(&o);
    for (int i = 0; i < 3; i++) {
        fill(tokens, 0, 300, 0);
        fill(tokens, 300, PROMPT, i);
        cold[i] = ask(&first, tokens, PROMPT);
    }
    stop(&first);
    struct server again = start(&o);
    for (int i = 0; i < 6; i++) {
        fill(tokens, 300, PROMPT, i % 3);
        tickets[i] = submit(&again, tokens, PROMPT);
    }
    for (int i = 0; i < 6; i++) {
        struct answer a = collect(tickets[i]);
        assert_same(&a, &cold[i % 3]);
        assert_int_equal(a.cached, PROMPT - 1);
    }
    stop(&again);
}

/* Six prompts in a pool of about four: pages are evicted to disk and come back. */
static void pages_evicted_from_memory_come_back_the_same(void **state) {
    (void)state;
    struct engine_options o = warm_options();
    o.parallel = 3;
    int32_t tokens[PROMPT];
    struct ticket *tickets[6];
    struct server cold = start(&cold_options);
    struct answer expected[6];
    for (int i = 0; i < 6; i++) {
        fill(tokens, 0, PROMPT, i);
        expected[i] = ask(&cold, tokens, PROMPT);
    }
    const struct engine_info *info = engine_info(cold.engine);
    o.memory_max = 2 * info->weight_bytes + 2 * info->buffer_bytes + (64 << 20);
    stop(&cold);
    struct server small = start(&o);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 6; i++) {
            fill(tokens, 0, PROMPT, i);
            tickets[i] = submit(&small, tokens, PROMPT);
        }
        for (int i = 0; i < 6; i++) {
            struct answer a = collect(tickets[i]);
            assert_same(&a, &expected[i]);
        }
    }
    stop(&small);
}

static void cut_in_half(const char *path) {
    assert_int_equal(truncate(path, 5000), 0);
}

static void flip_in_payload(const char *path) {
    int fd = open(path, O_RDWR);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, 9000), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, 9000), 1);
    close(fd);
}

static void damaged_pages_are_computed_and_written_again(void **state) {
    (void)state;
    struct engine_options o = warm_options();
    int32_t tokens[PROMPT];
    fill(tokens, 0, PROMPT, 0);
    struct server first = start(&o);
    struct answer cold = ask(&first, tokens, PROMPT);
    stop(&first);
    void (*const damages[])(const char *path) = {cut_in_half, flip_in_payload};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        each_file(damages[i]);
        struct server again = start(&o);
        struct answer a = ask(&again, tokens, PROMPT);
        assert_same(&a, &cold);
        assert_int_equal(a.cached, 0);
        stop(&again);
        /* What was computed again is good, the first page at least: it was looked at. */
        again = start(&o);
        a = ask(&again, tokens, PROMPT);
        assert_same(&a, &cold);
        assert_true(a.cached >= KV_PAGE_TOKENS);
        stop(&again);
        each_file(remove_path);
        again = start(&o);
        ask(&again, tokens, PROMPT);
        stop(&again);
    }
}

static void another_model_type_or_rope_finds_nothing(void **state) {
    (void)state;
    struct engine_options o = warm_options();
    int32_t tokens[PROMPT];
    fill(tokens, 0, PROMPT, 0);
    struct server s = start(&o);
    ask(&s, tokens, PROMPT);
    stop(&s);
    struct engine_options others[] = {o, o, o};
    others[0].kv_types_set = true;
    others[0].kv_k = others[0].kv_v = QUANT_F32;
    others[1].rope = ENGINE_ROPE_YARN;
    others[2].cpu = "plain";
    for (int i = 0; i < 3; i++) {
        s = start(&others[i]);
        assert_int_equal(ask(&s, tokens, PROMPT).cached, 0);
        stop(&s);
    }
    assert_true(tiny_model_write(&(struct tiny_model){.architecture = "qwen2", .type = QUANT_Q8_0,
                                                      .seed = 5}, model_path, NULL));
    s = start(&o);
    assert_int_equal(ask(&s, tokens, PROMPT).cached, 0);
    stop(&s);
}

static void an_impossible_directory_only_costs_the_disk_cache(void **state) {
    (void)state;
    struct engine_options o = warm_options();
    o.cache_dir = "/proc/nowhere/cache";
    int32_t tokens[PROMPT];
    fill(tokens, 0, PROMPT, 0);
    struct server s = start(&o), cold = start(&cold_options);
    struct answer a = ask(&s, tokens, PROMPT), b = ask(&cold, tokens, PROMPT);
    assert_same(&a, &b);
    assert_int_equal(stats_of(&s).disk_bytes_max, 0);
    stop(&s);
    stop(&cold);
}

static void two_engines_share_a_directory_and_a_budget(void **state) {
    (void)state;
    struct engine_options o = warm_options();
    int32_t tokens[PROMPT];
    struct server probe = start(&o);
    int64_t page = engine_info(probe.engine)->kv_bytes_per_token * KV_PAGE_TOKENS;
    stop(&probe);
    o.cache_disk_bytes = 20 * (page + KV_STORE_FILE_HEADER_BYTES);
    struct server a = start(&o), b = start(&o), cold = start(&cold_options);
    for (int i = 0; i < 8; i++) {
        fill(tokens, 0, PROMPT, i / 2);
        struct answer x = ask(i % 2 ? &a : &b, tokens, PROMPT), y = ask(&cold, tokens, PROMPT);
        assert_same(&x, &y);
        if (i % 3 == 0) continue;
        stop(i % 2 ? &a : &b); /* a restart looks at the directory again */
        *(i % 2 ? &a : &b) = start(&o);
    }
    stop(&a);
    stop(&b);
    stop(&cold);
    /* Each alone keeps to the budget; what the other wrote since is seen at the next look. */
    struct server last = start(&o);
    fill(tokens, 0, PROMPT, 9);
    ask(&last, tokens, PROMPT);
    stop(&last);
    assert_true(each_file(NULL) <= 20);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)
    const struct CMUnitTest tests[] = {
        CASE(a_restarted_engine_answers_from_disk_with_the_same_bits),
        CASE(sequences_restore_beside_each_other),
        CASE(pages_evicted_from_memory_come_back_the_same),
        CASE(damaged_pages_are_computed_and_written_again),
        CASE(another_model_type_or_rope_finds_nothing),
        CASE(an_impossible_directory_only_costs_the_disk_cache),
        CASE(two_engines_share_a_directory_and_a_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
