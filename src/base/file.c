/* file.c - whole files and paths; see file.h.
 *
 * Any thread; no state.  Every error names the path.  Deliberately no streaming reads
 * and no locking: what needs those (the disk cache, downloads) has its own file. */
#include "base/file.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_PIECE_BYTES = 64 << 10, TEMPORARY_TRIES_MAX = 100 };

bool file_map_open(struct file_map *map, const char *path, struct error *err) {
    *map = (struct file_map){0};
    bool ok = false;
    void *data = NULL;
    struct stat st;
    /* O_NONBLOCK: opening a FIFO must not hang before fstat can refuse it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        error_set_errno(err, "cannot open %s", path);
        goto done;
    }
    if (!S_ISREG(st.st_mode)) {
        error_set(err, ERR_ARGUMENT, "%s is not a regular file", path);
        goto done;
    }
    if (st.st_size > 0) {
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            error_set_errno(err, "cannot map %s (%lld bytes)", path, (long long)st.st_size);
            goto done;
        }
    }
    map->data = data;
    map->bytes = (size_t)st.st_size;
    map->modified_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    ok = true;
done:
    if (fd >= 0) close(fd);
    return ok;
}

void file_map_close(struct file_map *map) {
    if (map->data != NULL) munmap((void *)(uintptr_t)map->data, map->bytes);
    *map = (struct file_map){0};
}

bool file_read(struct str *out, const char *path, size_t bytes_max, struct error *err) {
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(err, "cannot open %s", path);
        goto done;
    }
    str_clear(out);
    for (;;) {
        if (!str_reserve(out, READ_PIECE_BYTES)) {
            error_set(err, ERR_MEMORY, "not enough memory to read %s", path);
            goto done;
        }
        ssize_t got = read(fd, out->data + out->len, READ_PIECE_BYTES);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            error_set_errno(err, "cannot read %s", path);
            goto done;
        }
        if (got == 0) break;
        out->len += (size_t)got;
        out->data[out->len] = 0;
        if (out->len > bytes_max) {
            error_set(err, ERR_FORMAT, "%s is larger than %zu bytes, the most that is read",
                      path, bytes_max);
            goto done;
        }
    }
    ok = true;
done:
    if (fd >= 0) close(fd);
    if (!ok) str_clear(out);
    return ok;
}

static bool write_all(int fd, const char *data, size_t bytes) {
    while (bytes > 0) {
        ssize_t written = write(fd, data, bytes);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        data += written;
        bytes -= (size_t)written;
    }
    return true;
}

/* A file beside path that nobody has; its name goes to `name`. */
static int open_temporary(struct str *name, const char *path) {
    for (int i = 0; i < TEMPORARY_TRIES_MAX; i++) {
        str_clear(name);
        str_addf(name, "%s.tmp-%ld-%d", path, (long)getpid(), i);
        if (name->failed) {
            errno = ENOMEM;
            return -1;
        }
        int fd = open(name->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd >= 0) return fd;
        if (errno != EEXIST) break;
    }
    name->len = 0; /* a file of that name is not ours to remove */
    return -1;
}

/* The rename is durable only when the directory that holds the name is. */
static bool sync_directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    struct str dir = {0};
    if (slash == NULL)
        str_add_text(&dir, ".");
    else
        str_add(&dir, path, slash == path ? 1 : (size_t)(slash - path));
    int fd = dir.failed ? -1 : open(dir.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    str_deinit(&dir);
    if (fd < 0) return false;
    /* EINVAL: a file system that cannot sync a directory; there is nothing to be done. */
    bool ok = fsync(fd) == 0 || errno == EINVAL;
    int reason = errno;
    close(fd);
    errno = reason;
    return ok;
}

bool file_write_atomic(const char *path, const void *data, size_t bytes, struct error *err) {
    bool ok = false;
    struct str name = {0};
    int fd = open_temporary(&name, path);
    if (fd < 0) {
        error_set_errno(err, "cannot write beside %s", path);
        goto done;
    }
    if (!write_all(fd, data, bytes) || fsync(fd) != 0) {
        error_set_errno(err, "cannot write %s", path);
        goto done;
    }
    int closed = close(fd);
    fd = -1;
    if (closed != 0 || rename(name.data, path) != 0 || !sync_directory_of(path)) {
        error_set_errno(err, "cannot put %s in place", path);
        goto done;
    }
    ok = true;
done:
    if (fd >= 0) close(fd);
    if (!ok && name.len > 0) unlink(name.data); /* gone already after the rename: harmless */
    str_deinit(&name);
    return ok;
}

bool file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

int64_t file_bytes(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

bool file_make_directories(const char *path, struct error *err) {
    bool ok = false;
    struct stat st;
    struct str part = {0};
    for (const char *p = path; *p != 0;) {
        while (*p == '/') p++;
        while (*p != 0 && *p != '/') p++;
        str_clear(&part);
        str_add(&part, path, (size_t)(p - path));
        if (part.failed) {
            error_set(err, ERR_MEMORY, "not enough memory to create %s", path);
            goto done;
        }
        if (mkdir(part.data, 0755) == 0) continue;
        int reason = errno;
        if (stat(part.data, &st) == 0) {
            if (S_ISDIR(st.st_mode)) continue;
            reason = ENOTDIR;
        }
        errno = reason;
        error_set_errno(err, "cannot create the directory %s", part.data);
        goto done;
    }
    ok = true;
done:
    str_deinit(&part);
    return ok;
}

void file_join(struct str *out, const char *dir, const char *name) {
    assert(out->data == NULL || (dir != out->data && name != out->data));
    str_clear(out);
    str_add_text(out, dir);
    while (*name == '/') name++;
    if (out->len > 0 && out->data[out->len - 1] != '/') str_add_char(out, '/');
    str_add_text(out, name);
}
