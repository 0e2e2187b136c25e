/* fuzz_template.c - any bytes as a chat template: compiled, and rendered over one conversation. */
#include "fuzz.h"
#include "text/template.h"

static const char conversation[] =
    "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"add_generation_prompt\": true,"
    " \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {}}}],"
    " \"messages\": [{\"role\": \"system\", \"content\": \"be brief\"},"
    "  {\"role\": \"user\", \"content\": \"1 < 2 & {{ 3 }}\"},"
    "  {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"x\","
    "   \"type\": \"function\","
    "   \"function\": {\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5]}}}]},"
    "  {\"role\": \"tool\", \"content\": \"done\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static json_t *globals; /* reachable at the end, so no leak */
    static const char *const trusted[] = {"bos_token", "eos_token", NULL};
    if (globals == NULL) globals = json_loads(conversation, 0, NULL);
    struct error err = {0};
    struct span source = {(const char *)data, bytes};
    struct template *t = template_open(source, "fuzz", &err);
    if (t == NULL) return 0;
    struct template_output out = {0};
    struct template_options options = {.now_unix_s = 1700000000};
    template_render(t, globals, trusted, &options, &out, &err);
    template_output_deinit(&out);
    template_close(t);
    return 0;
}
