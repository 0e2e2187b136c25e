/* test_gguf_meta.c - typed getters and overrides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gguf_fixture.h"
#include "mutate.h"

static struct gguf *g; /* the fixture's model */

static int open_model(void **state) {
    (void)state;
    struct str bytes = fixture_bytes(NULL);
    struct error err;
    g = fixture_open(bytes.data, bytes.len, &err);
    str_deinit(&bytes);
    return g == NULL;
}

static int close_model(void **state) {
    (void)state;
    gguf_close(g);
    fixture_remove();
    return 0;
}

static void an_integer_of_any_width_is_read(void **state) {
    (void)state;
    struct error err = {0};
    uint32_t value = 0;
    assert_true(gguf_u32(g, "llama.context_length", &value, &err));
    assert_int_equal(value, 512);
    assert_true(gguf_u32(g, "llama.block_count", &value, &err));
    assert_int_equal(value, 1);
    assert_true(gguf_u32(g, "llama.embedding_length", &value, &err));
    assert_int_equal(value, 64);
    assert_true(gguf_u32(g, "llama.attention.head_count", &value, &err));
    assert_int_equal(value, 4);
    assert_true(gguf_u32(g, "llama.attention.head_count_kv", &value, &err));
    assert_int_equal(value, 2);
    float f;
    assert_true(gguf_f32(g, "llama.rope.freq_base", &f, &err));
    assert_true(f == 10000.0f);
    assert_true(gguf_f32(g, "test.double", &f, &err));
    assert_true(f == 0.1f);
    assert_true(gguf_f32(g, "test.negative", &f, &err));
    assert_true(f == -5.0f);
    assert_int_equal(err.code, ERR_NONE);
}

static void a_key_that_is_not_there_is_no_error(void **state) {
    (void)state;
    struct error err = {0};
    uint32_t u;
    float f;
    bool b;
    struct span s;
    struct gguf_array a;
    assert_false(gguf_u32(g, "no.such", &u, &err) || gguf_f32(g, "no.such", &f, &err) ||
                 gguf_bool(g, "no.such", &b, &err) || gguf_string(g, "no.such", &s, &err) ||
                 gguf_array(g, "no.such", &a, &err));
    assert_int_equal(err.code, ERR_NONE);
}

static void a_value_of_another_type_or_size_is_an_error_with_its_name(void **state) {
    (void)state;
    struct error err = {0};
    uint32_t u;
    float f;
    bool b;
    struct span s;
    struct gguf_array a;
    assert_false(gguf_u32(g, "test.negative", &u, &err));
    assert_non_null(strstr(err.text, "test.negative is -5"));
    err = (struct error){0};
    assert_false(gguf_u32(g, "test.large", &u, &err));
    assert_non_null(strstr(err.text, "test.large is 1099511627776"));
    err = (struct error){0};
    assert_false(gguf_u32(g, "llama.rope.freq_base", &u, &err));
    assert_non_null(strstr(err.text, "type f32 where an integer"));
    err = (struct error){0};
    assert_false(gguf_f32(g, "general.name", &f, &err));
    assert_non_null(strstr(err.text, "type string where a number"));
    err = (struct error){0};
    assert_false(gguf_bool(g, "llama.block_count", &b, &err));
    assert_non_null(strstr(err.text, "type u16 where a bool"));
    err = (struct error){0};
    assert_false(gguf_string(g, "tokenizer.ggml.tokens", &s, &err));
    assert_non_null(strstr(err.text, "type array where a string"));
    err = (struct error){0};
    assert_false(gguf_array(g, "general.name", &a, &err));
    assert_non_null(strstr(err.text, "where an array"));
    assert_false(gguf_u32(g, "general.name", &u, NULL));
}

static void arrays_give_their_elements_in_order(void **state) {
    (void)state;
    static const char *const want[] = {"<s>", "a", "b", "\xc4\xa0z", ""};
    struct error err = {0};
    struct gguf_array a;
    struct span s;
    int64_t offset = 0;
    assert_true(gguf_array(g, "tokenizer.ggml.tokens", &a, &err));
    assert_int_equal(a.type, GGUF_STRING);
    assert_int_equal(a.count, 5);
    for (int i = 0; i < 5; i++) {
        assert_true(gguf_array_next_string(&a, &offset, &s));
        assert_true(span_equal_text(s, want[i]));
    }
    assert_false(gguf_array_next_string(&a, &offset, &s));
    assert_true(gguf_array(g, "tokenizer.ggml.token_type", &a, &err));
    assert_true(gguf_array_number(&a, 0) == 3.0 && gguf_array_number(&a, 4) == 1.0);
    assert_true(gguf_array(g, "test.empty", &a, &err));
    assert_int_equal(a.count, 0);
}

static void override(const char *spec) {
    struct error err = {0};
    if (!gguf_override(g, spec, &err)) fail_msg("%s", err.text);
}

static void an_override_replaces_or_adds_a_value(void **state) {
    (void)state;
    struct error err = {0};
    uint32_t u = 0;
    float f = 0;
    bool b = true;
    struct span s = {0};
    int keys = gguf_key_count(g);
    override("llama.context_length=int:131072");
    assert_true(gguf_u32(g, "llama.context_length", &u, &err));
    assert_int_equal(u, 131072);
    override("llama.rope.freq_base=float:1e6");
    assert_true(gguf_f32(g, "llama.rope.freq_base", &f, &err));
    assert_true(f == 1e6f);
    override("llama.rope.freq_base=int:500000");
    assert_true(gguf_f32(g, "llama.rope.freq_base", &f, &err));
    assert_true(f == 5e5f);
    override("tokenizer.ggml.add_bos_token=bool:false");
    assert_true(gguf_bool(g, "tokenizer.ggml.add_bos_token", &b, &err));
    assert_false(b);
    override("tokenizer.ggml.pre=str:qwen2=:x");
    assert_true(gguf_string(g, "tokenizer.ggml.pre", &s, &err));
    assert_true(span_equal_text(s, "qwen2=:x"));
    assert_int_equal(gguf_key_count(g), keys + 1);
    override("tokenizer.ggml.pre=str:");
    assert_true(gguf_string(g, "tokenizer.ggml.pre", &s, &err));
    assert_int_equal(s.len, 0);
}

static void an_override_that_makes_no_sense_is_refused_with_the_reason(void **state) {
    (void)state;
    static const struct { const char *spec, *part; } bad[] = {
        {"", "cannot read the metadata override"},
        {"a", "write KEY=int:N"},
        {"=int:1", "cannot read"},
        {"a=1", "cannot read"},
        {"a=i32:1", "unknown type \"i32\""},
        {"a=int:", "is no int"},
        {"a=int:12x", "is no int"},
        {"a=int:99999999999999999999", "is no int"},
        {"a=float:nan", "is no float"},
        {"a=float:", "is no float"},
        {"a=bool:1", "is no bool"},
        {"general.alignment=int:64", "how to read the file"},
        {"split.count=int:2", "how to read the file"},
        {"general.name=int:1", "has the type string and cannot be overridden by i64"},
        {"llama.block_count=float:1.5", "has the type u16"},
        {"tokenizer.ggml.tokens=str:a", "has the type array"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = {0};
        assert_false(gguf_override(g, bad[i].spec, &err));
        assert_int_equal(err.code, ERR_ARGUMENT);
        if (strstr(err.text, bad[i].part) == NULL) fail_msg("%s: %s", bad[i].spec, err.text);
    }
}

static void the_number_of_added_keys_has_a_limit(void **state) {
    (void)state;
    struct error err = {0};
    int added = 0;
    for (int i = 0; i < GGUF_OVERRIDES_MAX + 2; i++) {
        char spec[64];
        snprintf(spec, sizeof spec, "added.%d=int:%d", i, i);
        if (!gguf_override(g, spec, &err)) break;
        added++;
    }
    assert_in_range(added, GGUF_OVERRIDES_MAX - 2, GGUF_OVERRIDES_MAX);
    assert_non_null(strstr(err.text, "more than 64 metadata overrides"));
    override("llama.context_length=int:1024"); /* replacing is still possible */
}

static void damaged_overrides_give_an_error_or_a_value(void **state) {
    (void)state;
    static const char spec[] = "llama.context_length=int:131072,x=float:1e6=bool:true=str:abc";
    static const char *const words[] = {"=", ":", "int:", "str:", "float:", "bool:", "-", NULL};
    struct mutate m;
    mutate_init(&m, &(struct mutate_options){.seed = 5, .words = words});
    for (int i = 0; i < 1000; i++) {
        size_t bytes;
        struct error err = {0};
        char *damaged = mutate_next_text(&m, spec, sizeof spec - 1, &bytes);
        bool ok = gguf_override(g, damaged, &err);
        assert_true(ok == (err.code == ERR_NONE));
        free(damaged);
    }
    fixture_touch(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_integer_of_any_width_is_read),
        cmocka_unit_test(a_key_that_is_not_there_is_no_error),
        cmocka_unit_test(a_value_of_another_type_or_size_is_an_error_with_its_name),
        cmocka_unit_test(arrays_give_their_elements_in_order),
        cmocka_unit_test(an_override_replaces_or_adds_a_value),
        cmocka_unit_test(an_override_that_makes_no_sense_is_refused_with_the_reason),
        cmocka_unit_test(the_number_of_added_keys_has_a_limit),
        cmocka_unit_test(damaged_overrides_give_an_error_or_a_value),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
