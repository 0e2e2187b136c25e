/* test_template.c - the template language from outside: what it renders, what it refuses and how it
 * says so, where bytes come from, and what it may cost.
 * Covers: template_access.c, template_call.c, template_eval.c, template_exec.c,
 * template_expression.c, template_lexer.c, template_parser.c, template_scope.c, template_state.c,
 * template_text.c, template_value.c, template_dict.c, template_operator.c, template_builtin.c,
 * template_global.c, template_sort.c. */
#include "template_fixture.h"
#include <pthread.h>
#include "fault.h"

/* ---- what it renders ------------------------------------------------------------------- */

static json_t *read_line(FILE *f) {
    char *line = NULL;
    size_t capacity = 0;
    json_t *json = getline(&line, &capacity, f) > 0 ? json_loads(line, JSON_ALLOW_NUL, NULL) : NULL;
    free(line);
    return json;
}

/* tests/golden/template.jsonl is written by tests/text/write_goldens.py. */
static void snippets_render_as_jinja2_renders_them(void **state) {
    (void)state;
    char path[512];
    const char *root = getenv("LONGHAUL_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/golden/template.jsonl", root ? root : ".");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    json_t *head = read_line(f), *line;
    struct template_options options = {
        .now_unix_s = json_integer_value(json_object_get(head, "now"))};
    int count = 0;
    for (; (line = read_line(f)); count++) {
        struct error err = {0};
        struct template_output out = {0};
        const char *source = json_string_value(json_object_get(line, "template"));
        const json_t *wanted = json_object_get(line, "text");
        struct template *t = template_open(span_of(source), "snippet", &err);
        bool ok = t && template_render(t, json_object_get(head, "variables"), NULL, &options, &out,
                                       &err);
        if (ok != json_is_string(wanted)) fail_msg("%s: %s", source, ok ? "rendered" : err.text);
        if (ok && (out.text.len != json_string_length(wanted) ||
                   memcmp(str_text(&out.text), json_string_value(wanted), out.text.len)))
            fail_msg("%s: %s, not %s", source, str_text(&out.text), json_string_value(wanted));
        template_output_deinit(&out);
        template_close(t);
        json_decref(line);
    }
    assert_true(count > 1000);
    json_decref(head);
    fclose(f);
}

static void a_conversation_renders(void **state) {
    (void)state;
    fixture_expect("{%- for m in messages %}\n"
                   "    {{- '<|im_start|>' + m.role + '\\n' + m.content|trim + '<|im_end|>\\n' }}\n"
                   "{%- endfor %}\n"
                   "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
                   "{\"messages\": [{\"role\": \"user\", \"content\": \" hi \"}],"
                   " \"add_generation_prompt\": true}",
                   "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
}

static void output_of_a_render_replaces_what_was_there(void **state) {
    (void)state;
    struct error err = {0};
    struct template_output out = {0};
    struct template *t = template_open(span_of("{{ a }}b{{ a }}"), "test", &err);
    json_t *globals = json_pack("{s:s}", "a", "xy");
    for (int i = 0; i < 3; i++) {
        assert_true(template_render(t, globals, NULL, NULL, &out, &err));
        assert_string_equal(str_text(&out.text), "xybxy");
        assert_int_equal(out.run_count, 3);
        assert_int_equal(out.runs[2].end, 5);
    }
    template_output_deinit(&out);
    template_close(t);
    json_decref(globals);
}

static void an_empty_template_renders_nothing(void **state) {
    (void)state;
    fixture_expect("", NULL, "");
    fixture_expect("\n", NULL, "");
    fixture_expect("{# nothing #}", NULL, "");
}

static void the_date_is_in_utc(void **state) {
    (void)state;
    fixture_expect("{{ strftime_now('%d %b %Y %H:%M') }}", NULL, "24 Feb 2026 12:00");
}

/* ---- where bytes come from ------------------------------------------------------------- */

static const char message[] = "{\"c\": \" hi \", \"role\": \"user\", \"bos_token\": \"<s>\","
                              " \"l\": [\"a\", \"b\"], \"m\": {\"x\": \"y\"}}";

static void what_the_template_writes_is_trusted(void **state) {
    (void)state;
    fixture_expect_origin("ab{{ '<|x|>' }}{% raw %}{{{% endraw %}", message, "ab<|x|>{{",
                          "TTTTTTTTT");
    fixture_expect_origin("{% set s = 'a' %}{{ s + 'b' ~ 'c' }}", message, "abc", "TTT");
    fixture_expect_origin("{{ {'user': '<u>'}[role] }}", message, "<u>", "TTT");
    fixture_expect_origin("{{ bos_token }}x", message, "<s>x", "TTTT");
}

static void what_comes_from_data_is_not(void **state) {
    (void)state;
    fixture_expect_origin("{{ c }}", message, " hi ", "dddd");
    fixture_expect_origin("{{ '<' + role + '>' }}", message, "<user>", "TddddT");
    fixture_expect_origin("{{ '<' ~ c|trim ~ '>' }}", message, "<hi>", "TddT");
    fixture_expect_origin("{{ ('<' + c + '>')[1:-1] }}", message, " hi ", "dddd");
    fixture_expect_origin("{{ ('<' + c + '>')[0:3] }}", message, "< h", "Tdd");
    fixture_expect_origin("{{ l|join('-') }}", message, "a-b", "dTd");
    fixture_expect_origin("{{ '-'.join(l) }}", message, "a-b", "dTd");
    fixture_expect_origin("{% for k in m %}{{ k }}{% endfor %}", message, "x", "d");
    fixture_expect_origin("{% for x in c.strip() %}{{ x }}.{% endfor %}", message, "h.i.", "dTdT");
}

static void origin_survives_what_templates_do_to_texts(void **state) {
    (void)state;
    fixture_expect_origin("{{ ('[' + role + ']').replace('s', '<>') }}", message, "[u<>er]",
                          "TdTTddT");
    fixture_expect_origin("{{ ('a,' + role + ',b').split(',')[1] }}", message, "user", "dddd");
    fixture_expect_origin("{{ ('a,' + role + ',b').split(',')[2] }}", message, "b", "T");
    fixture_expect_origin("{{ '%s|%s' % ('a', role) }}", message, "a|user", "TTdddd");
    fixture_expect_origin("{{ '{}|{}'.format('a', role) }}", message, "a|user", "TTdddd");
    fixture_expect_origin("{{ ('a\n' + role)|indent(1) }}", message, "a\n user", "TTTdddd");
    fixture_expect_origin("{{ ('x' + role)[::-1] }}", message, "resux", "ddddT");
    fixture_expect_origin("{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(role) }}", message, "<user>",
                          "TddddT");
    fixture_expect_origin("{% set b %}<{{ role }}>{% endset %}{{ b }}{{ b|string }}", message,
                          "<user><user>", "TddddTTddddT");
    fixture_expect_origin("{% filter trim %} <{{ role }}> {% endfilter %}", message, "<user>",
                          "TddddT");
}

static void what_cannot_be_told_is_not_trusted(void **state) {
    (void)state;
    fixture_expect_origin("{{ ('a' + role)|upper }}", message, "AUSER", "ddddd");
    fixture_expect_origin("{{ 'abc'|upper }}", message, "ABC", "TTT");
    fixture_expect_origin("{{ m|tojson }}", message, "{\"x\": \"y\"}", "dddddddddd");
    fixture_expect_origin("{{ l }}", message, "['a', 'b']", "dddddddddd");
    fixture_expect_origin("{{ 1 + 1 }}", message, "2", "d");
}

/* A long text that was built by appending must not become trusted where windows on it overlap. */
static void appending_in_place_changes_no_other_string(void **state) {
    (void)state;
    fixture_expect_origin("{% set a = 'x' + role %}{% set b = a + '1' %}{% set c = a + '2' %}"
                          "{{ a }},{{ b }},{{ c }}",
                          message, "xuser,xuser1,xuser2", "TddddTTddddTTTddddT");
    fixture_expect_origin("{% set a = 'x' + role %}{{ a + a }}", message, "xuserxuser",
                          "TddddTdddd");
    fixture_expect("{% set ns = namespace(t='') %}"
                   "{% for i in range(200) %}{% set ns.t = ns.t + 'ab' %}{% endfor %}"
                   "{{ ns.t|length }}{{ ns.t[398:] }}",
                   NULL, "400ab");
}

static void members_of_a_list_can_be_trusted(void **state) {
    (void)state;
    fixture_expect_origin("{{ '<|' + messages[0].role + '|>' + messages[0].content }}",
                          "{\"messages\": [{\"role\": \"user\", \"content\": \"<|x|>\"}]}",
                          "<|user|><|x|>", "TTTTTTTTddddd");
}

/* ---- errors ---------------------------------------------------------------------------- */

static void an_error_names_line_column_and_text(void **state) {
    (void)state;
    fixture_refuse("line one\n  {{ a.b.c }}", "{\"a\": {}}", ERR_ARGUMENT, "line 2, column 6");
    fixture_refuse("x\ny{{ a.b.c }}", "{\"a\": {}}", ERR_ARGUMENT, "no 'b' in this dict");
    fixture_refuse("{{ a.b.c }}", "{\"a\": {}}", ERR_ARGUMENT, "at \"a.b.c }}\"");
    fixture_refuse("{{ nosuch.x }}", NULL, ERR_ARGUMENT, "'nosuch' is undefined");
    fixture_refuse("{% if x %}", NULL, ERR_FORMAT, "endif");
    fixture_refuse("{{ 'a' + 1 }}", NULL, ERR_ARGUMENT, "a str + a int");
    fixture_refuse("{{ (1 }}", NULL, ERR_FORMAT, "line 1");
    fixture_refuse("{{ x", NULL, ERR_FORMAT, "without its end");
}

static void raise_exception_speaks_first(void **state) {
    (void)state;
    struct rendered r =
        fixture_render("a\n{{ raise_exception('Roles must ' ~ 'alternate') }}", NULL);
    assert_false(r.ok);
    assert_int_equal(r.err.code, ERR_ARGUMENT);
    assert_memory_equal(r.err.text, "Roles must alternate", 20);
    assert_non_null(strstr(r.err.text, "line 2"));
    template_output_deinit(&r.out);
}

static void what_is_left_out_is_refused_by_name(void **state) {
    (void)state;
    fixture_refuse("{% include 'x' %}", NULL, ERR_UNSUPPORTED, "include");
    fixture_refuse("{% import 'x' as y %}", NULL, ERR_UNSUPPORTED, "import");
    fixture_refuse("{% extends 'x' %}", NULL, ERR_UNSUPPORTED, "extends");
    fixture_refuse("{{ 1|nosuch }}", NULL, ERR_UNSUPPORTED, "nosuch");
    fixture_refuse("{{ 1 is nosuch }}", NULL, ERR_UNSUPPORTED, "nosuch");
    fixture_refuse("{% nosuch %}", NULL, ERR_FORMAT, "nosuch");
    fixture_refuse("{{ [].append(1) }}", NULL, ERR_ARGUMENT, "append");
    fixture_refuse("{{ {}.update({}) }}", NULL, ERR_ARGUMENT, "update");
}

static void a_source_that_is_not_utf8_is_refused(void **state) {
    (void)state;
    fixture_refuse("a\xff", NULL, ERR_FORMAT, "UTF-8");
    fixture_refuse("\xc3", NULL, ERR_FORMAT, "UTF-8");
    fixture_refuse("\xed\xa0\x80", NULL, ERR_FORMAT, "UTF-8");
}

/* ---- costs ----------------------------------------------------------------------------- */

static char *repeated(const char *head, const char *piece, int count, const char *tail) {
    struct str s = {0};
    str_add_text(&s, head);
    for (int i = 0; i < count; i++) str_add_text(&s, piece);
    str_add_text(&s, tail);
    return str_take(&s);
}

static void refuse_repeated(const char *head, const char *piece, int count, const char *tail) {
    char *source = repeated(head, piece, count, tail);
    struct rendered r = fixture_render(source, "{\"a\": 1}");
    assert_false(r.ok);
    template_output_deinit(&r.out);
    free(source);
}

static void deep_sources_are_refused(void **state) {
    (void)state;
    refuse_repeated("{{ ", "(", 5000, "1");
    refuse_repeated("{{ ", "[", 5000, "1");
    refuse_repeated("{{ ", "not ", 5000, "1 }}");
    refuse_repeated("{{ ", "- ", 5000, "1 }}");
    refuse_repeated("{{ 1", " + 1", 100000, " }}");
    refuse_repeated("{{ a", ".b", 100000, " }}");
    refuse_repeated("{{ a", "()", 100000, " }}");
    refuse_repeated("{{ ", "1 if 0 else ", 5000, "2 }}");
    refuse_repeated("", "{% if 1 %}", 5000, "");
    refuse_repeated("", "{% for x in [1] %}", 5000, "");
}

static void long_but_flat_sources_are_fine(void **state) {
    (void)state;
    char *source = repeated("{% if 0 %}", "{% elif 0 %}", 20000, "{% else %}x{% endif %}");
    fixture_expect(source, NULL, "x");
    free(source);
    source = repeated("", "{{ a }}", 20000, "");
    struct rendered r = fixture_render(source, "{\"a\": \"b\"}");
    assert_true(r.ok);
    assert_int_equal(r.out.text.len, 20000);
    template_output_deinit(&r.out);
    free(source);
}

static void endless_recursion_ends(void **state) {
    (void)state;
    fixture_refuse("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", NULL, ERR_ARGUMENT, "deep");
    fixture_refuse("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", NULL, ERR_ARGUMENT,
                   "deep");
    fixture_refuse("{% set n = namespace() %}{% set n.a = [n] %}{{ n }}", NULL, ERR_ARGUMENT,
                   "deep");
    fixture_refuse("{% set n = namespace(l=[]) %}{% for i in range(5000) %}"
                   "{% set n.l = [n.l] %}{% endfor %}{{ n.l|tojson }}",
                   NULL, ERR_ARGUMENT, "deep");
}

static void endless_work_ends(void **state) {
    (void)state;
    fixture_refuse("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
                   NULL, ERR_ARGUMENT, "steps");
    fixture_refuse("{{ 'a' * 9223372036854775807 }}", NULL, ERR_ARGUMENT, "steps");
    fixture_refuse("{{ [1] * 9223372036854775807 }}", NULL, ERR_ARGUMENT, "steps");
    fixture_refuse("{{ 'a'.center(9223372036854775807) }}", NULL, ERR_ARGUMENT, "steps");
    fixture_refuse("{{ range(100001) }}", NULL, ERR_ARGUMENT, "100000");
}

static void endless_texts_end(void **state) {
    (void)state;
    fixture_refuse("{% set n = namespace(s='a') %}{% for i in range(99) %}"
                   "{% set n.s = n.s + n.s %}{% endfor %}",
                   NULL, ERR_ARGUMENT, "MB");
    fixture_refuse("{% set n = namespace(s='a') %}{% for i in range(25) %}"
                   "{% set n.s = n.s + n.s %}{% endfor %}{{ n.s }}{{ n.s }}{{ n.s }}",
                   NULL, ERR_ARGUMENT, "MB");
}

static void integers_past_64_bits_are_refused(void **state) {
    (void)state;
    fixture_refuse("{{ 9223372036854775807 + 1 }}", NULL, ERR_ARGUMENT, "64 bits");
    fixture_refuse("{{ 2 ** 64 }}", NULL, ERR_ARGUMENT, "64 bits");
    fixture_refuse("{{ 9223372036854775808 }}", NULL, ERR_FORMAT, "64 bits");
    fixture_refuse("{{ (-9223372036854775807 - 1) // -1 }}", NULL, ERR_ARGUMENT, "64 bits");
    fixture_expect("{{ (-9223372036854775807 - 1) % -1 }}", NULL, "0");
}

static void deep_json_is_refused(void **state) {
    (void)state;
    char *json = repeated("{\"x\": ", "[", 1000, "");
    char *closed = repeated(json, "]", 1000, "}");
    fixture_refuse("{{ x }}", closed, ERR_ARGUMENT, "deep");
    fixture_expect("{{ y }}", closed, ""); /* what is not mentioned is not looked at */
    free(json);
    free(closed);
}

/* ---- sharing and failing --------------------------------------------------------------- */

struct shared {
    const struct template *t;
    const json_t *globals;
};

static void *render_often(void *arg) {
    const struct shared *shared = arg;
    for (int i = 0; i < 50; i++) {
        struct error err = {0};
        struct template_output out = {0};
        bool same = template_render(shared->t, shared->globals, NULL, NULL, &out, &err) &&
                    strcmp(str_text(&out.text), "é<a>|é<b>|3 2") == 0;
        template_output_deinit(&out);
        if (!same) return arg;
    }
    return NULL;
}

static void a_template_can_be_rendered_by_many_threads(void **state) {
    (void)state;
    struct error err = {0};
    struct template *t = template_open(
        span_of(
            "{% for x in l %}{{ 'é<' + x + '>' }}|{% endfor %}{{ 'é<>'|length }} {{ l|length }}"),
        "test", &err);
    json_t *globals = json_pack("{s:[s,s]}", "l", "a", "b");
    struct shared shared = {t, globals};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, render_often, &shared), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    template_close(t);
    json_decref(globals);
}

static const char everything[] =
    "{% macro m(a, b=1) %}{{ a }}{{ b }}{{ caller() }}{% endmacro %}"
    "{% set ns = namespace(x={'k': [1, 2.5, 'z']}) %}{% call m('q') %}c{% endcall %}"
    "{% for k, v in d.items() if v %}{{ loop.index ~ k|upper ~ v|tojson }}{{ loop.cycle(1, 2) }}"
    "{% endfor %}{{ ns.x }}{{ '%s-%d' % ('a', 3) }}{{ '{}'.format(1) }}{{ l|sort|join(',') }}"
    "{{ l|map('upper')|list }}{{ 'a b'.split() }}{{ range(3)|list }}{{ s[::-1] }}";

static void memory_that_ends_anywhere_is_an_error(void **state) {
    (void)state;
    json_t *globals = json_pack("{s:{s:i,s:s},s:[s,s],s:s}", "d", "a", 1, "b", "x", "l", "q", "p",
                                "s", "text");
    for (long n = 0;; n++) {
        struct error err = {0};
        struct template_output out = {0};
        fault_at(FAULT_MEMORY, n);
        struct template *t = template_open(span_of(everything), "test", &err);
        bool ok = t && template_render(t, globals, NULL, NULL, &out, &err);
        bool happened = fault_off();
        assert_int_equal(ok, !happened);
        if (!ok) assert_int_equal(err.code, ERR_MEMORY);
        template_output_deinit(&out);
        template_close(t);
        if (!happened) break;
    }
    json_decref(globals);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snippets_render_as_jinja2_renders_them),
        cmocka_unit_test(a_conversation_renders),
        cmocka_unit_test(output_of_a_render_replaces_what_was_there),
        cmocka_unit_test(an_empty_template_renders_nothing),
        cmocka_unit_test(the_date_is_in_utc),
        cmocka_unit_test(what_the_template_writes_is_trusted),
        cmocka_unit_test(what_comes_from_data_is_not),
        cmocka_unit_test(origin_survives_what_templates_do_to_texts),
        cmocka_unit_test(what_cannot_be_told_is_not_trusted),
        cmocka_unit_test(appending_in_place_changes_no_other_string),
        cmocka_unit_test(members_of_a_list_can_be_trusted),
        cmocka_unit_test(an_error_names_line_column_and_text),
        cmocka_unit_test(raise_exception_speaks_first),
        cmocka_unit_test(what_is_left_out_is_refused_by_name),
        cmocka_unit_test(a_source_that_is_not_utf8_is_refused),
        cmocka_unit_test(deep_sources_are_refused),
        cmocka_unit_test(long_but_flat_sources_are_fine),
        cmocka_unit_test(endless_recursion_ends),
        cmocka_unit_test(endless_work_ends),
        cmocka_unit_test(endless_texts_end),
        cmocka_unit_test(integers_past_64_bits_are_refused),
        cmocka_unit_test(deep_json_is_refused),
        cmocka_unit_test(a_template_can_be_rendered_by_many_threads),
        cmocka_unit_test(memory_that_ends_anywhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
