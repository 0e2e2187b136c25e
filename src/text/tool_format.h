/* tool_format.h - how the families of models write a call of a tool: one row each.
 *
 * The rows are data; reply_parts.c reads an answer by them.  Beside a row's own tags every row
 * takes fenced and bare JSON, because models write those whatever their template asks for (reported
 * and counted for Qwen2.5-Coder by hanXen/vllm-qwen2.5-coder-tool-parser). */
#ifndef TEXT_TOOL_FORMAT_H
#define TEXT_TOOL_FORMAT_H
#include <stdbool.h>

enum { TOOL_FORMAT_TAGS_MAX = 6 };

struct tool_tag {
    const char *text;  /* NULL: the row's end */
    bool closes;
    bool named;        /* what follows is the tool's name, then its arguments as JSON */
};

struct tool_format {
    const char *name;
    const char *mark;  /* a template that contains it asks for this format */
    bool control;      /* the tags are control tokens: the detokenizer must show those, and they
                          are never text for the user */
    struct tool_tag tags[TOOL_FORMAT_TAGS_MAX + 1];
};

/* The row for a template's source; the first, <tool_call>, where it names none, because that is
 * what chat_adapt.h asks for when a template knows no tools. */
const struct tool_format *tool_format_find(const char *template_source);

#endif
