/* test_template_malformed.c - damaged templates and damaged conversations give a text or an error,
 * never a crash, a hang or a leak.  Run under the sanitizers it is what a fuzzer finds first. */
#include "template_fixture.h"
#include "mutate.h"
#include "text/chat.h"

enum { TEMPLATES = 600, CONVERSATIONS = 400 };

static const char source[] =
    "{%- macro type(spec, depth=0) %}{%- if spec.type is mapping %}{{ type(spec.type, depth + 1) }}"
    "{%- elif spec.type is iterable and spec.type is not string %}{{ spec.type|join('|') }}"
    "{%- else %}{{ spec.type|default('any', true) }}{%- endif %}"
    "{{- caller('c') if caller is defined }}{%- endmacro %}\n"
    "{%- set ns = namespace(first=true, system='', index=0) %}\n"
    "{%- if messages[0]['role'] == 'system' %}{% set ns.system = messages[0].content|trim %}"
    "{%- set rest = messages[1:] %}{%- else %}{%- set rest = messages %}{%- endif %}\n"
    "{{- bos_token }}{# a comment #}\n"
    "{%- if tools is defined and tools is not none %}\n"
    "  {%- for tool in tools %}{{ loop.index }}. {{ tool.function.name }}\n"
    "    {%- for name, p in tool.function.parameters.properties|items if name != 'x' %}\n"
    "      {{- name ~ ': ' ~ type(p) }}{{ ', ' if not loop.last }}{%- endfor %}\n"
    "    {{- tool | tojson(indent=2) }}{%- endfor %}\n"
    "{%- endif %}\n"
    "{%- for m in rest %}\n"
    "  {%- if (m.role == 'user') != (ns.index % 2 == 0) and false %}\n"
    "    {{- raise_exception('roles must alternate, ' + m.role) }}{% endif %}\n"
    "  {%- set content = m.content if m.content is string else m.content|string %}\n"
    "  {{- '<|' + m.role + '|>\\n' + content.split('</think>')[-1].lstrip('\\n') }}\n"
    "  {%- for call in m.tool_calls or [] %}{{ '%s(%s)' % (call.function.name,\n"
    "      call.function.arguments|tojson) }}{{ call.id[:4] }}{%- endfor %}\n"
    "  {%- set ns.index = ns.index + 1 %}{%- generation %}{{ loop.cycle('a', 'b') }}\n"
    "  {%- endgeneration %}{% filter upper %}{{ m.role[::-1] }}{% endfilter %}\n"
    "  {%- set block %}[{{ loop.index0 }}]{% endset %}{{ block }}{% if loop.last %}{% break %}"
    "{% endif %}\n"
    "{%- endfor %}{% raw %}{{ raw }}{% endraw %}\n"
    "{%- with a = 1.5e3, b = [1, (2,), {'k': none}] %}{{ a // 2 ~ b }}{% endwith %}\n"
    "{%- call(x) type({'type': 'q'}) %}{{ x }}{% endcall %}\n"
    "{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}\n";

static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \" You are brief. \"},"
    " {\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"one\"},"
    "  {\"type\": \"text\", \"text\": \"zwei \\u00e9 \\ud83d\\ude00\"}]},"
    " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"call_0123456789\","
    "  \"type\": \"function\", \"function\": {\"name\": \"get\", \"arguments\": \"{\\\"a\\\": [1,"
    "  2.5, null]}\"}}]},"
    " {\"role\": \"tool\", \"tool_call_id\": \"call_0123456789\", \"content\": \"{\\\"t\\\": "
    "21}\"},"
    " {\"role\": \"assistant\", \"content\": \"<think>hm</think>It is 21.\"},"
    " {\"role\": \"user\", \"content\": \"More?\"}],"
    " \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"get\", \"description\": "
    "\"d\","
    "  \"parameters\": {\"type\": \"object\", \"properties\": {\"place\": {\"type\": \"string\"},"
    "  \"days\": {\"type\": [\"integer\", \"null\"], \"default\": 1}}, \"required\": "
    "[\"place\"]}}}],"
    " \"chat_template_kwargs\": {\"enable_thinking\": false},"
    " \"add_generation_prompt\": true, \"bos_token\": \"<s>\"}";

static const char *const words[] = {"{%",
                                    "%}",
                                    "{{",
                                    "}}",
                                    "{#",
                                    "#}",
                                    "-%}",
                                    "{%-",
                                    "endfor",
                                    "endif",
                                    "else",
                                    "elif",
                                    "for",
                                    "in",
                                    "if",
                                    "is not",
                                    "recursive",
                                    "loop",
                                    "loop.length",
                                    "|tojson",
                                    "|join",
                                    "|map('x')",
                                    "|groupby('role')",
                                    "|batch(2)",
                                    "[::-1]",
                                    "[1:]",
                                    "**",
                                    "//",
                                    "~",
                                    "(",
                                    ")",
                                    "[",
                                    "]",
                                    "'",
                                    "\"",
                                    "\\",
                                    "\\u00",
                                    "namespace",
                                    "caller()",
                                    "varargs",
                                    "{{ loop(messages) }}",
                                    "99999999999",
                                    "1e308",
                                    "-1",
                                    "{% break %}",
                                    "{% macro type() %}",
                                    "{% set ",
                                    ".x",
                                    ", ",
                                    ".items()",
                                    "not ",
                                    "é",
                                    "\xff",
                                    "%s",
                                    "{}",
                                    NULL};

static void damaged_templates_do_no_harm(void **state) {
    (void)state;
    struct mutate m;
    mutate_init(&m, &(struct mutate_options){.seed = 11, .words = words});
    json_t *globals = json_loads(conversation, 0, NULL);
    assert_non_null(globals);
    int rendered = 0, compiled = 0;
    for (int i = 0; i < TEMPLATES; i++) {
        size_t bytes;
        char *damaged = mutate_next_text(&m, source, sizeof source - 1, &bytes);
        struct error err = {0};
        struct template_output out = {0};
        struct template *t = template_open((struct span){damaged, bytes}, "damaged", &err);
        bool ok = t && template_render(t, globals, NULL, NULL, &out, &err);
        compiled += t != NULL;
        rendered += ok;
        if (ok == (err.code != ERR_NONE)) fail_msg("%s: %s", mutate_what(&m), err.text);
        template_output_deinit(&out);
        template_close(t);
        free(damaged);
    }
    assert_true(compiled > 0 && rendered > 0 && rendered < TEMPLATES);
    json_decref(globals);
}

static bool render_chat(const struct chat_template *c, const json_t *request, struct error *err) {
    struct template_output out = {0};
    struct chat_input in = {.messages = json_object_get(request, "messages"),
                            .tools = json_object_get(request, "tools"),
                            .kwargs = json_object_get(request, "chat_template_kwargs"),
                            .add_generation_prompt = true};
    bool ok = chat_render(c, &in, &out, err);
    template_output_deinit(&out);
    return ok;
}

static void damaged_conversations_do_no_harm(void **state) {
    (void)state;
    static const char *const json_words[] = {
        "null", "true",   "0",      "-1.5e9", "[]",     "{}",        "\"\"",         "\"role\": 1,",
        "{",    "}",      "[",      "]",      "\"content\": null,", "\"type\": \"image_url\",",
        "\"tool_calls\": [],", "\"tool_calls\": [null],", "\"user\"", "\"tool\"", "\\u0000", NULL};
    struct error err = {0};
    struct mutate m;
    mutate_init(&m, &(struct mutate_options){.seed = 12, .words = json_words});
    struct chat_template *c = chat_template_open(NULL, NULL, source, &err);
    struct chat_template *builtin = chat_template_open(NULL, NULL, NULL, &err);
    assert_true(c && builtin);
    int parsed = 0, rendered = 0;
    for (int i = 0; i < CONVERSATIONS * 20 && parsed < CONVERSATIONS; i++) {
        size_t bytes;
        char *damaged = mutate_next_text(&m, conversation, sizeof conversation - 1, &bytes);
        json_t *request = json_loadb(damaged, bytes, JSON_ALLOW_NUL, NULL);
        free(damaged);
        parsed += request != NULL;
        err = (struct error){0};
        bool ok = render_chat(c, request, &err);
        assert_int_equal(ok, err.code == ERR_NONE);
        rendered += ok;
        err = (struct error){0};
        ok = render_chat(builtin, request, &err);
        assert_int_equal(ok, err.code == ERR_NONE);
        json_decref(request);
    }
    assert_int_equal(parsed, CONVERSATIONS);
    assert_true(rendered > 0);
    chat_template_close(c);
    chat_template_close(builtin);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_templates_do_no_harm),
        cmocka_unit_test(damaged_conversations_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
