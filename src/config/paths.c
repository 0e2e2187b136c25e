/* paths.c - reads HOME and the XDG variables; looks at the disk only for models.json. */
#include "config/paths.h"
#include <stdlib.h>
#include <string.h>
#include "base/file.h"

static const char *home(void) {
    const char *text = getenv("HOME");
    return text != NULL && *text != '\0' ? text : "/tmp";
}

/* The XDG rules say that a relative path in these variables is to be ignored. */
static void base_directory(struct str *out, const char *variable, const char *below_home) {
    const char *text = getenv(variable);
    if (text != NULL && *text == '/')
        str_add_text(out, text);
    else
        file_join(out, home(), below_home);
}

void paths_models_dir(struct str *out) {
    struct str base = {0};
    base_directory(&base, "XDG_CACHE_HOME", ".cache");
    file_join(out, str_text(&base), "longhaul/models");
    str_deinit(&base);
}

bool paths_models_json(struct str *out) {
    if (file_exists("models.json")) {
        str_add_text(out, "models.json");
        return true;
    }
    struct str base = {0};
    base_directory(&base, "XDG_CONFIG_HOME", ".config");
    file_join(out, str_text(&base), "longhaul/models.json");
    str_deinit(&base);
    if (file_exists(str_text(out)))
        return true;
    str_clear(out);
    return false;
}

void paths_resolve(struct str *out, const char *path, const char *beside) {
    const char *slash = beside != NULL ? strrchr(beside, '/') : NULL;
    if (strncmp(path, "~/", 2) == 0) {
        file_join(out, home(), path + 2);
    } else if (*path == '/' || slash == NULL) {
        str_add_text(out, path);
    } else {
        str_add(out, beside, (size_t)(slash - beside) + 1);
        str_add_text(out, path);
    }
}
