/* chat.c - opening a model's template, rendering and tokenising conversations; see the header.
 *
 * A struct chat_template is immutable after open and may be shared between threads. */
#include "text/chat.h"
#include <stdlib.h>
#include <string.h>
#include "text/chat_adapt.h"
#include "text/chat_message.h"
#include "text/chat_probe.h"

/* ChatML (OpenAI, 2023): the commonest form, and the one to try on a model that has no template. */
static const char builtin[] =
    "{%- for message in messages -%}\n"
    "    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}\n"
    "    {{- '<|im_start|>assistant\\n' -}}\n"
    "{%- endif -%}\n";

/* One compiled source; models may carry a second one for conversations with tools. */
struct variant {
    struct template *template;
    struct chat_facts facts;
};

struct chat_template {
    struct variant plain, tools;       /* tools.template NULL: plain serves both */
    char *source;                      /* of plain */
    bool is_builtin;
    json_t *globals;                   /* bos_token, eos_token */
    int32_t bos;                       /* -1: the vocabulary does not want one */
};

/* ---- opening --------------------------------------------------------------------------- */

static bool set_special(json_t *globals, const char *name, const struct tokenizer *t, int32_t id) {
    struct span text = t && id >= 0 ? tokenizer_bytes(t, id) : (struct span){"", 0};
    json_t *value = json_stringn(text.data, text.len);
    if (!value) value = json_string(""); /* a token that is not UTF-8 */
    return json_object_set_new(globals, name, value) == 0;
}

static bool set_globals(struct chat_template *c, const struct tokenizer *t, struct error *err) {
    const struct tokenizer_special *special = t ? tokenizer_special(t) : NULL;
    c->bos = special && special->add_bos ? special->bos : -1;
    c->globals = json_object();
    if (c->globals && set_special(c->globals, "bos_token", t, special ? special->bos : -1) &&
        set_special(c->globals, "eos_token", t, special ? special->eos : -1))
        return true;
    return error_set(err, ERR_MEMORY, "no memory for a chat template");
}

static bool open_variant(struct chat_template *c, struct variant *v, struct span source,
                         const char *name, struct error *err) {
    v->template = template_open(source, name, err);
    if (v->template) chat_probe(v->template, c->globals, &v->facts);
    return v->template != NULL;
}

/* Which source: the caller's, the file's, ours. */
static bool find_source(struct chat_template *c, const struct gguf *g, const char *given,
                        struct span *out, struct error *err) {
    struct error wrong = {0};
    if (given) {
        *out = span_of(given);
    } else if (!g || !gguf_string(g, "tokenizer.chat_template", out, &wrong)) {
        if (wrong.code) return error_set(err, wrong.code, "%s", wrong.text);
        *out = span_of(builtin);
        c->is_builtin = true;
    }
    c->source = strndup(out->data, out->len);
    return c->source || error_set(err, ERR_MEMORY, "no memory for a chat template");
}

struct chat_template *chat_template_open(const struct gguf *g, const struct tokenizer *t,
                                         const char *source, struct error *err) {
    struct chat_template *c = calloc(1, sizeof *c);
    struct error ignored = {0};
    struct span text;
    bool ok = false;
    if (!c) {
        error_set(err, ERR_MEMORY, "no memory for a chat template");
        return NULL;
    }
    if (!set_globals(c, t, err) || !find_source(c, g, source, &text, err)) goto done;
    if (!open_variant(c, &c->plain, text, "chat template", err)) goto done;
    /* A second template is a convenience: one that does not compile is left aside. */
    if (!source && g && gguf_string(g, "tokenizer.chat_template.tool_use", &text, &ignored))
        open_variant(c, &c->tools, text, "chat template for tools", &ignored);
    ok = true;
done:
    if (!ok) {
        chat_template_close(c);
        c = NULL;
    }
    return c;
}

void chat_template_close(struct chat_template *c) {
    if (!c) return;
    template_close(c->plain.template);
    template_close(c->tools.template);
    json_decref(c->globals);
    free(c->source);
    free(c);
}

const char *chat_template_source(const struct chat_template *c) {
    return c->source;
}

bool chat_template_is_builtin(const struct chat_template *c) {
    return c->is_builtin;
}

static const struct variant *variant_for(const struct chat_template *c, bool with_tools) {
    return with_tools && c->tools.template ? &c->tools : &c->plain;
}

bool chat_template_knows_tools(const struct chat_template *c) {
    return !chat_adapt_writes_tools(&variant_for(c, true)->facts);
}

/* ---- rendering ------------------------------------------------------------------------- */

/* What a client may not set: the request's own parts, and what counts as the template's text. */
static bool check_kwargs(const json_t *kwargs, struct error *err) {
    static const char *const own[] = {"messages", "tools", "bos_token", "eos_token", NULL};
    if (kwargs && !json_is_null(kwargs) && !json_is_object(kwargs))
        return error_set(err, ERR_ARGUMENT, "chat_template_kwargs: must be an object");
    for (int i = 0; own[i]; i++)
        if (json_object_get(kwargs, own[i]))
            return error_set(err, ERR_ARGUMENT, "chat_template_kwargs.%s: cannot be set here",
                             own[i]);
    return true;
}

bool chat_render(const struct chat_template *c, const struct chat_input *in,
                 struct template_output *out, struct error *err) {
    /* Roles of the fixed list are words of ours, and templates build tokens of them:
     * '<|' + message.role + '|>'. */
    const char *trusted[] = {"bos_token", "eos_token", "messages[].role", NULL};
    bool ok = false, roles_known = false;
    json_t *messages = NULL, *tools = NULL, *adapted = NULL, *variables = NULL;
    if (!check_kwargs(in->kwargs, err)) return false;
    const json_t *kwargs = json_is_object(in->kwargs) ? in->kwargs : NULL;
    messages = chat_message_check(in->messages, &roles_known, err);
    if (!messages) goto done;
    tools = chat_message_check_tools(in->tools, err);
    if (!tools) goto done;
    if (!roles_known) trusted[2] = NULL;
    bool with_tools = json_array_size(tools) > 0;
    const struct variant *v = variant_for(c, with_tools);
    adapted = chat_adapt(&v->facts, messages, tools, err);
    if (!adapted) goto done;
    bool show = with_tools ? !chat_adapt_writes_tools(&v->facts) : v->facts.empty_tools;
    variables = chat_probe_variables(c->globals, kwargs, adapted, show ? tools : NULL,
                                     in->add_generation_prompt);
    if (!variables) {
        error_set(err, ERR_MEMORY, "no memory for the messages");
        goto done;
    }
    ok = template_render(v->template, variables, trusted, NULL, out, err);
done:
    json_decref(messages);
    json_decref(tools);
    json_decref(adapted);
    json_decref(variables);
    return ok;
}

/* ---- tokenising ------------------------------------------------------------------------ */

static bool encode(const struct tokenizer *t, const struct template_output *text,
                   struct tokens *out, struct error *err) {
    struct tokenizer_piece *pieces =
        malloc(((size_t)text->run_count + 1) * sizeof *pieces);
    if (!pieces) return error_set(err, ERR_MEMORY, "no memory for a prompt");
    size_t from = 0;
    for (int i = 0; i < text->run_count; i++) {
        pieces[i] = (struct tokenizer_piece){
            .text = {str_text(&text->text) + from, text->runs[i].end - from},
            .trusted = text->runs[i].trusted};
        from = text->runs[i].end;
    }
    bool ok = tokenizer_encode_pieces(t, pieces, text->run_count, out, err);
    free(pieces);
    return ok;
}

/* Makes the ids from `first` on begin with one BOS. */
static bool one_bos(struct tokens *ids, int64_t first, int32_t bos, struct error *err) {
    int64_t found = 0;
    while (first + found < ids->count && ids->ids[first + found] == bos) found++;
    if (found == 0 && !tokens_add(ids, bos))
        return error_set(err, ERR_MEMORY, "no memory for a prompt's tokens");
    int32_t *start = ids->ids + first;
    if (found == 0) {
        memmove(start + 1, start, (size_t)(ids->count - 1 - first) * sizeof *start);
        start[0] = bos;
    } else {
        memmove(start + 1, start + found, (size_t)(ids->count - first - found) * sizeof *start);
        ids->count -= found - 1;
    }
    return true;
}

bool chat_tokenize(const struct chat_template *c, const struct tokenizer *t,
                   const struct chat_input *in, struct tokens *out, struct error *err) {
    struct template_output text = {0};
    int64_t first = out->count;
    bool ok = chat_render(c, in, &text, err) && encode(t, &text, out, err) &&
              (c->bos < 0 || one_bos(out, first, c->bos, err));
    template_output_deinit(&text);
    return ok;
}
