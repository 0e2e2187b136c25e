/* test_reply.c - stop strings in a streamed answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/random.h"
#include "text/reply.h"

static struct reply *open_reply(const char *const *stops, int count) {
    struct error err = {0};
    struct reply *r = reply_open(stops, count, &err);
    if (r == NULL) fail_msg("%s", err.text);
    return r;
}

/* What a client sees of text when it arrives in pieces of `piece` bytes; which stop was met. */
static struct str shown(const char *const *stops, int count, const char *text, size_t piece,
                        char *met) {
    struct reply *r = open_reply(stops, count);
    struct str out = {0};
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += piece) {
        size_t part = len - at < piece ? len - at : piece;
        bool stopped = reply_add(r, (struct span){text + at, part}, &out);
        assert_int_equal(stopped, reply_stop(r) != NULL);
    }
    reply_finish(r, &out);
    strcpy(met, reply_stop(r) != NULL ? reply_stop(r) : "");
    reply_close(r);
    return out;
}

static void assert_shown(const char *const *stops, int count, const char *text,
                         const char *expected, const char *stop) {
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        char met[REPLY_STOP_BYTES_MAX + 1];
        struct str out = shown(stops, count, text, piece, met);
        assert_string_equal(str_text(&out), expected);
        assert_string_equal(met, stop);
        str_deinit(&out);
    }
}

static void an_answer_ends_before_its_stop_string_however_it_is_cut(void **state) {
    (void)state;
    assert_shown((const char *[]){"STOP"}, 1, "one STOP two", "one ", "STOP");
    assert_shown((const char *[]){"STOP"}, 1, "STOP", "", "STOP");
    assert_shown((const char *[]){"STOP"}, 1, "STSTOP", "ST", "STOP");
    assert_shown((const char *[]){"aab"}, 1, "aaaaab!", "aaa", "aab");
    assert_shown((const char *[]){"abab"}, 1, "xabacababx", "xabac", "abab");
    assert_shown((const char *[]){"\n\nUser:", "\n\n#"}, 2, "a\n\nUse\n\n#b", "a\n\nUse", "\n\n#");
}

static void an_answer_without_its_stop_string_is_shown_whole(void **state) {
    (void)state;
    assert_shown((const char *[]){"STOP"}, 1, "one STO", "one STO", "");
    assert_shown((const char *[]){"STOP"}, 1, "", "", "");
    assert_shown(NULL, 0, "all of it", "all of it", "");
    assert_shown((const char *[]){""}, 1, "all of it", "all of it", ""); /* "" is no stop */
}

static void the_first_stop_string_to_be_complete_wins(void **state) {
    (void)state;
    assert_shown((const char *[]){"abcd", "bc"}, 2, "xabcd", "xa", "bc");
    assert_shown((const char *[]){"bc", "abc"}, 2, "xabcd", "x", "abc"); /* at once: the longer */
    assert_shown((const char *[]){"a", "ab"}, 2, "xab", "x", "a");
}

static void no_more_is_held_back_than_could_be_a_stop_string(void **state) {
    (void)state;
    struct reply *r = open_reply((const char *[]){"\n\nUser:"}, 1);
    struct str out = {0};
    reply_add(r, span_of("line\n"), &out);
    assert_string_equal(str_text(&out), "line");
    reply_add(r, span_of("next"), &out);
    assert_string_equal(str_text(&out), "line\nnext");
    reply_add(r, span_of("\n\nUs"), &out);
    assert_string_equal(str_text(&out), "line\nnext");
    reply_add(r, span_of("\n"), &out); /* the newline may begin it anew */
    assert_string_equal(str_text(&out), "line\nnext\n\nUs");
    reply_finish(r, &out);
    assert_string_equal(str_text(&out), "line\nnext\n\nUs\n");
    str_deinit(&out);
    reply_close(r);
}

static void nothing_follows_a_stop_string_or_the_end(void **state) {
    (void)state;
    struct reply *r = open_reply((const char *[]){"x"}, 1);
    struct str out = {0};
    assert_true(reply_add(r, span_of("axb"), &out));
    assert_true(reply_add(r, span_of("more"), &out));
    reply_finish(r, &out);
    assert_string_equal(str_text(&out), "a");
    reply_close(r);
    r = open_reply((const char *[]){"x"}, 1);
    str_clear(&out);
    reply_finish(r, &out);
    assert_false(reply_add(r, span_of("more"), &out));
    assert_int_equal(out.len, 0);
    str_deinit(&out);
    reply_close(r);
    reply_close(NULL);
}

static void random_answers_end_where_a_search_says(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 41);
    for (int n = 0; n < 5000; n++) { /* few letters, so that much almost matches */
        char text[60] = "", stop[3][8] = {""};
        const char *stops[3] = {stop[0], stop[1], stop[2]};
        for (size_t i = 0, len = random_below(&r, sizeof text); i < len; i++)
            text[i] = (char)('a' + random_below(&r, 2));
        for (int s = 0; s < 3; s++)
            for (size_t i = 0, len = 1 + random_below(&r, 6); i < len; i++)
                stop[s][i] = (char)('a' + random_below(&r, 2));
        size_t first_end = SIZE_MAX, start = 0;
        const char *expected = "";
        for (int s = 0; s < 3; s++) {
            const char *at = strstr(text, stop[s]);
            if (at == NULL) continue;
            size_t end = (size_t)(at - text) + strlen(stop[s]);
            if (end > first_end || (end == first_end && strlen(expected) >= strlen(stop[s])))
                continue;
            first_end = end;
            start = (size_t)(at - text);
            expected = stop[s];
        }
        char met[REPLY_STOP_BYTES_MAX + 1];
        struct str out = shown(stops, 3, text, 1 + random_below(&r, 5), met);
        assert_string_equal(met, expected);
        if (*expected != 0) text[start] = 0;
        assert_string_equal(str_text(&out), text);
        str_deinit(&out);
    }
}

static void limits_are_refused_with_a_reason(void **state) {
    (void)state;
    struct error err = {0};
    const char *many[REPLY_STOPS_MAX + 1];
    for (int i = 0; i <= REPLY_STOPS_MAX; i++) many[i] = "x";
    assert_null(reply_open(many, REPLY_STOPS_MAX + 1, &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
    char longest[REPLY_STOP_BYTES_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[REPLY_STOP_BYTES_MAX + 1] = 0;
    err = (struct error){0};
    assert_null(reply_open((const char *[]){"a", longest}, 2, &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "1025"));
    longest[REPLY_STOP_BYTES_MAX] = 0;
    struct reply *r = open_reply((const char *[]){longest}, 1);
    struct str out = {0};
    assert_true(reply_add(r, (struct span){longest, REPLY_STOP_BYTES_MAX}, &out));
    assert_int_equal(out.len, 0);
    str_deinit(&out);
    reply_close(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_ends_before_its_stop_string_however_it_is_cut),
        cmocka_unit_test(an_answer_without_its_stop_string_is_shown_whole),
        cmocka_unit_test(the_first_stop_string_to_be_complete_wins),
        cmocka_unit_test(no_more_is_held_back_than_could_be_a_stop_string),
        cmocka_unit_test(nothing_follows_a_stop_string_or_the_end),
        cmocka_unit_test(random_answers_end_where_a_search_says),
        cmocka_unit_test(limits_are_refused_with_a_reason),
    };
    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
