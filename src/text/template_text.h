/* template_text.h - strings that remember, byte for byte, whether they are the template's own.
 *
 *      text    "<|im_start|>user\nHello<|im_end|>"       an append-only buffer
 *      runs     TTTTTTTTTTTTDDDDTDDDDDTTTTTTTTTT          T: trusted, D: from data
 *      string   ^at ......................^at + len       an immutable window on a text
 *
 * A slice is another window.  Appending to a string that ends where its text ends grows the text in
 * place (windows on it stay valid, they only see their own part), so that `a + b + c + …` copies
 * each byte once.  A string lives as long as the arena of the state that made it. */
#ifndef TEXT_TEMPLATE_TEXT_H
#define TEXT_TEMPLATE_TEXT_H
#include "text/template_state.h"

struct template_text {
    char *data;
    size_t used, capacity;         /* capacity 0: borrowed bytes, never appended to */
    struct template_text_run {
        size_t end;                /* the run covers the bytes from the one before to here */
        bool trusted;
    } *runs;
    int run_count, run_capacity;
};

struct template_string {
    struct template_text *text;
    size_t at, len;
    size_t chars;                  /* code points; SIZE_MAX while not counted */
};

/* Texts.  All return NULL or false only when the state has failed. */
struct template_text *template_text_new(struct template_state *s, size_t reserve);
bool template_text_add(struct template_state *s, struct template_text *t, struct span bytes,
                       bool trusted);
bool template_text_add_string(struct template_state *s, struct template_text *t,
                              const struct template_string *from);
bool template_text_add_slice(struct template_state *s, struct template_text *t,
                             const struct template_string *from, size_t at, size_t len);
/* The window on all that is in t now. */
struct template_string *template_text_string(struct template_state *s, struct template_text *t);

/* Strings. */
struct template_string *template_text_borrow(struct template_state *s, struct span bytes,
                                             bool trusted);
struct template_string *template_text_copy(struct template_state *s, struct span bytes,
                                           bool trusted);
struct template_string *template_text_slice(struct template_state *s,
                                            const struct template_string *from, size_t at,
                                            size_t len);
struct template_string *template_text_concat(struct template_state *s,
                                             const struct template_string *a,
                                             const struct template_string *b);
struct span template_text_span(const struct template_string *string);
/* True if no byte of it came from data. */
bool template_text_trusted(const struct template_string *string);

/* Code points. */
size_t template_text_chars(struct template_string *string);
bool template_text_is_ascii(struct template_string *string);
size_t template_text_offset(struct template_string *string, size_t char_index); /* in bytes */
size_t template_text_char_bytes(struct span text, size_t at); /* length of the character at `at` */
/* The code point at *at, which moves past it; *at < text.len. */
uint32_t template_text_decode(struct span text, size_t *at);
size_t template_text_encode(uint32_t code_point, char out[4]); /* returns the length */
size_t template_text_count(struct span text);                  /* code points of valid UTF-8 */
bool template_text_valid_utf8(struct span text);

/* The first (last) offset of needle in text at or after `from` (before `end`); SIZE_MAX: none. */
size_t template_text_find(struct span text, struct span needle, size_t from);
size_t template_text_rfind(struct span text, struct span needle);

#endif
