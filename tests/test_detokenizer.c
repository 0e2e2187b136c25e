/* test_detokenizer.c - ids to text, one at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "base/random.h"
#include "text/unicode.h"
#include "tokenizer_fixture.h"

/* Feeds all; checks after every token that what came out so far is whole UTF-8. */
static struct str detokenize(const struct tokenizer *t, const int32_t *ids, int64_t count,
                             bool special) {
    struct detokenizer d;
    struct str out = {0};
    detokenizer_init(&d, t, special);
    for (int64_t i = 0; i < count; i++) {
        detokenizer_add(&d, ids[i], &out);
        assert_int_equal(unicode_valid_prefix((struct span){str_text(&out), out.len}), out.len);
    }
    detokenizer_finish(&d, &out);
    return out;
}

static void assert_text(const struct tokenizer *t, const int32_t *ids, int64_t count, bool special,
                        const char *expected) {
    struct str out = detokenize(t, ids, count, special);
    assert_string_equal(str_text(&out), expected);
    str_deinit(&out);
}

static void assert_round_trip(const struct tokenizer *t, const char *text) {
    struct tokens ids = {0};
    assert_true(tokenizer_encode(t, span_of(text), true, &ids, NULL));
    assert_text(t, ids.ids, ids.count, true, text);
    tokens_deinit(&ids);
}

static void text_comes_back_as_it_was(void **state) {
    (void)state;
    struct tokenizer *t[] = {fixture_bpe("qwen2"), fixture_spm(true), fixture_spm(false)};
    for (int i = 0; i < 3; i++) {
        assert_round_trip(t[i], "The quick brown fox.\n\tdef f(x):\r\n");
        assert_round_trip(t[i], "\u4F60\u597D \U0001F44D e\u0301 \u00E9\u00BD\u65E5");
        assert_round_trip(t[i], "  two in front");
        assert_round_trip(t[i], "");
        assert_round_trip(t[i], " ");
        tokenizer_close(t[i]);
    }
}

/* Byte-level ids of raw bytes: in the small vocabulary the token of a byte is its number. */
static void assert_bytes(const struct tokenizer *t, const char *bytes, const char *expected) {
    int32_t ids[64];
    int64_t count = 0;
    for (const char *b = bytes; *b != 0; b++) ids[count++] = (uint8_t)*b;
    assert_text(t, ids, count, false, expected);
}

static void half_a_sequence_waits_for_its_other_half(void **state) {
    (void)state;
    struct tokenizer *t = fixture_bpe("qwen2");
    struct detokenizer d;
    struct str out = {0};
    detokenizer_init(&d, t, false);
    static const uint8_t thumb[] = {0xF0, 0x9F, 0x91, 0x8D};
    for (int i = 0; i < 3; i++) {
        detokenizer_add(&d, thumb[i], &out);
        assert_int_equal(out.len, 0);
    }
    detokenizer_add(&d, thumb[3], &out);
    assert_string_equal(str_text(&out), "\U0001F44D");
    str_deinit(&out);
    tokenizer_close(t);
}

static void wrong_bytes_become_one_replacement_a_maximal_subpart(void **state) {
    (void)state;
    struct tokenizer *t = fixture_bpe("qwen2");
    assert_bytes(t, "a\xFF" "b", "a\uFFFDb");
    assert_bytes(t, "a\x80\x80" "b", "a\uFFFD\uFFFDb");
    assert_bytes(t, "\xE2\x82" "b", "\uFFFDb");                  /* two bytes, one subpart */
    assert_bytes(t, "\xF0\x9F\x91" "b", "\uFFFDb");              /* three */
    assert_bytes(t, "\xE2\x82\xE2\x82\xAC", "\uFFFD\u20AC");     /* begun again */
    assert_bytes(t, "\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD");       /* a surrogate */
    assert_bytes(t, "\xC0\x80", "\uFFFD\uFFFD");                 /* overlong */
    /* The example of the Unicode standard, table 3-8. */
    assert_bytes(t, "a\xF1\x80\x80\xE1\x80\xC2" "b\x80" "c\x80\xBF" "d",
                 "a\uFFFD\uFFFD\uFFFD" "b\uFFFD" "c\uFFFD\uFFFD" "d");
    assert_bytes(t, "end\xE2\x82", "end\uFFFD");                 /* cut by the end */
    tokenizer_close(t);
}

static void random_tokens_give_the_text_of_their_bytes(void **state) {
    (void)state;
    /* Reference: all bytes at once, decoded by the rule. */
    struct tokenizer *t = fixture_bpe("qwen2");
    struct random r;
    random_init(&r, 31);
    for (int n = 0; n < 500; n++) {
        int32_t ids[40];
        struct str bytes = {0}, expected = {0};
        for (int i = 0; i < 40; i++) {
            ids[i] = (int32_t)random_below(&r, random_below(&r, 2) == 0
                                                   ? 256 : (uint64_t)tokenizer_vocab_size(t));
            if (tokenizer_is_control(t, ids[i])) continue;
            struct span b = tokenizer_bytes(t, ids[i]);
            str_add(&bytes, b.data, b.len);
        }
        for (size_t at = 0; at < bytes.len;) {
            uint32_t code;
            struct span rest = {bytes.data + at, bytes.len - at};
            int len = unicode_decode(rest, &code);
            if (len > 0)
                str_add(&expected, rest.data, (size_t)len);
            else
                str_add_text(&expected, "\uFFFD");
            at += len > 0 ? (size_t)len : len < 0 ? (size_t)-len : rest.len;
        }
        struct str out = detokenize(t, ids, 40, false);
        assert_int_equal(out.len, expected.len);
        assert_memory_equal(out.data, expected.data, out.len);
        str_deinit(&bytes);
        str_deinit(&expected);
        str_deinit(&out);
    }
    tokenizer_close(t);
}

static void control_tokens_print_only_when_asked(void **state) {
    (void)state;
    struct tokenizer *t[] = {fixture_bpe("qwen2"), fixture_spm(true)};
    for (int i = 0; i < 2; i++) {
        int32_t ids[2] = {tokenizer_find_special(t[i], "<|im_end|>"),
                          tokenizer_find_special(t[i], "<tool_call>")};
        assert_text(t[i], ids, 2, false, "<tool_call>"); /* user-defined: ordinary text */
        assert_text(t[i], ids, 2, true, "<|im_end|><tool_call>");
        tokenizer_close(t[i]);
    }
}

static void unused_tokens_print_nothing(void **state) {
    (void)state;
    struct gguf_write *w = gguf_write_open();
    static const char *const tokens[] = {"a", "[UNUSED]", "b"};
    gguf_write_string(w, "tokenizer.ggml.model", "gpt2");
    gguf_write_strings(w, "tokenizer.ggml.tokens", tokens, 3);
    gguf_write_array(w, "tokenizer.ggml.token_type", GGUF_I32, (int32_t[]){1, 5, 1}, 3);
    gguf_write_strings(w, "tokenizer.ggml.merges", NULL, 0);
    struct error err;
    struct tokenizer *t = fixture_tokenizer(w, &err);
    if (t == NULL) fail_msg("%s", err.text);
    assert_text(t, (int32_t[]){0, 1, 2}, 3, true, "ab");
    tokenizer_close(t);
}

static void sentencepiece_loses_one_space_at_the_very_front(void **state) {
    (void)state;
    struct tokenizer *with = fixture_spm(true), *without = fixture_spm(false);
    struct tokens ids = {0};
    assert_true(tokenizer_encode(without, span_of("  a b"), false, &ids, NULL));
    assert_text(without, ids.ids, ids.count, false, "  a b");
    assert_text(with, ids.ids, ids.count, false, " a b");
    int32_t start[2] = {tokenizer_find_special(with, "<s>"), ids.ids[0]};
    struct str out = detokenize(with, start, 2, false); /* a silent token is not the front */
    assert_int_equal(out.len, tokenizer_bytes(with, ids.ids[0]).len - 1);
    str_deinit(&out);
    tokens_deinit(&ids);
    tokenizer_close(with);
    tokenizer_close(without);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back_as_it_was),
        cmocka_unit_test(half_a_sequence_waits_for_its_other_half),
        cmocka_unit_test(wrong_bytes_become_one_replacement_a_maximal_subpart),
        cmocka_unit_test(random_tokens_give_the_text_of_their_bytes),
        cmocka_unit_test(control_tokens_print_only_when_asked),
        cmocka_unit_test(unused_tokens_print_nothing),
        cmocka_unit_test(sentencepiece_loses_one_space_at_the_very_front),
    };
    return cmocka_run_group_tests_name("detokenizer", tests, NULL, NULL);
}
