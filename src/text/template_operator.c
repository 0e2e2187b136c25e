/* template_operator.c - see the header. */
#include "text/template_operator.h"
#include <math.h>
#include "text/template_format.h"

static const char *const symbols[] = {
    [OPERATOR_ADD] = "+",       [OPERATOR_SUBTRACT] = "-",  [OPERATOR_MULTIPLY] = "*",
    [OPERATOR_DIVIDE] = "/",    [OPERATOR_FLOOR_DIVIDE] = "//", [OPERATOR_MODULO] = "%",
    [OPERATOR_POWER] = "**",    [OPERATOR_NEGATE] = "-",    [OPERATOR_POSITIVE] = "+",
};

static struct template_value fail(struct template_state *s, const char *message) {
    template_state_fail(s, ERR_ARGUMENT, "%s", message);
    return template_value_none();
}

static struct template_value overflow(struct template_state *s) {
    return fail(s, "an integer of more than 64 bits");
}

/* ---- numbers --------------------------------------------------------------------------- */

/* base ** exponent for exponent >= 0; false when it does not fit. */
static bool power(int64_t base, int64_t exponent, int64_t *out) {
    *out = 1;
    while (exponent) {
        if ((exponent & 1) && __builtin_mul_overflow(*out, base, out)) return false;
        exponent >>= 1;
        if (exponent && __builtin_mul_overflow(base, base, &base)) return false;
    }
    return true;
}

/* Python rounds the quotient down, and the remainder has the divisor's sign. */
static int64_t floor_divide(int64_t a, int64_t b) {
    int64_t q = a / b;
    return q - ((a % b != 0) && ((a < 0) != (b < 0)));
}

static struct template_value integers(struct template_state *s, enum template_operator op,
                                      int64_t a, int64_t b) {
    int64_t r = 0;
    bool fits = true;
    if (b == 0 && (op == OPERATOR_DIVIDE || op == OPERATOR_FLOOR_DIVIDE || op == OPERATOR_MODULO))
        return fail(s, "division by zero");
    switch (op) {
    case OPERATOR_ADD: fits = !__builtin_add_overflow(a, b, &r); break;
    case OPERATOR_SUBTRACT: fits = !__builtin_sub_overflow(a, b, &r); break;
    case OPERATOR_MULTIPLY: fits = !__builtin_mul_overflow(a, b, &r); break;
    case OPERATOR_DIVIDE: return template_value_float((double)a / (double)b);
    case OPERATOR_FLOOR_DIVIDE:
        fits = !(a == INT64_MIN && b == -1);
        if (fits) r = floor_divide(a, b);
        break;
    case OPERATOR_MODULO: r = b == -1 ? 0 : a - floor_divide(a, b) * b; break;
    case OPERATOR_POWER:
        if (b < 0 && a == 0) return fail(s, "zero to a negative power");
        if (b < 0) return template_value_float(pow((double)a, (double)b));
        fits = power(a, b, &r);
        break;
    default: break;
    }
    return fits ? template_value_int(r) : overflow(s);
}

/* Quotient and remainder as CPython's float_divmod has them. */
static void divide_floats(double a, double b, double *quotient, double *remainder) {
    double rest = fmod(a, b), q = (a - rest) / b;
    if (rest != 0) {
        if ((b < 0) != (rest < 0)) {
            rest += b;
            q -= 1;
        }
    } else {
        rest = copysign(0, b);
    }
    *quotient = q != 0 ? floor(q) : copysign(0, a / b);
    if (q != 0 && q - *quotient > 0.5) *quotient += 1;
    *remainder = rest;
}

static struct template_value floats(struct template_state *s, enum template_operator op, double a,
                                    double b) {
    double quotient, remainder;
    if (b == 0 && (op == OPERATOR_DIVIDE || op == OPERATOR_FLOOR_DIVIDE || op == OPERATOR_MODULO))
        return fail(s, "division by zero");
    switch (op) {
    case OPERATOR_ADD: return template_value_float(a + b);
    case OPERATOR_SUBTRACT: return template_value_float(a - b);
    case OPERATOR_MULTIPLY: return template_value_float(a * b);
    case OPERATOR_DIVIDE: return template_value_float(a / b);
    case OPERATOR_FLOOR_DIVIDE:
        divide_floats(a, b, &quotient, &remainder);
        return template_value_float(quotient);
    case OPERATOR_MODULO:
        divide_floats(a, b, &quotient, &remainder);
        return template_value_float(remainder);
    default: break;
    }
    if (a == 0 && b < 0) return fail(s, "zero to a negative power");
    double r = pow(a, b);
    if (isnan(r) && !isnan(a) && !isnan(b)) return fail(s, "a power that is not a real number");
    if (isinf(r) && !isinf(a) && !isinf(b)) return fail(s, "a power that is too large");
    return template_value_float(r);
}

/* ---- sequences ------------------------------------------------------------------------- */

static struct template_value join_lists(struct template_state *s, struct template_value a,
                                        struct template_value b) {
    size_t count = a.list->count + b.list->count;
    if (!template_state_spend(s, count)) return template_value_none();
    struct template_value *items = template_state_array(s, count, sizeof *items);
    if (!items) return template_value_none();
    for (size_t i = 0; i < count; i++)
        items[i] = i < a.list->count ? a.list->items[i] : b.list->items[i - a.list->count];
    return template_value_list(s, a.type, items, count);
}

static struct template_value repeat_string(struct template_state *s,
                                           const struct template_string *string, int64_t times) {
    struct template_text *t = template_text_new(s, 0);
    for (int64_t i = 0; t && string->len && i < times && !s->failed; i++)
        template_text_add_string(s, t, string);
    return template_value_string(template_text_string(s, t));
}

static struct template_value repeat_list(struct template_state *s, struct template_value v,
                                         int64_t times) {
    size_t count = 0;
    if (times < 0 || v.list->count == 0) times = 0;
    if (__builtin_mul_overflow(v.list->count, (size_t)times, &count) ||
        !template_state_spend(s, count))
        return fail(s, "a list that is too long");
    struct template_value *items = template_state_array(s, count, sizeof *items);
    for (size_t i = 0; items && i < count; i++) items[i] = v.list->items[i % v.list->count];
    return template_value_list(s, v.type, items, count);
}

static bool is_list(struct template_value v) {
    return v.type == VALUE_LIST || v.type == VALUE_TUPLE;
}

static struct template_value multiply(struct template_state *s, struct template_value a,
                                      struct template_value b, bool *done) {
    int64_t times;
    if (template_value_is_integer(a, &times)) { /* 3 * "a" */
        struct template_value swap = a;
        a = b;
        b = swap;
    }
    *done = template_value_is_integer(b, &times) && (a.type == VALUE_STRING || is_list(a));
    if (!*done) return template_value_none();
    return is_list(a) ? repeat_list(s, a, times) : repeat_string(s, a.string, times);
}

static struct template_value sequences(struct template_state *s, enum template_operator op,
                                       struct template_value a, struct template_value b) {
    bool done = false;
    if (op == OPERATOR_ADD && a.type == b.type && a.type == VALUE_STRING)
        return template_value_string(template_text_concat(s, a.string, b.string));
    if (op == OPERATOR_ADD && a.type == b.type && is_list(a)) return join_lists(s, a, b);
    if (op == OPERATOR_MULTIPLY) {
        struct template_value product = multiply(s, a, b, &done);
        if (done) return product;
    }
    if (template_value_require(s, a) && template_value_require(s, b))
        template_state_fail(s, ERR_ARGUMENT, "a %s %s a %s cannot be computed",
                            template_value_type_name(a), symbols[op], template_value_type_name(b));
    return template_value_none();
}

/* ---- the entries ----------------------------------------------------------------------- */

struct template_value template_operator_binary(struct template_state *s, enum template_operator op,
                                               struct template_value a, struct template_value b) {
    int64_t i, k;
    if (s->failed) return template_value_none();
    if (op == OPERATOR_MODULO && a.type == VALUE_STRING)
        return template_format_percent(s, a.string, b);
    if (!template_value_is_number(a) || !template_value_is_number(b)) return sequences(s, op, a, b);
    if (template_value_is_integer(a, &i) && template_value_is_integer(b, &k))
        return integers(s, op, i, k);
    return floats(s, op, template_value_number(a), template_value_number(b));
}

struct template_value template_operator_unary(struct template_state *s, enum template_operator op,
                                              struct template_value a) {
    int64_t i;
    if (op == OPERATOR_NOT) return template_value_bool(!template_value_truth(a));
    if (template_value_is_integer(a, &i)) {
        if (op == OPERATOR_POSITIVE) return template_value_int(i);
        return i == INT64_MIN ? overflow(s) : template_value_int(-i);
    }
    if (a.type == VALUE_FLOAT) return op == OPERATOR_POSITIVE ? a : template_value_float(-a.number);
    if (template_value_require(s, a))
        template_state_fail(s, ERR_ARGUMENT, "%s of a %s cannot be computed", symbols[op],
                            template_value_type_name(a));
    return template_value_none();
}

bool template_operator_compare(struct template_state *s, enum template_operator op,
                               struct template_value a, struct template_value b) {
    switch (op) {
    case OPERATOR_EQUAL: return template_value_equal(s, a, b);
    case OPERATOR_NOT_EQUAL: return !template_value_equal(s, a, b);
    case OPERATOR_LESS: return template_value_less(s, a, b);
    case OPERATOR_GREATER: return template_value_less(s, b, a);
    case OPERATOR_LESS_EQUAL: return template_value_less(s, a, b) || template_value_equal(s, a, b);
    case OPERATOR_GREATER_EQUAL:
        return template_value_less(s, b, a) || template_value_equal(s, a, b);
    case OPERATOR_IN: return template_value_contains(s, b, a);
    default: return !template_value_contains(s, b, a);
    }
}
