/* api_health.c - GET /health: 200 when every model is loaded, 503 before and when one cannot be.
 *
 * The "error" beside "status" is what llama-server sends while it loads. */
#include "server/api.h"

void api_health(struct call *call) {
    struct server_models *all = &call->context->models;
    struct error err = {0};
    double progress = 0;
    int ready = 0;
    if (atomic_load(&call->context->stop) != CONTEXT_RUNNING) {
        call_json(call, 503, json_pack("{s:s}", "status", "stopping"));
        return;
    }
    for (int i = 0; i < all->count; i++) {
        struct server_model *m = &all->models[i];
        int state = atomic_load_explicit(&m->state, memory_order_acquire);
        if (state == MODEL_FAILED) server_model_native(m, &err);
        ready += state == MODEL_READY;
        progress += state == MODEL_READY ? 1 : atomic_load(&m->permille) / 1000.0;
    }
    if (err.code != ERR_NONE)
        call_json(call, 503, json_pack("{s:s, s:{s:i, s:s, s:s}}", "status", "failed", "error",
                                       "code", 503, "message", err.text, "type",
                                       "unavailable_error"));
    else if (ready < all->count)
        call_json(call, 503, json_pack("{s:s, s:f, s:{s:i, s:s, s:s}}", "status", "loading",
                                       "progress", progress / all->count, "error", "code", 503,
                                       "message", "Loading model", "type", "unavailable_error"));
    else
        call_json(call, 200, json_pack("{s:s}", "status", "ok"));
}
