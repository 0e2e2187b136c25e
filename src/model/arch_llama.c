/* arch_llama.c - Llama 1 to 3 and what is built like it (Mistral 7B, SmolLM2, …).
 * Touvron et al. 2023, https://arxiv.org/abs/2302.13971, section 2.2.  GGUF stores q and k
 * permuted for RoPE over neighbouring pairs.  Biases are rare but exist. */
#include <stddef.h>

#include "model/arch.h"

static const struct layer_weight weights[] = {
    {"attn_norm.weight", offsetof(struct layer, attn_norm), DIM_NONE, DIM_EMBED, false},
    {"attn_q.weight", offsetof(struct layer, q), DIM_HEADS, DIM_EMBED, false},
    {"attn_k.weight", offsetof(struct layer, k), DIM_KV_HEADS, DIM_EMBED, false},
    {"attn_v.weight", offsetof(struct layer, v), DIM_KV_HEADS, DIM_EMBED, false},
    {"attn_q.bias", offsetof(struct layer, q_bias), DIM_NONE, DIM_HEADS, true},
    {"attn_k.bias", offsetof(struct layer, k_bias), DIM_NONE, DIM_KV_HEADS, true},
    {"attn_v.bias", offsetof(struct layer, v_bias), DIM_NONE, DIM_KV_HEADS, true},
    {"attn_output.weight", offsetof(struct layer, o), DIM_EMBED, DIM_HEADS, false},
    {"ffn_norm.weight", offsetof(struct layer, ffn_norm), DIM_NONE, DIM_EMBED, false},
    {"ffn_gate.weight", offsetof(struct layer, gate), DIM_FF, DIM_EMBED, false},
    {"ffn_up.weight", offsetof(struct layer, up), DIM_FF, DIM_EMBED, false},
    {"ffn_down.weight", offsetof(struct layer, down), DIM_EMBED, DIM_FF, false},
    {NULL, 0, DIM_NONE, DIM_NONE, false},
};

static void llama_layer(struct model *m, const struct forward *f, int index) {
    const struct model_params *p = &m->params;
    const struct layer *l = &m->layers[index];
    struct backend *o = m->backend;
    struct buffers *b = &m->buffers;
    backend_rms_norm(o, b->h, b->x, l->attn_norm, f->rows, p->embed, p->rms_eps);
    backend_project(o, b->h, f->rows,
                    (struct projection[]){{.weight = &l->q, .out = b->q, .bias = l->q_bias},
                                          {.weight = &l->k, .out = b->k, .bias = l->k_bias},
                                          {.weight = &l->v, .out = b->v, .bias = l->v_bias}}, 3);
    block_attention(m, f, index);
    backend_project(o, b->attn, f->rows,
                    (struct projection[]){{.weight = &l->o, .out = b->x, .add = true}}, 1);
    block_swiglu(m, f, l);
}

const struct arch arch_llama = {
    .name = "llama", .rope_neox = false, .weights = weights, .layer = llama_layer};
