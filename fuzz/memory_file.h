/* memory_file.h - bytes as a file, for readers that want a path; Linux only, like the rest. */
#ifndef FUZZ_MEMORY_FILE_H
#define FUZZ_MEMORY_FILE_H
#include <stddef.h>
#include <stdint.h>

struct memory_file {
    int fd;
    char path[64]; /* of the open file, below /proc */
};

void memory_file_open(struct memory_file *m, const uint8_t *data, size_t bytes);
void memory_file_close(struct memory_file *m);

#endif
