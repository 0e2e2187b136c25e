/* template_exec.h - statements: output, variables, loops, macros. */
#ifndef TEXT_TEMPLATE_EXEC_H
#define TEXT_TEMPLATE_EXEC_H
#include "text/template_call.h"

enum template_flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE };

enum template_flow template_exec(struct template_state *s, struct template_scope *scope,
                                 const struct template_nodes *nodes);

/* Runs a macro's body with arguments; its output as a string. */
struct template_value template_exec_macro(struct template_state *s,
                                          const struct template_function *f,
                                          const struct template_args *args);

/* `loop.name` (VALUE_MISSING: no such thing), and loop(items) in a recursive loop. */
struct template_value template_exec_loop_member(struct template_state *s,
                                                struct template_loop *loop, struct span name);
struct template_value template_exec_loop_again(struct template_state *s,
                                               struct template_loop *loop,
                                               const struct template_args *args);
struct template_value template_exec_loop_cycle(struct template_state *s,
                                               struct template_loop *loop,
                                               const struct template_args *args);
struct template_value template_exec_loop_changed(struct template_state *s,
                                                 struct template_loop *loop,
                                                 const struct template_args *args);
#endif
