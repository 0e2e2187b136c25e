/* chat.h - a conversation rendered through a model's chat template into prompt pieces.
 *
 * Owns what is known about templates as such: which variables they get, how OpenAI-shaped messages
 * are normalised for them, what a template without tool support needs, and the built-in ChatML used
 * when a model carries no template.
 *
 * What templates cannot do is found out when they are opened, by rendering probes (chat_probe.h),
 * and made up for in the messages: see chat_adapt.h. */
#ifndef TEXT_CHAT_H
#define TEXT_CHAT_H
#include <jansson.h>
#include "text/template.h"
#include "text/tokenizer.h"

struct chat_template; /* compiled, plus what a probe render found out about it */

/* source NULL: the GGUF's own tokenizer.chat_template; without one, ChatML, and
 * chat_template_is_builtin says so.  g and t may be NULL (no template, no BOS and EOS). */
struct chat_template *chat_template_open(const struct gguf *g, const struct tokenizer *t,
                                         const char *source, struct error *err);
void chat_template_close(struct chat_template *c);
const char *chat_template_source(const struct chat_template *c);
bool chat_template_is_builtin(const struct chat_template *c);  /* the model had none */
bool chat_template_knows_tools(const struct chat_template *c);

struct chat_input {
    const json_t *messages;        /* array of OpenAI-shaped messages; checked here */
    const json_t *tools;           /* array or NULL */
    const json_t *kwargs;          /* object: chat_template_kwargs, or NULL */
    bool add_generation_prompt;
};

/* Renders; out->text is the prompt as text, out->runs says which bytes are the template's own. A
 * malformed message is ERR_ARGUMENT that names it: "messages[3].content: …". */
bool chat_render(const struct chat_template *c, const struct chat_input *in,
                 struct template_output *out, struct error *err);

/* Renders and tokenises; special tokens only in the template's own text.  Where the vocabulary
 * wants a BOS, the ids begin with exactly one, whether or not the template prints it. */
bool chat_tokenize(const struct chat_template *c, const struct tokenizer *t,
                   const struct chat_input *in, struct tokens *out, struct error *err);

#endif
