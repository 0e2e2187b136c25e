/* template_lexer.h - template source into tokens, whitespace control included.
 *
 * What jinja2 does with trim_blocks and lstrip_blocks: the line end behind a block or comment tag
 * goes, and so does the white space before one that stands first on its line; "-" inside a tag
 * takes all white space on that side, "+" keeps it. */
#ifndef TEXT_TEMPLATE_LEXER_H
#define TEXT_TEMPLATE_LEXER_H
#include "text/template_value.h"

enum template_token_type {
    TOKEN_DATA,            /* text between tags: what is left of it */
    TOKEN_VARIABLE_BEGIN,  /* {{ */
    TOKEN_VARIABLE_END,
    TOKEN_BLOCK_BEGIN,     /* {% */
    TOKEN_BLOCK_END,
    TOKEN_NAME,
    TOKEN_STRING,          /* value is the string, escapes done */
    TOKEN_NUMBER,          /* value is an int or a float */
    TOKEN_OPERATOR,        /* text is one of the operators below */
    TOKEN_END
};

struct template_token {
    enum template_token_type type;
    uint32_t at;                   /* offset in the source */
    struct span text;              /* as written */
    struct template_value value;
};

struct template_tokens {
    struct template_token *items;  /* the last one is TOKEN_END */
    size_t count, capacity;
};

/* Reads s->source, whose line ends are "\n" already (template_lexer_normalise). */
bool template_lexer_run(struct template_state *s, struct template_tokens *out);

/* A copy with "\n" for "\r\n" and "\r", and without one line end at the very end. */
struct span template_lexer_normalise(struct template_state *s, struct span source);

#endif
