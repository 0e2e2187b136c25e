/* test_request.c - request bodies into structs; damaged ones into errors. */
#include "server/request.h"
#include <stdlib.h>
#include <string.h>
#include "fault.h"
#include "mutate.h"
#include "server/body.h"
#include "server_fixture.h"

struct parsed {
    struct request request;
    struct arena arena;
    json_t *body;
    struct error err;
    bool ok;
};

typedef bool reader(const json_t *body, struct arena *arena, struct request *out,
                    struct error *err);

static void parse(struct parsed *p, reader *read, const char *text) {
    *p = (struct parsed){.body = json_loads(text, 0, NULL)};
    assert_non_null(p->body);
    arena_init(&p->arena, 1 << 20);
    sampling_default(&p->request.sampling);
    p->ok = read(p->body, &p->arena, &p->request, &p->err);
}

static void done(struct parsed *p) {
    request_deinit(&p->request);
    arena_deinit(&p->arena);
    json_decref(p->body);
}

#define MESSAGES "\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]"

static void a_chat_request_is_read_whole(void **state) {
    (void)state;
    struct parsed p;
    parse(&p, request_read_chat,
          "{" MESSAGES ", \"stream\": true, \"stream_options\": {\"include_usage\": true},"
          " \"max_tokens\": 10, \"n\": 3, \"temperature\": 0.5, \"top_k\": -1, \"seed\": 9,"
          " \"stop\": [\"a\", \"b\"], \"logit_bias\": {\"7\": -100}, \"logprobs\": true,"
          " \"top_logprobs\": 4, \"tools\": [{}], \"tool_choice\": \"auto\","
          " \"chat_template_kwargs\": {\"x\": 1}, \"ignore_eos\": true, \"return_tokens\": true}");
    const struct request *r = &p.request;
    assert_true(p.ok);
    assert_true(r->stream && r->include_usage && r->logprobs_wanted && r->ignore_eos);
    assert_true(r->return_tokens && r->sampling.seed_set);
    assert_int_equal(r->max_tokens, 10);
    assert_int_equal(r->choices, 3);
    assert_int_equal(r->sampling.top_k, 0);
    assert_int_equal(r->sampling.seed, 9);
    assert_int_equal(r->stop_count, 2);
    assert_string_equal(r->stops[1], "b");
    assert_int_equal(r->bias_count, 1);
    assert_int_equal(r->bias[0].token, 7);
    assert_true(r->bias[0].bias == -100);
    assert_int_equal(r->logprobs, 4);
    assert_non_null(r->tools);
    assert_non_null(r->kwargs);
    done(&p);
}

static void what_is_not_given_stays_as_the_model_has_it(void **state) {
    (void)state;
    struct parsed p = {.request = {.max_tokens = 5}};
    p.body = json_loads("{" MESSAGES "}", 0, NULL);
    arena_init(&p.arena, 1 << 20);
    sampling_default(&p.request.sampling);
    p.request.sampling.temperature = 0.25f;
    assert_true(request_read_chat(p.body, &p.arena, &p.request, &p.err));
    assert_true(p.request.sampling.temperature == 0.25f);
    assert_int_equal(p.request.max_tokens, 5);
    assert_int_equal(p.request.choices, 1);
    done(&p);
}

static void tool_choice_none_takes_the_tools_away(void **state) {
    (void)state;
    struct parsed p;
    parse(&p, request_read_chat, "{" MESSAGES ", \"tools\": [{}], \"tool_choice\": \"none\"}");
    assert_true(p.ok);
    assert_null(p.request.tools);
    done(&p);
}

static void an_effort_becomes_variables_of_the_template(void **state) {
    (void)state;
    struct parsed p;
    parse(&p, request_read_chat, "{" MESSAGES ", \"reasoning_effort\": \"low\"}");
    assert_true(p.ok);
    assert_true(json_is_true(json_object_get(p.request.kwargs, "enable_thinking")));
    assert_string_equal(json_string_value(json_object_get(p.request.kwargs, "reasoning_effort")),
                        "low");
    done(&p);
    parse(&p, request_read_chat, "{" MESSAGES ", \"reasoning_effort\": \"none\"}");
    assert_true(json_is_false(json_object_get(p.request.kwargs, "enable_thinking")));
    done(&p);
    parse(&p, request_read_chat, "{" MESSAGES ", \"reasoning_effort\": \"none\", "
          "\"chat_template_kwargs\": {\"enable_thinking\": true, \"x\": 1}}");
    assert_true(json_is_true(json_object_get(p.request.kwargs, "enable_thinking")));
    assert_int_equal(json_object_size(p.request.kwargs), 3);
    done(&p);
}

static void parallel_calls_can_be_refused(void **state) {
    (void)state;
    struct parsed p;
    parse(&p, request_read_chat, "{" MESSAGES ", \"parallel_tool_calls\": false}");
    assert_true(p.ok && p.request.one_call);
    done(&p);
    parse(&p, request_read_chat, "{" MESSAGES ", \"parallel_tool_calls\": true}");
    assert_true(p.ok && !p.request.one_call);
    done(&p);
}

static void prompts_come_in_four_shapes(void **state) {
    (void)state;
    static const struct {
        const char *body;
        int count, tokens; /* tokens of the last prompt; 0: text */
    } cases[] = {
        {"{\"prompt\": \"x\"}", 1, 0},
        {"{\"prompt\": [\"x\", \"y\", \"z\"]}", 3, 0},
        {"{\"prompt\": [1, 2]}", 1, 2},
        {"{\"prompt\": [[1], [1, 2, 3]]}", 2, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct parsed p;
        parse(&p, request_read_completion, cases[i].body);
        assert_true(p.ok);
        assert_int_equal(p.request.prompt_count, cases[i].count);
        const struct request_prompt *last = &p.request.prompts[cases[i].count - 1];
        assert_int_equal(last->token_count, cases[i].tokens);
        assert_true((last->text != NULL) == (cases[i].tokens == 0));
        done(&p);
    }
}

static void every_mistake_is_named(void **state) {
    (void)state;
    static const struct {
        reader *read;
        const char *body, *begins;
        enum error_code code;
    } cases[] = {
        {request_read_chat, "{}", "messages: missing", ERR_ARGUMENT},
        {request_read_chat, "{\"messages\": []}", "messages: is empty", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"stop\": [1]}", "stop: expected", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"max_tokens\": 0}", "max_tokens: 0 is out of range",
         ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"max_tokens\": 1e18}", "max_tokens: ", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"logit_bias\": {\"-1\": 1}}",
         "logit_bias: \"-1\" is not a token id", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"logit_bias\": {\"5000000000\": 1}}",
         "logit_bias: \"5000000000\" is not", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"logit_bias\": {\"1\": 101}}",
         "logit_bias: 101 for token 1", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"top_logprobs\": 2}", "top_logprobs: needs",
         ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"tool_choice\": \"required\"}",
         "tool_choice: needs tools", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"tools\": [{}], \"tool_choice\": {}}",
         "tool_choice.function.name: expected a string", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"parallel_tool_calls\": 1}",
         "parallel_tool_calls: expected a boolean", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"reasoning_effort\": \"much\"}",
         "reasoning_effort: \"much\"", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"tool_choice\": \"maybe\"}", "tool_choice: \"maybe\"",
         ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"response_format\": {\"type\": \"xml\"}}",
         "response_format.type: \"xml\"", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"response_format\": {\"type\": \"json_schema\"}}",
         "response_format.json_schema.schema: expected an object", ERR_ARGUMENT},
        {request_read_chat, "{" MESSAGES ", \"stream_options\": {\"include_usage\": 1}}",
         "stream_options: include_usage: expected a boolean", ERR_ARGUMENT},
        {request_read_completion, "{}", "prompt: missing", ERR_ARGUMENT},
        {request_read_completion, "{\"prompt\": \"\"}", "prompt: is empty", ERR_ARGUMENT},
        {request_read_completion, "{\"prompt\": [[1], []]}", "prompt: is empty", ERR_ARGUMENT},
        {request_read_completion, "{\"prompt\": [[1], 5]}", "prompt: expected an array",
         ERR_ARGUMENT},
        {request_read_completion, "{\"prompt\": [1, -2]}", "prompt: element 1: -2", ERR_ARGUMENT},
        {request_read_completion, "{\"prompt\": \"x\", \"suffix\": \"y\"}", "suffix: is not",
         ERR_UNSUPPORTED},
        {request_read_completion, "{\"prompt\": \"x\", \"best_of\": 2}", "best_of: 2",
         ERR_UNSUPPORTED},
        {request_read_completion, "{\"prompt\": \"x\", \"logprobs\": 21}", "logprobs: 21",
         ERR_ARGUMENT},
        {request_read_completion, "{\"prompt\": \"x\", \"echo\": true, \"logprobs\": 1}", "echo: ",
         ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct parsed p;
        parse(&p, cases[i].read, cases[i].body);
        assert_false(p.ok);
        assert_int_equal(p.err.code, cases[i].code);
        if (strncmp(p.err.text, cases[i].begins, strlen(cases[i].begins)) != 0)
            fail_msg("%s: %s", cases[i].body, p.err.text);
        done(&p);
    }
}

static void an_arena_that_is_too_small_is_an_error(void **state) {
    (void)state;
    struct parsed p = {.body = json_loads("{\"prompt\": [1, 2, 3, 4, 5, 6, 7, 8]}", 0, NULL)};
    arena_init(&p.arena, 16);
    assert_false(request_read_completion(p.body, &p.arena, &p.request, &p.err));
    assert_int_equal(p.err.code, ERR_MEMORY);
    done(&p);
}

static void memory_failing_at_any_point_is_an_error(void **state) {
    (void)state;
    json_t *body = json_loads("{" MESSAGES ", \"stop\": [\"a\"], \"logit_bias\": {\"7\": 1}}", 0,
                              NULL);
    for (long n = 0;; n++) {
        struct arena arena;
        struct request request = {0};
        struct error err = {0};
        arena_init(&arena, 1 << 20);
        sampling_default(&request.sampling);
        fault_at(FAULT_MEMORY, n);
        bool ok = request_read_chat(body, &arena, &request, &err);
        bool happened = fault_off();
        assert_true(ok == (err.code == ERR_NONE));
        if (happened) assert_int_equal(err.code, ERR_MEMORY);
        arena_deinit(&arena);
        if (!happened) break;
    }
    json_decref(body);
}

static void damaged_requests_are_read_or_refused(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "{\"model\": \"m\", " MESSAGES ", \"stop\": [\"a\", \"b\"], \"logit_bias\": {\"7\": -100,"
        " \"8\": 5}, \"n\": 2, \"seed\": 123, \"max_completion_tokens\": 9, \"tools\": [{}],"
        " \"tool_choice\": \"auto\", \"stream_options\": {\"include_usage\": false},"
        " \"response_format\": {\"type\": \"text\"}, \"temperature\": 0.7, \"top_k\": 40}",
        "{\"prompt\": [[1, 2, 3], \"text\", [4]], \"echo\": true, \"stop\": \"x\", \"n\": 1,"
        " \"max_tokens\": 5, \"top_p\": 0.5, \"best_of\": 1, \"ignore_eos\": false}",
    };
    static const char *const words[] = {"null", "true", "-1", "1e400", "\"\"", "[]", "{}",
                                        "99999999999", "0.5", "\"x\"", NULL};
    struct mutate m;
    mutate_init(&m, &(struct mutate_options){.seed = 5, .words = words});
    for (int i = 0; i < 3000; i++) {
        struct str text = {0};
        size_t bytes;
        char *damaged = mutate_next_text(&m, bodies[i % 2], strlen(bodies[i % 2]), &bytes);
        struct parsed p = {0};
        arena_init(&p.arena, 1 << 20);
        sampling_default(&p.request.sampling);
        str_add(&text, damaged, bytes);
        p.body = body_parse(&text, &p.err);
        if (p.body != NULL)
            p.ok = (i % 2 == 0 ? request_read_chat : request_read_completion)(
                p.body, &p.arena, &p.request, &p.err);
        if (p.ok == (p.err.code != ERR_NONE)) fail_msg("%s", mutate_what(&m));
        done(&p);
        str_deinit(&text);
        free(damaged);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chat_request_is_read_whole),
        cmocka_unit_test(what_is_not_given_stays_as_the_model_has_it),
        cmocka_unit_test(tool_choice_none_takes_the_tools_away),
        cmocka_unit_test(an_effort_becomes_variables_of_the_template),
        cmocka_unit_test(parallel_calls_can_be_refused),
        cmocka_unit_test(prompts_come_in_four_shapes),
        cmocka_unit_test(every_mistake_is_named),
        cmocka_unit_test(an_arena_that_is_too_small_is_an_error),
        cmocka_unit_test(memory_failing_at_any_point_is_an_error),
        cmocka_unit_test(damaged_requests_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
