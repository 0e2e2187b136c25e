/* server_fixture.h - a server on a free port in this process, in front of the fake generation, and
 * the smallest HTTP client: one request, one connection, everything that came back. */
#ifndef TESTS_SERVER_FIXTURE_H
#define TESTS_SERVER_FIXTURE_H
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* Above: what cmocka.h wants before it. */
#include <cmocka.h>
#include "base/str.h"
#include "fake_generation.h"
#include "server/server.h"

struct fixture {
    struct server *server;
    struct native *native;
    int port;
};

/* options: members that are not 0 count; models NULL: one named "fake". Ready on return. */
void fixture_open(struct fixture *f, const struct server_options *options);
void fixture_close(struct fixture *f);

struct reply {
    int status;
    struct str text; /* status line, headers, body */
    const char *body;
    json_t *json;    /* of the body; NULL when it is none */
};
void reply_deinit(struct reply *r);

/* headers: "Name: value\r\n…" or NULL; body NULL: none. */
void fixture_ask(const struct fixture *f, const char *method, const char *path,
                 const char *headers, const char *body, struct reply *out);
#define ask_get(f, path, out) fixture_ask(f, "GET", path, NULL, NULL, out)
#define ask_post(f, path, body, out) fixture_ask(f, "POST", path, NULL, body, out)

/* A connected socket, for requests that are not whole. */
int fixture_connect(const struct fixture *f);
/* A member on a path: "error.code", "choices.0.text"; "" when it is not there or no string. */
const char *reply_text(const struct reply *r, const char *path);
json_int_t reply_number(const struct reply *r, const char *path); /* -1: not there */

#endif
