/* arch_qwen3.c - Qwen3 (dense): no biases, q and k normed per head before RoPE.
 * Yang et al. 2025, https://arxiv.org/abs/2505.09388, section 2. */
#include <stddef.h>

#include "model/arch.h"

static const struct layer_weight weights[] = {
    {"attn_norm.weight", offsetof(struct layer, attn_norm), DIM_NONE, DIM_EMBED, false},
    {"attn_q.weight", offsetof(struct layer, q), DIM_HEADS, DIM_EMBED, false},
    {"attn_k.weight", offsetof(struct layer, k), DIM_KV_HEADS, DIM_EMBED, false},
    {"attn_v.weight", offsetof(struct layer, v), DIM_KV_HEADS, DIM_EMBED, false},
    {"attn_q_norm.weight", offsetof(struct layer, q_norm), DIM_NONE, DIM_HEAD, false},
    {"attn_k_norm.weight", offsetof(struct layer, k_norm), DIM_NONE, DIM_HEAD, false},
    {"attn_output.weight", offsetof(struct layer, o), DIM_EMBED, DIM_HEADS, false},
    {"ffn_norm.weight", offsetof(struct layer, ffn_norm), DIM_NONE, DIM_EMBED, false},
    {"ffn_gate.weight", offsetof(struct layer, gate), DIM_FF, DIM_EMBED, false},
    {"ffn_up.weight", offsetof(struct layer, up), DIM_FF, DIM_EMBED, false},
    {"ffn_down.weight", offsetof(struct layer, down), DIM_EMBED, DIM_FF, false},
    {NULL, 0, DIM_NONE, DIM_NONE, false},
};

static void qwen3_layer(struct model *m, const struct forward *f, int index) {
    const struct model_params *p = &m->params;
    const struct layer *l = &m->layers[index];
    struct backend *o = m->backend;
    struct buffers *b = &m->buffers;
    int64_t q_heads = (int64_t)f->rows * p->heads, k_heads = (int64_t)f->rows * p->kv_heads;
    backend_rms_norm(o, b->h, b->x, l->attn_norm, f->rows, p->embed, p->rms_eps);
    backend_project(o, b->h, f->rows,
                    (struct projection[]){{.weight = &l->q, .out = b->q},
                                          {.weight = &l->k, .out = b->k},
                                          {.weight = &l->v, .out = b->v}}, 3);
    backend_rms_norm(o, b->q, b->q, l->q_norm, q_heads, p->head_dim, p->rms_eps);
    backend_rms_norm(o, b->k, b->k, l->k_norm, k_heads, p->head_dim, p->rms_eps);
    block_attention(m, f, index);
    backend_project(o, b->attn, f->rows,
                    (struct projection[]){{.weight = &l->o, .out = b->x, .add = true}}, 1);
    block_swiglu(m, f, l);
}

const struct arch arch_qwen3 = {
    .name = "qwen3", .rope_neox = true, .weights = weights, .layer = qwen3_layer};
