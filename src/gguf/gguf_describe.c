/* gguf_describe.c - a model's file in words; see gguf_describe.h.
 *
 * Reads through the public getters only.  Sizes are in decimal units (MB, GB), as file
 * managers and download pages show them. */
#include "gguf/gguf_describe.h"
#include "gguf/gguf_internal.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KEY_BYTES_MAX = 256, LABEL_COLUMNS = 14, NAME_BYTES_SHOWN = 120 };

/* ---- reading --------------------------------------------------------------------------- */

/* "<architecture>.<rest>" */
static const char *key_of(char key[KEY_BYTES_MAX], const struct gguf_summary *s,
                          const char *rest) {
    int len = s->architecture.len < 64 ? (int)s->architecture.len : 64;
    snprintf(key, KEY_BYTES_MAX, "%.*s.%s", len, s->architecture.data ? s->architecture.data : "",
             rest);
    return key;
}

static uint32_t number(const struct gguf *g, const struct gguf_summary *s, const char *rest) {
    char key[KEY_BYTES_MAX];
    uint32_t value = 0;
    gguf_u32(g, key_of(key, s, rest), &value, NULL);
    return value;
}

static float real(const struct gguf *g, const struct gguf_summary *s, const char *rest) {
    char key[KEY_BYTES_MAX];
    float value = 0;
    gguf_f32(g, key_of(key, s, rest), &value, NULL);
    return value;
}

static void summarize_rope(const struct gguf *g, struct gguf_summary *s) {
    char key[KEY_BYTES_MAX];
    s->rope_base = real(g, s, "rope.freq_base");
    s->rope_factor = real(g, s, "rope.scaling.factor");
    s->rope_original_tokens = number(g, s, "rope.scaling.original_context_length");
    gguf_string(g, key_of(key, s, "rope.scaling.type"), &s->rope_scaling, NULL);
    if (s->rope_scaling.len == 0 && real(g, s, "rope.scale_linear") > 1.0f) {
        s->rope_factor = real(g, s, "rope.scale_linear");
        s->rope_scaling = span_of("linear");
    }
    /* Llama 3 puts its factors into a tensor instead. */
    if (s->rope_scaling.len == 0 && gguf_tensor_find(g, "rope_freqs.weight") != NULL)
        s->rope_scaling = span_of("llama3");
}

static void summarize_tensors(const struct gguf *g, struct gguf_summary *s) {
    for (int i = 0; i < gguf_tensor_count(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        const struct quant_info *info = quant_info(t->type);
        int64_t elements = t->bytes / info->block_bytes * info->block_elements;
        s->type[t->type].tensor_count++;
        s->type[t->type].parameter_count += elements;
        s->type[t->type].bytes += t->bytes;
        s->parameter_count += elements;
        s->tensor_bytes += t->bytes;
    }
    s->tied_embeddings = gguf_tensor_find(g, "token_embd.weight") != NULL &&
                         gguf_tensor_find(g, "output.weight") == NULL;
}

void gguf_summarize(const struct gguf *g, struct gguf_summary *out) {
    struct gguf_array tokens;
    *out = (struct gguf_summary){0};
    gguf_string(g, "general.name", &out->name, NULL);
    gguf_string(g, "general.architecture", &out->architecture, NULL);
    gguf_string(g, "general.size_label", &out->size_label, NULL);
    out->context_tokens = number(g, out, "context_length");
    out->block_count = number(g, out, "block_count");
    out->embedding_length = number(g, out, "embedding_length");
    out->feed_forward_length = number(g, out, "feed_forward_length");
    out->head_count = number(g, out, "attention.head_count");
    out->head_count_kv = number(g, out, "attention.head_count_kv");
    out->head_dim = number(g, out, "attention.key_length");
    if (out->head_dim == 0 && out->head_count > 0)
        out->head_dim = out->embedding_length / out->head_count;
    summarize_rope(g, out);
    gguf_string(g, "tokenizer.ggml.model", &out->tokenizer, NULL);
    gguf_string(g, "tokenizer.ggml.pre", &out->pre_tokenizer, NULL);
    gguf_string(g, "tokenizer.chat_template", &out->chat_template, NULL);
    if (gguf_array(g, "tokenizer.ggml.tokens", &tokens, NULL)) out->vocabulary_count = tokens.count;
    summarize_tensors(g, out);
}

/* ---- writing --------------------------------------------------------------------------- */

static void label(struct str *out, const char *text) {
    str_addf(out, "%-*s", LABEL_COLUMNS, text);
}

static void add_size(struct str *out, int64_t bytes) {
    double b = (double)bytes;
    if (b >= 1e9) str_addf(out, "%.2f GB", b / 1e9);
    else if (b >= 1e6) str_addf(out, "%.1f MB", b / 1e6);
    else if (b >= 1e3) str_addf(out, "%.1f kB", b / 1e3);
    else str_addf(out, "%" PRId64 " bytes", bytes);
}

static void add_name(struct str *out, struct span text) {
    if (text.len == 0) str_add_text(out, "unknown");
    if (gguf_value_escape(out, text, NAME_BYTES_SHOWN)) str_add_text(out, "…");
}

static void add_count(struct str *out, int64_t count, const char *unit) {
    if (count == 0) str_addf(out, "unknown%s", unit);
    else str_addf(out, "%" PRId64 "%s", count, unit);
}

static void describe_types(const struct gguf_summary *s, struct str *out) {
    label(out, "tensors");
    for (int shown = 0, i = 0; i < QUANT_TYPES; i++) {
        if (s->type[i].tensor_count == 0) continue;
        if (shown++ > 0) str_addf(out, "\n%-*s", LABEL_COLUMNS, "");
        str_addf(out, "%-7s %4d tensors of %5.2f bits a weight  ",
                 quant_info((enum quant_type)i)->name, s->type[i].tensor_count,
                 8.0 * (double)s->type[i].bytes / (double)s->type[i].parameter_count);
        add_size(out, s->type[i].bytes);
        str_addf(out, " (%.1f %%)", 100.0 * (double)s->type[i].bytes / (double)s->tensor_bytes);
    }
    if (s->tensor_bytes == 0) str_add_text(out, "none");
    str_add_char(out, '\n');
}

static void describe_context(const struct gguf_summary *s, struct str *out) {
    label(out, "context");
    add_count(out, s->context_tokens, " tokens");
    if (s->rope_base > 0) str_addf(out, "; rope base %.7g", (double)s->rope_base);
    str_add_text(out, s->rope_scaling.len == 0 ? ", no scaling in the file" : ", scaling ");
    if (s->rope_scaling.len > 0) add_name(out, s->rope_scaling);
    if (s->rope_factor > 0) str_addf(out, " by %.7g", (double)s->rope_factor);
    if (s->rope_original_tokens > 0) str_addf(out, " from %u tokens", s->rope_original_tokens);
    str_add_char(out, '\n');
}

static void describe_shape(const struct gguf_summary *s, struct str *out) {
    label(out, "layers");
    add_count(out, s->block_count, "");
    str_add_text(out, "; embedding ");
    add_count(out, s->embedding_length, "");
    str_add_text(out, ", feed-forward ");
    add_count(out, s->feed_forward_length, "\n");
    label(out, "heads");
    add_count(out, s->head_count, " of query, ");
    add_count(out, s->head_count_kv, " of key and value, ");
    add_count(out, s->head_dim, " dimensions each\n");
}

static void describe_text(const struct gguf_summary *s, struct str *out) {
    label(out, "vocabulary");
    add_count(out, s->vocabulary_count, " tokens; tokenizer ");
    add_name(out, s->tokenizer);
    if (s->pre_tokenizer.len > 0) {
        str_add_text(out, ", pre-tokenizer ");
        add_name(out, s->pre_tokenizer);
    }
    str_add_text(out, s->tied_embeddings ? "; embeddings serve for the output too\n" : "\n");
    label(out, "chat template");
    if (s->chat_template.len > 0) str_addf(out, "%zu bytes\n", s->chat_template.len);
    else str_add_text(out, "none\n");
}

void gguf_describe(const struct gguf *g, struct str *out) {
    struct gguf_summary s;
    gguf_summarize(g, &s);
    label(out, "name");
    add_name(out, s.name);
    str_add_char(out, '\n');
    label(out, "file");
    str_addf(out, "%s\n", gguf_path(g));
    label(out, "");
    add_size(out, gguf_bytes(g));
    if (gguf_file_count(g) > 1) str_addf(out, " in %d files", gguf_file_count(g));
    str_addf(out, ", GGUF version %d\n", gguf_version(g));
    label(out, "architecture");
    add_name(out, s.architecture);
    str_add_char(out, '\n');
    label(out, "parameters");
    str_addf(out, "%.2f million, %.2f bits each\n", (double)s.parameter_count / 1e6,
             s.parameter_count ? 8.0 * (double)s.tensor_bytes / (double)s.parameter_count : 0.0);
    describe_types(&s, out);
    describe_context(&s, out);
    describe_shape(&s, out);
    describe_text(&s, out);
}

void gguf_describe_keys(const struct gguf *g, struct str *out) {
    for (int i = 0; i < gguf_key_count(g); i++) {
        enum gguf_type type;
        add_name(out, gguf_key_at(g, i, &type));
        str_addf(out, " (%s) = ", gguf_meta_type_name(type));
        gguf_value_text(g, i, out);
        str_add_char(out, '\n');
    }
}

void gguf_describe_tensors(const struct gguf *g, struct str *out) {
    for (int i = 0; i < gguf_tensor_count(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        char name[GGUF_PRINTABLE_BYTES];
        str_addf(out, "%-32s %-7s ", gguf_printable(name, t->name), quant_info(t->type)->name);
        for (int k = 0; k < t->dimension_count; k++)
            str_addf(out, "%s%" PRId64, k > 0 ? " × " : "", t->dimension[k]);
        str_add_text(out, "  ");
        add_size(out, t->bytes);
        str_add_char(out, '\n');
    }
}
