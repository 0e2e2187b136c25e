/* server_model.c - names, states and the bounded number of answers; see server_model.h. */
#include "server/server_model.h"
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

/* "/x/y/name-q4.gguf" → "name-q4"; also without the part number of a split file. */
static char *stem_of(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *file = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(file, '.');
    size_t len = dot != NULL && dot != file ? (size_t)(dot - file) : strlen(file);
    return strndup(file, len);
}

static bool init_one(struct server_model *m, const struct server_model_options *o) {
    m->name = strdup(o->name);
    m->path = strdup(o->path != NULL ? o->path : "");
    m->stem = stem_of(o->path != NULL ? o->path : "");
    m->max_tokens = o->max_tokens;
    m->first_token_ms = o->first_token_ms;
    m->answer_ms = o->answer_ms;
    m->queue_max = o->queue_max > 0 ? o->queue_max : ENGINE_QUEUE_MAX;
    m->created_s = clock_unix_s();
    if (o->sampling != NULL)
        m->sampling = *o->sampling;
    else
        sampling_default(&m->sampling);
    return m->name != NULL && m->path != NULL && m->stem != NULL;
}

bool server_models_init(struct server_models *l, const struct server_model_options *options,
                        int count, struct error *err) {
    *l = (struct server_models){0};
    if (count < 0 || count > SERVER_MODELS_MAX)
        return error_set(err, ERR_ARGUMENT, "%d models; a server holds at most %d", count,
                         SERVER_MODELS_MAX);
    l->models = calloc(count > 0 ? (size_t)count : 1, sizeof *l->models);
    if (l->models == NULL) return error_set(err, ERR_MEMORY, "no memory for %d models", count);
    for (; l->count < count; l->count++)
        if (!init_one(&l->models[l->count], &options[l->count])) {
            l->count++; /* its half-made strings are freed with the list */
            return error_set(err, ERR_MEMORY, "no memory for the model names");
        }
    return true;
}

void server_models_deinit(struct server_models *l) {
    for (int i = 0; i < l->count; i++) {
        free(l->models[i].name);
        free(l->models[i].path);
        free(l->models[i].stem);
    }
    free(l->models);
    *l = (struct server_models){0};
}

void server_models_names(const struct server_models *l, struct str *out) {
    for (int i = 0; i < l->count; i++)
        str_addf(out, "%s%s", i > 0 ? ", " : "", l->models[i].name);
}

struct server_model *server_model_find(const struct server_models *l, const char *name,
                                       struct error *err) {
    struct str names = {.len_max = ERROR_TEXT_BYTES_MAX / 2};
    struct server_model *found = NULL;
    if (name == NULL && l->count == 1) return &l->models[0];
    for (int i = 0; name != NULL && found == NULL && i < l->count; i++)
        if (strcmp(l->models[i].name, name) == 0) found = &l->models[i];
    for (int i = 0; name != NULL && name[0] != 0 && found == NULL && i < l->count; i++)
        if (strcmp(l->models[i].stem, name) == 0) found = &l->models[i];
    if (found != NULL) return found;

    server_models_names(l, &names);
    const char *list = l->count == 0 ? "none" : str_text(&names);
    if (name == NULL)
        error_set(err, ERR_ARGUMENT, "model: missing; this server has: %s", list);
    else
        error_set(err, ERR_NOT_FOUND, "model: \"%.100s\" does not exist; this server has: %s", name,
                  list);
    str_deinit(&names);
    return NULL;
}

struct native *server_model_native(struct server_model *m, struct error *err) {
    switch ((enum server_model_state)atomic_load_explicit(&m->state, memory_order_acquire)) {
    case MODEL_READY: return m->native;
    case MODEL_FAILED:
        error_set(err, ERR_INTERNAL, "model %s could not be loaded: %s", m->name, m->error.text);
        return NULL;
    case MODEL_LOADING: break;
    }
    error_set(err, ERR_BUSY, "Loading model %s (%d %%); try again in a few seconds", m->name,
              atomic_load(&m->permille) / 10);
    return NULL;
}

bool server_model_admit(struct server_model *m, int count, struct error *err) {
    int answers = atomic_load(&m->answers);
    do {
        if (count > m->queue_max - answers)
            return error_set(err, ERR_BUSY,
                             "%d answers of model %s are running or waiting, and at most %d may; "
                             "try again later",
                             answers, m->name, m->queue_max);
    } while (!atomic_compare_exchange_weak(&m->answers, &answers, answers + count));
    return true;
}

void server_model_leave(struct server_model *m, int count) {
    atomic_fetch_sub(&m->answers, count);
}

void server_model_set_progress(struct server_model *m, double fraction) {
    if (!(fraction >= 0)) fraction = 0;
    if (fraction > 1) fraction = 1;
    atomic_store(&m->permille, (int)(fraction * 1000));
}

void server_model_set_ready(struct server_model *m, struct native *native) {
    m->native = native;
    atomic_store_explicit(&m->state, MODEL_READY, memory_order_release);
}

void server_model_set_failed(struct server_model *m, const struct error *err) {
    m->error = *err;
    atomic_store_explicit(&m->state, MODEL_FAILED, memory_order_release);
}
