/* test_fields.c - a JSON object into a struct by a table. */
#include "server/fields.h"
#include <stddef.h>
#include "server_fixture.h"

struct things {
    bool flag;
    int number;
    float real;
    const char *text;
    const json_t *list, *object;
};

static bool read_own(const struct field_read *r, struct error *err) {
    if (!json_is_null(r->value) && !json_is_true(r->value))
        return fields_wrong_type(r, "true", err);
    ((struct things *)r->out)->number = 77;
    return true;
}

static const struct field rows[] = {
    {"flag", FIELD_BOOL, offsetof(struct things, flag), 0, 0, NULL},
    {"number", FIELD_INT, offsetof(struct things, number), -5, 10, NULL},
    {"newer_number", FIELD_INT, offsetof(struct things, number), -5, 10, NULL},
    {"real", FIELD_REAL, offsetof(struct things, real), 0, 1, NULL},
    {"text", FIELD_STRING, offsetof(struct things, text), 0, 0, NULL},
    {"list", FIELD_ARRAY, offsetof(struct things, list), 0, 0, NULL},
    {"object", FIELD_OBJECT, offsetof(struct things, object), 0, 0, NULL},
    {"own", FIELD_OWN, 0, 0, 0, read_own},
    {"old", FIELD_REFUSED, 0, 0, 0, NULL},
};

static bool read(const char *text, struct things *out, struct error *err, json_t **tree) {
    *err = (struct error){0};
    *out = (struct things){0};
    *tree = json_loads(text, JSON_ALLOW_NUL, NULL);
    assert_non_null(*tree);
    struct field_read object = {.value = *tree, .out = out};
    return fields_read(rows, sizeof rows / sizeof rows[0], &object, err);
}

static void every_kind_is_read(void **state) {
    (void)state;
    struct things t;
    struct error err;
    json_t *tree;
    assert_true(read("{\"flag\": true, \"number\": -5, \"real\": 1, \"text\": \"x\", \"list\": [1],"
                     " \"object\": {}, \"unknown\": 5}", &t, &err, &tree));
    assert_true(t.flag);
    assert_int_equal(t.number, -5);
    assert_true(t.real == 1.0f);
    assert_string_equal(t.text, "x");
    assert_int_equal(json_array_size(t.list), 1);
    assert_non_null(t.object);
    json_decref(tree);
}

static void null_counts_as_absent_also_for_refused_ones(void **state) {
    (void)state;
    struct things t;
    struct error err;
    json_t *tree;
    assert_true(read("{\"flag\": null, \"number\": null, \"old\": null, \"own\": null}", &t, &err,
                     &tree));
    assert_int_equal(t.number, 0);
    json_decref(tree);
}

static void of_two_names_for_one_place_the_later_row_wins(void **state) {
    (void)state;
    struct things t;
    struct error err;
    json_t *tree;
    assert_true(read("{\"newer_number\": 4, \"number\": 3}", &t, &err, &tree));
    assert_int_equal(t.number, 4);
    json_decref(tree);
}

static void errors_name_the_field_and_what_was_there(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{\"flag\": 1}", "flag: expected a boolean, got a number"},
        {"{\"number\": \"5\"}", "number: expected an integer, got a string"},
        {"{\"number\": 1.5}", "number: expected an integer, got a number"},
        {"{\"number\": 11}", "number: 11 is out of range (-5 to 10)"},
        {"{\"number\": 9223372036854775807}",
         "number: 9223372036854775807 is out of range (-5 to 10)"},
        {"{\"number\": 1e300}", "number: expected an integer, got a number"},
        {"{\"real\": {}}", "real: expected a number, got an object"},
        {"{\"real\": 1.5}", "real: 1.5 is out of range (0 to 1)"},
        {"{\"text\": false}", "text: expected a string, got a boolean"},
        {"{\"text\": \"a\\u0000b\"}", "text: holds a NUL character"},
        {"{\"list\": \"x\"}", "list: expected an array, got a string"},
        {"{\"object\": []}", "object: expected an object, got an array"},
        {"{\"own\": 5}", "own: expected true, got a number"},
        {"{\"old\": 5}", "old: is not in this version; leave it out"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct things t;
        struct error err;
        json_t *tree;
        assert_false(read(cases[i].text, &t, &err, &tree));
        assert_string_equal(err.text, cases[i].want);
        json_decref(tree);
    }
}

static void a_whole_number_may_be_written_with_a_point(void **state) {
    (void)state;
    struct things t;
    struct error err;
    json_t *tree;
    assert_true(read("{\"number\": 5.0}", &t, &err, &tree));
    assert_int_equal(t.number, 5);
    json_decref(tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(null_counts_as_absent_also_for_refused_ones),
        cmocka_unit_test(of_two_names_for_one_place_the_later_row_wins),
        cmocka_unit_test(errors_name_the_field_and_what_was_there),
        cmocka_unit_test(a_whole_number_may_be_written_with_a_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
