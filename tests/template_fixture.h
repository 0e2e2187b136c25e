/* template_fixture.h - renders a source over JSON, for the tests of src/text/template*.c. */
#ifndef TESTS_TEMPLATE_FIXTURE_H
#define TESTS_TEMPLATE_FIXTURE_H
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "text/template.h"

/* What a source renders to, and which bytes are its own. */
struct rendered {
    bool ok;
    struct error err;
    struct template_output out;
};

static inline struct rendered fixture_render(const char *source, const char *globals) {
    static const char *const trusted[] = {"bos_token", "messages[].role", NULL};
    struct rendered r = {0};
    json_t *json = json_loads(globals ? globals : "{}", JSON_ALLOW_NUL, NULL);
    assert_non_null(json);
    struct template *t = template_open(span_of(source), "test", &r.err);
    struct template_options options = {.now_unix_s = 1771934400};
    r.ok = t && template_render(t, json, trusted, &options, &r.out, &r.err);
    assert_int_equal(r.ok, r.err.code == ERR_NONE);
    template_close(t);
    json_decref(json);
    return r;
}

static inline void fixture_expect(const char *source, const char *globals, const char *text) {
    struct rendered r = fixture_render(source, globals);
    if (!r.ok) fail_msg("%s: %s", source, r.err.text);
    assert_string_equal(str_text(&r.out.text), text);
    template_output_deinit(&r.out);
}

/* The source is refused with this code, and the message has this in it. */
static inline void fixture_refuse(const char *source, const char *globals, enum error_code code,
                                  const char *part) {
    struct rendered r = fixture_render(source, globals);
    if (r.ok) fail_msg("%s gave %s", source, str_text(&r.out.text));
    assert_int_equal(r.err.code, code);
    if (!strstr(r.err.text, part)) fail_msg("%s: \"%s\" has no \"%s\"", source, r.err.text, part);
    template_output_deinit(&r.out);
}

/* origin has a letter for each byte of the text: T for trusted, d for data. */
static inline void fixture_expect_origin(const char *source, const char *globals, const char *text,
                                         const char *origin) {
    struct rendered r = fixture_render(source, globals);
    if (!r.ok) fail_msg("%s: %s", source, r.err.text);
    assert_string_equal(str_text(&r.out.text), text);
    char *found = calloc(r.out.text.len + 1, 1);
    size_t from = 0;
    for (int i = 0; i < r.out.run_count; i++) {
        assert_true(r.out.runs[i].end > from); /* no empty runs */
        memset(found + from, r.out.runs[i].trusted ? 'T' : 'd', r.out.runs[i].end - from);
        from = r.out.runs[i].end;
    }
    assert_int_equal(from, r.out.text.len);
    assert_string_equal(found, origin);
    free(found);
    template_output_deinit(&r.out);
}

#endif
