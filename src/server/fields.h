/* fields.h - a JSON object's fields into a struct, by a table.
 *
 * A row says a field's name, kind, place and range.  Fields without a row are ignored, null counts
 * as absent, a wrong type or a value out of range is ERR_ARGUMENT whose text begins with the
 * field's name ("top_p: expected a number, got a string").  Rows are read in order; of two rows for
 * one place the later one wins.
 *
 * What is read borrows from the JSON tree or lies in the arena. */
#ifndef SERVER_FIELDS_H
#define SERVER_FIELDS_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/error.h"

enum field_kind {
    FIELD_BOOL,    /* bool */
    FIELD_INT,     /* int; 5.0 counts as 5 */
    FIELD_REAL,    /* float */
    FIELD_STRING,  /* const char *, without NUL inside */
    FIELD_ARRAY,   /* const json_t * */
    FIELD_OBJECT,  /* const json_t * */
    FIELD_OWN,     /* `read` does it */
    FIELD_REFUSED, /* well known, but not done: ERR_UNSUPPORTED, so that nobody believes it was */
};

struct field_read { /* what a row's own reader gets */
    const char *name;
    const json_t *value;
    void *out; /* the struct, not the member */
    struct arena *arena;
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    double min, max; /* FIELD_INT and FIELD_REAL, both inclusive */
    bool (*read)(const struct field_read *r, struct error *err);
};

bool fields_read(const struct field *rows, int row_count, const struct field_read *object,
                 struct error *err);

/* "a string", "an object", … */
const char *fields_type_name(const json_t *value);
/* Sets "name: expected a number, got a string"; returns false. */
bool fields_wrong_type(const struct field_read *r, const char *expected, struct error *err);
/* An integer, also one written as 5.0; false: it is none, or does not fit. */
bool fields_integer(const json_t *value, json_int_t *out);

#endif
