/* gguf_kind.c - what is this, if it is no GGUF?
 *
 * People hand over what a download left on the disk; the error should say what that is.
 * Looks at the first bytes only; guesses, promises nothing. */
#include "gguf/gguf_internal.h"
#include <string.h>
#include <strings.h>

static const struct {
    const char *start;
    size_t start_bytes;
    const char *text;
} kinds[] = {
    {"version https://git-lfs", 23,
     "it is a Git LFS pointer, not the model itself: run `git lfs pull`, or download the file "
     "from the model's page"},
    {"PK\3\4", 4,
     "it is a zip archive (PyTorch checkpoints are, too): unpack it, or get the model's GGUF"},
    {"\x1f\x8b", 2, "it is compressed with gzip: unpack it with gunzip"},
    {"\x28\xb5\x2f\xfd", 4, "it is compressed with zstd: unpack it with unzstd"},
    {"\xfd" "7zXZ", 5, "it is compressed with xz: unpack it with unxz"},
    {"BZh", 3, "it is compressed with bzip2: unpack it with bunzip2"},
    {"7z\xbc\xaf", 4, "it is a 7-Zip archive: unpack it"},
    {"lmgg", 4, "it is a GGML file from before GGUF: get the model's GGUF"},
    {"fmgg", 4, "it is a GGMF file from before GGUF: get the model's GGUF"},
    {"tjgg", 4, "it is a GGJT file from before GGUF: get the model's GGUF"},
    {"algg", 4, "it is a GGLA adapter from before GGUF: get the model's GGUF"},
    {"FUGG", 4, "its bytes are in the wrong order: get the GGUF for little-endian machines"},
    {"\x89HDF", 4, "it is an HDF5 file: get the model's GGUF"},
    {"\x80\x02", 2, "it is a Python pickle (a PyTorch checkpoint): get the model's GGUF"},
};

static bool starts_with(const uint8_t *data, size_t bytes, const char *word) {
    size_t len = strlen(word);
    return bytes >= len && strncasecmp((const char *)data, word, len) == 0;
}

/* safetensors: the length of a JSON header in eight bytes, then the header. */
static bool is_safetensors(const uint8_t *data, size_t bytes) {
    uint64_t length;
    if (bytes < 10) return false;
    memcpy(&length, data, sizeof length);
    return length >= 2 && length < (1u << 30) && data[8] == '{';
}

static bool is_all_zero(const uint8_t *data, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        if (data[i] != 0) return false;
    return true;
}

const char *gguf_kind_text(const uint8_t *data, size_t bytes) {
    if (bytes == 0) return "it is empty: download it again";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (bytes >= kinds[i].start_bytes &&
            memcmp(data, kinds[i].start, kinds[i].start_bytes) == 0)
            return kinds[i].text;
    if (is_safetensors(data, bytes))
        return "it is a safetensors file: get the model's GGUF, or convert it with llama.cpp's "
               "convert_hf_to_gguf.py";
    if (is_all_zero(data, bytes < 64 ? bytes : 64))
        return "it begins with zero bytes, as an unfinished download does: download it again";
    size_t skip = 0;
    while (skip < bytes && skip < 64 && strchr(" \t\r\n", data[skip]) != NULL && data[skip]) skip++;
    data += skip;
    bytes -= skip;
    if (starts_with(data, bytes, "<!doctype") || starts_with(data, bytes, "<html") ||
        starts_with(data, bytes, "<?xml") || starts_with(data, bytes, "<head"))
        return "it is a web page: the link led to a page (of an error, a login?), not to the file";
    if (bytes > 0 && (data[0] == '{' || data[0] == '['))
        return "it is JSON text, perhaps a server's error message: look into it";
    return "it does not begin with the letters GGUF: give the path of a .gguf file";
}
