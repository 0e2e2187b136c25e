/* call.c - bodies in, JSON and event streams out; see call.h. */
#include "server/call.h"
#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "server/body.h"
#include "server/routes.h"

enum {
    STREAM_BLOCK_BYTES = 16 << 10,
    CLIENT_CLOSED_REQUEST = 499, /* for the log only; the number is nginx's */
};

struct call *call_open(struct context *context, struct MHD_Connection *connection,
                       const char *uri) {
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL) return NULL;
    call->context = context;
    call->connection = connection;
    call->number = atomic_fetch_add(&context->call_number, 1) + 1;
    call->started_ms = clock_ms();
    call->record.first_token_ms = -1;
    call->fd = -1;
    arena_init(&call->arena, CALL_ARENA_BYTES_MAX);
    /* Until the headers are read this is all that is known; for the log. */
    call->path = arena_strndup(&call->arena, uri, strcspn(uri, "?"));
    call->method = "-";
    return call;
}

static void log_call(const struct call *call) {
    char path[256], model[160];
    const struct call_record *r = &call->record;
    /* Health checks come every few seconds for ever. */
    bool minor = call->route != NULL && call->route->open && r->status == 200;
    (minor ? log_debug : log_event)(
        "request_done",
        "id=%llu method=%s path=%s model=%s prompt=%d cached=%d generated=%d ttft_ms=%lld "
        "total_ms=%lld status=%d finish=%s",
        (unsigned long long)call->number, call->method,
        log_quote(path, sizeof path, call->path != NULL ? call->path : ""),
        log_quote(model, sizeof model, r->model != NULL ? r->model : ""), r->prompt_tokens,
        r->cached_tokens, r->generated_tokens, (long long)r->first_token_ms,
        (long long)(clock_ms() - call->started_ms), r->status,
        r->finish != NULL ? r->finish : "-");
}

void call_close(struct call *call) {
    if (call == NULL) return;
    if (call->task_close != NULL) call->task_close(call->task);
    log_call(call);
    json_decref(call->json);
    str_deinit(&call->body);
    arena_deinit(&call->arena);
    if (call->begun) atomic_fetch_sub(&call->context->calls, 1);
    free(call);
}

const json_t *call_body(struct call *call) {
    struct error err = {0};
    if (call->body.failed) {
        call_error(call, ERR_MEMORY, "no memory for the request's body");
        return NULL;
    }
    call->json = body_parse(&call->body, &err);
    str_deinit(&call->body); /* the tree holds copies */
    if (call->json == NULL) call_error(call, HTTP_ERROR_JSON, err.text);
    return call->json;
}

const char *call_query(struct call *call, const char *name) {
    return MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *call_header(struct call *call, const char *name) {
    return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

bool call_gone(const struct call *call) {
    return connection_gone(call->fd);
}

void call_drop(struct call *call) {
    assert(!call->answered);
    call->answered = call->dropped = true;
    call->record.status = CLIENT_CLOSED_REQUEST;
}

/* Headers that every answer carries. */
static void add_headers(struct call *call, struct MHD_Response *response) {
    const struct context *context = call->context;
    if (context->cors_origin != NULL) {
        MHD_add_response_header(response, "Access-Control-Allow-Origin", context->cors_origin);
        MHD_add_response_header(response, "Access-Control-Allow-Headers",
                                "Authorization, Content-Type, *");
        MHD_add_response_header(response, "Access-Control-Allow-Methods",
                                "GET, POST, OPTIONS, HEAD");
        MHD_add_response_header(response, "Access-Control-Max-Age", "86400");
        if (strcmp(context->cors_origin, "*") != 0)
            MHD_add_response_header(response, "Vary", "Origin");
    }
    if (atomic_load(&context->stop) != CONTEXT_RUNNING)
        MHD_add_response_header(response, "Connection", "close");
}

static void send_response(struct call *call, int status, struct MHD_Response *response) {
    assert(!call->answered);
    call->answered = true;
    call->record.status = status;
    call->dropped = response == NULL; /* no memory even for that */
    if (call->dropped) return;
    add_headers(call, response);
    /* The library's one timeout is for writing only; connections.h watches what is read. */
    MHD_set_connection_option(call->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              call->context->write_s);
    MHD_queue_response(call->connection, (unsigned)status, response);
    MHD_destroy_response(response);
}

static void send_text(struct call *call, int status, char *text, int kind) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
        send_response(call, status, NULL);
        return;
    }
    MHD_add_response_header(response, "Content-Type", "application/json");
    int retry_after_s = kind != 0 ? http_error_row(kind)->retry_after_s : 0;
    if (retry_after_s > 0) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", retry_after_s);
        MHD_add_response_header(response, "Retry-After", seconds);
    }
    if (kind == HTTP_ERROR_KEY) MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (kind == HTTP_ERROR_METHOD) {
        char allow[ROUTES_ALLOW_BYTES_MAX];
        MHD_add_response_header(response, "Allow",
                                routes_allow(call->path, allow, sizeof allow));
    }
    send_response(call, status, response);
}

void call_json(struct call *call, int status, json_t *value) {
    char *text = value != NULL ? json_dumps(value, CALL_JSON_FLAGS) : NULL;
    json_decref(value);
    if (text == NULL)
        call_error(call, ERR_MEMORY, "no memory for the answer");
    else
        send_text(call, status, text, 0);
}

void call_error(struct call *call, int kind, const char *text) {
    json_t *value = http_error_json(kind, text);
    char *dumped = value != NULL ? json_dumps(value, CALL_JSON_FLAGS) : NULL;
    json_decref(value);
    if (dumped == NULL) dumped = strdup("{\"error\":{\"message\":\"out of memory\"}}");
    if (call->record.finish == NULL) call->record.finish = http_error_row(kind)->code;
    if (dumped == NULL)
        send_response(call, 503, NULL);
    else
        send_text(call, http_error_row(kind)->status, dumped, kind);
}

void call_failed(struct call *call, const struct error *err) {
    call_error(call, err->code, err->text);
}

void call_empty(struct call *call, int status) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response != NULL) {
        char allow[ROUTES_ALLOW_BYTES_MAX];
        MHD_add_response_header(response, "Allow", routes_allow(call->path, allow, sizeof allow));
    }
    send_response(call, status, response);
}

struct stream { /* what libmicrohttpd hands back on every read */
    struct call *call;
    call_stream_fn *next;
};

static ssize_t read_stream(void *arg, uint64_t position, char *out, size_t max) {
    (void)position;
    struct stream *stream = arg;
    ssize_t got = stream->next(stream->call->task, out, max);
    assert(got != 0);
    if (got == CALL_STREAM_END) return MHD_CONTENT_READER_END_OF_STREAM;
    if (got == CALL_STREAM_CUT) return MHD_CONTENT_READER_END_WITH_ERROR;
    return got;
}

void call_stream(struct call *call, call_stream_fn *next) {
    struct stream *stream = arena_alloc(&call->arena, sizeof *stream);
    struct MHD_Response *response = NULL;
    if (stream != NULL) {
        *stream = (struct stream){.call = call, .next = next};
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES,
                                                     read_stream, stream, NULL);
    }
    if (response == NULL) {
        call_error(call, ERR_MEMORY, "no memory for the answer");
        return;
    }
    MHD_add_response_header(response, "Content-Type", "text/event-stream");
    MHD_add_response_header(response, "Cache-Control", "no-cache");
    MHD_add_response_header(response, "X-Accel-Buffering", "no"); /* nginx: pass it on at once */
    send_response(call, 200, response);
}

const char *call_new_id(struct call *call, const char *prefix) {
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    enum { LETTERS = 24 }; /* 62^24: about 143 bits */
    struct random random;
    random_init(&random, random_entropy() ^ call->number);
    char id[LETTERS + 1];
    for (int i = 0; i < LETTERS; i++) id[i] = letters[random_below(&random, sizeof letters - 1)];
    id[LETTERS] = 0;
    return arena_printf(&call->arena, "%s%s", prefix, id);
}
