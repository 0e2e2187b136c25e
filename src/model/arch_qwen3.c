/* arch_qwen3.c - Qwen3 (dense): no biases, q and k normed per head before RoPE.
 * Yang et al. 2025, https://arxiv.org/abs/2505.09388, section 2. */
#include <stddef.h>

#include "model/arch.h"

static const struct layer_weight weights[] = {
    {"attn_q_norm.weight", offsetof(struct layer, q_norm), DIM_NONE, DIM_HEAD, false},
    {"attn_k_norm.weight", offsetof(struct layer, k_norm), DIM_NONE, DIM_HEAD, false},
    {NULL, 0, DIM_NONE, DIM_NONE, false},
};

static void qwen3_layer(struct model *m, const struct forward *f, int index) {
    const struct layer *l = &m->layers[index];
    const struct model_params *p = &m->params;
    struct backend *o = m->backend;
    struct buffers *b = &m->buffers;
    int64_t q_heads = (int64_t)f->rows * p->heads, k_heads = (int64_t)f->rows * p->kv_heads;
    block_project(m, f, l);
    backend_rms_norm(o, b->q, b->q, l->q_norm, q_heads, p->head_dim, p->rms_eps);
    backend_rms_norm(o, b->k, b->k, l->k_norm, k_heads, p->head_dim, p->rms_eps);
    block_attention(m, f, index);
    block_swiglu(m, f, l);
}

const struct arch arch_qwen3 = {
    .name = "qwen3", .rope_neox = true, .weights = weights, .layer = qwen3_layer};
