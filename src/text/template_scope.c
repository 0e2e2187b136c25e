/* template_scope.c - see the header. */
#include "text/template_scope.h"
#include <string.h>

struct template_scope *template_scope_new(struct template_state *s, struct template_scope *outer) {
    struct template_scope *scope = template_state_alloc(s, sizeof *scope);
    if (scope) scope->outer = outer;
    return scope;
}

bool template_scope_set(struct template_state *s, struct template_scope *scope, int symbol,
                        struct template_value v) {
    if (s->failed) return false;
    if (!scope) {
        s->globals[symbol] = v;
        return true;
    }
    for (int i = 0; i < scope->count; i++)
        if (scope->bindings[i].symbol == symbol) {
            scope->bindings[i].value = v;
            return true;
        }
    if (scope->count == scope->capacity) {
        int capacity = scope->capacity ? scope->capacity * 2 : 4;
        struct template_binding *more = template_state_array(s, (size_t)capacity, sizeof *more);
        if (!more) return false;
        if (scope->count) memcpy(more, scope->bindings, (size_t)scope->count * sizeof *more);
        scope->bindings = more;
        scope->capacity = capacity;
    }
    scope->bindings[scope->count++] = (struct template_binding){symbol, v};
    return true;
}

struct template_value template_scope_get(const struct template_state *s,
                                         const struct template_scope *scope, int symbol) {
    for (; scope; scope = scope->outer)
        for (int i = 0; i < scope->count; i++)
            if (scope->bindings[i].symbol == symbol) return scope->bindings[i].value;
    return s->globals[symbol];
}
