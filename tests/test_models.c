/* test_models.c - models.json: what is accepted, and what the errors say. */
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
#include "config/models.h"
#include "mutate.h"

static char path[] = "/tmp/longhaul-test-models-XXXXXX";

static int make_path(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int remove_path(void **state) {
    (void)state;
    return unlink(path);
}

static bool read_bytes(struct models *m, const char *data, size_t len, struct error *err) {
    *err = (struct error){0};
    assert_true(file_write_atomic(path, data, len, err));
    return models_read(m, path, err);
}

static bool read_text(struct models *m, const char *text, struct error *err) {
    return read_bytes(m, text, strlen(text), err);
}

static void assert_says(const struct error *err, const char *part) {
    if (strstr(err->text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err->text, part);
}

/* What people have today, for another program. */
static const char everyday[] =
    "{ \"qwen2.5.1-coder-7b-instruct\": {\n"
    "    \"type\": \"llama-cpp\", \"context\": 131072, \"port\": 8027, \"timeout\": 300, "
    "\"maxTokens\": 2048,\n"
    "    \"performance\": { \"flashAttention\": false, \"batch\": 4096, \"ubatch\": 512, "
    "\"threads\": 12, \"parallel\": 1,\n"
    "                     \"contBatching\": false, \"cacheTypeK\": \"f16\", \"cacheTypeV\": "
    "\"f16\" "
    "} } }\n";

static void the_file_that_people_have_is_accepted_unchanged(void **state) {
    (void)state;
    struct models m;
    struct error err;
    if (!read_text(&m, everyday, &err))
        fail_msg("%s", err.text);
    assert_int_equal(m.count, 1);
    const struct models_entry *e = models_find(&m, "qwen2.5.1-coder-7b-instruct");
    assert_non_null(e);
    assert_int_equal(e->type, MODELS_LLAMA_CPP);
    assert_int_equal(options_int(&e->given, OPTION_CONTEXT), 131072);
    assert_int_equal(options_int(&e->given, OPTION_PORT), 8027);
    assert_int_equal(options_int(&e->given, OPTION_TIMEOUT), 300);
    assert_int_equal(options_int(&e->given, OPTION_MAX_TOKENS), 2048);
    assert_int_equal(options_int(&e->given, OPTION_BATCH), 4096);
    assert_int_equal(options_int(&e->given, OPTION_UBATCH), 512);
    assert_int_equal(options_int(&e->given, OPTION_THREADS), 12);
    assert_int_equal(options_int(&e->given, OPTION_PARALLEL), 1);
    assert_false(options_bool(&e->given, OPTION_FLASH_ATTENTION));
    assert_false(options_bool(&e->given, OPTION_CONT_BATCHING));
    assert_string_equal(options_text(&e->given, OPTION_CACHE_TYPE_K), "f16");
    assert_string_equal(options_text(&e->given, OPTION_CACHE_TYPE_V), "f16");
    assert_null(models_find(&m, "other"));
    models_deinit(&m);
}

static void every_other_key_is_read_too(void **state) {
    (void)state;
    struct models m;
    struct error err;
    int count;
    const char *text =
        "{\"a\": {\"model\": \"/m/a.gguf\", \"rope\": \"yarn\", \"template\": \"t.jinja\",\n"
        "  \"overrideKv\": {\"qwen2.context_length\": 131072, \"x.y\": 0.5, \"b\": true, \"s\": "
        "\"t\"},\n"
        "  \"sampling\": {\"temperature\": 0, \"topP\": 0.9, \"topK\": 40, \"minP\": 0.05, "
        "\"seed\": "
        "7},\n"
        "  \"draft\": \"small\"},\n"
        " \"b\": {\"type\": \"openai\", \"url\": \"http://host:8000/v1\"},\n"
        " \"c\": {\"overrideKv\": [\"k=int:1\"]}, \"d\": {}}";
    if (!read_text(&m, text, &err))
        fail_msg("%s", err.text);
    assert_int_equal(m.count, 4);
    const struct models_entry *a = models_find(&m, "a");
    assert_int_equal(a->type, MODELS_NATIVE);
    assert_string_equal(options_text(&a->given, OPTION_MODEL), "/m/a.gguf");
    assert_string_equal(options_text(&a->given, OPTION_ROPE), "yarn");
    assert_true(options_real(&a->given, OPTION_TOP_P) == 0.9);
    assert_true(options_real(&a->given, OPTION_TEMPERATURE) == 0);
    assert_true(options_given(&a->given, OPTION_TEMPERATURE));
    assert_int_equal(options_int(&a->given, OPTION_SEED), 7);
    const char *const *list = options_list(&a->given, OPTION_OVERRIDE_KV, &count);
    assert_int_equal(count, 4);
    assert_string_equal(list[0], "qwen2.context_length=int:131072");
    assert_string_equal(list[1], "x.y=float:0.5");
    assert_string_equal(list[2], "b=bool:true");
    assert_string_equal(list[3], "s=str:t");
    assert_int_equal(models_find(&m, "b")->type, MODELS_OPENAI);
    list = options_list(&models_find(&m, "c")->given, OPTION_OVERRIDE_KV, &count);
    assert_int_equal(count, 1);
    assert_false(options_given(&models_find(&m, "d")->given, OPTION_CONTEXT));
    models_deinit(&m);
}

static void an_error_names_the_path_and_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *text, *where, *what;
    } wrong[] = {
        {"{\"m\": {\"contxt\": 5}}", "\"m\": contxt", "did you mean \"context\"?"},
        {"{\"m\": {\"performance\": {\"batc\": 5}}}", "performance.batc",
         "did you mean \"batch\"?"},
        {"{\"m\": {\"performence\": {}}}", "performence", "did you mean \"performance\"?"},
        {"{\"m\": {\"ubatch\": 5}}", "ubatch", "\"performance.ubatch\""},
        {"{\"m\": {\"zebra\": 5}}", "zebra", "unknown key"},
        {"{\"m\": {\"context\": \"big\"}}", "context", "must be a whole number, not a string"},
        {"{\"m\": {\"context\": 1.5}}", "context", "not a number with a fraction"},
        {"{\"m\": {\"context\": null}}", "context", "not null"},
        {"{\"m\": {\"context\": 3}}", "context", "16 to 16777216 tokens"},
        {"{\"m\": {\"performance\": {\"threads\": 0}}}", "performance.threads", "1 to 256"},
        {"{\"m\": {\"performance\": {\"contBatching\": 1}}}", "contBatching", "true or false"},
        {"{\"m\": {\"performance\": {\"cacheTypeK\": \"q9\"}}}", "cacheTypeK", "none of: f32"},
        {"{\"m\": {\"performance\": 5}}", "performance", "must be an object"},
        {"{\"m\": {\"sampling\": {\"topP\": 2}}}", "sampling.topP", "0 to 1"},
        {"{\"m\": {\"sampling\": {\"topP\": \"1\"}}}", "sampling.topP", "must be a number"},
        {"{\"m\": {\"type\": \"ollama\"}}", "type", "native llama-cpp openai"},
        {"{\"m\": {\"type\": \"openai\"}}", "\"m\"", "needs \"url\""},
        {"{\"m\": {\"overrideKv\": {\"k\": []}}}", "overrideKv: k", "not a list"},
        {"{\"m\": {\"overrideKv\": [1]}}", "overrideKv", "must be a string"},
        {"{\"m\": {\"overrideKv\": \"k=int:1\"}}", "overrideKv", "list of strings"},
        {"{\"m\": {\"model\": \"\"}}", "model", "empty"},
        {"{\"m\": 5}", "\"m\"", "must be an object"},
        {"{\"\": {}}", "\"\"", "1 to 128 bytes"},
        {"{\"a\\nb\": {}}", "\"a", "control character"},
        {"[]", "must be an object", "a list"},
        {"{}", "names no model", ""},
        {"{\"m\": {}, \"m\": {}}", "line 1", "duplicate"},
        {"{\n  \"m\": {\n    \"context\": 5,\n  }\n}", "line 4", "column"},
        {"", "line", ""},
        {"{\"m\": {\"context\": 99999999999999999999}}", "line 1", ""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct models m;
        struct error err;
        if (read_text(&m, wrong[i].text, &err))
            fail_msg("accepted: %s", wrong[i].text);
        assert_int_equal(err.code == ERR_FORMAT || err.code == ERR_ARGUMENT, 1);
        assert_says(&err, path);
        assert_says(&err, wrong[i].where);
        assert_says(&err, wrong[i].what);
        assert_int_equal(m.count, 0);
    }
}

static void limits_hold(void **state) {
    (void)state;
    struct models m;
    struct error err;
    struct str text = {0};
    str_add_text(&text, "{");
    for (int i = 0; i <= MODELS_MAX; i++)
        str_addf(&text, "%s\"m%d\": {}", i > 0 ? "," : "", i);
    str_add_text(&text, "}");
    assert_false(read_text(&m, str_text(&text), &err));
    assert_says(&err, "at most 64");
    str_clear(&text);
    str_add_text(&text, "{\"m\": ");
    for (int i = 0; i < 1000; i++)
        str_add_text(&text, "[");
    for (int i = 0; i < 1000; i++)
        str_add_text(&text, "]");
    str_add_text(&text, "}");
    assert_false(read_text(&m, str_text(&text), &err));
    str_clear(&text);
    for (int i = 0; i <= MODELS_FILE_BYTES_MAX; i++)
        str_add_char(&text, ' ');
    assert_false(read_text(&m, str_text(&text), &err));
    str_deinit(&text);
    assert_false(models_read(&m, "/nowhere/models.json", &err));
}

static void a_byte_order_mark_in_front_is_no_mistake(void **state) {
    (void)state;
    struct models m;
    struct error err;
    assert_true(read_text(&m, "\xEF\xBB\xBF{\"m\": {}}", &err));
    models_deinit(&m);
}

static void a_damaged_file_is_an_error_or_a_config_and_nothing_else(void **state) {
    (void)state;
    static const char *const words[] = {"{", "}", "[", ",", "null", "\"type\":", "1e999", NULL};
    struct mutate m;
    mutate_init(&m, &(struct mutate_options){.seed = 5, .words = words});
    for (int i = 0; i < 300; i++) {
        struct models models;
        struct error err;
        size_t len;
        char *copy = mutate_next_text(&m, everyday, sizeof everyday - 1, &len);
        if (read_bytes(&models, copy, len, &err))
            models_deinit(&models);
        else
            assert_true(err.text[0] != '\0');
        free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_that_people_have_is_accepted_unchanged),
        cmocka_unit_test(every_other_key_is_read_too),
        cmocka_unit_test(an_error_names_the_path_and_what_is_wrong),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_byte_order_mark_in_front_is_no_mistake),
        cmocka_unit_test(a_damaged_file_is_an_error_or_a_config_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
