/* test_gguf_kind.c - files that are no GGUF are recognised, and the error says what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gguf_fixture.h"

static int remove_files(void **state) {
    (void)state;
    fixture_remove();
    return 0;
}

#define BYTES(text) text, sizeof text - 1

static void each_kind_is_named(void **state) {
    (void)state;
    static const struct { const char *data; size_t bytes; const char *part; } kinds[] = {
        {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:"), "Git LFS pointer"},
        {BYTES("<!DOCTYPE html><html>"), "web page"},
        {BYTES("\n  <html><head>"), "web page"},
        {BYTES("<?xml version='1.0'?><Error>"), "web page"},
        {BYTES("{\"error\":\"Repository not found\"}"), "JSON text"},
        {BYTES("\x40\0\0\0\0\0\0\0{\"__metadata__\":{}}"), "safetensors"},
        {BYTES("PK\3\4\0\0"), "zip archive"},
        {BYTES("\x1f\x8b\x08"), "gunzip"},
        {BYTES("\x28\xb5\x2f\xfd\0"), "unzstd"},
        {BYTES("\xfd" "7zXZ\0"), "unxz"},
        {BYTES("BZh9"), "bunzip2"},
        {BYTES("7z\xbc\xaf\x27\x1c"), "7-Zip"},
        {BYTES("tjgg\1\0\0\0"), "GGJT"},
        {BYTES("FUGG\0\0\0\3"), "wrong order"},
        {BYTES("\0\0\0\0\0\0\0\0\0\0\0\0"), "zero bytes"},
        {BYTES(""), "empty"},
        {BYTES("Hello"), "does not begin with the letters GGUF"},
        {BYTES("GGU"), "does not begin with the letters GGUF"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct error err;
        assert_null(fixture_open(kinds[i].data, kinds[i].bytes, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        if (strstr(err.text, kinds[i].part) == NULL) fail_msg("%s: %s", kinds[i].part, err.text);
        assert_non_null(strstr(err.text, "bytes.gguf is no GGUF file: "));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_kind_is_named)};
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
