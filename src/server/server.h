/* server.h - the HTTP door: an OpenAI-compatible API in front of loaded models.
 *
 * server_open() listens at once; models become ready later, one by one, so that /health can say how
 * far the loading is.  One thread per connection, blocking (libmicrohttpd's); nothing here
 * computes.  All functions below may be called from any one thread at a time.
 *
 * What a request promises to its client stands in docs/api.md. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "engine/sampler.h"

enum {
    SERVER_HEADER_BYTES_MAX = 16 << 10,
    SERVER_BODY_BYTES_MAX = 32 << 20,  /* 131,072 tokens of source are about half a megabyte */
    SERVER_CONNECTIONS_MAX = 512,
    SERVER_MODELS_MAX = 64,
    SERVER_KEYS_MAX = 256,
    SERVER_PORT_DEFAULT = 8080,
};

struct native;
struct server;

struct server_model_options { /* 0 or NULL: the default */
    const char *name;         /* what clients ask for; required */
    const char *path;         /* the file, for /props; its stem is accepted as a name as well */
    int max_tokens;           /* of an answer when the request does not say; 0: up to the window */
    int64_t first_token_ms;   /* no first token by then: the request ends in an error; 0: never */
    int64_t answer_ms;        /* the same for the whole answer */
    int queue_max;            /* answers running and waiting; one more is 429. ENGINE_QUEUE_MAX */
    const struct sampling *sampling; /* copied; NULL: sampling_default() */
};

struct server_options { /* everything is copied; 0 or NULL: the default */
    const char *host;                    /* "127.0.0.1" */
    int port;                            /* 0: any free one, see server_port() */
    const struct server_model_options *models;
    int model_count;
    const char *const *keys;             /* accepted API keys; none: everybody may ask */
    int key_count;
    const char *cors_origin;             /* Access-Control-Allow-Origin; NULL: no CORS headers */
    const char *version;                 /* for /props and system_fingerprint */
    int64_t header_bytes_max, body_bytes_max;
    int connections_max;
    int64_t header_ms;                   /* to send a request's headers: 30 s        */
    int64_t body_ms;                     /* to send its body: 300 s                  */
    int64_t idle_ms;                     /* a kept-alive connection without a request: 120 s */
    int64_t write_ms;                    /* a write that the client does not take: 60 s */
    int64_t liveness_ms;                 /* longest silence in a stream: 10 s        */
    int64_t progress_ms;                 /* shortest time between progress chunks: 1 s */
};

/* Binds and starts to answer.  NULL with a sentence when the address cannot be had. */
struct server *server_open(const struct server_options *options, struct error *err);
int server_port(const struct server *s);

/* The life of models[index]: loading (from server_open), then ready or failed, once. */
void server_loading(struct server *s, int index, double fraction);
void server_ready(struct server *s, int index, struct native *native); /* borrowed */
void server_failed(struct server *s, int index, const struct error *err);

/* Takes no new requests, lets the running ones finish for up to grace_ms, then cancels
 * them.  Returns when no request is left; the models may be closed after it. */
void server_stop(struct server *s, int64_t grace_ms);
void server_close(struct server *s); /* stops at once if need be; NULL is fine */

#endif
