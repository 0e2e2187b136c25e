/* test_options.c - flags, environment and precedence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "config/options.h"

enum { ARGUMENTS_MAX = 32 };

/* Parses a line of words for a command. */
static bool parse(struct options *o, enum option_command command, const char *name,
                  const char *const *words, struct error *err) {
    char *argv[ARGUMENTS_MAX];
    int argc = 0;
    for (; words[argc] != NULL; argc++)
        argv[argc] = (char *)words[argc];
    options_init(o);
    *err = (struct error){0};
    return options_parse(o, command, name, argc, argv, err);
}

#define RUN(o, err, ...) parse(o, COMMAND_RUN, "run", (const char *const[]){__VA_ARGS__, NULL}, err)
#define BENCH(o, err, ...)                                                                         \
    parse(o, COMMAND_BENCH, "bench", (const char *const[]){__VA_ARGS__, NULL}, err)

static void assert_text(const struct error *err, const char *part) {
    if (strstr(err->text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err->text, part);
}

static void a_value_may_follow_or_stand_behind_an_equals_sign(void **state) {
    (void)state;
    struct options o;
    struct error err;
    assert_true(
        RUN(&o, &err, "model", "--context", "4096", "--temperature=0.25", "-n7", "-t", "3"));
    assert_int_equal(options_int(&o, OPTION_CONTEXT), 4096);
    assert_true(options_real(&o, OPTION_TEMPERATURE) == 0.25);
    assert_int_equal(options_int(&o, OPTION_MAX_TOKENS), 7);
    assert_int_equal(options_int(&o, OPTION_THREADS), 3);
    assert_int_equal(o.word_count, 1);
    assert_string_equal(o.words[0], "model");
}

static void without_a_value_the_default_counts(void **state) {
    (void)state;
    struct options o;
    options_init(&o);
    assert_int_equal(options_int(&o, OPTION_BATCH), 2048);
    assert_string_equal(options_text(&o, OPTION_KV), "f16");
    assert_int_equal(options_int(&o, OPTION_CONTEXT), 0);
    assert_null(options_text(&o, OPTION_SYSTEM));
    assert_true(options_bool(&o, OPTION_CONT_BATCHING));
    assert_false(options_given(&o, OPTION_BATCH));
}

static void a_switch_is_turned_on_and_off(void **state) {
    (void)state;
    struct options o;
    struct error err;
    assert_true(RUN(&o, &err, "--stats"));
    assert_true(options_bool(&o, OPTION_STATS));
    assert_true(RUN(&o, &err, "--no-stats"));
    assert_false(options_bool(&o, OPTION_STATS));
    assert_true(options_given(&o, OPTION_STATS));
    assert_true(RUN(&o, &err, "--stats=false"));
    assert_false(options_bool(&o, OPTION_STATS));
    assert_false(RUN(&o, &err, "--no-stats=true"));
    assert_false(RUN(&o, &err, "--stats=perhaps"));
    assert_text(&err, "--stats");
}

static void words_after_two_dashes_are_no_options(void **state) {
    (void)state;
    struct options o;
    struct error err;
    assert_true(RUN(&o, &err, "model", "--", "--context"));
    assert_int_equal(o.word_count, 2);
    assert_string_equal(o.words[1], "--context");
    assert_true(RUN(&o, &err, "model", "-"));
    assert_string_equal(o.words[1], "-");
}

static void an_unknown_option_names_the_nearest(void **state) {
    (void)state;
    struct options o;
    struct error err;
    assert_false(RUN(&o, &err, "--contxt", "4096"));
    assert_int_equal(err.code, ERR_ARGUMENT);
    assert_text(&err, "--contxt");
    assert_text(&err, "did you mean --context?");
    assert_false(RUN(&o, &err, "--frobnicate=7"));
    assert_text(&err, "--frobnicate");
    assert_text(&err, "longhaul run --help");
    assert_false(RUN(&o, &err, "-Z"));
    assert_text(&err, "-Z");
}

static void an_option_of_another_command_is_refused(void **state) {
    (void)state;
    struct options o;
    struct error err;
    assert_false(RUN(&o, &err, "--depths", "0"));
    assert_text(&err, "another command");
}

static void a_wrong_value_names_option_value_and_range(void **state) {
    (void)state;
    struct options o;
    struct error err;
    static const char *const wrong[][3] = {
        {"--context", "many", "\"many\" is not a whole number"},
        {"--context", "1.5", "whole number"},
        {"--context", " 5", "whole number"},
        {"--context", "5", "16 to 16777216 tokens"},
        {"--context", "99999999999999999999", "out of range"},
        {"--temperature", "warm", "not a number"},
        {"--temperature", "nan", "not a number"},
        {"--temperature", "inf", "not a number"},
        {"--temperature", "0x10", "not a number"},
        {"--temperature", "101", "0 to 100"},
        {"--kv", "q9_9", "none of: f32"},
        {"--kv", "f32 f16", "none of"},
        {"--memory", "lots", "not a size"},
        {"--memory", "16Q", "not a size"},
        {"--memory", "1K", "out of range"},
        {"--system", "", "empty"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(RUN(&o, &err, wrong[i][0], wrong[i][1]));
        assert_int_equal(err.code, ERR_ARGUMENT);
        assert_text(&err, wrong[i][0]);
        assert_text(&err, wrong[i][2]);
    }
    assert_false(RUN(&o, &err, "--context"));
    assert_text(&err, "--context needs a value");
}

static void sizes_are_powers_of_1024(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {{"2097152", 2097152}, {"512M", 512LL << 20}, {"16G", 16LL << 30},
                 {"1.5g", 3LL << 29},  {"2GiB", 2LL << 30},   {"4GB", 4LL << 30},
                 {"1T", 1LL << 40}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct options o;
        struct error err;
        assert_true(RUN(&o, &err, "--memory", sizes[i].text));
        assert_int_equal(options_int(&o, OPTION_MEMORY), sizes[i].bytes);
    }
}

static void a_list_grows_with_every_flag(void **state) {
    (void)state;
    struct options o;
    struct error err;
    int count;
    assert_true(RUN(&o, &err, "--override-kv", "a=int:1", "--override-kv", "b=str:x"));
    const char *const *list = options_list(&o, OPTION_OVERRIDE_KV, &count);
    assert_int_equal(count, 2);
    assert_string_equal(list[0], "a=int:1");
    assert_string_equal(list[1], "b=str:x");
    assert_null(list[2]);
    for (int i = 0; i < OPTION_LIST_MAX - 2; i++)
        assert_true(options_set(&o, OPTION_OVERRIDE_KV, "c=int:1", OPTION_FROM_FLAG, &err));
    assert_false(options_set(&o, OPTION_OVERRIDE_KV, "c=int:1", OPTION_FROM_FLAG, &err));
}

static void numbers_with_commas_are_checked_one_by_one(void **state) {
    (void)state;
    struct options o;
    struct error err;
    int64_t depths[OPTION_INTS_MAX];
    assert_true(BENCH(&o, &err, "m", "--depths", "0,4096,8192"));
    assert_int_equal(options_ints(&o, OPTION_DEPTHS, depths), 3);
    assert_int_equal(depths[2], 8192);
    options_init(&o);
    assert_int_equal(options_ints(&o, OPTION_DEPTHS, depths), 1);
    static const char *const wrong[] = {"", "1,", ",1", "1,,2", "1,x", "-1", "1 2"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(BENCH(&o, &err, "m", "--depths", wrong[i]));
}

static void a_flag_comes_before_the_environment_and_that_before_models_json(void **state) {
    (void)state;
    struct options o, entry;
    struct error err = {0};
    setenv("LONGHAUL_CONTEXT", "2000", 1);
    setenv("LONGHAUL_THREADS", "2", 1);
    assert_true(RUN(&o, &err, "--context", "1000"));
    assert_true(options_read_environment(&o, COMMAND_RUN, &err));
    options_init(&entry);
    assert_true(options_set(&entry, OPTION_CONTEXT, "3000", OPTION_FROM_MODELS, &err));
    assert_true(options_set(&entry, OPTION_THREADS, "3", OPTION_FROM_MODELS, &err));
    assert_true(options_set(&entry, OPTION_BATCH, "30", OPTION_FROM_MODELS, &err));
    options_layer(&o, &entry);
    assert_int_equal(options_int(&o, OPTION_CONTEXT), 1000);
    assert_int_equal(options_int(&o, OPTION_THREADS), 2);
    assert_int_equal(options_int(&o, OPTION_BATCH), 30);
    assert_int_equal(options_int(&o, OPTION_UBATCH), 512);
    unsetenv("LONGHAUL_CONTEXT");
    unsetenv("LONGHAUL_THREADS");
}

static void a_bad_variable_is_named(void **state) {
    (void)state;
    struct options o;
    struct error err = {0};
    options_init(&o);
    setenv("LONGHAUL_CONTEXT", "big", 1);
    assert_false(options_read_environment(&o, COMMAND_RUN, &err));
    assert_text(&err, "LONGHAUL_CONTEXT");
    /* … but only by the commands that take it. */
    err = (struct error){0};
    assert_true(options_read_environment(&o, COMMAND_PULL, &err));
    unsetenv("LONGHAUL_CONTEXT");
}

static void the_first_of_two_variables_counts(void **state) {
    (void)state;
    struct options o;
    struct error err = {0};
    options_init(&o);
    setenv("HF_ENDPOINT", "http://second", 1);
    assert_true(options_read_environment(&o, COMMAND_PULL, &err));
    assert_string_equal(options_text(&o, OPTION_HUB), "http://second");
    setenv("LONGHAUL_HUB", "http://first", 1);
    assert_true(options_read_environment(&o, COMMAND_PULL, &err));
    assert_string_equal(options_text(&o, OPTION_HUB), "http://first");
    unsetenv("LONGHAUL_HUB");
    unsetenv("HF_ENDPOINT");
}

static void too_many_words_are_refused(void **state) {
    (void)state;
    char *argv[OPTION_WORDS_MAX + 1];
    struct options o;
    struct error err = {0};
    for (int i = 0; i <= OPTION_WORDS_MAX; i++)
        argv[i] = "word";
    options_init(&o);
    assert_false(options_parse(&o, COMMAND_RUN, "run", OPTION_WORDS_MAX + 1, argv, &err));
    assert_text(&err, "quotes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_may_follow_or_stand_behind_an_equals_sign),
        cmocka_unit_test(without_a_value_the_default_counts),
        cmocka_unit_test(a_switch_is_turned_on_and_off),
        cmocka_unit_test(words_after_two_dashes_are_no_options),
        cmocka_unit_test(an_unknown_option_names_the_nearest),
        cmocka_unit_test(an_option_of_another_command_is_refused),
        cmocka_unit_test(a_wrong_value_names_option_value_and_range),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(a_list_grows_with_every_flag),
        cmocka_unit_test(numbers_with_commas_are_checked_one_by_one),
        cmocka_unit_test(a_flag_comes_before_the_environment_and_that_before_models_json),
        cmocka_unit_test(a_bad_variable_is_named),
        cmocka_unit_test(the_first_of_two_variables_counts),
        cmocka_unit_test(too_many_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
