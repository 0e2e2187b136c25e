/* fuzz_models.c - any bytes as models.json. */
#include "config/models.h"
#include "fuzz.h"
#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct memory_file file;
    struct models models = {0};
    struct error err = {0};
    memory_file_open(&file, data, bytes);
    models_read(&models, file.path, &err);
    models_deinit(&models);
    memory_file_close(&file);
    return 0;
}
