/* gguf_internal.h - inside gguf/ only: what an open file is made of. */
#ifndef GGUF_GGUF_INTERNAL_H
#define GGUF_GGUF_INTERNAL_H
#include <stddef.h>
#include "base/arena.h"
#include "base/file.h"
#include "gguf/gguf.h"

/* A name → position table, open addressing, filled at most half.  Items start with their name.
 * The seed differs from run to run: a file cannot be made so that its names collide. */
struct gguf_index {
    const void *items;
    size_t stride; /* bytes from item to item */
    uint32_t *slot; /* item + 1; 0: free */
    uint32_t mask;  /* slots − 1 */
    uint64_t seed;
};

bool gguf_index_init(struct gguf_index *x, struct arena *a, const void *items, size_t stride,
                     uint32_t capacity);
/* Position of the item of that name, or −1. */
int64_t gguf_index_find(const struct gguf_index *x, struct span name);
/* Adds the item at that position; false when another has its name. */
bool gguf_index_add(struct gguf_index *x, uint32_t item);

struct gguf_key {
    struct span name; /* first: see gguf_index */
    enum gguf_type type;
    struct span string;      /* GGUF_STRING */
    struct gguf_array array; /* GGUF_ARRAY */
    uint8_t scalar[8];       /* the others: little-endian bytes */
};

_Static_assert(offsetof(struct gguf_key, name) == 0 && offsetof(struct gguf_tensor, name) == 0,
               "gguf_index reads the name at the front of an item");

struct gguf_keys {
    struct gguf_key *key; /* room for GGUF_OVERRIDES_MAX more */
    int count;
    struct gguf_index index;
};

struct gguf {
    char *path;              /* as given to gguf_open */
    struct file_map *file;   /* [file_count] */
    int file_count;
    int version;             /* of the first file */
    int64_t bytes;
    struct gguf_tensor *tensor;
    int tensor_count;
    struct gguf_index tensor_index;
    struct gguf_keys keys;   /* of the first file */
    int override_count;
    struct arena arena;      /* all of the above, overridden strings */
};

/* ---- gguf_read.c: one file's bytes into tables ---- */

enum { GGUF_ALIGNMENT_DEFAULT = 32 }; /* of tensor data, where general.alignment is absent */

struct gguf_read { /* a file while it is read */
    const char *path;
    struct file_map map;
    uint64_t at; /* next byte; <= map.bytes */
    uint32_t version;
    uint64_t tensor_count, key_count;
    struct error *err;
};

/* Magic, version and counts. */
bool gguf_read_prelude(struct gguf_read *r);
bool gguf_read_keys(struct gguf_read *r, struct gguf_keys *out, struct arena *a);
/* The file's tensor table into out[tensor_count], data pointers set; keys are this file's. */
bool gguf_read_tensors(struct gguf_read *r, const struct gguf_keys *keys, struct gguf_tensor *out,
                       struct arena *a);

/* ---- gguf_kind.c ---- */

/* What a file that is no GGUF seems to be, with advice, as the rest of a sentence; never NULL. */
const char *gguf_kind_text(const uint8_t *data, size_t bytes);

/* ---- gguf_meta.c ---- */

/* The getters on a table of keys. */
const struct gguf_key *gguf_meta_find(const struct gguf_keys *keys, const char *name);
bool gguf_meta_u32(const struct gguf_keys *keys, const char *name, uint32_t *out,
                   struct error *err);
const char *gguf_meta_type_name(enum gguf_type type);
/* Bytes of a scalar; 0 for strings and arrays. */
int gguf_meta_type_bytes(enum gguf_type type);

/* ---- gguf_value.c ---- */

/* A name from the file for an error message: cut, and nothing that disturbs a terminal. */
enum { GGUF_PRINTABLE_BYTES = 100 };
const char *gguf_printable(char out[GGUF_PRINTABLE_BYTES], struct span name);
/* Appends text cut after max bytes, escaped as gguf_value_text says; true when it was cut. */
bool gguf_value_escape(struct str *out, struct span text, size_t max);

#endif
