/* test_load.c - models.json, the models directory and the flags, merged for one model. */
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
#include "cli/load.h"

static char folder[] = "/tmp/longhaul-test-load-XXXXXX", config[64], model[64];

static const char text[] =
    "{\"mine\": {\"model\": \"tiny.gguf\", \"context\": 3000, \"performance\": {\"threads\": 3}},\n"
    " \"theirs\": {\"type\": \"llama-cpp\"}}";

static int make_files(void **state) {
    (void)state;
    struct error err = {0};
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(config, sizeof config, "%s/models.json", folder);
    snprintf(model, sizeof model, "%s/tiny.gguf", folder);
    return !file_write_atomic(config, text, sizeof text - 1, &err) ||
           !file_write_atomic(model, "GGUF", 4, &err);
}

static int remove_files(void **state) {
    (void)state;
    unlink(config);
    unlink(model);
    return rmdir(folder);
}

static void set(struct options *o, enum option_id id, const char *value) {
    struct error err = {0};
    if (!options_set(o, id, value, OPTION_FROM_FLAG, &err))
        fail_msg("%s", err.text);
}

static void an_entry_gives_what_the_flags_leave_open(void **state) {
    (void)state;
    struct load_config c;
    struct load l;
    struct options o;
    struct error err = {0};
    options_init(&o);
    set(&o, OPTION_CONFIG, config);
    set(&o, OPTION_CONTEXT, "1000");
    assert_true(load_config_open(&c, &o, &err));
    if (!load_find(&l, &c, &o, "mine", &err))
        fail_msg("%s", err.text);
    assert_string_equal(l.name, "mine");
    assert_string_equal(str_text(&l.path), model);
    assert_int_equal(options_int(&l.options, OPTION_CONTEXT), 1000);
    assert_int_equal(options_int(&l.options, OPTION_THREADS), 3);
    load_log_notes(&l);
    load_deinit(&l);
    load_config_close(&c);
}

static void a_path_is_named_after_its_file(void **state) {
    (void)state;
    struct load_config c;
    struct load l;
    struct options o;
    struct error err = {0};
    options_init(&o);
    set(&o, OPTION_CONFIG, config);
    assert_true(load_config_open(&c, &o, &err));
    assert_true(load_find(&l, &c, &o, model, &err));
    assert_string_equal(l.name, "tiny");
    assert_int_equal(options_int(&l.options, OPTION_THREADS), 0);
    load_deinit(&l);
    load_config_close(&c);
}

static void another_engine_is_answered_with_its_name(void **state) {
    (void)state;
    struct load_config c;
    struct load l;
    struct options o;
    struct error err = {0};
    options_init(&o);
    set(&o, OPTION_CONFIG, config);
    assert_true(load_config_open(&c, &o, &err));
    assert_false(load_find(&l, &c, &o, "theirs", &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "engine type \"llama-cpp\" is not in this version"));
    load_deinit(&l);
    load_config_close(&c);
}

static void a_config_that_is_named_must_be_there(void **state) {
    (void)state;
    struct load_config c;
    struct options o;
    struct error err = {0};
    options_init(&o);
    set(&o, OPTION_CONFIG, "/nowhere/models.json");
    assert_false(load_config_open(&c, &o, &err));
    assert_non_null(strstr(err.text, "/nowhere/models.json"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_gives_what_the_flags_leave_open),
        cmocka_unit_test(a_path_is_named_after_its_file),
        cmocka_unit_test(another_engine_is_answered_with_its_name),
        cmocka_unit_test(a_config_that_is_named_must_be_there),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
