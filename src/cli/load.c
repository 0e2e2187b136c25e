/* load.c - reads models.json, finds the file and merges the options of one model. */
#include "cli/load.h"
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "config/paths.h"

/* ---- where models are ---- */

bool load_config_open(struct load_config *c, const struct options *o, struct error *err) {
    struct str path = {0};
    const char *config = options_text(o, OPTION_CONFIG);
    const char *dir = options_text(o, OPTION_MODELS_DIR);
    bool ok = true;
    memset(c, 0, sizeof *c);
    if (dir != NULL)
        paths_resolve(&c->models_dir, dir, NULL);
    else
        paths_models_dir(&c->models_dir);
    if (config != NULL)
        ok = models_read(&c->models, config, err);
    else if (paths_models_json(&path))
        ok = models_read(&c->models, str_text(&path), err);
    str_deinit(&path);
    if (!ok)
        load_config_close(c);
    return ok;
}

void load_config_close(struct load_config *c) {
    models_deinit(&c->models);
    str_deinit(&c->models_dir);
}

/* ---- one model ---- */

/* The file's name without ".gguf" and without "-00001-of-0000N". */
static void name_from_path(struct load *l, const char *path) {
    const char *slash = strrchr(path, '/');
    snprintf(l->name_bytes, sizeof l->name_bytes, "%s", slash != NULL ? slash + 1 : path);
    size_t len = strlen(l->name_bytes);
    if (len > 5 && strcasecmp(l->name_bytes + len - 5, ".gguf") == 0)
        l->name_bytes[len - 5] = '\0';
    char *part = strstr(l->name_bytes, "-00001-of-");
    if (part != NULL)
        *part = '\0';
    l->name = l->name_bytes;
}

/* A folder that models.json names is relative to the file, any other to where we are. */
static bool resolve_cache_dir(struct load *l, const struct load_config *c, struct error *err) {
    const char *dir = options_text(&l->options, OPTION_CACHE_DIR);
    bool from_models = l->options.value[OPTION_CACHE_DIR].source == OPTION_FROM_MODELS;
    if (dir != NULL)
        paths_resolve(&l->cache_dir, dir, from_models ? c->models.path : NULL);
    return !l->cache_dir.failed || error_set(err, ERR_MEMORY, "no memory for a path");
}

static bool merge(struct load *l, const struct load_config *c, const struct options *o,
                  const struct models_entry *entry, struct error *err) {
    l->options = *o;
    if (entry != NULL)
        options_layer(&l->options, &entry->given);
    if (!resolve_cache_dir(l, c, err))
        return false;
    if (entry == NULL)
        return true;
    if (entry->type != MODELS_NATIVE)
        return error_set(
            err, ERR_UNSUPPORTED,
            "model \"%.64s\": engine type \"%s\" is not in this version; remove \"type\" "
            "from its entry to run it with longhaul's own engine",
            entry->name, models_type_name(entry->type));
    return true;
}

bool load_find_entry(struct load *l, const struct load_config *c, const struct options *o,
                     const struct models_entry *entry, struct error *err) {
    struct locate where = {.models = &c->models, .models_dir = str_text(&c->models_dir)};
    memset(l, 0, sizeof *l);
    l->name = entry->name;
    return merge(l, c, o, entry, err) && locate_entry(&where, entry, &l->path, err);
}

bool load_find(struct load *l, const struct load_config *c, const struct options *o,
               const char *model, struct error *err) {
    const struct models_entry *entry = models_find(&c->models, model);
    if (entry != NULL)
        return load_find_entry(l, c, o, entry, err);
    struct locate where = {.models = &c->models, .models_dir = str_text(&c->models_dir)};
    memset(l, 0, sizeof *l);
    if (!locate_model(&where, model, &l->path, &entry, err))
        return false;
    l->name = model;
    if (strchr(model, '/') != NULL || strcasestr(model, ".gguf") != NULL)
        name_from_path(l, model);
    return merge(l, c, o, NULL, err);
}

void load_deinit(struct load *l) {
    str_deinit(&l->path);
    str_deinit(&l->cache_dir);
}

/* ---- notes ---- */

void load_log_notes(const struct load *l) {
    static const struct {
        enum option_id id;
        const char *note;
    } notes[] = {
        {OPTION_FLASH_ATTENTION,
         "attention is always the tiled kernel: there is nothing to switch, and the answer is the "
         "same either way"},
        {OPTION_DRAFT, "a draft model is not used in this version"},
        {OPTION_URL, "an entry of type native has no use for a url"},
    };
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        if (!options_given(&l->options, notes[i].id))
            continue;
        char name[160];
        log_event("setting_without_effect", "model=%s key=%s note=\"%s\"",
                  log_quote(name, sizeof name, l->name), option_row(notes[i].id)->key,
                  notes[i].note);
    }
}
