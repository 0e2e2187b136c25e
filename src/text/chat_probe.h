/* chat_probe.h - finds out what a template can do, by rendering small conversations with marks in
 * them and looking for the marks.
 *
 * A template is a program: whether it shows the functions, wants arguments as objects or raises an
 * exception about a system message cannot be read from its source.  Some dozens of renders of a few
 * hundred bytes take about a millisecond. */
#ifndef TEXT_CHAT_PROBE_H
#define TEXT_CHAT_PROBE_H
#include "text/chat_adapt.h"
#include "text/template.h"

/* globals: what every render gets besides the messages (BOS and EOS). Never fails: what does not
 * render counts as "cannot". */
void chat_probe(const struct template *t, const json_t *globals, struct chat_facts *out);

/* The variables of a render: globals, kwargs over them, and the messages.  tools may be NULL
 * (none). A new object or NULL. */
json_t *chat_probe_variables(const json_t *globals, const json_t *kwargs, const json_t *messages,
                             const json_t *tools, bool add_generation_prompt);

#endif
