/* weights.c - a model's tensors: found by name, checked for shape, packed for the CPU.
 *
 * A packed matrix is as large as its source, so memory would double while the mapping's
 * pages stay resident: each is dropped from this process as soon as it is packed.  The
 * embedding stays in the file; a token reads one row of it. */
#include <stdio.h>
#include <stdlib.h>

#include "model/arch.h"

struct loader {
    struct model *model;
    const struct model_options *options;
    struct error *err;
    int64_t bytes_done, bytes_all;
};

static int64_t dimension(const struct model_params *p, enum weight_dim dim) {
    switch (dim) {
    case DIM_EMBED: return p->embed;
    case DIM_HEADS: return (int64_t)p->heads * p->head_dim;
    case DIM_KV_HEADS: return (int64_t)p->kv_heads * p->head_dim;
    case DIM_FF: return p->ff;
    case DIM_HEAD: return p->head_dim;
    case DIM_NONE: return 1;
    }
    return 1;
}

static bool check_shape(const struct loader *l, const struct gguf_tensor *t, const char *name,
                        int64_t rows, int64_t cols) {
    if (t->dimension[0] == cols && t->dimension[1] == rows && t->dimension[2] == 1 &&
        t->dimension[3] == 1)
        return true;
    return error_set(l->err, ERR_FORMAT, "tensor %s is %lld x %lld; expected %lld x %lld", name,
                     (long long)t->dimension[1], (long long)t->dimension[0], (long long)rows,
                     (long long)cols);
}

static const struct gguf_tensor *find(const struct loader *l, const char *name, bool optional) {
    const struct gguf_tensor *t = gguf_tensor_find(l->options->gguf, name);
    if (!t && !optional)
        error_set(l->err, ERR_FORMAT, "tensor %s is missing: the file is incomplete or not a %s "
                  "model", name, l->model->params.architecture);
    return t;
}

static void advance(struct loader *l, const struct gguf_tensor *t) {
    l->bytes_done += t->bytes;
    if (l->options->progress)
        l->options->progress(l->options->progress_arg,
                             (double)l->bytes_done / (double)l->bytes_all);
}

static bool load_matrix(struct loader *l, struct weight *w, const struct gguf_tensor *t,
                        const char *name, int64_t rows, int64_t cols) {
    if (!check_shape(l, t, name, rows, cols)) return false;
    if (!backend_weight_load(l->model->backend, w, t->type, t->data, rows, cols, l->err)) {
        error_prefix(l->err, "tensor %s", name);
        return false;
    }
    l->model->weight_bytes += w->packed_bytes;
    gguf_tensor_forget(t);
    advance(l, t);
    return true;
}

static bool load_vector(struct loader *l, float **out, const struct gguf_tensor *t,
                        const char *name, int64_t cols) {
    if (!check_shape(l, t, name, 1, cols)) return false;
    *out = malloc((size_t)cols * sizeof **out);
    if (!*out) return error_set(l->err, ERR_MEMORY, "no memory for tensor %s", name);
    quant_info(t->type)->decode(*out, t->data, cols);
    l->model->weight_bytes += cols * (int64_t)sizeof **out;
    advance(l, t);
    return true;
}

static bool load_rows(struct loader *l, int index, const struct layer_weight *row) {
    struct layer *layer = &l->model->layers[index];
    const struct model_params *p = &l->model->params;
    for (; row->name; row++) {
        char name[96];
        snprintf(name, sizeof name, "blk.%d.%s", index, row->name);
        const struct gguf_tensor *t = find(l, name, row->optional);
        if (!t && row->optional) continue;
        if (!t) return false;
        void *member = (char *)layer + row->offset;
        int64_t cols = dimension(p, row->cols);
        bool ok = row->rows == DIM_NONE
                      ? load_vector(l, member, t, name, cols)
                      : load_matrix(l, member, t, name, dimension(p, row->rows), cols);
        if (!ok) return false;
    }
    return true;
}

/* Llama 3's frequency factors are a tensor of the file. */
static bool load_rope(struct loader *l) {
    struct model *m = l->model;
    const struct model_params *p = &m->params;
    const struct gguf_tensor *t = gguf_tensor_find(l->options->gguf, "rope_freqs.weight");
    float *factors = NULL;
    if (t && !load_vector(l, &factors, t, "rope_freqs.weight", p->rope_dim / 2)) return false;
    for (int i = 0; factors && i < p->rope_dim / 2; i++)
        if (!(factors[i] > 0)) {
            free(factors);
            return error_set(l->err, ERR_FORMAT, "rope_freqs.weight[%d] is not above 0", i);
        }
    rope_init(&m->rope, &(struct rope_options){
        .dim = p->rope_dim,
        .neox = m->arch->rope_neox,
        .base = p->rope_base,
        .scaling = l->options->scaling,
        .factor = l->options->scaling_factor,
        .context_original = p->scaling_context,
        .attention_factor = p->scaling_attention_factor,
        .beta_fast = 32,
        .beta_slow = 1,
        .frequency_factors = factors,
    });
    free(factors);
    return true;
}

bool weights_load(struct model *m, const struct model_options *options, struct error *err) {
    struct loader l = {.model = m, .options = options, .err = err, .bytes_all = 1};
    const struct model_params *p = &m->params;
    for (int i = 0; i < gguf_tensor_count(options->gguf); i++)
        l.bytes_all += gguf_tensor_at(options->gguf, i)->bytes;
    const struct gguf_tensor *embed = find(&l, "token_embd.weight", false);
    const struct gguf_tensor *norm = find(&l, "output_norm.weight", false);
    if (!embed || !norm) return false;
    m->embed = (struct backend_table){embed->type, embed->data, p->vocab, p->embed};
    if (!load_vector(&l, &m->output_norm, norm, "output_norm.weight", p->embed)) return false;
    m->layers = calloc((size_t)p->layers, sizeof *m->layers);
    if (!m->layers) return error_set(err, ERR_MEMORY, "no memory for %d layers", p->layers);
    for (int i = 0; i < p->layers; i++)
        if (!load_rows(&l, i, block_weights) || !load_rows(&l, i, m->arch->weights)) return false;
    /* Tied embeddings: the output matrix is the embedding. */
    const struct gguf_tensor *output = find(&l, "output.weight", true);
    return load_matrix(&l, &m->output, output ? output : embed,
                       output ? "output.weight" : "token_embd.weight", p->vocab, p->embed) &&
           load_rope(&l);
}

static void free_rows(struct layer *layer, const struct layer_weight *row) {
    for (; row->name; row++) {
        void *member = (char *)layer + row->offset;
        if (row->rows == DIM_NONE) free(*(float **)member);
        else backend_weight_free(member);
    }
}

void weights_free(struct model *m) {
    for (int i = 0; m->layers && i < m->params.layers; i++) {
        free_rows(&m->layers[i], block_weights);
        free_rows(&m->layers[i], m->arch->weights);
    }
    free(m->layers);
    free(m->output_norm);
    backend_weight_free(&m->output);
}
