/* digest.c - reads a file once and hashes it.  Any thread. */
#include "cli/digest.h"
#include <ctype.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"

enum { PIECE_BYTES = 1 << 20 };

static void hex_text(char out[DIGEST_TEXT_BYTES], const uint8_t *bytes) {
    for (int i = 0; i < SHA256_DIGEST_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

bool digest_file(char out[DIGEST_TEXT_BYTES], const char *path,
                 void (*tick)(void *arg, int64_t done, int64_t total), void *arg,
                 struct error *err) {
    struct sha256_ctx sha;
    uint8_t bytes[SHA256_DIGEST_SIZE];
    int64_t done = 0, total = file_bytes(path);
    bool ok = false;
    uint8_t *piece = malloc(PIECE_BYTES);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    if (fd < 0 || piece == NULL) {
        error_set_errno(err, "cannot read %s", path);
        goto done;
    }
    sha256_init(&sha);
    while ((n = read(fd, piece, PIECE_BYTES)) > 0) {
        sha256_update(&sha, (size_t)n, piece);
        done += n;
        if (tick != NULL)
            tick(arg, done, total);
    }
    if (n < 0) {
        error_set_errno(err, "cannot read %s", path);
        goto done;
    }
    sha256_digest(&sha, sizeof bytes, bytes);
    hex_text(out, bytes);
    ok = true;
done:
    if (fd >= 0)
        close(fd);
    free(piece);
    return ok;
}

bool digest_parse(char out[DIGEST_TEXT_BYTES], const char *text) {
    for (int i = 0; i < DIGEST_TEXT_BYTES - 1; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return false;
        out[i] = (char)tolower((unsigned char)text[i]);
    }
    out[DIGEST_TEXT_BYTES - 1] = '\0';
    return !isxdigit((unsigned char)text[DIGEST_TEXT_BYTES - 1]);
}
