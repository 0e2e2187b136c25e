/* model.c - a model's life, and the forward pass from tokens to logits. */
#include "model/model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "model/arch.h"
#include "model/params.h"

struct model *model_open(const struct model_options *options, struct error *err) {
    struct model *m = calloc(1, sizeof *m);
    if (!m) {
        error_set(err, ERR_MEMORY, "no memory for the model");
        return NULL;
    }
    m->backend = options->backend;
    m->arch = params_arch(options->gguf, err);
    if (!m->arch || !model_params_read(&m->params, options->gguf, err) ||
        !weights_load(m, options, err)) {
        error_prefix(err, "%s", gguf_path(options->gguf));
        model_close(m);
        return NULL;
    }
    return m;
}

void model_close(struct model *m) {
    if (!m) return;
    if (m->arch) weights_free(m);
    backend_free(m->buffers.memory, m->buffers.memory_bytes);
    free(m);
}

const struct model_params *model_params(const struct model *m) {
    return &m->params;
}

int64_t model_weight_bytes(const struct model *m) {
    return m->weight_bytes;
}

int64_t model_buffer_bytes(const struct model *m) {
    return (int64_t)m->buffers.memory_bytes + backend_buffer_bytes(m->backend);
}

/* ---- buffers ---- */

enum { BUFFERS = 9 };

/* Floats of each buffer, in the order of the pointers in buffer_slots. */
static void buffer_floats(const struct model_params *p, int64_t rows, int64_t out[BUFFERS]) {
    int64_t q = (int64_t)p->heads * p->head_dim, k = (int64_t)p->kv_heads * p->head_dim;
    int64_t floats[BUFFERS] = {rows * p->embed, rows * p->embed,    rows * q,
                               rows * q,        rows * k,           rows * k,
                               rows * p->ff,    rows * p->ff,       rows * p->rope_dim};
    memcpy(out, floats, sizeof floats);
}

static int64_t buffer_total(const struct model_params *p, int64_t rows) {
    int64_t floats[BUFFERS], total = (int64_t)MODEL_LOGIT_ROWS * p->vocab + 64;
    buffer_floats(p, rows, floats);
    for (int i = 0; i < BUFFERS; i++) total += (floats[i] + 15) / 16 * 16;
    return total * (int64_t)sizeof(float);
}

int64_t model_buffer_estimate(const struct model_params *p, int rows_max) {
    /* The backend's quantised rows (at most 1.3 bytes an element of the widest) and scratch. */
    int64_t widest = p->ff > p->embed ? p->ff : p->embed;
    return buffer_total(p, rows_max) + rows_max * widest * 3 + (16 << 20);
}

bool model_reserve(struct model *m, int rows_max, int spans_max, int context_max,
                   struct error *err) {
    struct buffers *b = &m->buffers;
    const struct model_params *p = &m->params;
    struct backend_need need = {.rows_max = rows_max, .spans_max = spans_max, .heads = p->heads,
                                .kv_heads = p->kv_heads, .head_dim = p->head_dim,
                                .context_max = context_max};
    if (!backend_reserve(m->backend, &need, err)) return false;
    b->memory_bytes = (size_t)buffer_total(p, rows_max);
    b->memory = backend_alloc(b->memory_bytes, err);
    if (!b->memory) return false;
    m->rows_max = rows_max;
    float **slots[BUFFERS] = {&b->x, &b->h,    &b->q,  &b->attn,   &b->k,
                              &b->v, &b->gate, &b->up, &b->cos_sin};
    int64_t floats[BUFFERS];
    buffer_floats(p, rows_max, floats);
    float *at = b->memory;
    for (int i = 0; i < BUFFERS; i++) {
        *slots[i] = at;
        at += (floats[i] + 15) / 16 * 16;
    }
    b->logits = at;
    return true;
}

/* ---- forward ---- */

/* The last rows: norm and output matrix, MODEL_LOGIT_ROWS at a time. */
static void head(struct model *m, const struct model_batch *batch) {
    const struct model_params *p = &m->params;
    struct buffers *b = &m->buffers;
    for (int first = 0; first < batch->logit_count; first += MODEL_LOGIT_ROWS) {
        int count = batch->logit_count - first;
        if (count > MODEL_LOGIT_ROWS) count = MODEL_LOGIT_ROWS;
        for (int i = 0; i < count; i++)
            memcpy(b->h + (size_t)i * (size_t)p->embed,
                   b->x + (size_t)batch->logit_rows[first + i] * (size_t)p->embed,
                   (size_t)p->embed * sizeof(float));
        backend_rms_norm(m->backend, b->h, b->h, m->output_norm, count, p->embed, p->rms_eps);
        backend_project(m->backend, b->h, count,
                        &(struct projection){.weight = &m->output, .out = b->logits}, 1);
        for (int i = 0; i < count; i++)
            batch->logits(batch->arg, batch->logit_rows[first + i],
                          b->logits + (size_t)i * (size_t)p->vocab);
    }
}

bool model_forward(struct model *m, const struct model_batch *batch) {
    assert(batch->rows > 0 && batch->rows <= m->rows_max);
    struct buffers *b = &m->buffers;
    struct forward f = {.batch = batch, .rows = batch->rows};
    backend_embed(m->backend, b->x, &m->embed, batch->tokens, batch->rows);
    rope_fill(&m->rope, b->cos_sin, batch->positions, batch->rows);
    for (int i = 0; i < m->params.layers; i++) {
        if (batch->cancelled && batch->cancelled(batch->arg)) return false;
        m->arch->layer(m, &f, i);
    }
    head(m, batch);
    return true;
}
