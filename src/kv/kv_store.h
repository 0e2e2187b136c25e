/* kv_store.h - the pages of the prefix tree on disk: written behind, found again after a restart.
 *
 *     engine thread                          disk thread
 *     put    ── queue of owned pages ──────> writes, evicts, keeps the directory's table
 *     read   ── slots ─────────────────────> reads into the slot's buffer, checks it
 *     take   <─ a checked page ────────────
 *
 * The engine thread never touches the disk and never waits for it (but in read_wait, with a
 * time limit); reads go before writes.  Whatever goes wrong with the disk is a log line and a
 * page that is computed again.  The format is specified in kv_store_file.c.
 *
 * All functions are for the engine thread. */
#ifndef KV_KV_STORE_H
#define KV_KV_STORE_H
#include "kv/kv_store_file.h"

struct kv_store;

struct kv_store_options {
    const char *dir;             /* created when it is not there */
    int64_t bytes_max;           /* of all files in it, whoever wrote them */
    struct kv_pool *pool;        /* borrowed */
    struct kv_store_key root;    /* see kv_store_key_root */
    const char *label;           /* for people, cut to fit */
};

struct kv_store *kv_store_open(const struct kv_store_options *options, struct error *err);
/* Writes what is queued for a few seconds at most, gives the pages back. */
void kv_store_close(struct kv_store *s);
const struct kv_store_key *kv_store_root(const struct kv_store *s);

/* ---- writing ---- */
struct kv_store_page {
    const struct kv_store_key *parent, *own;
    int page_index;
    const int32_t *tokens;
    int count;
    struct kv_page *page;        /* its bytes change no more; retained until written */
};
/* Queues the page unless it is there already (then it counts as used) or its parent is not. */
void kv_store_put(struct kv_store *s, const struct kv_store_page *page);
/* Gives back the pages that are written. */
void kv_store_collect(struct kv_store *s);
/* Gives up writing the newest queued page; false: none was queued. */
bool kv_store_shed(struct kv_store *s);

/* ---- reading ---- */
bool kv_store_has(struct kv_store *s, const struct kv_store_key *own); /* a full page */
bool kv_store_has_below(struct kv_store *s, const struct kv_store_key *parent);

struct kv_store_want {
    const struct kv_store_key *parent;
    int page_index;
    const int32_t *tokens;       /* copied */
    int count;                   /* 1 … 64: how many of the page's tokens are wanted */
};
/* Asks for the page below parent that shares most tokens.  The slot, or -1: all are in use. */
int kv_store_read(struct kv_store *s, const struct kv_store_want *want);
enum kv_store_read { KV_STORE_READING, KV_STORE_READ, KV_STORE_NOT_FOUND };
/* READ: *shared tokens, at least 1, are those wanted. */
enum kv_store_read kv_store_read_poll(struct kv_store *s, int slot, int *shared);
void kv_store_read_take(struct kv_store *s, int slot, uint8_t *page); /* of READ; frees the slot */
void kv_store_read_drop(struct kv_store *s, int slot);                /* in any state */
/* Until something is read that was not yet when this was last called. */
void kv_store_read_wait(struct kv_store *s, int64_t timeout_ms);
/* The disk keeps everybody waiting: nothing is found on it for a minute. */
void kv_store_read_stalled(struct kv_store *s);
int64_t kv_store_slot_bytes(size_t page_bytes); /* what the buffers of a store take */

struct kv_store_counts {
    int64_t files, bytes, bytes_max, queued;
    int64_t written, read, failed;  /* pages since open */
};
void kv_store_counts(struct kv_store *s, struct kv_store_counts *out);

#endif
