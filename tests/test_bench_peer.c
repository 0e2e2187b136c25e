/* test_bench_peer.c - reading what llama-bench prints, of both families, and what is not it.
 * Covers: bench_child.c (through programs of the system). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/bench_child.h"
#include "cli/bench_peer.h"

static const struct bench_peer peer = {
    .program = "llama-bench", .prefill = 512, .decode = 32, .threads = 2};

static bool parse(const char *text, struct bench_peer_result *out, struct error *err) {
    return bench_peer_parse(&peer, text, strlen(text), out, err);
}

static void both_tests_are_found_by_their_counts(void **state) {
    (void)state;
    struct bench_peer_result r;
    struct error err = {0};
    assert_true(parse("[{\"n_prompt\":512,\"n_gen\":0,\"n_depth\":8,\"samples_ns\":[2000000000]},"
                      "{\"n_prompt\":0,\"n_gen\":32,\"samples_ns\":[500000000]}]", &r, &err));
    assert_true(r.prefill_s > 1.99 && r.prefill_s < 2.01);
    assert_true(r.decode_s > 0.49 && r.decode_s < 0.51);
}

static void decoding_after_a_prompt_counts_as_decoding(void **state) {
    (void)state;
    struct bench_peer_result r;
    struct error err = {0};
    assert_true(parse("talk before\n[{\"n_prompt\":4096,\"n_gen\":32,\"test\":\"tg32@pp4096\","
                      "\"samples_ns\":[250000000]}] and after", &r, &err));
    assert_true(r.decode_s > 0.24 && r.decode_s < 0.26);
    assert_true(r.prefill_s <= 0);
}

static void what_is_no_answer_is_said(void **state) {
    (void)state;
    static const char *const texts[] = {"", "hello", "[", "[{]", "{\"n_gen\":32}", "[1,2"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct bench_peer_result r;
        struct error err = {0};
        assert_false(parse(texts[i], &r, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_non_null(strstr(err.text, "llama-bench did not print"));
    }
}

static void odd_values_count_as_not_measured(void **state) {
    (void)state;
    static const char *const texts[] = {
        "[]", "[1]", "[{\"n_prompt\":512,\"n_gen\":0}]",
        "[{\"n_prompt\":512,\"n_gen\":0,\"samples_ns\":[]}]",
        "[{\"n_prompt\":512,\"n_gen\":0,\"samples_ns\":\"x\"}]",
        "[{\"n_prompt\":\"512\",\"n_gen\":0,\"samples_ns\":[5]}]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct bench_peer_result r;
        struct error err = {0};
        assert_true(parse(texts[i], &r, &err));
        assert_true(r.prefill_s <= 0 && r.decode_s <= 0);
    }
}

/* ---- the child ---- */

static bool shell(const char *script, int64_t timeout_ms, struct str *out, struct str *talk,
                  struct error *err) {
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    return bench_child_run(&(struct bench_child){.argv = argv, .timeout_ms = timeout_ms}, out, talk,
                           err);
}

static void what_a_child_prints_comes_back(void **state) {
    (void)state;
    struct str out = {0}, talk = {0};
    struct error err = {0};
    assert_true(shell("echo result; echo talk >&2; cat", 60000, &out, &talk, &err));
    assert_string_equal(out.data, "result\n");
    assert_string_equal(talk.data, "talk\n");
    assert_true(shell("echo $LD_LIBRARY_PATH", 60000, &out, &talk, &err));
    assert_int_equal(strncmp(out.data, "/bin", 4), 0);
    str_deinit(&out);
    str_deinit(&talk);
}

static void a_child_that_fails_is_quoted(void **state) {
    (void)state;
    struct str out = {0}, talk = {0};
    struct error err = {0};
    assert_false(shell("echo first >&2; echo the reason >&2; exit 3", 60000, &out, &talk, &err));
    assert_non_null(strstr(err.text, "exit code 3"));
    assert_non_null(strstr(err.text, "it said: the reason"));
    err = (struct error){0};
    assert_false(shell("kill -SEGV $$", 60000, &out, &talk, &err));
    assert_non_null(strstr(err.text, "signal 11"));
    str_deinit(&out);
    str_deinit(&talk);
}

static void a_child_that_never_ends_is_ended(void **state) {
    (void)state;
    struct str out = {0}, talk = {0};
    struct error err = {0};
    assert_false(shell("sleep 1000 & sleep 1000", 200, &out, &talk, &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.text, "--with-timeout"));
    str_deinit(&out);
    str_deinit(&talk);
}

static void a_child_that_prints_without_end_is_ended(void **state) {
    (void)state;
    struct str out = {0}, talk = {0};
    struct error err = {0};
    assert_false(shell("yes", 60000, &out, &talk, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    err = (struct error){0};
    str_deinit(&out);
    assert_false(shell("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1", 60000, &out, &talk,
                       &err));
    assert_true(talk.len <= BENCH_CHILD_TALK_BYTES_MAX);
    str_deinit(&out);
    str_deinit(&talk);
}

static void a_program_that_is_not_there_is_named(void **state) {
    (void)state;
    struct str out = {0}, talk = {0};
    struct error err = {0};
    const char *argv[] = {"/nowhere/llama-bench", NULL};
    assert_false(bench_child_run(&(struct bench_child){.argv = argv, .timeout_ms = 1000}, &out,
                                 &talk, &err));
    assert_non_null(strstr(err.text, "/nowhere/llama-bench"));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    str_deinit(&out);
    str_deinit(&talk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_tests_are_found_by_their_counts),
        cmocka_unit_test(decoding_after_a_prompt_counts_as_decoding),
        cmocka_unit_test(what_is_no_answer_is_said),
        cmocka_unit_test(odd_values_count_as_not_measured),
        cmocka_unit_test(what_a_child_prints_comes_back),
        cmocka_unit_test(a_child_that_fails_is_quoted),
        cmocka_unit_test(a_child_that_never_ends_is_ended),
        cmocka_unit_test(a_child_that_prints_without_end_is_ended),
        cmocka_unit_test(a_program_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
