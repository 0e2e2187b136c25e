/* backend_internal.h - what the files of this folder share; nobody else includes it. */
#ifndef BACKEND_BACKEND_INTERNAL_H
#define BACKEND_BACKEND_INTERNAL_H
#include "backend/backend.h"
#include "base/threads.h"

enum { BACKEND_UNITS_MAX = 4096 }; /* split partial results held at once */

struct attention_unit {
    int span, kv_head;
    int tile;                /* first row of the span that the unit computes */
    int split;               /* -1: the unit runs all splits itself */
    int part;                /* of its first row's partial result, for split units */
};

struct backend {
    struct kernels kernels;
    struct threads *pool;
    struct backend_need need;
    int64_t cols_max;                  /* of the weights loaded */
    size_t matmul_scratch_bytes;
    bool act_used[ACT_FORMATS];

    uint8_t *scratch;                  /* [threads][scratch_bytes] */
    size_t scratch_bytes;
    uint8_t *act[ACT_FORMATS];         /* [rows_max] quantised rows */
    size_t act_bytes[ACT_FORMATS];

    /* attention */
    int tile_rows;                     /* positions of a query tile */
    struct attention_unit *units;
    int unit_capacity;
    const void **blocks;               /* [spans][kv_heads] K pointers, then V pointers */
    size_t block_capacity;
    float *parts;                      /* [BACKEND_UNITS_MAX] × (acc, max, sum) of a row's group */
    size_t parts_bytes;
    char kv_types[128];
};

void *backend_scratch(struct backend *b, int worker);
bool backend_attention_reserve(struct backend *b, struct error *err);
void backend_attention_release(struct backend *b);

#endif
