/* gguf_fixture.h - a small model's file, for the tests of gguf/, and a reader that touches all
 * that an open file offers. */
#ifndef TESTS_GGUF_FIXTURE_H
#define TESTS_GGUF_FIXTURE_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "gguf/gguf_describe.h"
#include "gguf/gguf_write.h"

enum { FIXTURE_TENSORS = 3 + QUANT_TYPES };

/* A path in a directory of this process's own, which fixture_remove empties. */
static char fixture_dir[64];

static inline const char *fixture_path(const char *name) {
    static char path[16][256];
    static int turn;
    char *out = path[turn++ % 16];
    if (fixture_dir[0] == 0) {
        strcpy(fixture_dir, "/tmp/longhaul-gguf-XXXXXX");
        if (mkdtemp(fixture_dir) == NULL) abort();
    }
    snprintf(out, sizeof path[0], "%s/%s", fixture_dir, name);
    return out;
}

static inline void fixture_remove(void) {
    char command[128];
    if (fixture_dir[0] == 0) return;
    snprintf(command, sizeof command, "rm -r '%s'", fixture_dir);
    if (system(command) != 0) perror(command);
    fixture_dir[0] = 0;
}

static inline struct gguf_write *fixture_model(void) {
    static const char *const tokens[] = {"<s>", "a", "b", "\xc4\xa0z", ""};
    static const int32_t kinds[] = {3, 1, 1, 1, 1};
    struct gguf_write *w = gguf_write_open();
    struct random r;
    random_init(&r, 11);
    gguf_write_string(w, "general.architecture", "llama");
    gguf_write_string(w, "general.name", "Tiny \"Model\"\nof tests");
    gguf_write_integer(w, "llama.context_length", GGUF_U32, 512);
    gguf_write_integer(w, "llama.block_count", GGUF_U16, 1);
    gguf_write_integer(w, "llama.embedding_length", GGUF_I32, 64);
    gguf_write_integer(w, "llama.attention.head_count", GGUF_U64, 4);
    gguf_write_integer(w, "llama.attention.head_count_kv", GGUF_U8, 2);
    gguf_write_float(w, "llama.rope.freq_base", 10000);
    gguf_write_double(w, "test.double", 0.1);
    gguf_write_integer(w, "test.negative", GGUF_I8, -5);
    gguf_write_integer(w, "test.large", GGUF_I64, 1LL << 40);
    gguf_write_bool(w, "tokenizer.ggml.add_bos_token", true);
    gguf_write_string(w, "tokenizer.ggml.model", "gpt2");
    gguf_write_strings(w, "tokenizer.ggml.tokens", tokens, 5);
    gguf_write_array(w, "tokenizer.ggml.token_type", GGUF_I32, kinds, 5);
    gguf_write_array(w, "test.empty", GGUF_F64, NULL, 0);
    gguf_write_string(w, "tokenizer.chat_template", "{{ messages }}");
    gguf_write_random(w, "token_embd.weight", QUANT_Q8_0, (int64_t[]){64, 5, 0}, &r, 1);
    gguf_write_random(w, "output_norm.weight", QUANT_F32, (int64_t[]){64, 0}, &r, 1);
    gguf_write_random(w, "test.four", QUANT_F16, (int64_t[]){2, 3, 5, 7, 0}, &r, 1);
    for (int i = 0; i < QUANT_TYPES; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.0.%s.weight", quant_info((enum quant_type)i)->name);
        gguf_write_random(w, name, (enum quant_type)i, (int64_t[]){256, 3, 0}, &r, 1);
    }
    return w;
}

/* The model's bytes; the caller ends the buffer. */
static inline struct str fixture_bytes(const struct gguf_write_options *options) {
    struct str bytes = {0};
    struct gguf_write *w = fixture_model();
    if (!gguf_write_bytes(w, &bytes, options)) abort();
    gguf_write_close(w);
    return bytes;
}

/* Reads what a caller could read; the sum keeps the reads from being removed. */
static inline uint64_t fixture_touch(const struct gguf *g) {
    struct str text = {0};
    uint64_t sum = 0;
    gguf_describe(g, &text);
    gguf_describe_keys(g, &text);
    gguf_describe_tensors(g, &text);
    for (int i = 0; i < gguf_tensor_count(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        const uint8_t *data = t->data;
        if (t->bytes > 0) sum += data[0] + data[t->bytes - 1];
    }
    for (int i = 0; i < gguf_key_count(g); i++) {
        enum gguf_type type;
        struct span name = gguf_key_at(g, i, &type), element;
        char key[256];
        struct gguf_array array;
        int64_t offset = 0;
        snprintf(key, sizeof key, "%.*s", (int)(name.len < 255 ? name.len : 255), name.data);
        if (!gguf_array(g, key, &array, NULL)) continue;
        if (array.type == GGUF_STRING)
            while (gguf_array_next_string(&array, &offset, &element)) sum += element.len;
        else
            for (int64_t k = 0; k < array.count; k++)
                sum += (uint64_t)(gguf_array_number(&array, k) > 0);
    }
    sum += text.len;
    str_deinit(&text);
    return sum;
}

/* Opens bytes as a file of its own; NULL and err set, or an open file. */
static inline struct gguf *fixture_open(const void *data, size_t bytes, struct error *err) {
    const char *path = fixture_path("bytes.gguf");
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(data, 1, bytes, f) != bytes || fclose(f) != 0) abort();
    *err = (struct error){0};
    return gguf_open(path, err);
}

/* The path of a real model, or NULL. */
static inline const char *fixture_real_model(const char *name) {
    static char path[512];
    const char *dir = getenv("LONGHAUL_MODELS_DIR"), *home = getenv("HOME");
    if (dir != NULL) snprintf(path, sizeof path, "%s/%s", dir, name);
    else snprintf(path, sizeof path, "%s/.cache/longhaul/models/%s", home ? home : "", name);
    return file_exists(path) ? path : NULL;
}

#endif
