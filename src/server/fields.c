/* fields.c - the readers of each kind; see fields.h. */
#include "server/fields.h"
#include <limits.h>
#include <math.h>
#include <string.h>

const char *fields_type_name(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    case JSON_NULL: return "null";
    }
    return "an unknown value";
}

bool fields_wrong_type(const struct field_read *r, const char *expected, struct error *err) {
    return error_set(err, ERR_ARGUMENT, "%s: expected %s, got %s", r->name, expected,
                     fields_type_name(r->value));
}

bool fields_integer(const json_t *value, json_int_t *out) {
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    if (!json_is_real(value)) return false;
    double real = json_real_value(value);
    if (floor(real) != real || fabs(real) > 9007199254740992.0 /* 2^53: exact up to there */)
        return false;
    *out = (json_int_t)real;
    return true;
}

static bool read_int(const struct field *row, const struct field_read *r, struct error *err) {
    json_int_t value;
    if (!fields_integer(r->value, &value)) return fields_wrong_type(r, "an integer", err);
    if ((double)value < row->min || (double)value > row->max)
        return error_set(err, ERR_ARGUMENT, "%s: %lld is out of range (%.0f to %.0f)", r->name,
                         (long long)value, row->min, row->max);
    *(int *)((char *)r->out + row->offset) = (int)value;
    return true;
}

static bool read_real(const struct field *row, const struct field_read *r, struct error *err) {
    if (!json_is_number(r->value)) return fields_wrong_type(r, "a number", err);
    double value = json_number_value(r->value);
    if (!(value >= row->min && value <= row->max))
        return error_set(err, ERR_ARGUMENT, "%s: %g is out of range (%g to %g)", r->name, value,
                         row->min, row->max);
    *(float *)((char *)r->out + row->offset) = (float)value;
    return true;
}

static bool read_string(const struct field *row, const struct field_read *r, struct error *err) {
    if (!json_is_string(r->value)) return fields_wrong_type(r, "a string", err);
    const char *text = json_string_value(r->value);
    if (strlen(text) != json_string_length(r->value))
        return error_set(err, ERR_ARGUMENT, "%s: holds a NUL character", r->name);
    *(const char **)((char *)r->out + row->offset) = text;
    return true;
}

static bool read_field(const struct field *row, const struct field_read *r, struct error *err) {
    char *place = (char *)r->out + row->offset;
    switch (row->kind) {
    case FIELD_BOOL:
        if (!json_is_boolean(r->value)) return fields_wrong_type(r, "a boolean", err);
        *(bool *)place = json_is_true(r->value);
        return true;
    case FIELD_INT: return read_int(row, r, err);
    case FIELD_REAL: return read_real(row, r, err);
    case FIELD_STRING: return read_string(row, r, err);
    case FIELD_ARRAY:
        if (!json_is_array(r->value)) return fields_wrong_type(r, "an array", err);
        *(const json_t **)place = r->value;
        return true;
    case FIELD_OBJECT:
        if (!json_is_object(r->value)) return fields_wrong_type(r, "an object", err);
        *(const json_t **)place = r->value;
        return true;
    case FIELD_OWN: return row->read(r, err);
    case FIELD_REFUSED: break;
    }
    return error_set(err, ERR_UNSUPPORTED, "%s: is not in this version; leave it out", r->name);
}

bool fields_read(const struct field *rows, int row_count, const struct field_read *object,
                 struct error *err) {
    for (int i = 0; i < row_count; i++) {
        const json_t *value = json_object_get(object->value, rows[i].name);
        if (value == NULL || json_is_null(value)) continue;
        struct field_read r = {.name = rows[i].name, .value = value, .out = object->out,
                               .arena = object->arena};
        if (!read_field(&rows[i], &r, err)) return false;
    }
    return true;
}
