/* memory_file.c - memfd_create; a fuzzer that cannot have one ends, loudly. */
#include "memory_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void memory_file_open(struct memory_file *m, const uint8_t *data, size_t bytes) {
    m->fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (m->fd < 0) {
        perror("memfd_create");
        abort();
    }
    while (bytes > 0) {
        ssize_t written = write(m->fd, data, bytes);
        if (written <= 0) {
            perror("write");
            abort();
        }
        data += written;
        bytes -= (size_t)written;
    }
    snprintf(m->path, sizeof m->path, "/proc/self/fd/%d", m->fd);
}

void memory_file_close(struct memory_file *m) {
    close(m->fd);
}
