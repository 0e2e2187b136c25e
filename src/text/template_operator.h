/* template_operator.h - arithmetic and comparison, with Python's rules. */
#ifndef TEXT_TEMPLATE_OPERATOR_H
#define TEXT_TEMPLATE_OPERATOR_H
#include "text/template_node.h"

/* Integers have 64 bits here; a result past that is an error, never a wrong number. */
struct template_value template_operator_binary(struct template_state *s, enum template_operator op,
                                               struct template_value a, struct template_value b);
struct template_value template_operator_unary(struct template_state *s, enum template_operator op,
                                              struct template_value a);
bool template_operator_compare(struct template_state *s, enum template_operator op,
                               struct template_value a, struct template_value b);
#endif
