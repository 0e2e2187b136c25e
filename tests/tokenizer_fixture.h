/* tokenizer_fixture.h - small vocabularies, real ones, and files of expected ids, for the tests of
 * src/text/tokenizer*.c.
 *
 * The small ones are those of tests/golden/tokenizer_bpe.json and tokenizer_spm.json. */
#ifndef TESTS_TOKENIZER_FIXTURE_H
#define TESTS_TOKENIZER_FIXTURE_H
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "gguf/gguf_write.h"
#include "text/tokenizer.h"

static inline json_t *fixture_golden(const char *name) {
    char path[512];
    const char *root = getenv("LONGHAUL_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/golden/%s", root != NULL ? root : ".", name);
    json_error_t why;
    json_t *json = json_load_file(path, JSON_ALLOW_NUL, &why);
    if (json == NULL) {
        fprintf(stderr, "%s:%d: %s\n", path, why.line, why.text);
        abort();
    }
    return json;
}

/* Lines of JSON as an array. */
static inline json_t *fixture_golden_lines(const char *name) {
    char path[512];
    const char *root = getenv("LONGHAUL_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/golden/%s", root != NULL ? root : ".", name);
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        perror(path);
        abort();
    }
    json_t *lines = json_array();
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, f) > 0)
        json_array_append_new(lines, json_loads(line, JSON_ALLOW_NUL, NULL));
    free(line);
    fclose(f);
    return lines;
}

/* Saves w as a file, opens it and removes the file; ends w. */
static inline struct gguf *fixture_save(struct gguf_write *w, struct error *err) {
    char path[] = "/tmp/longhaul-tokenizer-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0) abort();
    close(fd);
    *err = (struct error){0};
    struct gguf *g = gguf_write_save(w, path, NULL, err) ? gguf_open(path, err) : NULL;
    unlink(path);
    gguf_write_close(w);
    return g;
}

static inline void fixture_write_strings(struct gguf_write *w, const char *key,
                                         const json_t *list) {
    int64_t count = (int64_t)json_array_size(list);
    struct span *texts = calloc((size_t)count + 1, sizeof *texts);
    for (int64_t i = 0; i < count; i++) {
        const json_t *text = json_array_get(list, (size_t)i);
        texts[i] = (struct span){json_string_value(text), json_string_length(text)};
    }
    gguf_write_spans(w, key, texts, count);
    free(texts);
}

/* The vocabulary of a golden file, without pre-tokenizer and flags: the caller adds and saves. */
static inline struct gguf_write *fixture_vocabulary(const json_t *golden) {
    const json_t *v = json_object_get(golden, "vocabulary");
    const json_t *types = json_object_get(v, "types"), *scores = json_object_get(v, "scores");
    size_t count = json_array_size(types);
    int32_t *kinds = calloc(count, sizeof *kinds);
    float *values = calloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        kinds[i] = (int32_t)json_integer_value(json_array_get(types, i));
        values[i] = (float)json_number_value(json_array_get(scores, i));
    }
    struct gguf_write *w = gguf_write_open();
    gguf_write_string(w, "tokenizer.ggml.model", json_string_value(json_object_get(v, "model")));
    fixture_write_strings(w, "tokenizer.ggml.tokens", json_object_get(v, "tokens"));
    gguf_write_array(w, "tokenizer.ggml.token_type", GGUF_I32, kinds, (int64_t)count);
    if (scores != NULL)
        gguf_write_array(w, "tokenizer.ggml.scores", GGUF_F32, values, (int64_t)count);
    else
        fixture_write_strings(w, "tokenizer.ggml.merges", json_object_get(v, "merges"));
    gguf_write_integer(w, "tokenizer.ggml.bos_token_id", GGUF_U32,
                       json_integer_value(json_object_get(v, "bos")));
    gguf_write_integer(w, "tokenizer.ggml.eos_token_id", GGUF_U32,
                       json_integer_value(json_object_get(v, "eos")));
    free(kinds);
    free(values);
    return w;
}

/* Opens what w holds; ends w.  NULL and err set when the vocabulary is refused. */
static inline struct tokenizer *fixture_tokenizer(struct gguf_write *w, struct error *err) {
    struct gguf *g = fixture_save(w, err);
    if (g == NULL) return NULL;
    struct tokenizer *t = tokenizer_open(g, err);
    gguf_close(g); /* the tokenizer must have copied what it needs */
    return t;
}

/* The small byte-level tokenizer with one of the pre-tokenizers. */
static inline struct tokenizer *fixture_bpe(const char *pre) {
    json_t *golden = fixture_golden("tokenizer_bpe.json");
    struct gguf_write *w = fixture_vocabulary(golden);
    gguf_write_string(w, "tokenizer.ggml.pre", pre);
    struct error err;
    struct tokenizer *t = fixture_tokenizer(w, &err);
    if (t == NULL) fprintf(stderr, "%s: %s\n", pre, err.text);
    json_decref(golden);
    return t;
}

static inline struct tokenizer *fixture_spm(bool add_space_prefix) {
    json_t *golden = fixture_golden("tokenizer_spm.json");
    struct gguf_write *w = fixture_vocabulary(golden);
    gguf_write_bool(w, "tokenizer.ggml.add_space_prefix", add_space_prefix);
    struct error err;
    struct tokenizer *t = fixture_tokenizer(w, &err);
    if (t == NULL) fprintf(stderr, "SentencePiece: %s\n", err.text);
    json_decref(golden);
    return t;
}

/* A real model's tokenizer, or NULL when the file is not there. */
static inline struct tokenizer *fixture_real(const char *file) {
    char path[512];
    const char *dir = getenv("LONGHAUL_MODELS_DIR"), *home = getenv("HOME");
    if (dir != NULL)
        snprintf(path, sizeof path, "%s/%s", dir, file);
    else
        snprintf(path, sizeof path, "%s/.cache/longhaul/models/%s", home ? home : "", file);
    if (!file_exists(path)) {
        printf("skipped: there is no %s (set LONGHAUL_MODELS_DIR)\n", path);
        return NULL;
    }
    struct error err = {0};
    struct gguf *g = gguf_open(path, &err);
    struct tokenizer *t = g != NULL ? tokenizer_open(g, &err) : NULL;
    if (t == NULL) fprintf(stderr, "%s: %s\n", path, err.text);
    gguf_close(g);
    return t;
}

/* Counts, and prints, the cases whose ids differ. */
static inline int fixture_check_case(const struct tokenizer *t, const json_t *c) {
    const json_t *text = json_object_get(c, "text"), *ids = json_object_get(c, "ids");
    struct span input = {json_string_value(text), json_string_length(text)};
    struct tokens out = {0};
    struct error err = {0};
    bool special = json_is_true(json_object_get(c, "parse_special"));
    bool same = tokenizer_encode(t, input, special, &out, &err) &&
                out.count == (int64_t)json_array_size(ids);
    for (int64_t i = 0; same && i < out.count; i++)
        same = out.ids[i] == json_integer_value(json_array_get(ids, (size_t)i));
    if (!same) {
        char *shown = json_dumps(c, JSON_COMPACT);
        printf("differs: %s\n  ours:", shown);
        for (int64_t i = 0; i < out.count; i++) printf(" %d", out.ids[i]);
        printf(" %s\n", err.text);
        free(shown);
    }
    tokens_deinit(&out);
    return !same;
}

#endif
