/* blocks.c - the parts that transformer architectures have in common. */
#include <math.h>

#include "model/arch.h"

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
