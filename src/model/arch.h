/* arch.h - what an architecture is made of, for the files of this folder.
 *
 * An architecture is one file and one row in the table of model.c: which weights a layer has
 * (a table of names), which flavour of RoPE, and its forward pass.  Nothing else in the project
 * tests for an architecture. */
#ifndef MODEL_ARCH_H
#define MODEL_ARCH_H
#include "model/model.h"

struct layer {
    float *attn_norm, *ffn_norm;         /* [embed] */
    struct weight q, k, v, o;
    float *q_bias, *k_bias, *v_bias;     /* or NULL */
    float *q_norm, *k_norm;              /* [head_dim] or NULL */
    struct weight gate, up, down;
};

/* Activations of one batch. */
struct buffers {
    float *x;                            /* [rows][embed] the residual stream */
    float *h;                            /* [rows][embed] */
    float *q, *attn;                     /* [rows][heads·head_dim] */
    float *k, *v;                        /* [rows][kv_heads·head_dim] */
    float *gate, *up;                    /* [rows][ff] */
    float *cos_sin;                      /* [rows][rope_dim/2][2] */
    float *logits;                       /* [MODEL_LOGIT_ROWS][vocab] */
    void *memory;
    size_t memory_bytes;
};

struct arch;

struct model {
    struct model_params params;
    const struct arch *arch;
    struct backend *backend;
    struct rope rope;
    struct layer *layers;
    struct backend_table embed;          /* in the file */
    struct weight output;                /* [vocab][embed]; tied models pack the embedding */
    float *output_norm;                  /* [embed] */
    struct buffers buffers;
    int rows_max;
    int64_t weight_bytes;
};

/* One batch on its way through the layers. */
struct forward {
    const struct model_batch *batch;
    int rows;
};

enum weight_dim { DIM_EMBED, DIM_HEADS, DIM_KV_HEADS, DIM_FF, DIM_HEAD, DIM_NONE };

struct layer_weight {                    /* a row of an architecture's weight table */
    const char *name;                    /* "attn_q.weight", without "blk.N." */
    size_t offset;                       /* in struct layer: a struct weight or a float pointer */
    enum weight_dim rows, cols;          /* rows DIM_NONE: a vector of cols floats */
    bool optional;
};

struct arch {
    const char *name;                    /* general.architecture */
    bool rope_neox;
    const struct layer_weight *weights;  /* beside block_weights; ended by a row without name */
    void (*layer)(struct model *m, const struct forward *f, int index);
};

extern const struct arch arch_llama, arch_qwen2, arch_qwen3;

/* ---- what the architectures share (blocks.c) ---- */

/* Norms and matrices of every layer; ended by a row without name. */
extern const struct layer_weight block_weights[];

/* q, k, v = the projections of the normed x, with their biases where the layer has them. */
void block_project(struct model *m, const struct forward *f, const struct layer *l);

/* Rotates q and k, stores k and v; x += o·attention of all heads. */
void block_attention(struct model *m, const struct forward *f, int layer);
/* x += down·(silu(gate·h) ⊙ up·h), h being the normed x. */
void block_swiglu(struct model *m, const struct forward *f, const struct layer *l);

/* ---- weights.c ---- */
bool weights_load(struct model *m, const struct model_options *options, struct error *err);
void weights_free(struct model *m);

#endif
