/* test_template_unicode.c - characters as Python's str methods see them, in templates and directly.
 * Covers: template_unicode_table.c, template_string.c, template_method.c. */
#include "template_fixture.h"
#include "text/template_string.h"
#include "text/template_unicode.h"

static void classes_agree_with_python(void **state) {
    (void)state;
    assert_true(template_unicode_is_alpha('a') && template_unicode_is_alpha(0x65E5)); /* 日 */
    assert_false(template_unicode_is_alpha('1') || template_unicode_is_alpha(0x1F600));
    assert_true(template_unicode_is_space(' ') && template_unicode_is_space(0x1C));
    assert_true(template_unicode_is_space(0xA0) && template_unicode_is_space(0x3000));
    assert_false(template_unicode_is_space(0x200B)); /* zero width space is none */
    assert_true(template_unicode_is_digit(0xB2) && !template_unicode_is_decimal(0xB2));    /* ² */
    assert_true(template_unicode_is_numeric(0xBD) && !template_unicode_is_digit(0xBD));    /* ½ */
    assert_true(template_unicode_is_decimal(0x0663));                        /* Arabic three */
    assert_true(template_unicode_is_printable(0xE9) && template_unicode_is_printable(0x1F600));
    assert_false(template_unicode_is_printable(0x7F) || template_unicode_is_printable(0xAD));
    assert_false(template_unicode_is_printable(0xE000) || template_unicode_is_printable(0x10FFFF));
    assert_true(template_unicode_is_line_end(0x2028) && template_unicode_is_line_end(0x1E));
    assert_false(template_unicode_is_line_end(0x1F));
}

static void case_agrees_with_python(void **state) {
    (void)state;
    uint32_t out[3];
    assert_int_equal(template_unicode_convert(0xDF, CASE_UPPER, out), 2); /* ß: SS */
    assert_true(out[0] == 'S' && out[1] == 'S');
    assert_int_equal(template_unicode_convert(0xDF, CASE_TITLE, out), 2); /* Ss */
    assert_true(out[0] == 'S' && out[1] == 's');
    assert_int_equal(template_unicode_convert(0xFB03, CASE_UPPER, out), 3); /* ffi ligature */
    assert_int_equal(template_unicode_convert(0x130, CASE_LOWER, out), 2); /* I with a dot */
    assert_int_equal(template_unicode_convert(0x1C6, CASE_TITLE, out), 1); /* dž as one */
    assert_int_equal(out[0], 0x1C5);
    template_unicode_convert(0x44F, CASE_UPPER, out); /* я */
    assert_int_equal(out[0], 0x42F);
    template_unicode_convert(0x10428, CASE_UPPER, out); /* Deseret */
    assert_int_equal(out[0], 0x10400);
    template_unicode_convert(0x1F600, CASE_UPPER, out);
    assert_int_equal(out[0], 0x1F600);
}

static void utf8_goes_there_and_back(void **state) {
    (void)state;
    for (uint32_t c = 1; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 97) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        char utf8[4];
        size_t len = template_text_encode(c, utf8), at = 0;
        struct span text = {utf8, len};
        assert_true(template_text_valid_utf8(text));
        assert_int_equal(template_text_decode(text, &at), c);
        assert_int_equal(at, len);
        assert_false(template_text_valid_utf8((struct span){utf8, len - 1}) && len > 1);
    }
}

static void what_is_no_utf8_is_seen(void **state) {
    (void)state;
    static const char *const wrong[] = {"\x80",         "\xc0\x80",     "\xc1\xbf",
                                        "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                                        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xc3"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(template_text_valid_utf8(span_of(wrong[i])));
}

static void positions_count_characters(void **state) {
    (void)state;
    static const char data[] = "{\"u\": \"a\\u00e9\\u65e5\\ud83d\\ude00z\"}";
    fixture_expect("{{ u|length }}{{ u[1] }}{{ u[-2] }}{{ u[::-1] }}", data, "5é😀z😀日éa");
    fixture_expect("{{ u.find('z') }}{{ u.rfind('日') }}{{ u[2:4] }}{{ u.index('😀') }}", data,
                   "42日😀3");
    fixture_expect("{% for c in u %}{{ c }},{% endfor %}", data, "a,é,日,😀,z,");
    fixture_expect("{{ u.center(9, '·') }}{{ '%-7s|' % u }}", data, "··aé日😀z··aé日😀z  |");
}

static void texts_may_hold_nul(void **state) {
    (void)state;
    struct rendered r = fixture_render("{{ x }}{{ x|length }}", "{\"x\": \"a\\u0000b\"}");
    assert_true(r.ok);
    assert_int_equal(r.out.text.len, 4);
    assert_memory_equal(str_text(&r.out.text), "a\0b3", 4);
    template_output_deinit(&r.out);
}

static void numbers_are_read_as_python_reads_them(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int base;
        bool ok;
        int64_t value;
    } cases[] = {
        {"42", 10, true, 42},    {" -42\n", 10, true, -42}, {"+7", 10, true, 7},
        {"1_000", 10, true, 1000}, {"0x1f", 16, true, 31},  {"0b11", 0, true, 3},
        {"-0x10", 0, true, -16}, {"0o17", 8, true, 15},     {"z", 36, true, 35},
        {"0", 0, true, 0},       {"", 10, false, 0},        {"-", 10, false, 0},
        {"1__0", 10, false, 0},  {"_1", 10, false, 0},      {"1_", 10, false, 0},
        {"0x", 16, false, 0},    {"0x0x1", 16, false, 0},   {"08", 0, false, 0},
        {"1.5", 10, false, 0},   {"- 1", 10, false, 0},     {"--1", 10, false, 0},
        {"12", 1, false, 0},     {"1 2", 10, false, 0},     {"0b1", 10, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 0;
        bool overflow;
        bool ok = template_string_to_int(span_of(cases[i].text), cases[i].base, &value, &overflow);
        if (ok != cases[i].ok || (ok && value != cases[i].value)) fail_msg("%s", cases[i].text);
    }
    bool overflow;
    int64_t value;
    assert_true(template_string_to_int(span_of("99999999999999999999"), 10, &value, &overflow));
    assert_true(overflow);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_agree_with_python),
        cmocka_unit_test(case_agrees_with_python),
        cmocka_unit_test(utf8_goes_there_and_back),
        cmocka_unit_test(what_is_no_utf8_is_seen),
        cmocka_unit_test(positions_count_characters),
        cmocka_unit_test(texts_may_hold_nul),
        cmocka_unit_test(numbers_are_read_as_python_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
