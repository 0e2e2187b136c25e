/* template_string.h - what Python's str methods compute, with provenance kept.
 *
 * Parts of a string are windows on it; what is put together from parts keeps each part's origin.
 * Where characters change (case), the result is trusted only if the whole string was. */
#ifndef TEXT_TEMPLATE_STRING_H
#define TEXT_TEMPLATE_STRING_H
#include "text/template_value.h"

/* chars NULL: white space. */
struct template_string *template_string_strip(struct template_state *s,
                                              const struct template_string *string,
                                              const struct template_string *chars, bool left,
                                              bool right);

/* count < 0: all. */
struct template_string *template_string_replace(struct template_state *s,
                                                const struct template_string *string,
                                                const struct template_string *old,
                                                const struct template_string *new_, int64_t count);

/* separator NULL: white space; max < 0: no limit; from_right: as rsplit. */
bool template_string_split(struct template_state *s, const struct template_string *string,
                           const struct template_string *separator, int64_t max, bool from_right,
                           struct template_values *out);

bool template_string_lines(struct template_state *s, const struct template_string *string,
                           bool keep_ends, struct template_values *out);

enum template_string_case { STRING_LOWER, STRING_UPPER, STRING_CAPITALIZE, STRING_TITLE,
                            STRING_TITLE_WORDS /* jinja2's filter */, STRING_SWAP };
struct template_string *template_string_convert(struct template_state *s,
                                                struct template_string *string,
                                                enum template_string_case to);

/* Pads with fill (one character) to width characters: before and after, as Python divides them. */
enum template_string_side { STRING_LEFT, STRING_RIGHT, STRING_CENTER };
struct template_string *template_string_pad(struct template_state *s,
                                            struct template_string *string, int64_t width,
                                            const struct template_string *fill,
                                            enum template_string_side side);

/* Joins str() of the items; NULL after a failure. `strict`: items must be strings. */
struct template_string *template_string_join(struct template_state *s,
                                             const struct template_string *separator,
                                             const struct template_list *items, bool strict);

/* Python's int(text, base) and float(text); false: no number.  *overflow: past 64 bits. */
bool template_string_to_int(struct span text, int base, int64_t *out, bool *overflow);
bool template_string_to_float(struct span text, double *out);

#endif
