/* catalog.h - the models that `pull` knows by name, and where their files are.
 *
 * One row a model.  A pinned SHA-256 is one that we have seen ourselves; without it the hub's own
 * announcement is what a download is checked against. */
#ifndef CONFIG_CATALOG_H
#define CONFIG_CATALOG_H
#include <stdint.h>

struct catalog_model {
    const char *name;        /* as `pull` and MODEL take it                                     */
    const char *aliases;     /* space between; or NULL                                          */
    const char *title;
    const char *repository;  /* on the hub                                                      */
    const char *hub_file;    /* its name there                                                  */
    const char *file;        /* its name in the models directory                                */
    int64_t bytes;           /* about; exact where sha256 is pinned                             */
    const char *sha256;      /* 64 hex digits, or NULL                                          */
    const char *packages;    /* Python packages that carry it: names joined in order; "x%d" with
                                package_count stands for x1 … xN; NULL: none                    */
    int package_count;
};

const struct catalog_model *catalog_at(int index);          /* NULL past the end */
/* By name, alias or file name (with or without .gguf); case does not matter.  NULL: unknown. */
const struct catalog_model *catalog_find(const char *name);

#endif
