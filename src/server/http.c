/* http.c - accept, read, refuse or dispatch; see http.h. */
#include "server/http.h"
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/log.h"
#include "server/call.h"
#include "server/keys.h"
#include "server/routes.h"

enum {
    LISTEN_BACKLOG = 128,
    SPARE_CONNECTIONS = 16,    /* above the limit, so that one more hears 503 and not nothing */
    THREAD_STACK_BYTES = 4 << 20, /* JSON nested 2,048 deep is parsed recursively */
    /* libmicrohttpd keeps headers and one output chunk in here; it must be above
     * header_bytes_max for our own 431 to be the one that is seen. */
    CONNECTION_MEMORY_BYTES = 64 << 10,
    DRAIN_FACTOR = 4,          /* of the body limit: read and thrown away before a refusal */
};

/* ---- listening ---- */

static int listen_at(const struct addrinfo *address) {
    int on = 1;
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int http_listen(const char *host, int port, struct error *err) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[16];
    int fd = -1;
    if (port < 0 || port > 65535) {
        error_set(err, ERR_ARGUMENT, "port %d is out of range (0 to 65535)", port);
        return -1;
    }
    snprintf(service, sizeof service, "%d", port);
    int failed = getaddrinfo(host, service, &hints, &list);
    if (failed != 0) {
        error_set(err, ERR_ARGUMENT, "host \"%s\" cannot be listened at: %s", host,
                  gai_strerror(failed));
        return -1;
    }
    for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) fd = listen_at(a);
    if (fd < 0 && errno == EADDRINUSE)
        error_set(err, ERR_IO, "port %d at %s is taken by another program; stop that one or choose "
                  "another port with --port", port, host);
    else if (fd < 0)
        error_set_errno(err, "cannot listen at %s port %d", host, port);
    freeaddrinfo(list);
    return fd;
}

int http_port(int listen_fd) {
    struct sockaddr_storage address;
    socklen_t bytes = sizeof address;
    char port[16] = "0";
    if (getsockname(listen_fd, (struct sockaddr *)&address, &bytes) == 0)
        getnameinfo((struct sockaddr *)&address, bytes, NULL, 0, port, sizeof port,
                    NI_NUMERICSERV);
    return atoi(port);
}

/* ---- deciding on the headers ---- */

static void refuse(struct call *call, int kind, const char *text) {
    if (call->refused != 0) return;
    call->refused = kind;
    call->refusal = text != NULL ? text : "no memory for the request";
}

static void check_route(struct call *call, const char *method) {
    struct str near = {0};
    char allow[ROUTES_ALLOW_BYTES_MAX];
    call->route = routes_find(method, call->path, &call->tail);
    if (call->route != NULL || strcmp(method, "OPTIONS") == 0) return;
    if (routes_allow(call->path, allow, sizeof allow)[0] != 0) {
        refuse(call, HTTP_ERROR_METHOD,
               arena_printf(&call->arena, "%s is not answered at %.200s; use %s", method,
                            call->path, allow));
        return;
    }
    routes_near(call->path, &near);
    refuse(call, HTTP_ERROR_ROUTE,
           arena_printf(&call->arena, "there is nothing at %s %.200s; near it: %s", method,
                        call->path, str_text(&near)));
    str_deinit(&near);
}

/* JSON by any name, or by none (curl says "form"); but an upload of something else is a mistake. */
static bool is_foreign_media(const char *type) {
    static const char *const foreign[] = {"multipart/", "image/", "audio/", "video/"};
    for (size_t i = 0; type != NULL && i < sizeof foreign / sizeof foreign[0]; i++)
        if (strncasecmp(type, foreign[i], strlen(foreign[i])) == 0) return true;
    return false;
}

static void check_sizes(struct call *call) {
    const struct context *context = call->context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info != NULL && (int64_t)info->header_size > context->header_bytes_max)
        refuse(call, HTTP_ERROR_HEADER_SIZE,
               arena_printf(&call->arena, "%zu bytes of headers; at most %lld", info->header_size,
                            (long long)context->header_bytes_max));
    const char *length = call_header(call, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length != NULL && strtoll(length, NULL, 10) > context->body_bytes_max)
        refuse(call, HTTP_ERROR_BODY_SIZE,
               arena_printf(&call->arena, "a body of %.20s bytes; at most %lld", length,
                            (long long)context->body_bytes_max));
}

/* First sight of a request: everything that needs no body. */
static void begin(struct call *call, const char *method, const char *url) {
    struct context *context = call->context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    call->begun = true;
    atomic_fetch_add(&context->calls, 1);
    call->fd = info->connect_fd;
    call->path = arena_strdup(&call->arena, url);
    call->method = arena_strdup(&call->arena, method);
    call->body.len_max = (size_t)context->body_bytes_max;
    if (call->path == NULL || call->method == NULL) {
        call->path = call->method = "";
        refuse(call, ERR_MEMORY, NULL);
        return;
    }
    if (connections_count(context->connections) > context->connections_max)
        refuse(call, HTTP_ERROR_CONNECTIONS,
               arena_printf(&call->arena, "more than %d connections; try again later",
                            context->connections_max));
    check_sizes(call);
    check_route(call, call->method);
    bool open = (call->route != NULL && call->route->open) || strcmp(call->method, "OPTIONS") == 0;
    if (!open && atomic_load(&context->stop) != CONTEXT_RUNNING)
        refuse(call, HTTP_ERROR_STOPPING, "the server is stopping; try again later");
    if (!open && !keys_accept(context, call_header(call, MHD_HTTP_HEADER_AUTHORIZATION)))
        refuse(call, HTTP_ERROR_KEY,
               "a valid API key is needed, as \"Authorization: Bearer KEY\"");
    if (is_foreign_media(call_header(call, MHD_HTTP_HEADER_CONTENT_TYPE)))
        refuse(call, HTTP_ERROR_MEDIA, "the body must be JSON (Content-Type: application/json)");
}

/* A refusal need not wait for a body that the client has not begun to send, or that is huge. */
static bool refuse_at_once(struct call *call) {
    const char *length = call_header(call, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return call->refused != 0 &&
           (call_header(call, MHD_HTTP_HEADER_EXPECT) != NULL ||
            (length != NULL &&
             strtoll(length, NULL, 10) / DRAIN_FACTOR > call->context->body_bytes_max));
}

static enum MHD_Result answered(const struct call *call) {
    return call->dropped ? MHD_NO : MHD_YES;
}

static enum MHD_Result take_body(struct call *call, const char *data, size_t *bytes) {
    int64_t max = call->context->body_bytes_max;
    call->body_bytes += (int64_t)*bytes;
    if (call->body_bytes / DRAIN_FACTOR > max) { /* chunked, without a length to refuse it by */
        call->record.status = http_error_row(HTTP_ERROR_BODY_SIZE)->status;
        return MHD_NO;
    }
    if (call->body_bytes > max)
        refuse(call, HTTP_ERROR_BODY_SIZE,
               arena_printf(&call->arena, "the body is longer than %lld bytes", (long long)max));
    if (call->refused != 0)
        str_deinit(&call->body);
    else
        str_add(&call->body, data, *bytes);
    *bytes = 0;
    return MHD_YES;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *data_bytes, void **request) {
    (void)arg;
    (void)connection;
    (void)version;
    struct call *call = *request;
    if (call == NULL) return MHD_NO; /* there was no memory for it */
    if (!call->begun) {
        begin(call, method, url);
        connection_phase(call->place, CONNECTION_BODY);
        if (!refuse_at_once(call)) return MHD_YES;
        call_error(call, call->refused, call->refusal);
        return answered(call);
    }
    if (*data_bytes > 0) return take_body(call, data, data_bytes);
    connection_phase(call->place, CONNECTION_ANSWER);
    if (call->refused != 0)
        call_error(call, call->refused, call->refusal);
    else if (strcmp(call->method, "OPTIONS") == 0)
        call_empty(call, MHD_HTTP_NO_CONTENT);
    else
        call->route->handle(call);
    return answered(call);
}

/* ---- libmicrohttpd's other callbacks ---- */

static struct connection *place_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

/* The request line is here: a call begins. What it returns is handle()'s *request. */
static void *begin_call(void *arg, const char *uri, struct MHD_Connection *connection) {
    struct call *call = call_open(arg, connection, uri);
    struct connection *place = place_of(connection);
    connection_phase(place, CONNECTION_HEADERS);
    if (call != NULL) call->place = place;
    return call;
}

static void end_call(void *arg, struct MHD_Connection *connection, void **request,
                     enum MHD_RequestTerminationCode why) {
    (void)arg;
    struct call *call = *request;
    *request = NULL;
    if (call == NULL) return;
    if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK &&
        (call->record.finish == NULL || call->record.status == 200))
        call->record.finish = "gone";
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U); /* see call.c */
    connection_phase(place_of(connection), CONNECTION_IDLE);
    call_close(call);
}

static void notice_connection(void *arg, struct MHD_Connection *connection, void **place,
                              enum MHD_ConnectionNotificationCode what) {
    struct context *context = arg;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *place = connection_enter(context->connections, info->connect_fd);
    } else {
        connection_leave(*place);
        *place = NULL;
    }
}

static void log_library(void *arg, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void log_library(void *arg, const char *format, va_list args) {
    (void)arg;
    char text[256], quoted[300];
    if (!log_enabled(LOG_LEVEL_DEBUG)) return;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = 0;
    log_debug("http_library", "text=%s", log_quote(quoted, sizeof quoted, text));
}

struct MHD_Daemon *http_open(struct context *context, int listen_fd, struct error *err) {
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, handle, context,
        /* The logger comes first: options before it would log to stderr. */
        MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_LISTEN_SOCKET, listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)context->connections_max + SPARE_CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK_BYTES,
        MHD_OPTION_URI_LOG_CALLBACK, begin_call, context,
        MHD_OPTION_NOTIFY_COMPLETED, end_call, context,
        MHD_OPTION_NOTIFY_CONNECTION, notice_connection, context, MHD_OPTION_END);
    if (daemon == NULL) {
        close(listen_fd);
        error_set(err, ERR_IO, "the HTTP library did not start");
    }
    return daemon;
}

void http_stop_listening(struct MHD_Daemon *daemon) {
    int fd = MHD_quiesce_daemon(daemon);
    if (fd != MHD_INVALID_SOCKET) close(fd);
}

void http_close(struct MHD_Daemon *daemon) {
    if (daemon != NULL) MHD_stop_daemon(daemon);
}
