/* test_http_error.c - the table of statuses and the error object. */
#include "server/http_error.h"
#include <string.h>
#include "server_fixture.h"

static void every_error_has_a_status_a_type_and_a_code(void **state) {
    (void)state;
    for (int kind = 0; kind < HTTP_ERRORS; kind++) {
        const struct http_error_row *row = http_error_row(kind);
        assert_in_range(row->status, 400, 599);
        assert_non_null(row->type);
        assert_non_null(row->code);
        if (row->status == 429) assert_true(row->retry_after_s > 0);
    }
}

static const char *param(int kind, const char *text) {
    static char out[128];
    json_t *value = http_error_json(kind, text);
    const json_t *error = json_object_get(value, "error");
    assert_string_equal(json_string_value(json_object_get(error, "message")), text);
    const char *found = json_string_value(json_object_get(error, "param"));
    snprintf(out, sizeof out, "%s", found != NULL ? found : "(null)");
    json_decref(value);
    return out;
}

static void the_field_that_a_text_begins_with_is_the_param(void **state) {
    (void)state;
    assert_string_equal(param(ERR_ARGUMENT, "top_p: too large"), "top_p");
    assert_string_equal(param(ERR_ARGUMENT, "messages[3].content: x"), "messages[3].content");
    assert_string_equal(param(ERR_UNSUPPORTED, "suffix: is not here"), "suffix");
    assert_string_equal(param(HTTP_ERROR_MODEL, "model: \"x\" does not exist"), "model");
    assert_string_equal(param(ERR_ARGUMENT, "the prompt is empty"), "(null)");
    assert_string_equal(param(ERR_ARGUMENT, "Sentence: with a colon"), "(null)");
    assert_string_equal(param(ERR_ARGUMENT, ": odd"), "(null)");
    assert_string_equal(param(ERR_ARGUMENT, ""), "(null)");
    assert_string_equal(param(ERR_IO, "read: no such file"), "(null)");
}

static void a_text_that_was_cut_inside_a_character_is_still_told(void **state) {
    (void)state;
    json_t *value = http_error_json(ERR_INTERNAL, "caf\xC3");
    const char *message =
        json_string_value(json_object_get(json_object_get(value, "error"), "message"));
    assert_string_equal(message, "caf");
    json_decref(value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_status_a_type_and_a_code),
        cmocka_unit_test(the_field_that_a_text_begins_with_is_the_param),
        cmocka_unit_test(a_text_that_was_cut_inside_a_character_is_still_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
