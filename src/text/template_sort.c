/* template_sort.c - merge sort, bottom up; the comparison spends steps and may fail. */
#include "text/template_sort.h"
#include <string.h>

/* Merges from[low, middle) and from[middle, high) into `to`. */
static void merge(struct template_state *s, const struct template_sort_row *from,
                  struct template_sort_row *to, const size_t bounds[3], bool descending) {
    size_t left = bounds[0], right = bounds[1];
    for (size_t i = bounds[0]; i < bounds[2]; i++) {
        bool take_right = left == bounds[1];
        if (!take_right && right < bounds[2] && template_state_spend(s, 1)) {
            struct template_value a = from[left].key, b = from[right].key;
            take_right = descending ? template_value_less(s, a, b) : template_value_less(s, b, a);
        }
        to[i] = from[take_right ? right++ : left++];
    }
}

bool template_sort(struct template_state *s, struct template_sort_row *rows, size_t count,
                   bool descending) {
    struct template_sort_row *spare = template_state_array(s, count, sizeof *spare);
    if (!spare) return false;
    struct template_sort_row *from = rows, *to = spare;
    for (size_t width = 1; width < count && !s->failed; width *= 2) {
        for (size_t low = 0; low < count; low += width * 2) {
            size_t middle = low + width < count ? low + width : count;
            size_t high = low + width * 2 < count ? low + width * 2 : count;
            merge(s, from, to, (const size_t[]){low, middle, high}, descending);
        }
        struct template_sort_row *other = from;
        from = to;
        to = other;
    }
    if (from != rows) memcpy(rows, from, count * sizeof *rows);
    return !s->failed;
}
