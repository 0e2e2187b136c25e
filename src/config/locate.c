/* locate.c - finds model files: looks at the disk, opens nothing.  Any thread. */
#include "config/locate.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "base/file.h"
#include "config/catalog.h"
#include "config/nearest.h"
#include "config/paths.h"

enum { FILES_MAX = 4096, NEAR_MAX = 5 };

struct listing { /* the GGUF files of a directory, sorted, first parts only */
    char *names[FILES_MAX];
    int count;
};

static void listing_deinit(struct listing *l) {
    for (int i = 0; i < l->count; i++)
        free(l->names[i]);
}

/* Bytes of a file name before ".gguf" or "-00001-of-0000N.gguf"; 0: not a model's first file. */
static size_t stem_bytes(const char *name) {
    static const char pattern[] = "-#####-of-#####";
    size_t len = strlen(name);
    if (len < 6 || strcasecmp(name + len - 5, ".gguf") != 0)
        return 0;
    len -= 5;
    size_t tail = sizeof pattern - 1;
    if (len <= tail)
        return len;
    for (size_t i = 0; i < tail; i++) {
        char c = name[len - tail + i];
        bool digit = c >= '0' && c <= '9';
        if (pattern[i] == '#' ? !digit : c != pattern[i])
            return len;
    }
    return memcmp(name + len - tail, "-00001-", 7) == 0 ? len - tail : 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void listing_read(struct listing *l, const char *dir) {
    DIR *d = opendir(dir);
    struct dirent *entry;
    l->count = 0;
    while (d != NULL && (entry = readdir(d)) != NULL && l->count < FILES_MAX) {
        if (stem_bytes(entry->d_name) == 0)
            continue;
        char *copy = strdup(entry->d_name);
        if (copy != NULL)
            l->names[l->count++] = copy;
    }
    if (d != NULL)
        closedir(d);
    qsort(l->names, (size_t)l->count, sizeof l->names[0], by_name);
}

/* Whether `stem` is `model`, or begins with it at a word's end. */
static bool begins(const char *stem, size_t stem_len, const char *model, size_t len) {
    return len < stem_len && strncasecmp(stem, model, len) == 0 && strchr("-._", stem[len]) != NULL;
}

/* The file that `model` means: exactly its stem, or the only one that begins so.  NULL: none, or
 * *several is set. */
static const char *listing_find(const struct listing *l, const char *model, bool *several) {
    const char *found = NULL;
    size_t len = strlen(model);
    *several = false;
    for (int i = 0; i < l->count; i++) {
        size_t stem = stem_bytes(l->names[i]);
        if (stem == len && strncasecmp(l->names[i], model, len) == 0) {
            *several = false;
            return l->names[i];
        }
        if (begins(l->names[i], stem, model, len)) {
            *several = found != NULL;
            found = found != NULL ? found : l->names[i];
        }
    }
    return *several ? NULL : found;
}

static bool ambiguous(const struct listing *l, const char *model, const char *dir,
                      struct error *err) {
    struct str names = {0};
    for (int i = 0; i < l->count; i++) {
        size_t stem = stem_bytes(l->names[i]);
        if (begins(l->names[i], stem, model, strlen(model)))
            str_addf(&names, "%s%.*s", names.len > 0 ? ", " : "", (int)stem, l->names[i]);
    }
    error_set(err, ERR_ARGUMENT,
              "\"%.80s\" could be several files in %s: %.300s; give one of these "
              "names",
              model, dir, str_text(&names));
    str_deinit(&names);
    return false;
}

/* ---- nothing found ---- */

struct near_name {
    char *text;
    int distance;
};

static int by_distance(const void *a, const void *b) {
    const struct near_name *x = a, *y = b;
    return x->distance != y->distance ? x->distance - y->distance : strcmp(x->text, y->text);
}

static void consider(struct near_name *names, int *count, int max, const char *model,
                     const char *candidate, size_t len) {
    char *text = *count < max ? strndup(candidate, len) : NULL;
    struct nearest near;
    if (text == NULL)
        return;
    nearest_init(&near, model);
    nearest_offer(&near, text);
    for (int i = 0; i < *count; i++) {
        if (strcmp(names[i].text, text) == 0)
            near.best = NULL; /* a pulled model has one name in two lists */
    }
    if (near.best == NULL)
        free(text);
    else
        names[(*count)++] = (struct near_name){text, near.distance};
}

static bool not_found(const struct locate *l, const struct listing *files, const char *model,
                      struct error *err) {
    struct near_name names[128];
    int count = 0, max = sizeof names / sizeof names[0];
    const struct catalog_model *row;
    for (int i = 0; l->models != NULL && i < l->models->count; i++)
        consider(names, &count, max, model, l->models->entries[i].name,
                 strlen(l->models->entries[i].name));
    for (int i = 0; i < files->count; i++)
        consider(names, &count, max, model, files->names[i], stem_bytes(files->names[i]));
    for (int i = 0; (row = catalog_at(i)) != NULL; i++)
        consider(names, &count, max, model, row->name, strlen(row->name));
    qsort(names, (size_t)count, sizeof names[0], by_distance);
    struct str near = {0};
    for (int i = 0; i < count && i < NEAR_MAX; i++)
        str_addf(&near, "%s%s", i > 0 ? ", " : "; near: ", names[i].text);
    row = catalog_find(model);
    if (row != NULL)
        error_set(err, ERR_NOT_FOUND,
                  "the model \"%.80s\" is not in %s; `longhaul pull %s` fetches it", model,
                  l->models_dir, row->name);
    else
        error_set(
            err, ERR_NOT_FOUND,
            "no model \"%.80s\" (not in models.json, no file, not in %.120s)%.200s; `longhaul "
            "pull NAME` fetches one, `longhaul pull --list` shows the names",
            model, l->models_dir, str_text(&near));
    str_deinit(&near);
    for (int i = 0; i < count; i++)
        free(names[i].text);
    return false;
}

/* ---- finding ---- */

/* name: what is looked for; said: what the user called it. */
static bool in_models_dir(const struct locate *l, const char *name, const char *said,
                          struct str *path, struct error *err) {
    struct listing *files = calloc(1, sizeof *files);
    bool several = false, ok = false;
    if (files == NULL)
        return error_set(err, ERR_MEMORY, "no memory to list %s", l->models_dir);
    listing_read(files, l->models_dir);
    const struct catalog_model *row = catalog_find(name);
    const char *found = NULL;
    if (row != NULL) {
        char stem[MODELS_NAME_BYTES_MAX];
        size_t len = strlen(row->file) - 5;
        memcpy(stem, row->file, len);
        stem[len] = '\0';
        found = listing_find(files, stem, &several);
    }
    if (found == NULL)
        found = listing_find(files, name, &several);
    if (found != NULL) {
        file_join(path, l->models_dir, found);
        ok = true;
    } else if (several) {
        ambiguous(files, name, l->models_dir, err);
    } else {
        not_found(l, files, said, err);
    }
    listing_deinit(files);
    free(files);
    return ok;
}

static bool looks_like_path(const char *model) {
    size_t len = strlen(model);
    return strchr(model, '/') != NULL || (len > 5 && strcasecmp(model + len - 5, ".gguf") == 0);
}

/* A path or a name, but not of models.json. */
static bool locate_file(const struct locate *l, const char *model, const char *beside,
                        struct str *path, struct error *err) {
    str_clear(path);
    paths_resolve(path, model, beside);
    struct stat st;
    if (stat(str_text(path), &st) == 0 && !S_ISDIR(st.st_mode))
        return true;
    if (looks_like_path(model) && strchr(model, '/') != NULL)
        return error_set(err, ERR_NOT_FOUND, "there is no file %s", str_text(path));
    str_clear(path);
    size_t len = strlen(model);
    char name[MODELS_NAME_BYTES_MAX + 1];
    if (len == 0 || len >= sizeof name)
        return error_set(err, ERR_ARGUMENT, "a model's name has 1 to %d bytes",
                         MODELS_NAME_BYTES_MAX);
    memcpy(name, model, len + 1);
    if (looks_like_path(model))
        name[len - 5] = '\0'; /* a file of the models directory, with its ending */
    return in_models_dir(l, name, model, path, err);
}

bool locate_entry(const struct locate *l, const struct models_entry *entry, struct str *path,
                  struct error *err) {
    str_clear(path);
    if (entry->type != MODELS_NATIVE)
        return true;
    const char *model = options_text(&entry->given, OPTION_MODEL);
    const char *beside = l->models != NULL ? l->models->path : NULL;
    if (locate_file(l, model != NULL ? model : entry->name, beside, path, err))
        return true;
    error_prefix(err, "model \"%.64s\" of %s", entry->name,
                 beside != NULL ? beside : "models.json");
    return false;
}

bool locate_model(const struct locate *l, const char *model, struct str *path,
                  const struct models_entry **entry, struct error *err) {
    *entry = l->models != NULL ? models_find(l->models, model) : NULL;
    if (*entry != NULL)
        return locate_entry(l, *entry, path, err);
    return locate_file(l, model, NULL, path, err);
}

bool locate_only(const char *models_dir, struct str *path, struct error *err) {
    struct listing *files = calloc(1, sizeof *files);
    bool ok = false;
    if (files == NULL)
        return error_set(err, ERR_MEMORY, "no memory to list %s", models_dir);
    listing_read(files, models_dir);
    if (files->count == 1) {
        file_join(path, models_dir, files->names[0]);
        ok = true;
    } else if (files->count == 0) {
        error_set(err, ERR_NOT_FOUND,
                  "there is no model in %s; `longhaul pull qwen2.5-coder-0.5b` fetches a small one",
                  models_dir);
    } else {
        struct str names = {0};
        for (int i = 0; i < files->count; i++)
            str_addf(&names, "%s%.*s", i > 0 ? ", " : "", (int)stem_bytes(files->names[i]),
                     files->names[i]);
        error_set(err, ERR_ARGUMENT, "which model? %s has %.300s", models_dir, str_text(&names));
        str_deinit(&names);
    }
    listing_deinit(files);
    free(files);
    return ok;
}
