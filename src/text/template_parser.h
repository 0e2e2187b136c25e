/* template_parser.h - tokens into a tree.  template_parser.c has the statements,
 * template_expression.c the expressions; the cursor below is theirs. */
#ifndef TEXT_TEMPLATE_PARSER_H
#define TEXT_TEMPLATE_PARSER_H
#include "text/template_lexer.h"
#include "text/template_node.h"

struct template_parser {
    struct template_state *s;
    const struct template_token *token;  /* the current one; TOKEN_END is never passed */
    struct template_dict *symbols;       /* name -> number */
    struct template_signature *macro;    /* whose body this is, or NULL */
    int nesting;                         /* of brackets and blocks, bounded */
    int loops;                           /* around this place, within the macro */
    int fors;                            /* around this place, macros or not */
    bool conditional;                    /* inside an if: unknown filters fail only when reached */
    const struct template_node *unknown; /* the first filter or test elsewhere that is unknown */
};

struct template_program {
    struct template_nodes body;
    struct template_dict *symbols;
};

/* Compiles s->source. */
bool template_parser_run(struct template_state *s, struct template_program *out);

/* ---- shared by the two files ------------------------------------------------------------- */

bool template_parser_fail(struct template_parser *p, const char *what); /* at the current token */
bool template_parser_is(const struct template_parser *p, enum template_token_type type,
                        const char *text);
bool template_parser_skip(struct template_parser *p, enum template_token_type type,
                          const char *text);
bool template_parser_expect(struct template_parser *p, enum template_token_type type,
                            const char *text);
bool template_parser_enter(struct template_parser *p);
void template_parser_leave(struct template_parser *p);
int template_parser_symbol(struct template_parser *p, struct span name);

/* A node whose place is the current token's; NULL after a failure. */
struct template_node *template_parser_node(struct template_parser *p, enum template_node_kind kind);
/* Sets the height from the children; false when the tree is too high. */
bool template_parser_close(struct template_parser *p, struct template_node *n);
bool template_parser_push(struct template_parser *p, struct template_nodes *list,
                          struct template_node *n);

/* Expressions (template_expression.c).  All return NULL after a failure. */
struct template_node *template_expression_parse(struct template_parser *p);
/* Without "if … else", where an "if" belongs to the statement. */
struct template_node *template_expression_parse_plain(struct template_parser *p);
/* One expression or a tuple without parentheses; `until` is a name that ends it (or NULL). */
struct template_node *template_expression_parse_tuple(struct template_parser *p, bool conditions,
                                                      const char *until);
/* A name, a tuple of names or (if allowed) namespace.member. */
struct template_node *template_expression_parse_target(struct template_parser *p, bool members,
                                                       const char *until);
/* Zero or more "|filter", the first one without its bar if inline; node may be NULL. */
struct template_node *template_expression_parse_filters(struct template_parser *p,
                                                        struct template_node *node, bool inline_);
bool template_expression_can_assign(const struct template_node *n);

#endif
