/* gguf.c - opening a model's file or files, and finding its tensors.
 *
 * A split model is NAME-00001-of-00003.gguf and so on; the first file has the metadata, each has
 * a part of the tensors, and split.no, split.count and split.tensors.count must agree with
 * the names (llama.cpp's gguf-split writes them so).  The mappings live until gguf_close(). */
#include "gguf/gguf_internal.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* 65,536 tensors take 72 bytes each, 24 while they are read and 8 of index: 7 MB.  Keys take 80 and
 * up to 16 of index: 0.4 MB for 4,096, in each part of a split model.  The rest is for
 * overridden strings.  999 parts with all keys would exceed it, and are refused. */
enum { TABLE_BYTES_MAX = 256 << 20 };

/* "-00002-of-00003.gguf" */
enum { PART_SUFFIX_BYTES = 20, PART_DIGITS = 5 };

/* The five digits at text as a number; −1 where something else stands. */
static int five_digits(const char *text) {
    int value = 0;
    for (int i = 0; i < PART_DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* Part and count from a path's end; false when it is not of that form. */
static bool part_of_path(const char *path, int *part, int *count) {
    size_t len = strlen(path);
    if (len <= PART_SUFFIX_BYTES) return false;
    const char *suffix = path + len - PART_SUFFIX_BYTES;
    *part = suffix[0] == '-' ? five_digits(suffix + 1) : -1;
    *count = memcmp(suffix + 6, "-of-", 4) == 0 ? five_digits(suffix + 10) : -1;
    return *part >= 1 && *count >= *part && strcmp(suffix + 15, ".gguf") == 0;
}

/* The path of file `index` (from 0) of g. */
static char *path_of_file(struct gguf *g, int index) {
    if (g->file_count == 1) return g->path;
    int stem = (int)(strlen(g->path) - PART_SUFFIX_BYTES);
    return arena_printf(&g->arena, "%.*s-%05d-of-%05d.gguf", stem, g->path, index + 1,
                        g->file_count);
}

/* A part's own opinion of where it belongs must agree with its name. */
static bool check_part(const struct gguf *g, const struct gguf_read *r,
                       const struct gguf_keys *keys, int index) {
    uint32_t number = 0, count = 1;
    struct error err = {0};
    gguf_meta_u32(keys, "split.no", &number, &err);
    gguf_meta_u32(keys, "split.count", &count, &err);
    if (err.code != ERR_NONE) return error_set(r->err, err.code, "%s: %s", r->path, err.text);
    if (count <= 1 && g->file_count == 1) return true;
    if (count == (uint32_t)g->file_count && number == (uint32_t)index) return true;
    return error_set(r->err, ERR_FORMAT,
                     "%s says that it is part %" PRIu64 " of %u, which its name does not: keep all "
                     "parts of a split model in one folder as NAME-00001-of-%05u.gguf and so on",
                     r->path, (uint64_t)number + 1, count, count);
}

/* Where the first part has an alignment of its own and this one is silent, writers disagree:
 * gguf-py used the first's, llama.cpp's gguf-split the default.  Reading the wrong
 * bytes would be worse than not reading. */
static bool check_part_alignment(const struct gguf *g, const struct gguf_read *r,
                                 const struct gguf_keys *keys) {
    uint32_t first = GGUF_ALIGNMENT_DEFAULT;
    gguf_meta_u32(&g->keys, "general.alignment", &first, NULL);
    if (first == GGUF_ALIGNMENT_DEFAULT || gguf_meta_find(keys, "general.alignment") != NULL)
        return true;
    return error_set(r->err, ERR_UNSUPPORTED,
                     "%s does not say how its data is aligned, while the first part has an "
                     "alignment of %u: merge the parts with llama-gguf-split --merge",
                     r->path, first);
}

static bool map_files(struct gguf *g, struct gguf_read *read, struct error *err) {
    uint64_t tensors = 0;
    for (int i = 0; i < g->file_count; i++) {
        struct gguf_read *r = &read[i];
        r->err = err;
        r->path = path_of_file(g, i);
        if (r->path == NULL) return error_set(err, ERR_MEMORY, "%s: no memory", g->path);
        if (!file_map_open(&g->file[i], r->path, err)) {
            if (g->file_count > 1)
                error_prefix(err, "part %d of a model in %d files, which must lie in one folder",
                             i + 1, g->file_count);
            return false;
        }
        r->map = g->file[i];
        if (!gguf_read_prelude(r)) return false;
        g->bytes += (int64_t)r->map.bytes;
        tensors += r->tensor_count;
    }
    if (tensors > GGUF_TENSORS_MAX)
        return error_set(err, ERR_FORMAT, "%s: %" PRIu64 " tensors in %d files; at most %d",
                         g->path, tensors, g->file_count, GGUF_TENSORS_MAX);
    g->version = (int)read[0].version;
    g->tensor = arena_array(&g->arena, (size_t)tensors, sizeof *g->tensor);
    if (g->tensor == NULL ||
        !gguf_index_init(&g->tensor_index, &g->arena, g->tensor, sizeof *g->tensor,
                         (uint32_t)tensors))
        return error_set(err, ERR_MEMORY, "%s: no memory for the tensor table", g->path);
    return true;
}

static bool read_file(struct gguf *g, struct gguf_read *r, int index) {
    struct gguf_keys part = {0}, *keys = index == 0 ? &g->keys : &part;
    char name[GGUF_PRINTABLE_BYTES];
    if (!gguf_read_keys(r, keys, &g->arena) || !check_part(g, r, keys, index)) return false;
    if (!check_part_alignment(g, r, keys)) return false;
    if (!gguf_read_tensors(r, keys, g->tensor + g->tensor_count, &g->arena)) return false;
    for (uint64_t i = 0; i < r->tensor_count; i++, g->tensor_count++)
        if (!gguf_index_add(&g->tensor_index, (uint32_t)g->tensor_count))
            return error_set(r->err, ERR_FORMAT, "%s: the tensor %s occurs twice", r->path,
                             gguf_printable(name, g->tensor[g->tensor_count].name));
    return true;
}

static bool check_total(const struct gguf *g, struct error *err) {
    uint32_t total;
    if (!gguf_meta_u32(&g->keys, "split.tensors.count", &total, err))
        return err == NULL || err->code == ERR_NONE;
    if (total == (uint32_t)g->tensor_count) return true;
    return error_set(err, ERR_FORMAT,
                     "%s: %d tensors in its files where split.tensors.count says %u: the parts are "
                     "not of one model", g->path, g->tensor_count, total);
}

static bool open_files(struct gguf *g, const char *path, struct error *err) {
    int part = 1, count = 1;
    g->file_count = part_of_path(path, &part, &count) ? count : 1;
    if (g->file_count > GGUF_FILES_MAX)
        return error_set(err, ERR_FORMAT, "%s: a model in %d files; at most %d", path,
                         g->file_count, GGUF_FILES_MAX);
    g->path = arena_strdup(&g->arena, path);
    g->file = arena_array(&g->arena, (size_t)g->file_count, sizeof *g->file);
    struct gguf_read *read = arena_array(&g->arena, (size_t)g->file_count, sizeof *read);
    if (g->path == NULL || g->file == NULL || read == NULL)
        return error_set(err, ERR_MEMORY, "%s: no memory", path);
    if (!map_files(g, read, err)) return false;
    for (int i = 0; i < g->file_count; i++)
        if (!read_file(g, &read[i], i)) return false;
    return check_total(g, err);
}

struct gguf *gguf_open(const char *path, struct error *err) {
    struct error unread = {0};
    if (err == NULL) err = &unread;
    struct gguf *g = calloc(1, sizeof *g);
    if (g == NULL) {
        error_set(err, ERR_MEMORY, "%s: no memory", path);
        return NULL;
    }
    arena_init(&g->arena, TABLE_BYTES_MAX);
    if (open_files(g, path, err)) return g;
    gguf_close(g);
    return NULL;
}

void gguf_close(struct gguf *g) {
    if (g == NULL) return;
    for (int i = 0; g->file != NULL && i < g->file_count; i++) file_map_close(&g->file[i]);
    arena_deinit(&g->arena);
    free(g);
}

const char *gguf_path(const struct gguf *g) { return g->path; }
int64_t gguf_bytes(const struct gguf *g) { return g->bytes; }
int gguf_version(const struct gguf *g) { return g->version; }
int gguf_file_count(const struct gguf *g) { return g->file_count; }
int gguf_tensor_count(const struct gguf *g) { return g->tensor_count; }

const struct gguf_tensor *gguf_tensor_at(const struct gguf *g, int index) {
    assert(index >= 0 && index < g->tensor_count);
    return &g->tensor[index];
}

const struct gguf_tensor *gguf_tensor_find(const struct gguf *g, const char *name) {
    int64_t i = gguf_index_find(&g->tensor_index, span_of(name));
    return i < 0 ? NULL : &g->tensor[i];
}

/* Only whole pages of the tensor: its neighbours may still be wanted. */
void gguf_tensor_forget(const struct gguf_tensor *t) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)t->data + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)t->data + (uintptr_t)t->bytes) & ~(page - 1);
    if (begin < end) madvise((void *)begin, end - begin, MADV_DONTNEED);
}
