/* body.h - the bytes of a request's body into a JSON object.
 *
 * Untrusted bytes: invalid JSON, invalid UTF-8, a value that is no object and nesting deeper than
 * the parser's 2,048 are errors with line and column.  Lone surrogates ("\ud83d" without its second
 * half) are replaced by U+FFFD first: JavaScript's JSON.stringify writes them for a string that was
 * cut inside an emoji, and a conversation that once had one could otherwise never be sent again. */
#ifndef SERVER_BODY_H
#define SERVER_BODY_H
#include <jansson.h>
#include "base/error.h"
#include "base/str.h"

/* Changes the text in place (lone surrogates); the caller owns the result. */
json_t *body_parse(struct str *text, struct error *err);

#endif
