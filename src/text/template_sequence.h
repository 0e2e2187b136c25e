/* template_sequence.h - the filters on sequences, for the table in template_filter.c. */
#ifndef TEXT_TEMPLATE_SEQUENCE_H
#define TEXT_TEMPLATE_SEQUENCE_H
#include "text/template_builtin.h"

template_function_call template_sequence_batch, template_sequence_dictsort, template_sequence_first,
    template_sequence_groupby, template_sequence_items, template_sequence_join,
    template_sequence_last, template_sequence_length, template_sequence_list, template_sequence_map,
    template_sequence_max, template_sequence_min, template_sequence_reject,
    template_sequence_rejectattr, template_sequence_reverse, template_sequence_select,
    template_sequence_selectattr, template_sequence_slice, template_sequence_sort,
    template_sequence_sum, template_sequence_unique;

#endif
