/* test_tokenizer_pre.c - the table of pre-tokenizers and the patterns behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/random.h"
#include "text/tokenizer_pre.h"

static struct tokenizer_pre *open_pre(const char *name, bool patterns_only) {
    struct error err = {0};
    struct tokenizer_pre_options options = {span_of(name), patterns_only};
    struct tokenizer_pre *p = tokenizer_pre_open(&options, &err);
    if (p == NULL) fail_msg("%s", err.text);
    return p;
}

static bool join(void *arg, struct span word) { /* words with a bar between them */
    struct str *out = arg;
    if (out->len > 0) str_add_char(out, '|');
    str_add(out, word.data, word.len);
    return true;
}

static void assert_words(const char *name, const char *text, const char *expected) {
    for (int patterns_only = 0; patterns_only < 2; patterns_only++) {
        struct tokenizer_pre *p = open_pre(name, patterns_only);
        struct tokenizer_pre_scratch scratch = {0};
        struct str words = {0};
        struct error err = {0};
        assert_true(tokenizer_pre_run(p, &scratch, span_of(text),
                                      (struct tokenizer_words){join, &words}, &err));
        assert_string_equal(str_text(&words), expected);
        str_deinit(&words);
        tokenizer_pre_scratch_deinit(&scratch);
        tokenizer_pre_close(p);
    }
}

static void words_are_cut_as_the_patterns_say(void **state) {
    (void)state;
    assert_words("gpt-2", "I'll pay  12345 now's", "I|'ll| pay| | 12345| now|'s");
    assert_words("smollm", "I'll pay  123 x", "I|'ll| pay|  |1|2|3| x");
    assert_words("qwen2", "x.y  12\n\n z", "x|.y| | |1|2|\n\n| z");
    assert_words("llama-bpe", "I'LL 12345 (a)\n", "I|'LL| |123|45| (|a|)\n");
    assert_words("gpt-4o", "fooBar HTTPServer's 1234", "foo|Bar| HTTPServer's| |123|4");
    assert_words("deepseek-v3", "\u4F60\u597Dabc 1234", "\u4F60\u597D|abc| |123|4");
    assert_words("deepseek-coder", "a b\n12", "a| b|\n|1|2");
    assert_words("exaone-moe", "a b c1", "a b c|1");
    assert_words("", "a 1234 b", "a| |123|4| b"); /* no name: "default" */
}

static void ill_formed_bytes_are_words_of_no_class(void **state) {
    (void)state;
    assert_words("qwen2", "ab\xFF\xFE" "cd", "ab|\xFF\xFE|cd");
    assert_words("gpt-2", "ab \xFF\xFE" "cd", "ab| \xFF\xFE|cd");
}

static void the_mongolian_vowel_separator_is_no_space(void **state) {
    (void)state;
    assert_words("gpt-2", "\xE1\xA0\x8E \xE1\xA0\x8E!", "\xE1\xA0\x8E| \xE1\xA0\x8E!");
}

struct sum {
    const char *expected;
    size_t len;
    bool same;
};

static bool add(void *arg, struct span word) {
    struct sum *s = arg;
    s->same = s->same && word.len > 0 && word.data == s->expected + s->len;
    s->len += word.len;
    return true;
}

static void words_cover_any_text_whatever_the_pattern(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 23);
    for (int i = 0; tokenizer_pre_name(i) != NULL; i++) {
        struct tokenizer_pre *p = open_pre(tokenizer_pre_name(i), true);
        struct tokenizer_pre_scratch scratch = {0};
        for (int n = 0; n < 200; n++) {
            char text[128];
            size_t len = random_below(&r, sizeof text);
            bool ascii = n % 2 == 0;
            for (size_t k = 0; k < len; k++) text[k] = (char)random_below(&r, ascii ? 128 : 256);
            struct sum s = {text, 0, true};
            struct error err = {0};
            assert_true(tokenizer_pre_run(p, &scratch, (struct span){text, len},
                                          (struct tokenizer_words){add, &s}, &err));
            assert_true(s.same);
            assert_int_equal(s.len, len);
        }
        tokenizer_pre_scratch_deinit(&scratch);
        tokenizer_pre_close(p);
    }
}

static void no_pattern_is_quadratic(void **state) {
    (void)state;
    /* Long runs of what patterns repeat.  At n squared this would not end within the time limit of
     * the test run; no time is asserted. */
    static const char *const units[] = {" ", "a", "A", "1", "!", "\n", " \n", "aB", "a ", "\t ",
                                        "\xE4\xBD\xA0", "\xCC\x81", "\xFF", "\xE3\x80\x80"};
    size_t len = 200 << 10;
    char *text = malloc(len + 1);
    for (int i = 0; tokenizer_pre_name(i) != NULL; i++) {
        struct tokenizer_pre *p = open_pre(tokenizer_pre_name(i), true);
        struct tokenizer_pre_scratch scratch = {0};
        for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
            size_t unit = strlen(units[u]);
            for (size_t k = 0; k < len; k++) text[k] = units[u][k % unit];
            text[len] = 'x'; /* so that a run of spaces does not end the text */
            struct sum s = {text, 0, true};
            struct error err = {0};
            if (!tokenizer_pre_run(p, &scratch, (struct span){text, len + 1},
                                   (struct tokenizer_words){add, &s}, &err))
                fail_msg("%s", err.text);
            assert_int_equal(s.len, len + 1);
        }
        tokenizer_pre_scratch_deinit(&scratch);
        tokenizer_pre_close(p);
    }
    free(text);
}

static void an_unknown_name_is_refused_with_the_list(void **state) {
    (void)state;
    struct error err = {0};
    struct tokenizer_pre_options options = {.name = span_of("qwen2x")};
    assert_null(tokenizer_pre_open(&options, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "\"qwen2x\""));
    assert_non_null(strstr(err.text, "qwen2,"));
    assert_non_null(strstr(err.text, "llama-bpe"));
}

static bool stop(void *arg, struct span word) {
    (void)word;
    ++*(int *)arg;
    return false;
}

static void a_callback_can_stop_the_run(void **state) {
    (void)state;
    struct tokenizer_pre *p = open_pre("deepseek-coder", true);
    struct tokenizer_pre_scratch scratch = {0};
    struct error err = {0};
    int words = 0;
    assert_false(tokenizer_pre_run(p, &scratch, span_of("a b c"),
                                   (struct tokenizer_words){stop, &words}, &err));
    assert_int_equal(words, 1);
    assert_int_equal(err.code, ERR_NONE);
    tokenizer_pre_scratch_deinit(&scratch);
    tokenizer_pre_close(p);
}

static void rows_say_what_llama_3_needs(void **state) {
    (void)state;
    struct tokenizer_pre *llama = open_pre("llama-bpe", false), *qwen = open_pre("qwen2", false);
    assert_true(tokenizer_pre_ignores_merges(llama));
    assert_true(tokenizer_pre_adds_bos(llama));
    assert_false(tokenizer_pre_ignores_merges(qwen));
    assert_false(tokenizer_pre_adds_bos(qwen));
    tokenizer_pre_close(llama);
    tokenizer_pre_close(qwen);
    tokenizer_pre_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_cut_as_the_patterns_say),
        cmocka_unit_test(ill_formed_bytes_are_words_of_no_class),
        cmocka_unit_test(the_mongolian_vowel_separator_is_no_space),
        cmocka_unit_test(words_cover_any_text_whatever_the_pattern),
        cmocka_unit_test(no_pattern_is_quadratic),
        cmocka_unit_test(an_unknown_name_is_refused_with_the_list),
        cmocka_unit_test(a_callback_can_stop_the_run),
        cmocka_unit_test(rows_say_what_llama_3_needs),
    };
    return cmocka_run_group_tests_name("tokenizer_pre", tests, NULL, NULL);
}
