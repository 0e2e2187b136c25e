/* test_answer.c - the JSON of answers, built directly. */
#include "server/answer.h"
#include <string.h>
#include "server_fixture.h"

static const struct answer chat = {.shape = ANSWER_CHAT, .id = "chatcmpl-1", .model = "m",
                                   .fingerprint = "f", .created_s = 7};
static const struct answer text = {.shape = ANSWER_TEXT, .id = "cmpl-1", .model = "m",
                                   .fingerprint = "f", .created_s = 7};

static void assert_json(json_t *value, const char *want) {
    char *got = json_dumps(value, JSON_COMPACT);
    assert_string_equal(got, want);
    free(got);
    json_decref(value);
}

static void the_first_chunk_says_who_speaks(void **state) {
    (void)state;
    assert_json(answer_chunk_first(&chat, 2),
                "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":7,"
                "\"model\":\"m\",\"system_fingerprint\":\"f\",\"choices\":[{\"index\":2,"
                "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
                "\"finish_reason\":null}]}");
    assert_json(answer_chunk_first(&text, 0),
                "{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":7,"
                "\"model\":\"m\",\"system_fingerprint\":\"f\",\"choices\":[{\"index\":0,"
                "\"text\":\"\",\"logprobs\":null,\"finish_reason\":null}]}");
}

static void an_unknown_time_left_is_null(void **state) {
    (void)state;
    struct answer_progress p = {.total = 9, .cached = 1, .processed = 3, .time_ms = 5,
                                .eta_ms = -1, .queued = true, .queue_position = 4};
    json_t *chunk = answer_chunk_progress(&chat, &p);
    json_t *progress = json_incref(json_object_get(chunk, "prompt_progress"));
    json_decref(chunk);
    assert_json(progress, "{\"total\":9,\"cached\":1,\"processed\":3,\"time_ms\":5,"
                          "\"eta_ms\":null,\"queue_position\":4}");
}

static void a_usage_chunk_has_no_choices(void **state) {
    (void)state;
    struct answer_counts c = {.prompt_tokens = 5, .cached_tokens = 2, .completion_tokens = 3};
    json_t *chunk = answer_chunk_usage(&chat, &c);
    assert_int_equal(json_array_size(json_object_get(chunk, "choices")), 0);
    json_t *usage = json_incref(json_object_get(chunk, "usage"));
    json_decref(chunk);
    assert_json(usage, "{\"prompt_tokens\":5,\"completion_tokens\":3,\"total_tokens\":8,"
                       "\"prompt_tokens_details\":{\"cached_tokens\":2}}");
}

static void no_time_gives_no_infinite_speed(void **state) {
    (void)state;
    struct answer_counts c = {.prompt_n = 5, .predicted_n = 3};
    json_t *timings = answer_timings(&c);
    assert_true(json_real_value(json_object_get(timings, "prompt_per_second")) == 0);
    assert_true(json_real_value(json_object_get(timings, "predicted_per_second")) == 0);
    json_decref(timings);
}

static void bytes_that_are_no_text_become_replacement_characters(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *want;
    } cases[] = {
        {"plain", "plain"},
        {"\xC3\xA9", "\xC3\xA9"},
        {"\xC3", "\xEF\xBF\xBD"},
        {"a\xFF""b", "a\xEF\xBF\xBD""b"},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* a surrogate */
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"\xF0\x9F\x98", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"}, /* too long a form of NUL */
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *value = answer_lossy_string(span_of(cases[i].bytes));
        assert_non_null(value);
        assert_string_equal(json_string_value(value), cases[i].want);
        json_decref(value);
    }
}

static void offsets_count_characters_and_not_bytes(void **state) {
    (void)state;
    struct answer a = text;
    struct generation_token tokens[] = {{.id = 'a'}, {.id = 'b'}};
    struct answer_delta delta = {.tokens = tokens, .token_count = 2};
    json_t *logprobs = answer_logprobs_new(&a);
    answer_logprobs_add(&a, logprobs, &delta);
    answer_logprobs_add(&a, logprobs, &delta);
    json_t *offsets = json_incref(json_object_get(logprobs, "text_offset"));
    json_decref(logprobs);
    assert_json(offsets, "[0,1,2,3]");
}

static void a_call_is_told_in_two_chunks(void **state) {
    (void)state;
    struct tool_call call = {(char[]){"add"}, (char[]){"{\"a\":1}"}};
    struct answer_call c = {1, "call_x", &call};
    json_t *first = answer_chunk_call(&chat, 0, &c), *rest = answer_chunk_arguments(&chat, 0, &c);
    json_t *choices = json_incref(json_object_get(first, "choices"));
    json_decref(first);
    assert_json(choices, "[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"call_x\","
                         "\"type\":\"function\",\"function\":{\"name\":\"add\",\"arguments\":\"\"}}"
                         "]},\"logprobs\":null,\"finish_reason\":null}]");
    choices = json_incref(json_object_get(rest, "choices"));
    json_decref(rest);
    assert_json(choices, "[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{"
                         "\"arguments\":\"{\\\"a\\\":1}\"}}]},\"logprobs\":null,"
                         "\"finish_reason\":null}]");
}

static void an_answer_that_is_only_calls_has_no_content(void **state) {
    (void)state;
    struct tool_call call = {(char[]){"add"}, (char[]){"{}"}};
    struct answer_call c = {0, "call_x", &call};
    struct answer_whole w = {.reasoning = span_of("so"), .calls = &c, .call_count = 1,
                             .finish = "tool_calls", .text = span_of("")};
    assert_json(answer_choice(&chat, &w),
                "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"
                "\"refusal\":null,\"reasoning_content\":\"so\",\"tool_calls\":[{\"id\":\"call_x\","
                "\"type\":\"function\",\"function\":{\"name\":\"add\",\"arguments\":\"{}\"}}]},"
                "\"logprobs\":null,\"finish_reason\":\"tool_calls\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_chunk_says_who_speaks),
        cmocka_unit_test(an_unknown_time_left_is_null),
        cmocka_unit_test(a_usage_chunk_has_no_choices),
        cmocka_unit_test(no_time_gives_no_infinite_speed),
        cmocka_unit_test(bytes_that_are_no_text_become_replacement_characters),
        cmocka_unit_test(a_call_is_told_in_two_chunks),
        cmocka_unit_test(an_answer_that_is_only_calls_has_no_content),
        cmocka_unit_test(offsets_count_characters_and_not_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
