/* test_engine.c - the engine from outside, on small random models: answers, reuse, many at once,
 * cancelling, deadlines, a KV pool that is too small, and the same bits through all of it.
 * Covers: scheduler.c, sequence.c, ticket.c, measure.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "tiny_model.h"

enum { ANSWER_MAX = 400, WAIT_MS = 120000 };

struct setup {
    struct gguf *gguf;
    struct engine *engine;
};

static void check(bool ok, const struct error *err) {
    if (!ok) print_error("%s\n", err->text);
    assert_true(ok);
}

static struct setup open_layers(int layers, const struct engine_options *options) {
    struct setup s = {0};
    struct error err = {0};
    const char *path = tiny_model_path("engine");
    check(tiny_model_write(&(struct tiny_model){.architecture = "qwen2", .type = QUANT_Q8_0,
                                                .layers = layers}, path, &err), &err);
    s.gguf = gguf_open(path, &err);
    unlink(path);
    check(s.gguf != NULL, &err);
    s.engine = engine_open(s.gguf, options, &err);
    check(s.engine != NULL, &err);
    return s;
}

static struct setup open_setup(const struct engine_options *options) {
    return open_layers(2, options);
}

static void close_setup(struct setup *s) {
    engine_close(s->engine);
    gguf_close(s->gguf);
}

static void prompt_fill(int32_t *tokens, int from, int to, int salt) {
    for (int i = from; i < to; i++) tokens[i] = (i * 37 + i / 5 + salt * 11) % 256;
}

static struct ticket *submit(struct engine *e, const int32_t *tokens, int count, int max_tokens) {
    struct error err = {0};
    struct engine_request r = {.tokens = tokens, .token_count = count, .max_tokens = max_tokens,
                               .logprobs_wanted = true, .logprobs = 2};
    sampling_default(&r.sampling);
    r.sampling.temperature = 0;
    struct ticket *t = engine_submit(e, &r, &err);
    check(t != NULL, &err);
    return t;
}

struct answer {
    int32_t tokens[ANSWER_MAX];
    float logprobs[ANSWER_MAX];
    int count, progress_events;
    struct engine_event done;
};

static void collect(struct ticket *t, struct answer *a) {
    struct engine_event e;
    *a = (struct answer){0};
    int64_t until = clock_ms() + WAIT_MS;
    while (a->done.type != ENGINE_DONE) {
        assert_true(clock_ms() < until);
        if (!ticket_next(t, &e, 1000)) continue;
        if (e.type == ENGINE_TOKEN) {
            assert_true(a->count < ANSWER_MAX);
            assert_int_equal(e.top_count, 2);
            assert_int_equal(e.top[0].id, e.token); /* greedy */
            assert_true(e.top[0].logprob == e.logprob);
            a->logprobs[a->count] = e.logprob;
            a->tokens[a->count++] = e.token;
        } else if (e.type == ENGINE_DONE) {
            a->done = e;
        } else {
            a->progress_events++;
        }
    }
    assert_false(ticket_next(t, &e, 0));
    ticket_release(t);
}

static void ask(struct engine *e, const int32_t *tokens, int count, int max_tokens,
                struct answer *a) {
    collect(submit(e, tokens, count, max_tokens), a);
}

static void assert_same_answer(const struct answer *a, const struct answer *b) {
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->tokens, b->tokens, (size_t)a->count * sizeof *a->tokens);
    assert_memory_equal(a->logprobs, b->logprobs, (size_t)a->count * sizeof *a->logprobs);
}

static void an_answer_has_its_length_and_counts(void **state) {
    (void)state;
    struct setup s = open_setup(&(struct engine_options){.context = 512, .threads = 2});
    int32_t tokens[200];
    struct answer a;
    prompt_fill(tokens, 0, 200, 0);
    ask(s.engine, tokens, 200, 20, &a);
    assert_int_equal(a.count, 20);
    assert_int_equal(a.done.finish, ENGINE_FINISH_LENGTH);
    assert_int_equal(a.done.prompt_total, 200);
    assert_int_equal(a.done.prompt_cached, 0);
    assert_int_equal(a.done.generated, 20);
    ask(s.engine, tokens, 200, 0, &a); /* up to the window */
    assert_int_equal(a.count, 512 - 200);
    close_setup(&s);
}

static void the_next_turn_computes_only_what_is_new_with_the_same_bits(void **state) {
    (void)state;
    struct engine_options options = {.context = 2048, .threads = 2, .ubatch = 128};
    struct setup warm = open_setup(&options), cold = open_setup(&options);
    int32_t tokens[1000];
    struct answer a, b;
    prompt_fill(tokens, 0, 1000, 0);
    ask(warm.engine, tokens, 700, 5, &a);
    const int cuts[] = {700, 699, 640, 333, 64, 63, 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        /* Every prompt leaves the first one at another token. */
        prompt_fill(tokens, 0, cuts[i], 0);
        prompt_fill(tokens, cuts[i], 1000, 1 + (int)i);
        ask(warm.engine, tokens, 800, 12, &a);
        ask(cold.engine, tokens, 800, 12, &b);
        assert_true(a.done.prompt_cached >= cuts[i] - 1);
        assert_same_answer(&a, &b);
    }
    /* The very same prompt: all but the last token is there. */
    ask(warm.engine, tokens, 800, 12, &a);
    assert_int_equal(a.done.prompt_cached, 799);
    assert_same_answer(&a, &b);
    close_setup(&warm);
    close_setup(&cold);
}

static void many_at_once_answer_as_if_alone(void **state) {
    (void)state;
    enum { REQUESTS = 12 };
    struct setup alone = open_setup(&(struct engine_options){.context = 1024, .threads = 1,
                                                             .parallel = 1});
    struct setup busy = open_setup(&(struct engine_options){.context = 1024, .threads = 2,
                                                            .parallel = 5, .ubatch = 96});
    static int32_t tokens[REQUESTS][600];
    struct ticket *tickets[REQUESTS];
    struct answer a, b;
    for (int i = 0; i < REQUESTS; i++) {
        prompt_fill(tokens[i], 0, 600, i % 3);
        tickets[i] = submit(busy.engine, tokens[i], 40 + 45 * i, 10 + i);
    }
    for (int i = 0; i < REQUESTS; i++) {
        collect(tickets[i], &a);
        ask(alone.engine, tokens[i], 40 + 45 * i, 10 + i, &b);
        assert_same_answer(&a, &b);
    }
    struct engine_stats stats;
    engine_stats(busy.engine, &stats);
    assert_int_equal(stats.queued, 0);
    close_setup(&alone);
    close_setup(&busy);
}

/* Room for one window and a little: two long answers cannot both stay. */
static void a_full_pool_preempts_and_changes_no_bit(void **state) {
    (void)state;
    struct engine_options options = {.context = 512, .threads = 2, .parallel = 3};
    struct setup big = open_setup(&options);
    const struct engine_info *info = engine_info(big.engine);
    /* Weights and buffers as planned, and KV for one window, two pages and two more. */
    int64_t page = info->kv_bytes_per_token * 64;
    options.memory_max = gguf_bytes(big.gguf) + 12 * page;
    struct setup small = {.gguf = big.gguf};
    struct error err = {0};
    for (int grow = 0; grow < 200 && !small.engine; grow++) {
        err = (struct error){0};
        small.engine = engine_open(big.gguf, &options, &err);
        options.memory_max += 1 << 20;
    }
    check(small.engine != NULL, &err);
    int64_t pages = engine_info(small.engine)->kv_bytes_max / page;
    assert_true(pages < 3 * 8); /* not enough for three windows of eight pages */
    static int32_t tokens[3][200];
    struct ticket *tickets[3];
    struct answer a, b;
    for (int i = 0; i < 3; i++) {
        prompt_fill(tokens[i], 0, 200, 20 + i);
        tickets[i] = submit(small.engine, tokens[i], 200, 300);
    }
    for (int i = 0; i < 3; i++) {
        collect(tickets[i], &a);
        ask(big.engine, tokens[i], 200, 300, &b);
        assert_int_equal(a.count, 300);
        assert_same_answer(&a, &b);
    }
    engine_close(small.engine);
    close_setup(&big);
}

/* A prompt that repeats itself, greedy and sampled: proposals are made, some hold, and the answer
 * is the one without them. */
static void speculation_changes_no_answer(void **state) {
    (void)state;
    struct setup plain = open_setup(&(struct engine_options){.context = 2048, .threads = 2,
                                                             .no_speculation = true});
    struct setup fast = open_setup(&(struct engine_options){.context = 2048, .threads = 2});
    int32_t tokens[900];
    struct error err = {0};
    for (int i = 0; i < 900; i++) tokens[i] = (i % 60) * 4 % 256;
    for (int sampled = 0; sampled < 4; sampled++) {
        struct answer a, b, *both[] = {&a, &b};
        for (int i = 0; i < 2; i++) {
            struct engine_request r = {.tokens = tokens, .token_count = 900, .max_tokens = 250,
                                       .ends = (int32_t[]){7}, .end_count = 1};
            sampling_default(&r.sampling);
            r.sampling.temperature = sampled ? 0.3f * (float)sampled : 0;
            r.sampling.frequency_penalty = sampled == 3 ? 0.5f : 0;
            /* A likely token makes this random model repeat itself, but not always. */
            r.bias = &(struct sampling_bias){5, sampled ? 4.0f : 3.0f};
            r.bias_count = 1;
            r.sampling.seed = 11;
            r.sampling.seed_set = true;
            struct ticket *t = engine_submit(i ? fast.engine : plain.engine, &r, &err);
            check(t != NULL, &err);
            *both[i] = (struct answer){0};
            struct engine_event e = {0};
            while (e.type != ENGINE_DONE) {
                if (!ticket_next(t, &e, 1000)) continue;
                if (e.type == ENGINE_TOKEN) both[i]->tokens[both[i]->count++] = e.token;
                if (e.type == ENGINE_DONE) both[i]->done = e;
            }
            ticket_release(t);
        }
        assert_int_equal(a.count, b.count);
        assert_memory_equal(a.tokens, b.tokens, (size_t)a.count * sizeof *a.tokens);
        assert_int_equal(a.done.finish, b.done.finish);
        assert_int_equal(a.done.generated, b.done.generated);
    }
    struct engine_stats stats;
    engine_stats(fast.engine, &stats);
    assert_true(stats.drafted_tokens_total > 0);
    engine_stats(plain.engine, &stats);
    assert_int_equal(stats.drafted_tokens_total, 0);
    close_setup(&plain);
    close_setup(&fast);
}

struct even { /* lets even tokens through, and the end after a number of them */
    int left, accepted, closed;
};

static bool even_may(void *arg, int32_t token) {
    struct even *e = arg;
    return e->left > 0 && token % 2 == 0 && token != 0;
}

static void even_accept(void *arg, int32_t token) {
    struct even *e = arg;
    e->accepted++;
    e->left -= token != 0;
}

static void even_close(void *arg) {
    ((struct even *)arg)->closed++;
}

static void a_constraint_is_asked_for_every_token_and_closed_once(void **state) {
    (void)state;
    struct answer answers[2] = {0};
    for (int i = 0; i < 2; i++) {
        struct setup s = open_setup(&(struct engine_options){
            .context = 512, .threads = 2, .no_speculation = i == 1});
        int32_t tokens[60], end = 0;
        struct error err = {0};
        struct even even = {.left = 40};
        struct engine_event e = {0};
        prompt_fill(tokens, 0, 60, 0);
        struct engine_request r = {
            .tokens = tokens, .token_count = 60, .max_tokens = 100, .ends = &end, .end_count = 1,
            .constraint = {&even, even_may, even_accept, even_close}};
        sampling_default(&r.sampling);
        r.sampling.seed_set = true;
        r.sampling.temperature = 0;
        struct ticket *t = engine_submit(s.engine, &r, &err);
        check(t != NULL, &err);
        while (e.type != ENGINE_DONE)
            if (ticket_next(t, &e, 1000) && e.type == ENGINE_TOKEN)
                answers[i].tokens[answers[i].count++] = e.token;
        ticket_release(t);
        assert_int_equal(e.finish, ENGINE_FINISH_STOP);
        assert_int_equal(answers[i].count, 40);
        for (int k = 0; k < 40; k++) assert_int_equal(answers[i].tokens[k] % 2, 0);
        r.end_count = 0;
        assert_null(engine_submit(s.engine, &r, &err));
        assert_int_equal(err.code, ERR_ARGUMENT);
        close_setup(&s);
        assert_int_equal(even.closed, 2); /* the first, and the one that was refused */
        assert_int_equal(even.accepted, 41);
    }
    assert_memory_equal(answers[0].tokens, answers[1].tokens, sizeof answers[0].tokens);
}

static void a_cancelled_prompt_keeps_what_it_computed(void **state) {
    (void)state;
    /* Twelve layers and one token a step: long enough for news on the way on any machine. */
    struct setup s = open_layers(12, &(struct engine_options){.context = 4096, .threads = 1,
                                                              .parallel = 1, .ubatch = 1});
    static int32_t tokens[4000];
    struct answer a;
    struct engine_event e;
    prompt_fill(tokens, 0, 4000, 0);
    struct ticket *t = submit(s.engine, tokens, 4000, 5);
    int processed = 0;
    int64_t until = clock_ms() + WAIT_MS;
    while (processed < 64 && clock_ms() < until) {
        if (!ticket_next(t, &e, 100)) continue;
        assert_int_equal(e.type, ENGINE_PROGRESS);
        processed = e.prompt_processed;
    }
    assert_true(processed >= 64);
    ticket_cancel(t);
    collect(t, &a);
    assert_int_equal(a.done.finish, ENGINE_FINISH_CANCELLED);
    ask(s.engine, tokens, processed + 100, 1, &a);
    assert_true(a.done.prompt_cached >= processed);
    close_setup(&s);
}

static void a_deadline_ends_a_request_with_its_own_error(void **state) {
    (void)state;
    struct setup s = open_setup(&(struct engine_options){.context = 4096, .threads = 1});
    int32_t tokens[100];
    struct answer a;
    struct error err = {0};
    prompt_fill(tokens, 0, 100, 0);
    struct engine_request r = {.tokens = tokens, .token_count = 100,
                               .deadline_ms = clock_ms() + 30};
    sampling_default(&r.sampling);
    struct ticket *t = engine_submit(s.engine, &r, &err);
    check(t != NULL, &err);
    struct engine_event e = {0};
    int64_t until = clock_ms() + WAIT_MS;
    while (e.type != ENGINE_DONE && clock_ms() < until) {
        if (!ticket_next(t, &e, 1000)) continue;
    }
    a.done = e;
    ticket_release(t);
    assert_int_equal(a.done.finish, ENGINE_FINISH_ERROR);
    assert_int_equal(a.done.error.code, ERR_TIMEOUT);
    assert_true(a.done.generated < 4096 - 100);
    close_setup(&s);
}

static void a_caller_that_does_not_read_holds_up_nobody(void **state) {
    (void)state;
    struct setup s = open_setup(&(struct engine_options){.context = 1024, .threads = 1,
                                                         .parallel = 2});
    int32_t tokens[50];
    struct answer a, b;
    prompt_fill(tokens, 0, 50, 0);
    struct ticket *slow = submit(s.engine, tokens, 50, 350); /* more than the ring holds */
    prompt_fill(tokens, 0, 50, 9);
    for (int i = 0; i < 3; i++) {
        ask(s.engine, tokens, 50, 200, &a);
        assert_int_equal(a.count, 200);
    }
    collect(slow, &b);
    assert_int_equal(b.count, 350);
    close_setup(&s);
}

static void what_does_not_fit_or_is_wrong_is_refused_with_the_counts(void **state) {
    (void)state;
    struct setup s = open_setup(&(struct engine_options){.context = 128, .threads = 1});
    int32_t tokens[200];
    prompt_fill(tokens, 0, 200, 0);
    struct engine_request r = {.tokens = tokens, .token_count = 128};
    sampling_default(&r.sampling);
    struct error err = {0};
    assert_null(engine_submit(s.engine, &r, &err));
    assert_int_equal(err.code, ERR_CONTEXT);
    assert_non_null(strstr(err.text, "maximum context length is 128 tokens. However, your "
                                     "messages resulted in 128 tokens."));
    err = (struct error){0};
    r.token_count = 5;
    tokens[3] = TINY_VOCAB;
    assert_null(engine_submit(s.engine, &r, &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "token 3 is 320"));
    err = (struct error){0};
    r.token_count = 0;
    assert_null(engine_submit(s.engine, &r, &err));
    close_setup(&s);
}

static void a_full_queue_is_an_answer(void **state) {
    (void)state;
    struct setup s = open_setup(&(struct engine_options){.context = 512, .threads = 1,
                                                         .parallel = 1});
    int32_t tokens[20];
    prompt_fill(tokens, 0, 20, 0);
    struct engine_request r = {.tokens = tokens, .token_count = 20};
    sampling_default(&r.sampling);
    struct ticket *tickets[ENGINE_QUEUE_MAX + 16];
    struct error err = {0};
    int count = 0;
    while (count < ENGINE_QUEUE_MAX + 16 && (tickets[count] = engine_submit(s.engine, &r, &err)))
        count++;
    assert_true(count >= ENGINE_QUEUE_MAX && count < ENGINE_QUEUE_MAX + 16);
    assert_int_equal(err.code, ERR_BUSY);
    for (int i = 0; i < count; i++) ticket_release(tickets[i]);
    close_setup(&s);
}

static void a_window_that_memory_cannot_hold_is_refused_with_the_figures(void **state) {
    (void)state;
    struct error err = {0};
    const char *path = tiny_model_path("memory");
    check(tiny_model_write(&(struct tiny_model){.architecture = "llama"}, path, &err), &err);
    struct gguf *g = gguf_open(path, &err);
    unlink(path);
    struct engine_options options = {.context = 100000, .threads = 1, .memory_max = 60 << 20};
    assert_null(engine_open(g, &options, &err));
    assert_int_equal(err.code, ERR_MEMORY);
    assert_non_null(strstr(err.text, "largest window that fits"));
    err = (struct error){0};
    options = (struct engine_options){.ubatch = 100000};
    assert_null(engine_open(g, &options, &err));
    assert_non_null(strstr(err.text, "ubatch is 100000"));
    err = (struct error){0};
    options = (struct engine_options){.cpu = "cray"};
    assert_null(engine_open(g, &options, &err));
    assert_non_null(strstr(err.text, "cray"));
    gguf_close(g);
}

static void scores_are_the_log_probabilities_of_the_answer(void **state) {
    (void)state;
    struct setup s = open_setup(&(struct engine_options){.context = 512, .threads = 2,
                                                         .ubatch = 50});
    int32_t tokens[160];
    float scores[160];
    struct answer a;
    struct error err = {0};
    prompt_fill(tokens, 0, 100, 3);
    ask(s.engine, tokens, 100, 60, &a);
    memcpy(tokens + 100, a.tokens, 60 * sizeof *tokens);
    check(engine_score(s.engine, tokens, 160, scores, &err), &err);
    for (int i = 0; i < 60; i++) assert_true(scores[100 + i] == a.logprobs[i]);
    assert_false(engine_score(s.engine, tokens, 1000, scores, &err));
    close_setup(&s);
}

static void logits_are_the_same_bits_for_every_chunk_and_thread_count(void **state) {
    (void)state;
    int32_t tokens[300];
    float first[TINY_VOCAB], logits[TINY_VOCAB];
    prompt_fill(tokens, 0, 300, 5);
    const int chunks[] = {300, 1, 7, 64};
    for (int threads = 1; threads <= 2; threads++) {
        struct setup s = open_setup(&(struct engine_options){.context = 512, .threads = threads});
        for (int i = 0; i < 4; i++) {
            struct error err = {0};
            check(engine_logits(s.engine, tokens, 300, chunks[i], logits, &err), &err);
            if (threads == 1 && i == 0) memcpy(first, logits, sizeof first);
            assert_memory_equal(first, logits, sizeof first);
        }
        close_setup(&s);
    }
}

static bool stop_at_half(void *arg, int64_t done, int64_t total) {
    (void)arg;
    return done < total / 2;
}

static void a_benchmark_measures_and_can_be_stopped(void **state) {
    (void)state;
    struct setup s = open_setup(&(struct engine_options){.context = 512, .threads = 2});
    struct engine_bench out;
    struct error err = {0};
    check(engine_bench(s.engine, 64, 100, 5, NULL, NULL, &out, &err), &err);
    assert_true(out.prefill_s > 0 && out.decode_s > 0 && !out.cancelled);
    check(engine_bench(s.engine, 64, 10, 200, stop_at_half, NULL, &out, &err), &err);
    assert_true(out.cancelled);
    assert_false(engine_bench(s.engine, 500, 100, 5, NULL, NULL, &out, &err));
    close_setup(&s);
}

static bool count_tokens(void *arg, int64_t done, int64_t total) {
    (void)done;
    *(int64_t *)arg = total;
    return true;
}

static void a_benchmark_fills_each_depth_once(void **state) {
    (void)state;
    struct setup s = open_setup(&(struct engine_options){.context = 512, .threads = 2});
    struct engine_bench out;
    struct error err = {0};
    int64_t total = 0;
    struct engine_bench_window *w = engine_bench_open(s.engine, 400, &err);
    assert_non_null(w);
    check(engine_bench_at(w, 0, 100, 5, count_tokens, &total, &out, &err), &err);
    assert_int_equal(total, 105);
    check(engine_bench_at(w, 300, 64, 8, count_tokens, &total, &out, &err), &err);
    assert_int_equal(total, 200 + 72);
    assert_true(out.prefill_s > 0 && out.decode_s > 0 && !out.cancelled);
    check(engine_bench_at(w, 300, 64, 8, count_tokens, &total, &out, &err), &err);
    assert_int_equal(total, 72);
    check(engine_bench_at(w, 364, 20, 0, count_tokens, &total, &out, &err), &err);
    assert_int_equal(total, 20);
    check(engine_bench_at(w, 10, 0, 4, count_tokens, &total, &out, &err), &err);
    assert_int_equal(total, 4);
    assert_false(engine_bench_at(w, 390, 64, 8, NULL, NULL, &out, &err));
    engine_bench_close(w);
    engine_bench_close(NULL);
    err = (struct error){0};
    assert_null(engine_bench_open(s.engine, 513, &err));
    assert_int_equal(err.code, ERR_CONTEXT);
    close_setup(&s);
}

static void closing_cancels_what_runs(void **state) {
    (void)state;
    struct setup s = open_setup(&(struct engine_options){.context = 4096, .threads = 1});
    int32_t tokens[1000];
    prompt_fill(tokens, 0, 1000, 0);
    for (int i = 0; i < 8; i++) ticket_release(submit(s.engine, tokens, 500 + i, 0));
    close_setup(&s); /* under a leak checker: nothing is left */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_its_length_and_counts),
        cmocka_unit_test(the_next_turn_computes_only_what_is_new_with_the_same_bits),
        cmocka_unit_test(many_at_once_answer_as_if_alone),
        cmocka_unit_test(a_full_pool_preempts_and_changes_no_bit),
        cmocka_unit_test(speculation_changes_no_answer),
        cmocka_unit_test(a_constraint_is_asked_for_every_token_and_closed_once),
        cmocka_unit_test(a_cancelled_prompt_keeps_what_it_computed),
        cmocka_unit_test(a_deadline_ends_a_request_with_its_own_error),
        cmocka_unit_test(a_caller_that_does_not_read_holds_up_nobody),
        cmocka_unit_test(what_does_not_fit_or_is_wrong_is_refused_with_the_counts),
        cmocka_unit_test(a_full_queue_is_an_answer),
        cmocka_unit_test(a_window_that_memory_cannot_hold_is_refused_with_the_figures),
        cmocka_unit_test(scores_are_the_log_probabilities_of_the_answer),
        cmocka_unit_test(logits_are_the_same_bits_for_every_chunk_and_thread_count),
        cmocka_unit_test(a_benchmark_measures_and_can_be_stopped),
        cmocka_unit_test(a_benchmark_fills_each_depth_once),
        cmocka_unit_test(closing_cancels_what_runs),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
