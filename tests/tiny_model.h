/* tiny_model.h - a small random model of any architecture as a GGUF file, and a forward pass
 * over it that shares no code with the engine: plain loops in double over decoded weights. */
#ifndef TESTS_TINY_MODEL_H
#define TESTS_TINY_MODEL_H
#include <stdbool.h>
#include <stdint.h>
#include "gguf/gguf.h"

enum { TINY_VOCAB = 320, TINY_CONTEXT = 4096 };

struct tiny_model {
    const char *architecture;  /* "llama", "qwen2", "qwen3" */
    enum quant_type type;      /* of the matrices */
    bool tied;                 /* no output.weight */
    bool rope_freqs;           /* Llama 3's tensor */
    const char *scaling;       /* rope.scaling.type or NULL; factor 4 from 1024 */
    int heads, kv_heads, head_dim; /* 0: 4, 2, 64 */
    int layers;                /* 0: 2 */
    uint64_t seed;
};

/* Writes the file, with a byte-level tokenizer: ids 0 … 255 are the bytes, 256 <|endoftext|>,
 * 257 <|im_start|>, 258 <|im_end|>, then unused ones. */
bool tiny_model_write(const struct tiny_model *t, const char *path, struct error *err);

/* A path under the build's temporary folder that the test removes. */
const char *tiny_model_path(const char *name);

/* Logits after the last token, [TINY_VOCAB]. */
void tiny_model_logits(const struct gguf *g, const int32_t *tokens, int count, double *out);

/* The largest |a − b| over the spread (max − min) of b. */
double tiny_model_difference(const float *a, const double *b, int count);

#endif
