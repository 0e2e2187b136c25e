/* fuzz_gguf.c - any bytes as a model file: opened, described, its tokenizer read, every
 * tensor's bytes touched. */
#include "fuzz.h"
#include "gguf/gguf_describe.h"
#include "memory_file.h"
#include "text/tokenizer.h"

static void touch_tensors(const struct gguf *g) {
    for (int i = 0; i < gguf_tensor_count(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        const volatile uint8_t *data = t->data; /* volatile: no read is left out */
        if (t->bytes == 0) continue;
        (void)data[0];
        (void)data[t->bytes / 2];
        (void)data[t->bytes - 1];
    }
}

static void encode_text(const struct gguf *g) {
    static const char text[] = "int main(void) { return 42; } // na\xC3\xAFve <|im_end|>\n";
    struct tokenizer *t = tokenizer_open(g, NULL);
    if (t == NULL) return;
    struct tokens tokens = {0};
    struct str out = {0};
    struct detokenizer d;
    detokenizer_init(&d, t, true);
    if (tokenizer_encode(t, span_of(text), true, &tokens, NULL))
        for (int64_t i = 0; i < tokens.count; i++) detokenizer_add(&d, tokens.ids[i], &out);
    detokenizer_finish(&d, &out);
    str_deinit(&out);
    tokens_deinit(&tokens);
    tokenizer_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct memory_file file;
    memory_file_open(&file, data, bytes);
    struct error err = {0};
    struct gguf *g = gguf_open(file.path, &err);
    if (g != NULL) {
        struct str text = {.len_max = 4 << 20};
        gguf_describe(g, &text);
        gguf_describe_keys(g, &text);
        gguf_describe_tensors(g, &text);
        str_deinit(&text);
        touch_tensors(g);
        encode_text(g);
    }
    gguf_close(g);
    memory_file_close(&file);
    return 0;
}
