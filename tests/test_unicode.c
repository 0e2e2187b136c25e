/* test_unicode.c - UTF-8 against the standard's tables, classes against PCRE2's.
 * Covers: unicode_table.c */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pcre2.h>
#include <string.h>
#include "base/random.h"
#include "text/unicode.h"

static bool is_surrogate(uint32_t code) {
    return code >= 0xD800 && code <= 0xDFFF;
}

static void every_code_point_survives_encoding_and_decoding(void **state) {
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        if (is_surrogate(code)) continue;
        char bytes[4];
        uint32_t again;
        int len = unicode_encode(code, bytes);
        struct span text = {bytes, (size_t)len};
        assert_int_equal(unicode_decode(text, &again), len);
        assert_int_equal(again, code);
        assert_int_equal(unicode_valid_prefix(text), (size_t)len);
        for (int cut = 1; cut < len; cut++) { /* a beginning is neither valid nor wrong */
            struct span part = {bytes, (size_t)cut};
            assert_int_equal(unicode_decode(part, &again), 0);
            assert_int_equal(unicode_valid_prefix(part), 0);
        }
    }
}

static void ill_formed_sequences_are_cut_into_maximal_subparts(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        int len;
    } cases[] = {
        {"\x80", -1},             /* a continuation alone */
        {"\xBF", -1},
        {"\xC0\x80", -1},         /* overlong */
        {"\xC1\xBF", -1},
        {"\xE0\x80\x80", -1},     /* overlong in three: its second byte cannot follow */
        {"\xE0\x9F\xBF", -1},
        {"\xED\xA0\x80", -1},     /* a surrogate */
        {"\xF0\x80\x80\x80", -1}, /* overlong in four */
        {"\xF0\x8F\xBF\xBF", -1},
        {"\xF4\x90\x80\x80", -1}, /* past U+10FFFF */
        {"\xF5\x80\x80\x80", -1},
        {"\xFE", -1},
        {"\xFF", -1},
        {"\xC2q", -1},            /* cut by another character */
        {"\xE1\x80q", -2},
        {"\xF1\x80\x80q", -3},
        {"\xF1\x80\x80\xC2", -3},
        {"\xE2\x82\xE2\x82\xAC", -2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t code;
        struct span text = span_of(cases[i].bytes);
        assert_int_equal(unicode_decode(text, &code), cases[i].len);
        assert_int_equal(unicode_valid_prefix(text), 0);
    }
}

static void the_valid_prefix_ends_at_the_first_wrong_byte(void **state) {
    (void)state;
    char text[64];
    for (size_t wrong = 0; wrong < sizeof text; wrong++) { /* around the steps of eight bytes */
        memset(text, 'x', sizeof text);
        assert_int_equal(unicode_valid_prefix((struct span){text, wrong}), wrong);
        text[wrong] = '\xFF';
        assert_int_equal(unicode_valid_prefix((struct span){text, sizeof text}), wrong);
    }
}

static pcre2_code *compile(const char *pattern) {
    int error;
    PCRE2_SIZE at;
    return pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error,
                         &at, NULL);
}

static bool matches(const pcre2_code *code, pcre2_match_data *data, struct span text) {
    return pcre2_match(code, (PCRE2_SPTR)text.data, text.len, 0, 0, data, NULL) >= 0;
}

static void classes_are_those_of_pcre2_where_it_knows_the_character(void **state) {
    (void)state;
    /* PCRE2's database may be older or newer: what one of the two does not know is not compared,
     * nor are the few characters whose category changed between versions. */
    static const char *const patterns[] = {"[\\p{Lu}\\p{Lt}]", "\\p{Ll}", "[\\p{Lm}\\p{Lo}]",
                                           "\\p{M}", "\\p{N}", "\\p{P}", "\\p{S}"};
    pcre2_code *codes[7], *unassigned = compile("\\p{Cn}"), *space = compile("\\s");
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int changed = 0;
    for (int i = 0; i < 7; i++) assert_non_null(codes[i] = compile(patterns[i]));
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        if (is_surrogate(code)) continue;
        char bytes[4];
        struct span text = {bytes, (size_t)unicode_encode(code, bytes)};
        if (matches(unassigned, data, text)) continue;
        unsigned expected = 0;
        for (int i = 0; i < 7; i++)
            if (matches(codes[i], data, text)) expected = 1u << i;
        if (matches(space, data, text) && code != 0x180E) expected = UNICODE_SPACE;
        changed += unicode_class(code) != expected;
    }
    assert_in_range(changed, 0, 16);
    for (int i = 0; i < 7; i++) pcre2_code_free(codes[i]);
    pcre2_code_free(unassigned);
    pcre2_code_free(space);
    pcre2_match_data_free(data);
}

static void classes_of_characters_that_patterns_turn_on(void **state) {
    (void)state;
    assert_int_equal(unicode_class('a'), UNICODE_LOWER);
    assert_int_equal(unicode_class('_'), UNICODE_PUNCTUATION);
    assert_int_equal(unicode_class('~'), UNICODE_SYMBOL);
    assert_int_equal(unicode_class(0x85), UNICODE_SPACE);   /* next line */
    assert_int_equal(unicode_class(0xA0), UNICODE_SPACE);   /* no-break space */
    assert_int_equal(unicode_class(0x3000), UNICODE_SPACE); /* ideographic space */
    assert_int_equal(unicode_class(0x180E), 0);             /* no space since Unicode 6.3 */
    assert_int_equal(unicode_class(0x200B), 0);             /* zero width space is none */
    assert_int_equal(unicode_class(0x1C), 0);               /* nor are the separators of ASCII */
    assert_int_equal(unicode_class(0xFFFD), UNICODE_SYMBOL);
    assert_int_equal(unicode_class(0x4F60), UNICODE_UNCASED);
    assert_int_equal(unicode_class(0x301), UNICODE_MARK);
    assert_int_equal(unicode_class(0xE0100), UNICODE_MARK); /* behind the table's end */
    assert_int_equal(unicode_class(0xE01EF), UNICODE_MARK);
    assert_int_equal(unicode_class(0xE01F0), 0);
    assert_int_equal(unicode_class(0x10FFFF), 0);
    assert_int_equal(unicode_class(UINT32_MAX), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_survives_encoding_and_decoding),
        cmocka_unit_test(ill_formed_sequences_are_cut_into_maximal_subparts),
        cmocka_unit_test(the_valid_prefix_ends_at_the_first_wrong_byte),
        cmocka_unit_test(classes_are_those_of_pcre2_where_it_knows_the_character),
        cmocka_unit_test(classes_of_characters_that_patterns_turn_on),
    };
    return cmocka_run_group_tests_name("unicode", tests, NULL, NULL);
}
