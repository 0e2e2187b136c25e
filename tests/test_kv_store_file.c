/* test_kv_store_file.c - one page as a file: read back as written, refused in every other case,
 * and whole or absent wherever the power goes.
 * Covers: kv_store_key.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "fault.h"
#include "kv/kv_store_file.h"

enum {
    PAYLOAD = 5000, /* no multiple of anything */
    FILE_BYTES = KV_STORE_FILE_HEADER_BYTES + PAYLOAD,
    CALLS_MAX = 200,
    PIECE = 2500,   /* bytes a write, so that there are many points to cut at */
};

static char dir[128];
static uint8_t payload[PAYLOAD], buffer[FILE_BYTES], got_payload[PAYLOAD];

static struct kv_store_file_header header_of(int salt, int count) {
    struct kv_store_file_header h = {.page_index = 3, .count = count, .payload_bytes = PAYLOAD,
                                     .label = "tiny kv=f16/f16"};
    kv_store_key_root(&h.root, "model", 5);
    kv_store_key_page(&h.parent, &h.root, &(int32_t){salt}, 1);
    for (int i = 0; i < count; i++) h.tokens[i] = i * 7 + salt;
    kv_store_key_page(&h.own, &h.parent, h.tokens, count);
    return h;
}

static void clear_dir(void) {
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) unlinkat(dirfd(d), e->d_name, 0);
    if (d) closedir(d);
}

static int open_case(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/longhaul-%d-file", (int)getpid());
    for (int i = 0; i < PAYLOAD; i++) payload[i] = (uint8_t)(i * 31 + i / 256);
    return mkdir(dir, 0700);
}

static int close_case(void **state) {
    (void)state;
    clear_dir();
    return rmdir(dir);
}

static bool write_page(const struct kv_store_file_header *h, struct error *err) {
    return kv_store_file_write(dir, h, payload, buffer, err);
}

static bool read_page(const char *name, struct kv_store_file_header *h, struct error *err) {
    memset(got_payload, 0, sizeof got_payload);
    int fd = kv_store_file_open(dir, name, h, err);
    if (fd < 0) return false;
    if (h->payload_bytes == PAYLOAD) return kv_store_file_payload(fd, h, got_payload, err);
    close(fd);
    return error_set(err, ERR_FORMAT, "another length");
}

static void path_of(char *out, size_t bytes, const char *name) {
    snprintf(out, bytes, "%s/%s", dir, name);
}

static void a_page_is_read_back_as_it_was_written(void **state) {
    (void)state;
    const int counts[] = {1, 17, 63, 64};
    for (size_t i = 0; i < 4; i++) {
        struct kv_store_file_header h = header_of((int)i, counts[i]), got;
        char name[KV_STORE_FILE_NAME_BYTES];
        struct kv_store_file_name parsed;
        struct error err = {0};
        kv_store_file_name(name, &h);
        assert_true(write_page(&h, &err));
        assert_true(read_page(name, &got, &err));
        assert_memory_equal(got_payload, payload, PAYLOAD);
        assert_memory_equal(&got, &h, sizeof h);
        assert_true(kv_store_file_parse(&parsed, name));
        assert_memory_equal(parsed.own, h.own.bytes, sizeof parsed.own);
        assert_memory_equal(parsed.parent, h.parent.bytes, sizeof parsed.parent);
        assert_int_equal(parsed.page_index, 3);
        assert_int_equal(parsed.count, counts[i]);
    }
}

static void the_key_depends_on_every_token_and_the_model(void **state) {
    (void)state;
    struct kv_store_key root, other, a, b;
    int32_t tokens[64] = {0};
    kv_store_key_root(&root, "model a", 7);
    kv_store_key_root(&other, "model b", 7);
    kv_store_key_page(&a, &root, tokens, 64);
    kv_store_key_page(&b, &other, tokens, 64);
    assert_false(kv_store_key_equal(&a, &b));
    for (int i = 0; i < 64; i++) {
        tokens[i] = 1;
        kv_store_key_page(&b, &root, tokens, 64);
        assert_false(kv_store_key_equal(&a, &b));
        tokens[i] = 0;
        kv_store_key_page(&b, &root, tokens, i);
        assert_false(kv_store_key_equal(&a, &b));
    }
}

static void names_of_other_files_are_not_ours(void **state) {
    (void)state;
    struct kv_store_file_header h = header_of(0, 64);
    struct kv_store_file_name parsed;
    char name[KV_STORE_FILE_NAME_BYTES], longer[128];
    kv_store_file_name(name, &h);
    assert_false(kv_store_file_is_temporary(name));
    for (size_t i = 0; name[i]; i++) {
        char kept = name[i];
        name[i] = 'G';
        assert_false(kv_store_file_parse(&parsed, name));
        name[i] = '\0';
        assert_false(kv_store_file_parse(&parsed, name));
        name[i] = kept;
    }
    snprintf(longer, sizeof longer, "%s.tmp-17-0", name);
    assert_false(kv_store_file_parse(&parsed, longer));
    assert_true(kv_store_file_is_temporary(longer));
    assert_false(kv_store_file_is_temporary("notes.tmp-17-0"));
}

static void a_file_cut_at_any_byte_or_longer_is_refused(void **state) {
    (void)state;
    struct kv_store_file_header h = header_of(0, 64), got;
    char name[KV_STORE_FILE_NAME_BYTES], path[256];
    struct error err = {0};
    kv_store_file_name(name, &h);
    path_of(path, sizeof path, name);
    assert_true(write_page(&h, &err));
    assert_int_equal(truncate(path, FILE_BYTES + 1), 0);
    assert_false(read_page(name, &got, &err));
    for (int bytes = FILE_BYTES - 1; bytes >= 0; bytes--) {
        err = (struct error){0};
        assert_int_equal(truncate(path, bytes), 0);
        assert_false(read_page(name, &got, &err));
        assert_int_equal(err.code, ERR_FORMAT);
    }
}

static void a_file_with_any_byte_changed_is_refused(void **state) {
    (void)state;
    struct kv_store_file_header h = header_of(0, 40), got;
    char name[KV_STORE_FILE_NAME_BYTES], path[256];
    struct error err = {0};
    kv_store_file_name(name, &h);
    path_of(path, sizeof path, name);
    assert_true(write_page(&h, &err));
    int fd = open(path, O_RDWR);
    for (int at = 0; at < FILE_BYTES; at++) {
        uint8_t byte, changed;
        err = (struct error){0};
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        changed = byte ^ (uint8_t)(1 << at % 8);
        assert_int_equal(pwrite(fd, &changed, 1, at), 1);
        assert_false(read_page(name, &got, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    assert_true(read_page(name, &got, &err));
}

static void what_is_no_file_is_refused_at_once(void **state) {
    (void)state;
    struct kv_store_file_header h = header_of(0, 64), got;
    char name[KV_STORE_FILE_NAME_BYTES], path[256];
    struct error err = {0};
    kv_store_file_name(name, &h);
    path_of(path, sizeof path, name);
    assert_false(read_page(name, &got, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(mkfifo(path, 0600), 0);
    err = (struct error){0};
    assert_false(read_page(name, &got, &err)); /* and does not wait for a writer */
    unlink(path);
}

static void every_call_that_fails_is_a_clean_error(void **state) {
    (void)state;
    struct kv_store_file_header h = header_of(0, 64), got;
    char name[KV_STORE_FILE_NAME_BYTES];
    kv_store_file_name(name, &h);
    for (int kind = FAULT_MEMORY; kind <= FAULT_IO; kind++) {
        for (long n = 0;; n++) {
            struct error err = {0};
            clear_dir();
            fault_at((enum fault_kind)kind, n);
            bool ok = write_page(&h, &err) && read_page(name, &got, &err);
            bool happened = fault_off();
            assert_true(ok || err.code != ERR_NONE);
            if (ok) assert_memory_equal(got_payload, payload, PAYLOAD);
            if (!happened) {
                assert_true(ok);
                break;
            }
        }
    }
}

/* ---- the power goes ---- */

struct call { /* a copy of a fault_call */
    enum fault_op op;
    int fd;
    char path[256], to[256];
    uint8_t *data;
    size_t bytes;
};

struct tape {
    struct call calls[CALLS_MAX];
    int count;
};

static void record(void *arg, const struct fault_call *c) {
    struct tape *tape = arg;
    assert_true(tape->count < CALLS_MAX);
    struct call *to = &tape->calls[tape->count++];
    *to = (struct call){.op = c->op, .fd = c->fd, .bytes = c->bytes};
    if (c->path) snprintf(to->path, sizeof to->path, "%s", c->path);
    if (c->to) snprintf(to->to, sizeof to->to, "%s", c->to);
    if (!c->bytes) return;
    to->data = malloc(c->bytes);
    assert_non_null(to->data);
    memcpy(to->data, c->data, c->bytes);
}

/* What becomes of data that was not synced. */
enum loss { LOSS_NONE, LOSS_ALL, LOSS_HALF, LOSS_ZEROS, LOSSES };

/* What an unlucky disk holds of the file that calls [from … end) write. */
static void lose(int fd, off_t bytes, enum loss loss) {
    uint8_t *zeros = calloc(1, (size_t)bytes + 1);
    if (loss == LOSS_ALL) assert_int_equal(ftruncate(fd, 0), 0);
    if (loss == LOSS_HALF) assert_int_equal(ftruncate(fd, bytes / 2), 0);
    if (loss == LOSS_ZEROS) assert_int_equal(pwrite(fd, zeros, (size_t)bytes, 0), bytes);
    free(zeros);
}

/* The directory as it is after the first `count` calls and a power cut; a name whose directory
 * was not synced is there or not. */
static void replay(const struct tape *tape, int count, enum loss loss, bool renamed) {
    int fd = -1;
    off_t unsynced = 0;
    clear_dir();
    for (int i = 0; i < count; i++) {
        const struct call *c = &tape->calls[i];
        if (c->op == FAULT_OP_CREATE) {
            if (fd >= 0) close(fd);
            fd = open(c->path, O_RDWR | O_CREAT | O_EXCL, 0600);
            assert_true(fd >= 0);
            unsynced = 0;
        } else if (c->op == FAULT_OP_WRITE) {
            assert_int_equal(write(fd, c->data, c->bytes), c->bytes);
            unsynced += (off_t)c->bytes;
        } else if (c->op == FAULT_OP_SYNC) {
            unsynced = 0;
        } else if (renamed || i + 1 < count) { /* the next call syncs the directory */
            assert_int_equal(rename(c->path, c->to), 0);
        }
    }
    if (unsynced > 0) lose(fd, unsynced, loss);
    if (fd >= 0) close(fd);
}

/* Every file with a page's name is whole; returns how many there are. */
static int whole_pages(void) {
    int count = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; (e = readdir(d));) {
        struct kv_store_file_name name;
        struct kv_store_file_header h;
        struct error err = {0};
        if (!kv_store_file_parse(&name, e->d_name)) continue;
        assert_true(read_page(e->d_name, &h, &err));
        assert_memory_equal(got_payload, payload, PAYLOAD);
        count++;
    }
    closedir(d);
    return count;
}

static void a_power_cut_at_any_point_leaves_whole_pages_only(void **state) {
    (void)state;
    static struct tape tape;
    int done[CALLS_MAX] = {0}, pages = 0;
    fault_observe(record, &tape);
    fault_pieces(PIECE);
    for (int i = 0; i < 3; i++) {
        struct kv_store_file_header h = header_of(i, i == 2 ? 5 : 64);
        struct error err = {0};
        assert_true(write_page(&h, &err));
        done[tape.count] = ++pages; /* from here on it must survive */
    }
    fault_pieces(0);
    fault_observe(NULL, NULL);
    assert_true(tape.count >= 3 * (1 + FILE_BYTES / PIECE + 3));
    int safe = 0;
    for (int count = 0; count <= tape.count; count++) {
        if (done[count]) safe = done[count];
        for (int loss = 0; loss < LOSSES; loss++)
            for (int renamed = 0; renamed < 2; renamed++) {
                replay(&tape, count, (enum loss)loss, renamed);
                int whole = whole_pages();
                assert_true(whole >= safe && whole <= safe + 1);
            }
    }
    assert_int_equal(safe, 3);
    for (int i = 0; i < tape.count; i++) free(tape.calls[i].data);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_case, close_case)
    const struct CMUnitTest tests[] = {
        CASE(a_page_is_read_back_as_it_was_written),
        CASE(the_key_depends_on_every_token_and_the_model),
        CASE(names_of_other_files_are_not_ours),
        CASE(a_file_cut_at_any_byte_or_longer_is_refused),
        CASE(a_file_with_any_byte_changed_is_refused),
        CASE(what_is_no_file_is_refused_at_once),
        CASE(every_call_that_fails_is_a_clean_error),
        CASE(a_power_cut_at_any_point_leaves_whole_pages_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
