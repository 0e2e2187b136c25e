/* tiny_model.c - see tiny_model.h. */
#include "tiny_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gguf/gguf_write.h"

enum { EMBED = 256, FF = 512 };

static struct tiny_model settle(const struct tiny_model *t) {
    struct tiny_model s = *t;
    if (!s.heads) s.heads = 4;
    if (!s.kv_heads) s.kv_heads = 2;
    if (!s.head_dim) s.head_dim = 64;
    if (!s.layers) s.layers = 2;
    return s;
}

const char *tiny_model_path(const char *name) {
    static char path[512];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/longhaul-%d-%s.gguf", dir ? dir : "/tmp", (int)getpid(), name);
    return path;
}

/* ---- writing ---- */

static void put_int(struct gguf_write *w, const char *arch, const char *key, int64_t value) {
    char name[96];
    snprintf(name, sizeof name, "%s.%s", arch, key);
    gguf_write_integer(w, name, GGUF_U32, value);
}

static void put_metadata(struct gguf_write *w, const struct tiny_model *t) {
    char name[96];
    gguf_write_string(w, "general.architecture", t->architecture);
    put_int(w, t->architecture, "block_count", t->layers);
    put_int(w, t->architecture, "embedding_length", EMBED);
    put_int(w, t->architecture, "feed_forward_length", FF);
    put_int(w, t->architecture, "attention.head_count", t->heads);
    put_int(w, t->architecture, "attention.head_count_kv", t->kv_heads);
    put_int(w, t->architecture, "attention.key_length", t->head_dim);
    put_int(w, t->architecture, "attention.value_length", t->head_dim);
    put_int(w, t->architecture, "context_length", TINY_CONTEXT);
    snprintf(name, sizeof name, "%s.attention.layer_norm_rms_epsilon", t->architecture);
    gguf_write_float(w, name, 1e-6);
    if (!t->scaling) return;
    snprintf(name, sizeof name, "%s.rope.scaling.type", t->architecture);
    gguf_write_string(w, name, t->scaling);
    snprintf(name, sizeof name, "%s.rope.scaling.factor", t->architecture);
    gguf_write_float(w, name, 4);
    put_int(w, t->architecture, "rope.scaling.original_context_length", 1024);
}

/* GPT-2's printable alphabet of bytes: what prints stands for itself, the rest for 256, 257, …
 * (Radford et al. 2019, encoder.py). */
static void byte_token(int byte, char out[8]) {
    int next = 256, code = 0;
    for (int b = 0; b <= byte; b++) {
        bool prints = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        code = prints ? b : next++;
    }
    int len = 0;
    if (code < 0x80) out[len++] = (char)code;
    else {
        out[len++] = (char)(0xc0 | code >> 6);
        out[len++] = (char)(0x80 | (code & 0x3f));
    }
    out[len] = '\0';
}

static void put_tokenizer(struct gguf_write *w) {
    static char text[TINY_VOCAB][24];
    const char *tokens[TINY_VOCAB], *merges[] = {"a b"};
    int32_t types[TINY_VOCAB];
    const char *const special[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    for (int i = 0; i < TINY_VOCAB; i++) {
        types[i] = i < 256 ? 1 : 3; /* normal, control */
        if (i < 256) byte_token(i, text[i]);
        else if (i < 259) snprintf(text[i], sizeof text[i], "%s", special[i - 256]);
        else if (i == 259) snprintf(text[i], sizeof text[i], "ab"); /* the one merge */
        else snprintf(text[i], sizeof text[i], "<|unused%d|>", i);
        if (i == 259) types[i] = 1;
        tokens[i] = text[i];
    }
    gguf_write_string(w, "tokenizer.ggml.model", "gpt2");
    gguf_write_string(w, "tokenizer.ggml.pre", "qwen2");
    gguf_write_strings(w, "tokenizer.ggml.tokens", tokens, TINY_VOCAB);
    gguf_write_array(w, "tokenizer.ggml.token_type", GGUF_I32, types, TINY_VOCAB);
    gguf_write_strings(w, "tokenizer.ggml.merges", merges, 1);
    gguf_write_integer(w, "tokenizer.ggml.eos_token_id", GGUF_U32, 258);
    gguf_write_bool(w, "tokenizer.ggml.add_bos_token", false);
}

struct writer {
    struct gguf_write *w;
    const struct tiny_model *t;
    struct random random;
};

static void put_matrix(struct writer *p, const char *name, int rows, int cols) {
    gguf_write_random(p->w, name, p->t->type, (int64_t[]){cols, rows, 0}, &p->random,
                      (float)sqrt(6.0 / cols));
}

static void put_vector(struct writer *p, const char *name, int cols, float low, float high) {
    float *values = calloc((size_t)cols, sizeof *values);
    for (int i = 0; values && i < cols; i++)
        values[i] = low + (high - low) * (float)random_unit(&p->random);
    gguf_write_values(p->w, name, QUANT_F32, (int64_t[]){cols, 0}, values);
    free(values);
}

static void put_layer(struct writer *p, int index) {
    const struct tiny_model *t = p->t;
    int q = t->heads * t->head_dim, k = t->kv_heads * t->head_dim;
    const struct { const char *name; int rows, cols; } matrices[] = {
        {"attn_q", q, EMBED},    {"attn_k", k, EMBED},     {"attn_v", k, EMBED},
        {"attn_output", EMBED, q}, {"ffn_gate", FF, EMBED}, {"ffn_up", FF, EMBED},
        {"ffn_down", EMBED, FF},
    };
    char name[96];
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        snprintf(name, sizeof name, "blk.%d.%s.weight", index, matrices[i].name);
        put_matrix(p, name, matrices[i].rows, matrices[i].cols);
    }
    const struct { const char *name; int cols; float low, high; bool wanted; } vectors[] = {
        {"attn_norm.weight", EMBED, 0.5f, 1.5f, true},
        {"ffn_norm.weight", EMBED, 0.5f, 1.5f, true},
        {"attn_q.bias", q, -0.5f, 0.5f, strcmp(t->architecture, "qwen2") == 0},
        {"attn_k.bias", k, -4.0f, 4.0f, strcmp(t->architecture, "qwen2") == 0},
        {"attn_v.bias", k, -0.5f, 0.5f, strcmp(t->architecture, "qwen2") == 0},
        {"attn_q_norm.weight", t->head_dim, 0.5f, 1.5f, strcmp(t->architecture, "qwen3") == 0},
        {"attn_k_norm.weight", t->head_dim, 0.5f, 1.5f, strcmp(t->architecture, "qwen3") == 0},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        if (!vectors[i].wanted) continue;
        snprintf(name, sizeof name, "blk.%d.%s", index, vectors[i].name);
        put_vector(p, name, vectors[i].cols, vectors[i].low, vectors[i].high);
    }
}

bool tiny_model_write(const struct tiny_model *t, const char *path, struct error *err) {
    struct tiny_model s = settle(t);
    struct writer p = {.w = gguf_write_open(), .t = &s};
    if (!p.w) return error_set(err, ERR_MEMORY, "no memory");
    random_init(&p.random, t->seed + 1);
    put_metadata(p.w, &s);
    put_tokenizer(p.w);
    put_matrix(&p, "token_embd.weight", TINY_VOCAB, EMBED);
    for (int i = 0; i < s.layers; i++) put_layer(&p, i);
    put_vector(&p, "output_norm.weight", EMBED, 0.5f, 1.5f);
    if (!s.tied) put_matrix(&p, "output.weight", TINY_VOCAB, EMBED);
    if (s.rope_freqs) put_vector(&p, "rope_freqs.weight", s.head_dim / 2, 1, 8);
    bool ok = gguf_write_save(p.w, path, NULL, err);
    gguf_write_close(p.w);
    return ok;
}

/* ---- the independent forward pass ---- */

static float *decode(const struct gguf *g, const char *format, int layer) {
    char name[96];
    snprintf(name, sizeof name, format, layer);
    const struct gguf_tensor *t = gguf_tensor_find(g, name);
    if (!t) return NULL;
    int64_t n = t->dimension[0] * t->dimension[1];
    float *out = malloc((size_t)n * sizeof *out);
    if (out) quant_info(t->type)->decode(out, t->data, n);
    return out;
}

static int get(const struct gguf *g, const char *key) {
    char name[96];
    struct span arch = {0};
    uint32_t value = 0;
    gguf_string(g, "general.architecture", &arch, NULL);
    snprintf(name, sizeof name, "%.*s.%s", (int)arch.len, arch.data, key);
    gguf_u32(g, name, &value, NULL);
    return (int)value;
}

static void matmul(double *y, const float *w, const double *x, const float *bias, int rows,
                   int cols) {
    for (int r = 0; r < rows; r++) {
        double sum = bias ? (double)bias[r] : 0;
        for (int c = 0; c < cols; c++) sum += (double)w[r * cols + c] * x[c];
        y[r] = sum;
    }
}

static void norm(double *y, const double *x, const float *w, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] * x[i];
    double scale = 1 / sqrt(sum / n + 1e-6);
    for (int i = 0; i < n; i++) y[i] = x[i] * scale * (double)w[i];
}

static void rotate(double *x, int dim, int position, bool neox, const float *factors) {
    for (int i = 0; i < dim / 2; i++) {
        double angle = position * pow(10000, -2.0 * i / dim) / (factors ? (double)factors[i] : 1);
        int a = neox ? i : 2 * i, b = neox ? i + dim / 2 : 2 * i + 1;
        double xa = x[a], xb = x[b];
        x[a] = xa * cos(angle) - xb * sin(angle);
        x[b] = xa * sin(angle) + xb * cos(angle);
    }
}

struct naive { /* one forward pass; keys and values of all positions of a layer at a time */
    const struct gguf *g;
    int count, heads, kv_heads, dim;
    bool neox;
    const float *factors;
    double *x;      /* [count][EMBED] */
};

static void naive_attention(const struct naive *n, int layer) {
    int q_cols = n->heads * n->dim, k_cols = n->kv_heads * n->dim;
    const char *const names[] = {"attn_norm.weight", "attn_q.weight", "attn_k.weight",
        "attn_v.weight", "attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.weight",
        "attn_q_norm.weight", "attn_k_norm.weight"};
    float *w[10];
    char format[96];
    for (int i = 0; i < 10; i++) {
        snprintf(format, sizeof format, "blk.%%d.%s", names[i]);
        w[i] = decode(n->g, format, layer);
    }
    double *k = calloc((size_t)(n->count * k_cols), sizeof *k);
    double *v = calloc((size_t)(n->count * k_cols), sizeof *v);
    double *q = calloc((size_t)q_cols, sizeof *q), *out = calloc((size_t)q_cols, sizeof *out);
    double *s = calloc((size_t)n->count, sizeof *s), h[EMBED], o[EMBED];
    for (int p = 0; p < n->count; p++) {
        double *x = n->x + p * EMBED;
        norm(h, x, w[0], EMBED);
        matmul(q, w[1], h, w[4], q_cols, EMBED);
        matmul(k + p * k_cols, w[2], h, w[5], k_cols, EMBED);
        matmul(v + p * k_cols, w[3], h, w[6], k_cols, EMBED);
        for (int i = 0; i < n->heads + n->kv_heads; i++) {
            double *head = i < n->heads ? q + i * n->dim
                                        : k + p * k_cols + (i - n->heads) * n->dim;
            const float *norms = i < n->heads ? w[8] : w[9];
            if (norms) norm(head, head, norms, n->dim);
            rotate(head, n->dim, p, n->neox, n->factors);
        }
        for (int i = 0; i < n->heads; i++) {
            int kv = i / (n->heads / n->kv_heads) * n->dim;
            double max = -INFINITY, sum = 0;
            for (int j = 0; j <= p; j++) {
                s[j] = 0;
                for (int d = 0; d < n->dim; d++) s[j] += q[i * n->dim + d] * k[j * k_cols + kv + d];
                s[j] /= sqrt(n->dim);
                max = fmax(max, s[j]);
            }
            for (int j = 0; j <= p; j++) sum += s[j] = exp(s[j] - max);
            for (int d = 0; d < n->dim; d++) {
                double total = 0;
                for (int j = 0; j <= p; j++) total += s[j] / sum * v[j * k_cols + kv + d];
                out[i * n->dim + d] = total;
            }
        }
        matmul(o, w[7], out, NULL, EMBED, q_cols);
        for (int i = 0; i < EMBED; i++) x[i] += o[i];
    }
    for (int i = 0; i < 10; i++) free(w[i]);
    free(k), free(v), free(q), free(out), free(s);
}

static void naive_ffn(const struct naive *n, int layer) {
    float *norms = decode(n->g, "blk.%d.ffn_norm.weight", layer);
    float *gate = decode(n->g, "blk.%d.ffn_gate.weight", layer);
    float *up = decode(n->g, "blk.%d.ffn_up.weight", layer);
    float *down = decode(n->g, "blk.%d.ffn_down.weight", layer);
    double h[EMBED], a[FF], b[FF];
    for (int p = 0; p < n->count; p++) {
        norm(h, n->x + p * EMBED, norms, EMBED);
        matmul(a, gate, h, NULL, FF, EMBED);
        matmul(b, up, h, NULL, FF, EMBED);
        for (int i = 0; i < FF; i++) a[i] = a[i] / (1 + exp(-a[i])) * b[i];
        matmul(h, down, a, NULL, EMBED, FF);
        for (int i = 0; i < EMBED; i++) n->x[p * EMBED + i] += h[i];
    }
    free(norms), free(gate), free(up), free(down);
}

void tiny_model_logits(const struct gguf *g, const int32_t *tokens, int count, double *out) {
    struct span arch = {0};
    gguf_string(g, "general.architecture", &arch, NULL);
    float *factors = decode(g, "rope_freqs.weight%.0d", 0);
    struct naive n = {.g = g, .count = count, .heads = get(g, "attention.head_count"),
                      .kv_heads = get(g, "attention.head_count_kv"),
                      .dim = get(g, "attention.key_length"),
                      .neox = !span_equal_text(arch, "llama"), .factors = factors};
    n.x = calloc((size_t)(count * EMBED), sizeof *n.x);
    float *embed = decode(g, "token_embd.weight%.0d", 0);
    for (int p = 0; p < count; p++)
        for (int i = 0; i < EMBED; i++)
            n.x[p * EMBED + i] = (double)embed[tokens[p] * EMBED + i];
    for (int l = 0; l < get(g, "block_count"); l++) {
        naive_attention(&n, l);
        naive_ffn(&n, l);
    }
    float *norms = decode(g, "output_norm.weight%.0d", 0);
    float *output = decode(g, "output.weight%.0d", 0);
    double h[EMBED];
    norm(h, n.x + (count - 1) * EMBED, norms, EMBED);
    matmul(out, output ? output : embed, h, NULL, TINY_VOCAB, EMBED);
    free(n.x), free(embed), free(norms), free(output), free(factors);
}

double tiny_model_difference(const float *a, const double *b, int count) {
    double low = INFINITY, high = -INFINITY, worst = 0;
    for (int i = 0; i < count; i++) {
        low = fmin(low, b[i]);
        high = fmax(high, b[i]);
        worst = fmax(worst, fabs((double)a[i] - b[i]));
    }
    return worst / (high - low);
}
