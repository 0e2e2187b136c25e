/* template_exec.c - runs statements; see the header. */
#include "text/template_exec.h"
#include "text/template_dict.h"
#include "text/template_eval.h"
#include "text/template_repr.h"

/* ---- text of a block ------------------------------------------------------------------- */

/* Runs nodes with their output caught in a string. */
static enum template_flow capture(struct template_state *s, struct template_scope *scope,
                                  const struct template_nodes *nodes,
                                  struct template_value *out) {
    struct template_text *outer = s->out, *text = template_text_new(s, 0);
    enum template_flow flow = FLOW_NEXT;
    if (text) {
        s->out = text;
        flow = template_exec(s, scope, nodes);
        s->out = outer;
    }
    *out = template_value_string(template_text_string(s, text));
    return flow;
}

static enum template_flow exec_print(struct template_state *s, struct template_scope *scope,
                                     const struct template_node *n) {
    struct template_value v = template_eval(s, scope, n->a);
    if (!s->failed) template_repr_str(s, s->out, v);
    return FLOW_NEXT;
}

static enum template_flow exec_set_block(struct template_state *s, struct template_scope *scope,
                                         const struct template_node *n) {
    struct template_value text;
    enum template_flow flow = capture(s, template_scope_new(s, scope), &n->items, &text);
    if (flow != FLOW_NEXT || s->failed) return flow;
    template_eval_assign(s, scope, n->a, template_eval_filters(s, scope, n->b, text));
    return FLOW_NEXT;
}

static enum template_flow exec_filter_block(struct template_state *s,
                                            struct template_scope *scope,
                                            const struct template_node *n) {
    struct template_value text;
    struct template_scope *inner = template_scope_new(s, scope);
    enum template_flow flow = capture(s, inner, &n->items, &text);
    if (flow != FLOW_NEXT || s->failed) return flow;
    struct template_value v = template_eval_filters(s, inner, n->a, text);
    if (!s->failed) template_repr_str(s, s->out, v);
    return FLOW_NEXT;
}

static enum template_flow exec_if(struct template_state *s, struct template_scope *scope,
                                  const struct template_node *n) {
    if (template_value_truth(template_eval(s, scope, n->a)))
        return template_exec(s, scope, &n->items);
    for (int i = 0; i < n->other.count && !s->failed; i++) {
        const struct template_node *other = n->other.items[i]; /* without condition: the else */
        if (!other->a || template_value_truth(template_eval(s, scope, other->a)))
            return template_exec(s, scope, &other->items);
    }
    return FLOW_NEXT;
}

static enum template_flow exec_with(struct template_state *s, struct template_scope *scope,
                                    const struct template_node *n) {
    struct template_scope *inner = template_scope_new(s, scope);
    for (int i = 0; i < n->other.count && inner && !s->failed; i += 2)
        template_eval_assign(s, inner, n->other.items[i],
                             template_eval(s, scope, n->other.items[i + 1]));
    return s->failed ? FLOW_NEXT : template_exec(s, inner, &n->items);
}

/* ---- loops ----------------------------------------------------------------------------- */

struct template_loop {
    const struct template_node *node;
    struct template_scope *outer;         /* where the loop stands */
    struct template_list items;           /* of the iterable */
    bool filtered;                        /* all that is left of items has passed the filter */
    size_t next;                          /* among them */
    struct template_value before, current, after; /* after: looked at already, or missing */
    int64_t index0, depth0;
    int64_t length;                       /* -1 while not known */
    struct template_value changed;        /* what changed() last saw */
};

/* The next item that passes the filter, or VALUE_MISSING.  Filters run one item ahead at most, and
 * only when somebody asks, because they may read what the body has set. */
static struct template_value advance(struct template_state *s, struct template_loop *l) {
    while (l->next < l->items.count && template_state_spend(s, 1)) {
        struct template_value v = l->items.items[l->next++];
        if (l->filtered) return v;
        struct template_scope *scope = template_scope_new(s, l->outer);
        if (!scope || !template_eval_assign(s, scope, l->node->a, v)) break;
        if (template_value_truth(template_eval(s, scope, l->node->c)) && !s->failed) return v;
    }
    return (struct template_value){.type = VALUE_MISSING};
}

static struct template_value peek(struct template_state *s, struct template_loop *l) {
    if (l->after.type == VALUE_MISSING) l->after = advance(s, l);
    return l->after;
}

/* Without filter the length is known; with one, the rest is filtered now. */
static int64_t loop_length(struct template_state *s, struct template_loop *l) {
    if (l->length >= 0) return l->length;
    if (l->filtered) return l->length = (int64_t)l->items.count;
    struct template_values rest = {0};
    struct template_value v = peek(s, l);
    while (v.type != VALUE_MISSING && template_value_push(s, &rest, v)) v = advance(s, l);
    l->length = l->index0 + 1 + (int64_t)rest.count;
    l->items = (struct template_list){.items = rest.items, .count = rest.count};
    l->next = rest.count ? 1 : 0;
    l->filtered = true;
    l->after = rest.count ? rest.items[0] : (struct template_value){.type = VALUE_MISSING};
    return l->length;
}

static bool step(struct template_state *s, struct template_loop *l) {
    struct template_value v = peek(s, l);
    l->after = (struct template_value){.type = VALUE_MISSING};
    if (v.type == VALUE_MISSING || s->failed) return false;
    l->before = l->current;
    l->current = v;
    l->index0++;
    return true;
}

static enum template_flow run_loop(struct template_state *s, struct template_loop *l) {
    const struct template_node *n = l->node;
    struct template_value loop = {.type = VALUE_LOOP, .loop = l};
    struct template_scope *scope = template_scope_new(s, l->outer);
    bool completed = false; /* an iteration that was not left early: jinja2's condition for else */
    while (scope && step(s, l)) {
        scope->count = 0;
        template_scope_set(s, scope, SYMBOL_LOOP, loop);
        template_eval_assign(s, scope, n->a, l->current);
        enum template_flow flow = template_exec(s, scope, &n->items);
        if (flow == FLOW_BREAK) break;
        if (flow == FLOW_NEXT) completed = true;
    }
    if (s->failed || completed || !n->other.count) return FLOW_NEXT;
    return template_exec(s, template_scope_new(s, l->outer), &n->other);
}

static enum template_flow loop_over(struct template_state *s, const struct template_node *n,
                                    struct template_scope *outer, struct template_value iterable,
                                    int64_t depth0) {
    struct template_loop *l = template_state_alloc(s, sizeof *l);
    if (!l) return FLOW_NEXT;
    s->at = n->b->at;
    l->node = n;
    l->filtered = !n->c;
    l->outer = outer;
    l->index0 = -1;
    l->depth0 = depth0;
    l->length = -1;
    if (!template_value_items(s, iterable, &l->items)) return FLOW_NEXT;
    return run_loop(s, l);
}

static enum template_flow exec_for(struct template_state *s, struct template_scope *scope,
                                   const struct template_node *n) {
    struct template_value iterable = template_eval(s, scope, n->b);
    return s->failed ? FLOW_NEXT : loop_over(s, n, scope, iterable, 0);
}

struct template_value template_exec_loop_again(struct template_state *s,
                                               struct template_loop *loop,
                                               const struct template_args *args) {
    struct template_value v = template_value_none();
    if (!loop->node->recursive) {
        template_state_fail(s, ERR_ARGUMENT, "loop() needs a loop marked \"recursive\"");
        return v;
    }
    if (args->count != 1 || args->named) {
        template_state_fail(s, ERR_ARGUMENT, "loop() takes one argument");
        return v;
    }
    struct template_text *outer = s->out, *text = template_text_new(s, 0);
    if (!text || !template_state_enter(s)) return v;
    s->out = text;
    loop_over(s, loop->node, loop->outer, args->items[0], loop->depth0 + 1);
    s->out = outer;
    template_state_leave(s);
    return template_value_string(template_text_string(s, text));
}

static struct template_value loop_method(struct template_state *s, struct template_loop *l,
                                         bool cycle) {
    struct template_value self = {.type = VALUE_LOOP, .loop = l};
    return template_call_function(
        s, (struct template_function){
               .kind = cycle ? FUNCTION_LOOP_CYCLE : FUNCTION_LOOP_CHANGED, .self = self});
}

static struct template_value neighbour(struct template_state *s, struct template_value v,
                                       const char *hint) {
    return v.type == VALUE_MISSING ? template_value_undefined(s, hint) : v;
}

struct template_value template_exec_loop_member(struct template_state *s,
                                                struct template_loop *l, struct span name) {
    static const char *const names[] = {"index",    "index0",  "first",    "last",   "length",
                                        "revindex", "revindex0", "depth",  "depth0", "previtem",
                                        "nextitem", "cycle",   "changed"};
    size_t which = 0, count = sizeof names / sizeof *names;
    while (which < count && !span_equal_text(name, names[which])) which++;
    switch (which) {
    case 0: return template_value_int(l->index0 + 1);
    case 1: return template_value_int(l->index0);
    case 2: return template_value_bool(l->index0 == 0);
    case 3: return template_value_bool(peek(s, l).type == VALUE_MISSING);
    case 4: return template_value_int(loop_length(s, l));
    case 5: return template_value_int(loop_length(s, l) - l->index0);
    case 6: return template_value_int(loop_length(s, l) - l->index0 - 1);
    case 7: return template_value_int(l->depth0 + 1);
    case 8: return template_value_int(l->depth0);
    case 9: return neighbour(s, l->before, "there is no previous item");
    case 10: return neighbour(s, peek(s, l), "there is no next item");
    case 11:
    case 12: return loop_method(s, l, which == 11);
    default: return (struct template_value){.type = VALUE_MISSING};
    }
}

struct template_value template_exec_loop_cycle(struct template_state *s,
                                               struct template_loop *l,
                                               const struct template_args *args) {
    if (args->count && !args->named) return args->items[(size_t)l->index0 % args->count];
    template_state_fail(s, ERR_ARGUMENT, "loop.cycle() needs values to cycle through");
    return template_value_none();
}

struct template_value template_exec_loop_changed(struct template_state *s,
                                                 struct template_loop *l,
                                                 const struct template_args *args) {
    struct template_value now = template_value_list(s, VALUE_TUPLE, args->items, args->count);
    if (l->changed.type != VALUE_MISSING && template_value_equal(s, l->changed, now))
        return template_value_bool(false);
    l->changed = now;
    return template_value_bool(true);
}

/* ---- macros ---------------------------------------------------------------------------- */

static enum template_flow exec_macro(struct template_state *s, struct template_scope *scope,
                                     const struct template_node *n) {
    struct template_function f = {.kind = FUNCTION_MACRO, .macro = n, .closure = scope};
    template_scope_set(s, scope, n->symbol, template_call_function(s, f));
    return FLOW_NEXT;
}

static bool refuse_argument(struct template_state *s, const struct template_signature *signature,
                            const char *what) {
    return template_state_fail(s, ERR_ARGUMENT, "macro '%.*s' %s",
                               (int)(signature->name.len < 60 ? signature->name.len : 60),
                               signature->name.data, what);
}

/* The value of parameter i: by position, by name (counted in *named_used), or missing. */
static struct template_value argument(const struct template_signature *signature, int i,
                                      const struct template_args *args, size_t *named_used) {
    if ((size_t)i < args->count) return args->items[i];
    struct template_entry *e =
        args->named ? template_dict_find_name(args->named, signature->parameters.items[i]->name)
                    : NULL;
    if (e) ++*named_used;
    return e ? e->value : (struct template_value){.type = VALUE_MISSING};
}

static bool bind_parameters(struct template_state *s, const struct template_signature *signature,
                            struct template_scope *scope, const struct template_args *args,
                            size_t *named_used) {
    for (int i = 0; i < signature->parameters.count && !s->failed; i++) {
        const struct template_node *name = signature->parameters.items[i];
        struct template_value v = argument(signature, i, args, named_used);
        if (v.type == VALUE_MISSING && signature->defaults.items[i])
            v = template_eval(s, scope, signature->defaults.items[i]);
        else if (v.type == VALUE_MISSING)
            v = template_value_undefined(s, "a parameter was not provided");
        template_scope_set(s, scope, name->symbol, v);
    }
    return !s->failed;
}

/* Named arguments that are no parameters. */
static struct template_value rest_named(struct template_state *s,
                                        const struct template_signature *signature,
                                        const struct template_args *args) {
    struct template_dict *rest = template_dict_new(s, 0);
    for (size_t i = 0; rest && args->named && i < args->named->count; i++) {
        const struct template_entry *e = &args->named->entries[i];
        bool known =
            signature->takes_caller && span_equal_text(template_value_span(e->key), "caller");
        for (int k = 0; k < signature->parameters.count && !known; k++)
            known = span_equal(signature->parameters.items[k]->name, template_value_span(e->key));
        if (!known) template_dict_put(s, rest, e->key, e->value);
    }
    return template_dict_value(rest);
}

static bool has_parameter(const struct template_signature *signature, int symbol) {
    for (int i = 0; i < signature->parameters.count; i++)
        if (signature->parameters.items[i]->symbol == symbol) return true;
    return false;
}

static bool bind_extras(struct template_state *s, const struct template_signature *signature,
                        struct template_scope *scope, const struct template_args *args,
                        size_t named_used) {
    size_t parameters = (size_t)signature->parameters.count;
    struct template_entry *caller =
        args->named ? template_dict_find_name(args->named, span_of("caller")) : NULL;
    if (signature->takes_caller && !has_parameter(signature, SYMBOL_CALLER)) {
        struct template_value v = caller ? caller->value
                                         : template_value_undefined(s, "No caller defined");
        if (caller) named_used++;
        template_scope_set(s, scope, SYMBOL_CALLER, v);
    }
    if (signature->takes_kwargs)
        template_scope_set(s, scope, SYMBOL_KWARGS, rest_named(s, signature, args));
    else if (args->named && named_used < args->named->count)
        return refuse_argument(s, signature, "got an argument by a name that it does not have");
    if (signature->takes_varargs) {
        size_t extra = args->count > parameters ? args->count - parameters : 0;
        struct template_value *items = extra ? args->items + parameters : NULL;
        template_scope_set(s, scope, SYMBOL_VARARGS,
                           template_value_list(s, VALUE_TUPLE, items, extra));
    } else if (args->count > parameters) {
        return refuse_argument(s, signature, "got too many arguments");
    }
    return !s->failed;
}

struct template_value template_exec_macro(struct template_state *s,
                                          const struct template_function *f,
                                          const struct template_args *args) {
    const struct template_signature *signature = f->macro->signature;
    struct template_scope *scope = template_scope_new(s, f->closure);
    struct template_value text = template_value_none();
    size_t named_used = 0;
    if (!scope || !template_state_enter(s)) return text;
    if (bind_parameters(s, signature, scope, args, &named_used) &&
        bind_extras(s, signature, scope, args, named_used))
        capture(s, scope, &f->macro->items, &text);
    template_state_leave(s);
    return text;
}

static enum template_flow exec_call_block(struct template_state *s, struct template_scope *scope,
                                          const struct template_node *n) {
    struct template_args args;
    struct template_value callee = template_eval(s, scope, n->a->a);
    if (!template_eval_arguments(s, scope, n->a->arguments, &args)) return FLOW_NEXT;
    struct template_function f = {.kind = FUNCTION_MACRO, .macro = n, .closure = scope};
    if (!args.named && !(args.named = template_dict_new(s, 1))) return FLOW_NEXT;
    template_dict_put(s, args.named, template_value_text(s, "caller"),
                      template_call_function(s, f));
    s->at = n->at;
    struct template_value v = template_call(s, callee, &args);
    if (!s->failed) template_repr_str(s, s->out, v);
    return FLOW_NEXT;
}

/* ---- statements ------------------------------------------------------------------------ */

static enum template_flow exec_node(struct template_state *s, struct template_scope *scope,
                                    const struct template_node *n) {
    switch (n->kind) {
    case NODE_DATA: template_text_add_string(s, s->out, n->literal.string); break;
    case NODE_PRINT: return exec_print(s, scope, n);
    case NODE_IF: return exec_if(s, scope, n);
    case NODE_FOR: return exec_for(s, scope, n);
    case NODE_SET: template_eval_assign(s, scope, n->a, template_eval(s, scope, n->b)); break;
    case NODE_SET_BLOCK: return exec_set_block(s, scope, n);
    case NODE_MACRO: return exec_macro(s, scope, n);
    case NODE_CALL_BLOCK: return exec_call_block(s, scope, n);
    case NODE_FILTER_BLOCK: return exec_filter_block(s, scope, n);
    case NODE_SCOPE: return template_exec(s, template_scope_new(s, scope), &n->items);
    case NODE_WITH: return exec_with(s, scope, n);
    case NODE_BREAK: return FLOW_BREAK;
    case NODE_CONTINUE: return FLOW_CONTINUE;
    default: template_state_fail(s, ERR_INTERNAL, "an expression where a statement should be");
    }
    return FLOW_NEXT;
}

enum template_flow template_exec(struct template_state *s, struct template_scope *scope,
                                 const struct template_nodes *nodes) {
    enum template_flow flow = FLOW_NEXT;
    if (!template_state_enter(s)) return flow;
    for (int i = 0; i < nodes->count && flow == FLOW_NEXT && template_state_spend(s, 1); i++) {
        s->at = nodes->items[i]->at;
        flow = exec_node(s, scope, nodes->items[i]);
    }
    template_state_leave(s);
    return flow;
}
