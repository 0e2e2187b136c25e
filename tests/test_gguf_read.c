/* test_gguf_read.c - hostile headers: every limit, every cut, hundreds of damaged files.
 *
 * Files are read from heap blocks of exactly their size, so that the address sanitizer sees a
 * read past the end that a mapping's last page would hide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gguf/gguf_internal.h"
#include "gguf_fixture.h"
#include "mutate.h"

enum { COPIES = 600, REAL_COPIES = 60, REAL_HEADER_BYTES = 8 << 20 };

static int remove_files(void **state) {
    (void)state;
    fixture_remove();
    return 0;
}

/* Reads data as gguf_open would; true when it is accepted. */
static bool read_bytes(const uint8_t *data, size_t bytes, struct error *err) {
    struct gguf_read r = {.path = "x.gguf", .map = {.data = data, .bytes = bytes}, .err = err};
    struct gguf_keys keys = {0};
    struct arena arena;
    *err = (struct error){0};
    arena_init(&arena, 64 << 20);
    bool ok = gguf_read_prelude(&r) && gguf_read_keys(&r, &keys, &arena);
    if (ok) {
        struct gguf_tensor *tensor =
            arena_array(&arena, (size_t)r.tensor_count, sizeof *tensor);
        ok = tensor != NULL && gguf_read_tensors(&r, &keys, tensor, &arena);
        for (uint64_t i = 0; ok && i < r.tensor_count; i++) {
            const uint8_t *at = tensor[i].data;
            assert_true(at >= data && at + tensor[i].bytes <= data + bytes);
        }
    }
    arena_deinit(&arena);
    assert_true(ok == (err->code == ERR_NONE));
    return ok;
}

/* Reads a copy that ends where the bytes end. */
static bool read_copy(const void *data, size_t bytes, struct error *err) {
    uint8_t *copy = malloc(bytes ? bytes : 1);
    assert_non_null(copy);
    memcpy(copy, data, bytes);
    bool ok = read_bytes(copy, bytes, err);
    free(copy);
    return ok;
}

static void refused_for(const struct str *bytes, enum error_code code, const char *part) {
    struct error err;
    if (read_copy(bytes->data, bytes->len, &err)) fail_msg("accepted: %s", part);
    if (err.code != code || strstr(err.text, part) == NULL)
        fail_msg("expected \"%s\" in: %s (%s)", part, err.text, error_code_name(err.code));
}

/* ---- a file put together by hand ---- */

static void add_u32(struct str *s, uint32_t v) { str_add(s, (const char *)&v, sizeof v); }
static void add_u64(struct str *s, uint64_t v) { str_add(s, (const char *)&v, sizeof v); }

static void add_string(struct str *s, const char *text) {
    add_u64(s, strlen(text));
    str_add_text(s, text);
}

static struct str start(uint32_t version, uint64_t tensors, uint64_t keys) {
    struct str s = {0};
    str_add_text(&s, "GGUF");
    add_u32(&s, version);
    add_u64(&s, tensors);
    add_u64(&s, keys);
    return s;
}

/* Room for whatever counts promise, then the verdict; ends s. */
static void expect(struct str *s, enum error_code code, const char *part) {
    for (int i = 0; i < 64; i++) add_u64(s, 0);
    refused_for(s, code, part);
    str_deinit(s);
}

static void add_entry(struct str *s, const char *name, const uint64_t *dimension, uint32_t type,
                      uint64_t offset) {
    uint32_t count = 0;
    while (dimension[count] != UINT64_MAX) count++;
    add_string(s, name);
    add_u32(s, count);
    for (uint32_t i = 0; i < count; i++) add_u64(s, dimension[i]);
    add_u32(s, type);
    add_u64(s, offset);
}

#define DIMENSIONS(...) ((const uint64_t[]){__VA_ARGS__, UINT64_MAX})

/* One tensor of that shape, expecting to be refused. */
static void expect_tensor(const uint64_t *dimension, uint32_t type, uint64_t offset,
                          enum error_code code, const char *part) {
    struct str s = start(3, 1, 0);
    add_entry(&s, "bad", dimension, type, offset);
    expect(&s, code, part);
}

static void versions_and_byte_orders_that_we_do_not_read_are_named(void **state) {
    (void)state;
    struct str s = start(1, 0, 0);
    expect(&s, ERR_UNSUPPORTED, "GGUF version 1,");
    s = start(3u << 24, 0, 0);
    expect(&s, ERR_UNSUPPORTED, "big-endian");
    s = start(4, 0, 0);
    expect(&s, ERR_UNSUPPORTED, "GGUF version 4;");
    s = start(0, 0, 0);
    expect(&s, ERR_UNSUPPORTED, "GGUF version 0;");
}

static void a_file_without_keys_and_tensors_is_read(void **state) {
    (void)state;
    struct error err;
    struct str s = start(3, 0, 0);
    assert_true(read_copy(s.data, s.len, &err));
    str_deinit(&s);
}

static void counts_beyond_the_limits_or_the_file_are_refused(void **state) {
    (void)state;
    struct str s = start(3, GGUF_TENSORS_MAX + 1, 0);
    expect(&s, ERR_FORMAT, "65537 tensors; at most 65536");
    s = start(3, UINT64_MAX, 0);
    expect(&s, ERR_FORMAT, "tensors; at most");
    s = start(3, 0, GGUF_KEYS_MAX + 1);
    expect(&s, ERR_FORMAT, "4097 metadata keys; at most 4096");
    s = start(3, GGUF_TENSORS_MAX, GGUF_KEYS_MAX);
    expect(&s, ERR_FORMAT, "ends within its header");
}

static void keys_that_break_a_rule_are_refused(void **state) {
    (void)state;
    struct str s = start(3, 0, 1);
    add_u64(&s, GGUF_KEY_BYTES_MAX + 1);
    expect(&s, ERR_FORMAT, "65536 bytes in a metadata key; at most 65535");
    s = start(3, 0, 1);
    add_string(&s, "");
    expect(&s, ERR_FORMAT, "without a name");
    s = start(3, 0, 1);
    add_string(&s, "odd\x1b[31m");
    add_u32(&s, GGUF_TYPES);
    expect(&s, ERR_FORMAT, "odd\\x1b[31m has the unknown type 13");
    s = start(3, 0, 1);
    add_string(&s, "flag");
    add_u32(&s, GGUF_BOOL);
    str_add_char(&s, 2);
    expect(&s, ERR_FORMAT, "flag is a bool of 2");
    s = start(3, 0, 1);
    add_string(&s, "text");
    add_u32(&s, GGUF_STRING);
    add_u64(&s, GGUF_STRING_BYTES_MAX + 1);
    expect(&s, ERR_FORMAT, "a string of 16777217 bytes in a metadata string");
    s = start(3, 0, 2);
    for (int i = 0; i < 2; i++) {
        add_string(&s, "twice");
        add_u32(&s, GGUF_U32);
        add_u32(&s, 1);
    }
    expect(&s, ERR_FORMAT, "twice occurs twice");
}

static void add_array_key(struct str *s, uint32_t type, uint64_t count) {
    add_string(s, "list");
    add_u32(s, GGUF_ARRAY);
    add_u32(s, type);
    add_u64(s, count);
}

static void arrays_that_break_a_rule_are_refused(void **state) {
    (void)state;
    struct str s = start(3, 0, 1);
    add_array_key(&s, GGUF_TYPES, 1);
    expect(&s, ERR_FORMAT, "an array of unknown type 13");
    s = start(3, 0, 1);
    add_array_key(&s, GGUF_U8, GGUF_ARRAY_ELEMENTS_MAX + 1);
    expect(&s, ERR_FORMAT, "16777217 elements; at most 16777216");
    s = start(3, 0, 1);
    add_array_key(&s, GGUF_U64, UINT64_MAX / 8 + 2); /* times 8 it would be 8 */
    expect(&s, ERR_FORMAT, "elements; at most");
    s = start(3, 0, 1);
    add_array_key(&s, GGUF_F64, 1000);
    expect(&s, ERR_FORMAT, "ends within a metadata array");
    s = start(3, 0, 1);
    add_array_key(&s, GGUF_STRING, 1);
    add_u64(&s, UINT64_MAX);
    expect(&s, ERR_FORMAT, "bytes in a metadata array; at most");
    s = start(3, 0, 1);
    add_array_key(&s, GGUF_ARRAY, 1);
    for (int depth = 2; depth <= GGUF_ARRAY_DEPTH_MAX; depth++) {
        add_u32(&s, GGUF_ARRAY);
        add_u64(&s, 1);
    }
    expect(&s, ERR_FORMAT, "nested deeper than 4");
}

static void arrays_of_arrays_are_passed_over(void **state) {
    (void)state;
    struct error err;
    struct str s = start(3, 0, 2);
    add_array_key(&s, GGUF_ARRAY, 2);
    for (int i = 0; i < 2; i++) {
        add_u32(&s, GGUF_STRING);
        add_u64(&s, 1);
        add_string(&s, "inner");
    }
    add_string(&s, "after");
    add_u32(&s, GGUF_U8);
    str_add_char(&s, 7);
    struct gguf *g = fixture_open(s.data, s.len, &err);
    if (g == NULL) fail_msg("%s", err.text);
    uint32_t after = 0;
    assert_true(gguf_u32(g, "after", &after, &err));
    assert_int_equal(after, 7);
    struct gguf_array list;
    assert_false(gguf_array(g, "list", &list, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    gguf_close(g);
    str_deinit(&s);
}

static void tensors_that_break_a_rule_are_refused(void **state) {
    (void)state;
    struct str s = start(3, 1, 0);
    add_u64(&s, GGUF_NAME_BYTES_MAX + 1);
    expect(&s, ERR_FORMAT, "256 bytes in the tensor table; at most 255");
    s = start(3, 1, 0);
    add_string(&s, "");
    expect(&s, ERR_FORMAT, "a tensor without a name");
    expect_tensor(DIMENSIONS(1, 1, 1, 1, 1), 0, 0, ERR_FORMAT, "bad has more than 4 dimensions");
    expect_tensor(DIMENSIONS(4, 0), 0, 0, ERR_FORMAT, "bad has an impossible dimension");
    expect_tensor(DIMENSIONS(1ull << 63), 0, 0, ERR_FORMAT, "impossible dimension");
    expect_tensor(DIMENSIONS(1ull << 32, 1ull << 32), 0, 0, ERR_FORMAT, "more elements than");
    expect_tensor(DIMENSIONS(1ull << 31, 1ull << 31), 0, 0, ERR_FORMAT, "more bytes than");
    expect_tensor(DIMENSIONS(33), 2, 0, ERR_FORMAT,
                  "bad has rows of 33 elements, no multiple of 32 as q4_0 needs");
    expect_tensor(DIMENSIONS(128, 2), 12, 0, ERR_FORMAT, "no multiple of 256 as q4_K needs");
    expect_tensor(DIMENSIONS(4), 0, 8, ERR_FORMAT, "not aligned");
    expect_tensor(DIMENSIONS(4), 0, UINT64_MAX - 31, ERR_FORMAT, "beyond what 64 bits");
    expect_tensor(DIMENSIONS(4), 0, 1 << 20, ERR_FORMAT, "the download is incomplete");
    expect_tensor(DIMENSIONS(1ull << 40), 0, 0, ERR_FORMAT, "the download is incomplete");
}

static void a_type_that_we_do_not_run_is_named_with_those_that_we_do(void **state) {
    (void)state;
    expect_tensor(DIMENSIONS(256), 16, 0, ERR_UNSUPPORTED, "tensor bad has the type number 16");
    expect_tensor(DIMENSIONS(256), 16, 0, ERR_UNSUPPORTED, quant_names());
    expect_tensor(DIMENSIONS(256), UINT32_MAX, 0, ERR_UNSUPPORTED, "4294967295");
}

static void tensors_that_share_bytes_are_refused(void **state) {
    (void)state;
    struct str s = start(3, 2, 0);
    add_entry(&s, "one", DIMENSIONS(9), 0, 0); /* 36 bytes from 0, the other from 32 */
    add_entry(&s, "two", DIMENSIONS(8), 0, 32);
    expect(&s, ERR_FORMAT, "tensor two overlaps another tensor");
}

static void alignments_that_are_no_powers_of_two_within_bounds_are_refused(void **state) {
    (void)state;
    static const uint32_t bad[] = {0, 1, 4, 24, 33, 2u << 20, UINT32_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct str s = start(3, 0, 1);
        add_string(&s, "general.alignment");
        add_u32(&s, GGUF_U32);
        add_u32(&s, bad[i]);
        expect(&s, ERR_FORMAT, "it must be a power of two from 8 to 1048576");
    }
    struct str s = start(3, 0, 1);
    add_string(&s, "general.alignment");
    add_u32(&s, GGUF_F32);
    add_u32(&s, 0x42000000);
    expect(&s, ERR_FORMAT, "general.alignment has the type f32 where an integer is expected");
}

/* Cut within the header or the data.  Only the last tensor's padding may be missing. */
static void a_file_cut_at_any_byte_is_refused(void **state) {
    (void)state;
    struct str bytes = fixture_bytes(NULL);
    struct error err;
    size_t last = 3 * 136; /* iq4_xs: 3 rows of a block; then zeros up to a multiple of 32 */
    size_t needed = bytes.len - (last + 31) / 32 * 32 + last;
    assert_true(read_copy(bytes.data, needed, &err));
    for (size_t cut = 0; cut < needed; cut++) {
        if (read_copy(bytes.data, cut, &err)) fail_msg("cut at %zu of %zu accepted", cut, needed);
        if (cut > 3 && strstr(err.text, "download it again") == NULL) fail_msg("%s", err.text);
    }
    str_deinit(&bytes);
}

/* A damaged copy is read from the heap and, since damage may leave it valid, opened as a file
 * and used. */
static int survive(struct mutate *m, const uint8_t *data, size_t bytes) {
    size_t damaged_bytes;
    struct error err;
    uint8_t *damaged = mutate_next(m, data, bytes, &damaged_bytes);
    bool ok = read_bytes(damaged, damaged_bytes, &err);
    if (!ok && (err.text[0] == 0 || err.code == ERR_INTERNAL))
        fail_msg("%s: %s", mutate_what(m), err.text);
    if (ok) {
        struct gguf *g = fixture_open(damaged, damaged_bytes, &err);
        assert_true((g != NULL) == (err.code == ERR_NONE)); /* split.* may still disagree */
        if (g != NULL) fixture_touch(g);
        gguf_close(g);
    }
    free(damaged);
    return ok;
}

static void damaged_small_files_give_an_error_or_a_usable_model(void **state) {
    (void)state;
    struct str bytes = fixture_bytes(NULL);
    struct mutate m;
    int usable = 0;
    mutate_init(&m, &(struct mutate_options){.seed = 1, .hot_bytes = 2400});
    for (int i = 0; i < COPIES; i++)
        usable += survive(&m, (const uint8_t *)bytes.data, bytes.len);
    print_message("%d of %d damaged files were still readable\n", usable, COPIES);
    assert_true(usable < COPIES / 2);
    str_deinit(&bytes);
}

/* The header of a real model: with 300,000 strings, damage in their lengths is likely.  Cut after
 * it, so that what is left intact ends in "incomplete". */
static void damaged_headers_of_real_models_give_an_error(void **state) {
    (void)state;
    static const char *const names[] = {"qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                                        "smollm2-135m-instruct-q4_1.gguf"};
    int found = 0;
    for (size_t i = 0; i < 2; i++) {
        const char *path = fixture_real_model(names[i]);
        struct file_map map;
        struct mutate m;
        if (path == NULL || !file_map_open(&map, path, NULL)) continue;
        found++;
        for (int k = 0; k < 3; k++) { /* damage near the front, in the arrays, anywhere */
            static const size_t hot[] = {4 << 10, 64 << 10, 0};
            mutate_init(&m, &(struct mutate_options){.seed = 2 + (uint64_t)k, .hot_bytes = hot[k]});
            for (int n = 0; n < REAL_COPIES; n++)
                survive(&m, map.data, map.bytes < REAL_HEADER_BYTES ? map.bytes
                                                                    : REAL_HEADER_BYTES);
        }
        file_map_close(&map);
    }
    if (found == 0) {
        print_message("no real model is in the models directory\n");
        skip();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_and_byte_orders_that_we_do_not_read_are_named),
        cmocka_unit_test(a_file_without_keys_and_tensors_is_read),
        cmocka_unit_test(counts_beyond_the_limits_or_the_file_are_refused),
        cmocka_unit_test(keys_that_break_a_rule_are_refused),
        cmocka_unit_test(arrays_that_break_a_rule_are_refused),
        cmocka_unit_test(arrays_of_arrays_are_passed_over),
        cmocka_unit_test(tensors_that_break_a_rule_are_refused),
        cmocka_unit_test(a_type_that_we_do_not_run_is_named_with_those_that_we_do),
        cmocka_unit_test(tensors_that_share_bytes_are_refused),
        cmocka_unit_test(alignments_that_are_no_powers_of_two_within_bounds_are_refused),
        cmocka_unit_test(a_file_cut_at_any_byte_is_refused),
        cmocka_unit_test(damaged_small_files_give_an_error_or_a_usable_model),
        cmocka_unit_test(damaged_headers_of_real_models_give_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
