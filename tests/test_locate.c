/* test_locate.c - from what a user calls a model to its file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <unistd.h>
#include "base/file.h"
#include "config/locate.h"

static char folder[] = "/tmp/longhaul-test-locate-XXXXXX";

static const char *const files[] = {
    "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    "big-00001-of-00002.gguf",
    "big-00002-of-00002.gguf",
    "twin-q4.gguf",
    "twin-q8.gguf",
    "Mixed.Case.gguf",
    "notes.txt",
    ".gguf",
};

static int make_files(void **state) {
    (void)state;
    struct error err = {0};
    if (mkdtemp(folder) == NULL)
        return 1;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct str path = {0};
        file_join(&path, folder, files[i]);
        bool ok = file_write_atomic(str_text(&path), "GGUF", 4, &err);
        str_deinit(&path);
        if (!ok)
            return 1;
    }
    return 0;
}

static int remove_files(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct str path = {0};
        file_join(&path, folder, files[i]);
        unlink(str_text(&path));
        str_deinit(&path);
    }
    return rmdir(folder);
}

static bool find(const char *model, const struct models *models, struct str *path,
                 struct error *err) {
    const struct models_entry *entry;
    *err = (struct error){0};
    str_clear(path);
    return locate_model(&(struct locate){.models = models, .models_dir = folder}, model, path,
                        &entry, err);
}

static void assert_finds(const char *model, const char *file) {
    struct str path = {0};
    struct error err;
    if (!find(model, NULL, &path, &err))
        fail_msg("%s: %s", model, err.text);
    assert_string_equal(strrchr(str_text(&path), '/') + 1, file);
    str_deinit(&path);
}

static void assert_refuses(const char *model, enum error_code code, const char *part) {
    struct str path = {0};
    struct error err;
    assert_false(find(model, NULL, &path, &err));
    assert_int_equal(err.code, code);
    if (strstr(err.text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, part);
    str_deinit(&path);
}

static void a_pulled_model_is_found_by_any_of_its_names(void **state) {
    (void)state;
    assert_finds("qwen2.5-coder-0.5b", files[0]);
    assert_finds("qwen2.5-coder-0.5b-instruct", files[0]);
    assert_finds("qwen2.5-coder-0.5b-instruct-q4_k_m", files[0]);
    assert_finds("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", files[0]);
    assert_finds("QWEN2.5-CODER-0.5B", files[0]);
}

static void a_file_of_the_models_directory_is_found_by_its_stem(void **state) {
    (void)state;
    assert_finds("twin-q4", "twin-q4.gguf");
    assert_finds("mixed.case", "Mixed.Case.gguf");
    assert_finds("mixed", "Mixed.Case.gguf"); /* the only one that begins so */
}

static void the_first_part_stands_for_a_split_file(void **state) {
    (void)state;
    assert_finds("big", "big-00001-of-00002.gguf");
}

static void a_path_is_taken_as_it_is(void **state) {
    (void)state;
    struct str full = {0};
    file_join(&full, folder, "twin-q8.gguf");
    assert_finds(str_text(&full), "twin-q8.gguf");
    str_deinit(&full);
    assert_refuses("/nowhere/x.gguf", ERR_NOT_FOUND, "no file /nowhere/x.gguf");
    assert_refuses("./x.gguf", ERR_NOT_FOUND, "no file ./x.gguf");
}

static void a_name_of_several_files_is_refused_with_their_names(void **state) {
    (void)state;
    assert_refuses("twin", ERR_ARGUMENT, "twin-q4, twin-q8");
}

static void a_word_is_not_cut_in_the_middle(void **state) {
    (void)state;
    assert_refuses("twi", ERR_NOT_FOUND, "twin-q4");
}

static void what_is_not_found_names_what_is_near_and_what_to_do(void **state) {
    (void)state;
    assert_refuses("qwen2.5-codr-7b", ERR_NOT_FOUND, "near: ");
    assert_refuses("qwen2.5-codr-7b", ERR_NOT_FOUND, "qwen2.5-coder-7b");
    assert_refuses("qwen2.5-codr-7b", ERR_NOT_FOUND, "longhaul pull");
    assert_refuses("qwen2.5-coder-7b", ERR_NOT_FOUND,
                   "`longhaul pull qwen2.5-coder-7b` fetches it");
    assert_refuses("xyzzy", ERR_NOT_FOUND, "no model \"xyzzy\"");
    assert_refuses("", ERR_ARGUMENT, "1 to 128 bytes");
    char name[400];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_refuses(name, ERR_ARGUMENT, "1 to 128 bytes");
}

static void an_entry_of_models_json_says_where_its_file_is(void **state) {
    (void)state;
    struct models m;
    struct error err = {0};
    struct str json = {0}, path = {0};
    file_join(&json, folder, "models.json");
    const char *text = "{\"mine\": {\"model\": \"twin-q4.gguf\"}, \"big\": {}, \"gone\": {}, "
                       "\"far\": {\"type\": \"openai\", \"url\": \"http://h\"}}";
    assert_true(file_write_atomic(str_text(&json), text, strlen(text), &err));
    assert_true(models_read(&m, str_text(&json), &err));
    assert_true(find("mine", &m, &path, &err)); /* beside models.json */
    assert_string_equal(strrchr(str_text(&path), '/') + 1, "twin-q4.gguf");
    assert_true(find("big", &m, &path, &err));
    assert_string_equal(strrchr(str_text(&path), '/') + 1, "big-00001-of-00002.gguf");
    assert_true(find("far", &m, &path, &err));
    assert_string_equal(str_text(&path), "");
    assert_false(find("gone", &m, &path, &err));
    assert_non_null(strstr(err.text, "model \"gone\" of "));
    unlink(str_text(&json));
    models_deinit(&m);
    str_deinit(&json);
    str_deinit(&path);
}

static void the_only_model_needs_no_name(void **state) {
    (void)state;
    struct error err = {0};
    struct str path = {0};
    assert_false(locate_only(folder, &path, &err));
    assert_non_null(strstr(err.text, "which model?"));
    err = (struct error){0};
    assert_false(locate_only("/nowhere", &path, &err));
    assert_non_null(strstr(err.text, "longhaul pull"));
    str_deinit(&path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pulled_model_is_found_by_any_of_its_names),
        cmocka_unit_test(a_file_of_the_models_directory_is_found_by_its_stem),
        cmocka_unit_test(the_first_part_stands_for_a_split_file),
        cmocka_unit_test(a_path_is_taken_as_it_is),
        cmocka_unit_test(a_name_of_several_files_is_refused_with_their_names),
        cmocka_unit_test(a_word_is_not_cut_in_the_middle),
        cmocka_unit_test(what_is_not_found_names_what_is_near_and_what_to_do),
        cmocka_unit_test(an_entry_of_models_json_says_where_its_file_is),
        cmocka_unit_test(the_only_model_needs_no_name),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
