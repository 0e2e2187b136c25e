/* kv_store_file.h - one KV page as a file: its name, its format, writing and reading it.
 *
 * The disk thread's (and `longhaul cache`'s) half of the store: everything here may block on
 * the disk, and nothing here has state. */
#ifndef KV_KV_STORE_FILE_H
#define KV_KV_STORE_FILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"
#include "kv/kv_page.h"
#include "kv/kv_store_key.h"

enum {
    KV_STORE_FILE_VERSION = 1,
    KV_STORE_FILE_HEADER_BYTES = 4096,
    KV_STORE_FILE_LABEL_BYTES = 120,          /* with its NUL */
    KV_STORE_FILE_NAME_BYTES = 80,            /* with its NUL */
    KV_STORE_FILE_INDEX_MAX = (1 << 24) - 1,  /* pages of 64 tokens: 1,073 million */
};
#define KV_STORE_FILE_PAYLOAD_MAX ((int64_t)1 << 30)

/* What stands before the page's bytes. */
struct kv_store_file_header {
    struct kv_store_key root;     /* of the model */
    struct kv_store_key parent;   /* of the page before; the root's for page 0 */
    struct kv_store_key own;
    int page_index;
    int count;                    /* tokens, 1 … 64; less than 64: the end of a sequence */
    int32_t tokens[KV_PAGE_TOKENS];
    int64_t payload_bytes;
    char label[KV_STORE_FILE_LABEL_BYTES]; /* for people: model, types, level */
};

/* What a file's name says. */
struct kv_store_file_name {
    uint8_t own[16], parent[16];  /* the keys' first halves */
    int page_index, count;
};

void kv_store_file_name(char out[KV_STORE_FILE_NAME_BYTES], const struct kv_store_file_header *h);
/* False: the name is not of this form: not ours. */
bool kv_store_file_parse(struct kv_store_file_name *out, const char *name);
/* Whether a name is that of a file that somebody was still writing. */
bool kv_store_file_is_temporary(const char *name);

/* Puts the file in place in dir; buffer: header and payload bytes, to work in.  False leaves
 * nothing behind but, at worst, a temporary file. */
bool kv_store_file_write(const char *dir, const struct kv_store_file_header *h,
                         const uint8_t *payload, uint8_t *buffer, struct error *err);

/* Reads and checks the header, the file's length included.  The descriptor is for
 * kv_store_file_payload; -1: error (ERR_NOT_FOUND, ERR_IO, or ERR_FORMAT: damaged). */
int kv_store_file_open(const char *dir, const char *name, struct kv_store_file_header *out,
                       struct error *err);
/* Reads the payload into out and compares its checksum; closes fd in every case. */
bool kv_store_file_payload(int fd, const struct kv_store_file_header *h, uint8_t *out,
                           struct error *err);
/* Asks the system to begin reading the file in the background. */
void kv_store_file_prefetch(const char *dir, const char *name);

#endif
