/* api_tokens.c - POST /tokenize, /detokenize and /apply-template, in llama-server's shapes. */
#include <limits.h>
#include <stddef.h>
#include "engine/generation.h"
#include "server/answer.h"
#include "server/api.h"
#include "server/fields.h"
#include "server/request.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

/* The model that a body names, or an error answered. */
static struct native *body_native(struct call *call, const json_t *body) {
    struct error err = {0};
    const char *name;
    int kind = ERR_ARGUMENT;
    struct native *native = NULL;
    if (request_model(body, &name, &err)) {
        struct server_model *m = server_model_find(&call->context->models, name, &err);
        if (m != NULL) {
            call->record.model = m->name;
            native = server_model_native(m, &err);
            kind = err.code == ERR_BUSY ? HTTP_ERROR_LOADING : (int)err.code;
        } else if (err.code == ERR_NOT_FOUND) {
            kind = HTTP_ERROR_MODEL;
        }
    }
    if (native == NULL) call_error(call, kind, err.text);
    return native;
}

struct tokenize {
    const json_t *content;
    bool add_special, parse_special, with_pieces;
};

static bool read_content(const struct field_read *r, struct error *err) {
    if (!json_is_string(r->value)) return fields_wrong_type(r, "a string", err);
    ((struct tokenize *)r->out)->content = r->value;
    return true;
}

static const struct field tokenize_fields[] = {
    {"content", FIELD_OWN, 0, 0, 0, read_content},
    {"add_special", FIELD_BOOL, offsetof(struct tokenize, add_special), 0, 0, NULL},
    {"parse_special", FIELD_BOOL, offsetof(struct tokenize, parse_special), 0, 0, NULL},
    {"with_pieces", FIELD_BOOL, offsetof(struct tokenize, with_pieces), 0, 0, NULL},
};

/* A piece is a string, or its bytes when they are no text by themselves. */
static json_t *piece(const struct tokenizer *t, int32_t id) {
    struct span bytes = tokenizer_bytes(t, id);
    json_t *text = json_stringn(bytes.len > 0 ? bytes.data : "", bytes.len);
    if (text == NULL) {
        text = json_array();
        for (size_t i = 0; i < bytes.len; i++)
            json_array_append_new(text, json_integer((unsigned char)bytes.data[i]));
    }
    return json_pack("{s:i, s:o}", "id", id, "piece", text);
}

static json_t *token_list(const struct tokenizer *t, const struct tokens *tokens, bool pieces) {
    json_t *list = json_array();
    for (int64_t i = 0; i < tokens->count; i++)
        json_array_append_new(list, pieces ? piece(t, tokens->ids[i])
                                           : json_integer(tokens->ids[i]));
    return json_pack("{s:o}", "tokens", list);
}

void api_tokenize(struct call *call) {
    const json_t *body = call_body(call);
    if (body == NULL) return;
    struct native *native = body_native(call, body);
    if (native == NULL) return;
    struct error err = {0};
    struct tokens tokens = {0};
    const struct tokenizer *t = native_tokenizer(native);
    const struct tokenizer_special *special = tokenizer_special(t);
    struct tokenize in = {.parse_special = true};
    struct field_read object = {.value = body, .out = &in, .arena = &call->arena};
    bool ok = fields_read(tokenize_fields, COUNT(tokenize_fields), &object, &err);
    if (ok && in.content == NULL)
        ok = error_set(&err, ERR_ARGUMENT, "content: missing; send the text to tokenise");
    if (ok && in.add_special && special->add_bos && special->bos >= 0)
        ok = tokens_add(&tokens, special->bos) || error_set(&err, ERR_MEMORY, "no memory");
    struct span text = {json_string_value(in.content), json_string_length(in.content)};
    ok = ok && tokenizer_encode(t, text, in.parse_special, &tokens, &err);
    if (ok && in.add_special && special->add_eos && special->eos >= 0)
        ok = tokens_add(&tokens, special->eos) || error_set(&err, ERR_MEMORY, "no memory");
    if (ok)
        call_json(call, 200, token_list(t, &tokens, in.with_pieces));
    else
        call_failed(call, &err);
    tokens_deinit(&tokens);
}

void api_detokenize(struct call *call) {
    const json_t *body = call_body(call);
    if (body == NULL) return;
    struct native *native = body_native(call, body);
    if (native == NULL) return;
    struct error err = {0};
    struct request_prompt in = {0};
    const struct tokenizer *t = native_tokenizer(native);
    const json_t *list = json_object_get(body, "tokens");
    bool ok = list != NULL
                  ? request_tokens("tokens", list, &call->arena, &in, &err)
                  : error_set(&err, ERR_ARGUMENT, "tokens: missing; send an array of token ids");
    for (int i = 0; ok && i < in.token_count; i++)
        if (in.tokens[i] >= tokenizer_vocab_size(t))
            ok = error_set(&err, ERR_ARGUMENT, "tokens: element %d: %d; this model has 0 to %d", i,
                           in.tokens[i], tokenizer_vocab_size(t) - 1);
    if (!ok) {
        call_failed(call, &err);
        return;
    }
    struct detokenizer d;
    struct str text = {0};
    detokenizer_init(&d, t, true);
    for (int i = 0; i < in.token_count; i++) detokenizer_add(&d, in.tokens[i], &text);
    detokenizer_finish(&d, &text);
    struct span content = {str_text(&text), text.len};
    call_json(call, 200, text.failed ? NULL
                                     : json_pack("{s:o}", "content",
                                                 answer_lossy_string(content)));
    str_deinit(&text);
}

void api_apply_template(struct call *call) {
    const json_t *body = call_body(call);
    if (body == NULL) return;
    struct native *native = body_native(call, body);
    if (native == NULL) return;
    struct error err = {0};
    struct request request = {0};
    sampling_default(&request.sampling);
    struct template_output out = {0};
    bool ok = request_read_chat(body, &call->arena, &request, &err);
    struct chat_input in = {.messages = request.messages, .tools = request.tools,
                            .kwargs = request.kwargs, .add_generation_prompt = true};
    ok = ok && chat_render(native_chat(native), &in, &out, &err);
    struct span prompt = {str_text(&out.text), out.text.len};
    if (ok)
        call_json(call, 200, json_pack("{s:o}", "prompt", answer_lossy_string(prompt)));
    else
        call_failed(call, &err);
    template_output_deinit(&out);
    request_deinit(&request);
}
