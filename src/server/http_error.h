/* http_error.h - every error's way to a client: one table from code to status, type and code.
 *
 * Errors of the layers below keep their enum error_code; what only HTTP knows (no such route, no
 * key, too large) follows in the same numbering, so that one table holds both. */
#ifndef SERVER_HTTP_ERROR_H
#define SERVER_HTTP_ERROR_H
#include <jansson.h>
#include "base/error.h"

enum http_error {
    HTTP_ERROR_KEY = ERR_CODES, /* no valid API key */
    HTTP_ERROR_ROUTE,           /* no such path */
    HTTP_ERROR_METHOD,          /* the path is there, the method is not */
    HTTP_ERROR_MODEL,           /* a model that this server does not have */
    HTTP_ERROR_JSON,            /* the body is not a JSON object */
    HTTP_ERROR_MEDIA,           /* the body is not even meant to be JSON */
    HTTP_ERROR_BODY_SIZE,
    HTTP_ERROR_HEADER_SIZE,
    HTTP_ERROR_LOADING,
    HTTP_ERROR_STOPPING,
    HTTP_ERROR_CONNECTIONS,
    HTTP_ERRORS
};

struct http_error_row {
    int status;
    const char *type, *code; /* of the OpenAI error object */
    int retry_after_s;       /* 0: no Retry-After header */
};

/* kind: an enum error_code or an enum http_error. */
const struct http_error_row *http_error_row(int kind);

/* {"error": {"message", "type", "param", "code"}}; NULL when out of memory.  param is the field
 * that the text begins with ("temperature: expected a number"), else null. */
json_t *http_error_json(int kind, const char *text);

#endif
