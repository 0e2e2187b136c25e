/* gguf_describe.h - what a person wants to know of a model's file: `longhaul inspect`.
 *
 * For text: gguf_describe() (overview), gguf_describe_keys(), gguf_describe_tensors(), each of
 * which appends whole lines.  For JSON: the fields of struct gguf_summary, and
 * gguf_key_at(), gguf_value_text() and gguf_tensor_at() for the lists.
 * Nothing here fails on odd metadata: what is absent or has another type is shown as unknown
 * (0 or an empty span).  Text from the file comes out escaped in the text
 * forms; the spans in the summary are raw bytes, which may not be UTF-8. */
#ifndef GGUF_GGUF_DESCRIBE_H
#define GGUF_GGUF_DESCRIBE_H
#include "gguf/gguf.h"

struct gguf_summary {
    struct span name, architecture, size_label;
    int64_t parameter_count, tensor_bytes;
    struct {
        int tensor_count;
        int64_t parameter_count, bytes;
    } type[QUANT_TYPES];
    uint32_t context_tokens;        /* as trained, <arch>.context_length */
    uint32_t block_count, embedding_length, feed_forward_length;
    uint32_t head_count, head_count_kv, head_dim;
    float rope_base;
    struct span rope_scaling;       /* "yarn", "linear", "llama3", …; empty: none in the file */
    float rope_factor;
    uint32_t rope_original_tokens;  /* the trained window where scaling extends it */
    struct span tokenizer, pre_tokenizer;
    int64_t vocabulary_count;
    struct span chat_template;      /* empty: none */
    bool tied_embeddings;           /* no output.weight: token_embd.weight serves for both */
};

void gguf_summarize(const struct gguf *g, struct gguf_summary *out);

void gguf_describe(const struct gguf *g, struct str *out);
void gguf_describe_keys(const struct gguf *g, struct str *out);
void gguf_describe_tensors(const struct gguf *g, struct str *out);

#endif
