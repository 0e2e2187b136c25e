/* gguf.h - reads a GGUF file (v2 or v3, little-endian), treating it as hostile.
 *
 * gguf_open() maps the file (and its -0000N-of-0000M siblings), checks every count, length, offset, type,
 * dimension product and overlap once, and leaves a struct that is trusted from there on:
 * a tensor's data lies within its mapping and is as long as its type and shape say.
 * Strings are borrowed from the mapping and not NUL-terminated.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
#ifndef GGUF_GGUF_H
#define GGUF_GGUF_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"
#include "quant/quant.h"

enum gguf_type {
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL,
    GGUF_STRING, GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64, GGUF_TYPES
};

enum { GGUF_DIMENSIONS_MAX = 4 };

struct gguf;

struct gguf_tensor {
    struct span name;
    enum quant_type type;
    int dimension_count;
    int64_t dimension[GGUF_DIMENSIONS_MAX]; /* [0] is the fastest: columns; unused ones are 1 */
    const void *data;
    int64_t bytes;
};

struct gguf *gguf_open(const char *path, struct error *err);
void gguf_close(struct gguf *g);

const char *gguf_path(const struct gguf *g);
int64_t gguf_bytes(const struct gguf *g);       /* of all its files */
int gguf_version(const struct gguf *g);

int gguf_tensor_count(const struct gguf *g);
const struct gguf_tensor *gguf_tensor_at(const struct gguf *g, int index);
const struct gguf_tensor *gguf_tensor_find(const struct gguf *g, const char *name); /* NULL: none */

/* Drops the pages of a tensor's mapping from this process (madvise DONTNEED): after packing. */
void gguf_tensor_forget(const struct gguf_tensor *t);

/* Metadata.  A getter returns false when the key is not there, and false with err set
 * when it is there with another type or out of range. Integers of any width convert. */
bool gguf_u32(const struct gguf *g, const char *key, uint32_t *out, struct error *err);
bool gguf_f32(const struct gguf *g, const char *key, float *out, struct error *err);
bool gguf_bool(const struct gguf *g, const char *key, bool *out, struct error *err);
bool gguf_string(const struct gguf *g, const char *key, struct span *out, struct error *err);

struct gguf_array { /* a checked array value */
    enum gguf_type type;
    int64_t count;
    const uint8_t *data;         /* packed elements; strings: length-prefixed, see below */
    int64_t bytes;
};
bool gguf_array(const struct gguf *g, const char *key, struct gguf_array *out, struct error *err);
/* Walks an array of strings: *offset starts at 0 and moves; false at the end. */
bool gguf_array_next_string(const struct gguf_array *a, int64_t *offset, struct span *out);
/* Element i as a number (any numeric or bool type). */
double gguf_array_number(const struct gguf_array *a, int64_t index);

/* For inspect: the metadata in file order. */
int gguf_key_count(const struct gguf *g);
struct span gguf_key_at(const struct gguf *g, int index, enum gguf_type *type);
/* The value as one short line of text (arrays cut after a few elements). */
void gguf_value_text(const struct gguf *g, int index, struct str *out);

/* An override as `--override-kv KEY=TYPE:VALUE` gives it (int, float, bool, str): replaces or adds
 * a scalar value, before anybody reads it. */
bool gguf_override(struct gguf *g, const char *spec, struct error *err);

#endif
