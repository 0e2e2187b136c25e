/* load.h - from MODEL to the path of its file and the options that count for it; what run, serve,
 * bench, perplexity, tokenize and inspect share.
 *
 * A struct load owns the parsed models.json, the path that was found and the merged options of
 * one model (flag, environment, entry of models.json, default). */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H
#include "config/locate.h"
#include "config/models.h"
#include "config/options.h"

struct load_config { /* what there is to find models in */
    struct models models;
    struct str models_dir;
};

/* Reads --config (which must exist) or the default models.json (which need not). */
bool load_config_open(struct load_config *c, const struct options *o, struct error *err);
void load_config_close(struct load_config *c);

struct load {
    const char *name;              /* as the user said it, or the file's stem for a path */
    struct options options;        /* merged */
    struct str path;
    struct str cache_dir;          /* empty: none */
    char name_bytes[MODELS_NAME_BYTES_MAX + 1];
};

/* Finds MODEL.  An entry of a type that this version does not run is ERR_UNSUPPORTED. */
bool load_find(struct load *l, const struct load_config *c, const struct options *o,
               const char *model, struct error *err);
bool load_find_entry(struct load *l, const struct load_config *c, const struct options *o,
                     const struct models_entry *entry, struct error *err);
void load_deinit(struct load *l);

/* One log line for each setting of models.json that has no meaning for the native engine. */
void load_log_notes(const struct load *l);

#endif
