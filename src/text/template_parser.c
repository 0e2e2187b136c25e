/* template_parser.c - statements; see the header.
 *
 * A statement's parser is called with the current token being its keyword, and leaves it at the
 * TOKEN_BLOCK_END of its last tag, which the caller takes. */
#include "text/template_parser.h"
#include <string.h>
#include "text/template_dict.h"

/* ---- the cursor ------------------------------------------------------------------------ */

bool template_parser_fail(struct template_parser *p, const char *what) {
    p->s->at = p->token->at;
    return template_state_fail(p->s, ERR_FORMAT, "%s", what);
}

bool template_parser_is(const struct template_parser *p, enum template_token_type type,
                        const char *text) {
    return p->token->type == type && (!text || span_equal_text(p->token->text, text));
}

bool template_parser_skip(struct template_parser *p, enum template_token_type type,
                          const char *text) {
    if (!template_parser_is(p, type, text)) return false;
    if (p->token->type != TOKEN_END) p->token++;
    return true;
}

bool template_parser_expect(struct template_parser *p, enum template_token_type type,
                            const char *text) {
    static const char *const names[] = {"text", "\"{{\"", "\"}}\"", "\"{%\"", "\"%}\"", "a name",
                                        "a string", "a number", "an operator", "the end"};
    if (p->s->failed) return false;
    if (template_parser_skip(p, type, text)) return true;
    p->s->at = p->token->at;
    return template_state_fail(p->s, ERR_FORMAT, "expected %s%s%s", text ? "\"" : "",
                               text ? text : names[type], text ? "\"" : "");
}

bool template_parser_enter(struct template_parser *p) {
    if (p->s->failed) return false;
    if (p->nesting == TEMPLATE_NESTING_MAX) return template_parser_fail(p, "nested too deep");
    p->nesting++;
    return true;
}

void template_parser_leave(struct template_parser *p) {
    p->nesting--;
}

int template_parser_symbol(struct template_parser *p, struct span name) {
    struct template_entry *e = template_dict_find_name(p->symbols, name);
    if (e) return (int)e->value.integer;
    int symbol = (int)p->symbols->count;
    struct template_value key = template_value_string(template_text_borrow(p->s, name, true));
    template_dict_put(p->s, p->symbols, key, template_value_int(symbol));
    return symbol;
}

/* ---- nodes ----------------------------------------------------------------------------- */

struct template_node *template_parser_node(struct template_parser *p,
                                           enum template_node_kind kind) {
    if (p->s->failed) return NULL;
    struct template_node *n = template_state_alloc(p->s, sizeof *n);
    if (!n) return NULL;
    n->kind = kind;
    n->at = p->token->at;
    n->height = 1;
    return n;
}

static int highest(const struct template_nodes *list, int height) {
    for (int i = 0; i < list->count; i++)
        if (list->items[i] && list->items[i]->height > height) height = list->items[i]->height;
    return height;
}

bool template_parser_close(struct template_parser *p, struct template_node *n) {
    if (p->s->failed || !n) return false;
    int height = highest(&n->items, highest(&n->other, 0));
    const struct template_node *children[] = {n->a, n->b, n->c};
    for (int i = 0; i < 3; i++)
        if (children[i] && children[i]->height > height) height = children[i]->height;
    if (n->arguments) {
        height = highest(&n->arguments->positional, highest(&n->arguments->named, height));
        if (n->arguments->star && n->arguments->star->height > height)
            height = n->arguments->star->height;
        if (n->arguments->star_star && n->arguments->star_star->height > height)
            height = n->arguments->star_star->height;
    }
    if (n->signature) height = highest(&n->signature->defaults, height);
    n->height = height + 1;
    if (n->height <= TEMPLATE_HEIGHT_MAX) return true;
    p->s->at = n->at;
    return template_state_fail(p->s, ERR_FORMAT, "an expression of more than %d levels",
                               TEMPLATE_HEIGHT_MAX);
}

bool template_parser_push(struct template_parser *p, struct template_nodes *list,
                          struct template_node *n) {
    if (p->s->failed) return false;
    if (list->count == list->capacity) {
        int capacity = list->capacity ? list->capacity * 2 : 4;
        struct template_node **items =
            template_state_array(p->s, (size_t)capacity, sizeof(struct template_node *));
        if (!items) return false;
        if (list->count)
            memcpy(items, list->items, (size_t)list->count * sizeof(struct template_node *));
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = n;
    return true;
}

/* ---- bodies ---------------------------------------------------------------------------- */

static bool parse_statement(struct template_parser *p, struct template_nodes *out);

static bool at_any(const struct template_parser *p, const char *const *names) {
    for (int i = 0; names && names[i]; i++)
        if (template_parser_is(p, TOKEN_NAME, names[i])) return true;
    return false;
}

/* Statements until one of the end names (current when this returns), or to the source's end. */
static bool parse_items(struct template_parser *p, const char *const *ends,
                        struct template_nodes *out) {
    while (!p->s->failed) {
        struct template_node *n;
        if (template_parser_is(p, TOKEN_END, NULL)) {
            if (!ends) return true;
            p->s->at = p->token->at;
            return template_state_fail(p->s, ERR_FORMAT, "the template ends before \"%s\"",
                                       ends[0]);
        }
        if (template_parser_is(p, TOKEN_DATA, NULL)) {
            n = template_parser_node(p, NODE_DATA);
            if (!n) return false;
            n->literal =
                template_value_string(template_text_borrow(p->s, p->token->text, true));
            p->token++;
            template_parser_push(p, out, n);
        } else if (template_parser_is(p, TOKEN_VARIABLE_BEGIN, NULL)) {
            p->token++;
            n = template_parser_node(p, NODE_PRINT);
            if (n) n->a = template_expression_parse_tuple(p, true, NULL);
            template_parser_expect(p, TOKEN_VARIABLE_END, NULL);
            if (template_parser_close(p, n)) template_parser_push(p, out, n);
        } else {
            template_parser_expect(p, TOKEN_BLOCK_BEGIN, NULL);
            if (at_any(p, ends)) return !p->s->failed;
            parse_statement(p, out);
            template_parser_expect(p, TOKEN_BLOCK_END, NULL);
        }
    }
    return false;
}

/* The rest of a tag, then a body up to one of the ends. */
static bool parse_body(struct template_parser *p, const char *const *ends,
                       struct template_nodes *out) {
    template_parser_skip(p, TOKEN_OPERATOR, ":"); /* as in Python */
    if (!template_parser_expect(p, TOKEN_BLOCK_END, NULL) || !template_parser_enter(p))
        return false;
    bool ok = parse_items(p, ends, out);
    template_parser_leave(p);
    return ok;
}

/* A body that ends with one name, which is taken; what is inside is not conditional by itself. */
static bool parse_closed_body(struct template_parser *p, const char *end,
                              struct template_nodes *out) {
    bool conditional = p->conditional;
    p->conditional = false;
    bool ok = parse_body(p, (const char *const[]){end, NULL}, out) &&
              template_parser_expect(p, TOKEN_NAME, end);
    p->conditional = conditional;
    return ok;
}

/* A body that becomes a function: loops around it cannot be left from inside. */
static bool parse_function_body(struct template_parser *p, struct template_node *n,
                                const char *end) {
    int loops = p->loops;
    p->loops = 0;
    if (n->signature) {
        n->signature->outer = p->macro;
        p->macro = n->signature;
    }
    bool ok = parse_closed_body(p, end, &n->items);
    if (n->signature) p->macro = n->signature->outer;
    p->loops = loops;
    return ok;
}

/* ---- statements ------------------------------------------------------------------------ */

static struct template_node *parse_if(struct template_parser *p) {
    struct template_node *first = template_parser_node(p, NODE_IF), *n = first;
    bool conditional = p->conditional;
    p->conditional = true;
    p->token++;
    while (n) {
        n->a = template_expression_parse_tuple(p, false, NULL);
        if (!parse_body(p, (const char *const[]){"endif", "elif", "else", NULL}, &n->items)) break;
        if (template_parser_skip(p, TOKEN_NAME, "elif")) {
            /* A chain of elifs is a list below the first if, not a tree ever deeper. */
            n = template_parser_node(p, NODE_IF);
            template_parser_push(p, &first->other, n);
            continue;
        }
        if (template_parser_skip(p, TOKEN_NAME, "else")) {
            struct template_node *otherwise = template_parser_node(p, NODE_IF);
            if (!otherwise) break;
            if (!parse_body(p, (const char *const[]){"endif", NULL}, &otherwise->items)) break;
            template_parser_close(p, otherwise);
            template_parser_push(p, &first->other, otherwise);
        }
        template_parser_expect(p, TOKEN_NAME, "endif");
        break;
    }
    p->conditional = conditional;
    for (int i = 0; first && i < first->other.count; i++)
        template_parser_close(p, first->other.items[i]);
    return template_parser_close(p, first) ? first : NULL;
}

static struct template_node *parse_for(struct template_parser *p) {
    struct template_node *n = template_parser_node(p, NODE_FOR);
    if (!n) return NULL;
    p->token++;
    p->fors++; /* `loop` is no name for its target either */
    n->a = template_expression_parse_target(p, false, "in");
    p->fors--;
    if (!template_parser_expect(p, TOKEN_NAME, "in")) return NULL;
    n->b = template_expression_parse_tuple(p, false, "recursive");
    if (template_parser_skip(p, TOKEN_NAME, "if")) n->c = template_expression_parse(p);
    n->recursive = template_parser_skip(p, TOKEN_NAME, "recursive");
    bool conditional = p->conditional;
    p->conditional = false;
    p->loops++;
    p->fors++;
    bool ok = parse_body(p, (const char *const[]){"endfor", "else", NULL}, &n->items);
    p->loops--;
    if (ok && template_parser_skip(p, TOKEN_NAME, "else"))
        parse_body(p, (const char *const[]){"endfor", NULL}, &n->other);
    p->fors--;
    p->conditional = conditional;
    template_parser_expect(p, TOKEN_NAME, "endfor");
    return template_parser_close(p, n) ? n : NULL;
}

static struct template_node *parse_set(struct template_parser *p) {
    struct template_node *n = template_parser_node(p, NODE_SET);
    if (!n) return NULL;
    p->token++;
    n->a = template_expression_parse_target(p, true, NULL);
    if (template_parser_skip(p, TOKEN_OPERATOR, "=")) {
        n->b = template_expression_parse_tuple(p, true, NULL);
    } else {
        n->kind = NODE_SET_BLOCK;
        n->b = template_expression_parse_filters(p, NULL, false);
        parse_closed_body(p, "endset", &n->items);
    }
    return template_parser_close(p, n) ? n : NULL;
}

/* "(a, b=1)"; parameters are names. */
static bool parse_signature(struct template_parser *p, struct template_signature *signature) {
    if (!template_parser_expect(p, TOKEN_OPERATOR, "(")) return false;
    bool defaults = false;
    while (!template_parser_is(p, TOKEN_OPERATOR, ")") && !p->s->failed) {
        if (signature->parameters.count && !template_parser_expect(p, TOKEN_OPERATOR, ","))
            return false;
        struct template_node *name = template_parser_node(p, NODE_NAME), *value = NULL;
        if (!name || !template_parser_is(p, TOKEN_NAME, NULL))
            return template_parser_expect(p, TOKEN_NAME, NULL);
        name->name = p->token->text;
        name->symbol = template_parser_symbol(p, name->name);
        if (!template_expression_can_assign(name))
            return template_parser_fail(p, "a constant cannot be a parameter");
        p->token++;
        if (template_parser_skip(p, TOKEN_OPERATOR, "=")) {
            value = template_expression_parse(p);
            defaults = true;
        } else if (name->symbol == SYMBOL_CALLER) {
            return template_parser_fail(p, "the parameter \"caller\" needs a default");
        } else if (defaults) {
            return template_parser_fail(p, "a parameter without default behind one with");
        }
        template_parser_push(p, &signature->parameters, name);
        template_parser_push(p, &signature->defaults, value);
    }
    return template_parser_expect(p, TOKEN_OPERATOR, ")");
}

static struct template_node *parse_macro(struct template_parser *p) {
    struct template_node *n = template_parser_node(p, NODE_MACRO);
    if (!n || !(n->signature = template_state_alloc(p->s, sizeof *n->signature))) return NULL;
    p->token++;
    if (!template_parser_is(p, TOKEN_NAME, NULL)) {
        template_parser_expect(p, TOKEN_NAME, NULL);
        return NULL;
    }
    n->name = n->signature->name = p->token->text;
    n->symbol = template_parser_symbol(p, n->name);
    if (!template_expression_can_assign(n)) {
        template_parser_fail(p, "a constant cannot be a macro's name");
        return NULL;
    }
    p->token++;
    /* defaults are evaluated inside the macro: names in them belong to it */
    n->signature->outer = p->macro;
    p->macro = n->signature;
    bool ok = parse_signature(p, n->signature);
    p->macro = n->signature->outer;
    if (!ok) return NULL;
    parse_function_body(p, n, "endmacro");
    return template_parser_close(p, n) ? n : NULL;
}

static struct template_node *parse_call_block(struct template_parser *p) {
    struct template_node *n = template_parser_node(p, NODE_CALL_BLOCK);
    if (!n || !(n->signature = template_state_alloc(p->s, sizeof *n->signature))) return NULL;
    n->signature->name = span_of("caller");
    p->token++;
    if (template_parser_is(p, TOKEN_OPERATOR, "(") && !parse_signature(p, n->signature))
        return NULL;
    n->a = template_expression_parse(p);
    if (n->a && n->a->kind != NODE_CALL) template_parser_fail(p, "a call block needs a call");
    if (!p->s->failed) parse_function_body(p, n, "endcall");
    return template_parser_close(p, n) ? n : NULL;
}

static struct template_node *parse_filter_block(struct template_parser *p) {
    struct template_node *n = template_parser_node(p, NODE_FILTER_BLOCK);
    if (!n) return NULL;
    p->token++;
    n->a = template_expression_parse_filters(p, NULL, true);
    parse_closed_body(p, "endfilter", &n->items);
    return template_parser_close(p, n) ? n : NULL;
}

static struct template_node *parse_with(struct template_parser *p) {
    struct template_node *n = template_parser_node(p, NODE_WITH);
    if (!n) return NULL;
    p->token++;
    while (!template_parser_is(p, TOKEN_BLOCK_END, NULL) && !p->s->failed) {
        if (n->other.count) template_parser_expect(p, TOKEN_OPERATOR, ",");
        template_parser_push(p, &n->other, template_expression_parse_target(p, false, NULL));
        template_parser_expect(p, TOKEN_OPERATOR, "=");
        template_parser_push(p, &n->other, template_expression_parse(p));
    }
    if (!p->s->failed) parse_closed_body(p, "endwith", &n->items);
    return template_parser_close(p, n) ? n : NULL;
}

/* {% generation %}: transformers marks the assistant's text with it; rendered through. */
static struct template_node *parse_generation(struct template_parser *p) {
    struct template_node *n = template_parser_node(p, NODE_SCOPE);
    if (!n) return NULL;
    p->token++;
    parse_function_body(p, n, "endgeneration");
    return template_parser_close(p, n) ? n : NULL;
}

static struct template_node *parse_leave_loop(struct template_parser *p) {
    bool stop = template_parser_is(p, TOKEN_NAME, "break");
    struct template_node *n = template_parser_node(p, stop ? NODE_BREAK : NODE_CONTINUE);
    if (!p->loops) {
        template_parser_fail(p, "break or continue outside a loop");
        return NULL;
    }
    p->token++;
    return n;
}

static struct template_node *refuse_statement(struct template_parser *p) {
    p->s->at = p->token->at;
    template_state_fail(p->s, ERR_UNSUPPORTED,
                        "\"%.*s\" is not available to chat templates, which are one file without "
                        "inheritance or escaping",
                        (int)p->token->text.len, p->token->text.data);
    return NULL;
}

/* {% print a, b %} */
static bool parse_print(struct template_parser *p, struct template_nodes *out) {
    p->token++;
    for (bool first = true; !template_parser_is(p, TOKEN_BLOCK_END, NULL) && !p->s->failed;
         first = false) {
        if (!first) template_parser_expect(p, TOKEN_OPERATOR, ",");
        struct template_node *n = template_parser_node(p, NODE_PRINT);
        if (n) n->a = template_expression_parse(p);
        if (template_parser_close(p, n)) template_parser_push(p, out, n);
    }
    return !p->s->failed;
}

static bool parse_statement(struct template_parser *p, struct template_nodes *out) {
    static const struct {
        const char *name;
        struct template_node *(*parse)(struct template_parser *p);
    } statements[] = {
        {"if", parse_if},
        {"for", parse_for},
        {"set", parse_set},
        {"macro", parse_macro},
        {"call", parse_call_block},
        {"filter", parse_filter_block},
        {"with", parse_with},
        {"generation", parse_generation},
        {"break", parse_leave_loop},
        {"continue", parse_leave_loop},
        {"include", refuse_statement},
        {"import", refuse_statement},
        {"from", refuse_statement},
        {"extends", refuse_statement},
        {"block", refuse_statement},
        {"autoescape", refuse_statement},
    };
    if (p->s->failed) return false;
    if (!template_parser_is(p, TOKEN_NAME, NULL))
        return template_parser_fail(p, "expected a statement's name");
    if (template_parser_is(p, TOKEN_NAME, "print")) return parse_print(p, out);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (template_parser_is(p, TOKEN_NAME, statements[i].name))
            return template_parser_push(p, out, statements[i].parse(p));
    p->s->at = p->token->at;
    return template_state_fail(p->s, ERR_FORMAT, "unknown statement \"%.*s\"",
                               (int)(p->token->text.len < 40 ? p->token->text.len : 40),
                               p->token->text.data);
}

bool template_parser_run(struct template_state *s, struct template_program *out) {
    static const char *const fixed[SYMBOLS_FIXED] = {
        [SYMBOL_LOOP] = "loop", [SYMBOL_CALLER] = "caller",
        [SYMBOL_VARARGS] = "varargs", [SYMBOL_KWARGS] = "kwargs"};
    struct template_tokens tokens = {0};
    struct template_parser p = {.s = s, .symbols = template_dict_new(s, SYMBOLS_FIXED)};
    if (!p.symbols || !template_lexer_run(s, &tokens)) return false;
    p.token = tokens.items;
    for (int i = 0; i < SYMBOLS_FIXED; i++) template_parser_symbol(&p, span_of(fixed[i]));
    parse_items(&p, NULL, &out->body);
    out->symbols = p.symbols;
    if (p.unknown && !s->failed) {
        s->at = p.unknown->at;
        template_state_fail(s, ERR_UNSUPPORTED, "no %s named '%.*s'",
                            p.unknown->kind == NODE_FILTER ? "filter" : "test",
                            (int)(p.unknown->name.len < 60 ? p.unknown->name.len : 60),
                            p.unknown->name.data);
    }
    return !s->failed;
}
