/* cmd_serve.c - `longhaul serve`: the HTTP server over loaded models.
 *
 * Threads: main waits for signals; one loader opens the models one after the other while the
 * server already answers (503, "loading"); the server's and the engines' threads are their own.
 * The first SIGTERM or SIGINT lets running answers finish within --grace, a second one kills. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "cli/command.h"
#include "cli/load_native.h"
#include "server/server.h"

#ifndef LONGHAUL_VERSION
#define LONGHAUL_VERSION "unknown"
#endif

enum { SIGNAL_POLL_MS = 200 };

struct served { /* one model */
    struct load load;
    struct sampling sampling;
    struct native *native; /* the loader's until `loaded` */
    struct serve *serve;
    int index;
};

struct serve {
    struct load_config config;
    struct served models[SERVER_MODELS_MAX];
    int count;
    struct server *server;
    const char *host; /* borrowed from the options */
    pthread_t loader;
    bool loader_started;
    atomic_bool loaded; /* the loader is done: ready, failed and error may be read */
    int ready;
    struct error error; /* the last model that failed */
};

/* ---- which models ---- */

static bool add(struct serve *s, struct load *found, struct error *err) {
    struct served *m = &s->models[s->count];
    m->load = *found;
    if (found->name == found->name_bytes)
        m->load.name = m->load.name_bytes;
    memset(found, 0, sizeof *found);
    m->serve = s;
    m->index = s->count++;
    load_native_sampling(&m->load.options, &m->sampling);
    load_log_notes(&m->load);
    return sampling_check(&m->sampling, err);
}

/* Every native entry whose file is here; the others are logged.  The error is that of the last one
 * when none is left. */
static bool add_entries(struct serve *s, const struct options *o, struct error *err) {
    struct error last = {0};
    for (int i = 0; i < s->config.models.count; i++) {
        struct load found;
        struct error why = {0};
        if (load_find_entry(&found, &s->config, o, &s->config.models.entries[i], &why)) {
            if (!add(s, &found, err))
                return false;
            continue;
        }
        load_deinit(&found);
        last = why;
        if (s->config.models.count > 1) {
            char text[ERROR_TEXT_BYTES_MAX];
            log_warn("model_left_out", "reason=%s", log_quote(text, sizeof text, why.text));
        }
    }
    if (s->count == 0)
        *err = last;
    return s->count > 0;
}

static bool choose_models(struct serve *s, const struct options *o, struct error *err) {
    const char *name = o->word_count > 0 ? o->words[0] : options_text(o, OPTION_MODEL);
    struct str only = {0};
    struct load found = {0};
    bool ok;
    if (name == NULL && s->config.models.count > 0)
        return add_entries(s, o, err);
    if (name == NULL) {
        ok = locate_only(str_text(&s->config.models_dir), &only, err);
        name = str_text(&only);
    } else {
        ok = true;
    }
    ok = ok && load_find(&found, &s->config, o, name, err) && add(s, &found, err);
    load_deinit(&found);
    str_deinit(&only);
    return ok;
}

/* ---- opening ---- */

/* The door has one port: the flag's, else that of the first entry which has one. */
static int choose_port(const struct serve *s) {
    const struct options *chosen = NULL;
    for (int i = 0; i < s->count && chosen == NULL; i++) {
        if (options_given(&s->models[i].load.options, OPTION_PORT))
            chosen = &s->models[i].load.options;
    }
    int port = (int)options_int(chosen != NULL ? chosen : &s->models[0].load.options, OPTION_PORT);
    for (int i = 0; i < s->count; i++) {
        const struct load *l = &s->models[i].load;
        int wanted = (int)options_int(&l->options, OPTION_PORT);
        if (options_given(&l->options, OPTION_PORT) && wanted != port)
            log_warn("port_left_out", "model=%s port=%d listening=%d", l->name, wanted, port);
    }
    return port;
}

static bool open_server(struct serve *s, const struct options *o, struct error *err) {
    struct server_model_options models[SERVER_MODELS_MAX];
    int key_count;
    const char *const *keys = options_list(o, OPTION_API_KEY, &key_count);
    for (int i = 0; i < s->count; i++) {
        const struct load *l = &s->models[i].load;
        models[i] = (struct server_model_options){
            .name = l->name,
            .path = str_text(&l->path),
            .max_tokens = (int)options_int(&l->options, OPTION_MAX_TOKENS),
            .answer_ms = options_int(&l->options, OPTION_TIMEOUT) * 1000,
            .sampling = &s->models[i].sampling,
        };
    }
    s->host = options_text(o, OPTION_HOST);
    s->server = server_open(&(struct server_options){.host = s->host,
                                                     .port = choose_port(s),
                                                     .models = models,
                                                     .model_count = s->count,
                                                     .keys = keys,
                                                     .key_count = key_count,
                                                     .cors_origin = options_text(o, OPTION_CORS),
                                                     .version = LONGHAUL_VERSION},
                            err);
    return s->server != NULL;
}

static void on_progress(void *arg, double fraction) {
    const struct served *m = arg;
    server_loading(m->serve->server, m->index, fraction);
}

static void announce(const struct serve *s, const struct served *m) {
    const char *host = s->host;
    const struct engine_info *info = engine_info(native_engine(m->native));
    struct str memory = {0};
    load_native_memory_text(info, &memory);
    bool v6 = strchr(host, ':') != NULL;
    fprintf(stderr,
            "longhaul %s serves %s at http://%s%s%s:%d/v1\n"
            "  window   %d tokens (trained for %d), positions %s\n"
            "  memory   %s\n"
            "  compute  %s kernels, %d threads, batch %d, keys %s, values %s\n",
            LONGHAUL_VERSION, m->load.name, v6 ? "[" : "", host, v6 ? "]" : "",
            server_port(s->server), info->context, info->context_trained,
            info->rope_factor > 1 ? info->rope : "as trained", str_text(&memory), info->cpu_level,
            info->threads, info->batch, quant_info(info->kv_k)->name, quant_info(info->kv_v)->name);
    str_deinit(&memory);
}

static void *load_all(void *arg) {
    struct serve *s = arg;
    for (int i = 0; i < s->count; i++) {
        struct served *m = &s->models[i];
        struct error err = {0};
        m->native = load_native_open_quietly(&m->load, on_progress, m, &err);
        if (m->native != NULL) {
            announce(s, m); /* before anybody can see it ready */
            server_ready(s->server, i, m->native);
            s->ready++;
            continue;
        }
        char text[ERROR_TEXT_BYTES_MAX];
        server_failed(s->server, i, &err);
        if (s->count > 1)
            log_error("model_failed", "model=%s reason=%s", m->load.name,
                      log_quote(text, sizeof text, err.text));
        s->error = err;
    }
    atomic_store(&s->loaded, true);
    return NULL;
}

/* ---- running ---- */

/* Waits for SIGTERM or SIGINT; false: no model could be loaded. */
static bool wait_for_end(struct serve *s, const sigset_t *signals, struct error *err) {
    const struct timespec poll = {.tv_nsec = SIGNAL_POLL_MS * 1000000L};
    for (;;) {
        bool loaded = atomic_load(&s->loaded);
        if (loaded && s->ready == 0) {
            *err = s->error;
            return false;
        }
        int number = loaded ? sigwaitinfo(signals, NULL) : sigtimedwait(signals, NULL, &poll);
        if (number > 0) {
            log_event("stopping", "signal=%s", number == SIGTERM ? "SIGTERM" : "SIGINT");
            return true;
        }
    }
}

static void stop(struct serve *s, const sigset_t *signals, int64_t grace_s) {
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL); /* from here the next signal kills */
    if (!atomic_load(&s->loaded)) {
        /* A load cannot be interrupted, and nothing of it is worth waiting for. */
        server_close(s->server);
        fflush(NULL);
        _exit(0);
    }
    server_stop(s->server, grace_s * 1000);
}

static void serve_close(struct serve *s) {
    if (s->loader_started)
        pthread_join(s->loader, NULL);
    server_close(s->server);
    for (int i = 0; i < s->count; i++) {
        native_close(s->models[i].native);
        load_deinit(&s->models[i].load);
    }
    load_config_close(&s->config);
    free(s);
}

bool cmd_serve(const struct options *o, struct error *err) {
    struct serve *s = calloc(1, sizeof *s);
    sigset_t signals;
    bool ok = false;
    if (s == NULL)
        return error_set(err, ERR_MEMORY, "no memory to serve");
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* inherited by every thread: only main waits */
    if (!load_config_open(&s->config, o, err) || !choose_models(s, o, err) ||
        !open_server(s, o, err))
        goto done;
    int failed = pthread_create(&s->loader, NULL, load_all, s);
    if (failed != 0) {
        errno = failed;
        error_set_errno(err, "cannot start a thread");
        goto done;
    }
    s->loader_started = true;
    ok = wait_for_end(s, &signals, err);
    if (ok)
        stop(s, &signals, options_int(o, OPTION_GRACE));
done:
    serve_close(s);
    return ok;
}
