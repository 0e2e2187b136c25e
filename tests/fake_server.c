/* fake_server.c - the real server in front of the fake generation, as a program for tests in other
 * languages.  Options are key=value, named after the members of struct server_options, and:
 *
 *     models=a,b  keys=k1,k2  context=N  load_ms=N (time until ready)  fail=TEXT (loading fails)
 *     grace_ms=N (SIGTERM)  queue_max=N  first_token_ms=N  answer_ms=N  max_tokens=N
 *
 * stdout says "port=N" when it listens (and is ready, unless load_ms was given), and "cancelled"
 * once for every cancelled answer. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "fake_generation.h"
#include "server/server.h"

enum { LIST_MAX = 16, LOAD_STEPS = 10 };

struct settings {
    struct server_options server;
    struct server_model_options models[LIST_MAX];
    const char *keys[LIST_MAX];
    struct server_model_options model; /* what all models share */
    int context;
    int64_t load_ms, grace_ms;
    const char *fail;
};

static void say_cancelled(void) {
    static const char line[] = "cancelled\n";
    if (write(STDOUT_FILENO, line, sizeof line - 1) < 0) _exit(1);
}

static int split(char *text, const char **out) {
    int count = 0;
    for (char *save = NULL, *part = strtok_r(text, ",", &save); part != NULL && count < LIST_MAX;
         part = strtok_r(NULL, ",", &save))
        out[count++] = part;
    return count;
}

static bool set_number(struct settings *s, const char *key, int64_t n) {
    struct server_options *o = &s->server;
    const struct {
        const char *key;
        int64_t *wide;
        int *narrow;
    } rows[] = {
        {"port", NULL, &o->port},
        {"header_bytes_max", &o->header_bytes_max, NULL},
        {"body_bytes_max", &o->body_bytes_max, NULL},
        {"connections_max", NULL, &o->connections_max},
        {"header_ms", &o->header_ms, NULL},
        {"body_ms", &o->body_ms, NULL},
        {"idle_ms", &o->idle_ms, NULL},
        {"write_ms", &o->write_ms, NULL},
        {"liveness_ms", &o->liveness_ms, NULL},
        {"progress_ms", &o->progress_ms, NULL},
        {"context", NULL, &s->context},
        {"load_ms", &s->load_ms, NULL},
        {"grace_ms", &s->grace_ms, NULL},
        {"queue_max", NULL, &s->model.queue_max},
        {"first_token_ms", &s->model.first_token_ms, NULL},
        {"answer_ms", &s->model.answer_ms, NULL},
        {"max_tokens", NULL, &s->model.max_tokens},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].key, key) != 0) continue;
        if (rows[i].wide != NULL)
            *rows[i].wide = n;
        else
            *rows[i].narrow = (int)n;
        return true;
    }
    return false;
}

static bool set(struct settings *s, char *argument) {
    char *value = strchr(argument, '=');
    const char *names[LIST_MAX] = {NULL};
    if (value == NULL) return false;
    *value++ = 0;
    if (strcmp(argument, "models") == 0) {
        s->server.model_count = split(value, names);
        for (int i = 0; i < s->server.model_count; i++) s->models[i].name = names[i];
    } else if (strcmp(argument, "keys") == 0) {
        s->server.key_count = split(value, s->keys);
    } else if (strcmp(argument, "host") == 0) {
        s->server.host = value;
    } else if (strcmp(argument, "cors_origin") == 0) {
        s->server.cors_origin = value;
    } else if (strcmp(argument, "fail") == 0) {
        s->fail = value;
    } else {
        return set_number(s, argument, atoll(value));
    }
    return true;
}

static void load(const struct settings *s, struct server *server, struct native *native) {
    struct error err = {0};
    for (int step = 0; s->load_ms > 0 && step < LOAD_STEPS; step++) {
        for (int i = 0; i < s->server.model_count; i++)
            server_loading(server, i, (double)step / LOAD_STEPS);
        clock_sleep_ms(s->load_ms / LOAD_STEPS);
    }
    if (s->fail != NULL) error_set(&err, ERR_FORMAT, "%s", s->fail);
    for (int i = 0; i < s->server.model_count; i++)
        if (s->fail != NULL)
            server_failed(server, i, &err);
        else
            server_ready(server, i, native);
}

int main(int argc, char **argv) {
    struct settings s = {.server = {.host = "127.0.0.1", .version = "test", .model_count = 1}};
    struct error err = {0};
    sigset_t stops;
    int got;
    s.models[0].name = "fake";
    for (int i = 1; i < argc; i++)
        if (!set(&s, argv[i])) {
            fprintf(stderr, "fake_server: unknown option %s\n", argv[i]);
            return 2;
        }
    for (int i = 0; i < s.server.model_count; i++) {
        const char *name = s.models[i].name;
        s.models[i] = s.model;
        s.models[i].name = name;
        s.models[i].path = "/models/fake-stem.gguf";
    }
    s.server.models = s.models;
    s.server.keys = s.keys;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stops, NULL); /* before there are threads: all inherit it */
    fake_on_cancel(say_cancelled);
    struct native *native = fake_open(s.context);
    struct server *server = native != NULL ? server_open(&s.server, &err) : NULL;
    if (server == NULL) {
        fprintf(stderr, "%s\n", err.text);
        native_close(native);
        return 1;
    }
    if (s.load_ms == 0) load(&s, server, native);
    printf("port=%d\n", server_port(server));
    fflush(stdout);
    if (s.load_ms > 0) load(&s, server, native);
    sigwait(&stops, &got);
    server_stop(server, s.grace_ms);
    server_close(server);
    native_close(native);
    return 0;
}
