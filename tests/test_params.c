/* test_params.c - hyper-parameters out of metadata: what is missing, odd or not ours is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "model/model.h"
#include "tiny_model.h"

/* Reads the tiny model's parameters with some metadata overridden; returns the error's text. */
static const char *error_with(const char *const *overrides) {
    static struct error err;
    struct model_params p;
    const char *path = tiny_model_path("params");
    err = (struct error){0};
    assert_true(tiny_model_write(&(struct tiny_model){.architecture = "qwen2"}, path, &err));
    struct gguf *g = gguf_open(path, &err);
    assert_non_null(g);
    unlink(path);
    for (; *overrides; overrides++) assert_true(gguf_override(g, *overrides, &err));
    bool ok = model_params_read(&p, g, &err);
    gguf_close(g);
    assert_int_equal(ok, err.code == ERR_NONE);
    return err.text;
}

#define ERROR_WITH(...) error_with((const char *const[]){__VA_ARGS__, NULL})

static void names(const char *text, const char *what) {
    if (!strstr(text, what)) fail_msg("\"%s\" does not name \"%s\"", text, what);
}

static void the_numbers_of_a_sound_file_arrive(void **state) {
    (void)state;
    struct error err = {0};
    struct model_params p;
    const char *path = tiny_model_path("params");
    assert_true(tiny_model_write(&(struct tiny_model){.architecture = "qwen3", .scaling = "yarn"},
                                 path, &err));
    struct gguf *g = gguf_open(path, &err);
    unlink(path);
    assert_true(model_params_read(&p, g, &err));
    assert_string_equal(p.architecture, "qwen3");
    assert_int_equal(p.layers, 2);
    assert_int_equal(p.embed, 256);
    assert_int_equal(p.heads, 4);
    assert_int_equal(p.kv_heads, 2);
    assert_int_equal(p.head_dim, 64);
    assert_int_equal(p.vocab, TINY_VOCAB);
    assert_int_equal(p.context_trained, TINY_CONTEXT);
    assert_int_equal(p.scaling, ROPE_YARN);
    assert_int_equal(p.scaling_context, 1024);
    gguf_close(g);
}

static void an_architecture_that_we_do_not_run_is_named_with_those_that_we_do(void **state) {
    (void)state;
    const char *text = ERROR_WITH("general.architecture=str:mamba");
    names(text, "mamba");
    names(text, "llama, qwen2, qwen3");
}

static void a_bad_number_is_named_with_its_range(void **state) {
    (void)state;
    names(ERROR_WITH("qwen2.block_count=int:0"), "qwen2.block_count is 0");
    names(ERROR_WITH("qwen2.block_count=int:100000"), "1 to 512");
    names(ERROR_WITH("qwen2.attention.head_count_kv=int:3"), "not a multiple of 3");
    names(ERROR_WITH("qwen2.attention.key_length=int:60"), "60");
    names(ERROR_WITH("qwen2.attention.value_length=int:32"), "values of 32");
    names(ERROR_WITH("qwen2.rope.dimension_count=int:63"), "rope dimension 63");
    names(ERROR_WITH("qwen2.embedding_length=int:128"), "token_embd.weight");
    names(ERROR_WITH("qwen2.rope.freq_base=float:-1"), "rope.freq_base");
}

static void mixtures_of_experts_and_unknown_scalings_are_refused_by_name(void **state) {
    (void)state;
    names(ERROR_WITH("qwen2.expert_count=int:8"), "8 experts");
    names(ERROR_WITH("qwen2.rope.scaling.type=str:longrope"), "longrope");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_of_a_sound_file_arrive),
        cmocka_unit_test(an_architecture_that_we_do_not_run_is_named_with_those_that_we_do),
        cmocka_unit_test(a_bad_number_is_named_with_its_range),
        cmocka_unit_test(mixtures_of_experts_and_unknown_scalings_are_refused_by_name),
    };
    return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
