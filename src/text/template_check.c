/* template_check.c - the tests of `is`. */
#include "text/template_builtin.h"
#include "text/template_operator.h"
#include "text/template_repr.h"
#include "text/template_unicode.h"

static bool check_defined(struct template_call *c) {
    return c->self.type != VALUE_UNDEFINED;
}

static bool check_undefined(struct template_call *c) {
    return c->self.type == VALUE_UNDEFINED;
}

static bool check_none(struct template_call *c) {
    return c->self.type == VALUE_NONE;
}

static bool check_boolean(struct template_call *c) {
    return c->self.type == VALUE_BOOL;
}

static bool check_true(struct template_call *c) {
    return c->self.type == VALUE_BOOL && c->self.boolean;
}

static bool check_false(struct template_call *c) {
    return c->self.type == VALUE_BOOL && !c->self.boolean;
}

static bool check_integer(struct template_call *c) {
    return c->self.type == VALUE_INT;
}

static bool check_float(struct template_call *c) {
    return c->self.type == VALUE_FLOAT;
}

static bool check_number(struct template_call *c) {
    return template_value_is_number(c->self);
}

static bool check_string(struct template_call *c) {
    return c->self.type == VALUE_STRING;
}

static bool check_mapping(struct template_call *c) {
    return c->self.type == VALUE_DICT;
}

static bool check_iterable(struct template_call *c) {
    return template_value_is_iterable(c->self);
}

/* Has a length and can be subscripted: Python's undefined and dict count, views do not. */
static bool check_sequence(struct template_call *c) {
    return template_value_length(c->self) >= 0 && c->self.type != VALUE_VIEW;
}

static bool check_callable(struct template_call *c) {
    return c->self.type == VALUE_FUNCTION || c->self.type == VALUE_JOINER ||
           c->self.type == VALUE_LOOP || c->self.type == VALUE_UNDEFINED;
}

static bool check_escaped(struct template_call *c) {
    (void)c;
    return false;
}

static bool check_sameas(struct template_call *c) {
    return template_value_same(c->self, c->arg[0]);
}

static bool remainder_is(struct template_call *c, struct template_value divisor, int64_t wanted) {
    struct template_value rest = template_operator_binary(c->s, OPERATOR_MODULO, c->self, divisor);
    return !c->s->failed && template_value_equal(c->s, rest, template_value_int(wanted));
}

static bool check_even(struct template_call *c) {
    return remainder_is(c, template_value_int(2), 0);
}

static bool check_odd(struct template_call *c) {
    return remainder_is(c, template_value_int(2), 1);
}

static bool check_divisibleby(struct template_call *c) {
    return remainder_is(c, c->arg[0], 0);
}

/* All cased characters are of this case, and there is one. */
static bool all_cased(struct template_call *c, bool (*wanted)(uint32_t), bool (*other)(uint32_t)) {
    struct template_string *string = template_repr_string(c->s, c->self);
    bool found = false;
    if (!string || !template_state_spend_bytes(c->s, string->len)) return false;
    struct span text = template_text_span(string);
    for (size_t at = 0; at < text.len;) {
        uint32_t letter = template_text_decode(text, &at);
        if (other(letter)) return false;
        found = found || wanted(letter);
    }
    return found;
}

static bool check_lower(struct template_call *c) {
    return all_cased(c, template_unicode_is_lower, template_unicode_is_upper);
}

static bool check_upper(struct template_call *c) {
    return all_cased(c, template_unicode_is_upper, template_unicode_is_lower);
}

static bool check_filter(struct template_call *c) {
    return template_filter_find(template_value_span(c->self)) != NULL;
}

static bool check_test(struct template_call *c) {
    return template_check_find(template_value_span(c->self)) != NULL;
}

static bool check_in(struct template_call *c) {
    return template_operator_compare(c->s, OPERATOR_IN, c->self, c->arg[0]);
}

static bool check_equal(struct template_call *c) {
    return template_operator_compare(c->s, OPERATOR_EQUAL, c->self, c->arg[0]);
}

static bool check_not_equal(struct template_call *c) {
    return template_operator_compare(c->s, OPERATOR_NOT_EQUAL, c->self, c->arg[0]);
}

static bool check_less(struct template_call *c) {
    return template_operator_compare(c->s, OPERATOR_LESS, c->self, c->arg[0]);
}

static bool check_less_equal(struct template_call *c) {
    return template_operator_compare(c->s, OPERATOR_LESS_EQUAL, c->self, c->arg[0]);
}

static bool check_greater(struct template_call *c) {
    return template_operator_compare(c->s, OPERATOR_GREATER, c->self, c->arg[0]);
}

static bool check_greater_equal(struct template_call *c) {
    return template_operator_compare(c->s, OPERATOR_GREATER_EQUAL, c->self, c->arg[0]);
}

static const struct template_check checks[] = {
    {"!=", check_not_equal, 1},
    {"<", check_less, 1},
    {"<=", check_less_equal, 1},
    {"==", check_equal, 1},
    {">", check_greater, 1},
    {">=", check_greater_equal, 1},
    {"boolean", check_boolean, 0},
    {"callable", check_callable, 0},
    {"defined", check_defined, 0},
    {"divisibleby", check_divisibleby, 1},
    {"eq", check_equal, 1},
    {"equalto", check_equal, 1},
    {"escaped", check_escaped, 0},
    {"even", check_even, 0},
    {"false", check_false, 0},
    {"filter", check_filter, 0},
    {"float", check_float, 0},
    {"ge", check_greater_equal, 1},
    {"greaterthan", check_greater, 1},
    {"gt", check_greater, 1},
    {"in", check_in, 1},
    {"integer", check_integer, 0},
    {"iterable", check_iterable, 0},
    {"le", check_less_equal, 1},
    {"lessthan", check_less, 1},
    {"lower", check_lower, 0},
    {"lt", check_less, 1},
    {"mapping", check_mapping, 0},
    {"ne", check_not_equal, 1},
    {"none", check_none, 0},
    {"number", check_number, 0},
    {"odd", check_odd, 0},
    {"sameas", check_sameas, 1},
    {"sequence", check_sequence, 0},
    {"string", check_string, 0},
    {"test", check_test, 0},
    {"true", check_true, 0},
    {"undefined", check_undefined, 0},
    {"upper", check_upper, 0},
};

const struct template_check *template_check_find(struct span name) {
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (span_equal_text(name, checks[i].name)) return &checks[i];
    return NULL;
}

bool template_check_run(struct template_state *s, const struct template_check *check,
                        struct template_value self, const struct template_args *args) {
    struct template_call c = {.s = s, .self = self, .args = args, .name = check->name};
    const char *parameters = check->arguments ? "other" : "";
    if (!template_state_spend(s, 1)) return false;
    return template_builtin_bind(&c, parameters, check->arguments) && check->run(&c);
}
