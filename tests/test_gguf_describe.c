/* test_gguf_describe.c - what `inspect` says of a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gguf_fixture.h"

static int remove_files(void **state) {
    (void)state;
    fixture_remove();
    return 0;
}

static struct gguf *open_writer(struct gguf_write *w) {
    struct str bytes = {0};
    struct error err;
    assert_true(gguf_write_bytes(w, &bytes, NULL));
    struct gguf *g = fixture_open(bytes.data, bytes.len, &err);
    if (g == NULL) fail_msg("%s", err.text);
    str_deinit(&bytes);
    gguf_write_close(w);
    return g;
}

static void contains(const struct str *text, const char *part) {
    if (strstr(text->data, part) == NULL) fail_msg("no \"%s\" in:\n%s", part, text->data);
}

static void the_summary_has_shape_types_and_text_facts(void **state) {
    (void)state;
    struct gguf *g = open_writer(fixture_model());
    struct gguf_summary s;
    gguf_summarize(g, &s);
    assert_true(span_equal_text(s.architecture, "llama"));
    assert_int_equal(s.context_tokens, 512);
    assert_int_equal(s.head_count, 4);
    assert_int_equal(s.head_count_kv, 2);
    assert_int_equal(s.head_dim, 16);
    assert_int_equal(s.vocabulary_count, 5);
    assert_int_equal(s.rope_scaling.len, 0);
    assert_true(s.tied_embeddings);
    assert_int_equal(s.type[QUANT_Q8_0].tensor_count, 2);
    assert_int_equal(s.type[QUANT_Q8_0].bytes, (64 * 5 + 256 * 3) / 32 * 34);
    assert_int_equal(s.parameter_count, 64 * 5 + 64 + 2 * 3 * 5 * 7 + QUANT_TYPES * 256 * 3);
    assert_true(span_equal_text(s.chat_template, "{{ messages }}"));
    gguf_close(g);
}

static void the_overview_says_it_in_words(void **state) {
    (void)state;
    struct gguf *g = open_writer(fixture_model());
    struct str out = {0};
    gguf_describe(g, &out);
    contains(&out, "name          Tiny \\\"Model\\\"\\nof tests\n");
    contains(&out, "architecture  llama\n");
    contains(&out, "context       512 tokens; rope base 10000, no scaling in the file\n");
    contains(&out, "heads         4 of query, 2 of key and value, 16 dimensions each\n");
    contains(&out, "q8_0       2 tensors of  8.50 bits a weight");
    contains(&out, "vocabulary    5 tokens; tokenizer gpt2; embeddings serve");
    contains(&out, "chat template 14 bytes\n");
    str_clear(&out);
    gguf_describe_keys(g, &out);
    contains(&out, "llama.block_count (u16) = 1\n");
    str_clear(&out);
    gguf_describe_tensors(g, &out);
    contains(&out, "2 × 3 × 5 × 7  420 bytes\n");
    str_deinit(&out);
    gguf_close(g);
}

static void a_file_that_says_nothing_is_described_as_unknown(void **state) {
    (void)state;
    struct gguf *g = open_writer(gguf_write_open());
    struct str out = {0};
    gguf_describe(g, &out);
    contains(&out, "name          unknown\n");
    contains(&out, "tensors       none\n");
    contains(&out, "context       unknown tokens, no scaling in the file\n");
    contains(&out, "chat template none\n");
    str_deinit(&out);
    gguf_close(g);
}

static void rope_scaling_is_found_in_each_of_its_forms(void **state) {
    (void)state;
    struct gguf_summary s;
    struct gguf_write *w = gguf_write_open();
    gguf_write_string(w, "general.architecture", "qwen2");
    gguf_write_string(w, "qwen2.rope.scaling.type", "yarn");
    gguf_write_float(w, "qwen2.rope.scaling.factor", 4);
    gguf_write_integer(w, "qwen2.rope.scaling.original_context_length", GGUF_U32, 32768);
    struct gguf *g = open_writer(w);
    struct str out = {0};
    gguf_describe(g, &out);
    contains(&out, "scaling yarn by 4 from 32768 tokens\n");
    gguf_close(g);
    w = gguf_write_open();
    gguf_write_string(w, "general.architecture", "llama");
    gguf_write_float(w, "llama.rope.scale_linear", 2);
    g = open_writer(w);
    gguf_summarize(g, &s);
    assert_true(span_equal_text(s.rope_scaling, "linear") && s.rope_factor == 2.0f);
    gguf_close(g);
    w = gguf_write_open();
    gguf_write_values(w, "rope_freqs.weight", QUANT_F32, (int64_t[]){2, 0}, (float[]){1, 8});
    g = open_writer(w);
    gguf_summarize(g, &s);
    assert_true(span_equal_text(s.rope_scaling, "llama3"));
    gguf_close(g);
    str_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_summary_has_shape_types_and_text_facts),
        cmocka_unit_test(the_overview_says_it_in_words),
        cmocka_unit_test(a_file_that_says_nothing_is_described_as_unknown),
        cmocka_unit_test(rope_scaling_is_found_in_each_of_its_forms),
    };
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
