/* params.c - a model's hyper-parameters, read from GGUF metadata and checked. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/arch.h"
#include "model/params.h"

static const struct arch *const archs[] = {&arch_llama, &arch_qwen2, &arch_qwen3};
enum { ARCHS = sizeof archs / sizeof *archs };

const char *model_architectures(void) {
    return "llama, qwen2, qwen3";
}

/* Reads metadata under "<architecture>.". The first failure stays in err. */
struct reader {
    const struct gguf *g;
    const char *architecture;
    struct error *err;
    bool ok;
};

static const char *key_of(const struct reader *r, char *out, size_t bytes, const char *name) {
    snprintf(out, bytes, "%s.%s", r->architecture, name);
    return out;
}

/* An integer in [1, max]; fallback 0 means that the key must be there. */
static int read_int(struct reader *r, const char *name, int max, int fallback) {
    char key[128];
    uint32_t value = 0;
    struct error wrong = {0};
    key_of(r, key, sizeof key, name);
    if (!gguf_u32(r->g, key, &value, &wrong)) {
        if (wrong.code == ERR_NONE && fallback > 0) return fallback;
        r->ok = wrong.code ? error_set(r->err, wrong.code, "%s", wrong.text)
                           : error_set(r->err, ERR_FORMAT, "metadata key %s is missing", key);
        return 1;
    }
    if (value < 1 || value > (uint32_t)max) {
        r->ok = error_set(r->err, ERR_FORMAT, "metadata key %s is %u; must be 1 to %d", key, value,
                          max);
        return 1;
    }
    return (int)value;
}

static double read_float(struct reader *r, const char *name, double fallback) {
    char key[128];
    float value = 0;
    struct error wrong = {0};
    key_of(r, key, sizeof key, name);
    if (!gguf_f32(r->g, key, &value, &wrong)) {
        if (wrong.code) r->ok = error_set(r->err, wrong.code, "%s", wrong.text);
        return fallback;
    }
    if (!isfinite(value) || value <= 0) {
        r->ok = error_set(r->err, ERR_FORMAT, "metadata key %s is %g; must be above 0", key,
                          (double)value);
        return fallback;
    }
    return value;
}

static void read_scaling(struct reader *r, struct model_params *p) {
    char key[128];
    struct span type = {0};
    struct error wrong = {0};
    p->scaling_factor = read_float(r, "rope.scaling.factor", read_float(r, "rope.scale_linear", 1));
    p->scaling_attention_factor = read_float(r, "rope.scaling.attn_factor", 1);
    p->scaling_context = read_int(r, "rope.scaling.original_context_length", MODEL_CONTEXT_MAX,
                                  p->context_trained);
    p->scaling = p->scaling_factor > 1 ? ROPE_LINEAR : ROPE_NONE;
    if (!gguf_string(r->g, key_of(r, key, sizeof key, "rope.scaling.type"), &type, &wrong)) {
        if (wrong.code) r->ok = error_set(r->err, wrong.code, "%s", wrong.text);
        return;
    }
    for (int s = 0; s < ROPE_SCALINGS; s++)
        if (span_equal_text(type, rope_scaling_name((enum rope_scaling)s))) {
            p->scaling = (enum rope_scaling)s;
            return;
        }
    r->ok = error_set(r->err, ERR_UNSUPPORTED,
                      "rope scaling \"%.*s\" is not one that longhaul runs (none, linear, yarn)",
                      (int)(type.len < 40 ? type.len : 40), type.data);
}

const struct arch *params_arch(const struct gguf *g, struct error *err) {
    struct span name = {0};
    if (!gguf_string(g, "general.architecture", &name, err)) {
        error_set(err, ERR_FORMAT, "metadata key general.architecture is missing");
        return NULL;
    }
    for (int i = 0; i < ARCHS; i++)
        if (span_equal_text(name, archs[i]->name)) return archs[i];
    error_set(err, ERR_UNSUPPORTED,
              "architecture \"%.*s\" is not one that longhaul runs natively (%s)",
              (int)(name.len < 40 ? name.len : 40), name.data, model_architectures());
    return NULL;
}

/* What the numbers must be to each other. */
static bool check(const struct model_params *p, struct error *err) {
    if (p->heads % p->kv_heads != 0)
        return error_set(err, ERR_FORMAT, "%d query heads are not a multiple of %d KV heads",
                         p->heads, p->kv_heads);
    if (p->head_dim % 8 != 0 || p->head_dim > HEAD_DIM_MAX)
        return error_set(err, ERR_UNSUPPORTED,
                         "heads of %d elements; longhaul runs multiples of 8 up to %d", p->head_dim,
                         HEAD_DIM_MAX);
    if (p->rope_dim % 2 != 0 || p->rope_dim > p->head_dim)
        return error_set(err, ERR_FORMAT, "rope dimension %d; must be even and at most %d",
                         p->rope_dim, p->head_dim);
    return true;
}

bool model_params_read(struct model_params *p, const struct gguf *g, struct error *err) {
    const struct arch *arch = params_arch(g, err);
    if (!arch) return false;
    struct reader r = {.g = g, .architecture = arch->name, .err = err, .ok = true};
    *p = (struct model_params){.architecture = arch->name};
    char key[128];
    uint32_t experts = 0;
    if (gguf_u32(g, key_of(&r, key, sizeof key, "expert_count"), &experts, NULL) && experts > 0)
        return error_set(err, ERR_UNSUPPORTED,
                         "a mixture of %u experts; longhaul runs dense models natively", experts);
    p->layers = read_int(&r, "block_count", MODEL_LAYERS_MAX, 0);
    p->embed = read_int(&r, "embedding_length", MODEL_EMBED_MAX, 0);
    p->ff = read_int(&r, "feed_forward_length", MODEL_FF_MAX, 0);
    p->heads = read_int(&r, "attention.head_count", MODEL_HEADS_MAX, 0);
    p->kv_heads = read_int(&r, "attention.head_count_kv", MODEL_HEADS_MAX, p->heads);
    int head_dim = p->embed / p->heads;
    p->head_dim = read_int(&r, "attention.key_length", HEAD_DIM_MAX, head_dim > 0 ? head_dim : 1);
    int value_dim = read_int(&r, "attention.value_length", HEAD_DIM_MAX, p->head_dim);
    p->context_trained = read_int(&r, "context_length", MODEL_CONTEXT_MAX, 0);
    p->rms_eps = (float)read_float(&r, "attention.layer_norm_rms_epsilon", 1e-5);
    p->rope_base = (float)read_float(&r, "rope.freq_base", 10000);
    p->rope_dim = read_int(&r, "rope.dimension_count", HEAD_DIM_MAX, p->head_dim);
    read_scaling(&r, p);
    const struct gguf_tensor *embed = gguf_tensor_find(g, "token_embd.weight");
    if (!r.ok) return false;
    if (!embed || embed->dimension[0] != p->embed || embed->dimension[1] < 1 ||
        embed->dimension[1] > MODEL_VOCAB_MAX)
        return error_set(err, ERR_FORMAT, "token_embd.weight is missing or is not %d columns of "
                         "1 to %d rows", p->embed, MODEL_VOCAB_MAX);
    p->vocab = (int)embed->dimension[1];
    if (value_dim != p->head_dim)
        return error_set(err, ERR_UNSUPPORTED, "values of %d beside keys of %d elements are not "
                         "supported", value_dim, p->head_dim);
    return check(p, err);
}
