/* kv_store_table.h - which pages are on disk: found by their key and by their parent's.
 *
 * Plain data without a lock and without a disk: kv_store.c guards it.  Only what nothing hangs
 * below is ever chosen to go, since a page without its parent cannot be found. */
#ifndef KV_KV_STORE_TABLE_H
#define KV_KV_STORE_TABLE_H
#include "kv/kv_store_file.h"

enum { KV_STORE_TABLE_MAX = 1 << 20 }; /* files; more are left alone and not counted */

enum kv_store_state {
    KV_STORE_QUEUED,   /* to be written; not on disk yet                  */
    KV_STORE_PRESENT,
    KV_STORE_DAMAGED,  /* on disk and of no use: goes first, may be rewritten */
};

struct kv_store_entry {
    struct kv_store_file_name name;
    enum kv_store_state state;
    int64_t bytes;               /* on disk; 0 while queued for the first time */
    int64_t used_ns;             /* wall clock */
    bool touched;                /* used since the file's time was last set */
    int children;                /* entries whose parent this is */
    unsigned seen;               /* the scan that last saw the file */
    int64_t at;                  /* in entries[] */
    struct kv_store_entry *next_own, *next_sibling; /* in their buckets */
};

struct kv_store_table {
    struct kv_store_entry **entries; /* [capacity] */
    struct kv_store_entry **by_own, **by_parent; /* [bucket_count] */
    int64_t count, capacity, bucket_count;
    int64_t bytes;               /* of all files */
};

void kv_store_table_deinit(struct kv_store_table *t); /* also of a zeroed one */

struct kv_store_entry *kv_store_table_find(const struct kv_store_table *t, const uint8_t own[16]);
/* Walks the pages below a parent: NULL starts; NULL ends. */
struct kv_store_entry *kv_store_table_child(const struct kv_store_table *t,
                                            const uint8_t parent[16],
                                            const struct kv_store_entry *after);
/* The key must be new.  NULL: no memory, or KV_STORE_TABLE_MAX. */
struct kv_store_entry *kv_store_table_add(struct kv_store_table *t,
                                          const struct kv_store_file_name *name,
                                          enum kv_store_state state);
void kv_store_table_resize(struct kv_store_table *t, struct kv_store_entry *e, int64_t bytes);
void kv_store_table_remove(struct kv_store_table *t, struct kv_store_entry *e);

/* The file that is worth least: a damaged one, else the one without children that
 * was used longest ago (of equals the deepest).  Never `keep` (may be NULL) nor one that
 * has no file yet.  NULL: none. */
struct kv_store_entry *kv_store_table_victim(const struct kv_store_table *t,
                                             const struct kv_store_entry *keep);

#endif
