/* file.h - whole files: map, read, write atomically; paths and directories. */
#ifndef BASE_FILE_H
#define BASE_FILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"

struct file_map { /* a read-only private mapping */
    const uint8_t *data; /* NULL for an empty file */
    size_t bytes;
    int64_t modified_ns; /* mtime when mapped */
};

bool file_map_open(struct file_map *map, const char *path, struct error *err);
void file_map_close(struct file_map *map); /* also of a zeroed one */

/* Reads a whole file, refusing one larger than bytes_max. */
bool file_read(struct str *out, const char *path, size_t bytes_max, struct error *err);

/* Writes to a temporary name beside path, fsyncs, renames over it, fsyncs the
 * directory: after a crash either the old or the new file is there. */
bool file_write_atomic(const char *path, const void *data, size_t bytes, struct error *err);

bool file_exists(const char *path);
int64_t file_bytes(const char *path); /* -1 if it is not there */
bool file_make_directories(const char *path, struct error *err); /* mkdir -p, 0755 */

/* dir + "/" + name into out (one slash between). */
void file_join(struct str *out, const char *dir, const char *name);

#endif
