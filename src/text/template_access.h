/* template_access.h - object.name, object[key] and object[a:b:c]. */
#ifndef TEXT_TEMPLATE_ACCESS_H
#define TEXT_TEMPLATE_ACCESS_H
#include "text/template_value.h"

/* What is not there is undefined; of an undefined object it is an error.  A dot looks for a method
 * before a key, brackets for a key before a method. */
struct template_value template_access_attribute(struct template_state *s,
                                                struct template_value object, struct span name);
/* Without falling back to keys: what the filter attr() does. */
struct template_value template_access_member(struct template_state *s, struct template_value object,
                                             struct span name);
struct template_value template_access_item(struct template_state *s, struct template_value object,
                                           struct template_value key);
/* VALUE_MISSING or none: left out. */
struct template_value template_access_slice(struct template_state *s, struct template_value object,
                                            const struct template_value bounds[3]);

/* "a.b.0" of a filter's attribute argument; what is undefined on the way becomes `otherwise`,
 * unless that is VALUE_MISSING or none. */
struct template_value template_access_path(struct template_state *s, struct template_value object,
                                           struct template_value path,
                                           struct template_value otherwise);
#endif
