/* context.h - what every call may see of its server.
 *
 * Plain data set up by server_open() and constant from then on, except the atomics. */
#ifndef SERVER_CONTEXT_H
#define SERVER_CONTEXT_H
#include <stdatomic.h>
#include "server/connections.h"
#include "server/server_model.h"

enum context_stop { CONTEXT_RUNNING, CONTEXT_DRAINING, CONTEXT_CANCELLING };

struct context {
    struct server_models models;
    char **keys;
    int key_count;
    char *cors_origin;       /* NULL: no CORS */
    char *version;
    int64_t header_bytes_max, body_bytes_max;
    int connections_max;
    int64_t liveness_ms, progress_ms;
    unsigned write_s;        /* how long a client may leave an answer unread */
    struct connections *connections;
    atomic_int stop;         /* enum context_stop, only ever rising */
    atomic_int calls;        /* requests from their first header to their last byte */
    atomic_ullong call_number;
};

#endif
