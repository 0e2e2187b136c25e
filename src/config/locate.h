/* locate.h - from what a user calls a model to the path of its GGUF file.
 *
 * MODEL is, in this order: a name in models.json, the path of a file, a name that `pull` knows,
 * or the name of a file in the models directory without ".gguf" (the beginning will do if only
 * one file begins so).  Of a split file the first part stands for all. */
#ifndef CONFIG_LOCATE_H
#define CONFIG_LOCATE_H
#include "base/error.h"
#include "base/str.h"
#include "config/models.h"

struct locate {
    const struct models *models;  /* may be NULL */
    const char *models_dir;
};

/* The path of the GGUF; *entry is the entry of models.json, or NULL where MODEL is none.  An entry
 * of another type than native has no file: path stays empty. */
bool locate_model(const struct locate *l, const char *model, struct str *path,
                  const struct models_entry **entry, struct error *err);

/* As locate_model for a given entry. */
bool locate_entry(const struct locate *l, const struct models_entry *entry, struct str *path,
                  struct error *err);

/* The only model in a directory; none or several are an error that says what to do. */
bool locate_only(const char *models_dir, struct str *path, struct error *err);

#endif
