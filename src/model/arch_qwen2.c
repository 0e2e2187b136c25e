/* arch_qwen2.c - Qwen2 and Qwen2.5 (dense): biases on q, k and v.
 * Yang et al. 2024, https://arxiv.org/abs/2407.10671, section 2.2. */
#include <stddef.h>

#include "model/arch.h"

static const struct layer_weight weights[] = {
    {"attn_q.bias", offsetof(struct layer, q_bias), DIM_NONE, DIM_HEADS, false},
    {"attn_k.bias", offsetof(struct layer, k_bias), DIM_NONE, DIM_KV_HEADS, false},
    {"attn_v.bias", offsetof(struct layer, v_bias), DIM_NONE, DIM_KV_HEADS, false},
    {NULL, 0, DIM_NONE, DIM_NONE, false},
};

static void qwen2_layer(struct model *m, const struct forward *f, int index) {
    const struct layer *l = &m->layers[index];
    block_project(m, f, l);
    block_attention(m, f, index);
    block_swiglu(m, f, l);
}

const struct arch arch_qwen2 = {
    .name = "qwen2", .rope_neox = true, .weights = weights, .layer = qwen2_layer};
