/* gguf_meta.c - the metadata: typed getters, arrays, and overrides from the command line.
 *
 * Values were checked when the file was read; what can still be wrong is that a key has
 * another type than its reader expects, which is an error that names key and types. */
#include "gguf/gguf_internal.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int bytes;
} types[GGUF_TYPES] = {
    [GGUF_U8] = {"u8", 1},   [GGUF_I8] = {"i8", 1},         [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2}, [GGUF_U32] = {"u32", 4},       [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4}, [GGUF_BOOL] = {"bool", 1},     [GGUF_STRING] = {"string", 0},
    [GGUF_U64] = {"u64", 8}, [GGUF_ARRAY] = {"array", 0},   [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

const char *gguf_meta_type_name(enum gguf_type type) { return types[type].name; }
int gguf_meta_type_bytes(enum gguf_type type) { return types[type].bytes; }

/* ---- numbers --------------------------------------------------------------------------- */

struct number { /* an integer as sign and magnitude, or a float */
    bool is_float, negative;
    uint64_t magnitude;
    double value;
};

static struct number integer(int64_t v) {
    return (struct number){.negative = v < 0, .value = (double)v,
                           .magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v};
}

/* at: the little-endian bytes of one numeric or bool value. */
static struct number number_of(enum gguf_type type, const uint8_t *at) {
    union {
        uint8_t u8; int8_t i8; uint16_t u16; int16_t i16; uint32_t u32; int32_t i32;
        uint64_t u64; int64_t i64; float f32; double f64;
    } v;
    memcpy(&v, at, (size_t)types[type].bytes);
    switch (type) {
    case GGUF_U8: case GGUF_BOOL: return integer(v.u8);
    case GGUF_I8: return integer(v.i8);
    case GGUF_U16: return integer(v.u16);
    case GGUF_I16: return integer(v.i16);
    case GGUF_U32: return integer(v.u32);
    case GGUF_I32: return integer(v.i32);
    case GGUF_U64: return (struct number){.magnitude = v.u64, .value = (double)v.u64};
    case GGUF_I64: return integer(v.i64);
    case GGUF_F32: return (struct number){.is_float = true, .value = (double)v.f32};
    case GGUF_F64: return (struct number){.is_float = true, .value = v.f64};
    default: break;
    }
    assert(!"a number");
    return integer(0);
}

static bool is_number(enum gguf_type type) { return types[type].bytes > 0 && type != GGUF_BOOL; }

static bool wrong_type(const struct gguf_key *key, const char *want, struct error *err) {
    char name[GGUF_PRINTABLE_BYTES];
    return error_set(err, ERR_FORMAT, "the metadata key %s has the type %s where %s is expected",
                     gguf_printable(name, key->name), types[key->type].name, want);
}

/* ---- getters --------------------------------------------------------------------------- */

const struct gguf_key *gguf_meta_find(const struct gguf_keys *keys, const char *name) {
    int64_t i = gguf_index_find(&keys->index, span_of(name));
    return i < 0 ? NULL : &keys->key[i];
}

bool gguf_meta_u32(const struct gguf_keys *keys, const char *name, uint32_t *out,
                   struct error *err) {
    const struct gguf_key *key = gguf_meta_find(keys, name);
    if (key == NULL) return false;
    if (!is_number(key->type) || key->type == GGUF_F32 || key->type == GGUF_F64)
        return wrong_type(key, "an integer", err);
    struct number n = number_of(key->type, key->scalar);
    if (n.negative || n.magnitude > UINT32_MAX)
        return error_set(err, ERR_FORMAT, "the metadata key %s is %s%llu; 0 to %u is possible",
                         name, n.negative ? "-" : "", (unsigned long long)n.magnitude, UINT32_MAX);
    *out = (uint32_t)n.magnitude;
    return true;
}

bool gguf_u32(const struct gguf *g, const char *key, uint32_t *out, struct error *err) {
    return gguf_meta_u32(&g->keys, key, out, err);
}

bool gguf_f32(const struct gguf *g, const char *name, float *out, struct error *err) {
    const struct gguf_key *key = gguf_meta_find(&g->keys, name);
    if (key == NULL) return false;
    if (!is_number(key->type)) return wrong_type(key, "a number", err);
    double value = number_of(key->type, key->scalar).value;
    if (!(fabs(value) <= 0x1.fffffep127)) /* the largest float; false for a NaN */
        return error_set(err, ERR_FORMAT, "the metadata key %s is not a finite 32-bit float", name);
    *out = (float)value;
    return true;
}

bool gguf_bool(const struct gguf *g, const char *name, bool *out, struct error *err) {
    const struct gguf_key *key = gguf_meta_find(&g->keys, name);
    if (key == NULL) return false;
    if (key->type != GGUF_BOOL) return wrong_type(key, "a bool", err);
    *out = key->scalar[0] != 0;
    return true;
}

bool gguf_string(const struct gguf *g, const char *name, struct span *out, struct error *err) {
    const struct gguf_key *key = gguf_meta_find(&g->keys, name);
    if (key == NULL) return false;
    if (key->type != GGUF_STRING) return wrong_type(key, "a string", err);
    *out = key->string;
    return true;
}

bool gguf_array(const struct gguf *g, const char *name, struct gguf_array *out,
                struct error *err) {
    const struct gguf_key *key = gguf_meta_find(&g->keys, name);
    if (key == NULL) return false;
    if (key->type != GGUF_ARRAY || key->array.type == GGUF_ARRAY)
        return wrong_type(key, "an array of values", err);
    *out = key->array;
    return true;
}

bool gguf_array_next_string(const struct gguf_array *a, int64_t *offset, struct span *out) {
    assert(a->type == GGUF_STRING && *offset >= 0 && *offset <= a->bytes);
    if (*offset == a->bytes) return false;
    uint64_t length;
    memcpy(&length, a->data + *offset, sizeof length);
    *out = (struct span){(const char *)a->data + *offset + sizeof length, (size_t)length};
    *offset += (int64_t)(sizeof length + length);
    assert(*offset <= a->bytes);
    return true;
}

double gguf_array_number(const struct gguf_array *a, int64_t index) {
    assert(index >= 0 && index < a->count && types[a->type].bytes > 0);
    return number_of(a->type, a->data + index * types[a->type].bytes).value;
}

int gguf_key_count(const struct gguf *g) { return g->keys.count; }

struct span gguf_key_at(const struct gguf *g, int index, enum gguf_type *type) {
    assert(index >= 0 && index < g->keys.count);
    if (type != NULL) *type = g->keys.key[index].type;
    return g->keys.key[index].name;
}

/* ---- overrides ------------------------------------------------------------------------- */

static const char override_form[] = "write KEY=int:N, KEY=float:X, KEY=bool:true|false or "
                                    "KEY=str:TEXT";

static bool parse_int(struct gguf_key *key, const char *text) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != 0 || errno != 0) return false;
    int64_t stored = value;
    key->type = GGUF_I64;
    memcpy(key->scalar, &stored, sizeof stored);
    return true;
}

static bool parse_float(struct gguf_key *key, const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != 0 || !isfinite(value)) return false;
    key->type = GGUF_F64;
    memcpy(key->scalar, &value, sizeof value);
    return true;
}

static bool parse_bool(struct gguf_key *key, const char *text) {
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) return false;
    key->type = GGUF_BOOL;
    key->scalar[0] = text[0] == 't';
    return true;
}

static bool parse_string(struct gguf_key *key, const char *text) {
    key->type = GGUF_STRING;
    key->string = span_of(text);
    return key->string.len <= GGUF_STRING_BYTES_MAX;
}

static const struct {
    const char *name;
    bool (*parse)(struct gguf_key *key, const char *text);
} sorts[] = {
    {"int", parse_int}, {"float", parse_float}, {"bool", parse_bool}, {"str", parse_string},
};

/* "KEY=TYPE:VALUE" into key, which borrows from text (cut at the first '='). */
static bool parse_override(struct gguf_key *key, char *text, const char *spec, struct error *err) {
    char *equals = strchr(text, '='), *colon = equals ? strchr(equals, ':') : NULL;
    if (equals == NULL || equals == text || colon == NULL)
        return error_set(err, ERR_ARGUMENT, "cannot read the metadata override \"%.200s\": %s",
                         spec, override_form);
    *equals = *colon = 0;
    *key = (struct gguf_key){.name = span_of(text)};
    for (size_t i = 0; i < sizeof sorts / sizeof sorts[0]; i++) {
        if (strcmp(equals + 1, sorts[i].name) != 0) continue;
        if (sorts[i].parse(key, colon + 1)) return true;
        return error_set(err, ERR_ARGUMENT, "\"%.100s\" in the override of %.100s is no %s",
                         colon + 1, text, sorts[i].name);
    }
    return error_set(err, ERR_ARGUMENT, "the override of %.100s has the unknown type \"%.40s\": %s",
                     text, equals + 1, override_form);
}

/* What a new value's type may take the place of. */
static bool may_replace(enum gguf_type old, enum gguf_type new) {
    bool old_float = old == GGUF_F32 || old == GGUF_F64;
    if (new == GGUF_I64) return is_number(old);
    if (new == GGUF_F64) return old_float;
    return old == new;
}

static bool is_used_up(const char *name) {
    return strcmp(name, "general.alignment") == 0 || strncmp(name, "split.", 6) == 0;
}

bool gguf_override(struct gguf *g, const char *spec, struct error *err) {
    struct gguf_key new;
    char *text = arena_strdup(&g->arena, spec);
    if (text == NULL) return error_set(err, ERR_MEMORY, "no memory for the override of %s", spec);
    if (!parse_override(&new, text, spec, err)) return false;
    if (is_used_up(text))
        return error_set(err, ERR_ARGUMENT, "%s cannot be overridden: it says how to read the file",
                         text);
    int64_t i = gguf_index_find(&g->keys.index, new.name);
    if (i >= 0) {
        struct gguf_key *old = &g->keys.key[i];
        if (!may_replace(old->type, new.type))
            return error_set(err, ERR_ARGUMENT, "%s has the type %s and cannot be overridden by %s",
                             text, types[old->type].name, types[new.type].name);
        new.name = old->name;
        *old = new;
        return true;
    }
    if (g->override_count == GGUF_OVERRIDES_MAX)
        return error_set(err, ERR_ARGUMENT, "more than %d metadata overrides add a key",
                         GGUF_OVERRIDES_MAX);
    g->override_count++;
    g->keys.key[g->keys.count] = new;
    return gguf_index_add(&g->keys.index, (uint32_t)g->keys.count++);
}
