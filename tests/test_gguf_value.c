/* test_gguf_value.c - values as text: short, one line, harmless to a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gguf/gguf_internal.h"
#include "gguf_fixture.h"

static void each_type_has_its_text(void **state) {
    (void)state;
    static const struct { const char *key, *text; } want[] = {
        {"general.name", "\"Tiny \\\"Model\\\"\\nof tests\""},
        {"llama.context_length", "512"},
        {"llama.rope.freq_base", "10000"},
        {"test.double", "0.1"},
        {"test.negative", "-5"},
        {"test.large", "1099511627776"},
        {"tokenizer.ggml.add_bos_token", "true"},
        {"tokenizer.ggml.tokens", "string[5] [\"<s>\", \"a\", \"b\", \"\xc4\xa0z\", \"\"]"},
        {"tokenizer.ggml.token_type", "i32[5] [3, 1, 1, 1, 1]"},
        {"test.empty", "f64[0] []"},
    };
    struct str bytes = fixture_bytes(NULL), out = {0};
    struct error err;
    struct gguf *g = fixture_open(bytes.data, bytes.len, &err);
    assert_non_null(g);
    size_t found = 0;
    for (int i = 0; i < gguf_key_count(g); i++)
        for (size_t k = 0; k < sizeof want / sizeof want[0]; k++) {
            if (!span_equal_text(gguf_key_at(g, i, NULL), want[k].key)) continue;
            str_clear(&out);
            gguf_value_text(g, i, &out);
            assert_string_equal(out.data, want[k].text);
            found++;
        }
    assert_int_equal(found, sizeof want / sizeof want[0]);
    gguf_close(g);
    str_deinit(&bytes);
    str_deinit(&out);
    fixture_remove();
}

static void control_characters_and_broken_utf8_are_shown_as_numbers(void **state) {
    (void)state;
    static const struct { const char *in, *out; } cases[] = {
        {"\x1b[31mred", "\\x1b[31mred"},
        {"tab\there\r", "tab\\there\\x0d"},
        {"caf\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x98\x80"},
        {"\xc3", "\\xc3"},
        {"\xc0\xaf", "\\xc0\\xaf"},             /* overlong              */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},    /* a surrogate           */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* above U+10FFFF  */
        {"\xc2\x9b" "31m", "\\xc2\\x9b31m"},    /* C1: CSI in one        */
        {"\x7f", "\\x7f"},
        {"a\\b\"c", "a\\\\b\\\"c"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str out = {0};
        char printable[GGUF_PRINTABLE_BYTES];
        assert_false(gguf_value_escape(&out, span_of(cases[i].in), 100));
        assert_string_equal(out.data, cases[i].out);
        assert_string_equal(gguf_printable(printable, span_of(cases[i].in)), cases[i].out);
        str_deinit(&out);
    }
}

static void long_text_is_cut_at_a_character(void **state) {
    (void)state;
    for (size_t max = 0; max < 12; max++) {
        struct str out = {0};
        assert_true(gguf_value_escape(&out, span_of("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\x1b\n"),
                                      max));
        assert_int_equal(out.len, max / 3 * 3); /* the escape needs four more */
        str_deinit(&out);
    }
}

static void names_of_any_length_fit_the_buffer(void **state) {
    (void)state;
    char name[300];
    for (size_t len = 0; len < sizeof name; len++)
        for (int fill = 0; fill < 2; fill++) {
            char printable[GGUF_PRINTABLE_BYTES];
            memset(name, fill ? 'x' : 1, len);
            gguf_printable(printable, (struct span){name, len});
            assert_true(strlen(printable) < GGUF_PRINTABLE_BYTES);
            if (len > GGUF_PRINTABLE_BYTES) assert_non_null(strstr(printable, "..."));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_text),
        cmocka_unit_test(control_characters_and_broken_utf8_are_shown_as_numbers),
        cmocka_unit_test(long_text_is_cut_at_a_character),
        cmocka_unit_test(names_of_any_length_fit_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
