/* test_file.c - whole files, and writes that leave the old file or the new one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "fault.h"

static char dir[] = "/tmp/longhaul-test-file-XXXXXX";
static char path[sizeof dir + 64];

static int open_directory(void **state) {
    (void)state;
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_directory(void **state) {
    (void)state;
    char command[sizeof dir + 16];
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command) == 0 ? 0 : -1;
}

static const char *in_directory(const char *name) {
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const char *text) {
    FILE *f = fopen(in_directory(name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static int files_in_directory(void) {
    DIR *d = opendir(dir);
    assert_non_null(d);
    int count = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

static void a_mapping_shows_the_bytes_of_the_file(void **state) {
    (void)state;
    put("map", "some bytes");
    struct file_map map;
    struct error err = {0};
    struct stat st;
    assert_true(file_map_open(&map, in_directory("map"), &err));
    assert_int_equal(map.bytes, 10);
    assert_memory_equal(map.data, "some bytes", 10);
    assert_int_equal(stat(path, &st), 0);
    assert_true(map.modified_ns ==
                (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
    file_map_close(&map);
    assert_null(map.data);
    file_map_close(&map);
}

static void an_empty_file_maps_to_nothing(void **state) {
    (void)state;
    put("empty", "");
    struct file_map map;
    assert_true(file_map_open(&map, in_directory("empty"), NULL));
    assert_null(map.data);
    assert_int_equal(map.bytes, 0);
    file_map_close(&map);
}

static void what_is_not_a_file_is_not_mapped(void **state) {
    (void)state;
    struct file_map map;
    struct error err = {0};
    assert_false(file_map_open(&map, in_directory("missing"), &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    err = (struct error){0};
    assert_false(file_map_open(&map, dir, &err));
    assert_int_equal(err.code, ERR_ARGUMENT);
    err = (struct error){0};
    assert_int_equal(mkfifo(in_directory("fifo"), 0600), 0);
    assert_false(file_map_open(&map, path, &err)); /* and does not wait for a writer */
    assert_int_equal(err.code, ERR_ARGUMENT);
    assert_null(map.data);
}

static void a_file_is_read_whole_up_to_the_limit(void **state) {
    (void)state;
    struct str s = {0};
    struct error err = {0};
    put("read", "0123456789");
    str_add_text(&s, "old content");
    assert_true(file_read(&s, in_directory("read"), 10, &err));
    assert_string_equal(s.data, "0123456789");
    assert_false(file_read(&s, path, 9, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(s.len, 0);
    str_deinit(&s);
}

static void unreadable_paths_are_errors_that_name_them(void **state) {
    (void)state;
    struct str s = {0};
    struct error err = {0};
    assert_false(file_read(&s, in_directory("missing"), 10, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    err = (struct error){0};
    assert_false(file_read(&s, dir, 10, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, dir));
    str_deinit(&s);
}

static void a_large_file_survives_small_and_interrupted_transfers(void **state) {
    (void)state;
    enum { BYTES = 200000 };
    char *data = malloc(BYTES);
    assert_non_null(data);
    for (int i = 0; i < BYTES; i++) data[i] = (char)(i * 7 + i / 251);
    struct str s = {0};
    fault_pieces(999);
    assert_true(file_write_atomic(in_directory("large"), data, BYTES, NULL));
    assert_true(file_read(&s, path, BYTES, NULL));
    fault_pieces(0);
    assert_int_equal(s.len, BYTES);
    assert_memory_equal(s.data, data, BYTES);
    str_deinit(&s);
    free(data);
}

static void a_write_replaces_the_file_and_leaves_no_other(void **state) {
    (void)state;
    int before = files_in_directory();
    struct str s = {0};
    assert_true(file_write_atomic(in_directory("new"), "one", 3, NULL));
    assert_true(file_write_atomic(path, "second", 6, NULL));
    assert_true(file_read(&s, path, 100, NULL));
    assert_string_equal(s.data, "second");
    assert_int_equal(files_in_directory(), before + 1);
    assert_true(file_write_atomic(path, "", 0, NULL));
    assert_int_equal(file_bytes(path), 0);
    str_deinit(&s);
}

static void a_file_of_another_with_the_temporary_name_is_left_alone(void **state) {
    (void)state;
    char name[64];
    struct str s = {0};
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "mine.tmp-%ld-%d", (long)getpid(), i);
        put(name, "other");
    }
    assert_true(file_write_atomic(in_directory("mine"), "text", 4, NULL));
    assert_true(file_read(&s, in_directory(name), 100, NULL));
    assert_string_equal(s.data, "other");
    str_deinit(&s);
}

/* One failing call after the other: the old text or the new one, whole, and no litter. */
static void write_with_fault(enum fault_kind kind) {
    struct str s = {0};
    assert_true(file_write_atomic(in_directory("atomic"), "old text", 8, NULL));
    int before = files_in_directory();
    for (long n = 0;; n++) {
        struct error err = {0};
        fault_at(kind, n);
        bool ok = file_write_atomic(in_directory("atomic"), "new", 3, &err);
        bool happened = fault_off();
        assert_int_equal(ok, err.code == ERR_NONE);
        if (!happened) assert_true(ok);
        assert_true(file_read(&s, path, 100, NULL));
        if (ok)
            assert_string_equal(s.data, "new");
        else if (strcmp(s.data, "new") != 0) /* only the sync after the rename may fail so */
            assert_string_equal(s.data, "old text");
        assert_int_equal(files_in_directory(), before);
        assert_true(file_write_atomic(path, "old text", 8, NULL));
        if (!happened) break;
        assert_true(n < 100);
    }
    str_deinit(&s);
}

static void a_write_that_fails_anywhere_leaves_the_old_or_the_new_file(void **state) {
    (void)state;
    write_with_fault(FAULT_IO);
    write_with_fault(FAULT_MEMORY);
}

static void reads_and_maps_that_fail_anywhere_are_errors(void **state) {
    (void)state;
    put("faulty", "content");
    for (int kind = FAULT_MEMORY; kind <= FAULT_IO; kind++) {
        for (long n = 0; n < 10; n++) {
            struct error err = {0};
            struct str s = {0};
            struct file_map map;
            fault_at(kind, n);
            bool ok = file_read(&s, in_directory("faulty"), 100, &err);
            assert_int_equal(ok, !fault_off());
            assert_int_equal(ok, err.code == ERR_NONE);
            err = (struct error){0};
            fault_at(kind, n);
            ok = file_map_open(&map, path, &err);
            assert_int_equal(ok, !fault_off());
            assert_int_equal(ok, err.code == ERR_NONE);
            file_map_close(&map);
            str_deinit(&s);
        }
    }
}

static void writing_where_one_cannot_is_an_error(void **state) {
    (void)state;
    struct error err = {0};
    assert_false(file_write_atomic(in_directory("no/such/dir"), "x", 1, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    err = (struct error){0};
    assert_true(file_make_directories(in_directory("occupied"), NULL));
    assert_false(file_write_atomic(path, "x", 1, &err)); /* a directory stands there */
    assert_int_equal(err.code, ERR_IO);
}

static void existence_and_size_can_be_asked(void **state) {
    (void)state;
    put("sized", "12345");
    assert_true(file_exists(in_directory("sized")));
    assert_int_equal(file_bytes(path), 5);
    assert_false(file_exists(in_directory("missing")));
    assert_true(file_bytes(path) == -1);
    assert_true(file_exists(dir));
}

static void directories_are_made_with_their_parents(void **state) {
    (void)state;
    struct error err = {0};
    assert_true(file_make_directories(in_directory("a/b//c/"), &err));
    assert_true(file_exists(in_directory("a/b/c")));
    assert_true(file_make_directories(path, &err)); /* again: nothing to do */
    put("plain", "");
    assert_false(file_make_directories(in_directory("plain/below"), &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.text, "plain"));
    assert_true(file_make_directories("/", NULL));
    fault_at(FAULT_MEMORY, 0);
    assert_false(file_make_directories(in_directory("x"), NULL));
    assert_true(fault_off());
}

static void joining_puts_one_slash_between(void **state) {
    (void)state;
    static const char *const rows[][3] = {
        {"a", "b", "a/b"},   {"a/", "b", "a/b"}, {"a", "/b", "a/b"},
        {"/", "b", "/b"},    {"", "b", "b"},     {"a/b", "c.gguf", "a/b/c.gguf"},
    };
    struct str s = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        file_join(&s, rows[i][0], rows[i][1]);
        assert_string_equal(s.data, rows[i][2]);
    }
    str_deinit(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapping_shows_the_bytes_of_the_file),
        cmocka_unit_test(an_empty_file_maps_to_nothing),
        cmocka_unit_test(what_is_not_a_file_is_not_mapped),
        cmocka_unit_test(a_file_is_read_whole_up_to_the_limit),
        cmocka_unit_test(unreadable_paths_are_errors_that_name_them),
        cmocka_unit_test(a_large_file_survives_small_and_interrupted_transfers),
        cmocka_unit_test(a_write_replaces_the_file_and_leaves_no_other),
        cmocka_unit_test(a_file_of_another_with_the_temporary_name_is_left_alone),
        cmocka_unit_test(a_write_that_fails_anywhere_leaves_the_old_or_the_new_file),
        cmocka_unit_test(reads_and_maps_that_fail_anywhere_are_errors),
        cmocka_unit_test(writing_where_one_cannot_is_an_error),
        cmocka_unit_test(existence_and_size_can_be_asked),
        cmocka_unit_test(directories_are_made_with_their_parents),
        cmocka_unit_test(joining_puts_one_slash_between),
    };
    return cmocka_run_group_tests(tests, open_directory, remove_directory);
}
