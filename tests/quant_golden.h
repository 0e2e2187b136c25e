/* quant_golden.h - blocks of every format with the values that gguf-py gives them
 * (tests/golden/quant_blocks.bin, made by make_quant_blocks.py), for the tests of quant/. */
#ifndef TESTS_QUANT_GOLDEN_H
#define TESTS_QUANT_GOLDEN_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "quant/quant.h"

struct quant_golden {
    enum quant_type type;
    int64_t count; /* elements */
    const uint8_t *blocks;
    const float *values;
};

static inline bool quant_golden_open(struct str *file) {
    const char *dir = getenv("LONGHAUL_SOURCE_DIR");
    char path[4096];
    struct error err = {0};
    snprintf(path, sizeof path, "%s/tests/golden/quant_blocks.bin", dir ? dir : ".");
    bool ok = file_read(file, path, 1 << 20, &err);
    if (!ok) fprintf(stderr, "%s\n", err.text);
    return ok;
}

/* The record at *offset; moves on.  False at the end.  Sizes are multiples of 4, so the
 * floats are aligned in the file as malloc aligns its front; blocks of 18 … bytes come in
 * even numbers. */
static inline bool quant_golden_next(const struct str *file, size_t *offset,
                                     struct quant_golden *out) {
    uint32_t head[4]; /* type, blocks, block bytes, block elements */
    if (*offset >= file->len) return false;
    memcpy(head, file->data + *offset, sizeof head);
    if (!quant_from_gguf(&out->type, head[0])) return false;
    out->blocks = (const uint8_t *)file->data + *offset + sizeof head;
    out->values = (const float *)(const void *)(out->blocks + head[1] * head[2]);
    out->count = (int64_t)head[1] * head[3];
    *offset += sizeof head + head[1] * head[2] + (size_t)out->count * sizeof(float);
    return true;
}

#endif
