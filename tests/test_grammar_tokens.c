/* test_grammar_tokens.c - a grammar over a small vocabulary: bytes, words and control tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "text/grammar_tokens.h"
#include "tokenizer_fixture.h"

static void tokens_follow_the_grammar_and_control_tokens_do_not(void **state) {
    (void)state;
    struct tokenizer *t = fixture_bpe("qwen2");
    struct grammar *g = grammar_open();
    struct error err = {0};
    struct tokens text = {0};
    int end_count, allowed = 0;
    const int32_t *ends = tokenizer_ends(t, &end_count);
    int32_t start = grammar_literal(g, span_of("hello hello"));
    assert_true(t != NULL && end_count > 0 && grammar_seal(g, start, &err));
    assert_true(tokenizer_encode(t, span_of("hello hello"), false, &text, &err));
    struct grammar_tokens *s = grammar_tokens_open(g, t);
    grammar_release(g);
    for (int64_t i = 0; i < text.count; i++) {
        assert_true(grammar_tokens_may(s, text.ids[i]));
        for (int e = 0; e < end_count; e++) assert_false(grammar_tokens_may(s, ends[e]));
        grammar_tokens_accept(s, text.ids[i]);
    }
    for (int32_t id = 0; id < tokenizer_vocab_size(t); id++) {
        bool may = grammar_tokens_may(s, id);
        assert_int_equal(may, tokenizer_is_end(t, id));
        allowed += may;
    }
    assert_int_equal(allowed, end_count);
    grammar_tokens_accept(s, ends[0]);
    grammar_tokens_close(s);
    grammar_tokens_close(NULL);
    tokens_deinit(&text);
    tokenizer_close(t);
}

static void control_tokens_are_no_text_even_where_any_text_is_allowed(void **state) {
    (void)state;
    struct tokenizer *t = fixture_bpe("qwen2");
    struct grammar *g = grammar_open();
    struct error err = {0};
    int32_t any = grammar_rule(g);
    grammar_add(g, any, NULL, 0);
    grammar_add(g, any, (int32_t[]){grammar_range(g, 0, 255), any}, 2);
    assert_true(grammar_seal(g, any, &err));
    struct grammar_tokens *s = grammar_tokens_open(g, t);
    grammar_release(g);
    for (int32_t id = 0; id < tokenizer_vocab_size(t); id++)
        if (tokenizer_is_control(t, id))
            assert_int_equal(grammar_tokens_may(s, id), tokenizer_is_end(t, id));
    grammar_tokens_close(s);
    tokenizer_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_follow_the_grammar_and_control_tokens_do_not),
        cmocka_unit_test(control_tokens_are_no_text_even_where_any_text_is_allowed),
    };
    return cmocka_run_group_tests_name("grammar_tokens", tests, NULL, NULL);
}
