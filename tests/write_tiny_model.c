/* write_tiny_model.c - writes a small random model's GGUF, for the tests of tests/cli:
 * write_tiny_model FILE [ARCHITECTURE] */
#include <stdio.h>
#include "tiny_model.h"

int main(int argc, char **argv) {
    struct error err = {0};
    struct tiny_model model = {.architecture = argc > 2 ? argv[2] : "qwen2",
                               .type = QUANT_Q8_0,
                               .tied = true,
                               .seed = 1};
    if (argc < 2) {
        fprintf(stderr, "usage: write_tiny_model FILE [ARCHITECTURE]\n");
        return 2;
    }
    if (tiny_model_write(&model, argv[1], &err))
        return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}
