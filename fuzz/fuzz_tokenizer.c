/* fuzz_tokenizer.c - any bytes through byte-level tokenizers of every pattern family and through
 * SentencePiece, whole and in pieces, and back.
 *
 * Promises under test besides not crashing: the bytes of byte-level tokens are the bytes of the
 * text; untrusted bytes make no control token; pieces that are all trusted give the ids of the
 * whole.  The vocabulary is the smallest that has all bytes and a few merges. */
#include "fuzz.h"
#include "gguf/gguf_write.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOKENIZERS = 6, BYTES = 256, TOKENS_MAX = BYTES + 16 };

static struct tokenizer *tokenizers[TOKENIZERS];

static struct tokenizer *save_and_open(struct gguf_write *w) {
    char path[] = "/tmp/fuzz-tokenizer-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0 || !gguf_write_save(w, path, NULL, NULL)) abort();
    gguf_write_close(w);
    struct error err = {0};
    struct gguf *g = gguf_open(path, &err);
    struct tokenizer *t = g != NULL ? tokenizer_open(g, &err) : NULL;
    unlink(path);
    gguf_close(g);
    if (t == NULL) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return t;
}

/* The tokens behind the bytes, whose names differ by model. */
static struct gguf_write *vocabulary(const char *model, char names[BYTES][8], int32_t byte_type,
                                     const char *const *more, const int32_t *types) {
    const char *tokens[TOKENS_MAX];
    int32_t kinds[TOKENS_MAX];
    float scores[TOKENS_MAX];
    int count = 0;
    for (; count < BYTES; count++) {
        tokens[count] = names[count];
        kinds[count] = byte_type;
    }
    for (int i = 0; more[i] != NULL; i++, count++) {
        tokens[count] = more[i];
        kinds[count] = types[i];
    }
    for (int i = 0; i < count; i++) scores[i] = (float)-i;
    struct gguf_write *w = gguf_write_open();
    if (w == NULL) abort();
    gguf_write_string(w, "tokenizer.ggml.model", model);
    gguf_write_strings(w, "tokenizer.ggml.tokens", tokens, count);
    gguf_write_array(w, "tokenizer.ggml.token_type", GGUF_I32, kinds, count);
    gguf_write_array(w, "tokenizer.ggml.scores", GGUF_F32, scores, count);
    return w;
}

static struct tokenizer *open_bpe(const char *pre) {
    static const char *const more[] = {"aa", "aaaa", "\u0120a", "\u0120\u0120", "\u010A\u010A",
                                       "<|", "<|a|>", "<b>", NULL};
    static const int32_t types[] = {1, 1, 1, 1, 1, 1, 3, 4};
    static const char *const merges[] = {"a a", "aa aa", "\u0120 a", "\u0120 \u0120",
                                         "\u010A \u010A", "< |"};
    char names[BYTES][8];
    int next = 0x100; /* GPT-2's stand-ins: what does not print takes the next from U+0100 */
    for (int b = 0; b < BYTES; b++) {
        bool prints = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b != 0xAD);
        int code = prints ? b : next++;
        if (code < 0x80)
            snprintf(names[b], sizeof names[b], "%c", code);
        else
            snprintf(names[b], sizeof names[b], "%c%c", 0xC0 | code >> 6, 0x80 | (code & 0x3F));
    }
    struct gguf_write *w = vocabulary("gpt2", names, 1, more, types);
    gguf_write_string(w, "tokenizer.ggml.pre", pre);
    gguf_write_strings(w, "tokenizer.ggml.merges", merges, sizeof merges / sizeof merges[0]);
    return save_and_open(w);
}

static struct tokenizer *open_spm(void) {
    static const char *const more[] = {"a", "aa", "\u2581", "\u2581a", "\u2581\u2581", "<|a|>",
                                       "<b>", NULL};
    static const int32_t types[] = {1, 1, 1, 1, 1, 3, 4};
    char names[BYTES][8];
    for (int b = 0; b < BYTES; b++) snprintf(names[b], sizeof names[b], "<0x%02X>", b);
    return save_and_open(vocabulary("llama", names, 6, more, types));
}

static void check_bytes(const struct tokenizer *t, const struct tokens *ids, struct span text) {
    size_t at = 0;
    for (int64_t i = 0; i < ids->count; i++) {
        struct span bytes = tokenizer_bytes(t, ids->ids[i]);
        if (bytes.len > text.len - at || memcmp(text.data + at, bytes.data, bytes.len) != 0)
            abort();
        at += bytes.len;
    }
    if (at != text.len) abort();
}

static void check(const struct tokenizer *t, bool lossless, struct span text, size_t cut) {
    struct tokens whole = {0}, untrusted = {0}, pieces = {0};
    struct error err = {0};
    struct tokenizer_piece two[] = {{{text.data, cut}, true},
                                    {{text.data + cut, text.len - cut}, true}};
    if (!tokenizer_encode(t, text, true, &whole, &err) ||
        !tokenizer_encode(t, text, false, &untrusted, &err) ||
        !tokenizer_encode_pieces(t, two, 2, &pieces, &err))
        abort();
    if (lossless) check_bytes(t, &whole, text);
    if (lossless) check_bytes(t, &untrusted, text);
    for (int64_t i = 0; i < untrusted.count; i++)
        if (tokenizer_is_control(t, untrusted.ids[i])) abort();
    if (pieces.count != whole.count) abort();
    if (whole.count > 0 &&
        memcmp(pieces.ids, whole.ids, (size_t)whole.count * sizeof *whole.ids) != 0)
        abort();
    struct detokenizer d;
    struct str out = {0};
    detokenizer_init(&d, t, true);
    for (int64_t i = 0; i < whole.count; i++) detokenizer_add(&d, whole.ids[i], &out);
    detokenizer_finish(&d, &out);
    str_deinit(&out);
    tokens_deinit(&whole);
    tokens_deinit(&untrusted);
    tokens_deinit(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static const char *const pre[] = {"qwen2", "smollm", "deepseek-llm", "gpt-4o", "exaone-moe"};
    if (tokenizers[0] == NULL)
        for (int i = 0; i < TOKENIZERS; i++)
            tokenizers[i] = i + 1 < TOKENIZERS ? open_bpe(pre[i]) : open_spm();
    struct span text = {(const char *)data, bytes};
    size_t cut = bytes > 0 ? data[0] % bytes : 0;
    for (int i = 0; i < TOKENIZERS; i++) check(tokenizers[i], i + 1 < TOKENIZERS, text, cut);
    return 0;
}
