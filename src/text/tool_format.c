/* tool_format.c - the rows; see tool_format.h.
 *
 * Sources: the chat templates of the models named, as their makers publish them. */
#include "text/tool_format.h"
#include <stddef.h>
#include <string.h>

static const struct tool_format formats[] = {
    /* Hermes 2 Pro, Qwen2.5, Qwen3: {"name", "arguments"} in tags that are plain text.  <tools> is
     * where the prompt lists the functions; Qwen2.5-Coder answers with it now and then. */
    {"hermes", "<tool_call>", false,
     {{"<tool_call>", false, false}, {"</tool_call>", true, false},
      {"<tools>", false, false}, {"</tools>", true, false}}},
    /* Llama 3.1 to 3.3: {"name", "parameters"}, bare or after the tag; "; " between several. */
    {"llama", "<|python_tag|>", true, {{"<|python_tag|>", false, false}}},
    {"llama", "<|start_header_id|>", true, {{"<|python_tag|>", false, false}}},
    /* Mistral: a list of {"name", "arguments"} (to Nemo), or name[ARGS]{…} for each. */
    {"mistral", "[TOOL_CALLS]", true, {{"[TOOL_CALLS]", false, true}}},
    /* Granite 3: a list of {"name", "arguments"}. */
    {"granite", "<|tool_call|>", true, {{"<|tool_call|>", false, false}}},
};

const struct tool_format *tool_format_find(const char *template_source) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strstr(template_source, formats[i].mark) != NULL) return &formats[i];
    return &formats[0];
}
