/* test_body.c - bytes into a JSON object, or an error that says where. */
#include "server/body.h"
#include <stdlib.h>
#include <string.h>
#include "mutate.h"
#include "server_fixture.h"

static json_t *parse(const char *text, size_t bytes, struct error *err) {
    struct str copy = {0};
    *err = (struct error){0};
    str_add(&copy, text, bytes);
    json_t *value = body_parse(&copy, err);
    str_deinit(&copy);
    return value;
}

static void an_error_says_line_and_column(void **state) {
    (void)state;
    struct error err;
    assert_null(parse("{\n  \"a\": }", 10, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_non_null(strstr(err.text, "line 2, column 8"));
}

static void what_is_no_object_is_refused(void **state) {
    (void)state;
    static const char *const bodies[] = {"", "[]", "1", "null", "\"x\"", "{} x", "{\"a\":1,}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct error err;
        assert_null(parse(bodies[i], strlen(bodies[i]), &err));
        assert_int_equal(err.code, ERR_FORMAT);
    }
}

static void a_lone_surrogate_becomes_the_replacement_character(void **state) {
    (void)state;
    static const struct {
        const char *escaped, *want;
    } cases[] = {
        {"\\ud83d", "\xEF\xBF\xBD"},
        {"\\uDE00", "\xEF\xBF\xBD"},
        {"\\ud83d\\ude00", "\xF0\x9F\x98\x80"},
        {"\\ud83d\\ud83d\\ude00", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
        {"\\ud83dx", "\xEF\xBF\xBDx"},
        {"\\ud83d\\n", "\xEF\xBF\xBD\n"},
        {"\\\\ud83d", "\\ud83d"}, /* an escaped backslash is no escape */
        {"\\\\\\ud83d", "\\\xEF\xBF\xBD"},
        {"\\u00e9", "\xC3\xA9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[64];
        struct error err;
        snprintf(body, sizeof body, "{\"a\": \"%s\"}", cases[i].escaped);
        json_t *value = parse(body, strlen(body), &err);
        assert_non_null(value);
        assert_string_equal(json_string_value(json_object_get(value, "a")), cases[i].want);
        json_decref(value);
    }
}

static void a_nul_inside_a_string_is_kept(void **state) {
    (void)state;
    struct error err;
    json_t *value = parse("{\"a\": \"x\\u0000y\"}", 17, &err);
    assert_non_null(value);
    assert_int_equal(json_string_length(json_object_get(value, "a")), 3);
    json_decref(value);
}

static void nesting_has_an_end(void **state) {
    (void)state;
    enum { DEPTH = 100000 };
    struct error err;
    char *deep = malloc(DEPTH);
    assert_non_null(deep);
    memset(deep, '[', DEPTH);
    assert_null(parse(deep, DEPTH, &err));
    assert_non_null(strstr(err.text, "depth"));
    free(deep);
}

static void damaged_bodies_are_parsed_or_refused(void **state) {
    (void)state;
    static const char body[] = "{\"messages\": [{\"role\": \"user\", \"content\": "
                               "\"a\\ud83d\\ude00b\"}], \"n\": 1.5e3, "
                               "\"stop\": null, \"x\": [true, false, -0.1]}";
    static const char *const words[] = {"\\ud800", "\\u", "\\", "\"", "{", "\xFF", "1e999", NULL};
    struct mutate m;
    mutate_init(&m, &(struct mutate_options){.seed = 11, .words = words});
    for (int i = 0; i < 2000; i++) {
        size_t bytes;
        uint8_t *damaged = mutate_next(&m, (const uint8_t *)body, sizeof body - 1, &bytes);
        struct error err;
        json_t *value = parse((const char *)damaged, bytes, &err);
        if (value == NULL && err.code != ERR_FORMAT) fail_msg("%s", mutate_what(&m));
        json_decref(value);
        free(damaged);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_says_line_and_column),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(a_lone_surrogate_becomes_the_replacement_character),
        cmocka_unit_test(a_nul_inside_a_string_is_kept),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(damaged_bodies_are_parsed_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
