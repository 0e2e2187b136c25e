/* template_call.h - what can be called, and calling it. */
#ifndef TEXT_TEMPLATE_CALL_H
#define TEXT_TEMPLATE_CALL_H
#include "text/template_builtin.h"
#include "text/template_node.h"
#include "text/template_scope.h"

struct template_function {
    enum { FUNCTION_MACRO, FUNCTION_METHOD, FUNCTION_GLOBAL, FUNCTION_LOOP_CYCLE,
           FUNCTION_LOOP_CHANGED, FUNCTION_CYCLER_NEXT, FUNCTION_CYCLER_RESET } kind;
    struct template_value self;            /* the object of a method */
    const struct template_method *method;
    const struct template_filter *global;
    const struct template_node *macro;     /* NODE_MACRO or NODE_CALL_BLOCK */
    struct template_scope *closure;        /* of a macro */
};

struct template_value template_call_function(struct template_state *s,
                                             struct template_function function);
struct template_value template_call(struct template_state *s, struct template_value callee,
                                    const struct template_args *args);
#endif
