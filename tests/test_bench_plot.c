/* test_bench_plot.c - the SVG holds its points, axes and legend, and is well-formed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/bench_plot.h"

static const struct bench_plot_point points[] = {
    {0, {3, 900, 1000, 1100}, {3, 28, 30, 31}},
    {4096, {3, 400, 500, 600}, {0, 0, 0, 0}},
    {32768, {3, 90, 100, 110}, {3, 9, 10, 11}},
};

static int count_of(const char *text, const char *word) {
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word))
        count++;
    return count;
}

/* Every tag that opens closes, in order; enough of XML for what is written here. */
static void assert_well_formed(const char *text) {
    char open[32][16];
    int depth = 0;
    for (const char *at = text; (at = strchr(at, '<')) != NULL;) {
        const char *end = strchr(at, '>');
        assert_non_null(end);
        char name[16] = "";
        bool closing = at[1] == '/';
        sscanf(at + 1 + closing, "%15[a-z]", name);
        if (closing) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name);
        } else if (end[-1] != '/') {
            assert_true(depth < 32);
            strcpy(open[depth++], name);
        }
        at = end + 1;
    }
    assert_int_equal(depth, 0);
}

static void it_has_a_dot_for_every_measurement(void **state) {
    (void)state;
    struct str out = {0};
    bench_plot_svg(&out, "a model", points, 3);
    assert_false(out.failed);
    assert_int_equal(count_of(out.data, "class=\"dot prefill\""), 3);
    assert_int_equal(count_of(out.data, "class=\"dot decode\""), 2);
    assert_non_null(strstr(out.data, "depth 4096: 500.0 (400.0 to 600.0)"));
    assert_well_formed(out.data);
    str_deinit(&out);
}

static void it_is_self_contained_and_says_what_is_shown(void **state) {
    (void)state;
    struct str out = {0};
    bench_plot_svg(&out, "a model", points, 3);
    assert_non_null(strstr(out.data, "prefers-color-scheme:dark"));
    assert_non_null(strstr(out.data, "depth (tokens)"));
    assert_non_null(strstr(out.data, "prefill (tokens/s)"));
    assert_non_null(strstr(out.data, "decode (tokens/s)"));
    assert_non_null(strstr(out.data, "slowest to fastest"));
    assert_null(strstr(out.data, "href"));
    assert_null(strstr(out.data, "nan"));
    assert_null(strstr(out.data, "inf"));
    str_deinit(&out);
}

static void titles_are_escaped(void **state) {
    (void)state;
    struct str out = {0};
    bench_plot_svg(&out, "<b>&\"\n\x01", points, 3);
    assert_null(strstr(out.data, "<b>"));
    assert_non_null(strstr(out.data, "&#60;b&#62;&#38;\""));
    assert_well_formed(out.data);
    str_deinit(&out);
}

static void one_depth_or_none_is_drawn_too(void **state) {
    (void)state;
    struct str out = {0};
    bench_plot_svg(&out, "one", points, 1);
    assert_int_equal(count_of(out.data, "class=\"dot"), 2);
    assert_well_formed(out.data);
    str_clear(&out);
    bench_plot_svg(&out, "none", points, 0);
    assert_int_equal(count_of(out.data, "class=\"dot"), 0);
    assert_null(strstr(out.data, "nan"));
    assert_well_formed(out.data);
    str_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_a_dot_for_every_measurement),
        cmocka_unit_test(it_is_self_contained_and_says_what_is_shown),
        cmocka_unit_test(titles_are_escaped),
        cmocka_unit_test(one_depth_or_none_is_drawn_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
