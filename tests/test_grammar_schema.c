/* test_grammar_schema.c - what the grammar of a schema lets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/random.h"
#include "text/grammar_schema.h"

/* NULL: refused, and err says why.  schema NULL: any object. */
static struct grammar *build(const char *schema, bool lenient, struct error *err) {
    struct grammar *g = grammar_open();
    struct grammar_schema *b = grammar_schema_open(g);
    json_t *json = schema != NULL ? json_loads(schema, JSON_DECODE_ANY, NULL) : NULL;
    int32_t rule;
    assert_true(schema == NULL || json != NULL);
    bool ok = grammar_schema_add(b, "schema", json, lenient, &rule, err) &&
              grammar_seal(g, rule, err);
    grammar_schema_close(b);
    json_decref(json);
    if (ok) return g;
    grammar_release(g);
    return NULL;
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

#define OBJECT \
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}," \
    "\"b\":{\"type\":\"string\"},\"c\":{\"type\":\"boolean\"}},\"required\":[\"b\"]}"

static void values_are_let_through_as_the_schema_says(void **state) {
    (void)state;
    static const struct {
        const char *schema, *yes[8], *no[8];
    } cases[] = {
        {NULL, {"{}", "{\"a\": [1, \"x\", null, {}]}", "{\n  \"a\": 1\n}"},
         {"[]", "1", "{\"a\"}", "{\"a\": 1,}", "{} "}},
        {"true", {"1", "\"x\"", "[]", "-0.5e+10", "null"}, {"01", "1.", "+1", "'x'", "nul"}},
        {"{\"type\":\"integer\"}", {"0", "-1", "120"}, {"1.5", "00", "-", "\"1\""}},
        {"{\"type\":\"number\"}", {"0", "-1.25", "1e9"}, {".5", "1e", "1.e1"}},
        {"{\"type\":[\"string\",\"null\"]}", {"\"\"", "null"}, {"1", "nullnull"}},
        {"{\"type\":\"string\",\"minLength\":1,\"maxLength\":2}",
         {"\"a\"", "\"\xC3\xA9\\n\"", "\"\\u00e9x\"", "\"\xF0\x9F\x98\x80\""},
         {"\"\"", "\"abc\"", "\"\\uD83D\"", "\"a\nb\"", "\"\x80\""}},
        {"{\"enum\":[\"a\\\"\",1,null,{\"k\":[]}]}", {"\"a\\\"\"", "1", "null", "{\"k\": []}"},
         {"\"a\"", "2", "{\"k\":[]} "}},
        {"{\"type\":\"string\",\"enum\":[\"a\",1]}", {"\"a\""}, {"1"}},
        {"{\"const\":5}", {"5"}, {"6", "55"}},
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":2}",
         {"[1]", "[1, 2]", "[1,2]"}, {"[]", "[1,2,3]", "[\"a\"]", "[1,]"}},
        {"{\"items\":{\"const\":1}}", {"[]", "[1,1,1,1]"}, {"{}", "[2]", "[,1]"}},
        {"{\"type\":\"array\",\"maxItems\":0}", {"[]"}, {"[1]"}},
        {OBJECT, {"{\"b\": \"x\"}", "{\"a\":1,\"b\":\"\"}", "{\"b\":\"\", \"c\":true}",
                  "{\"a\": 1, \"b\": \"x\", \"c\": false}"},
         {"{}", "{\"a\":1}", "{\"c\":true,\"b\":\"\"}", "{\"b\":\"x\",}", "{\"b\":\"x\",\"d\":1}",
          "{,\"b\":\"x\"}"}},
        {"{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}", {"{}"},
         {"{\"a\":1}"}},
        {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}",
         {"{}", "{\"x\": 1, \"y\": 2}"}, {"{\"x\":\"1\"}"}},
        {"{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"integer\"}]}", {"null", "3"}, {"\"3\""}},
        {"{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"integer\"}]}", {"null", "3"}, {"\"3\""}},
        {"{\"allOf\":[{\"type\":\"null\"}]}", {"null"}, {"3"}},
        {"{\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"next\":{\"anyOf\":[{\"type\":"
         "\"null\"},{\"$ref\":\"#/$defs/n\"}]}},\"required\":[\"next\"]}},\"$ref\":\"#/$defs/n\"}",
         {"{\"next\": null}", "{\"next\": {\"next\": null}}"}, {"{}", "{\"next\": {}}"}},
        {"{\"type\":\"string\",\"title\":\"t\",\"format\":\"date\",\"x-own\":1}", {"\"x\""}, {"1"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct grammar *g = build(cases[i].schema, false, &err);
        if (g == NULL) fail_msg("%s: %s", cases[i].schema, err.text);
        for (int k = 0; k < 8 && cases[i].yes[k] != NULL; k++)
            if (!accepts(g, cases[i].yes[k])) fail_msg("%zu refuses %s", i, cases[i].yes[k]);
        for (int k = 0; k < 8 && cases[i].no[k] != NULL; k++)
            if (accepts(g, cases[i].no[k])) fail_msg("%zu accepts %s", i, cases[i].no[k]);
        grammar_release(g);
    }
}

static void what_is_not_done_is_refused_with_its_path(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"pattern\":\"^a\"}", "schema.pattern: "},
        {"{\"properties\":{\"a\":{\"items\":{\"minimum\":1}}}}",
         "schema.properties.a.items.minimum: "},
        {"{\"anyOf\":[true,{\"not\":{}}]}", "schema.anyOf.1.not: "},
        {"{\"anyOf\":[true],\"properties\":{}}", "schema.properties: "},
        {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", "schema.oneOf: "},
        {"{\"oneOf\":[{},{}]}", "schema.oneOf: "},
        {"{\"allOf\":[{},{}]}", "schema.allOf: "},
        {"{\"$ref\":\"other.json\"}", "schema.$ref: "},
        {"{\"$ref\":\"#/x\"}", "schema.$ref: "},
        {"{\"type\":\"thing\"}", "schema.type: "},
        {"{\"minLength\":-1}", "schema.minLength: "},
        {"{\"minLength\":2,\"maxLength\":1}", "schema.maxLength: "},
        {"{\"maxItems\":100000}", "schema.maxItems: "},
        {"{\"required\":[\"a\"]}", "schema.required: "},
        {"{\"items\":false,\"minItems\":1}", "schema.items: "},
        {"{\"type\":\"string\",\"enum\":[1]}", "schema.enum: "},
        {"false", "schema: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct grammar *g = build(cases[i][0], false, &err);
        assert_null(g);
        assert_int_equal(err.code, ERR_UNSUPPORTED);
        if (strncmp(err.text, cases[i][1], strlen(cases[i][1])) != 0)
            fail_msg("%s: %s", cases[i][0], err.text);
    }
    struct error err = {0};
    assert_null(build("{\"$ref\":\"#\"}", false, &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
}

static void a_lenient_reading_passes_over_what_it_cannot_do(void **state) {
    (void)state;
    struct error err = {0};
    struct grammar *g = build("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\","
                              "\"minimum\":3}},\"required\":[\"a\",\"b\"],\"minProperties\":1}",
                              true, &err);
    assert_non_null(g);
    assert_true(accepts(g, "{\"a\": 1}"));
    assert_false(accepts(g, "{\"a\": \"x\"}"));
    grammar_release(g);
}

/* Random texts out of the grammar of any JSON are JSON to an independent reader. */
static void whatever_is_let_through_is_json(void **state) {
    (void)state;
    struct error err = {0};
    struct grammar *g = build(NULL, false, &err);
    struct random r;
    random_init(&r, 11);
    int whole = 0;
    for (int n = 0; n < 200; n++) {
        struct grammar_state *s = grammar_state_open(g);
        struct str text = {0};
        while (text.len < 400 && !(text.len > 0 && grammar_state_complete(s))) {
            /* closers are tried first now and then, so that texts come to an end */
            static const char closers[] = "\"]}";
            char c = (char)random_below(&r, 256);
            if (random_below(&r, 8) == 0) c = closers[random_below(&r, 3)];
            if (!grammar_state_may(s, (struct span){&c, 1})) continue;
            grammar_state_add(s, (struct span){&c, 1});
            str_add_char(&text, c);
        }
        if (grammar_state_complete(s)) {
            json_t *json = json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
            if (json == NULL && strstr(text.data, "e") == NULL) fail_msg("%s", text.data);
            json_decref(json);
            whole++;
        }
        grammar_state_close(s);
        str_deinit(&text);
    }
    assert_true(whole > 50);
    grammar_release(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_let_through_as_the_schema_says),
        cmocka_unit_test(what_is_not_done_is_refused_with_its_path),
        cmocka_unit_test(a_lenient_reading_passes_over_what_it_cannot_do),
        cmocka_unit_test(whatever_is_let_through_is_json),
    };
    return cmocka_run_group_tests_name("grammar_schema", tests, NULL, NULL);
}
