/* model.h - hyper-parameters, weights, and the forward pass of one batch.
 *
 * A batch is rows (tokens) of one or more sequences; a span is a run of rows of one sequence,
 * with the pages that its keys and values lie in.  The forward pass stores the keys and values of
 * every row and computes logits for the rows that ask for them.
 *
 * Belongs to the engine thread. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H
#include <stdbool.h>
#include <stdint.h>
#include "backend/backend.h"
#include "base/error.h"
#include "gguf/gguf.h"
#include "model/rope.h"

enum {
    MODEL_LAYERS_MAX = 512,
    MODEL_HEADS_MAX = 1024,
    MODEL_EMBED_MAX = 1 << 17,
    MODEL_FF_MAX = 1 << 19,
    MODEL_VOCAB_MAX = 1 << 21,
    MODEL_CONTEXT_MAX = 1 << 24,
    MODEL_LOGIT_ROWS = 32,     /* logits are computed for so many rows at once */
};

struct model;

struct model_params {
    const char *architecture;  /* a literal: "qwen2" */
    int layers, embed, heads, kv_heads, head_dim, ff, vocab;
    int context_trained;
    float rms_eps;
    float rope_base;
    int rope_dim;
    enum rope_scaling scaling; /* the file's own */
    double scaling_factor;
    double scaling_attention_factor;
    int scaling_context;       /* rope.scaling.original_context_length, or context_trained */
};

/* Checks the metadata; needs no weights.  For inspect and plan as well. */
bool model_params_read(struct model_params *p, const struct gguf *g, struct error *err);
const char *model_architectures(void); /* "llama, qwen2, qwen3" */

struct model_options {
    struct backend *backend;   /* borrowed */
    const struct gguf *gguf;   /* borrowed for the model's life: embeddings stay in the file */
    enum rope_scaling scaling; /* as decided by the caller, with its factor */
    double scaling_factor;
    void (*progress)(void *arg, double fraction); /* while loading; may be NULL */
    void *progress_arg;
};
struct model *model_open(const struct model_options *options, struct error *err);
void model_close(struct model *m);

/* Buffers for batches of up to rows_max rows in spans_max spans, and windows up to context_max. */
bool model_reserve(struct model *m, int rows_max, int spans_max, int context_max,
                   struct error *err);

const struct model_params *model_params(const struct model *m);
int64_t model_weight_bytes(const struct model *m);
int64_t model_buffer_bytes(const struct model *m);
/* What model_reserve would take, for a plan before anything is loaded. */
int64_t model_buffer_estimate(const struct model_params *p, int rows_max);

struct model_batch {
    int rows;
    const int32_t *tokens;               /* [rows] */
    const int32_t *positions;            /* [rows] */
    const struct backend_span *spans;    /* cover the rows in order */
    int span_count;
    const struct backend_kv_layout *layout;
    const int *logit_rows;               /* ascending; may be empty */
    int logit_count;
    /* Called on this thread for each of logit_rows; logits: [vocab], valid during the call. */
    void (*logits)(void *arg, int row, float *logits);
    /* Asked between layers; true ends the pass.  May be NULL. */
    bool (*cancelled)(void *arg);
    void *arg;
};
/* False: cancelled; what was stored for the batch's rows is then incomplete. */
bool model_forward(struct model *m, const struct model_batch *batch);

#endif
