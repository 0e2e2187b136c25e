/* test_load_native.c - options as the engine takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/load_native.h"

static struct load nowhere(void) {
    struct load l = {.name = "x"};
    options_init(&l.options);
    str_add_text(&l.path, "/nowhere/x.gguf");
    return l;
}

static void set(struct options *o, enum option_id id, const char *value,
                enum option_source source) {
    struct error err = {0};
    if (!options_set(o, id, value, source, &err))
        fail_msg("%s", err.text);
}

/* The options as native_open would get them, caught on the way. */
static void keep(struct native_options *n, void *arg) {
    *(struct native_options *)arg = *n;
}

static void both_cache_types_follow_kv_unless_one_is_said(void **state) {
    (void)state;
    struct native_options n;
    struct error err = {0};
    struct load l = nowhere();
    set(&l.options, OPTION_KV, "q8_0", OPTION_FROM_FLAG);
    assert_null(load_native_open(&l, keep, &n, &err));
    assert_int_equal(n.engine.kv_k, QUANT_Q8_0);
    assert_int_equal(n.engine.kv_v, QUANT_Q8_0);
    set(&l.options, OPTION_CACHE_TYPE_V, "f32", OPTION_FROM_FLAG);
    assert_null(load_native_open(&l, keep, &n, &err));
    assert_int_equal(n.engine.kv_k, QUANT_Q8_0);
    assert_int_equal(n.engine.kv_v, QUANT_F32);
    assert_true(n.engine.kv_types_set);
    load_deinit(&l);
}

static void a_flag_for_both_comes_before_models_json_for_one(void **state) {
    (void)state;
    struct native_options n;
    struct error err = {0};
    struct load l = nowhere();
    set(&l.options, OPTION_CACHE_TYPE_K, "f16", OPTION_FROM_MODELS);
    set(&l.options, OPTION_KV, "q8_0", OPTION_FROM_FLAG);
    assert_null(load_native_open(&l, keep, &n, &err));
    assert_int_equal(n.engine.kv_k, QUANT_Q8_0);
    load_deinit(&l);
}

static void every_performance_key_reaches_the_engine(void **state) {
    (void)state;
    struct native_options n;
    struct error err = {0};
    struct load l = nowhere();
    set(&l.options, OPTION_CONTEXT, "131072", OPTION_FROM_MODELS);
    set(&l.options, OPTION_BATCH, "4096", OPTION_FROM_MODELS);
    set(&l.options, OPTION_UBATCH, "256", OPTION_FROM_MODELS);
    set(&l.options, OPTION_THREADS, "12", OPTION_FROM_MODELS);
    set(&l.options, OPTION_PARALLEL, "1", OPTION_FROM_MODELS);
    set(&l.options, OPTION_CONT_BATCHING, "false", OPTION_FROM_MODELS);
    set(&l.options, OPTION_MEMORY, "12G", OPTION_FROM_FLAG);
    set(&l.options, OPTION_ROPE, "yarn", OPTION_FROM_MODELS);
    set(&l.options, OPTION_CPU, "avx2", OPTION_FROM_FLAG);
    set(&l.options, OPTION_OVERRIDE_KV, "a=int:1", OPTION_FROM_MODELS);
    assert_null(load_native_open(&l, keep, &n, &err));
    assert_int_equal(n.engine.context, 131072);
    assert_int_equal(n.engine.batch, 4096);
    assert_int_equal(n.engine.ubatch, 256);
    assert_int_equal(n.engine.threads, 12);
    assert_int_equal(n.engine.parallel, 1);
    assert_true(n.engine.no_continuous_batching);
    assert_int_equal(n.engine.memory_max, 12LL << 30);
    assert_int_equal(n.engine.rope, ENGINE_ROPE_YARN);
    assert_string_equal(n.engine.cpu, "avx2");
    assert_string_equal(n.override_kv[0], "a=int:1");
    assert_null(n.override_kv[1]);
    load_deinit(&l);
}

static void what_this_version_lacks_is_said(void **state) {
    (void)state;
    struct native_options n;
    struct error err = {0};
    struct load l = nowhere();
    set(&l.options, OPTION_ROPE, "dca", OPTION_FROM_FLAG);
    assert_null(load_native_open(&l, keep, &n, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "dca"));
    load_deinit(&l);
}

static void a_missing_file_is_named(void **state) {
    (void)state;
    struct native_options n;
    struct error err = {0};
    struct load l = nowhere();
    assert_null(load_native_open(&l, keep, &n, &err));
    assert_non_null(strstr(err.text, "/nowhere/x.gguf"));
    load_deinit(&l);
}

static void sampling_comes_from_the_options(void **state) {
    (void)state;
    struct options o;
    struct sampling s;
    options_init(&o);
    load_native_sampling(&o, &s);
    assert_false(s.seed_set);
    assert_int_equal(s.top_k, 20);
    set(&o, OPTION_SEED, "7", OPTION_FROM_FLAG);
    set(&o, OPTION_TEMPERATURE, "0", OPTION_FROM_FLAG);
    load_native_sampling(&o, &s);
    assert_true(s.seed_set);
    assert_int_equal(s.seed, 7);
    assert_true(s.temperature == 0);
    struct error err = {0};
    assert_true(sampling_check(&s, &err));
}

static void the_memory_plan_is_one_line_with_a_sum(void **state) {
    (void)state;
    struct str out = {0};
    load_native_memory_text(&(struct engine_info){.weight_bytes = 500000000,
                                                  .kv_bytes_max = 400000000,
                                                  .kv_bytes_per_token = 12288,
                                                  .buffer_bytes = 100000000},
                            &out);
    assert_string_equal(str_text(&out), "weights 500 MB + keys and values up to 400 MB (12.3 kB a "
                                        "token) + buffers 100 MB = 1.0 GB");
    str_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_cache_types_follow_kv_unless_one_is_said),
        cmocka_unit_test(a_flag_for_both_comes_before_models_json_for_one),
        cmocka_unit_test(every_performance_key_reaches_the_engine),
        cmocka_unit_test(what_this_version_lacks_is_said),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(sampling_comes_from_the_options),
        cmocka_unit_test(the_memory_plan_is_one_line_with_a_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
