/* test_grammar.c - grammars over bytes, and texts followed through them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "text/grammar.h"

static bool accepts(struct grammar *g, const char *text) {
    struct grammar_state *s = grammar_state_open(g);
    assert_non_null(s);
    bool ok = true;
    for (size_t i = 0; ok && text[i] != 0; i++) {
        ok = grammar_state_may(s, (struct span){text + i, 1});
        if (ok) grammar_state_add(s, (struct span){text + i, 1});
    }
    ok = ok && grammar_state_complete(s);
    grammar_state_close(s);
    return ok;
}

/* nested ::= "" | "(" nested ")" nested */
static struct grammar *parentheses(void) {
    struct grammar *g = grammar_open();
    struct error err = {0};
    int32_t nested = grammar_rule(g);
    const int32_t symbols[] = {grammar_range(g, '(', '('), nested, grammar_range(g, ')', ')'),
                               nested};
    grammar_add(g, nested, NULL, 0);
    grammar_add(g, nested, symbols, 4);
    assert_true(grammar_seal(g, nested, &err));
    return g;
}

static void a_recursive_grammar_counts(void **state) {
    (void)state;
    struct grammar *g = parentheses();
    assert_true(accepts(g, ""));
    assert_true(accepts(g, "(()())()"));
    assert_false(accepts(g, "("));
    assert_false(accepts(g, "())"));
    assert_false(accepts(g, "x"));
    grammar_release(g);
}

static void several_bytes_are_tried_without_being_taken(void **state) {
    (void)state;
    struct grammar *g = parentheses();
    struct grammar_state *s = grammar_state_open(g);
    grammar_release(g); /* the state holds it */
    assert_true(grammar_state_may(s, span_of("(((")));
    assert_true(grammar_state_may(s, span_of("()(")));
    assert_false(grammar_state_may(s, span_of("())")));
    assert_false(grammar_state_may(s, span_of("")));
    assert_true(grammar_state_complete(s));
    grammar_state_add(s, span_of("("));
    assert_false(grammar_state_complete(s));
    assert_true(grammar_state_may(s, span_of(")")));
    grammar_state_close(s);
    grammar_state_close(NULL);
    grammar_release(NULL);
}

static void readings_are_followed_side_by_side(void **state) {
    (void)state;
    struct grammar *g = grammar_open();
    struct error err = {0};
    int32_t start = grammar_rule(g), any = grammar_rule(g), a = grammar_range(g, 'a', 'z');
    int32_t words[] = {grammar_literal(g, span_of("if")), grammar_literal(g, span_of("iffy"))};
    grammar_add(g, start, &words[0], 1);
    grammar_add(g, start, &words[1], 1);
    grammar_add(g, any, NULL, 0);
    grammar_add(g, any, (int32_t[]){a, any}, 2);
    grammar_add(g, start, (int32_t[]){grammar_range(g, '#', '#'), any}, 2);
    assert_true(grammar_seal(g, start, &err));
    assert_true(accepts(g, "if"));
    assert_true(accepts(g, "iffy"));
    assert_false(accepts(g, "iff"));
    assert_true(accepts(g, "#"));
    assert_true(accepts(g, "#iff"));
    grammar_release(g);
}

static void a_rule_that_leads_to_no_byte_is_refused(void **state) {
    (void)state;
    struct grammar *g = grammar_open();
    struct error err = {0};
    int32_t rule = grammar_rule(g), empty = grammar_rule(g);
    grammar_add(g, empty, NULL, 0);
    grammar_add(g, rule, (int32_t[]){empty, rule, grammar_range(g, 'a', 'a')}, 3);
    grammar_add(g, rule, NULL, 0);
    assert_false(grammar_seal(g, rule, &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
    grammar_release(g);
}

static void nesting_without_end_is_stopped_and_not_followed(void **state) {
    (void)state;
    struct grammar *g = parentheses();
    struct grammar_state *s = grammar_state_open(g);
    int64_t depth = 0;
    while (depth < 2 * GRAMMAR_NODES_MAX && grammar_state_may(s, span_of("("))) {
        grammar_state_add(s, span_of("("));
        depth++;
    }
    assert_in_range(depth, 1000, GRAMMAR_NODES_MAX);
    grammar_state_close(s);
    grammar_release(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recursive_grammar_counts),
        cmocka_unit_test(several_bytes_are_tried_without_being_taken),
        cmocka_unit_test(readings_are_followed_side_by_side),
        cmocka_unit_test(a_rule_that_leads_to_no_byte_is_refused),
        cmocka_unit_test(nesting_without_end_is_stopped_and_not_followed),
    };
    return cmocka_run_group_tests_name("grammar", tests, NULL, NULL);
}
