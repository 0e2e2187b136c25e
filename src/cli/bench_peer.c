/* bench_peer.c - llama-bench's arguments and JSON. */
#include "cli/bench_peer.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/bench_child.h"

enum { ARGUMENTS_MAX = 128, NUMBER_BYTES = 32, MORE_BYTES_MAX = 4096 };

struct arguments {
    const char *argv[ARGUMENTS_MAX + 1];
    int count;
    char numbers[8][NUMBER_BYTES];
    int number_count;
    char more[MORE_BYTES_MAX];
};

static void add(struct arguments *a, const char *flag, const char *value) {
    a->argv[a->count++] = flag;
    a->argv[a->count++] = value;
}

static char *number(struct arguments *a) {
    return a->numbers[a->number_count++];
}

static void add_int(struct arguments *a, const char *flag, int value) {
    char *text = number(a);
    snprintf(text, NUMBER_BYTES, "%d", value);
    add(a, flag, text);
}

/* Cuts `more` at blanks.  llama-bench's arguments hold none. */
static bool add_more(struct arguments *a, const char *more, struct error *err) {
    if (more == NULL)
        return true;
    if (strlen(more) >= sizeof a->more)
        return error_set(err, ERR_ARGUMENT, "--with-args is longer than %d bytes", MORE_BYTES_MAX);
    strcpy(a->more, more);
    for (char *at = a->more, *word; (word = strsep(&at, " \t")) != NULL;) {
        if (*word == '\0')
            continue;
        if (a->count == ARGUMENTS_MAX)
            return error_set(err, ERR_ARGUMENT, "--with-args has more than %d words",
                             ARGUMENTS_MAX / 2);
        a->argv[a->count++] = word;
    }
    return true;
}

static bool arguments_for(const struct bench_peer *p, int depth, struct arguments *a,
                          struct error *err) {
    *a = (struct arguments){.argv = {p->program}, .count = 1};
    add(a, "-m", p->model_path);
    add_int(a, "-t", p->threads);
    add(a, "-ctk", p->kv_k);
    add(a, "-ctv", p->kv_v);
    add(a, "-r", "1");
    add(a, "-o", "json");
    if (depth > 0 && p->no_depth) { /* decode only, after a prompt */
        char *pair = number(a);
        snprintf(pair, NUMBER_BYTES, "%d,%d", depth, p->decode);
        add(a, "-gp", pair);
        add(a, "-p", "0");
        add(a, "-n", "0");
    } else {
        add_int(a, "-p", p->prefill);
        add_int(a, "-n", p->decode);
        if (depth > 0)
            add_int(a, "-d", depth);
    }
    return add_more(a, p->more, err);
}

/* ---- its answer ---- */

/* Seconds of the first sample of a test; 0: there is none. */
static double seconds_of(const json_t *test) {
    const json_t *ns = json_array_get(json_object_get(test, "samples_ns"), 0);
    return json_is_number(ns) ? json_number_value(ns) / 1e9 : 0;
}

static bool is_int(const json_t *test, const char *key, int value) {
    const json_t *v = json_object_get(test, key);
    return json_is_integer(v) && json_integer_value(v) == value;
}

bool bench_peer_parse(const struct bench_peer *peer, const char *text, size_t len,
                      struct bench_peer_result *out, struct error *err) {
    /* Something may have been printed before the array. */
    const char *begin = len > 0 ? memchr(text, '[', len) : NULL;
    json_error_t wrong = {0};
    *out = (struct bench_peer_result){0};
    json_t *tests = begin == NULL ? NULL
                                  : json_loadb(begin, len - (size_t)(begin - text),
                                               JSON_DISABLE_EOF_CHECK, &wrong);
    if (!json_is_array(tests)) {
        json_decref(tests);
        return error_set(err, ERR_FORMAT,
                         "%s did not print the JSON of llama-bench (%s); is it one?", peer->program,
                         begin == NULL ? "there is no array" : wrong.text);
    }
    size_t index;
    json_t *test;
    json_array_foreach(tests, index, test) {
        if (peer->prefill > 0 && is_int(test, "n_prompt", peer->prefill) &&
            is_int(test, "n_gen", 0))
            out->prefill_s = seconds_of(test);
        else if (peer->decode > 0 && is_int(test, "n_gen", peer->decode))
            out->decode_s = seconds_of(test);
    }
    json_decref(tests);
    return true;
}

/* "error: invalid parameter for argument: -d" */
static bool refuses_depth(const struct str *talk) {
    return strstr(str_text(talk), "invalid parameter for argument: -d") != NULL;
}

static bool run(struct bench_peer *peer, int depth, struct bench_peer_result *out,
                struct error *err) {
    struct arguments a;
    struct str text = {0}, talk = {0};
    struct error wrong = {0};
    if (!arguments_for(peer, depth, &a, err))
        return false;
    struct bench_child child = {
        .argv = a.argv, .timeout_ms = peer->timeout_ms, .tick = peer->tick, .arg = peer->arg};
    bool ok = bench_child_run(&child, &text, &talk, &wrong);
    if (!ok && depth > 0 && wrong.code == ERR_INTERNAL && refuses_depth(&talk))
        peer->no_depth = true;
    else if (!ok)
        error_set(err, wrong.code, "%s", wrong.text);
    ok = ok && bench_peer_parse(peer, str_text(&text), text.len, out, err);
    str_deinit(&text);
    str_deinit(&talk);
    return ok;
}

bool bench_peer_run(struct bench_peer *peer, int depth, struct bench_peer_result *out,
                    struct error *err) {
    bool knew = peer->no_depth;
    *out = (struct bench_peer_result){0};
    if (access(peer->program, X_OK) != 0)
        return error_set_errno(err, "--with %s", peer->program);
    if (depth > 0 && knew && peer->decode == 0)
        return true; /* nothing that it could measure */
    if (run(peer, depth, out, err))
        return true;
    /* It has just turned out that it does not take a depth: ask for what it does. */
    return !knew && peer->no_depth && bench_peer_run(peer, depth, out, err);
}
