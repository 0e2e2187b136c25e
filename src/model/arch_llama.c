/* arch_llama.c - Llama 1 to 3 and what is built like it (Mistral 7B, SmolLM2, …).
 * Touvron et al. 2023, https://arxiv.org/abs/2302.13971, section 2.2.  GGUF stores q and k
 * permuted for RoPE over neighbouring pairs.  Biases are rare but exist. */
#include <stddef.h>

#include "model/arch.h"

static const struct layer_weight weights[] = {
    {"attn_q.bias", offsetof(struct layer, q_bias), DIM_NONE, DIM_HEADS, true},
    {"attn_k.bias", offsetof(struct layer, k_bias), DIM_NONE, DIM_KV_HEADS, true},
    {"attn_v.bias", offsetof(struct layer, v_bias), DIM_NONE, DIM_KV_HEADS, true},
    {NULL, 0, DIM_NONE, DIM_NONE, false},
};

static void llama_layer(struct model *m, const struct forward *f, int index) {
    const struct layer *l = &m->layers[index];
    block_project(m, f, l);
    block_attention(m, f, index);
    block_swiglu(m, f, l);
}

const struct arch arch_llama = {
    .name = "llama", .rope_neox = false, .weights = weights, .layer = llama_layer};
