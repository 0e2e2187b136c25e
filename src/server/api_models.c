/* api_models.c - GET /v1/models and /v1/models/NAME: what can be asked for.
 *
 * Beside OpenAI's four members, what clients look for to learn the window: context_length, and
 * meta.n_ctx_train as llama-server has it.  A model that is still loading is listed without. */
#include "server/api.h"
#include "engine/generation.h"

static json_t *model_object(struct server_model *m) {
    static const char *const states[] = {
        [MODEL_LOADING] = "loading", [MODEL_READY] = "ready", [MODEL_FAILED] = "failed"};
    int state = atomic_load_explicit(&m->state, memory_order_acquire);
    json_t *object = json_pack("{s:s, s:s, s:I, s:s, s:s}", "id", m->name, "object", "model",
                               "created", (json_int_t)m->created_s, "owned_by", "longhaul",
                               "status", states[state]);
    if (state != MODEL_READY) return object;
    const struct engine_info *info = engine_info(native_engine(m->native));
    json_object_set_new(object, "context_length", json_integer(info->context));
    json_object_set_new(object, "max_model_len", json_integer(info->context));
    json_object_set_new(object, "meta",
                        json_pack("{s:i, s:i, s:i, s:s, s:I}", "n_ctx", info->context,
                                  "n_ctx_train", info->context_trained, "n_vocab", info->vocab,
                                  "architecture", info->architecture, "size",
                                  (json_int_t)info->weight_bytes));
    return object;
}

void api_models(struct call *call) {
    struct server_models *all = &call->context->models;
    json_t *data = json_array();
    for (int i = 0; i < all->count; i++)
        json_array_append_new(data, model_object(&all->models[i]));
    call_json(call, 200, json_pack("{s:s, s:o}", "object", "list", "data", data));
}

void api_model(struct call *call) {
    struct error err = {0};
    struct server_model *m = server_model_find(&call->context->models, call->tail, &err);
    if (m == NULL)
        call_error(call, HTTP_ERROR_MODEL, err.text);
    else
        call_json(call, 200, model_object(m));
}
