/* call.h - one HTTP request and its answer, as the routes see it.
 *
 * Owns the body, the arena and the parsed JSON of the request; all go when the answer's last byte
 * is sent or the connection is gone.  A call belongs to its connection's thread.
 *
 * A route handler must answer exactly once: call_json, call_error, call_failed or call_stream. */
#ifndef SERVER_CALL_H
#define SERVER_CALL_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/arena.h"
#include "base/str.h"
#include "server/context.h"
#include "server/http_error.h"

struct MHD_Connection;
struct route;

enum {
    CALL_ARENA_BYTES_MAX = 128 << 20,
    /* Most numbers were floats: with seven digits 0.7f reads 0.7. */
    CALL_JSON_FLAGS = JSON_COMPACT | JSON_REAL_PRECISION(7),
};

struct call_record { /* for the log line; routes fill it in as they learn */
    const char *model, *finish;
    int prompt_tokens, cached_tokens, generated_tokens;
    int64_t first_token_ms; /* since the start; -1: none */
    int status;
};

struct call {
    struct context *context;
    struct MHD_Connection *connection;
    struct connection *place;   /* its row among the connections */
    int fd;                     /* its socket, for connection_gone() */
    uint64_t number;            /* since the server started; the log's id */
    int64_t started_ms;
    const char *method;         /* borrowed from the connection; "GET" for HEAD */
    const char *path;           /* unescaped, without the query; in the arena */
    const char *tail;           /* what the route's final "*" matched */
    const struct route *route;
    bool begun;                 /* headers were looked at; it counts among context->calls */
    int refused;                /* kind of error decided on the headers; 0: none */
    const char *refusal;        /* its text */
    struct str body;
    int64_t body_bytes;         /* received, also what was thrown away */
    json_t *json;               /* the body; NULL until call_body */
    struct arena arena;
    struct call_record record;
    bool answered;
    bool dropped;               /* no answer can be sent: the connection must go */
    /* What the handler left running for the stream; closed with the call. */
    void *task;
    void (*task_close)(void *task);
};

struct call *call_open(struct context *context, struct MHD_Connection *connection,
                       const char *uri);
void call_close(struct call *call); /* logs, frees */

/* Parses the body as a JSON object; NULL with an error answered. */
const json_t *call_body(struct call *call);
/* A value of the query string, or NULL. */
const char *call_query(struct call *call, const char *name);
const char *call_header(struct call *call, const char *name);

/* Takes value; NULL stands for "no memory" and is answered as such. */
void call_json(struct call *call, int status, json_t *value);
void call_error(struct call *call, int kind, const char *text);
void call_failed(struct call *call, const struct error *err);
/* 204 or the like, without a body. */
void call_empty(struct call *call, int status);

/* A text/event-stream: `next` fills up to max bytes and may block; CALL_STREAM_END ends it,
 * CALL_STREAM_CUT drops the connection.  It never returns 0.  Headers leave before its first
 * call. */
enum { CALL_STREAM_END = -1, CALL_STREAM_CUT = -2 };
typedef ssize_t call_stream_fn(void *task, char *out, size_t max);
void call_stream(struct call *call, call_stream_fn *next);

/* The client went away: there is nobody to answer. */
bool call_gone(const struct call *call);
/* Instead of an answer: closes the connection. */
void call_drop(struct call *call);

/* "chatcmpl-…": prefix and 24 random letters and digits, in the arena; NULL: no memory. */
const char *call_new_id(struct call *call, const char *prefix);

#endif
