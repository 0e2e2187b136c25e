/* test_model.c - every architecture and weight format against a forward pass in plain double,
 * and the same bits whatever the chunk size, the number of workers or the kernel level.
 * Covers: model.c, weights.c, blocks.c, arch_llama.c, arch_qwen2.c, arch_qwen3.c, backend_cpu.c,
 * backend_attention.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "kv/kv_page.h"
#include "model/model.h"
#include "tiny_model.h"

enum { TOKENS_MAX = 1400 };

struct setup {
    struct gguf *gguf;
    struct backend *backend;
    struct model *model;
    struct kv_pool *pool;
    struct backend_kv_layout layout;
    uint8_t *pages[TOKENS_MAX / KV_PAGE_TOKENS + 1];
    float logits[TINY_VOCAB];
};

static void check(bool ok, const struct error *err) {
    if (!ok) print_error("%s\n", err->text);
    assert_true(ok);
}

static void open_setup(struct setup *s, const struct tiny_model *t, int threads, const char *cpu) {
    struct error err = {0};
    const char *path = tiny_model_path("model");
    *s = (struct setup){0};
    check(tiny_model_write(t, path, &err), &err);
    s->gguf = gguf_open(path, &err);
    check(s->gguf != NULL, &err);
    unlink(path); /* mapped: the name is not needed any more */
    s->backend = backend_open(&(struct backend_options){.threads = threads, .cpu = cpu}, &err);
    check(s->backend != NULL, &err);
    s->model = model_open(&(struct model_options){.backend = s->backend, .gguf = s->gguf,
                                                  .scaling = ROPE_NONE, .scaling_factor = 1},
                          &err);
    check(s->model != NULL, &err);
    check(model_reserve(s->model, 512, 4, TINY_CONTEXT, &err), &err);
    const struct model_params *p = model_params(s->model);
    s->layout = (struct backend_kv_layout){.layers = p->layers, .kv_heads = p->kv_heads,
                                           .head_dim = p->head_dim, .k = QUANT_F32,
                                           .v = QUANT_F32};
    check(backend_kv_layout(s->backend, &s->layout, &err), &err);
    int pages = (int)(sizeof s->pages / sizeof *s->pages);
    s->pool = kv_pool_open(s->layout.page_bytes, pages, &err);
    check(s->pool != NULL, &err);
    for (int i = 0; i < pages; i++) s->pages[i] = kv_page_data(kv_page_acquire(s->pool));
}

static void close_setup(struct setup *s) {
    kv_pool_close(s->pool);
    model_close(s->model);
    backend_close(s->backend);
    gguf_close(s->gguf);
}

static void keep_logits(void *arg, int row, float *logits) {
    (void)row;
    memcpy(((struct setup *)arg)->logits, logits, sizeof ((struct setup *)arg)->logits);
}

/* The logits after tokens[count − 1], computed `chunk` tokens at a time. */
static const float *run(struct setup *s, const int32_t *tokens, int count, int chunk) {
    static int32_t positions[TOKENS_MAX];
    for (int i = 0; i < count; i++) positions[i] = i;
    for (int at = 0; at < count; at += chunk) {
        int rows = count - at < chunk ? count - at : chunk, last = rows - 1;
        struct backend_span span = {.row_count = rows, .position = at, .pages = s->pages};
        assert_true(model_forward(s->model, &(struct model_batch){
            .rows = rows, .tokens = tokens + at, .positions = positions + at, .spans = &span,
            .span_count = 1, .layout = &s->layout, .logit_rows = &last,
            .logit_count = at + rows == count, .logits = keep_logits, .arg = s}));
    }
    return s->logits;
}

static void fill_tokens(int32_t *tokens, int count) {
    for (int i = 0; i < count; i++) tokens[i] = (i * 37 + i / 7) % 256;
}

static double difference(const struct tiny_model *t, int count) {
    struct setup s;
    int32_t tokens[TOKENS_MAX];
    double expected[TINY_VOCAB];
    fill_tokens(tokens, count);
    open_setup(&s, t, 2, NULL);
    tiny_model_logits(s.gguf, tokens, count, expected);
    double worst = tiny_model_difference(run(&s, tokens, count, 512), expected, TINY_VOCAB);
    close_setup(&s);
    return worst;
}

static void every_architecture_agrees_with_plain_double(void **state) {
    (void)state;
    const struct tiny_model models[] = {
        {.architecture = "llama", .type = QUANT_F32},
        {.architecture = "llama", .type = QUANT_F32, .tied = true, .rope_freqs = true},
        {.architecture = "qwen2", .type = QUANT_F32, .heads = 6, .kv_heads = 2},
        {.architecture = "qwen3", .type = QUANT_F32, .head_dim = 128},
        {.architecture = "qwen2", .type = QUANT_F32, .heads = 2, .kv_heads = 1, .head_dim = 80},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        double worst = difference(&models[i], 70);
        if (worst > 2e-5) print_error("%s: %g\n", models[i].architecture, worst);
        assert_true(worst <= 2e-5); /* float against double over two layers */
    }
}

static void every_weight_format_agrees_within_its_activations(void **state) {
    (void)state;
    for (int type = 0; type < QUANT_TYPES; type++) {
        if (!quant_info((enum quant_type)type)->encode) continue;
        double worst = difference(&(struct tiny_model){.architecture = "qwen2",
                                                       .type = (enum quant_type)type}, 40);
        /* Activations are rounded to 1/254 of their block's largest, seven times a layer. */
        double bound = type <= QUANT_BF16 ? 2e-5 : 0.03;
        if (worst > bound) print_error("%s: %g\n", quant_info((enum quant_type)type)->name, worst);
        assert_true(worst <= bound);
    }
}

static void the_bits_do_not_depend_on_chunks_or_workers(void **state) {
    (void)state;
    const enum quant_type types[] = {QUANT_Q4_K, QUANT_Q5_0, QUANT_Q8_0, QUANT_F16};
    enum { COUNT = 1200 };
    static int32_t tokens[COUNT];
    fill_tokens(tokens, COUNT);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        float first[TINY_VOCAB];
        struct tiny_model t = {.architecture = "qwen2", .type = types[i], .heads = 8};
        for (int threads = 1; threads <= 3; threads++) {
            struct setup s;
            open_setup(&s, &t, threads, NULL);
            const int chunks[] = {512, 1, 7, 64, 200};
            int most = threads == 2 ? 5 : 2;
            for (int c = 0; c < most; c++) {
                const float *logits = run(&s, tokens, COUNT, chunks[c]);
                if (threads == 1 && c == 0) memcpy(first, logits, sizeof first);
                if (memcmp(first, logits, sizeof first) != 0)
                    fail_msg("%s: %d threads, chunk %d", quant_info(types[i])->name, threads,
                             chunks[c]);
            }
            close_setup(&s);
        }
    }
}

static void the_bits_do_not_depend_on_other_sequences_in_the_batch(void **state) {
    (void)state;
    struct setup s;
    int32_t tokens[300], positions[300];
    fill_tokens(tokens, 300);
    open_setup(&s, &(struct tiny_model){.architecture = "llama", .type = QUANT_Q4_0}, 2, NULL);
    float alone[TINY_VOCAB];
    memcpy(alone, run(&s, tokens, 100, 512), sizeof alone);
    /* The same prompt again, its last token in a batch behind 150 rows of another sequence. */
    run(&s, tokens, 99, 512);
    for (int i = 0; i < 150; i++) positions[i] = i;
    positions[150] = 99;
    int32_t both[151];
    memcpy(both, tokens + 100, 150 * sizeof *both);
    both[150] = tokens[99];
    struct backend_span spans[] = {
        {.row = 0, .row_count = 150, .position = 0, .pages = s.pages + 8},
        {.row = 150, .row_count = 1, .position = 99, .pages = s.pages},
    };
    int last = 150;
    assert_true(model_forward(s.model, &(struct model_batch){
        .rows = 151, .tokens = both, .positions = positions, .spans = spans, .span_count = 2,
        .layout = &s.layout, .logit_rows = &last, .logit_count = 1, .logits = keep_logits,
        .arg = &s}));
    assert_memory_equal(alone, s.logits, sizeof alone);
    close_setup(&s);
}

static void the_levels_agree(void **state) {
    (void)state;
    const char *const levels[] = {"plain", "avx2", "avx512"};
    int32_t tokens[90];
    double expected[TINY_VOCAB];
    fill_tokens(tokens, 90);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        struct kernels k;
        if (!kernels_init(&k, levels[i])) continue;
        struct setup s;
        open_setup(&s, &(struct tiny_model){.architecture = "qwen3", .type = QUANT_Q6_K}, 2,
                   levels[i]);
        if (i == 0) tiny_model_logits(s.gguf, tokens, 90, expected);
        assert_true(tiny_model_difference(run(&s, tokens, 90, 512), expected, TINY_VOCAB) < 0.03);
        close_setup(&s);
    }
}

static bool always(void *arg) {
    (void)arg;
    return true;
}

static void a_cancelled_pass_says_so(void **state) {
    (void)state;
    struct setup s;
    int32_t token = 1, position = 0;
    open_setup(&s, &(struct tiny_model){.architecture = "llama", .type = QUANT_F32}, 1, NULL);
    struct backend_span span = {.row_count = 1, .pages = s.pages};
    assert_false(model_forward(s.model, &(struct model_batch){
        .rows = 1, .tokens = &token, .positions = &position, .spans = &span, .span_count = 1,
        .layout = &s.layout, .cancelled = always}));
    close_setup(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_architecture_agrees_with_plain_double),
        cmocka_unit_test(every_weight_format_agrees_within_its_activations),
        cmocka_unit_test(the_bits_do_not_depend_on_chunks_or_workers),
        cmocka_unit_test(the_bits_do_not_depend_on_other_sequences_in_the_batch),
        cmocka_unit_test(the_levels_agree),
        cmocka_unit_test(a_cancelled_pass_says_so),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
