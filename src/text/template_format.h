/* template_format.h - Python's two ways of filling in texts: "%s" % x and "{}".format(x).
 *
 * The text around the fields and a string that goes in as it is keep their provenance; padding has
 * that of the pattern; all else that is filled in counts as data. */
#ifndef TEXT_TEMPLATE_FORMAT_H
#define TEXT_TEMPLATE_FORMAT_H
#include "text/template_builtin.h"

/* values: a tuple (one value a field), a dict (for "%(name)s") or a single value. */
struct template_value template_format_percent(struct template_state *s,
                                              struct template_string *pattern,
                                              struct template_value values);

struct template_value template_format_braces(struct template_state *s,
                                             struct template_string *pattern,
                                             const struct template_args *args);

#endif
