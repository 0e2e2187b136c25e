/* test_catalog.c - the table of known models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/catalog.h"

static void a_model_is_found_by_name_alias_and_file(void **state) {
    (void)state;
    const struct catalog_model *m = catalog_find("qwen2.5-coder-0.5b");
    assert_non_null(m);
    assert_ptr_equal(catalog_find("qwen2.5-coder-0.5b-instruct"), m);
    assert_ptr_equal(catalog_find("QWEN2.5-Coder-0.5B-Instruct"), m);
    assert_ptr_equal(catalog_find("qwen2.5-coder-0.5b-instruct-q4_k_m"), m);
    assert_ptr_equal(catalog_find("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"), m);
}

static void what_is_no_name_is_not_found(void **state) {
    (void)state;
    assert_null(catalog_find(""));
    assert_null(catalog_find(".gguf"));
    assert_null(catalog_find("qwen2.5"));
    assert_null(catalog_find("qwen2.5-coder-0.5b-instruct qwen05"));
}

static void every_row_is_complete_and_its_sum_is_one(void **state) {
    (void)state;
    const struct catalog_model *m;
    int count = 0;
    for (int i = 0; (m = catalog_at(i)) != NULL; i++, count++) {
        assert_non_null(m->title);
        assert_non_null(strchr(m->repository, '/'));
        assert_string_equal(m->file + strlen(m->file) - 5, ".gguf");
        assert_string_equal(m->hub_file + strlen(m->hub_file) - 5, ".gguf");
        assert_true(m->bytes > 1000000);
        if (m->sha256 != NULL) {
            assert_int_equal(strlen(m->sha256), 64);
            assert_int_equal(strspn(m->sha256, "0123456789abcdef"), 64);
        }
        /* Packages are not announced by anybody: without a pinned sum they cannot be checked. */
        if (m->packages != NULL)
            assert_non_null(m->sha256);
        assert_ptr_equal(catalog_find(m->name), m);
    }
    assert_true(count >= 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_found_by_name_alias_and_file),
        cmocka_unit_test(what_is_no_name_is_not_found),
        cmocka_unit_test(every_row_is_complete_and_its_sum_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
