/* template_scope.h - variables by symbol, in scopes that see the ones around them.
 *
 * The outermost scope is state->globals, indexed by symbol; the others are short arrays searched
 * from the end.  A loop's body, a macro, a block with a text of its own have each a scope: what
 * they set is gone behind them.  A macro keeps the scope that it was defined in, as Python's
 * closures do. */
#ifndef TEXT_TEMPLATE_SCOPE_H
#define TEXT_TEMPLATE_SCOPE_H
#include "text/template_value.h"

struct template_scope {
    struct template_scope *outer;   /* NULL: only the globals are left */
    struct template_binding {
        int symbol;
        struct template_value value;
    } *bindings;
    int count, capacity;
};

struct template_scope *template_scope_new(struct template_state *s, struct template_scope *outer);
/* Sets the variable in this very scope; scope NULL sets a global. */
bool template_scope_set(struct template_state *s, struct template_scope *scope, int symbol,
                        struct template_value v);
/* VALUE_MISSING: nowhere. */
struct template_value template_scope_get(const struct template_state *s,
                                         const struct template_scope *scope, int symbol);
#endif
