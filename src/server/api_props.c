/* api_props.c - GET /props: what is loaded and how it runs, in llama-server's shape and with the
 * position scaling as it was decided.  With several models: ?model=NAME. */
#include "server/api.h"
#include "engine/generation.h"

static json_t *sampling_object(const struct sampling *s, int max_tokens) {
    return json_pack("{s:f, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:i}", "temperature",
                     (double)s->temperature, "top_k", s->top_k, "top_p", (double)s->top_p, "min_p",
                     (double)s->min_p, "typical_p", (double)s->typical_p, "repeat_penalty",
                     (double)s->repetition_penalty, "presence_penalty",
                     (double)s->presence_penalty, "frequency_penalty",
                     (double)s->frequency_penalty, "max_tokens",
                     max_tokens > 0 ? max_tokens : -1);
}

static json_t *token_text(const struct tokenizer *t, int32_t id) {
    return id < 0 ? json_string("") : json_stringn(tokenizer_bytes(t, id).data,
                                                   tokenizer_bytes(t, id).len);
}

static json_t *props(const struct call *call, const struct server_model *m) {
    const struct engine_info *info = engine_info(native_engine(m->native));
    const struct tokenizer *tokenizer = native_tokenizer(m->native);
    const struct tokenizer_special *special = tokenizer_special(tokenizer);
    json_t *settings = json_pack("{s:i, s:o}", "n_ctx", info->context, "params",
                                 sampling_object(&m->sampling, m->max_tokens));
    json_t *rope = json_pack("{s:s, s:f, s:i}", "type", info->rope, "factor", info->rope_factor,
                             "trained_context", info->context_trained);
    return json_pack(
        "{s:o, s:i, s:s, s:s, s:s, s:o, s:o, s:s+, s:o, s:s, s:s, s:i}",
        "default_generation_settings", settings, "total_slots", info->parallel, "model_path",
        m->path, "model_alias", m->name, "chat_template",
        chat_template_source(native_chat(m->native)), "bos_token",
        token_text(tokenizer, special->bos), "eos_token", token_text(tokenizer, special->eos),
        "build_info", "longhaul ", call->context->version, "rope", rope, "architecture",
        info->architecture, "cpu", info->cpu_level, "threads", info->threads);
}

void api_props(struct call *call) {
    struct error err = {0};
    struct server_models *all = &call->context->models;
    const char *name = call_query(call, "model");
    struct server_model *m =
        name == NULL && all->count > 0 ? &all->models[0] : server_model_find(all, name, &err);
    if (m == NULL)
        call_error(call, HTTP_ERROR_MODEL, err.text);
    else if (server_model_native(m, &err) == NULL)
        call_error(call, err.code == ERR_BUSY ? HTTP_ERROR_LOADING : (int)err.code, err.text);
    else
        call_json(call, 200, props(call, m));
}
