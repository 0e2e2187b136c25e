/* test_reply_parts.c - answers taken apart, each cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/random.h"
#include "text/reply_parts.h"

#define CALL "{\"name\": \"add\", \"arguments\": {\"a\": 1}}"
#define READ "{\"name\": \"read\", \"arguments\": {\"p\": \"x\"}}"

static json_t *tools;

static int set_up(void **state) {
    (void)state;
    tools = json_loads("[{\"type\":\"function\",\"function\":{\"name\":\"add\"}},"
                       "{\"type\":\"function\",\"function\":{\"name\":\"read\"}}]", 0, NULL);
    return tools == NULL;
}

static int tear_down(void **state) {
    (void)state;
    json_decref(tools);
    return 0;
}

struct parts {
    struct str reasoning, content, calls;
};

static void add(struct parts *p, const struct reply_delta *d) {
    assert_false(d->failed);
    str_add(&p->reasoning, d->reasoning.data, d->reasoning.len);
    str_add(&p->content, d->content.data, d->content.len);
    for (int i = 0; i < d->call_count; i++)
        str_addf(&p->calls, "%s%s", d->calls[i].name, d->calls[i].arguments);
}

static void clear(struct parts *p) {
    str_deinit(&p->reasoning);
    str_deinit(&p->content);
    str_deinit(&p->calls);
}

/* In pieces of `piece` bytes. */
static void split(const struct reply_parts_options *o, const char *text, size_t piece,
                  bool complete, struct parts *out) {
    struct error err = {0};
    struct reply_parts *p = reply_parts_open(o, &err);
    struct reply_delta d;
    size_t len = strlen(text), at = 0;
    for (; at + piece < len; at += piece) {
        reply_parts_add(p, (struct span){text + at, piece}, &d);
        assert_int_equal(d.call_count, 0);
        add(out, &d);
    }
    reply_parts_finish(p, (struct span){text + at, len - at}, complete, &d);
    add(out, &d);
    reply_parts_close(p);
}

static void assert_parts(const struct reply_parts_options *o, const char *text, bool complete,
                         const char *reasoning, const char *content, const char *calls) {
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        struct parts got = {0};
        split(o, text, piece, complete, &got);
        if (strcmp(str_text(&got.content), content) != 0 ||
            strcmp(str_text(&got.calls), calls) != 0)
            print_message("in pieces of %zu: %s\n", piece, text);
        assert_string_equal(str_text(&got.calls), calls);
        assert_string_equal(str_text(&got.content), content);
        assert_string_equal(str_text(&got.reasoning), reasoning);
        clear(&got);
    }
}

static void assert_calls(const char *format, const char *text, const char *content,
                         const char *calls) {
    struct reply_parts_options o = {.tools = tools, .format = tool_format_find(format)};
    assert_parts(&o, text, true, "", content, calls);
}

#define ADD_1 "add{\"a\": 1}"
#define READ_X "read{\"p\": \"x\"}"

static void every_shape_of_qwen_coder_arrives_as_calls(void **state) {
    (void)state;
    static const char *const shapes[] = {
        "<tool_call>\n" CALL "\n</tool_call>",
        "<tools>\n" CALL "\n</tools>",
        "<tools>" CALL "</tool_call>",
        "```json\n" CALL "\n```",
        "```json\n" CALL "\n```\n",
        "```\n" CALL "\n```",
        "```xml\n<tool_call>\n" CALL "\n</tool_call>\n```",
        "<tool_call>\n```json\n" CALL "\n```\n</tool_call>",
        CALL,
        "\n  " CALL "\n",
        "[" CALL "]",
        "<tool_call>[" CALL "]</tool_call>",
        "<tool_call>\n" CALL,
        "<tool_call>\n" CALL "\n</tool_",
        "<tool_call>\n" CALL "}\n</tool_call>",
        "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}\n</tool_call>",
        "{\"name\": \"add\", \"arguments\": {\"a\": 1}",
        "```json\n" CALL,
        "<tool_call>{\"name\": \"add\", \"parameters\": {\"a\": 1}}</tool_call>",
        "<tool_call>{\"type\": \"function\", \"function\": " CALL "}</tool_call>",
        "<tool_call>{\"arguments\": {\"a\": 1}, \"name\": \"add\"}</tool_call>",
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct str text = {0};
        assert_calls("<tool_call>", shapes[i], "", ADD_1);
        str_addf(&text, "I will add.\n\n%s", shapes[i]);
        assert_calls("<tool_call>", str_text(&text), "I will add.", ADD_1);
        str_deinit(&text);
    }
}

static void several_calls_arrive_in_order(void **state) {
    (void)state;
    static const char *const shapes[] = {
        "<tool_call>\n" CALL "\n</tool_call>\n<tool_call>\n" READ "\n</tool_call>",
        "<tool_call>\n" CALL "\n" READ "\n</tool_call>",
        "<tool_call>" CALL "<tool_call>" READ,
        "<tools>[" CALL ", " READ "]</tools>",
        "```json\n[" CALL ",\n" READ "]\n```",
        "```json\n" CALL "\n```\n\n```json\n" READ "\n```",
        CALL "\n" READ,
        CALL "; " READ,
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        assert_calls("<tool_call>", shapes[i], "", ADD_1 READ_X);
    struct reply_parts_options o = {
        .tools = tools, .format = tool_format_find(""), .one_call = true};
    assert_parts(&o, shapes[0], true, "", "", ADD_1);
}

static void other_families_formats_are_read(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"<|python_tag|>", "<|python_tag|>{\"name\": \"add\", \"parameters\": {\"a\": 1}}", ADD_1},
        {"<|python_tag|>", "{\"name\": \"add\", \"parameters\": {\"a\": 1}}", ADD_1},
        {"<|python_tag|>", "<|python_tag|>" CALL "; " READ, ADD_1 READ_X},
        {"[TOOL_CALLS]", "[TOOL_CALLS][" CALL ", " READ "]", ADD_1 READ_X},
        {"[TOOL_CALLS]", "[TOOL_CALLS] [{\"name\": \"add\", \"arguments\": {\"a\": 1}, "
         "\"id\": \"abcdefghi\"}]", ADD_1},
        {"[TOOL_CALLS]", "[TOOL_CALLS]add{\"a\": 1}", ADD_1},
        {"[TOOL_CALLS]", "[TOOL_CALLS]add[ARGS]{\"a\": 1}[TOOL_CALLS]read[CALL_ID]x9[ARGS]"
         "{\"p\": \"x\"}", ADD_1 READ_X},
        {"[TOOL_CALLS]", "[" CALL "]", ADD_1},
        {"<|tool_call|>", "<|tool_call|>[" CALL "]", ADD_1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_calls(cases[i][0], cases[i][1], "", cases[i][2]);
}

static void what_is_only_like_a_call_is_content(void **state) {
    (void)state;
    static const char *const texts[] = {
        "Use <tool_call> for that.",
        "a <b> c < d",
        "{\"port\": 1}",
        "{}", "[]", "[1, 2]", "{ return 1; }", "[link](x)", "{", "[", "<", "`",
        "```json\n{\"port\": 1}\n```",
        "```c\nint add(void) { return 1; }\n```\n",
        "```python\nadd(1)\n```",
        "`" CALL "`",
        "It is " CALL,
        "{\"name\": \"other\", \"arguments\": {}}",
        "<tool_call>{\"name\": \"other\", \"arguments\": {}}</tool_call>",
        "<tool_call>\nadd(1)\n</tool_call>",
        "<tool_call></tool_call>",
        "<tool_call>\n" CALL "\n</tool_call>\nThat is how a call looks.",
        "```json\n" CALL "\n```\nis an example",
        CALL " is an example",
        "{\"name\": \"add\", \"arguments\": [1]}",
        "{\"name\": \"add\"}",
        "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": \"",
        "<tool_call>" CALL "<tool_call>nonsense",
        "{\"name\": \"add\", \"arguments\": {\"a\": 1}]",
        "line\n\n  indented \n",
        "", "\n", " x",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_calls("<tool_call>", texts[i], texts[i], "");
}

static void an_example_before_a_call_is_content(void **state) {
    (void)state;
    assert_calls("", "```json\n" CALL "\n```\nis how. Now:\n<tool_call>" READ "</tool_call>",
                 "```json\n" CALL "\n```\nis how. Now:", READ_X);
    assert_calls("", "<to<tool_call>" CALL, "<to", ADD_1);
    assert_calls("", "{\n" CALL, "{", ADD_1);
}

static void control_tags_are_never_shown(void **state) {
    (void)state;
    assert_calls("<|python_tag|>", "<|python_tag|>print(1)", "print(1)", "");
    assert_calls("[TOOL_CALLS]", "Well. [TOOL_CALLS]other{}", "Well. other{}", "");
}

static void control_characters_in_strings_are_escaped(void **state) {
    (void)state;
    assert_calls("", "{\"name\": \"add\", \"arguments\": {\"a\": \"x\n\ty\\\"}\"}}", "",
                 "add{\"a\": \"x\\u000a\\u0009y\\\"}\"}");
}

static void a_call_that_was_cut_short_is_content(void **state) {
    (void)state;
    struct reply_parts_options o = {.tools = tools, .format = tool_format_find("")};
    const char *cut = "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1";
    assert_parts(&o, cut, false, "", cut, "");
    assert_parts(&o, "<tool_call>" CALL, false, "", "", ADD_1);
}

static void without_tools_nothing_is_a_call(void **state) {
    (void)state;
    struct reply_parts_options o = {.reasoning = true};
    const char *text = "<tool_call>" CALL "</tool_call>";
    assert_parts(&o, text, true, "", text, "");
}

static void reasoning_is_split_off(void **state) {
    (void)state;
    struct reply_parts_options o = {.reasoning = true};
    assert_parts(&o, "<think>\na < b\n\nso\n</think>\n\nYes.\n", true, "a < b\n\nso", "Yes.\n", "");
    assert_parts(&o, "\n<think></think>\n\nYes.", true, "", "Yes.", "");
    assert_parts(&o, "<think>I am not done", true, "I am not done", "", "");
    assert_parts(&o, "<think>x</thi", true, "x</thi", "", "");
    assert_parts(&o, "No <think> here </think>", true, "", "No <think> here </think>", "");
    assert_parts(&o, "<thin", true, "", "<thin", "");
    assert_parts(&o, " \n", true, "", " \n", "");
    assert_parts(&o, "<think>x</</think>y", true, "x</", "y", "");
    o.reasoning_open = true;
    assert_parts(&o, "so\n</think>\n\nYes. </think>", true, "so", "Yes. </think>", "");
    assert_parts(&o, "", true, "", "", "");
}

static void calls_may_follow_reasoning_and_are_not_looked_for_in_it(void **state) {
    (void)state;
    struct reply_parts_options o = {
        .reasoning = true, .tools = tools, .format = tool_format_find("")};
    assert_parts(&o, "<think>\n" READ "\n</think>\n\n<tool_call>\n" CALL "\n</tool_call>", true,
                 READ, "", ADD_1);
    assert_parts(&o, "<think>t</think>" CALL, true, "t", "", ADD_1);
    assert_parts(&o, CALL, true, "", "", ADD_1);
    assert_parts(&o, "<tool_call>" CALL, true, "", "", ADD_1);
}

static void content_is_shown_as_soon_as_it_cannot_be_a_call(void **state) {
    (void)state;
    struct error err = {0};
    struct reply_parts_options o = {.tools = tools, .format = tool_format_find("")};
    struct reply_parts *p = reply_parts_open(&o, &err);
    static const char *const steps[][2] = {
        {"a ", "a"}, {"b <", " b"}, {"to", ""}, {"do>", " <todo>"}, {"\n{", ""},
        {"\"port", ""}, {"\"", "\n{\"port\""}, {": 1", ": 1"}, {"}", "}"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct reply_delta d;
        reply_parts_add(p, span_of(steps[i][0]), &d);
        assert_true(span_equal_text(d.content, steps[i][1]));
    }
    reply_parts_close(p);
    reply_parts_close(NULL);
}

static void hostile_nesting_and_length_become_content(void **state) {
    (void)state;
    struct str text = {0};
    struct parts got = {0};
    struct reply_parts_options o = {.tools = tools, .format = tool_format_find("")};
    str_add_text(&text, "{\"name\": ");
    for (int i = 0; i < 2 * REPLY_PARTS_DEPTH_MAX; i++) str_add_char(&text, '[');
    split(&o, str_text(&text), 7, true, &got);
    assert_string_equal(str_text(&got.content), str_text(&text));
    clear(&got);
    str_clear(&text);
    got = (struct parts){0};
    str_add_text(&text, "{\"name\": \"");
    for (int i = 0; i < REPLY_PARTS_HELD_MAX + 9; i++) str_add_char(&text, 'a');
    split(&o, str_text(&text), 4096, true, &got);
    assert_int_equal(got.content.len, text.len);
    clear(&got);
    str_deinit(&text);
}

/* Whatever comes, cutting does not matter, and without calls nothing is lost. */
static void random_answers_lose_nothing(void **state) {
    (void)state;
    static const char *const words[] = {
        "<tool_call>", "</tool_call>", "<tools>", "```json\n", "```", "\n", " ", "{", "}", "[", "]",
        CALL, READ, "{\"name\": \"add\", \"arguments\": {", "\"", "\\", ",", "text", "<", "<think>",
        "</think>", "{\"a\": 1}",
    };
    struct random r;
    random_init(&r, 7);
    for (int n = 0; n < 4000; n++) {
        struct str text = {0};
        struct parts whole = {0}, cut = {0};
        struct reply_parts_options o = {
            .tools = tools, .format = tool_format_find(""), .reasoning = n % 3 == 0};
        for (size_t i = 0, count = 1 + random_below(&r, 9); i < count; i++)
            str_add_text(&text, words[random_below(&r, sizeof words / sizeof words[0])]);
        split(&o, str_text(&text), text.len + 1, true, &whole);
        split(&o, str_text(&text), 1 + random_below(&r, 5), true, &cut);
        assert_string_equal(str_text(&whole.content), str_text(&cut.content));
        assert_string_equal(str_text(&whole.calls), str_text(&cut.calls));
        assert_string_equal(str_text(&whole.reasoning), str_text(&cut.reasoning));
        if (!o.reasoning && whole.calls.len == 0)
            assert_string_equal(str_text(&whole.content), str_text(&text));
        if (!o.reasoning && whole.calls.len > 0)
            assert_memory_equal(str_text(&text), str_text(&whole.content), whole.content.len);
        clear(&whole);
        clear(&cut);
        str_deinit(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_of_qwen_coder_arrives_as_calls),
        cmocka_unit_test(several_calls_arrive_in_order),
        cmocka_unit_test(other_families_formats_are_read),
        cmocka_unit_test(what_is_only_like_a_call_is_content),
        cmocka_unit_test(an_example_before_a_call_is_content),
        cmocka_unit_test(control_tags_are_never_shown),
        cmocka_unit_test(control_characters_in_strings_are_escaped),
        cmocka_unit_test(a_call_that_was_cut_short_is_content),
        cmocka_unit_test(without_tools_nothing_is_a_call),
        cmocka_unit_test(reasoning_is_split_off),
        cmocka_unit_test(calls_may_follow_reasoning_and_are_not_looked_for_in_it),
        cmocka_unit_test(content_is_shown_as_soon_as_it_cannot_be_a_call),
        cmocka_unit_test(hostile_nesting_and_length_become_content),
        cmocka_unit_test(random_answers_lose_nothing),
    };
    return cmocka_run_group_tests_name("reply_parts", tests, set_up, tear_down);
}
