/* template_builtin.c - binding the arguments of a call to a row's parameters; see the header. */
#include "text/template_builtin.h"
#include <string.h>
#include "text/template_dict.h"

/* Parameter i of "a|b|c"; empty past the last. */
static struct span parameter(const char *parameters, int index) {
    for (; index > 0 && *parameters; parameters++) index -= *parameters == '|';
    return (struct span){parameters, index ? 0 : strcspn(parameters, "|")};
}

static int parameter_count(const char *parameters) {
    int count = *parameters != '\0';
    for (const char *p = parameters; *p; p++) count += *p == '|';
    return count;
}

static bool bind_named(struct template_call *c, const char *parameters,
                       const struct template_entry *e) {
    struct span name = template_value_span(e->key);
    for (int i = 0; i < parameter_count(parameters); i++) {
        if (!span_equal(parameter(parameters, i), name)) continue;
        if (c->arg[i].type != VALUE_MISSING)
            return template_state_fail(c->s, ERR_ARGUMENT, "%s() got '%.*s' twice", c->name,
                                       (int)name.len, name.data);
        c->arg[i] = e->value;
        return true;
    }
    return template_state_fail(c->s, ERR_ARGUMENT, "%s() has no parameter '%.*s'", c->name,
                               (int)(name.len < 60 ? name.len : 60), name.data);
}

bool template_builtin_bind(struct template_call *c, const char *parameters, int required) {
    if (c->s->failed) return false;
    if (strcmp(parameters, "*") == 0) return true;
    if (*parameters == '/') {
        parameters++;
        if (c->args->named && c->args->named->count)
            return template_state_fail(c->s, ERR_ARGUMENT, "%s() takes no arguments by name",
                                       c->name);
    }
    size_t count = (size_t)parameter_count(parameters);
    if (c->args->count > count)
        return template_state_fail(c->s, ERR_ARGUMENT, "%s() takes at most %zu argument%s, not %zu",
                                   c->name, count, count == 1 ? "" : "s", c->args->count);
    for (size_t i = 0; i < c->args->count; i++) c->arg[i] = c->args->items[i];
    for (size_t i = 0; c->args->named && i < c->args->named->count; i++)
        if (!bind_named(c, parameters, &c->args->named->entries[i])) return false;
    for (int i = 0; i < required; i++) {
        if (c->arg[i].type != VALUE_MISSING) continue;
        struct span name = parameter(parameters, i);
        return template_state_fail(c->s, ERR_ARGUMENT, "%s() needs its argument '%.*s'", c->name,
                                   (int)name.len, name.data);
    }
    return true;
}

static bool refuse_type(struct template_call *c, int index, const char *wanted) {
    if (!template_value_require(c->s, c->arg[index])) return false;
    return template_state_fail(c->s, ERR_ARGUMENT, "%s() wants %s as argument %d, not a %s",
                               c->name, wanted, index + 1,
                               template_value_type_name(c->arg[index]));
}

bool template_builtin_int(struct template_call *c, int index, int64_t otherwise, int64_t *out) {
    *out = otherwise;
    if (c->arg[index].type == VALUE_MISSING) return !c->s->failed;
    return template_value_is_integer(c->arg[index], out) || refuse_type(c, index, "an integer");
}

bool template_builtin_bool(struct template_call *c, int index) {
    return template_value_truth(c->arg[index]);
}

struct template_string *template_builtin_string(struct template_call *c, int index,
                                                const char *otherwise) {
    if (c->arg[index].type == VALUE_STRING) return c->arg[index].string;
    if (c->arg[index].type != VALUE_MISSING) {
        refuse_type(c, index, "a string");
        return NULL;
    }
    return otherwise ? template_text_borrow(c->s, span_of(otherwise), true) : NULL;
}
