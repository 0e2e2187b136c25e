/* test_constrain.c - the form of an answer, out of the request. */
#include "server/constrain.h"
#include <string.h>
#include "server_fixture.h"

#define BODY "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], "
#define TOOLS \
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"read\", \"parameters\": " \
    "{\"type\": \"object\", \"properties\": {\"p\": {\"type\": \"string\", " \
    "\"pattern\": \"^/\"}}, \"required\": [\"p\"]}}}, " \
    "{\"type\": \"function\", \"function\": {\"name\": \"stop\"}}], "
#define READ "<tool_call>\n{\"name\": \"read\", \"arguments\": {\"p\": \"x\"}}\n</tool_call>"
#define STOP "<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>"

static struct grammar *build(const char *body, const struct constrain_options *o,
                             struct error *err) {
    struct arena arena;
    struct request request = {0};
    struct grammar *g = NULL;
    json_t *json = json_loads(body, 0, NULL);
    arena_init(&arena, 1 << 20);
    sampling_default(&request.sampling);
    assert_non_null(json);
    if (request_read_chat(json, &arena, &request, err)) constrain(&request, o, &g, err);
    request_deinit(&request);
    arena_deinit(&arena);
    json_decref(json);
    return g;
}

static bool accepts(struct grammar *g, const char *text) {
    struct grammar_state *s = grammar_state_open(g);
    bool ok = grammar_state_may(s, span_of(text));
    if (ok) {
        grammar_state_add(s, span_of(text));
        ok = grammar_state_complete(s);
    }
    grammar_state_close(s);
    return ok;
}

static void answers_have_the_form_that_was_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *more, *mark;
        bool reasoning, open;
        const char *yes[4], *no[4];
    } cases[] = {
        {"\"response_format\": {\"type\": \"json_object\"}", "", false, false,
         {"{}", "{\"a\": 1}"}, {"[]", "x", "<think>x</think>\n\n{}"}},
        {"\"response_format\": {\"type\": \"json_object\"}", "", true, false,
         {"{}", "<think>\nx\n</think>\n\n{}"}, {"x</think>\n\n{}"}},
        {"\"response_format\": {\"type\": \"json_object\"}", "", true, true,
         {"x</think>\n\n{}"}, {"{}"}},
        {"\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"schema\": "
         "{\"const\": 5}}}", "", false, false, {"5"}, {"{}"}},
        {TOOLS "\"tool_choice\": \"required\"", "", false, false,
         {READ, STOP, READ "\n" STOP}, {"{}", "x", READ STOP, READ "\n"}},
        {TOOLS "\"tool_choice\": \"required\", \"parallel_tool_calls\": false", "", false, false,
         {READ, STOP}, {READ "\n" STOP}},
        {TOOLS "\"tool_choice\": {\"type\": \"function\", \"function\": {\"name\": \"read\"}}", "",
         false, false, {READ}, {STOP, READ "\n" READ}},
        {TOOLS "\"tool_choice\": \"required\"", "<|python_tag|>", false, false,
         {"{\"name\": \"stop\", \"parameters\": {}}"}, {STOP}},
        {TOOLS "\"response_format\": {\"type\": \"json_object\"}", "", false, false, {"{}", STOP},
         {"x"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct str body = {0};
        struct constrain_options o = {tool_format_find(cases[i].mark), cases[i].reasoning,
                                      cases[i].open};
        str_addf(&body, BODY "%s}", cases[i].more);
        struct grammar *g = build(str_text(&body), &o, &err);
        if (g == NULL) fail_msg("%s: %s", cases[i].more, err.text);
        for (int k = 0; k < 4 && cases[i].yes[k] != NULL; k++)
            if (!accepts(g, cases[i].yes[k])) fail_msg("%zu refuses %s", i, cases[i].yes[k]);
        for (int k = 0; k < 4 && cases[i].no[k] != NULL; k++)
            if (accepts(g, cases[i].no[k])) fail_msg("%zu accepts %s", i, cases[i].no[k]);
        grammar_release(g);
        str_deinit(&body);
    }
}

static void a_free_answer_has_no_grammar(void **state) {
    (void)state;
    struct error err = {0};
    struct constrain_options o = {.format = tool_format_find("")};
    assert_null(build(BODY TOOLS "\"tool_choice\": \"auto\"}", &o, &err));
    assert_null(build(BODY "\"response_format\": {\"type\": \"text\"}}", &o, &err));
    assert_int_equal(err.code, ERR_NONE);
}

static void what_cannot_be_asked_for_is_refused_by_name(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {TOOLS "\"tool_choice\": {\"type\": \"function\", \"function\": {\"name\": \"no\"}}",
         "tool_choice: no tool \"no\""},
        {"\"response_format\": {\"type\": \"json_object\"}, \"ignore_eos\": true", "ignore_eos: "},
        {"\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"schema\": "
         "{\"pattern\": \"a\"}}}", "response_format.json_schema.schema.pattern: "},
        {"\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"schema\": "
         "{\"$ref\": \"#\"}}}", "response_format: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct str body = {0};
        struct constrain_options o = {.format = tool_format_find("")};
        str_addf(&body, BODY "%s}", cases[i][0]);
        assert_null(build(str_text(&body), &o, &err));
        if (strncmp(err.text, cases[i][1], strlen(cases[i][1])) != 0) fail_msg("%s", err.text);
        str_deinit(&body);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_have_the_form_that_was_asked_for),
        cmocka_unit_test(a_free_answer_has_no_grammar),
        cmocka_unit_test(what_cannot_be_asked_for_is_refused_by_name),
    };
    return cmocka_run_group_tests_name("constrain", tests, NULL, NULL);
}
