/* bench_roofline.c - counts what a token costs, and divides. */
#include "cli/bench_roofline.h"
#include <string.h>
#include "model/model.h"

static bool ends_with(struct span name, const char *end) {
    size_t len = strlen(end);
    return name.len >= len && memcmp(name.data + name.len - len, end, len) == 0;
}

bool bench_roofline_costs(const char *model_path, struct bench_costs *out, struct error *err) {
    struct model_params p;
    struct gguf *g = gguf_open(model_path, err);
    *out = (struct bench_costs){0};
    bool ok = g != NULL && model_params_read(&p, g, err);
    const struct gguf_tensor *output = ok ? gguf_tensor_find(g, "output.weight") : NULL;
    if (ok && output == NULL) /* tied: the embedding is the output matrix */
        output = gguf_tensor_find(g, "token_embd.weight");
    for (int i = 0; ok && i < gguf_tensor_count(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        bool layer = t->name.len > 4 && memcmp(t->name.data, "blk.", 4) == 0;
        if (!layer || t->dimension[1] < 2 || !ends_with(t->name, ".weight"))
            continue;
        out->matrix_ops += 2 * (double)t->dimension[0] * (double)t->dimension[1];
        out->weight_bytes += (double)t->bytes;
    }
    if (ok) {
        out->weight_bytes += output != NULL ? (double)output->bytes : 0;
        out->attention_ops_per_key = 4.0 * p.layers * p.heads * p.head_dim;
    }
    gguf_close(g);
    return ok;
}

struct bench_roofline bench_roofline_of(const struct bench_roofline_work *w) {
    struct bench_roofline out = {0};
    double int8 = bench_peak_ops(w->limits, PEAK_INT8, w->level);
    double f32 = bench_peak_ops(w->limits, PEAK_F32, w->level);
    double bandwidth = w->limits->read_bytes_per_s.max;
    /* The i-th token of a prompt sees depth + i keys, itself among them: on average … */
    double prefill_keys = w->depth + (w->prefill + 1) / 2.0;
    double decode_keys = w->depth + (w->decode + 1) / 2.0;
    if (int8 > 0)
        out.int8 = w->prefill_tokens_per_s * w->costs->matrix_ops / int8;
    if (f32 > 0)
        out.f32 = w->prefill_tokens_per_s * w->costs->attention_ops_per_key * prefill_keys / f32;
    if (bandwidth > 0)
        out.bandwidth =
            w->decode_tokens_per_s *
            (w->costs->weight_bytes + (double)w->kv_bytes_per_token * decode_keys) / bandwidth;
    return out;
}

void bench_roofline_text(const struct bench_roofline_work *w, struct str *out) {
    struct bench_roofline r = bench_roofline_of(w);
    const char *between = "";
    struct peak peaks[PEAKS_MAX];
    const struct peak *int8 = peak_best(peaks, peak_list(peaks, w->level), PEAK_INT8);
    str_add_text(out, "          ");
    if (w->prefill_tokens_per_s > 0) {
        if (r.int8 > 0 && int8 != NULL)
            str_addf(out, "prefill: %.1f %% of the int8 peak (%s), attention %.1f %% of the f32 "
                     "peak", 100 * r.int8, int8->level, 100 * r.f32);
        else
            str_add_text(out, "prefill: no int8 peak is known for this level");
        between = "; ";
    }
    if (w->decode_tokens_per_s > 0)
        str_addf(out, "%sdecode: %.1f %% of the read bandwidth", between, 100 * r.bandwidth);
    str_add_char(out, '\n');
}
