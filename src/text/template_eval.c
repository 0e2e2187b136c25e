/* template_eval.c - evaluates expressions; see the header.
 *
 * Every node costs a step and a level of depth.  s->at follows the node that is being worked on, so
 * that an error points to the innermost thing that failed. */
#include "text/template_eval.h"
#include "text/template_access.h"
#include "text/template_dict.h"
#include "text/template_operator.h"
#include "text/template_repr.h"

static struct template_value missing(void) {
    return (struct template_value){.type = VALUE_MISSING};
}

/* ---- calls ----------------------------------------------------------------------------- */

static bool spread(struct template_state *s, struct template_value v, struct template_values *out) {
    struct template_list items;
    if (!template_value_items(s, v, &items)) return false;
    for (size_t i = 0; i < items.count; i++)
        if (!template_value_push(s, out, items.items[i])) return false;
    return true;
}

bool template_eval_arguments(struct template_state *s, struct template_scope *scope,
                             const struct template_arguments *from, struct template_args *out) {
    *out = (struct template_args){0};
    if (!from) return !s->failed;
    struct template_values values = {0};
    for (int i = 0; i < from->positional.count && !s->failed; i++)
        template_value_push(s, &values, template_eval(s, scope, from->positional.items[i]));
    if (from->star && !s->failed) spread(s, template_eval(s, scope, from->star), &values);
    out->items = values.items;
    out->count = values.count;
    if (!from->named.count && !from->star_star) return !s->failed;
    out->named = template_dict_new(s, (size_t)from->named.count);
    for (int i = 0; out->named && i < from->named.count && !s->failed; i++) {
        struct template_value name =
            template_value_string(template_text_borrow(s, from->names[i], true));
        template_dict_put(s, out->named, name, template_eval(s, scope, from->named.items[i]));
    }
    if (!from->star_star || s->failed) return !s->failed;
    struct template_value more = template_eval(s, scope, from->star_star);
    if (more.type != VALUE_DICT) {
        if (!template_value_require(s, more)) return false;
        return template_state_fail(s, ERR_ARGUMENT, "** needs a dict, not a %s",
                                   template_value_type_name(more));
    }
    for (size_t i = 0; i < more.dict->count && !s->failed; i++)
        if (more.dict->entries[i].key.type != VALUE_STRING)
            return template_state_fail(s, ERR_ARGUMENT, "** needs a dict whose keys are strings");
    return !s->failed && template_dict_merge(s, out->named, more.dict);
}

static struct template_value eval_call(struct template_state *s, struct template_scope *scope,
                                       const struct template_node *n) {
    struct template_args args;
    struct template_value callee = template_eval(s, scope, n->a);
    if (!template_eval_arguments(s, scope, n->arguments, &args)) return template_value_none();
    s->at = n->at;
    return template_call(s, callee, &args);
}

static struct template_value run_filter(struct template_state *s, struct template_scope *scope,
                                        const struct template_node *n, struct template_value self) {
    struct template_args args;
    if (!template_eval_arguments(s, scope, n->arguments, &args)) return template_value_none();
    s->at = n->at;
    if (n->filter) return template_filter_run(s, n->filter, self, &args);
    template_state_fail(s, ERR_UNSUPPORTED, "no filter named '%.*s'",
                        (int)(n->name.len < 60 ? n->name.len : 60), n->name.data);
    return template_value_none();
}

struct template_value template_eval_filters(struct template_state *s, struct template_scope *scope,
                                            const struct template_node *n,
                                            struct template_value text) {
    if (!n || !template_state_enter(s)) return text;
    struct template_value self = template_eval_filters(s, scope, n->a, text);
    template_state_leave(s);
    return s->failed ? self : run_filter(s, scope, n, self);
}

static struct template_value eval_test(struct template_state *s, struct template_scope *scope,
                                       const struct template_node *n) {
    struct template_args args;
    struct template_value self = template_eval(s, scope, n->a);
    if (!template_eval_arguments(s, scope, n->arguments, &args)) return template_value_none();
    s->at = n->at;
    if (n->check) return template_value_bool(template_check_run(s, n->check, self, &args));
    template_state_fail(s, ERR_UNSUPPORTED, "no test named '%.*s'",
                        (int)(n->name.len < 60 ? n->name.len : 60), n->name.data);
    return template_value_none();
}

/* ---- literals and variables ------------------------------------------------------------ */

static struct template_value eval_name(struct template_state *s, struct template_scope *scope,
                                       const struct template_node *n) {
    struct template_value v = template_scope_get(s, scope, n->symbol);
    if (v.type != VALUE_MISSING) return v;
    return template_value_undefined_name(s, n->name, VALUE_MISSING, false);
}

static struct template_value eval_list(struct template_state *s, struct template_scope *scope,
                                       const struct template_node *n) {
    size_t count = (size_t)n->items.count;
    struct template_value *items = template_state_array(s, count, sizeof *items);
    for (size_t i = 0; items && i < count && !s->failed; i++)
        items[i] = template_eval(s, scope, n->items.items[i]);
    return template_value_list(s, n->kind == NODE_LIST ? VALUE_LIST : VALUE_TUPLE, items,
                               items ? count : 0);
}

static struct template_value eval_dict(struct template_state *s, struct template_scope *scope,
                                       const struct template_node *n) {
    struct template_dict *d = template_dict_new(s, (size_t)n->items.count / 2);
    for (int i = 0; d && i < n->items.count && !s->failed; i += 2) {
        struct template_value key = template_eval(s, scope, n->items.items[i]);
        struct template_value value = template_eval(s, scope, n->items.items[i + 1]);
        s->at = n->at;
        template_dict_put(s, d, key, value);
    }
    return template_dict_value(d);
}

/* ---- operators ------------------------------------------------------------------------- */

static struct template_value eval_binary(struct template_state *s, struct template_scope *scope,
                                         const struct template_node *n) {
    struct template_value a = template_eval(s, scope, n->a);
    if (n->op == OPERATOR_AND && !template_value_truth(a)) return a;
    if (n->op == OPERATOR_OR && template_value_truth(a)) return a;
    struct template_value b = template_eval(s, scope, n->b);
    if (n->op == OPERATOR_AND || n->op == OPERATOR_OR) return b;
    s->at = n->at;
    return template_operator_binary(s, n->op, a, b);
}

static struct template_value eval_compare(struct template_state *s, struct template_scope *scope,
                                          const struct template_node *n) {
    struct template_value a = template_eval(s, scope, n->a);
    for (int i = 0; i < n->items.count && !s->failed; i++) {
        struct template_value b = template_eval(s, scope, n->items.items[i]);
        if (s->failed) break;
        s->at = n->at;
        if (!template_operator_compare(s, n->operators[i], a, b)) return template_value_bool(false);
        a = b;
    }
    return template_value_bool(true);
}

static struct template_value eval_concat(struct template_state *s, struct template_scope *scope,
                                         const struct template_node *n) {
    struct template_text *out = template_text_new(s, 0);
    for (int i = 0; out && i < n->items.count && !s->failed; i++)
        template_repr_str(s, out, template_eval(s, scope, n->items.items[i]));
    return template_value_string(template_text_string(s, out));
}

static struct template_value eval_condition(struct template_state *s, struct template_scope *scope,
                                            const struct template_node *n) {
    bool truth = template_value_truth(template_eval(s, scope, n->b));
    if (truth) return template_eval(s, scope, n->a);
    if (n->c) return template_eval(s, scope, n->c);
    return template_value_undefined(
        s, "the condition of an if without else was not true, so there is no value");
}

static struct template_value eval_slice(struct template_state *s, struct template_scope *scope,
                                        const struct template_node *n) {
    struct template_value bounds[3], object = template_eval(s, scope, n->a);
    for (int i = 0; i < 3; i++)
        bounds[i] = n->items.items[i] ? template_eval(s, scope, n->items.items[i]) : missing();
    if (s->failed) return template_value_none();
    s->at = n->at;
    return template_access_slice(s, object, bounds);
}

static struct template_value eval_node(struct template_state *s, struct template_scope *scope,
                                       const struct template_node *n) {
    struct template_value v, key;
    switch (n->kind) {
    case NODE_LITERAL: return n->literal;
    case NODE_NAME: return eval_name(s, scope, n);
    case NODE_LIST:
    case NODE_TUPLE: return eval_list(s, scope, n);
    case NODE_DICT: return eval_dict(s, scope, n);
    case NODE_BINARY: return eval_binary(s, scope, n);
    case NODE_COMPARE: return eval_compare(s, scope, n);
    case NODE_CONCAT: return eval_concat(s, scope, n);
    case NODE_CONDITION: return eval_condition(s, scope, n);
    case NODE_SLICE: return eval_slice(s, scope, n);
    case NODE_CALL: return eval_call(s, scope, n);
    case NODE_TEST: return eval_test(s, scope, n);
    case NODE_UNARY:
        v = template_eval(s, scope, n->a);
        s->at = n->at;
        return template_operator_unary(s, n->op, v);
    case NODE_ATTRIBUTE:
        v = template_eval(s, scope, n->a);
        s->at = n->at;
        return template_access_attribute(s, v, n->name);
    case NODE_ITEM:
        v = template_eval(s, scope, n->a);
        key = template_eval(s, scope, n->b);
        s->at = n->at;
        return s->failed ? template_value_none() : template_access_item(s, v, key);
    case NODE_FILTER:
        v = n->a ? template_eval(s, scope, n->a) : template_value_none();
        return s->failed ? v : run_filter(s, scope, n, v);
    default: break;
    }
    template_state_fail(s, ERR_INTERNAL, "a statement where an expression should be");
    return template_value_none();
}

struct template_value template_eval(struct template_state *s, struct template_scope *scope,
                                    const struct template_node *n) {
    if (!template_state_spend(s, 1) || !template_state_enter(s)) return template_value_none();
    s->at = n->at;
    struct template_value v = eval_node(s, scope, n);
    template_state_leave(s);
    return s->failed ? template_value_none() : v;
}

/* ---- assignment ------------------------------------------------------------------------ */

static bool assign_tuple(struct template_state *s, struct template_scope *scope,
                         const struct template_node *target, struct template_value v) {
    struct template_list items;
    if (!template_value_items(s, v, &items)) return false;
    if (items.count != (size_t)target->items.count)
        return template_state_fail(s, ERR_ARGUMENT, "%zu values for %d names", items.count,
                                   target->items.count);
    for (size_t i = 0; i < items.count; i++)
        if (!template_eval_assign(s, scope, target->items.items[i], items.items[i])) return false;
    return true;
}

bool template_eval_assign(struct template_state *s, struct template_scope *scope,
                          const struct template_node *target, struct template_value v) {
    if (s->failed) return false;
    s->at = target->at;
    if (target->kind == NODE_NAME) return template_scope_set(s, scope, target->symbol, v);
    if (target->kind == NODE_TUPLE) return assign_tuple(s, scope, target, v);
    struct template_value ns = template_scope_get(s, scope, target->symbol);
    if (ns.type != VALUE_NAMESPACE)
        return template_state_fail(s, ERR_ARGUMENT, "only a namespace's members can be set");
    struct template_value name =
        template_value_string(template_text_borrow(s, target->member, true));
    return template_dict_put(s, ns.dict, name, v);
}
