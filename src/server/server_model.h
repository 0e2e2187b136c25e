/* server_model.h - the models behind the door, as the routes see them.
 *
 * A struct server_model is a name with its defaults, its state (loading, ready, failed) and a
 * count of the answers that are being made.  It is the seam for other kinds of engine: routes
 * find a model by name and ask it; today each one is a struct native.
 *
 * Names and defaults are constant after server_models_init; the state is moved once by the
 * thread that loads, and read by all connections. */
#ifndef SERVER_SERVER_MODEL_H
#define SERVER_SERVER_MODEL_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"
#include "engine/generation.h"
#include "server/server.h"

enum server_model_state { MODEL_LOADING, MODEL_READY, MODEL_FAILED };

struct server_model {
    char *name, *path; /* path "" when unknown */
    char *stem;        /* "qwen2.5-coder" of /x/qwen2.5-coder.gguf; "" when unknown */
    int max_tokens;
    int64_t first_token_ms, answer_ms;
    int queue_max;
    struct sampling sampling;
    int64_t created_s;       /* unix time of server_open */
    atomic_int state;        /* enum server_model_state; release-stored after the fields below */
    struct native *native;   /* READY */
    struct error error;      /* FAILED */
    atomic_int permille;     /* LOADING: how far */
    atomic_int answers;      /* being made or waiting */
};

struct server_models {
    struct server_model *models;
    int count;
};

bool server_models_init(struct server_models *l, const struct server_model_options *options,
                        int count, struct error *err);
void server_models_deinit(struct server_models *l);

/* By exact name, else by file stem; without a name the only one.  NULL: ERR_NOT_FOUND naming those
 * there are, or ERR_ARGUMENT when a name was needed. */
struct server_model *server_model_find(const struct server_models *l, const char *name,
                                       struct error *err);
/* "a, b, c" for messages. */
void server_models_names(const struct server_models *l, struct str *out);

/* READY's native; NULL while loading or when loading failed, with a sentence in err. */
struct native *server_model_native(struct server_model *m, struct error *err);

/* Room for `count` more answers; false: ERR_BUSY.  Each admitted one leaves once. */
bool server_model_admit(struct server_model *m, int count, struct error *err);
void server_model_leave(struct server_model *m, int count);

void server_model_set_progress(struct server_model *m, double fraction);
void server_model_set_ready(struct server_model *m, struct native *native);
void server_model_set_failed(struct server_model *m, const struct error *err);

#endif
