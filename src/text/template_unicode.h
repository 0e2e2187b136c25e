/* template_unicode.h - characters as Python's str methods see them: classes and case.
 *
 * The rows are in template_unicode_table.c, generated.  Case conversion is per character, with
 * Python's expansions (ß to SS) but without its rule for a final sigma. */
#ifndef TEXT_TEMPLATE_UNICODE_H
#define TEXT_TEMPLATE_UNICODE_H
#include <stdbool.h>
#include <stdint.h>

struct template_unicode_range {
    uint32_t first, last;
};
struct template_unicode_map { /* first, first + stride, … last all move by delta */
    uint32_t first, last, stride;
    int32_t delta;
};
struct template_unicode_special {
    uint32_t from, to[3]; /* 0: none */
};

#define TEMPLATE_UNICODE_TABLE(kind, name)                       \
    extern const struct template_unicode_##kind template_unicode_##name[]; \
    extern const int template_unicode_##name##_count
TEMPLATE_UNICODE_TABLE(range, unprintable);
TEMPLATE_UNICODE_TABLE(range, alpha);
TEMPLATE_UNICODE_TABLE(range, numeric);
TEMPLATE_UNICODE_TABLE(range, digit);
TEMPLATE_UNICODE_TABLE(range, decimal);
TEMPLATE_UNICODE_TABLE(range, lower);
TEMPLATE_UNICODE_TABLE(range, upper);
TEMPLATE_UNICODE_TABLE(map, to_upper);
TEMPLATE_UNICODE_TABLE(map, to_lower);
TEMPLATE_UNICODE_TABLE(special, special_upper);
TEMPLATE_UNICODE_TABLE(special, special_title);

bool template_unicode_is_printable(uint32_t c);
bool template_unicode_is_alpha(uint32_t c);
bool template_unicode_is_alnum(uint32_t c);
bool template_unicode_is_digit(uint32_t c);
bool template_unicode_is_decimal(uint32_t c);
bool template_unicode_is_numeric(uint32_t c);
bool template_unicode_is_lower(uint32_t c);
bool template_unicode_is_upper(uint32_t c);
bool template_unicode_is_space(uint32_t c);
bool template_unicode_is_line_end(uint32_t c); /* what splitlines() splits at */

enum template_unicode_case { CASE_LOWER, CASE_UPPER, CASE_TITLE };
/* Writes 1 to 3 code points, returns how many. */
int template_unicode_convert(uint32_t c, enum template_unicode_case to, uint32_t out[3]);

#endif
