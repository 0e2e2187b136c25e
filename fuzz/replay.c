/* replay.c - main() of a fuzzer that was not built by clang: runs the files that it is given.
 *
 * For reproducing a find under gdb or valgrind: build-x/fuzz/fuzz_gguf crash-1234… */
#include "base/file.h"
#include "fuzz.h"
#include <stdio.h>

enum { INPUT_BYTES_MAX = 64 << 20 };

int main(int argc, char **argv) {
    struct str input = {0};
    for (int i = 1; i < argc; i++) {
        struct error err = {0};
        if (!file_read(&input, argv[i], INPUT_BYTES_MAX, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        printf("%s: %zu bytes\n", argv[i], input.len);
        LLVMFuzzerTestOneInput((const uint8_t *)str_text(&input), input.len);
    }
    str_deinit(&input);
    return 0;
}
