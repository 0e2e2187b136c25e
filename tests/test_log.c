/* test_log.c - one event is one line, whatever the values hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"

static char captured[1 << 20];
static int stderr_before = -1;
static FILE *capture;

static void capture_begin(void) {
    capture = tmpfile();
    assert_non_null(capture);
    fflush(stderr);
    stderr_before = dup(STDERR_FILENO);
    /* Appending, as a log file: threads share the position. */
    assert_true(dup2(fileno(capture), STDERR_FILENO) >= 0);
    assert_true(fcntl(STDERR_FILENO, F_SETFL, O_APPEND) >= 0);
}

static size_t capture_end(void) {
    assert_true(dup2(stderr_before, STDERR_FILENO) >= 0);
    close(stderr_before);
    rewind(capture);
    size_t len = fread(captured, 1, sizeof captured - 1, capture);
    captured[len] = 0;
    fclose(capture);
    return len;
}

static int count_lines(void) {
    int lines = 0;
    for (const char *p = captured; *p != 0; p++) lines += *p == '\n';
    return lines;
}

static void a_line_is_time_level_event_and_fields(void **state) {
    (void)state;
    capture_begin();
    log_event("request_done", "id=%d prompt=%d", 7, 812);
    log_warn("slow", "ms=%d", 3);
    log_error("broken", "code=%s", "io");
    capture_end();
    int year, month, day, hour, minute, second, milli, used = 0;
    int got = sscanf(captured, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour,
                     &minute, &second, &milli, &used);
    assert_int_equal(got, 7);
    assert_int_equal(used, 24);
    static const char want[] = " info  request_done id=7 prompt=812\n";
    assert_memory_equal(captured + used, want, strlen(want));
    assert_non_null(strstr(captured, " warn  slow ms=3\n"));
    assert_non_null(strstr(captured, " error broken code=io\n"));
    assert_int_equal(count_lines(), 3);
}

static void levels_above_the_chosen_one_are_silent(void **state) {
    (void)state;
    capture_begin();
    log_debug("hidden", "x=1");
    log_set_level(LOG_LEVEL_ERROR);
    assert_false(log_enabled(LOG_LEVEL_WARN));
    log_event("hidden", "x=1");
    log_warn("hidden", "x=1");
    log_error("seen", "x=1");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("seen", "x=2");
    log_set_level(LOG_LEVEL_INFO);
    capture_end();
    assert_null(strstr(captured, "hidden"));
    assert_int_equal(count_lines(), 2);
}

static void a_value_cannot_forge_a_second_line(void **state) {
    (void)state;
    capture_begin();
    log_event("request", "agent=%s", "x\n2026-01-01T00:00:00.000Z info  admin\r\x1b[2J\x7f");
    capture_end();
    assert_int_equal(count_lines(), 1);
    for (const char *p = captured; *p != '\n'; p++)
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7F);
}

static void a_line_that_is_too_long_is_cut_and_says_so(void **state) {
    (void)state;
    char *value = malloc(10000);
    assert_non_null(value);
    memset(value, 'v', 9999);
    value[9999] = 0;
    capture_begin();
    log_event("long", "value=%s", value);
    log_event("next", "x=1");
    size_t len = capture_end();
    free(value);
    assert_int_equal(count_lines(), 2);
    assert_non_null(strstr(captured, "vvv [cut]\n"));
    assert_true(len < 5000);
}

static void logging_leaves_errno_alone(void **state) {
    (void)state;
    capture_begin();
    close(STDERR_FILENO); /* the write fails */
    errno = ENOTTY;
    log_error("lost", "x=1");
    assert_int_equal(errno, ENOTTY);
    capture_end();
}

enum { WRITERS = 4, WRITER_LINES = 500 };

static void *write_lines(void *arg) {
    for (int i = 0; i < WRITER_LINES; i++)
        log_event("line", "writer=%d %0*d end", *(int *)arg, 200, i);
    return NULL;
}

static void lines_of_several_threads_stay_whole(void **state) {
    (void)state;
    pthread_t thread[WRITERS];
    int number[WRITERS];
    capture_begin();
    for (int i = 0; i < WRITERS; i++) {
        number[i] = i;
        assert_int_equal(pthread_create(&thread[i], NULL, write_lines, &number[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) pthread_join(thread[i], NULL);
    capture_end();
    assert_int_equal(count_lines(), WRITERS * WRITER_LINES);
    int seen[WRITERS] = {0};
    for (char *line = strtok(captured, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        int writer, index, used = 0;
        char *field = strstr(line, "writer=");
        assert_non_null(field);
        assert_int_equal(sscanf(field, "writer=%d %d end%n", &writer, &index, &used), 2);
        assert_int_equal(field[used], 0);
        assert_in_range(writer, 0, WRITERS - 1);
        assert_int_equal(index, seen[writer]++);
    }
}

static void quoting_escapes_what_would_end_or_confuse_a_value(void **state) {
    (void)state;
    char out[64];
    assert_string_equal(log_quote(out, sizeof out, ""), "\"\"");
    assert_string_equal(log_quote(out, sizeof out, "two words"), "\"two words\"");
    assert_string_equal(log_quote(out, sizeof out, "a\"b\\c"), "\"a\\\"b\\\\c\"");
    assert_string_equal(log_quote(out, sizeof out, "\n\r\t\x01\x7f"), "\"\\n\\r\\t\\x01\\x7f\"");
    assert_string_equal(log_quote(out, sizeof out, "na\xC3\xAFve"), "\"na\xC3\xAFve\"");
}

static void quoting_cuts_to_fit_at_whole_characters(void **state) {
    (void)state;
    /* One of each: plain, escape of two, of four, two, three and four bytes of UTF-8. */
    static const char text[] = "a\n\x01\xC3\xAF\xE2\x82\xAC\xF0\x9F\x98\x80z";
    static const char whole[] = "\"a\\n\\x01\xC3\xAF\xE2\x82\xAC\xF0\x9F\x98\x80z\"";
    for (int bytes = 0; bytes < 40; bytes++) {
        char *out = malloc((size_t)bytes + 1); /* its own block: overruns are seen */
        assert_non_null(out);
        const char *quoted = log_quote(out, bytes, text);
        size_t len = strlen(quoted);
        assert_true(len < (size_t)bytes || bytes == 0);
        if (bytes >= (int)sizeof whole) {
            assert_string_equal(quoted, whole);
        } else if (bytes >= 3) {
            assert_int_equal(quoted[0], '"');
            assert_int_equal(quoted[len - 1], '"');
            size_t kept = len - 2;
            while (kept > 0 && quoted[kept] == '.') kept--;
            assert_memory_equal(quoted, whole, kept + 1);
            unsigned char next = (unsigned char)whole[kept + 1];
            assert_true((next & 0xC0) != 0x80); /* never inside a sequence */
        }
        free(out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_time_level_event_and_fields),
        cmocka_unit_test(levels_above_the_chosen_one_are_silent),
        cmocka_unit_test(a_value_cannot_forge_a_second_line),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_says_so),
        cmocka_unit_test(logging_leaves_errno_alone),
        cmocka_unit_test(lines_of_several_threads_stay_whole),
        cmocka_unit_test(quoting_escapes_what_would_end_or_confuse_a_value),
        cmocka_unit_test(quoting_cuts_to_fit_at_whole_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
