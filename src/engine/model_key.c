/* model_key.c - everything that a page depends on besides its tokens.  See model_key.h.
 *
 * A model is known by its shape, the names, types and shapes of its tensors, and samples of
 * their bytes: reading all of them would cost as much as loading it.  A fine-tuned copy
 * differs in nearly every weight, so in nearly every sample. */
#include "engine/model_key.h"

enum {
    REVISION = 1,           /* raised when a level's arithmetic or the pages' layout changes */
    SAMPLE_BYTES = 1024,    /* at the beginning, the middle and the end of a tensor */
    DESCRIPTION_BYTES_MAX = 64 << 20,
};

static void add_sample(struct str *out, const struct gguf_tensor *t, int64_t at) {
    if (at + SAMPLE_BYTES > t->bytes) at = t->bytes - SAMPLE_BYTES;
    if (at < 0) at = 0;
    int64_t bytes = t->bytes - at < SAMPLE_BYTES ? t->bytes - at : SAMPLE_BYTES;
    str_add(out, (const char *)t->data + at, (size_t)bytes);
}

static void add_tensor(struct str *out, const struct gguf_tensor *t) {
    str_add(out, t->name.data, t->name.len);
    str_addf(out, " %d", (int)t->type);
    for (int i = 0; i < GGUF_DIMENSIONS_MAX; i++)
        str_addf(out, " %lld", (long long)t->dimension[i]);
    add_sample(out, t, 0);
    add_sample(out, t, t->bytes / 2);
    add_sample(out, t, t->bytes);
}

bool model_key(struct kv_store_key *out, const struct gguf *g, const struct model_params *p,
               const struct backend_kv_layout *layout, const struct engine_info *info) {
    struct str text = {.len_max = DESCRIPTION_BYTES_MAX};
    str_addf(&text, "longhaul %d %s layers=%d embed=%d heads=%d/%d head_dim=%d ff=%d eps=%a ",
             REVISION, p->architecture, p->layers, p->embed, p->heads, p->kv_heads, p->head_dim,
             p->ff, (double)p->rms_eps);
    str_addf(&text, "rope=%s base=%a dim=%d factor=%a attention=%a of=%d ", info->rope,
             (double)p->rope_base, p->rope_dim, info->rope_factor, p->scaling_attention_factor,
             p->scaling_context);
    str_addf(&text, "kv=%s/%s k=%zu v=%zu head=%zu layer=%zu page=%zu tokens=%d level=%s\n",
             quant_info(layout->k)->name, quant_info(layout->v)->name, layout->k_bytes,
             layout->v_bytes, layout->head_bytes, layout->layer_bytes, layout->page_bytes,
             KV_BLOCK_TOKENS, info->cpu_level);
    for (int i = 0; i < gguf_tensor_count(g); i++) add_tensor(&text, gguf_tensor_at(g, i));
    bool ok = !text.failed;
    if (ok) kv_store_key_root(out, str_text(&text), text.len);
    str_deinit(&text);
    return ok;
}
