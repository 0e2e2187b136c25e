/* gguf_write.h - writes GGUF files, for tests: metadata, tensors, any alignment, split files.
 *
 * Values and tensors are collected (copied) and written by gguf_write_save(), which may be called
 * more than once.  Running out of memory in between is remembered and reported there, so the
 * calls in between return nothing.  Nothing is checked for sense: tests also want
 * files that a reader must refuse.  One thread at a time.
 *
 *     struct gguf_write *w = gguf_write_open();
 *     gguf_write_string(w, "general.architecture", "llama");
 *     gguf_write_integer(w, "llama.block_count", GGUF_U32, 2);
 *     struct random r;
 *     random_init(&r, 1);
 *     gguf_write_random(w, "blk.0.attn_q.weight", QUANT_Q4_0, (int64_t[]){64, 64, 0}, &r, 0.1f);
 *     bool ok = gguf_write_save(w, "tiny.gguf", NULL, err);
 *     gguf_write_close(w); */
#ifndef GGUF_GGUF_WRITE_H
#define GGUF_GGUF_WRITE_H
#include <stddef.h>
#include "base/random.h"
#include "gguf/gguf.h"

struct gguf_write;

struct gguf_write *gguf_write_open(void); /* NULL: no memory */
void gguf_write_close(struct gguf_write *w);

/* ---- metadata; a key given twice stands twice in the file ---- */
void gguf_write_integer(struct gguf_write *w, const char *key, enum gguf_type type, int64_t value);
void gguf_write_float(struct gguf_write *w, const char *key, double value); /* as f32 */
void gguf_write_double(struct gguf_write *w, const char *key, double value);
void gguf_write_bool(struct gguf_write *w, const char *key, bool value);
void gguf_write_string(struct gguf_write *w, const char *key, const char *text);
void gguf_write_span(struct gguf_write *w, const char *key, struct span text);
/* values: count packed elements of a numeric type or bool. */
void gguf_write_array(struct gguf_write *w, const char *key, enum gguf_type type,
                      const void *values, int64_t count);
void gguf_write_strings(struct gguf_write *w, const char *key, const char *const *text,
                        int64_t count);
void gguf_write_spans(struct gguf_write *w, const char *key, const struct span *text,
                      int64_t count);

/* ---- tensors: dimension is a list that ends with 0, [0] the fastest ---- */

/* data: the blocks as they will stand in the file. */
void gguf_write_blocks(struct gguf_write *w, const char *name, enum quant_type type,
                       const int64_t *dimension, const void *data);
/* Encodes values to the type. */
void gguf_write_values(struct gguf_write *w, const char *name, enum quant_type type,
                       const int64_t *dimension, const float *values);
/* Random values, uniform in [−range, range), encoded. */
void gguf_write_random(struct gguf_write *w, const char *name, enum quant_type type,
                       const int64_t *dimension, struct random *r, float range);

struct gguf_write_options {
    uint32_t version;   /* 0: 3 */
    uint32_t alignment; /* 0: 32, and no general.alignment; otherwise that key is written */
    /* 0 or 1: one file.  More: path ends in .gguf and the parts are named after it (a.gguf:
     * a-00001-of-00002.gguf, …) with split.* keys; tensors are dealt out in order, about equally
     * many each. */
    int file_count;
};

bool gguf_write_save(struct gguf_write *w, const char *path,
                     const struct gguf_write_options *options /* or NULL */, struct error *err);
/* The whole file (one) into out, for tests that damage it. */
bool gguf_write_bytes(struct gguf_write *w, struct str *out,
                      const struct gguf_write_options *options /* or NULL */);

#endif
