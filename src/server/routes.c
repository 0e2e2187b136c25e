/* routes.c - one row a route; see routes.h.
 *
 * The second names without /v1 are those that llama-server answers to as well. */
#include "server/routes.h"
#include <stdio.h>
#include <string.h>
#include "server/api.h"

static const struct route routes[] = {
    {"POST", "/v1/chat/completions", api_chat,           false},
    {"POST", "/chat/completions",    api_chat,           false},
    {"POST", "/v1/completions",      api_completions,    false},
    {"GET",  "/v1/models",           api_models,         false},
    {"GET",  "/models",              api_models,         false},
    {"GET",  "/v1/models/*",         api_model,          false},
    {"GET",  "/models/*",            api_model,          false},
    {"GET",  "/health",              api_health,         true},
    {"GET",  "/v1/health",           api_health,         true},
    {"GET",  "/props",               api_props,          false},
    {"POST", "/tokenize",            api_tokenize,       false},
    {"POST", "/detokenize",          api_detokenize,     false},
    {"POST", "/apply-template",      api_apply_template, false},
};
enum { ROUTE_COUNT = sizeof routes / sizeof routes[0], NEAR_COUNT = 3 };

static bool matches(const struct route *route, const char *path, const char **tail) {
    size_t len = strlen(route->path);
    *tail = "";
    if (route->path[len - 1] != '*') {
        size_t path_len = strlen(path);
        if (path_len == len + 1 && path[len] == '/') path_len--; /* a final slash is forgiven */
        return path_len == len && memcmp(path, route->path, len) == 0;
    }
    if (strncmp(path, route->path, len - 1) != 0 || path[len - 1] == 0) return false;
    *tail = path + len - 1;
    return true;
}

const struct route *routes_find(const char *method, const char *path, const char **tail) {
    if (strcmp(method, "HEAD") == 0) method = "GET";
    for (int i = 0; i < ROUTE_COUNT; i++)
        if (strcmp(routes[i].method, method) == 0 && matches(&routes[i], path, tail))
            return &routes[i];
    *tail = "";
    return NULL;
}

const char *routes_allow(const char *path, char *out, size_t out_bytes) {
    const char *tail;
    bool get = routes_find("GET", path, &tail) != NULL;
    bool post = routes_find("POST", path, &tail) != NULL;
    snprintf(out, out_bytes, "%s%s%s", get ? "GET, HEAD, " : "", post ? "POST, " : "",
             get || post ? "OPTIONS" : "");
    return out;
}

void routes_near(const char *path, struct str *out) {
    bool taken[ROUTE_COUNT] = {false};
    for (int n = 0; n < NEAR_COUNT; n++) {
        int best = -1, best_distance = 0;
        for (int i = 0; i < ROUTE_COUNT; i++) {
            int distance = str_distance(path, routes[i].path);
            if (taken[i] || (best >= 0 && distance >= best_distance)) continue;
            best = i;
            best_distance = distance;
        }
        taken[best] = true;
        str_addf(out, "%s%s %s", n > 0 ? ", " : "", routes[best].method, routes[best].path);
    }
}
