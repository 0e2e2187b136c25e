/* gguf.h - reads a GGUF file (v2 or v3, little-endian), treating it as hostile.
 *
 * gguf_open() maps the file (and its -0000N-of-0000M siblings: any part's path will do), checks
 * every count, length, offset, type, dimension product and overlap once, and leaves a struct that
 * is trusted from there on: a tensor's data lies within its mapping and is as long as its type
 * and shape say.  Strings are borrowed from the mapping and not NUL-terminated.
 * Reading is free of locks and may happen on any thread once the last gguf_override() is done.
 *
 * What it does not protect against: somebody who shortens the file while it is mapped.
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

/* The most that a file may have; what is beyond is refused by name.  Each is ten times or
 * more what the largest public models have (of 2026: 2,800 tensors, 70 keys, 262,144 tokens). */
enum {
    GGUF_FILES_MAX = 999,           /* parts of a split model */
    GGUF_TENSORS_MAX = 65536,
    GGUF_KEYS_MAX = 4096,
    GGUF_KEY_BYTES_MAX = 65535,     /* the format's own limit */
    GGUF_NAME_BYTES_MAX = 255,      /* of a tensor's name; the format says 64, files exceed it */
    GGUF_STRING_BYTES_MAX = 16 << 20,
    GGUF_ARRAY_ELEMENTS_MAX = 16 << 20,
    GGUF_ARRAY_DEPTH_MAX = 4,       /* arrays of arrays are skipped over, not read */
    GGUF_ALIGNMENT_MIN = 8,
    GGUF_ALIGNMENT_MAX = 1 << 20,
    GGUF_OVERRIDES_MAX = 64,
};

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
int gguf_file_count(const struct gguf *g);      /* 1, or the parts of a split model */

int gguf_tensor_count(const struct gguf *g);
const struct gguf_tensor *gguf_tensor_at(const struct gguf *g, int index);
const struct gguf_tensor *gguf_tensor_find(const struct gguf *g, const char *name); /* NULL: none */

/* Drops the pages of a tensor's mapping from this process (madvise DONTNEED): after packing. */
void gguf_tensor_forget(const struct gguf_tensor *t);

/* Metadata.  A getter returns false when the key is not there, and false with err set
 * when it is there with another type or out of range.  Integers of any width convert; gguf_f32
 * takes integers and doubles too. */
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
/* The value as one short line of text (arrays cut after a few elements, strings after
 * some 100 characters, control characters and broken UTF-8 as \xNN). */
void gguf_value_text(const struct gguf *g, int index, struct str *out);

/* An override as `--override-kv KEY=TYPE:VALUE` gives it (int, float, bool, str): replaces or adds
 * a scalar value, before anybody reads it.  An existing value is replaced by one of its own sort
 * only (an int may stand for a float); general.alignment and split.* have been used by then
 * and cannot be overridden. */
bool gguf_override(struct gguf *g, const char *spec, struct error *err);

#endif
