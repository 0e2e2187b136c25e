/* template_builtin.h - the tables of what the language brings: filters, tests, methods, globals.
 *
 * Each is a row with a name, a function and the names of its parameters.  The dispatcher binds the
 * arguments of a call to the parameters ("width|first|blank": three, by position or by name; a "*"
 * instead means the function takes them as they are, a "/" in front that names are not accepted)
 * and checks the number; the function finds them in order, VALUE_MISSING where not given. */
#ifndef TEXT_TEMPLATE_BUILTIN_H
#define TEXT_TEMPLATE_BUILTIN_H
#include "text/template_value.h"

enum { TEMPLATE_PARAMETERS_MAX = 6 };

struct template_args {           /* of one call, evaluated */
    struct template_value *items;
    size_t count;
    struct template_dict *named; /* NULL: none */
};

struct template_call {
    struct template_state *s;
    struct template_value self;           /* what is filtered, tested, whose method it is */
    const struct template_args *args;
    struct template_value arg[TEMPLATE_PARAMETERS_MAX]; /* bound */
    const char *name;                     /* of the function, for messages */
};

typedef struct template_value template_function_call(struct template_call *c);

struct template_filter {
    const char *name;
    template_function_call *run;
    const char *parameters;
    int required;                         /* how many of them must be given */
};

struct template_check {                   /* a test of `is` */
    const char *name;
    bool (*run)(struct template_call *c);
    int arguments;                        /* 0 or 1 */
};

struct template_method {
    enum template_type type;              /* of the object */
    const char *name;
    template_function_call *run;          /* NULL: exists in Python, but changes the object */
    const char *parameters;
    int required;
};

const struct template_filter *template_filter_find(struct span name);
const struct template_check *template_check_find(struct span name);
const struct template_method *template_method_find(struct template_value object, struct span name);
const struct template_filter *template_global_find(struct span name);
/* Global i, for filling the variables of a render; NULL past the last. */
const struct template_filter *template_global_at(int index);

struct template_value template_filter_run(struct template_state *s, const struct template_filter *f,
                                          struct template_value self,
                                          const struct template_args *args);
bool template_check_run(struct template_state *s, const struct template_check *check,
                        struct template_value self, const struct template_args *args);

/* Binds args to the parameters; false after failing. */
bool template_builtin_bind(struct template_call *c, const char *parameters, int required);

/* For the functions: an argument as a type, or a failure that names it.  Missing ones give the
 * default. */
bool template_builtin_int(struct template_call *c, int index, int64_t otherwise, int64_t *out);
bool template_builtin_bool(struct template_call *c, int index);
/* A string; when missing, `otherwise` (NULL gives NULL); NULL after a failure. */
struct template_string *template_builtin_string(struct template_call *c, int index,
                                                const char *otherwise);

#endif
