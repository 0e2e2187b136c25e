/* blocks.c - the parts that transformer architectures have in common. */
#include <math.h>
#include <stddef.h>

#include "model/arch.h"

const struct layer_weight block_weights[] = {
    {"attn_norm.weight", offsetof(struct layer, attn_norm), DIM_NONE, DIM_EMBED, false},
    {"attn_q.weight", offsetof(struct layer, q), DIM_HEADS, DIM_EMBED, false},
    {"attn_k.weight", offsetof(struct layer, k), DIM_KV_HEADS, DIM_EMBED, false},
    {"attn_v.weight", offsetof(struct layer, v), DIM_KV_HEADS, DIM_EMBED, false},
    {"attn_output.weight", offsetof(struct layer, o), DIM_EMBED, DIM_HEADS, false},
    {"ffn_norm.weight", offsetof(struct layer, ffn_norm), DIM_NONE, DIM_EMBED, false},
    {"ffn_gate.weight", offsetof(struct layer, gate), DIM_FF, DIM_EMBED, false},
    {"ffn_up.weight", offsetof(struct layer, up), DIM_FF, DIM_EMBED, false},
    {"ffn_down.weight", offsetof(struct layer, down), DIM_EMBED, DIM_FF, false},
    {NULL, 0, DIM_NONE, DIM_NONE, false},
};

void block_project(struct model *m, const struct forward *f, const struct layer *l) {
    const struct model_params *p = &m->params;
    struct backend *o = m->backend;
    struct buffers *b = &m->buffers;
    backend_rms_norm(o, b->h, b->x, l->attn_norm, f->rows, p->embed, p->rms_eps);
    backend_project(o, b->h, f->rows,
                    (struct projection[]){{.weight = &l->q, .out = b->q, .bias = l->q_bias},
                                          {.weight = &l->k, .out = b->k, .bias = l->k_bias},
                                          {.weight = &l->v, .out = b->v, .bias = l->v_bias}}, 3);
}

void block_attention(struct model *m, const struct forward *f, int layer) {
    const struct model_params *p = &m->params;
    struct buffers *b = &m->buffers;
    struct backend_rope rope = {.x = b->q, .cos_sin = b->cos_sin, .rows = f->rows,
                                .heads = p->heads, .head_dim = p->head_dim,
                                .rope_dim = p->rope_dim, .neox = m->arch->rope_neox};
    backend_rope(m->backend, &rope);
    rope.x = b->k;
    rope.heads = p->kv_heads;
    backend_rope(m->backend, &rope);
    struct backend_attention attention = {
        .layout = f->batch->layout,
        .layer = layer,
        .spans = f->batch->spans,
        .span_count = f->batch->span_count,
        .heads = p->heads,
        .scale = 1.0f / sqrtf((float)p->head_dim),
        .q = b->q,
        .k = b->k,
        .v = b->v,
        .out = b->attn,
    };
    backend_kv_store(m->backend, &attention);
    backend_attention(m->backend, &attention);
    backend_project(m->backend, b->attn, f->rows,
                    (struct projection[]){{.weight = &m->layers[layer].o, .out = b->x,
                                           .add = true}}, 1);
}

void block_swiglu(struct model *m, const struct forward *f, const struct layer *l) {
    const struct model_params *p = &m->params;
    struct backend *o = m->backend;
    struct buffers *b = &m->buffers;
    backend_rms_norm(o, b->h, b->x, l->ffn_norm, f->rows, p->embed, p->rms_eps);
    backend_project(o, b->h, f->rows,
                    (struct projection[]){{.weight = &l->gate, .out = b->gate},
                                          {.weight = &l->up, .out = b->up}}, 2);
    backend_silu_mul(o, b->gate, b->gate, b->up, f->rows, p->ff);
    backend_project(o, b->gate, f->rows,
                    (struct projection[]){{.weight = &l->down, .out = b->x, .add = true}}, 1);
}
