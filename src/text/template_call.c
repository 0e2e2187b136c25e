/* template_call.c - see the header. */
#include "text/template_call.h"
#include "text/template_exec.h"

struct template_value template_call_function(struct template_state *s,
                                             struct template_function function) {
    struct template_function *f = template_state_alloc(s, sizeof *f);
    if (!f) return template_value_none();
    *f = function;
    return (struct template_value){.type = VALUE_FUNCTION, .function = f};
}

static struct template_value next_of_cycle(struct template_iterator *cycler) {
    struct template_value v = cycler->items.items[cycler->next];
    cycler->next = (cycler->next + 1) % cycler->items.count;
    return v;
}

static struct template_value call_builtin(struct template_state *s,
                                          const struct template_function *f,
                                          const struct template_args *args) {
    bool method = f->kind == FUNCTION_METHOD;
    struct template_call c = {.s = s, .self = f->self, .args = args,
                              .name = method ? f->method->name : f->global->name};
    const char *parameters = method ? f->method->parameters : f->global->parameters;
    int required = method ? f->method->required : f->global->required;
    if (!template_builtin_bind(&c, parameters, required)) return template_value_none();
    return method ? f->method->run(&c) : f->global->run(&c);
}

static struct template_value call_function(struct template_state *s,
                                           const struct template_function *f,
                                           const struct template_args *args) {
    switch (f->kind) {
    case FUNCTION_MACRO: return template_exec_macro(s, f, args);
    case FUNCTION_METHOD:
    case FUNCTION_GLOBAL: return call_builtin(s, f, args);
    case FUNCTION_LOOP_CYCLE: return template_exec_loop_cycle(s, f->self.loop, args);
    case FUNCTION_LOOP_CHANGED: return template_exec_loop_changed(s, f->self.loop, args);
    case FUNCTION_CYCLER_NEXT: return next_of_cycle(f->self.iterator);
    case FUNCTION_CYCLER_RESET: f->self.iterator->next = 0; break;
    }
    return template_value_none();
}

struct template_value template_call(struct template_state *s, struct template_value callee,
                                    const struct template_args *args) {
    if (!template_value_require(s, callee) || !template_state_spend(s, 1))
        return template_value_none();
    switch (callee.type) {
    case VALUE_FUNCTION: return call_function(s, callee.function, args);
    case VALUE_LOOP: return template_exec_loop_again(s, callee.loop, args);
    case VALUE_JOINER:
        if (callee.joiner->used) return template_value_string(callee.joiner->separator);
        callee.joiner->used = true;
        return template_value_text(s, "");
    default:
        template_state_fail(s, ERR_ARGUMENT, "a %s cannot be called",
                            template_value_type_name(callee));
        return template_value_none();
    }
}
