/* gguf_write.c - writes GGUF files, for tests; see gguf_write.h and, for the format, the head
 * of gguf_read.c.
 *
 * A file is put together in memory whole: these files are small. */
#include "gguf/gguf_write.h"
#include "gguf/gguf_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION_DEFAULT = 3 };
static const size_t tensor_bytes_max = (size_t)1 << 30;

struct tensor {
    struct tensor *next;
    const char *name;
    enum quant_type type;
    int dimension_count;
    int64_t dimension[GGUF_DIMENSIONS_MAX];
    void *data;
    size_t bytes;
};

struct gguf_write {
    struct str keys; /* as they stand in the file */
    uint64_t key_count;
    struct tensor *first, **last; /* in the arena, in the order of the calls */
    int tensor_count;
    struct arena arena;
};

struct gguf_write *gguf_write_open(void) {
    struct gguf_write *w = calloc(1, sizeof *w);
    if (w == NULL) return NULL;
    arena_init(&w->arena, tensor_bytes_max);
    w->last = &w->first;
    return w;
}

void gguf_write_close(struct gguf_write *w) {
    if (w == NULL) return;
    str_deinit(&w->keys);
    arena_deinit(&w->arena);
    free(w);
}

/* ---- bytes ----------------------------------------------------------------------------- */

static void add_bytes(struct str *s, const void *data, size_t bytes) { str_add(s, data, bytes); }
static void add_u32(struct str *s, uint32_t v) { add_bytes(s, &v, sizeof v); }
static void add_u64(struct str *s, uint64_t v) { add_bytes(s, &v, sizeof v); }

static void add_string(struct str *s, struct span text) {
    add_u64(s, text.len);
    add_bytes(s, text.data, text.len);
}

static void add_zeros_to(struct str *s, size_t alignment) {
    while (s->len % alignment != 0 && !s->failed) str_add_char(s, 0);
}

/* ---- metadata -------------------------------------------------------------------------- */

static void start_key(struct str *s, const char *key, enum gguf_type type) {
    add_string(s, span_of(key));
    add_u32(s, type);
}

static void add_integer(struct str *s, const char *key, enum gguf_type type, int64_t value) {
    assert(gguf_meta_type_bytes(type) > 0);
    start_key(s, key, type);
    add_bytes(s, &value, (size_t)gguf_meta_type_bytes(type)); /* little-endian: the low bytes */
}

void gguf_write_integer(struct gguf_write *w, const char *key, enum gguf_type type,
                        int64_t value) {
    add_integer(&w->keys, key, type, value);
    w->key_count++;
}

void gguf_write_float(struct gguf_write *w, const char *key, double value) {
    float f = (float)value;
    start_key(&w->keys, key, GGUF_F32);
    add_bytes(&w->keys, &f, sizeof f);
    w->key_count++;
}

void gguf_write_double(struct gguf_write *w, const char *key, double value) {
    start_key(&w->keys, key, GGUF_F64);
    add_bytes(&w->keys, &value, sizeof value);
    w->key_count++;
}

void gguf_write_bool(struct gguf_write *w, const char *key, bool value) {
    start_key(&w->keys, key, GGUF_BOOL);
    str_add_char(&w->keys, value ? 1 : 0);
    w->key_count++;
}

void gguf_write_span(struct gguf_write *w, const char *key, struct span text) {
    start_key(&w->keys, key, GGUF_STRING);
    add_string(&w->keys, text);
    w->key_count++;
}

void gguf_write_string(struct gguf_write *w, const char *key, const char *text) {
    gguf_write_span(w, key, span_of(text));
}

static void start_array(struct gguf_write *w, const char *key, enum gguf_type type,
                        int64_t count) {
    start_key(&w->keys, key, GGUF_ARRAY);
    add_u32(&w->keys, type);
    add_u64(&w->keys, (uint64_t)count);
    w->key_count++;
}

void gguf_write_array(struct gguf_write *w, const char *key, enum gguf_type type,
                      const void *values, int64_t count) {
    assert(gguf_meta_type_bytes(type) > 0);
    start_array(w, key, type, count);
    add_bytes(&w->keys, values, (size_t)(count * gguf_meta_type_bytes(type)));
}

void gguf_write_spans(struct gguf_write *w, const char *key, const struct span *text,
                      int64_t count) {
    start_array(w, key, GGUF_STRING, count);
    for (int64_t i = 0; i < count; i++) add_string(&w->keys, text[i]);
}

void gguf_write_strings(struct gguf_write *w, const char *key, const char *const *text,
                        int64_t count) {
    start_array(w, key, GGUF_STRING, count);
    for (int64_t i = 0; i < count; i++) add_string(&w->keys, span_of(text[i]));
}

/* ---- tensors --------------------------------------------------------------------------- */

/* A new tensor with room for its data; NULL when there is no memory (the arena knows). */
static struct tensor *add_tensor(struct gguf_write *w, const char *name, enum quant_type type,
                                 const int64_t *dimension) {
    struct tensor *t = arena_alloc(&w->arena, sizeof *t);
    if (t == NULL) return NULL;
    int64_t elements = 1;
    t->name = arena_strdup(&w->arena, name);
    t->type = type;
    while (t->dimension_count < GGUF_DIMENSIONS_MAX && dimension[t->dimension_count] != 0) {
        t->dimension[t->dimension_count] = dimension[t->dimension_count];
        elements *= dimension[t->dimension_count++];
    }
    t->bytes = (size_t)quant_bytes(type, elements);
    t->data = arena_alloc(&w->arena, t->bytes);
    if (t->name == NULL || t->data == NULL) return NULL;
    *w->last = t;
    w->last = &t->next;
    w->tensor_count++;
    return t;
}

static int64_t element_count(const struct tensor *t) {
    const struct quant_info *info = quant_info(t->type);
    return (int64_t)t->bytes / info->block_bytes * info->block_elements;
}

void gguf_write_blocks(struct gguf_write *w, const char *name, enum quant_type type,
                       const int64_t *dimension, const void *data) {
    struct tensor *t = add_tensor(w, name, type, dimension);
    if (t != NULL) memcpy(t->data, data, t->bytes);
}

void gguf_write_values(struct gguf_write *w, const char *name, enum quant_type type,
                       const int64_t *dimension, const float *values) {
    struct tensor *t = add_tensor(w, name, type, dimension);
    if (t != NULL) quant_info(type)->encode(t->data, values, element_count(t));
}

void gguf_write_random(struct gguf_write *w, const char *name, enum quant_type type,
                       const int64_t *dimension, struct random *r, float range) {
    struct tensor *t = add_tensor(w, name, type, dimension);
    if (t == NULL) return;
    const struct quant_info *info = quant_info(type);
    uint8_t *block = t->data;
    float values[QUANT_BLOCK_MAX];
    for (int64_t left = element_count(t); left > 0; left -= info->block_elements) {
        for (int i = 0; i < info->block_elements; i++)
            values[i] = (float)(random_unit(r) * 2 - 1) * range;
        info->encode(block, values, info->block_elements);
        block += info->block_bytes;
    }
}

/* ---- files ----------------------------------------------------------------------------- */

struct part { /* one file of the output */
    int index, count;          /* 0 of 1: not split */
    const struct tensor *first;
    int tensor_count;
    uint32_t version, alignment;
    bool alignment_key;
};

static void add_part_keys(struct str *out, const struct gguf_write *w, const struct part *p) {
    uint64_t count = p->index == 0 ? w->key_count : 0;
    if (p->alignment_key) count++;
    if (p->count > 1) count += 3;
    add_u64(out, count);
    if (p->alignment_key) add_integer(out, "general.alignment", GGUF_U32, p->alignment);
    if (p->index == 0) add_bytes(out, w->keys.data, w->keys.len);
    if (p->count <= 1) return;
    add_integer(out, "split.no", GGUF_U16, p->index);
    add_integer(out, "split.count", GGUF_U16, p->count);
    add_integer(out, "split.tensors.count", GGUF_I32, w->tensor_count);
}

static bool add_part(struct str *out, const struct gguf_write *w, const struct part *p) {
    const struct tensor *t = p->first;
    uint64_t offset = 0;
    str_add_text(out, "GGUF");
    add_u32(out, p->version);
    add_u64(out, (uint64_t)p->tensor_count);
    add_part_keys(out, w, p);
    for (int i = 0; i < p->tensor_count; i++, t = t->next) {
        add_string(out, span_of(t->name));
        add_u32(out, (uint32_t)t->dimension_count);
        for (int k = 0; k < t->dimension_count; k++) add_u64(out, (uint64_t)t->dimension[k]);
        add_u32(out, quant_info(t->type)->gguf_id);
        add_u64(out, offset);
        offset += (t->bytes + p->alignment - 1) / p->alignment * p->alignment;
    }
    t = p->first;
    for (int i = 0; i < p->tensor_count; i++, t = t->next) {
        add_zeros_to(out, p->alignment);
        add_bytes(out, t->data, t->bytes);
    }
    add_zeros_to(out, p->alignment);
    return !out->failed && !w->keys.failed && !w->arena.failed;
}

static struct part whole(const struct gguf_write *w, const struct gguf_write_options *options) {
    struct gguf_write_options o = options != NULL ? *options : (struct gguf_write_options){0};
    return (struct part){
        .count = o.file_count > 1 ? o.file_count : 1, .first = w->first,
        .tensor_count = w->tensor_count, .version = o.version ? o.version : VERSION_DEFAULT,
        .alignment = o.alignment ? o.alignment : GGUF_ALIGNMENT_DEFAULT,
        .alignment_key = o.alignment != 0,
    };
}

bool gguf_write_bytes(struct gguf_write *w, struct str *out,
                      const struct gguf_write_options *options) {
    struct part p = whole(w, options);
    p.count = 1;
    str_clear(out);
    return add_part(out, w, &p);
}

bool gguf_write_save(struct gguf_write *w, const char *path,
                     const struct gguf_write_options *options, struct error *err) {
    struct str bytes = {0}, name = {0};
    struct part p = whole(w, options);
    bool ok = false;
    assert(p.count == 1 || strlen(path) > 5);
    for (int left = w->tensor_count; p.index < p.count; p.index++) {
        p.tensor_count = left / (p.count - p.index);
        left -= p.tensor_count;
        str_clear(&bytes);
        str_clear(&name);
        str_add_text(&name, path);
        if (p.count > 1) {
            name.len -= sizeof ".gguf" - 1;
            str_addf(&name, "-%05d-of-%05d.gguf", p.index + 1, p.count);
        }
        if (!add_part(&bytes, w, &p) || name.failed) {
            error_set(err, ERR_MEMORY, "%s: no memory to write it", path);
            goto done;
        }
        if (!file_write_atomic(name.data, bytes.data, bytes.len, err)) goto done;
        for (int i = 0; i < p.tensor_count; i++) p.first = p.first->next;
    }
    ok = true;
done:
    str_deinit(&bytes);
    str_deinit(&name);
    return ok;
}
