/* server.c - open, models becoming ready, stop, close; see server.h. */
#include "server/server.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "server/context.h"
#include "server/http.h"

enum {
    HEADER_MS = 30000, BODY_MS = 300000, IDLE_MS = 120000, WRITE_MS = 60000,
    LIVENESS_MS = 10000, PROGRESS_MS = 1000,
    STOP_POLL_MS = 10,
    CANCEL_MS = 5000, /* how long cancelled calls may take to say so to their clients */
};

struct server {
    struct context context;
    struct MHD_Daemon *daemon;
    int port;
    bool stopped;
};

static int64_t or_default(int64_t value, int64_t standard) {
    return value > 0 ? value : standard;
}

static bool copy_keys(struct context *context, const struct server_options *o, struct error *err) {
    if (o->key_count > SERVER_KEYS_MAX)
        return error_set(err, ERR_ARGUMENT, "%d API keys; at most %d", o->key_count,
                         SERVER_KEYS_MAX);
    context->keys = calloc((size_t)o->key_count + 1, sizeof *context->keys);
    if (context->keys == NULL) return error_set(err, ERR_MEMORY, "no memory for the API keys");
    for (int i = 0; i < o->key_count; i++) {
        if (o->keys[i][0] == 0) return error_set(err, ERR_ARGUMENT, "an API key is empty");
        context->keys[i] = strdup(o->keys[i]);
        if (context->keys[i] == NULL)
            return error_set(err, ERR_MEMORY, "no memory for the API keys");
        context->key_count++;
    }
    return true;
}

static bool context_init(struct context *context, const struct server_options *o,
                         struct error *err) {
    context->header_bytes_max = or_default(o->header_bytes_max, SERVER_HEADER_BYTES_MAX);
    context->body_bytes_max = or_default(o->body_bytes_max, SERVER_BODY_BYTES_MAX);
    context->connections_max = o->connections_max > 0 ? o->connections_max : SERVER_CONNECTIONS_MAX;
    context->liveness_ms = or_default(o->liveness_ms, LIVENESS_MS);
    context->progress_ms = or_default(o->progress_ms, PROGRESS_MS);
    /* A write must outlast the silence between two chunks: libmicrohttpd counts from the last. */
    int64_t write_ms = or_default(o->write_ms, WRITE_MS);
    if (write_ms < 2 * context->liveness_ms) write_ms = 2 * context->liveness_ms;
    context->write_s = (unsigned)((write_ms + 999) / 1000);
    context->version = strdup(o->version != NULL ? o->version : "dev");
    if (o->cors_origin != NULL) context->cors_origin = strdup(o->cors_origin);
    if (context->version == NULL || (o->cors_origin != NULL && context->cors_origin == NULL))
        return error_set(err, ERR_MEMORY, "no memory for the server's options");
    const int64_t limits_ms[CONNECTION_PHASES] = {
        [CONNECTION_IDLE] = or_default(o->idle_ms, IDLE_MS),
        [CONNECTION_HEADERS] = or_default(o->header_ms, HEADER_MS),
        [CONNECTION_BODY] = or_default(o->body_ms, BODY_MS),
    };
    context->connections = connections_open(limits_ms, err);
    return context->connections != NULL && copy_keys(context, o, err) &&
           server_models_init(&context->models, o->models, o->model_count, err);
}

static void context_deinit(struct context *context) {
    connections_close(context->connections);
    server_models_deinit(&context->models);
    for (int i = 0; i < context->key_count; i++) free(context->keys[i]);
    free(context->keys);
    free(context->cors_origin);
    free(context->version);
}

struct server *server_open(const struct server_options *options, struct error *err) {
    const char *host = options->host != NULL ? options->host : "127.0.0.1";
    struct server *s = calloc(1, sizeof *s);
    int fd = -1;
    bool ok = false;
    if (s == NULL) {
        error_set(err, ERR_MEMORY, "no memory for the server");
        return NULL;
    }
    if (!context_init(&s->context, options, err)) goto done;
    fd = http_listen(host, options->port, err);
    if (fd < 0) goto done;
    s->port = http_port(fd);
    s->daemon = http_open(&s->context, fd, err);
    if (s->daemon == NULL) goto done;
    log_event("server_open", "host=%s port=%d models=%d keys=%d", host, s->port,
              s->context.models.count, s->context.key_count);
    ok = true;
done:
    if (ok) return s;
    server_close(s);
    return NULL;
}

int server_port(const struct server *s) {
    return s->port;
}

void server_loading(struct server *s, int index, double fraction) {
    server_model_set_progress(&s->context.models.models[index], fraction);
}

void server_ready(struct server *s, int index, struct native *native) {
    server_model_set_ready(&s->context.models.models[index], native);
    log_event("model_ready", "model=%s", s->context.models.models[index].name);
}

void server_failed(struct server *s, int index, const struct error *err) {
    char text[ERROR_TEXT_BYTES_MAX];
    server_model_set_failed(&s->context.models.models[index], err);
    log_error("model_failed", "model=%s error=%s", s->context.models.models[index].name,
              log_quote(text, sizeof text, err->text));
}

static bool wait_for_calls(struct server *s, int64_t ms) {
    int64_t until_ms = clock_ms() + ms;
    while (atomic_load(&s->context.calls) > 0) {
        if (clock_ms() >= until_ms) return false;
        clock_sleep_ms(STOP_POLL_MS);
    }
    return true;
}

void server_stop(struct server *s, int64_t grace_ms) {
    if (s->daemon == NULL || s->stopped) return;
    s->stopped = true;
    int calls = atomic_load(&s->context.calls);
    atomic_store(&s->context.stop, CONTEXT_DRAINING);
    http_stop_listening(s->daemon);
    bool finished = wait_for_calls(s, grace_ms);
    atomic_store(&s->context.stop, CONTEXT_CANCELLING);
    if (!finished) wait_for_calls(s, CANCEL_MS);
    http_close(s->daemon);
    s->daemon = NULL;
    log_event("server_stopped", "running=%d cancelled=%s", calls, finished ? "no" : "yes");
}

void server_close(struct server *s) {
    if (s == NULL) return;
    server_stop(s, 0);
    context_deinit(&s->context);
    free(s);
}
