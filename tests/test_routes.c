/* test_routes.c - finding routes, and what is said where there is none. */
#include "server/routes.h"
#include "server_fixture.h"

static void a_route_is_found_by_method_and_path(void **state) {
    (void)state;
    const char *tail;
    assert_non_null(routes_find("POST", "/v1/chat/completions", &tail));
    assert_ptr_equal(routes_find("POST", "/v1/chat/completions/", &tail),
                     routes_find("POST", "/v1/chat/completions", &tail));
    assert_ptr_equal(routes_find("HEAD", "/health", &tail), routes_find("GET", "/health", &tail));
    assert_null(routes_find("GET", "/v1/chat/completions", &tail));
    assert_null(routes_find("POST", "/v1/chat", &tail));
    assert_null(routes_find("POST", "", &tail));
    assert_null(routes_find("GET", "/health//", &tail));
}

static void a_star_takes_the_rest_of_a_path(void **state) {
    (void)state;
    const char *tail;
    assert_non_null(routes_find("GET", "/v1/models/org/name.gguf", &tail));
    assert_string_equal(tail, "org/name.gguf");
    assert_non_null(routes_find("GET", "/v1/models/", &tail)); /* the list, with a slash */
    assert_string_equal(tail, "");
}

static void allow_lists_the_methods_of_a_path(void **state) {
    (void)state;
    char out[ROUTES_ALLOW_BYTES_MAX];
    assert_string_equal(routes_allow("/health", out, sizeof out), "GET, HEAD, OPTIONS");
    assert_string_equal(routes_allow("/tokenize", out, sizeof out), "POST, OPTIONS");
    assert_string_equal(routes_allow("/nowhere", out, sizeof out), "");
}

static void the_nearest_route_is_named_first(void **state) {
    (void)state;
    struct str near = {0};
    routes_near("/tokenise", &near);
    assert_memory_equal(str_text(&near), "POST /tokenize, ", 16);
    str_deinit(&near);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_is_found_by_method_and_path),
        cmocka_unit_test(a_star_takes_the_rest_of_a_path),
        cmocka_unit_test(allow_lists_the_methods_of_a_path),
        cmocka_unit_test(the_nearest_route_is_named_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
