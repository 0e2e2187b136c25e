/* test_gguf.c - opening models: whole, split, damaged, and with the system failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fault.h"
#include "gguf_fixture.h"

static int remove_files(void **state) {
    (void)state;
    fixture_remove();
    return 0;
}

static void save(const char *path, const struct gguf_write_options *options) {
    struct gguf_write *w = fixture_model();
    struct error err = {0};
    if (!gguf_write_save(w, path, options, &err)) fail_msg("%s", err.text);
    gguf_write_close(w);
}

static void check_model(const struct gguf *g) {
    assert_int_equal(gguf_tensor_count(g), FIXTURE_TENSORS);
    const struct gguf_tensor *t = gguf_tensor_find(g, "test.four");
    assert_non_null(t);
    assert_int_equal(t->dimension_count, 4);
    assert_int_equal(t->dimension[0], 2);
    assert_int_equal(t->dimension[3], 7);
    assert_int_equal(t->bytes, 2 * 3 * 5 * 7 * 2);
    t = gguf_tensor_find(g, "blk.0.q6_K.weight");
    assert_non_null(t);
    assert_int_equal(t->type, QUANT_Q6_K);
    assert_int_equal(t->dimension[1], 3);
    assert_int_equal(t->dimension[2], 1);
    assert_int_equal(t->bytes, 3 * 210);
    assert_null(gguf_tensor_find(g, "blk.0.q6_K"));
    assert_null(gguf_tensor_find(g, ""));
}

/* The same random numbers went in again: every tensor's bytes must be the expected ones. */
static void check_data(const struct gguf *g) {
    struct random r;
    random_init(&r, 11);
    for (int i = 0; i < FIXTURE_TENSORS; i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        const struct quant_info *info = quant_info(t->type);
        uint8_t block[QUANT_BLOCK_MAX * 4];
        float values[QUANT_BLOCK_MAX];
        for (int64_t at = 0; at < t->bytes; at += info->block_bytes) {
            for (int k = 0; k < info->block_elements; k++)
                values[k] = (float)(random_unit(&r) * 2 - 1);
            info->encode(block, values, info->block_elements);
            assert_memory_equal((const char *)t->data + at, block, info->block_bytes);
        }
    }
}

static void a_file_opens_and_its_tensors_are_found_by_name(void **state) {
    (void)state;
    struct error err = {0};
    const char *path = fixture_path("tiny.gguf");
    for (uint32_t version = 2; version <= 3; version++) {
        save(path, &(struct gguf_write_options){.version = version});
        struct gguf *g = gguf_open(path, &err);
        if (g == NULL) fail_msg("%s", err.text);
        assert_int_equal(gguf_version(g), version);
        assert_string_equal(gguf_path(g), path);
        assert_int_equal(gguf_file_count(g), 1);
        assert_int_equal(gguf_bytes(g), file_bytes(path));
        check_model(g);
        check_data(g);
        gguf_close(g);
    }
    gguf_close(NULL);
}

static void every_alignment_is_read(void **state) {
    (void)state;
    for (uint32_t alignment = GGUF_ALIGNMENT_MIN; alignment <= 65536; alignment *= 2) {
        struct str bytes = fixture_bytes(&(struct gguf_write_options){.alignment = alignment});
        struct error err;
        struct gguf *g = fixture_open(bytes.data, bytes.len, &err);
        if (g == NULL) fail_msg("%s", err.text);
        check_data(g);
        gguf_close(g);
        str_deinit(&bytes);
    }
}

static void a_split_model_opens_by_any_of_its_parts(void **state) {
    (void)state;
    struct error err = {0};
    save(fixture_path("split.gguf"), &(struct gguf_write_options){.file_count = 3});
    for (int part = 1; part <= 3; part++) {
        char name[64];
        snprintf(name, sizeof name, "split-%05d-of-00003.gguf", part);
        struct gguf *g = gguf_open(fixture_path(name), &err);
        if (g == NULL) fail_msg("%s", err.text);
        assert_int_equal(gguf_file_count(g), 3);
        check_model(g);
        check_data(g);
        struct span text;
        assert_true(gguf_string(g, "general.architecture", &text, &err));
        gguf_close(g);
    }
}

static void refused(const char *path, enum error_code code, const char *part) {
    struct error err = {0};
    struct gguf *g = gguf_open(path, &err);
    assert_null(g);
    if (err.code != code || strstr(err.text, part) == NULL)
        fail_msg("expected \"%s\" in: %s (%s)", part, err.text, error_code_name(err.code));
}

static void a_missing_or_wrong_part_is_named(void **state) {
    (void)state;
    save(fixture_path("s.gguf"), &(struct gguf_write_options){.file_count = 3});
    const char *second = fixture_path("s-00002-of-00003.gguf");
    const char *third = fixture_path("s-00003-of-00003.gguf"), *aside = fixture_path("aside");
    assert_int_equal(rename(second, aside), 0);
    refused(third, ERR_NOT_FOUND, "s-00002-of-00003.gguf");
    /* the third in the second's place */
    save(fixture_path("t.gguf"), &(struct gguf_write_options){.file_count = 3});
    assert_int_equal(rename(fixture_path("t-00003-of-00003.gguf"), second), 0);
    refused(third, ERR_FORMAT, "says that it is part 3 of 3");
    /* a part under a name of its own */
    refused(aside, ERR_FORMAT, "says that it is part 2 of 3");
    /* a whole model under a part's name */
    save(second, NULL);
    refused(third, ERR_FORMAT, "says that it is part 1 of 1");
}

static void parts_of_different_models_are_refused(void **state) {
    (void)state;
    struct gguf_write *w = gguf_write_open();
    struct error err = {0};
    gguf_write_values(w, "a", QUANT_F32, (int64_t[]){1, 0}, &(float){1});
    gguf_write_values(w, "b", QUANT_F32, (int64_t[]){1, 0}, &(float){2});
    save(fixture_path("u.gguf"), &(struct gguf_write_options){.file_count = 2});
    assert_true(gguf_write_save(w, fixture_path("v.gguf"),
                                &(struct gguf_write_options){.file_count = 2}, &err));
    assert_int_equal(rename(fixture_path("v-00002-of-00002.gguf"),
                            fixture_path("u-00002-of-00002.gguf")), 0);
    refused(fixture_path("u-00001-of-00002.gguf"), ERR_FORMAT, "not of one model");
    gguf_write_close(w);
}

static void a_part_whose_alignment_is_in_doubt_is_refused(void **state) {
    (void)state;
    save(fixture_path("q.gguf"), &(struct gguf_write_options){.file_count = 2, .alignment = 64});
    struct error err = {0};
    struct gguf *g = gguf_open(fixture_path("q-00002-of-00002.gguf"), &err);
    if (g == NULL) fail_msg("%s", err.text);
    check_data(g);
    gguf_close(g);
    save(fixture_path("r.gguf"), &(struct gguf_write_options){.file_count = 2});
    assert_int_equal(rename(fixture_path("r-00002-of-00002.gguf"),
                            fixture_path("q-00002-of-00002.gguf")), 0);
    refused(fixture_path("q-00001-of-00002.gguf"), ERR_UNSUPPORTED, "merge the parts");
}

static void a_tensor_in_two_parts_is_refused(void **state) {
    (void)state;
    struct gguf_write *w = gguf_write_open();
    struct error err = {0};
    for (int i = 0; i < 2; i++)
        gguf_write_values(w, "same", QUANT_F32, (int64_t[]){1, 0}, &(float){1});
    assert_true(gguf_write_save(w, fixture_path("w.gguf"),
                                &(struct gguf_write_options){.file_count = 2}, &err));
    refused(fixture_path("w-00001-of-00002.gguf"), ERR_FORMAT, "same occurs twice");
    gguf_write_close(w);
}

static void more_files_or_tensors_than_the_limits_are_refused(void **state) {
    (void)state;
    refused(fixture_path("x-00001-of-01000.gguf"), ERR_FORMAT, "1000 files; at most 999");
    struct str bytes = fixture_bytes(NULL);
    uint64_t count = GGUF_TENSORS_MAX;
    struct error err;
    memcpy(bytes.data + 8, &count, sizeof count);
    /* Two parts of 65,536 tensors each by their counts; padded so that each is possible. */
    str_reserve(&bytes, 4 << 20);
    memset(bytes.data + bytes.len, 0, 4 << 20);
    bytes.len += 4 << 20;
    for (int i = 1; i <= 2; i++) {
        char name[64];
        snprintf(name, sizeof name, "y-%05d-of-00002.gguf", i);
        assert_null(fixture_open(bytes.data, bytes.len, &err));
        assert_int_equal(rename(fixture_path("bytes.gguf"), fixture_path(name)), 0);
    }
    refused(fixture_path("y-00001-of-00002.gguf"), ERR_FORMAT, "tensors in 2 files; at most");
    str_deinit(&bytes);
}

static void a_path_that_only_resembles_a_part_is_a_whole_file(void **state) {
    (void)state;
    static const char *const names[] = {
        "m-00001-of-00001.gguf", "m-1-of-2.gguf", "m-0000a-of-00002.gguf", "m-00003-of-00002.gguf",
        "m-00000-of-00002.gguf", "m-00001-of-00002.bin", "-00001-of-00001.gguf", "m.gguf",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct error err = {0};
        const char *path = fixture_path(names[i]);
        save(path, NULL);
        struct gguf *g = gguf_open(path, &err);
        if (g == NULL) fail_msg("%s", err.text);
        assert_int_equal(gguf_file_count(g), 1);
        gguf_close(g);
    }
}

static void what_is_not_there_or_no_file_is_an_error(void **state) {
    (void)state;
    refused(fixture_path("nothing.gguf"), ERR_NOT_FOUND, "nothing.gguf");
    refused(fixture_dir, ERR_ARGUMENT, "not a regular file");
    assert_null(gguf_open(fixture_path("nothing.gguf"), NULL));
}

static void forgetting_a_tensor_keeps_its_bytes(void **state) {
    (void)state;
    struct gguf_write *w = gguf_write_open();
    struct random r;
    struct error err = {0};
    random_init(&r, 1);
    gguf_write_random(w, "big", QUANT_F32, (int64_t[]){1 << 16, 0}, &r, 1);
    gguf_write_random(w, "small", QUANT_F32, (int64_t[]){3, 0}, &r, 1);
    assert_true(gguf_write_save(w, fixture_path("forget.gguf"), NULL, &err));
    struct gguf *g = gguf_open(fixture_path("forget.gguf"), &err);
    assert_non_null(g);
    for (int i = 0; i < 2; i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        uint8_t *before = malloc((size_t)t->bytes);
        memcpy(before, t->data, (size_t)t->bytes);
        gguf_tensor_forget(t);
        assert_memory_equal(before, t->data, t->bytes);
        free(before);
    }
    gguf_close(g);
    gguf_write_close(w);
}

static void no_memory_or_no_mapping_is_an_error_and_leaks_nothing(void **state) {
    (void)state;
    static const enum fault_kind kinds[] = {FAULT_MEMORY, FAULT_IO};
    char path[256];
    save(fixture_path("fault.gguf"), &(struct gguf_write_options){.file_count = 3});
    strcpy(path, fixture_path("fault-00002-of-00003.gguf"));
    for (size_t k = 0; k < 2; k++)
        for (long n = 0;; n++) {
            struct error err = {0};
            fault_at(kinds[k], n);
            struct gguf *g = gguf_open(path, &err);
            bool happened = fault_off();
            assert_true((g != NULL) != (err.code != ERR_NONE));
            if (g != NULL) check_model(g);
            gguf_close(g);
            if (!happened) {
                assert_non_null(g);
                assert_true(n > 0);
                break;
            }
        }
}

static void a_real_model_opens(void **state) {
    (void)state;
    struct error err = {0};
    const char *path = fixture_real_model("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
    if (path == NULL) {
        print_message("the 0.5B model is not in the models directory\n");
        skip();
    }
    struct gguf *g = gguf_open(path, &err);
    if (g == NULL) fail_msg("%s", err.text);
    assert_int_equal(gguf_tensor_count(g), 291);
    assert_int_equal(gguf_key_count(g), 26);
    struct gguf_array tokens;
    assert_true(gguf_array(g, "tokenizer.ggml.tokens", &tokens, &err));
    assert_int_equal(tokens.count, 151936);
    gguf_close(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_opens_and_its_tensors_are_found_by_name),
        cmocka_unit_test(every_alignment_is_read),
        cmocka_unit_test(a_split_model_opens_by_any_of_its_parts),
        cmocka_unit_test(a_missing_or_wrong_part_is_named),
        cmocka_unit_test(parts_of_different_models_are_refused),
        cmocka_unit_test(a_part_whose_alignment_is_in_doubt_is_refused),
        cmocka_unit_test(a_tensor_in_two_parts_is_refused),
        cmocka_unit_test(more_files_or_tensors_than_the_limits_are_refused),
        cmocka_unit_test(a_path_that_only_resembles_a_part_is_a_whole_file),
        cmocka_unit_test(what_is_not_there_or_no_file_is_an_error),
        cmocka_unit_test(forgetting_a_tensor_keeps_its_bytes),
        cmocka_unit_test(no_memory_or_no_mapping_is_an_error_and_leaks_nothing),
        cmocka_unit_test(a_real_model_opens),
    };
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
