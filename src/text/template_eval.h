/* template_eval.h - expressions to values. */
#ifndef TEXT_TEMPLATE_EVAL_H
#define TEXT_TEMPLATE_EVAL_H
#include "text/template_call.h"

struct template_value template_eval(struct template_state *s, struct template_scope *scope,
                                    const struct template_node *n);

/* The arguments of a call; extra (if not missing) is added under the name "caller". */
bool template_eval_arguments(struct template_state *s, struct template_scope *scope,
                             const struct template_arguments *from, struct template_args *out);

/* Puts text through a chain of filters that began without an operand. */
struct template_value template_eval_filters(struct template_state *s, struct template_scope *scope,
                                            const struct template_node *n,
                                            struct template_value text);

/* Assigns to a target: a name, a tuple of targets, a namespace's member. */
bool template_eval_assign(struct template_state *s, struct template_scope *scope,
                          const struct template_node *target, struct template_value v);
#endif
