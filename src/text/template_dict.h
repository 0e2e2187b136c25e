/* template_dict.h - Python's dict: any hashable key, in order of insertion. */
#ifndef TEXT_TEMPLATE_DICT_H
#define TEXT_TEMPLATE_DICT_H
#include "text/template_value.h"

struct template_dict *template_dict_new(struct template_state *s, size_t reserve);

/* Sets or replaces; fails for a key that cannot be hashed (a list, a dict). */
bool template_dict_put(struct template_state *s, struct template_dict *d,
                       struct template_value key, struct template_value value);

/* NULL: not there.  A key that cannot be hashed fails if hashable is NULL, and is reported
 * through it otherwise. */
struct template_entry *template_dict_find(struct template_state *s, const struct template_dict *d,
                                          struct template_value key, bool *hashable);
struct template_entry *template_dict_find_name(const struct template_dict *d, struct span name);

/* A value that is a dict, or a namespace (whose members are a dict too). */
struct template_value template_dict_value(struct template_dict *d);

/* Copies all entries of `from` into d. */
bool template_dict_merge(struct template_state *s, struct template_dict *d,
                         const struct template_dict *from);
#endif
