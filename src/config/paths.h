/* paths.h - where things are on this machine: the user's models folder, the default models.json.
 *
 * Follows the XDG base directory rules (https://specifications.freedesktop.org/basedir-spec/). */
#ifndef CONFIG_PATHS_H
#define CONFIG_PATHS_H
#include <stdbool.h>
#include "base/str.h"

/* $XDG_CACHE_HOME/longhaul/models, or ~/.cache/longhaul/models. */
void paths_models_dir(struct str *out);

/* ./models.json, or $XDG_CONFIG_HOME/longhaul/models.json (~/.config/…); false: neither is
 * there. */
bool paths_models_json(struct str *out);

/* `path` with a leading "~/" expanded, and made relative to the folder of the file `beside`
 * (which may be NULL) unless it is absolute. */
void paths_resolve(struct str *out, const char *path, const char *beside);

#endif
