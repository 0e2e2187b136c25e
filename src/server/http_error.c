/* http_error.c - the table of statuses and the error object; see http_error.h.
 *
 * Statuses are chosen by what clients do with them: openai-python, openai-node and OpenClaw repeat
 * a request after 429 and 5xx (honouring Retry-After) and give up on other 4xx. */
#include "server/http_error.h"
#include <assert.h>
#include <string.h>

enum { PARAM_BYTES_MAX = 96 };

#define INVALID "invalid_request_error"
static const struct http_error_row rows[HTTP_ERRORS] = {
    [ERR_NONE]               = {500, "server_error",     "internal_error",           0},
    [ERR_ARGUMENT]           = {400, INVALID,            "invalid_value",            0},
    [ERR_NOT_FOUND]          = {404, INVALID,            "not_found",                0},
    [ERR_FORMAT]             = {400, INVALID,            "invalid_format",           0},
    [ERR_UNSUPPORTED]        = {400, INVALID,            "unsupported",              0},
    [ERR_CONTEXT]            = {400, INVALID,            "context_length_exceeded",  0},
    [ERR_MEMORY]             = {503, "server_error",     "out_of_memory",            5},
    [ERR_BUSY]               = {429, "rate_limit_error", "queue_full",               2},
    [ERR_TIMEOUT]            = {504, "timeout_error",    "timeout",                  0},
    [ERR_CANCELLED]          = {503, "server_error",     "cancelled",                2},
    [ERR_IO]                 = {500, "server_error",     "io_error",                 0},
    [ERR_INTERNAL]           = {500, "server_error",     "internal_error",           0},
    [HTTP_ERROR_KEY]         = {401, "authentication_error", "invalid_api_key",      0},
    [HTTP_ERROR_ROUTE]       = {404, INVALID,            "unknown_url",              0},
    [HTTP_ERROR_METHOD]      = {405, INVALID,            "method_not_allowed",       0},
    [HTTP_ERROR_MODEL]       = {404, INVALID,            "model_not_found",          0},
    [HTTP_ERROR_JSON]        = {400, INVALID,            "invalid_json",             0},
    [HTTP_ERROR_MEDIA]       = {415, INVALID,            "unsupported_media_type",   0},
    [HTTP_ERROR_BODY_SIZE]   = {413, INVALID,            "request_too_large",        0},
    [HTTP_ERROR_HEADER_SIZE] = {431, INVALID,            "headers_too_large",        0},
    [HTTP_ERROR_LOADING]     = {503, "unavailable_error", "model_loading",           2},
    [HTTP_ERROR_STOPPING]    = {503, "unavailable_error", "server_stopping",         2},
    [HTTP_ERROR_CONNECTIONS] = {503, "unavailable_error", "too_many_connections",    2},
};

const struct http_error_row *http_error_row(int kind) {
    assert(kind >= 0 && kind < HTTP_ERRORS);
    return &rows[kind];
}

/* The length of the field path that text begins with, as in "messages[3].content: …"; else 0. */
static size_t param_length(const char *text) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_.[]";
    size_t len = strspn(text, allowed);
    bool field = len > 0 && len < PARAM_BYTES_MAX && text[0] >= 'a' && text[0] <= 'z' &&
                 text[len] == ':' && text[len + 1] == ' ';
    return field ? len : 0;
}

json_t *http_error_json(int kind, const char *text) {
    const struct http_error_row *row = http_error_row(kind);
    bool about_request = row->status == 400 || kind == HTTP_ERROR_MODEL;
    size_t param = about_request ? param_length(text) : 0;
    json_t *message = json_string(text); /* NULL when a cut left half a UTF-8 sequence */
    for (size_t len = strlen(text); message == NULL && len > 0;)
        message = json_stringn(text, --len);
    return json_pack("{s:{s:o, s:s, s:o, s:s}}", "error", "message", message, "type", row->type,
                     "param", param > 0 ? json_stringn(text, param) : json_null(), "code",
                     row->code);
}
