/* template_sort.h - a stable sort by keys that may refuse to be compared. */
#ifndef TEXT_TEMPLATE_SORT_H
#define TEXT_TEMPLATE_SORT_H
#include "text/template_value.h"

struct template_sort_row {
    struct template_value key, item;
};

/* Sorts rows by key, ascending or descending, equal keys in their order (as Python's sorted). */
bool template_sort(struct template_state *s, struct template_sort_row *rows, size_t count,
                   bool descending);

#endif
