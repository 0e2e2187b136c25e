/* routes.h - the table of routes and what follows from it: 404 with neighbours, 405 with Allow. */
#ifndef SERVER_ROUTES_H
#define SERVER_ROUTES_H
#include <stdbool.h>
#include <stddef.h>
#include "base/str.h"

struct call;

struct route {
    const char *method, *path; /* a final "*" stands for any rest, which may not be empty */
    void (*handle)(struct call *call);
    bool open;                 /* answered without an API key and while the server stops */
};

enum { ROUTES_ALLOW_BYTES_MAX = 64 };

/* The route of a request; NULL: none. *tail is what "*" stands for, else "". HEAD finds GET's. */
const struct route *routes_find(const char *method, const char *path, const char **tail);

/* "GET, HEAD, OPTIONS" of a path; "" if no method is there. Returns out. */
const char *routes_allow(const char *path, char *out, size_t out_bytes);

/* "POST /v1/chat/completions, …": the few routes whose paths are nearest. */
void routes_near(const char *path, struct str *out);

#endif
