/* test_template_filter.c - filters, tests and formats: what the snippets of test_template.c do not
 * say, such as which argument is wrong and where limits are.
 * Covers: template_check.c, template_format.c, template_repr.c, template_sequence.c. */
#include "template_fixture.h"
#include <math.h>
#include "text/template_repr.h"

static void a_wrong_argument_is_named(void **state) {
    (void)state;
    fixture_refuse("{{ 'a'|replace('b') }}", NULL, ERR_ARGUMENT,
                   "replace() needs its argument 'new'");
    fixture_refuse("{{ 'a'|trim(1) }}", NULL, ERR_ARGUMENT, "trim() wants a string as argument 1");
    fixture_refuse("{{ 'a'|upper(1) }}", NULL, ERR_ARGUMENT, "upper() takes at most 0 arguments");
    fixture_refuse("{{ 1|round(nosuch=2) }}", NULL, ERR_ARGUMENT, "no parameter 'nosuch'");
    fixture_refuse("{{ 1|round(1, precision=2) }}", NULL, ERR_ARGUMENT, "'precision' twice");
    fixture_refuse("{{ {}.get(key=1) }}", NULL, ERR_ARGUMENT, "get() takes no arguments by name");
    fixture_refuse("{{ x|int }}", NULL, ERR_ARGUMENT, "'x' is undefined");
    fixture_refuse("{{ 1|length }}", NULL, ERR_ARGUMENT, "length: this has no length");
    fixture_refuse("{{ [1, 'a']|sort }}", NULL, ERR_ARGUMENT, "have no order");
    fixture_refuse("{{ x|tojson }}", NULL, ERR_ARGUMENT, "'x' is undefined");
}

static void a_float_is_written_with_the_fewest_digits(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {1e-4, "0.0001"},
        {1e-5, "1e-05"},
        {1.5e-7, "1.5e-07"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {-12.5, "-12.5"},
        {100.0, "100.0"},
        {9007199254740993.0, "9007199254740992.0"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[TEMPLATE_REPR_FLOAT_BYTES];
        size_t len = template_repr_float(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(len, strlen(text));
    }
}

/* Every float must come back, however odd. */
static void a_float_reads_back_as_itself(void **state) {
    (void)state;
    uint64_t bits = 88172645463325252U;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13; /* xorshift64 (Marsaglia 2003) */
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double d;
        memcpy(&d, &bits, sizeof d);
        if (!isfinite(d)) continue;
        char text[TEMPLATE_REPR_FLOAT_BYTES];
        template_repr_float(d, text);
        assert_true(strtod(text, NULL) == d);
    }
}

static void json_is_laid_out_as_python_does(void **state) {
    (void)state;
    static const char data[] = "{\"x\": {\"b\": [1, {}], \"a\": \"é\\\"\\n\", \"c\": []}}";
    fixture_expect("{{ x|tojson }}", data, "{\"b\": [1, {}], \"a\": \"é\\\"\\n\", \"c\": []}");
    fixture_expect("{{ x|tojson(indent=1) }}", data,
                   "{\n \"b\": [\n  1,\n  {}\n ],\n \"a\": \"é\\\"\\n\",\n \"c\": []\n}");
    fixture_expect("{{ x|tojson(separators=(',', ':'), sort_keys=true, ensure_ascii=true) }}", data,
                   "{\"a\":\"\\u00e9\\\"\\n\",\"b\":[1,{}],\"c\":[]}");
    fixture_refuse("{{ x|tojson(indent=100000) }}", data, ERR_ARGUMENT, "indent");
    fixture_refuse("{{ x|tojson(separators='ab') }}{{ x|tojson(separators=1) }}", data,
                   ERR_ARGUMENT, "cannot be iterated");
}

static void wide_fields_are_refused(void **state) {
    (void)state;
    fixture_refuse("{{ '%99999d' % 1 }}", NULL, ERR_ARGUMENT, "too wide");
    fixture_refuse("{{ '%*d' % (99999, 1) }}", NULL, ERR_ARGUMENT, "too wide");
    fixture_refuse("{{ '%.9999f' % 1 }}", NULL, ERR_ARGUMENT, "too wide");
    fixture_refuse("{{ '{:99999}'.format(1) }}", NULL, ERR_ARGUMENT, "too wide");
    fixture_refuse("{{ '{:.9999f}'.format(1) }}", NULL, ERR_ARGUMENT, "too many digits");
    fixture_expect("{{ ('%.300f' % 1e300)|length }}", NULL, "602");
    fixture_expect("{{ '{:,.300f}'.format(1e300)|length }}", NULL, "602");
}

static void many_keys_are_found(void **state) {
    (void)state;
    fixture_expect(
        "{% set d = dict(range(20000)|batch(2)) %}{{ d|length }} {{ d[19998] }} {{ d[4.0] }}"
        " {{ 7 in d }} {{ d.get(3, 'no') }}",
        NULL, "10000 19999 5 False no");
    fixture_expect("{{ range(3000)|map('string')|unique|list|length }}", NULL, "3000");
}

static void many_items_are_sorted_stably(void **state) {
    (void)state;
    fixture_expect(
        "{% set rows = namespace(l=[]) %}"
        "{% for i in range(300) %}{% set rows.l = rows.l + [{'k': i % 3, 'i': i}] %}{% endfor %}"
        "{% set s = rows.l|sort(attribute='k') %}{{ s[0].i }} {{ s[1].i }} {{ s[99].i }} "
        "{{ s[100].i }} {{ s[299].i }} {{ (rows.l|sort(attribute='k', reverse=true))[0].i }}",
        NULL, "0 3 297 1 299 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_argument_is_named),
        cmocka_unit_test(a_float_is_written_with_the_fewest_digits),
        cmocka_unit_test(a_float_reads_back_as_itself),
        cmocka_unit_test(json_is_laid_out_as_python_does),
        cmocka_unit_test(wide_fields_are_refused),
        cmocka_unit_test(many_keys_are_found),
        cmocka_unit_test(many_items_are_sorted_stably),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
