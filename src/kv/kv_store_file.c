/* kv_store_file.c - one KV page as a file.
 *
 * The name, all lower case, so that a listing of the directory is the index:
 *
 *     PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP-OOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOO-IIIIII-CC.kv
 *     the parent's key, 16 bytes       the page's own key, 16 bytes     index count     (hex)
 *
 * The content, little-endian:
 *
 *      offset  bytes  what
 *           0      8  magic: 89 'K' 'V' 'P' 0d 0a 1a 0a (a text transfer damages it)
 *           8      4  version of this format: 1
 *          12      4  bytes of this header: 4096, so that the payload is aligned for any disk
 *          16     32  root key: the model, its tensors, KV types, layout, RoPE, kernel level
 *          48     32  parent's key
 *          80     32  own key = SHA-256(parent's key | tokens)
 *         112      4  page index: the page holds the positions from 64 * index
 *         116      4  count of tokens, 1 … 64
 *         120      8  payload bytes
 *         128      8  XXH3-64 of the payload
 *         136    256  tokens, 64 int32; those from count on are 0
 *         392    120  label for people, NUL-terminated
 *         512   3576  zero
 *        4088      8  XXH3-64 of bytes 0 … 4087
 *        4096      …  payload: the page as it lay in memory; the file ends with it
 *
 * Invariants:
 *
 * 1. A file with a name of this form was complete when it got the name: it is written under
 *    another name, synced, renamed, and the directory is synced (file_write_atomic).
 * 2. Nobody relies on 1: a reader checks length, both checksums, the version, and that the key
 *    follows from parent and tokens, before it believes a byte.
 * 3. A file never changes.  Another file of the same name holds an equally good page, so
 *    that two writers of one directory may overwrite each other.
 * 4. A file may vanish at any moment (another server's budget); whoever has it open may
 *    read it to its end.
 * 5. Where the page goes is decided by root, parent and tokens in the header, never by the
 *    name alone.
 * 6. A file is of use only below its parent: a page whose parent is missing is not found. */
#include "kv/kv_store_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/file.h"

static const uint8_t magic[8] = {0x89, 'K', 'V', 'P', '\r', '\n', 0x1a, '\n'};

enum {
    AT_VERSION = 8, AT_HEADER_BYTES = 12, AT_ROOT = 16, AT_PARENT = 48, AT_OWN = 80,
    AT_INDEX = 112, AT_COUNT = 116, AT_PAYLOAD_BYTES = 120, AT_PAYLOAD_SUM = 128,
    AT_TOKENS = 136, AT_LABEL = 392, AT_ZERO = 512, AT_HEADER_SUM = 4088,
};
_Static_assert(AT_TOKENS + KV_PAGE_TOKENS * 4 == AT_LABEL, "tokens end where the label begins");
_Static_assert(AT_LABEL + KV_STORE_FILE_LABEL_BYTES == AT_ZERO, "and so does the label");
_Static_assert(AT_HEADER_SUM + 8 == KV_STORE_FILE_HEADER_BYTES, "the checksum comes last");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they lie");

static void put(uint8_t *header, int at, const void *value, size_t bytes) {
    memcpy(header + at, value, bytes);
}

static uint32_t get_u32(const uint8_t *header, int at) {
    uint32_t value;
    memcpy(&value, header + at, sizeof value);
    return value;
}

static uint64_t get_u64(const uint8_t *header, int at) {
    uint64_t value;
    memcpy(&value, header + at, sizeof value);
    return value;
}

/* ---- names ---- */

static const char suffix[] = ".kv";
enum { HALF = 16, NAME_LENGTH = 32 + 1 + 32 + 1 + 6 + 1 + 2 + 3 };
_Static_assert((int)NAME_LENGTH < (int)KV_STORE_FILE_NAME_BYTES, "a name and its NUL");

static void hex(char *out, const uint8_t *bytes) {
    for (int i = 0; i < HALF; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void kv_store_file_name(char out[KV_STORE_FILE_NAME_BYTES], const struct kv_store_file_header *h) {
    char parent[33], own[33];
    hex(parent, h->parent.bytes);
    hex(own, h->own.bytes);
    snprintf(out, KV_STORE_FILE_NAME_BYTES, "%s-%s-%06x-%02x%s", parent, own,
             (unsigned)h->page_index & KV_STORE_FILE_INDEX_MAX, (unsigned)h->count & 0xff, suffix);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(uint8_t *out, const char *text, int bytes) {
    for (int i = 0; i < bytes; i++) {
        int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
        if (low < 0) return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool kv_store_file_parse(struct kv_store_file_name *out, const char *name) {
    uint8_t index[3], count;
    if (strlen(name) != NAME_LENGTH || name[32] != '-' || name[65] != '-' || name[72] != '-' ||
        strcmp(name + 75, suffix) != 0 || !parse_hex(out->parent, name, HALF) ||
        !parse_hex(out->own, name + 33, HALF) || !parse_hex(index, name + 66, 3) ||
        !parse_hex(&count, name + 73, 1))
        return false;
    out->page_index = index[0] << 16 | index[1] << 8 | index[2];
    out->count = count;
    return count >= 1 && count <= KV_PAGE_TOKENS && memcmp(out->own, out->parent, HALF) != 0;
}

bool kv_store_file_is_temporary(const char *name) {
    char start[NAME_LENGTH + 1];
    struct kv_store_file_name parsed;
    if (strlen(name) <= NAME_LENGTH || strncmp(name + NAME_LENGTH, ".tmp-", 5) != 0) return false;
    memcpy(start, name, NAME_LENGTH);
    start[NAME_LENGTH] = 0;
    return kv_store_file_parse(&parsed, start);
}

/* ---- writing ---- */

static void encode(uint8_t *header, const struct kv_store_file_header *h, uint64_t payload_sum) {
    const uint32_t version = KV_STORE_FILE_VERSION, bytes = KV_STORE_FILE_HEADER_BYTES;
    const uint32_t index = (uint32_t)h->page_index, count = (uint32_t)h->count;
    const uint64_t payload_bytes = (uint64_t)h->payload_bytes;
    memset(header, 0, KV_STORE_FILE_HEADER_BYTES);
    put(header, 0, magic, sizeof magic);
    put(header, AT_VERSION, &version, 4);
    put(header, AT_HEADER_BYTES, &bytes, 4);
    put(header, AT_ROOT, h->root.bytes, KV_STORE_KEY_BYTES);
    put(header, AT_PARENT, h->parent.bytes, KV_STORE_KEY_BYTES);
    put(header, AT_OWN, h->own.bytes, KV_STORE_KEY_BYTES);
    put(header, AT_INDEX, &index, 4);
    put(header, AT_COUNT, &count, 4);
    put(header, AT_PAYLOAD_BYTES, &payload_bytes, 8);
    put(header, AT_PAYLOAD_SUM, &payload_sum, 8);
    put(header, AT_TOKENS, h->tokens, (size_t)h->count * 4);
    put(header, AT_LABEL, h->label, strnlen(h->label, KV_STORE_FILE_LABEL_BYTES - 1));
    const uint64_t header_sum = XXH3_64bits(header, AT_HEADER_SUM);
    put(header, AT_HEADER_SUM, &header_sum, 8);
}

bool kv_store_file_write(const char *dir, const struct kv_store_file_header *h,
                         const uint8_t *payload, uint8_t *buffer, struct error *err) {
    char name[KV_STORE_FILE_NAME_BYTES];
    struct str path = {0};
    assert(h->count >= 1 && h->count <= KV_PAGE_TOKENS && h->page_index >= 0);
    assert(h->page_index <= KV_STORE_FILE_INDEX_MAX);
    memcpy(buffer + KV_STORE_FILE_HEADER_BYTES, payload, (size_t)h->payload_bytes);
    encode(buffer, h, XXH3_64bits(buffer + KV_STORE_FILE_HEADER_BYTES, (size_t)h->payload_bytes));
    kv_store_file_name(name, h);
    file_join(&path, dir, name);
    bool ok = path.failed ? error_set(err, ERR_MEMORY, "no memory for a path")
                          : file_write_atomic(str_text(&path), buffer,
                                              KV_STORE_FILE_HEADER_BYTES +
                                                  (size_t)h->payload_bytes, err);
    str_deinit(&path);
    return ok;
}

/* ---- reading ---- */

static bool read_all(int fd, uint8_t *out, size_t bytes, struct error *err) {
    while (bytes > 0) {
        ssize_t got = read(fd, out, bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return error_set_errno(err, "cannot read");
        if (got == 0) return error_set(err, ERR_FORMAT, "the file is cut short");
        out += got;
        bytes -= (size_t)got;
    }
    return true;
}

/* Untrusted bytes become a struct that is trusted from here on. */
static bool decode(struct kv_store_file_header *h, const uint8_t *header, struct error *err) {
    if (memcmp(header, magic, sizeof magic) != 0)
        return error_set(err, ERR_FORMAT, "this is no KV page");
    if (get_u32(header, AT_VERSION) != KV_STORE_FILE_VERSION)
        return error_set(err, ERR_FORMAT, "format version %u; this program reads %d",
                         get_u32(header, AT_VERSION), KV_STORE_FILE_VERSION);
    if (get_u32(header, AT_HEADER_BYTES) != KV_STORE_FILE_HEADER_BYTES ||
        get_u64(header, AT_HEADER_SUM) != XXH3_64bits(header, AT_HEADER_SUM))
        return error_set(err, ERR_FORMAT, "the header is damaged");
    uint32_t index = get_u32(header, AT_INDEX), count = get_u32(header, AT_COUNT);
    uint64_t payload_bytes = get_u64(header, AT_PAYLOAD_BYTES);
    if (index > KV_STORE_FILE_INDEX_MAX || count < 1 || count > KV_PAGE_TOKENS ||
        payload_bytes < 1 || payload_bytes > (uint64_t)KV_STORE_FILE_PAYLOAD_MAX)
        return error_set(err, ERR_FORMAT, "page %u of %u tokens and %llu bytes cannot be", index,
                         count, (unsigned long long)payload_bytes);
    memset(h, 0, sizeof *h);
    memcpy(h->root.bytes, header + AT_ROOT, KV_STORE_KEY_BYTES);
    memcpy(h->parent.bytes, header + AT_PARENT, KV_STORE_KEY_BYTES);
    memcpy(h->own.bytes, header + AT_OWN, KV_STORE_KEY_BYTES);
    h->page_index = (int)index;
    h->count = (int)count;
    memcpy(h->tokens, header + AT_TOKENS, (size_t)count * 4);
    h->payload_bytes = (int64_t)payload_bytes;
    memcpy(h->label, header + AT_LABEL, KV_STORE_FILE_LABEL_BYTES - 1);
    struct kv_store_key own;
    kv_store_key_page(&own, &h->parent, h->tokens, h->count);
    return kv_store_key_equal(&own, &h->own) ||
           error_set(err, ERR_FORMAT, "the key does not follow from the tokens");
}

int kv_store_file_open(const char *dir, const char *name, struct kv_store_file_header *out,
                       struct error *err) {
    uint8_t header[KV_STORE_FILE_HEADER_BYTES];
    struct str path = {0};
    struct stat st;
    file_join(&path, dir, name);
    /* O_NONBLOCK: a FIFO of that name must not hang the thread. */
    int fd = path.failed ? -1 : open(str_text(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool ok = false;
    if (fd < 0 || fstat(fd, &st) != 0) error_set_errno(err, "cannot open");
    else if (!S_ISREG(st.st_mode)) error_set(err, ERR_FORMAT, "not a regular file");
    else if (read_all(fd, header, sizeof header, err) && decode(out, header, err))
        ok = st.st_size == KV_STORE_FILE_HEADER_BYTES + out->payload_bytes ||
             error_set(err, ERR_FORMAT, "the file has %lld bytes; its header says %lld",
                       (long long)st.st_size,
                       (long long)(KV_STORE_FILE_HEADER_BYTES + out->payload_bytes));
    str_deinit(&path);
    if (ok || fd < 0) return fd;
    close(fd);
    return -1;
}

bool kv_store_file_payload(int fd, const struct kv_store_file_header *h, uint8_t *out,
                           struct error *err) {
    uint64_t sum;
    /* The header was checked as a whole; its checksum field is read again, not carried. */
    bool ok = pread(fd, &sum, sizeof sum, AT_PAYLOAD_SUM) == sizeof sum ||
              error_set(err, ERR_IO, "cannot read the checksum");
    ok = ok && read_all(fd, out, (size_t)h->payload_bytes, err);
    close(fd);
    return ok && (sum == XXH3_64bits(out, (size_t)h->payload_bytes) ||
                  error_set(err, ERR_FORMAT, "the page's checksum is wrong"));
}

void kv_store_file_prefetch(const char *dir, const char *name) {
    struct str path = {0};
    file_join(&path, dir, name);
    int fd = path.failed ? -1 : open(str_text(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    str_deinit(&path);
    if (fd < 0) return;
    posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
    close(fd);
}
