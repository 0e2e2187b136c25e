/* test_tool_format.c - which row a template asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "base/file.h"
#include "text/tool_format.h"

static void a_templates_own_mark_decides(void **state) {
    (void)state;
    assert_string_equal(tool_format_find("… <tool_call>{\"name\" …")->name, "hermes");
    assert_string_equal(tool_format_find("… <|python_tag|> …")->name, "llama");
    assert_string_equal(tool_format_find("<|start_header_id|>user")->name, "llama");
    assert_string_equal(tool_format_find("<|start_header_id|> <tool_call>")->name, "hermes");
    assert_string_equal(tool_format_find("{{ '[TOOL_CALLS]' }}")->name, "mistral");
    assert_string_equal(tool_format_find("<|tool_call|>")->name, "granite");
}

static void a_template_without_tools_gets_what_is_asked_for_in_its_place(void **state) {
    (void)state;
    assert_string_equal(tool_format_find("<|im_start|>")->name, "hermes");
    assert_string_equal(tool_format_find("")->name, "hermes");
}

static void published_templates_find_their_row(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"Qwen-Qwen2.5-7B-Instruct", "hermes"},
        {"Qwen-Qwen3-0.6B", "hermes"},
        {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "hermes"},
        {"meta-llama-Llama-3.1-8B-Instruct", "llama"},
        {"meta-llama-Llama-3.2-3B-Instruct", "llama"},
        {"mistralai-Mistral-Nemo-Instruct-2407", "mistral"},
        {"ibm-granite-granite-3.3-2B-Instruct", "granite"},
    };
    const char *folder = getenv("LONGHAUL_REFERENCE_DIR");
    if (folder == NULL) {
        print_message("skipped: LONGHAUL_REFERENCE_DIR is not set\n");
        skip();
        return;
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str path = {0}, source = {0};
        struct error err = {0};
        str_addf(&path, "%s/templates/%s.jinja", folder, cases[i][0]);
        if (!file_read(&source, str_text(&path), 1 << 20, &err)) fail_msg("%s", err.text);
        assert_string_equal(tool_format_find(str_text(&source))->name, cases[i][1]);
        str_deinit(&path);
        str_deinit(&source);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_templates_own_mark_decides),
        cmocka_unit_test(a_template_without_tools_gets_what_is_asked_for_in_its_place),
        cmocka_unit_test(published_templates_find_their_row),
    };
    return cmocka_run_group_tests_name("tool_format", tests, NULL, NULL);
}
