/* models.h - models.json: which models there are, and how each is run.
 *
 * An object of model names; each entry is an object whose keys are those of the option table
 * (options.h, column `key`), nested where the key has a dot.  The file is checked completely when
 * it is read: an unknown key, a wrong type or a value out of range is an error that names file and
 * path. */
#ifndef CONFIG_MODELS_H
#define CONFIG_MODELS_H
#include "base/arena.h"
#include "base/error.h"
#include "config/options.h"

enum {
    MODELS_MAX = 64,
    MODELS_FILE_BYTES_MAX = 1 << 20,
    MODELS_NAME_BYTES_MAX = 128,
    MODELS_DEPTH_MAX = 8,             /* objects within objects */
};

enum models_type { MODELS_NATIVE, MODELS_LLAMA_CPP, MODELS_OPENAI };

struct models_entry {
    const char *name;
    enum models_type type;
    struct options given;             /* only what the entry says, OPTION_FROM_MODELS */
};

struct models {                       /* zeroed: no file, no entries */
    struct arena arena;               /* all strings */
    const char *path;                 /* of the file, or NULL */
    struct models_entry *entries;
    int count;
};

bool models_read(struct models *m, const char *path, struct error *err);
void models_deinit(struct models *m);
const struct models_entry *models_find(const struct models *m, const char *name); /* NULL: none */
const char *models_type_name(enum models_type type); /* as models.json spells it */

#endif
