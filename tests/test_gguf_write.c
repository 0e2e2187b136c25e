/* test_gguf_write.c - the writer's files are the format's, byte for byte, and its failures are
 * reported. */
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

static void a_small_file_has_exactly_the_bytes_of_the_format(void **state) {
    (void)state;
    static const uint8_t want[] = {
        'G', 'G', 'U', 'F', 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
        17, 0, 0, 0, 0, 0, 0, 0, 'g', 'e', 'n', 'e', 'r', 'a', 'l', '.', 'a', 'l', 'i', 'g', 'n',
        'm', 'e', 'n', 't', 4, 0, 0, 0, 8, 0, 0, 0,
        1, 0, 0, 0, 0, 0, 0, 0, 'k', 9, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
        1, 0, 0, 0, 0, 0, 0, 0, 'x', 2, 0, 0, 0, 0, 0, 0, 0, 'y', 'z',
        1, 0, 0, 0, 0, 0, 0, 0, 't', 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, /* to a multiple of eight */
        0, 0, 0x80, 0x3f, 0, 0, 0, 0,
    };
    static const char *const text[] = {"x", "yz"};
    struct gguf_write *w = gguf_write_open();
    struct str bytes = {0};
    gguf_write_strings(w, "k", text, 2);
    gguf_write_values(w, "t", QUANT_F32, (int64_t[]){1, 0}, &(float){1.0f});
    assert_true(gguf_write_bytes(w, &bytes, &(struct gguf_write_options){.alignment = 8}));
    assert_int_equal(bytes.len, sizeof want);
    assert_memory_equal(bytes.data, want, sizeof want);
    str_deinit(&bytes);
    gguf_write_close(w);
    gguf_write_close(NULL);
}

static void blocks_are_written_as_they_are(void **state) {
    (void)state;
    uint8_t block[34];
    struct gguf_write *w = gguf_write_open();
    struct str bytes = {0};
    struct error err;
    for (int i = 0; i < 34; i++) block[i] = (uint8_t)(i * 7);
    gguf_write_blocks(w, "b", QUANT_Q8_0, (int64_t[]){32, 0}, block);
    assert_true(gguf_write_bytes(w, &bytes, NULL));
    struct gguf *g = fixture_open(bytes.data, bytes.len, &err);
    assert_non_null(g);
    assert_memory_equal(gguf_tensor_at(g, 0)->data, block, 34);
    gguf_close(g);
    gguf_write_close(w);
    str_deinit(&bytes);
}

static void parts_hold_all_tensors_once_however_many_they_are(void **state) {
    (void)state;
    struct gguf_write *w = fixture_model();
    for (int files = 1; files <= FIXTURE_TENSORS + 1; files++) {
        struct error err = {0};
        char name[64];
        assert_true(gguf_write_save(w, fixture_path("p.gguf"),
                                    &(struct gguf_write_options){.file_count = files}, &err));
        snprintf(name, sizeof name, "p-00001-of-%05d.gguf", files);
        struct gguf *g = gguf_open(fixture_path(files > 1 ? name : "p.gguf"), &err);
        if (g == NULL) fail_msg("%s", err.text);
        assert_int_equal(gguf_tensor_count(g), FIXTURE_TENSORS);
        assert_int_equal(gguf_file_count(g), files);
        gguf_close(g);
    }
    gguf_write_close(w);
}

static void running_out_of_memory_anywhere_is_reported_by_save(void **state) {
    (void)state;
    const char *path = fixture_path("memory.gguf");
    for (long n = 0;; n++) {
        struct error err = {0};
        bool ok = false;
        fault_at(FAULT_MEMORY, n);
        struct gguf_write *w = gguf_write_open();
        if (w != NULL) {
            gguf_write_string(w, "k", "v");
            gguf_write_values(w, "t", QUANT_F32, (int64_t[]){1, 0}, &(float){1});
            ok = gguf_write_save(w, path, NULL, &err);
        }
        gguf_write_close(w);
        bool happened = fault_off();
        assert_true(ok == !happened);
        assert_true(ok || w == NULL || err.code == ERR_MEMORY);
        if (!happened) break;
    }
}

static void a_path_that_cannot_be_written_is_an_error(void **state) {
    (void)state;
    struct gguf_write *w = fixture_model();
    struct error err = {0};
    assert_false(gguf_write_save(w, "/nonexistent/a.gguf", NULL, &err));
    assert_non_null(strstr(err.text, "/nonexistent/a.gguf"));
    gguf_write_close(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_file_has_exactly_the_bytes_of_the_format),
        cmocka_unit_test(blocks_are_written_as_they_are),
        cmocka_unit_test(parts_hold_all_tensors_once_however_many_they_are),
        cmocka_unit_test(running_out_of_memory_anywhere_is_reported_by_save),
        cmocka_unit_test(a_path_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
