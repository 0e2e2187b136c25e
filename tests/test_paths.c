/* test_paths.c - where things are, from HOME and the XDG variables. */
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
#include "config/paths.h"

static void the_models_directory_follows_the_xdg_rules(void **state) {
    (void)state;
    struct str out = {0};
    setenv("HOME", "/people/u", 1);
    unsetenv("XDG_CACHE_HOME");
    paths_models_dir(&out);
    assert_string_equal(str_text(&out), "/people/u/.cache/longhaul/models");
    setenv("XDG_CACHE_HOME", "/var/c", 1);
    paths_models_dir(&out);
    assert_string_equal(str_text(&out), "/var/c/longhaul/models");
    setenv("XDG_CACHE_HOME", "relative", 1); /* to be ignored, says the specification */
    paths_models_dir(&out);
    assert_string_equal(str_text(&out), "/people/u/.cache/longhaul/models");
    unsetenv("XDG_CACHE_HOME");
    str_deinit(&out);
}

static void a_relative_path_is_taken_from_beside_the_file(void **state) {
    (void)state;
    static const struct {
        const char *path, *beside, *expected;
    } cases[] = {
        {"/abs/x.gguf", "/etc/models.json", "/abs/x.gguf"},
        {"x.gguf", "/etc/models.json", "/etc/x.gguf"},
        {"sub/x.gguf", "conf/models.json", "conf/sub/x.gguf"},
        {"x.gguf", "models.json", "x.gguf"},
        {"x.gguf", NULL, "x.gguf"},
        {"~/x.gguf", "/etc/models.json", "/people/u/x.gguf"},
        {"~x.gguf", NULL, "~x.gguf"},
    };
    setenv("HOME", "/people/u", 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str out = {0};
        paths_resolve(&out, cases[i].path, cases[i].beside);
        assert_string_equal(str_text(&out), cases[i].expected);
        str_deinit(&out);
    }
}

static void models_json_here_comes_before_the_one_of_the_user(void **state) {
    (void)state;
    char folder[] = "/tmp/longhaul-test-paths-XXXXXX", config[128];
    struct str out = {0};
    struct error err = {0};
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    setenv("XDG_CONFIG_HOME", folder, 1);
    assert_false(paths_models_json(&out));
    assert_string_equal(str_text(&out), "");
    snprintf(config, sizeof config, "%s/longhaul", folder);
    assert_true(file_make_directories(config, &err));
    snprintf(config, sizeof config, "%s/longhaul/models.json", folder);
    assert_true(file_write_atomic(config, "{}", 2, &err));
    assert_true(paths_models_json(&out));
    assert_string_equal(str_text(&out), config);
    assert_true(file_write_atomic("models.json", "{}", 2, &err));
    str_clear(&out);
    assert_true(paths_models_json(&out));
    assert_string_equal(str_text(&out), "models.json");
    unsetenv("XDG_CONFIG_HOME");
    unlink("models.json");
    unlink(config);
    *strrchr(config, '/') = '\0';
    rmdir(config);
    rmdir(folder);
    str_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_models_directory_follows_the_xdg_rules),
        cmocka_unit_test(a_relative_path_is_taken_from_beside_the_file),
        cmocka_unit_test(models_json_here_comes_before_the_one_of_the_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
