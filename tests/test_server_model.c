/* test_server_model.c - names, states and the bounded number of answers. */
#include "server/server_model.h"
#include <string.h>
#include "server_fixture.h"

static const struct server_model_options two[] = {
    {.name = "alpha", .path = "/m/beta.gguf", .queue_max = 3},
    {.name = "beta", .path = "/m/gamma-q4.gguf"},
};

static void a_name_wins_over_a_stem(void **state) {
    (void)state;
    struct server_models all;
    struct error err = {0};
    assert_true(server_models_init(&all, two, 2, &err));
    assert_ptr_equal(server_model_find(&all, "alpha", &err), &all.models[0]);
    assert_ptr_equal(server_model_find(&all, "beta", &err), &all.models[1]);
    assert_ptr_equal(server_model_find(&all, "gamma-q4", &err), &all.models[1]);
    assert_null(server_model_find(&all, "gamma", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "alpha, beta"));
    server_models_deinit(&all);
}

static void no_name_means_the_only_model(void **state) {
    (void)state;
    struct server_models all;
    struct error err = {0};
    assert_true(server_models_init(&all, two, 1, &err));
    assert_ptr_equal(server_model_find(&all, NULL, &err), &all.models[0]);
    assert_null(server_model_find(&all, "", &err));
    server_models_deinit(&all);
    err = (struct error){0};
    assert_true(server_models_init(&all, two, 2, &err));
    assert_null(server_model_find(&all, NULL, &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
    server_models_deinit(&all);
    assert_false(server_models_init(&all, two, SERVER_MODELS_MAX + 1, &err));
    server_models_deinit(&all);
}

static void the_queue_takes_so_many_and_no_more(void **state) {
    (void)state;
    struct server_models all;
    struct error err = {0};
    assert_true(server_models_init(&all, two, 2, &err));
    struct server_model *m = &all.models[0];
    assert_true(server_model_admit(m, 2, &err));
    assert_false(server_model_admit(m, 2, &err)); /* all or nothing */
    assert_int_equal(err.code, ERR_BUSY);
    assert_true(server_model_admit(m, 1, NULL));
    assert_false(server_model_admit(m, 1, NULL));
    server_model_leave(m, 3);
    assert_true(server_model_admit(m, 3, NULL));
    assert_false(server_model_admit(&all.models[1], ENGINE_QUEUE_MAX + 1, NULL));
    server_models_deinit(&all);
}

static void a_model_is_loading_until_it_is_ready_or_failed(void **state) {
    (void)state;
    struct server_models all;
    struct error err = {0}, why = {0};
    struct native *native = fake_open(0);
    assert_true(server_models_init(&all, two, 2, &err));
    server_model_set_progress(&all.models[0], 0.42);
    assert_null(server_model_native(&all.models[0], &err));
    assert_int_equal(err.code, ERR_BUSY);
    assert_non_null(strstr(err.text, "42 %"));
    server_model_set_ready(&all.models[0], native);
    assert_ptr_equal(server_model_native(&all.models[0], NULL), native);
    error_set(&why, ERR_NOT_FOUND, "/m/x.gguf is not there");
    server_model_set_failed(&all.models[1], &why);
    err = (struct error){0};
    assert_null(server_model_native(&all.models[1], &err));
    assert_non_null(strstr(err.text, "/m/x.gguf is not there"));
    server_models_deinit(&all);
    native_close(native);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_wins_over_a_stem),
        cmocka_unit_test(no_name_means_the_only_model),
        cmocka_unit_test(the_queue_takes_so_many_and_no_more),
        cmocka_unit_test(a_model_is_loading_until_it_is_ready_or_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
