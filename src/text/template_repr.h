/* template_repr.h - values as text, byte for byte as Python writes them: str, repr, json.dumps.
 *
 * Whatever is composed here counts as data (untrusted); only a string that str() passes through
 * keeps its provenance. */
#ifndef TEXT_TEMPLATE_REPR_H
#define TEXT_TEMPLATE_REPR_H
#include "text/template_value.h"

enum { TEMPLATE_REPR_FLOAT_BYTES = 40 };

/* The shortest digits that read back as d, in Python's form ("1e+16", "0.5", "3.0", "inf"). */
size_t template_repr_float(double d, char out[TEMPLATE_REPR_FLOAT_BYTES]);

/* Append to out. */
bool template_repr_str(struct template_state *s, struct template_text *out,
                       struct template_value v);
bool template_repr_repr(struct template_state *s, struct template_text *out,
                        struct template_value v);

/* str(v) as a string; v itself if it is one. NULL after a failure. */
struct template_string *template_repr_string(struct template_state *s, struct template_value v);

struct template_repr_json {
    bool indented;               /* a line for each item, */
    struct span indent;          /* moved right by this much a level */
    struct span item_separator, key_separator;
    bool ensure_ascii, sort_keys;
};
bool template_repr_json(struct template_state *s, struct template_text *out,
                        struct template_value v, const struct template_repr_json *options);

#endif
