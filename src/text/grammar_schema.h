/* grammar_schema.h - a grammar of the JSON that a JSON Schema (draft 2020-12) admits.
 *
 * What the grammar lets through validates; it does not let through everything that validates:
 * properties come in the schema's order, only named ones where any are named, numbers have at most
 * 16 digits before and after the point, white space is a blank or a line break with indentation.
 *
 * Done: type, properties, required, additionalProperties, items, minItems, maxItems, enum, const,
 * anyOf, oneOf between different types, allOf of one, $ref inside the schema, minLength, maxLength.
 * `format` and unknown keywords say nothing about validity there, and are passed over.  Any other
 * keyword of the standard is ERR_UNSUPPORTED with its path, or passed over too when `lenient`. */
#ifndef TEXT_GRAMMAR_SCHEMA_H
#define TEXT_GRAMMAR_SCHEMA_H
#include <jansson.h>
#include "text/grammar.h"

struct grammar_schema; /* one grammar's builder */

struct grammar_schema *grammar_schema_open(struct grammar *g); /* borrows; NULL: no memory */
void grammar_schema_close(struct grammar_schema *b);

/* A rule for the schema, which is also what "#" means in it; NULL: any object.  name begins the
 * paths of errors.  False: err is set. */
bool grammar_schema_add(struct grammar_schema *b, const char *name, const json_t *schema,
                        bool lenient, int32_t *rule, struct error *err);

#endif
