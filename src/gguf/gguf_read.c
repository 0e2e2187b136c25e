/* gguf_read.c - one GGUF file's header into tables, checking everything on the way.
 *
 * A file is, in this order:
 *
 *     "GGUF" | u32 version | u64 tensor count | u64 key count
 *     keys:     string name | u32 type | value
 *     tensors:  string name | u32 dimension count | u64 dimension[] | u32 type | u64 offset
 *     zeros up to a multiple of general.alignment (32 unless there)
 *     tensor data, each at its offset from here, a multiple of the alignment
 *
 * A string is a u64 length and its bytes; an array is u32 type, u64 count, elements.
 *
 * Invariant: r->at <= r->map.bytes.  Bytes are taken by take() only, which keeps it.  Memory is
 * asked for after the count that it depends on was found possible in the bytes that are
 * left, so a small file cannot ask for much. */
#include "gguf/gguf_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    PRELUDE_BYTES = 24,
    KEY_BYTES_MIN = 8 + 1 + 4 + 1,            /* name length, a byte of it, type, a u8 value */
    TENSOR_BYTES_MIN = 8 + 1 + 4 + 0 + 4 + 8, /* ditto, no dimension, type, offset */
};

static uint64_t bytes_left(const struct gguf_read *r) { return r->map.bytes - r->at; }

static bool cut_short(struct gguf_read *r, const char *where) {
    return error_set(r->err, ERR_FORMAT,
                     "%s ends within %s (it has %zu bytes): the download is incomplete; "
                     "download it again", r->path, where, r->map.bytes);
}

static const uint8_t *take(struct gguf_read *r, uint64_t bytes, const char *where) {
    if (bytes > bytes_left(r)) {
        cut_short(r, where);
        return NULL;
    }
    const uint8_t *at = r->map.data + r->at;
    r->at += bytes;
    return at;
}

static bool take_u32(struct gguf_read *r, uint32_t *out, const char *where) {
    const uint8_t *at = take(r, sizeof *out, where);
    if (at != NULL) memcpy(out, at, sizeof *out);
    return at != NULL;
}

static bool take_u64(struct gguf_read *r, uint64_t *out, const char *where) {
    const uint8_t *at = take(r, sizeof *out, where);
    if (at != NULL) memcpy(out, at, sizeof *out);
    return at != NULL;
}

static bool take_string(struct gguf_read *r, struct span *out, uint64_t max, const char *where) {
    uint64_t length;
    if (!take_u64(r, &length, where)) return false;
    if (length > max)
        return error_set(r->err, ERR_FORMAT, "%s: a string of %llu bytes in %s; at most %llu",
                         r->path, (unsigned long long)length, where, (unsigned long long)max);
    const uint8_t *at = take(r, length, where);
    *out = (struct span){(const char *)at, (size_t)length};
    return at != NULL;
}

/* ---- prelude --------------------------------------------------------------------------- */

static bool check_version(struct gguf_read *r) {
    uint32_t v = r->version;
    if (v == 2 || v == 3) return true;
    if (v == 1)
        return error_set(r->err, ERR_UNSUPPORTED,
                         "%s is GGUF version 1, which only tools of August 2023 wrote; versions 2 "
                         "and 3 are read: get a newer file of this model", r->path);
    if ((v & 0xffff) == 0 && v != 0)
        return error_set(r->err, ERR_UNSUPPORTED,
                         "%s is a big-endian GGUF; only little-endian ones are read: get the "
                         "little-endian file of this model", r->path);
    return error_set(r->err, ERR_UNSUPPORTED,
                     "%s is GGUF version %u; versions 2 and 3 are read", r->path, v);
}

bool gguf_read_prelude(struct gguf_read *r) {
    if (r->map.bytes < 4 || memcmp(r->map.data, "GGUF", 4) != 0)
        return error_set(r->err, ERR_FORMAT, "%s is no GGUF file: %s", r->path,
                         gguf_kind_text(r->map.data, r->map.bytes));
    if (r->map.bytes < PRELUDE_BYTES) return cut_short(r, "its first 24 bytes");
    memcpy(&r->version, r->map.data + 4, 4);
    memcpy(&r->tensor_count, r->map.data + 8, 8);
    memcpy(&r->key_count, r->map.data + 16, 8);
    r->at = PRELUDE_BYTES;
    if (!check_version(r)) return false;
    if (r->tensor_count > GGUF_TENSORS_MAX)
        return error_set(r->err, ERR_FORMAT, "%s: %llu tensors; at most %d", r->path,
                         (unsigned long long)r->tensor_count, GGUF_TENSORS_MAX);
    if (r->key_count > GGUF_KEYS_MAX)
        return error_set(r->err, ERR_FORMAT, "%s: %llu metadata keys; at most %d", r->path,
                         (unsigned long long)r->key_count, GGUF_KEYS_MAX);
    if (r->key_count * KEY_BYTES_MIN + r->tensor_count * TENSOR_BYTES_MIN > bytes_left(r))
        return cut_short(r, "its header");
    return true;
}

/* ---- keys ------------------------------------------------------------------------------ */

/* Goes over the elements of an array, strings and inner arrays included. */
static bool skip_elements(struct gguf_read *r, uint32_t type, uint64_t count, int depth) {
    static const char where[] = "a metadata array";
    if (type >= GGUF_TYPES)
        return error_set(r->err, ERR_FORMAT, "%s: an array of unknown type %u", r->path, type);
    if (count > GGUF_ARRAY_ELEMENTS_MAX)
        return error_set(r->err, ERR_FORMAT, "%s: an array of %llu elements; at most %d", r->path,
                         (unsigned long long)count, GGUF_ARRAY_ELEMENTS_MAX);
    int size = gguf_meta_type_bytes((enum gguf_type)type);
    if (size > 0) return take(r, count * (uint64_t)size, where) != NULL;
    if (type == GGUF_STRING) {
        struct span ignored;
        for (uint64_t i = 0; i < count; i++)
            if (!take_string(r, &ignored, GGUF_STRING_BYTES_MAX, where)) return false;
        return true;
    }
    if (depth >= GGUF_ARRAY_DEPTH_MAX)
        return error_set(r->err, ERR_FORMAT, "%s: arrays nested deeper than %d", r->path,
                         GGUF_ARRAY_DEPTH_MAX);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t inner_type;
        uint64_t inner_count;
        if (!take_u32(r, &inner_type, where) || !take_u64(r, &inner_count, where) ||
            !skip_elements(r, inner_type, inner_count, depth + 1))
            return false;
    }
    return true;
}

static bool read_array(struct gguf_read *r, struct gguf_array *out) {
    uint32_t type;
    uint64_t count;
    if (!take_u32(r, &type, "a metadata array") || !take_u64(r, &count, "a metadata array"))
        return false;
    uint64_t start = r->at;
    if (!skip_elements(r, type, count, 1)) return false;
    *out = (struct gguf_array){.type = (enum gguf_type)type, .count = (int64_t)count,
                               .data = r->map.data + start, .bytes = (int64_t)(r->at - start)};
    return true;
}

static bool read_value(struct gguf_read *r, struct gguf_key *key) {
    char name[GGUF_PRINTABLE_BYTES];
    if (key->type == GGUF_STRING)
        return take_string(r, &key->string, GGUF_STRING_BYTES_MAX, "a metadata string");
    if (key->type == GGUF_ARRAY) return read_array(r, &key->array);
    int size = gguf_meta_type_bytes(key->type);
    const uint8_t *at = take(r, (uint64_t)size, "a metadata value");
    if (at == NULL) return false;
    memcpy(key->scalar, at, (size_t)size);
    if (key->type == GGUF_BOOL && at[0] > 1)
        return error_set(r->err, ERR_FORMAT, "%s: %s is a bool of %d", r->path,
                         gguf_printable(name, key->name), at[0]);
    return true;
}

static bool read_key(struct gguf_read *r, struct gguf_key *key) {
    char name[GGUF_PRINTABLE_BYTES];
    uint32_t type;
    if (!take_string(r, &key->name, GGUF_KEY_BYTES_MAX, "a metadata key")) return false;
    if (key->name.len == 0)
        return error_set(r->err, ERR_FORMAT, "%s: a metadata key without a name", r->path);
    if (!take_u32(r, &type, "a metadata key")) return false;
    if (type >= GGUF_TYPES)
        return error_set(r->err, ERR_FORMAT, "%s: %s has the unknown type %u", r->path,
                         gguf_printable(name, key->name), type);
    key->type = (enum gguf_type)type;
    return read_value(r, key);
}

bool gguf_read_keys(struct gguf_read *r, struct gguf_keys *out, struct arena *a) {
    uint32_t capacity = (uint32_t)r->key_count + GGUF_OVERRIDES_MAX;
    char name[GGUF_PRINTABLE_BYTES];
    out->key = arena_array(a, capacity, sizeof *out->key);
    if (out->key == NULL || !gguf_index_init(&out->index, a, out->key, sizeof *out->key, capacity))
        return error_set(r->err, ERR_MEMORY, "%s: no memory for its metadata", r->path);
    for (out->count = 0; out->count < (int)r->key_count; out->count++) {
        struct gguf_key *key = &out->key[out->count];
        if (!read_key(r, key)) return false;
        if (!gguf_index_add(&out->index, (uint32_t)out->count))
            return error_set(r->err, ERR_FORMAT, "%s: the metadata key %s occurs twice", r->path,
                             gguf_printable(name, key->name));
    }
    return true;
}

/* ---- tensors --------------------------------------------------------------------------- */

struct entry { /* a row of the tensor table, before its data is placed */
    uint64_t offset;
    uint32_t type;
};

static bool bad_tensor(struct gguf_read *r, const struct gguf_tensor *t, enum error_code code,
                       const char *what) {
    char name[GGUF_PRINTABLE_BYTES];
    return error_set(r->err, code, "%s: tensor %s %s", r->path, gguf_printable(name, t->name),
                     what);
}

/* Type and size of a tensor whose name and dimensions are known. */
static bool size_tensor(struct gguf_read *r, struct gguf_tensor *t, uint32_t type) {
    char name[GGUF_PRINTABLE_BYTES];
    int64_t elements = 1;
    if (!quant_from_gguf(&t->type, type))
        return error_set(r->err, ERR_UNSUPPORTED,
                         "%s: tensor %s has the type number %u, which this version does not run; "
                         "it runs %s", r->path, gguf_printable(name, t->name), type,
                         quant_names());
    for (int i = 0; i < GGUF_DIMENSIONS_MAX; i++)
        if (__builtin_mul_overflow(elements, t->dimension[i], &elements))
            return bad_tensor(r, t, ERR_FORMAT, "has more elements than 64 bits can count");
    const struct quant_info *info = quant_info(t->type);
    if (t->dimension[0] % info->block_elements != 0)
        return error_set(r->err, ERR_FORMAT,
                         "%s: tensor %s has rows of %lld elements, no multiple of %d as %s needs",
                         r->path, gguf_printable(name, t->name), (long long)t->dimension[0],
                         info->block_elements, info->name);
    if (__builtin_mul_overflow(elements / info->block_elements, (int64_t)info->block_bytes,
                               &t->bytes))
        return bad_tensor(r, t, ERR_FORMAT, "has more bytes than 64 bits can count");
    return true;
}

static bool read_entry(struct gguf_read *r, struct gguf_tensor *t, struct entry *entry) {
    static const char where[] = "the tensor table";
    uint32_t dimensions;
    if (!take_string(r, &t->name, GGUF_NAME_BYTES_MAX, where)) return false;
    if (t->name.len == 0)
        return error_set(r->err, ERR_FORMAT, "%s: a tensor without a name", r->path);
    if (!take_u32(r, &dimensions, where)) return false;
    if (dimensions > GGUF_DIMENSIONS_MAX)
        return bad_tensor(r, t, ERR_FORMAT, "has more than 4 dimensions");
    t->dimension_count = (int)dimensions;
    for (int i = 0; i < GGUF_DIMENSIONS_MAX; i++) {
        uint64_t size = 1;
        if (i < t->dimension_count && !take_u64(r, &size, where)) return false;
        if (size == 0 || size > INT64_MAX)
            return bad_tensor(r, t, ERR_FORMAT, "has an impossible dimension");
        t->dimension[i] = (int64_t)size;
    }
    if (!take_u32(r, &entry->type, where) || !take_u64(r, &entry->offset, where)) return false;
    return size_tensor(r, t, entry->type);
}

static bool read_alignment(struct gguf_read *r, const struct gguf_keys *keys, uint32_t *out) {
    *out = GGUF_ALIGNMENT_DEFAULT;
    struct error err = {0};
    if (!gguf_meta_u32(keys, "general.alignment", out, &err) && err.code != ERR_NONE)
        return error_set(r->err, err.code, "%s: %s", r->path, err.text);
    if (*out < GGUF_ALIGNMENT_MIN || *out > GGUF_ALIGNMENT_MAX || (*out & (*out - 1)) != 0)
        return error_set(r->err, ERR_FORMAT,
                         "%s: general.alignment is %u; it must be a power of two from %d to %d",
                         r->path, *out, GGUF_ALIGNMENT_MIN, GGUF_ALIGNMENT_MAX);
    return true;
}

/* Points t at its bytes; data_start is where offsets count from. */
static bool place_tensor(struct gguf_read *r, struct gguf_tensor *t, uint64_t offset,
                         uint64_t data_start, uint32_t alignment) {
    char name[GGUF_PRINTABLE_BYTES];
    uint64_t start, end;
    if (offset % alignment != 0)
        return bad_tensor(r, t, ERR_FORMAT, "starts at an offset that is not aligned");
    if (__builtin_add_overflow(data_start, offset, &start) ||
        __builtin_add_overflow(start, (uint64_t)t->bytes, &end))
        return bad_tensor(r, t, ERR_FORMAT, "lies beyond what 64 bits can count");
    if (end > r->map.bytes)
        return error_set(r->err, ERR_FORMAT,
                         "%s: tensor %s needs the file's bytes up to %llu, but it has %zu: the "
                         "download is incomplete; download it again", r->path,
                         gguf_printable(name, t->name), (unsigned long long)end, r->map.bytes);
    t->data = r->map.data + start;
    return true;
}

static int by_data(const void *a, const void *b) {
    const struct gguf_tensor *x = *(const struct gguf_tensor *const *)a;
    const struct gguf_tensor *y = *(const struct gguf_tensor *const *)b;
    uintptr_t at_x = (uintptr_t)x->data, at_y = (uintptr_t)y->data;
    return at_x < at_y ? -1 : at_x > at_y;
}

static bool check_overlap(struct gguf_read *r, const struct gguf_tensor *tensor,
                          struct arena *a) {
    size_t count = (size_t)r->tensor_count;
    const struct gguf_tensor **order = arena_array(a, count, sizeof *order);
    if (order == NULL) return error_set(r->err, ERR_MEMORY, "%s: no memory", r->path);
    for (size_t i = 0; i < count; i++) order[i] = &tensor[i];
    if (count > 0) qsort(order, count, sizeof *order, by_data);
    for (size_t i = 1; i < count; i++) {
        const struct gguf_tensor *before = order[i - 1], *t = order[i];
        if ((uintptr_t)before->data + (uintptr_t)before->bytes > (uintptr_t)t->data)
            return bad_tensor(r, t, ERR_FORMAT, "overlaps another tensor");
    }
    return true;
}

bool gguf_read_tensors(struct gguf_read *r, const struct gguf_keys *keys, struct gguf_tensor *out,
                       struct arena *a) {
    uint32_t alignment;
    if (!read_alignment(r, keys, &alignment)) return false;
    struct entry *entry = arena_array(a, (size_t)r->tensor_count, sizeof *entry);
    if (entry == NULL) return error_set(r->err, ERR_MEMORY, "%s: no memory", r->path);
    for (uint64_t i = 0; i < r->tensor_count; i++)
        if (!read_entry(r, &out[i], &entry[i])) return false;
    /* at is at most the file's size, which is far from overflowing. */
    uint64_t data_start = (r->at + alignment - 1) & ~(uint64_t)(alignment - 1);
    for (uint64_t i = 0; i < r->tensor_count; i++)
        if (!place_tensor(r, &out[i], entry[i].offset, data_start, alignment)) return false;
    return check_overlap(r, out, a);
}
