/* test_chat_session.c - the conversation's messages; answers are tested in tests/cli. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <signal.h>
#include <unistd.h>
#include "base/file.h"
#include "cli/chat_session.h"

static const char *role_at(const struct chat_session *s, size_t i) {
    return json_string_value(json_object_get(json_array_get(s->messages, i), "role"));
}

static void the_system_message_survives_forgetting(void **state) {
    (void)state;
    struct chat_session s = {.system = "Be brief."};
    struct error err = {0};
    assert_true(chat_session_init(&s, &err));
    assert_true(chat_session_add(&s, "user", "hello", 5, &err));
    assert_true(chat_session_add(&s, "assistant", "hi", 2, &err));
    assert_int_equal(json_array_size(s.messages), 3);
    assert_true(chat_session_clear(&s, &err));
    assert_int_equal(json_array_size(s.messages), 1);
    assert_string_equal(role_at(&s, 0), "system");
    chat_session_deinit(&s);
    chat_session_deinit(&s);
}

static void a_question_without_an_answer_is_taken_back(void **state) {
    (void)state;
    struct chat_session s = {0};
    struct error err = {0};
    assert_true(chat_session_init(&s, &err));
    chat_session_drop_last(&s);
    assert_true(chat_session_add(&s, "user", "hello", 5, &err));
    chat_session_drop_last(&s);
    assert_int_equal(json_array_size(s.messages), 0);
    chat_session_deinit(&s);
}

static void text_that_is_no_utf8_is_refused(void **state) {
    (void)state;
    struct chat_session s = {0};
    struct error err = {0};
    assert_true(chat_session_init(&s, &err));
    assert_false(chat_session_add(&s, "user", "\xFF\xFE", 2, &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
    assert_int_equal(json_array_size(s.messages), 0);
    chat_session_deinit(&s);
}

static void a_saved_conversation_is_json(void **state) {
    (void)state;
    char path[] = "/tmp/longhaul-test-session-XXXXXX";
    struct chat_session s = {0};
    struct error err = {0};
    json_error_t where;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_true(chat_session_init(&s, &err));
    assert_true(chat_session_add(&s, "user", "a\n\"b\"", 5, &err));
    assert_true(chat_session_save(&s, path, &err));
    json_t *root = json_load_file(path, 0, &where);
    assert_true(json_equal(root, s.messages));
    json_decref(root);
    assert_false(chat_session_save(&s, "/nowhere/file", &err));
    unlink(path);
    chat_session_deinit(&s);
}

static void an_interrupt_is_reported_once(void **state) {
    (void)state;
    chat_session_catch_interrupt();
    assert_false(chat_session_interrupted());
    raise(SIGINT);
    assert_true(chat_session_interrupted());
    assert_false(chat_session_interrupted());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_system_message_survives_forgetting),
        cmocka_unit_test(a_question_without_an_answer_is_taken_back),
        cmocka_unit_test(text_that_is_no_utf8_is_refused),
        cmocka_unit_test(a_saved_conversation_is_json),
        cmocka_unit_test(an_interrupt_is_reported_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
