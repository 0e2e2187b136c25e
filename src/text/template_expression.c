/* template_expression.c - expressions, by recursive descent in jinja2's order of binding:
 *
 *     a if b else c  <  or  <  and  <  not  <  comparisons, in  <  + -  <  ~  <  * / // %  <  **
 *     <  unary - +  <  .name [item] (call)  and  |filter, is test
 *
 * All binary operators associate to the left, ** too (jinja2's, not Python's, choice). */
#include <string.h>
#include "text/template_builtin.h"
#include "text/template_parser.h"

static struct template_node *parse_unary(struct template_parser *p, bool filters);

static bool at_operator(const struct template_parser *p, const char *text) {
    return template_parser_is(p, TOKEN_OPERATOR, text);
}

static bool skip_operator(struct template_parser *p, const char *text) {
    return template_parser_skip(p, TOKEN_OPERATOR, text);
}

static struct template_node *closed(struct template_parser *p, struct template_node *n) {
    return template_parser_close(p, n) ? n : NULL;
}

static struct template_node *binary(struct template_parser *p, enum template_operator op,
                                    struct template_node *a, struct template_node *b,
                                    uint32_t at) {
    struct template_node *n = template_parser_node(p, NODE_BINARY);
    if (!n) return NULL;
    n->op = op;
    n->a = a;
    n->b = b;
    n->at = at;
    return closed(p, n);
}

/* ---- operators ------------------------------------------------------------------------- */

struct operator_row {
    const char *text;
    enum template_operator op;
};

static enum template_operator take_operator(struct template_parser *p,
                                            const struct operator_row *rows) {
    for (; rows->text; rows++)
        if (skip_operator(p, rows->text)) return rows->op;
    return OPERATOR_NONE;
}

static struct template_node *parse_power(struct template_parser *p) {
    struct template_node *a = parse_unary(p, true);
    uint32_t at = p->token->at;
    while (!p->s->failed && skip_operator(p, "**")) {
        a = binary(p, OPERATOR_POWER, a, parse_unary(p, true), at);
        at = p->token->at;
    }
    return a;
}

static struct template_node *parse_product(struct template_parser *p) {
    static const struct operator_row rows[] = {{"*", OPERATOR_MULTIPLY},
                                               {"/", OPERATOR_DIVIDE},
                                               {"//", OPERATOR_FLOOR_DIVIDE},
                                               {"%", OPERATOR_MODULO},
                                               {NULL, OPERATOR_NONE}};
    struct template_node *a = parse_power(p);
    while (!p->s->failed) {
        uint32_t at = p->token->at;
        enum template_operator op = take_operator(p, rows);
        if (!op) break;
        a = binary(p, op, a, parse_power(p), at);
    }
    return a;
}

static struct template_node *parse_concat(struct template_parser *p) {
    struct template_node *a = parse_product(p);
    if (!a || !at_operator(p, "~")) return a;
    struct template_node *n = template_parser_node(p, NODE_CONCAT);
    if (!n) return NULL;
    template_parser_push(p, &n->items, a);
    while (!p->s->failed && skip_operator(p, "~"))
        template_parser_push(p, &n->items, parse_product(p));
    return closed(p, n);
}

static struct template_node *parse_sum(struct template_parser *p) {
    static const struct operator_row rows[] = {
        {"+", OPERATOR_ADD}, {"-", OPERATOR_SUBTRACT}, {NULL, OPERATOR_NONE}};
    struct template_node *a = parse_concat(p);
    while (!p->s->failed) {
        uint32_t at = p->token->at;
        enum template_operator op = take_operator(p, rows);
        if (!op) break;
        a = binary(p, op, a, parse_concat(p), at);
    }
    return a;
}

static enum template_operator take_comparison(struct template_parser *p) {
    static const struct operator_row rows[] = {
        {"==", OPERATOR_EQUAL},      {"!=", OPERATOR_NOT_EQUAL}, {"<=", OPERATOR_LESS_EQUAL},
        {">=", OPERATOR_GREATER_EQUAL}, {"<", OPERATOR_LESS},    {">", OPERATOR_GREATER},
        {NULL, OPERATOR_NONE}};
    enum template_operator op = take_operator(p, rows);
    if (op) return op;
    if (template_parser_skip(p, TOKEN_NAME, "in")) return OPERATOR_IN;
    bool not_in = template_parser_is(p, TOKEN_NAME, "not") && p->token[1].type == TOKEN_NAME &&
                  span_equal_text(p->token[1].text, "in");
    if (!not_in) return OPERATOR_NONE;
    p->token += 2;
    return OPERATOR_NOT_IN;
}

static struct template_node *parse_comparison(struct template_parser *p) {
    uint32_t at = p->token->at;
    struct template_node *a = parse_sum(p), *n = NULL;
    int capacity = 0;
    while (!p->s->failed) {
        enum template_operator op = take_comparison(p);
        if (!op) break;
        if (!n) {
            n = template_parser_node(p, NODE_COMPARE);
            if (!n) return NULL;
            n->a = a;
            n->at = at;
        }
        if (n->items.count == capacity) {
            enum template_operator *more =
                template_state_array(p->s, (size_t)capacity * 2 + 2, sizeof *more);
            if (!more) return NULL;
            if (capacity) memcpy(more, n->operators, (size_t)capacity * sizeof *more);
            n->operators = more;
            capacity = capacity * 2 + 2;
        }
        n->operators[n->items.count] = op;
        template_parser_push(p, &n->items, parse_sum(p));
    }
    return n ? closed(p, n) : a;
}

static struct template_node *parse_not(struct template_parser *p) {
    if (!template_parser_is(p, TOKEN_NAME, "not")) return parse_comparison(p);
    struct template_node *n = template_parser_node(p, NODE_UNARY);
    if (!n || !template_parser_enter(p)) return NULL;
    p->token++;
    n->op = OPERATOR_NOT;
    n->a = parse_not(p);
    template_parser_leave(p);
    return closed(p, n);
}

static struct template_node *parse_and(struct template_parser *p) {
    struct template_node *a = parse_not(p);
    uint32_t at = p->token->at;
    while (!p->s->failed && template_parser_skip(p, TOKEN_NAME, "and"))
        a = binary(p, OPERATOR_AND, a, parse_not(p), at);
    return a;
}

struct template_node *template_expression_parse_plain(struct template_parser *p) {
    struct template_node *a = parse_and(p);
    uint32_t at = p->token->at;
    while (!p->s->failed && template_parser_skip(p, TOKEN_NAME, "or"))
        a = binary(p, OPERATOR_OR, a, parse_and(p), at);
    return a;
}

struct template_node *template_expression_parse(struct template_parser *p) {
    if (!template_parser_enter(p)) return NULL;
    const struct template_node *unknown = p->unknown;
    struct template_node *a = template_expression_parse_plain(p);
    while (!p->s->failed && template_parser_skip(p, TOKEN_NAME, "if")) {
        p->unknown = unknown; /* what stands before the if is conditional too */
        struct template_node *n = template_parser_node(p, NODE_CONDITION);
        if (!n) break;
        bool conditional = p->conditional;
        p->conditional = true;
        n->b = template_expression_parse_plain(p);
        n->a = a;
        if (template_parser_skip(p, TOKEN_NAME, "else")) n->c = template_expression_parse(p);
        p->conditional = conditional;
        a = closed(p, n);
    }
    template_parser_leave(p);
    return p->s->failed ? NULL : a;
}

/* ---- literals -------------------------------------------------------------------------- */

static struct template_node *literal(struct template_parser *p, struct template_value value) {
    struct template_node *n = template_parser_node(p, NODE_LITERAL);
    if (n) n->literal = value;
    return n;
}

/* Neighbouring strings are one, as in C and Python. */
static struct template_node *parse_strings(struct template_parser *p) {
    struct template_node *n = literal(p, p->token->value);
    p->token++;
    if (!n || p->token->type != TOKEN_STRING) return n;
    struct template_text *joined = template_text_new(p->s, 0);
    if (!joined || !template_text_add_string(p->s, joined, n->literal.string)) return NULL;
    for (; p->token->type == TOKEN_STRING && !p->s->failed; p->token++)
        template_text_add_string(p->s, joined, p->token->value.string);
    struct template_string *string =
        template_text_borrow(p->s, (struct span){joined->data, joined->used}, true);
    if (!string) return NULL;
    template_text_chars(string);
    n->literal = template_value_string(string);
    return n;
}

static bool constant_name(struct span name, struct template_value *out) {
    if (span_equal_text(name, "true") || span_equal_text(name, "True"))
        *out = template_value_bool(true);
    else if (span_equal_text(name, "false") || span_equal_text(name, "False"))
        *out = template_value_bool(false);
    else if (span_equal_text(name, "none") || span_equal_text(name, "None"))
        *out = template_value_none();
    else return false;
    return true;
}

static void mention(struct template_parser *p, int symbol) {
    for (struct template_signature *m = p->macro; m; m = m->outer) {
        if (symbol == SYMBOL_CALLER) m->takes_caller = true;
        if (symbol == SYMBOL_VARARGS) m->takes_varargs = true;
        if (symbol == SYMBOL_KWARGS) m->takes_kwargs = true;
    }
}

static struct template_node *parse_name(struct template_parser *p) {
    struct template_value constant;
    struct template_node *n;
    if (constant_name(p->token->text, &constant)) {
        n = literal(p, constant);
    } else if ((n = template_parser_node(p, NODE_NAME))) {
        n->name = p->token->text;
        n->symbol = template_parser_symbol(p, n->name);
        mention(p, n->symbol);
    }
    p->token++;
    return n;
}

/* Items up to the closing bracket, a comma between them and perhaps behind the last. */
static struct template_node *parse_list(struct template_parser *p) {
    struct template_node *n = template_parser_node(p, NODE_LIST);
    if (!n) return NULL;
    p->token++;
    while (!at_operator(p, "]") && !p->s->failed) {
        if (n->items.count && !template_parser_expect(p, TOKEN_OPERATOR, ",")) return NULL;
        if (at_operator(p, "]")) break;
        template_parser_push(p, &n->items, template_expression_parse(p));
    }
    template_parser_expect(p, TOKEN_OPERATOR, "]");
    return closed(p, n);
}

static struct template_node *parse_dict(struct template_parser *p) {
    struct template_node *n = template_parser_node(p, NODE_DICT);
    if (!n) return NULL;
    p->token++;
    while (!at_operator(p, "}") && !p->s->failed) {
        if (n->items.count && !template_parser_expect(p, TOKEN_OPERATOR, ",")) return NULL;
        if (at_operator(p, "}")) break;
        template_parser_push(p, &n->items, template_expression_parse(p));
        if (!template_parser_expect(p, TOKEN_OPERATOR, ":")) return NULL;
        template_parser_push(p, &n->items, template_expression_parse(p));
    }
    template_parser_expect(p, TOKEN_OPERATOR, "}");
    return closed(p, n);
}

/* ---- tuples and targets ---------------------------------------------------------------- */

static struct template_node *parse_primary(struct template_parser *p, bool members);

struct tuple_rules {
    bool targets;      /* names only */
    bool members;      /* and namespace.member */
    bool conditions;   /* "a if b" is part of an item */
    bool parentheses;  /* "()" is a tuple */
    const char *until; /* a name that ends it */
};

static bool at_tuple_end(const struct template_parser *p, const struct tuple_rules *rules) {
    return p->token->type == TOKEN_VARIABLE_END || p->token->type == TOKEN_BLOCK_END ||
           at_operator(p, ")") ||
           (rules->until && template_parser_is(p, TOKEN_NAME, rules->until));
}

static struct template_node *parse_tuple(struct template_parser *p,
                                         const struct tuple_rules *rules) {
    struct template_node *n = template_parser_node(p, NODE_TUPLE);
    bool is_tuple = false;
    while (n && !p->s->failed) {
        if (n->items.count && !template_parser_expect(p, TOKEN_OPERATOR, ",")) return NULL;
        if (at_tuple_end(p, rules)) break;
        template_parser_push(p, &n->items,
                             rules->targets      ? parse_primary(p, rules->members)
                             : rules->conditions ? template_expression_parse(p)
                                                 : template_expression_parse_plain(p));
        if (!at_operator(p, ",")) break;
        is_tuple = true;
    }
    if (!n || p->s->failed) return NULL;
    if (!is_tuple && n->items.count) return n->items.items[0];
    if (!is_tuple && !rules->parentheses) {
        template_parser_fail(p, "expected an expression");
        return NULL;
    }
    return closed(p, n);
}

struct template_node *template_expression_parse_tuple(struct template_parser *p, bool conditions,
                                                      const char *until) {
    return parse_tuple(p, &(struct tuple_rules){.conditions = conditions, .until = until});
}

bool template_expression_can_assign(const struct template_node *n) {
    struct template_value constant;
    if (n->kind == NODE_MEMBER) return true;
    if (n->kind == NODE_NAME || n->kind == NODE_MACRO) return !constant_name(n->name, &constant);
    if (n->kind != NODE_TUPLE) return false;
    for (int i = 0; i < n->items.count; i++)
        if (!template_expression_can_assign(n->items.items[i])) return false;
    return true;
}

static bool assigns_loop(const struct template_node *n) {
    for (int i = 0; n->kind == NODE_TUPLE && i < n->items.count; i++)
        if (assigns_loop(n->items.items[i])) return true;
    return n->kind == NODE_NAME && n->symbol == SYMBOL_LOOP;
}

struct template_node *template_expression_parse_target(struct template_parser *p, bool members,
                                                       const char *until) {
    const struct template_token *at = p->token;
    struct template_node *n =
        parse_tuple(p, &(struct tuple_rules){.targets = true, .members = members, .until = until});
    if (n && !template_expression_can_assign(n)) {
        p->token = at;
        template_parser_fail(p, "only names can be assigned to");
    }
    if (n && p->fors && assigns_loop(n)) {
        p->token = at;
        template_parser_fail(p, "\"loop\" cannot be assigned to in a for loop");
    }
    return n;
}

static struct template_node *parse_member(struct template_parser *p) {
    struct template_node *n = parse_name(p);
    if (!n || n->kind != NODE_NAME || !skip_operator(p, ".")) return n;
    n->kind = NODE_MEMBER;
    n->member = p->token->text;
    template_parser_expect(p, TOKEN_NAME, NULL);
    return n;
}

static struct template_node *parse_primary(struct template_parser *p, bool members) {
    struct template_node *n = NULL;
    if (p->s->failed) return NULL;
    if (p->token->type == TOKEN_NAME) return members ? parse_member(p) : parse_name(p);
    if (p->token->type == TOKEN_STRING) return parse_strings(p);
    if (p->token->type == TOKEN_NUMBER) {
        n = literal(p, p->token->value);
        p->token++;
        return n;
    }
    if (!template_parser_enter(p)) return NULL;
    if (at_operator(p, "[")) {
        n = parse_list(p);
    } else if (at_operator(p, "{")) {
        n = parse_dict(p);
    } else if (skip_operator(p, "(")) {
        n = parse_tuple(p, &(struct tuple_rules){.conditions = true, .parentheses = true});
        template_parser_expect(p, TOKEN_OPERATOR, ")");
    } else {
        template_parser_fail(p, "expected an expression");
    }
    template_parser_leave(p);
    return p->s->failed ? NULL : n;
}

/* ---- what stands behind an expression -------------------------------------------------- */

static bool push_named(struct template_parser *p, struct template_arguments *args,
                       struct span name, struct template_node *value) {
    if (args->named.count == args->name_capacity) {
        int capacity = args->name_capacity * 2 + 4;
        struct span *names = template_state_array(p->s, (size_t)capacity, sizeof *names);
        if (!names) return false;
        if (args->named.count)
            memcpy(names, args->names, (size_t)args->named.count * sizeof *names);
        args->names = names;
        args->name_capacity = capacity;
    }
    for (int i = 0; i < args->named.count; i++)
        if (span_equal(args->names[i], name))
            return template_parser_fail(p, "an argument is given twice");
    args->names[args->named.count] = name;
    return template_parser_push(p, &args->named, value);
}

static bool parse_argument(struct template_parser *p, struct template_arguments *args) {
    if (skip_operator(p, "*")) {
        if (args->star || args->star_star) return template_parser_fail(p, "a second * argument");
        return (args->star = template_expression_parse(p)) != NULL;
    }
    if (skip_operator(p, "**")) {
        if (args->star_star) return template_parser_fail(p, "a second ** argument");
        return (args->star_star = template_expression_parse(p)) != NULL;
    }
    bool named = p->token->type == TOKEN_NAME && p->token[1].type == TOKEN_OPERATOR &&
                 span_equal_text(p->token[1].text, "=");
    if (named) {
        if (args->star_star) return template_parser_fail(p, "an argument behind a ** argument");
        struct span name = p->token->text;
        p->token += 2;
        return push_named(p, args, name, template_expression_parse(p));
    }
    if (args->star || args->star_star || args->named.count)
        return template_parser_fail(p, "a positional argument behind a named one");
    return template_parser_push(p, &args->positional, template_expression_parse(p));
}

static struct template_arguments *parse_arguments(struct template_parser *p) {
    struct template_arguments *args = template_state_alloc(p->s, sizeof *args);
    if (!args || !template_parser_expect(p, TOKEN_OPERATOR, "(")) return NULL;
    for (bool first = true; !at_operator(p, ")") && !p->s->failed; first = false) {
        if (!first && !template_parser_expect(p, TOKEN_OPERATOR, ",")) return NULL;
        if (at_operator(p, ")") && !first) break;
        if (!parse_argument(p, args)) return NULL;
    }
    return template_parser_expect(p, TOKEN_OPERATOR, ")") ? args : NULL;
}

static struct template_node *parse_call(struct template_parser *p, struct template_node *callee) {
    struct template_node *n = template_parser_node(p, NODE_CALL);
    if (!n) return NULL;
    n->a = callee;
    n->at = callee->at;
    n->arguments = parse_arguments(p);
    return closed(p, n);
}

static struct template_node *parse_dot(struct template_parser *p, struct template_node *object) {
    struct template_node *n = template_parser_node(p, NODE_ATTRIBUTE);
    if (!n) return NULL;
    n->a = object;
    n->at = object->at;
    p->token++;
    if (p->token->type == TOKEN_NUMBER && p->token->value.type == VALUE_INT) {
        n->kind = NODE_ITEM; /* x.0 is x[0] */
        n->b = literal(p, p->token->value);
        p->token++;
    } else {
        n->name = p->token->text;
        template_parser_expect(p, TOKEN_NAME, NULL);
    }
    return closed(p, n);
}

/* One subscript between brackets: an expression, or "a:b:c" as a slice without its object. */
static struct template_node *parse_subscript(struct template_parser *p) {
    struct template_node *n = NULL, *part = NULL;
    if (!at_operator(p, ":")) {
        part = template_expression_parse(p);
        if (!at_operator(p, ":")) return part;
    }
    n = template_parser_node(p, NODE_SLICE);
    if (!n || !template_parser_push(p, &n->items, part)) return NULL;
    for (int i = 0; i < 2; i++) {
        bool more = n->items.count == i + 1 && skip_operator(p, ":");
        bool empty = !more || at_operator(p, ":") || at_operator(p, "]") || at_operator(p, ",");
        template_parser_push(p, &n->items, empty ? NULL : template_expression_parse(p));
    }
    return p->s->failed ? NULL : n;
}

static struct template_node *parse_bracket(struct template_parser *p,
                                           struct template_node *object) {
    struct template_node *n = template_parser_node(p, NODE_ITEM);
    struct template_node *tuple = template_parser_node(p, NODE_TUPLE);
    if (!n || !tuple) return NULL;
    p->token++;
    while (!at_operator(p, "]") && !p->s->failed) {
        if (tuple->items.count && !template_parser_expect(p, TOKEN_OPERATOR, ",")) return NULL;
        template_parser_push(p, &tuple->items, parse_subscript(p));
    }
    if (!template_parser_expect(p, TOKEN_OPERATOR, "]")) return NULL;
    if (tuple->items.count == 1 && tuple->items.items[0]->kind == NODE_SLICE) {
        n = tuple->items.items[0];
    } else {
        for (int i = 0; i < tuple->items.count; i++)
            if (tuple->items.items[i]->kind == NODE_SLICE) {
                template_parser_fail(p, "a slice among several subscripts");
                return NULL;
            }
        n->b = tuple->items.count == 1 ? tuple->items.items[0] : closed(p, tuple);
    }
    n->a = object;
    n->at = object->at;
    return closed(p, n);
}

static struct template_node *parse_postfix(struct template_parser *p, struct template_node *n) {
    while (n && !p->s->failed) {
        if (at_operator(p, ".")) n = parse_dot(p, n);
        else if (at_operator(p, "[")) n = parse_bracket(p, n);
        else if (at_operator(p, "(")) n = parse_call(p, n);
        else break;
    }
    return n;
}

/* Names of filters and tests may have dots. */
static struct span parse_dotted(struct template_parser *p) {
    struct span name = p->token->text;
    template_parser_expect(p, TOKEN_NAME, NULL);
    while (!p->s->failed && skip_operator(p, ".")) {
        name.len = (size_t)(p->token->text.data + p->token->text.len - name.data);
        template_parser_expect(p, TOKEN_NAME, NULL);
    }
    return name;
}

/* A filter or a test that does not exist: refused when the whole source is read, unless it stands
 * in an if, where templates put what only other engines have; there it fails when it is reached. */
static void note_unknown(struct template_parser *p, const struct template_node *n) {
    if (!p->conditional && !p->unknown) p->unknown = n;
}

struct template_node *template_expression_parse_filters(struct template_parser *p,
                                                        struct template_node *node, bool inline_) {
    while (!p->s->failed && (inline_ || skip_operator(p, "|"))) {
        struct template_node *n = template_parser_node(p, NODE_FILTER);
        if (!n) return NULL;
        n->a = node;
        n->name = parse_dotted(p);
        n->filter = template_filter_find(n->name);
        if (!n->filter) note_unknown(p, n);
        if (at_operator(p, "(")) n->arguments = parse_arguments(p);
        node = closed(p, n);
        inline_ = false;
    }
    return p->s->failed ? NULL : node;
}

/* Whether the current token begins the argument of a test without parentheses. */
static bool at_test_argument(const struct template_parser *p) {
    if (p->token->type == TOKEN_STRING || p->token->type == TOKEN_NUMBER) return true;
    if (at_operator(p, "[") || at_operator(p, "{")) return true;
    return p->token->type == TOKEN_NAME && !span_equal_text(p->token->text, "else") &&
           !span_equal_text(p->token->text, "or") && !span_equal_text(p->token->text, "and");
}

static struct template_node *parse_test(struct template_parser *p, struct template_node *object) {
    struct template_node *n = template_parser_node(p, NODE_TEST);
    if (!n) return NULL;
    p->token++;
    bool negated = template_parser_skip(p, TOKEN_NAME, "not");
    n->a = object;
    n->name = parse_dotted(p);
    n->check = template_check_find(n->name);
    if (!n->check) note_unknown(p, n);
    if (at_operator(p, "(")) {
        n->arguments = parse_arguments(p);
    } else if (!p->s->failed && at_test_argument(p)) {
        if (template_parser_is(p, TOKEN_NAME, "is"))
            template_parser_fail(p, "two tests in a row; put the first in parentheses");
        n->arguments = template_state_alloc(p->s, sizeof *n->arguments);
        if (n->arguments)
            template_parser_push(p, &n->arguments->positional,
                                 parse_postfix(p, parse_primary(p, false)));
    }
    if (!closed(p, n) || !negated) return p->s->failed ? NULL : n;
    struct template_node *not_ = template_parser_node(p, NODE_UNARY);
    if (!not_) return NULL;
    not_->op = OPERATOR_NOT;
    not_->a = n;
    return closed(p, not_);
}

static struct template_node *parse_unary(struct template_parser *p, bool filters) {
    struct template_node *n;
    if (at_operator(p, "-") || at_operator(p, "+")) {
        n = template_parser_node(p, NODE_UNARY);
        if (!n || !template_parser_enter(p)) return NULL;
        n->op = at_operator(p, "-") ? OPERATOR_NEGATE : OPERATOR_POSITIVE;
        p->token++;
        n->a = parse_unary(p, false);
        template_parser_leave(p);
        n = closed(p, n);
    } else {
        n = parse_primary(p, false);
    }
    n = parse_postfix(p, n);
    while (filters && n && !p->s->failed) {
        if (at_operator(p, "|")) n = template_expression_parse_filters(p, n, false);
        else if (template_parser_is(p, TOKEN_NAME, "is")) n = parse_test(p, n);
        else if (at_operator(p, "(")) n = parse_call(p, n);
        else break;
    }
    return p->s->failed ? NULL : n;
}
