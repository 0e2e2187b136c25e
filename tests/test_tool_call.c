/* test_tool_call.c - which JSON is a call of a declared tool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "text/tool_call.h"

#define TOOLS \
    "[{\"type\":\"function\",\"function\":{\"name\":\"add\"}},{\"name\":\"read\"}]"

/* "add {…}; read {…}", or "no call". */
static struct str read_calls(const char *json, bool tagged) {
    struct tool_calls calls = {0};
    struct str out = {0};
    json_t *tools = json_loads(TOOLS, 0, NULL);
    if (!tool_calls_add(&calls, span_of(json), tools, tagged)) str_add_text(&out, "no call");
    for (int i = 0; i < calls.count; i++)
        str_addf(&out, "%s%s %s", i > 0 ? "; " : "", calls.calls[i].name,
                 calls.calls[i].arguments);
    tool_calls_clear(&calls);
    json_decref(tools);
    return out;
}

static void assert_calls(const char *json, bool tagged, const char *expected) {
    struct str out = read_calls(json, tagged);
    assert_string_equal(str_text(&out), expected);
    str_deinit(&out);
}

static void the_shapes_of_a_call_are_read(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"name\": \"add\", \"arguments\": {\"a\": 1}}", "add {\"a\": 1}"},
        {"{\"arguments\": {\"a\": 1}, \"name\": \"add\"}", "add {\"a\": 1}"},
        {" {\"name\":\"add\",\"parameters\":{}} ", "add {}"},
        {"{\"type\":\"function\",\"function\":{\"name\":\"read\",\"arguments\":{\"b\":[]}}}",
         "read {\"b\":[]}"},
        {"{\"id\":\"x\",\"name\":\"add\",\"arguments\":\"{\\\"a\\\": 2}\"}", "add {\"a\": 2}"},
        {"{\"name\":\"add\",\"arguments\":\"\"}", "add {}"},
        {"[ {\"name\":\"add\",\"arguments\":{}} , {\"name\":\"read\",\"arguments\":"
         "{\"p\":\"]\"}} ]",
         "add {}; read {\"p\":\"]\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_calls(cases[i][0], false, cases[i][1]);
}

static void arguments_are_kept_byte_for_byte(void **state) {
    (void)state;
    assert_calls("{\"name\":\"add\",\"x\":\"{\\\"\",\"arguments\": "
                 "{ \"arguments\": 0.10, \"e\": 1e3, \"u\": \"\\u00e9\\\\\", \"n\": -0 }}", false,
                 "add { \"arguments\": 0.10, \"e\": 1e3, \"u\": \"\\u00e9\\\\\", \"n\": -0 }");
}

static void what_nobody_meant_as_a_call_is_none(void **state) {
    (void)state;
    static const char *const cases[] = {
        "{\"name\":\"other\",\"arguments\":{}}",
        "{\"name\":7,\"arguments\":{}}",
        "{\"name\":\"add\",\"arguments\":[1]}",
        "{\"name\":\"add\",\"arguments\":1}",
        "{\"name\":\"add\",\"arguments\":\"[]\"}",
        "{\"name\":\"add\",\"arguments\":\"a\"}",
        "{\"name\":\"add\",\"arguments\":{},\"arguments\":{}}",
        "{\"arguments\":{}}",
        "[]", "[1]", "{}", "", "x", "7",
        "{\"name\":\"add\",\"arguments\":{}",
        "[{\"name\":\"add\",\"arguments\":{}},{\"name\":\"other\",\"arguments\":{}}]",
        /* the declaration, said again */
        "{\"type\":\"function\",\"function\":{\"name\":\"add\",\"description\":\"Adds.\","
        "\"parameters\":{\"type\":\"object\",\"properties\":{}}}}",
        "{\"name\":\"add\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_calls(cases[i], false, "no call");
        assert_calls(cases[i], true, "no call");
    }
}

static void arguments_may_be_missing_only_where_a_call_was_marked(void **state) {
    (void)state;
    assert_calls("{\"name\":\"add\"}", true, "add {}");
    assert_calls("{\"name\":\"add\",\"arguments\":null}", true, "add {}");
    assert_calls("{\"name\":\"add\"}", false, "no call");
    assert_calls("{\"name\":\"add\",\"arguments\":null}", false, "no call");
}

static void a_name_may_stand_beside_its_arguments(void **state) {
    (void)state;
    struct tool_calls calls = {0};
    json_t *tools = json_loads(TOOLS, 0, NULL);
    assert_true(tool_calls_add_named(&calls, span_of("read"), span_of("{\"a\": 1}"), tools));
    assert_false(tool_calls_add_named(&calls, span_of("reads"), span_of("{}"), tools));
    assert_false(tool_calls_add_named(&calls, span_of("read"), span_of("[]"), tools));
    assert_int_equal(calls.count, 1);
    assert_string_equal(calls.calls[0].name, "read");
    assert_string_equal(calls.calls[0].arguments, "{\"a\": 1}");
    tool_calls_clear(&calls);
    json_decref(tools);
}

static void more_calls_than_the_limit_are_refused_whole(void **state) {
    (void)state;
    struct tool_calls calls = {0};
    struct str json = {0};
    json_t *tools = json_loads(TOOLS, 0, NULL);
    for (int i = 0; i <= TOOL_CALLS_MAX; i++)
        str_addf(&json, "%c{\"name\":\"add\",\"arguments\":{}}", i > 0 ? ',' : '[');
    str_add_char(&json, ']');
    assert_false(tool_calls_add(&calls, (struct span){json.data, json.len}, tools, true));
    assert_int_equal(calls.count, 0);
    str_deinit(&json);
    json_decref(tools);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shapes_of_a_call_are_read),
        cmocka_unit_test(arguments_are_kept_byte_for_byte),
        cmocka_unit_test(what_nobody_meant_as_a_call_is_none),
        cmocka_unit_test(arguments_may_be_missing_only_where_a_call_was_marked),
        cmocka_unit_test(a_name_may_stand_beside_its_arguments),
        cmocka_unit_test(more_calls_than_the_limit_are_refused_whole),
    };
    return cmocka_run_group_tests_name("tool_call", tests, NULL, NULL);
}
