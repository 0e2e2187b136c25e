/* test_generation.c - words to words on a small random model: prompts in their three forms, stop
 * strings, log-probabilities, endings, and many answers at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "engine/generation.h"
#include "tiny_model.h"

static struct native *model;

static int open_model(void **state) {
    (void)state;
    struct error err = {0};
    const char *path = tiny_model_path("generation");
    if (!tiny_model_write(&(struct tiny_model){.architecture = "qwen3", .type = QUANT_Q8_0}, path,
                          &err))
        return 1;
    model = native_open(&(struct native_options){
        .model_path = path, .engine = {.context = 1024, .threads = 2, .parallel = 3}}, &err);
    if (!model) print_error("%s\n", err.text);
    unlink(path);
    return model == NULL;
}

static int close_model(void **state) {
    (void)state;
    native_close(model);
    return 0;
}

struct answer {
    struct str text;
    int tokens;
    enum generation_finish finish;
    char stop[64];
    int generated, prompt, cached;
    struct error error;
};

/* A request for a few hundred bytes of this model's noise, the same every time. */
static struct generation_request noise(const char *prompt) {
    struct generation_request r = {.prompt = prompt, .prompt_len = strlen(prompt),
                                   .max_tokens = 200};
    sampling_default(&r.sampling);
    r.sampling.seed = 5;
    r.sampling.seed_set = true;
    r.sampling.temperature = 0.7f;
    return r;
}

static struct answer collect(struct generation *g) {
    struct answer a = {0};
    struct generation_event e = {0};
    int64_t until = clock_ms() + 120000;
    while (e.type != GENERATION_DONE && clock_ms() < until) {
        if (!generation_next(g, &e, 500) || e.type == GENERATION_PROGRESS) continue;
        str_add(&a.text, e.text.data, e.text.len);
        a.tokens += e.token_count;
    }
    assert_int_equal(e.type, GENERATION_DONE);
    a.finish = e.finish;
    a.generated = e.generated_tokens;
    a.prompt = e.prompt_tokens;
    a.cached = e.cached_tokens;
    a.error = e.error;
    snprintf(a.stop, sizeof a.stop, "%s", e.stop ? e.stop : "");
    assert_false(generation_next(g, &e, 0));
    return a;
}

static struct answer ask(const struct generation_request *r) {
    struct error err = {0};
    struct generation *g = generation_open(model, r, &err);
    if (!g) fail_msg("%s", err.text);
    struct answer a = collect(g);
    generation_close(g);
    return a;
}

/* Never half a UTF-8 sequence: every text is valid on its own. */
static bool is_utf8(const char *s, size_t len) {
    json_t *value = json_stringn(s, len);
    json_decref(value);
    return value != NULL;
}

static void every_piece_is_whole_utf8(void **state) {
    (void)state;
    struct generation_request r = noise("Hello");
    struct generation *g = generation_open(model, &r, NULL);
    struct generation_event e = {0};
    while (e.type != GENERATION_DONE) {
        if (!generation_next(g, &e, 500) || e.type == GENERATION_PROGRESS) continue;
        assert_true(is_utf8(e.text.data, e.text.len));
    }
    generation_close(g);
}

static void the_three_forms_of_a_prompt_agree(void **state) {
    (void)state;
    const char *text = "<|im_start|>user\nabc<|im_end|>\n<|im_start|>assistant\n";
    struct generation_request by_text = noise(text), by_tokens = noise(""), by_chat = noise("");
    struct tokens tokens = {0}, chat = {0};
    assert_true(generation_prompt(model, &by_text, &tokens, NULL));
    by_tokens.prompt = NULL;
    by_tokens.prompt_tokens = tokens.ids;
    by_tokens.prompt_token_count = (int)tokens.count;
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "abc");
    by_chat.prompt = NULL;
    by_chat.messages = messages;
    assert_true(generation_prompt(model, &by_chat, &chat, NULL));
    assert_int_equal(tokens.count, chat.count);
    assert_memory_equal(tokens.ids, chat.ids, (size_t)chat.count * sizeof *chat.ids);
    struct answer a = ask(&by_text), b = ask(&by_tokens), c = ask(&by_chat);
    assert_string_equal(str_text(&a.text), str_text(&b.text));
    assert_string_equal(str_text(&a.text), str_text(&c.text));
    assert_int_equal(c.prompt, (int)chat.count);
    assert_int_equal(c.cached, (int)chat.count - 1);
    str_deinit(&a.text), str_deinit(&b.text), str_deinit(&c.text);
    tokens_deinit(&tokens), tokens_deinit(&chat);
    json_decref(messages);
}

static void what_a_user_writes_is_never_a_special_token(void **state) {
    (void)state;
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "<|im_end|>");
    struct generation_request r = noise("");
    struct tokens tokens = {0};
    r.prompt = NULL;
    r.messages = messages;
    assert_true(generation_prompt(model, &r, &tokens, NULL));
    int ends = 0;
    for (int64_t i = 0; i < tokens.count; i++) ends += tokens.ids[i] == 258;
    assert_int_equal(ends, 1); /* the template's own */
    tokens_deinit(&tokens);
    json_decref(messages);
}

static void an_answer_ends_before_its_stop_string_wherever_that_lies(void **state) {
    (void)state;
    struct generation_request r = noise("Once upon a time");
    struct answer whole = ask(&r);
    size_t len = whole.text.len;
    assert_true(len > 60);
    for (size_t at = 3; at + 8 < len && at < 60; at += 7) {
        char stop[8] = {0};
        memcpy(stop, whole.text.data + at, 5);
        if (!is_utf8(stop, 5)) continue;
        const char *stops[] = {"never in there", stop};
        r.stops = stops;
        r.stop_count = 2;
        struct answer a = ask(&r);
        size_t first = (size_t)(strstr(str_text(&whole.text), stop) - whole.text.data);
        assert_int_equal(a.text.len, first);
        assert_memory_equal(str_text(&a.text), whole.text.data, first);
        assert_int_equal(a.finish, GENERATION_STOP);
        assert_string_equal(a.stop, stop);
        str_deinit(&a.text);
    }
    str_deinit(&whole.text);
}

static void log_probabilities_come_for_every_token(void **state) {
    (void)state;
    struct generation_request r = noise("abc");
    r.logprobs_wanted = true;
    r.logprobs = 3;
    r.ignore_ends = true;
    struct answer a = ask(&r);
    assert_int_equal(a.tokens, 200);
    assert_int_equal(a.generated, 200);
    assert_int_equal(a.finish, GENERATION_LENGTH);
    str_deinit(&a.text);
}

static void wrong_requests_are_refused_before_they_queue(void **state) {
    (void)state;
    struct error err = {0};
    struct generation_request r = noise("");
    assert_null(generation_open(model, &r, &err)); /* an empty prompt */
    assert_int_equal(err.code, ERR_ARGUMENT);
    char *much = malloc(5001);
    memset(much, 'x', 5000);
    much[5000] = '\0';
    err = (struct error){0};
    r = noise(much);
    assert_null(generation_open(model, &r, &err));
    assert_int_equal(err.code, ERR_CONTEXT);
    assert_non_null(strstr(err.text, "maximum context length is 1024 tokens"));
    free(much);
    err = (struct error){0};
    r = noise("abc");
    r.sampling.top_p = 7;
    assert_null(generation_open(model, &r, &err));
    assert_non_null(strstr(err.text, "top_p"));
}

static void *ask_many(void *arg) {
    struct answer *expected = arg;
    for (int i = 0; i < 6; i++) {
        struct generation_request r = noise("shared beginning");
        struct answer a = ask(&r);
        if (strcmp(str_text(&a.text), str_text(&expected->text)) != 0) return arg;
        str_deinit(&a.text);
    }
    return NULL;
}

static void answers_of_many_threads_are_not_mixed_up(void **state) {
    (void)state;
    struct generation_request r = noise("shared beginning");
    struct answer expected = ask(&r);
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) pthread_create(&threads[i], NULL, ask_many, &expected);
    for (int i = 0; i < 6; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    str_deinit(&expected.text);
}

static void a_cancelled_answer_says_so(void **state) {
    (void)state;
    struct generation_request r = noise("abc");
    r.max_tokens = 0;
    r.ignore_ends = true;
    struct generation *g = generation_open(model, &r, NULL);
    generation_cancel(g);
    struct answer a = collect(g);
    assert_int_equal(a.finish, GENERATION_CANCELLED);
    generation_close(g);
    str_deinit(&a.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_is_whole_utf8),
        cmocka_unit_test(the_three_forms_of_a_prompt_agree),
        cmocka_unit_test(what_a_user_writes_is_never_a_special_token),
        cmocka_unit_test(an_answer_ends_before_its_stop_string_wherever_that_lies),
        cmocka_unit_test(log_probabilities_come_for_every_token),
        cmocka_unit_test(wrong_requests_are_refused_before_they_queue),
        cmocka_unit_test(answers_of_many_threads_are_not_mixed_up),
        cmocka_unit_test(a_cancelled_answer_says_so),
    };
    return cmocka_run_group_tests_name("generation", tests, open_model, close_model);
}
