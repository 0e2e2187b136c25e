/* template_unicode.c - searches the generated tables; ASCII is answered without them. */
#include "text/template_unicode.h"
#include <stddef.h>

static bool in_ranges(const struct template_unicode_range *ranges, int count, uint32_t c) {
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (ranges[middle].last < c) low = middle + 1;
        else high = middle;
    }
    return low < count && ranges[low].first <= c;
}

bool template_unicode_is_printable(uint32_t c) {
    if (c < 0x7F) return c >= ' ';
    return !in_ranges(template_unicode_unprintable, template_unicode_unprintable_count, c);
}

static bool ascii_letter(uint32_t c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

bool template_unicode_is_alpha(uint32_t c) {
    if (c < 0x80) return ascii_letter(c);
    return in_ranges(template_unicode_alpha, template_unicode_alpha_count, c);
}

bool template_unicode_is_numeric(uint32_t c) {
    if (c < 0x80) return c >= '0' && c <= '9';
    return in_ranges(template_unicode_numeric, template_unicode_numeric_count, c);
}

bool template_unicode_is_alnum(uint32_t c) {
    return template_unicode_is_alpha(c) || template_unicode_is_numeric(c);
}

bool template_unicode_is_digit(uint32_t c) {
    if (c < 0x80) return c >= '0' && c <= '9';
    return in_ranges(template_unicode_digit, template_unicode_digit_count, c);
}

bool template_unicode_is_decimal(uint32_t c) {
    if (c < 0x80) return c >= '0' && c <= '9';
    return in_ranges(template_unicode_decimal, template_unicode_decimal_count, c);
}

bool template_unicode_is_lower(uint32_t c) {
    if (c < 0x80) return c >= 'a' && c <= 'z';
    return in_ranges(template_unicode_lower, template_unicode_lower_count, c);
}

bool template_unicode_is_upper(uint32_t c) {
    if (c < 0x80) return c >= 'A' && c <= 'Z';
    return in_ranges(template_unicode_upper, template_unicode_upper_count, c);
}

bool template_unicode_is_space(uint32_t c) {
    if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool template_unicode_is_line_end(uint32_t c) {
    return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

static uint32_t map(const struct template_unicode_map *maps, int count, uint32_t c) {
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (maps[middle].last < c) low = middle + 1;
        else high = middle;
    }
    if (low == count || maps[low].first > c || (c - maps[low].first) % maps[low].stride) return c;
    return (uint32_t)((int32_t)c + maps[low].delta);
}

static const struct template_unicode_special *special(const struct template_unicode_special *rows,
                                                      int count, uint32_t c) {
    for (int i = 0; i < count; i++)
        if (rows[i].from == c) return &rows[i];
    return NULL;
}

int template_unicode_convert(uint32_t c, enum template_unicode_case to, uint32_t out[3]) {
    out[0] = c;
    if (c < 0x80) {
        if (to == CASE_LOWER && c >= 'A' && c <= 'Z') out[0] = c + 32;
        if (to != CASE_LOWER && c >= 'a' && c <= 'z') out[0] = c - 32;
        return 1;
    }
    const struct template_unicode_special *row = NULL;
    if (to == CASE_TITLE)
        row = special(template_unicode_special_title, template_unicode_special_title_count, c);
    if (to != CASE_LOWER && !row)
        row = special(template_unicode_special_upper, template_unicode_special_upper_count, c);
    if (row) {
        int count = 0;
        while (count < 3 && row->to[count]) {
            out[count] = row->to[count];
            count++;
        }
        return count;
    }
    if (to == CASE_LOWER && c == 0x130) { /* the only lower case with two characters */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    out[0] = to == CASE_LOWER ? map(template_unicode_to_lower, template_unicode_to_lower_count, c)
                              : map(template_unicode_to_upper, template_unicode_to_upper_count, c);
    return 1;
}
