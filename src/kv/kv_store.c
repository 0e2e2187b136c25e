/* kv_store.c - the disk thread, its queues, and the byte budget.  See kv_store.h.
 *
 * Rules:
 *
 * 1. The disk thread alone opens, writes, removes and lists files; it holds the lock for the
 *    table and the queues only, never during a call that may wait for the disk.
 * 2. A page in the write queue is retained by the store, and so frozen (kv/README.md, rule 2).
 * 3. Pages are queued parents first, and a page whose parent is not on disk is not written.
 * 4. Files are removed before the one that needs the room is written: the directory is never
 *    beyond the budget by this server's doing.
 * 5. Other servers may write and remove in the same directory; it is listed again when it has
 *    changed.  Their files count, whatever model they are of. */
#include "kv/kv_store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "kv/kv_store_table.h"

enum {
    SLOTS_MIN = 4, SLOTS_MAX = 32,
    SLOT_BYTES_WANTED = 32 << 20,   /* read ahead: some ms of a fast disk */
    QUEUE_MAX = 1 << 15,            /* pages to be written */
    CANDIDATES_MAX = 16,            /* files looked into for a part of a page */
    PAUSE_MS = 60 * 1000,           /* after the disk refused or stalled */
    CLOSE_WRITES_MS = 5000,
    RESCAN_MS = 10 * 1000,
    TOUCH_EVERY_S = 60,             /* a file's time is set no more often */
    TOUCHES_MAX = 256,              /* in one go */
    TEMPORARY_AGE_S = 600,          /* then nobody is writing it any more */
};

enum slot_state { SLOT_FREE, SLOT_WANTED, SLOT_READING, SLOT_DONE };

struct slot {
    enum slot_state state;
    bool abandoned;                 /* free it when it is read */
    bool prefetched;
    uint64_t order;
    struct kv_store_file_header want;
    int shared;                     /* DONE: tokens; 0: not found */
    uint8_t *data;
};

struct write {                      /* one page to be written */
    struct kv_store_file_header header;
    struct kv_page *page;
    struct write *next, *previous;
};

struct write_list { struct write *first, *last; };

struct kv_store {
    char *dir;
    int64_t bytes_max;
    size_t page_bytes;
    struct kv_pool *pool;           /* engine thread only */
    struct kv_store_key root;
    char label[KV_STORE_FILE_LABEL_BYTES];
    uint8_t *buffer;                /* disk thread only: a file */
    uint64_t reads_seen;            /* engine thread only */
    pthread_t thread;
    bool thread_started;
    unsigned scan;                  /* disk thread only */
    int64_t scanned_ms, dir_changed_ns;

    pthread_mutex_t lock;           /* guards all below */
    pthread_cond_t wanted, finished;
    struct kv_store_table table;
    struct write_list queue, done;
    int64_t queued;
    struct slot slots[SLOTS_MAX];
    int slot_count;
    uint64_t next_order, reads_done;
    int64_t writes_paused_ms, reads_paused_ms; /* until then */
    bool touched;                   /* some entry is */
    bool closing;
    int64_t close_by_ms;
    struct kv_store_counts counts;
};

static int64_t wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct kv_store_file_name name_of(const struct kv_store_file_header *h) {
    struct kv_store_file_name name = {.page_index = h->page_index, .count = h->count};
    memcpy(name.own, h->own.bytes, sizeof name.own);
    memcpy(name.parent, h->parent.bytes, sizeof name.parent);
    return name;
}

static void path_name(char out[KV_STORE_FILE_NAME_BYTES], const struct kv_store_file_name *name) {
    struct kv_store_file_header h = {.page_index = name->page_index, .count = name->count};
    memcpy(h.own.bytes, name->own, sizeof name->own);
    memcpy(h.parent.bytes, name->parent, sizeof name->parent);
    kv_store_file_name(out, &h);
}

/* ---- the directory ---- */

static void saw_file(struct kv_store *s, const struct kv_store_file_name *name,
                     const struct stat *st) {
    int64_t used_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    pthread_mutex_lock(&s->lock);
    struct kv_store_entry *e = kv_store_table_find(&s->table, name->own);
    if (!e) e = kv_store_table_add(&s->table, name, KV_STORE_PRESENT);
    if (e) {
        e->seen = s->scan;
        if (used_ns > e->used_ns) e->used_ns = used_ns;
        if (e->state != KV_STORE_QUEUED)
            kv_store_table_resize(&s->table, e, (int64_t)st->st_size);
    }
    pthread_mutex_unlock(&s->lock);
}

static void forget_vanished(struct kv_store *s) {
    pthread_mutex_lock(&s->lock);
    for (int64_t i = s->table.count - 1; i >= 0; i--) {
        struct kv_store_entry *e = s->table.entries[i];
        if (e->seen != s->scan && e->state != KV_STORE_QUEUED) kv_store_table_remove(&s->table, e);
    }
    pthread_mutex_unlock(&s->lock);
}

static bool scan(struct kv_store *s, struct error *err) {
    DIR *dir = opendir(s->dir);
    if (!dir) return error_set_errno(err, "cannot list %s", s->dir);
    struct stat st;
    int fd = dirfd(dir);
    s->scan++;
    s->scanned_ms = clock_ms();
    if (fstat(fd, &st) == 0)
        s->dir_changed_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    for (struct dirent *d; (d = readdir(dir));) {
        struct kv_store_file_name name;
        bool ours = kv_store_file_parse(&name, d->d_name);
        if (!ours && !kv_store_file_is_temporary(d->d_name)) continue;
        if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) continue;
        if (ours) saw_file(s, &name, &st);
        else if (st.st_mtime < clock_unix_s() - TEMPORARY_AGE_S) unlinkat(fd, d->d_name, 0);
    }
    closedir(dir);
    forget_vanished(s);
    return true;
}

/* Another server may have written or removed files. */
static void rescan(struct kv_store *s) {
    struct stat st;
    if (clock_ms() - s->scanned_ms < RESCAN_MS) return;
    s->scanned_ms = clock_ms();
    if (stat(s->dir, &st) != 0) return;
    if ((int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec != s->dir_changed_ns)
        scan(s, NULL);
}

static bool remove_file(struct kv_store *s, const struct kv_store_file_name *name) {
    char text[KV_STORE_FILE_NAME_BYTES];
    struct str path = {0};
    path_name(text, name);
    file_join(&path, s->dir, text);
    bool ok = !path.failed && (unlink(str_text(&path)) == 0 || errno == ENOENT);
    str_deinit(&path);
    return ok;
}

/* Sets the time of files that were used, so that the order of use outlives the server. */
static void touch_files(struct kv_store *s) {
    struct kv_store_file_name names[TOUCHES_MAX];
    int count = 0;
    pthread_mutex_lock(&s->lock);
    for (int64_t i = 0; i < s->table.count && count < TOUCHES_MAX; i++) {
        struct kv_store_entry *e = s->table.entries[i];
        if (!e->touched) continue;
        e->touched = false;
        if (e->state == KV_STORE_PRESENT) names[count++] = e->name;
    }
    s->touched = count == TOUCHES_MAX;
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < count; i++) {
        char text[KV_STORE_FILE_NAME_BYTES];
        struct str path = {0};
        path_name(text, &names[i]);
        file_join(&path, s->dir, text);
        if (!path.failed) utimensat(AT_FDCWD, str_text(&path), NULL, 0); /* refused: no matter */
        str_deinit(&path);
    }
}

/* ---- reading (disk thread) ---- */

static void mark_unusable(struct kv_store *s, const struct kv_store_file_name *name,
                          const struct error *err) {
    char text[KV_STORE_FILE_NAME_BYTES], quoted[256];
    path_name(text, name);
    bool gone = err->code == ERR_NOT_FOUND;
    pthread_mutex_lock(&s->lock);
    struct kv_store_entry *e = kv_store_table_find(&s->table, name->own);
    if (e && e->state == KV_STORE_PRESENT) {
        if (gone) kv_store_table_remove(&s->table, e);
        else e->state = KV_STORE_DAMAGED;
    }
    s->counts.failed += !gone;
    pthread_mutex_unlock(&s->lock);
    if (!gone)
        log_warn("kv_store_skipped", "file=%s reason=%s", text,
                 log_quote(quoted, sizeof quoted, err->text));
}

/* Opens a file and checks that it is what its name and this model make of it. */
static int open_page(struct kv_store *s, const struct kv_store_file_name *name,
                     const struct kv_store_file_header *want, struct kv_store_file_header *got) {
    char text[KV_STORE_FILE_NAME_BYTES];
    struct error err = {0};
    path_name(text, name);
    int fd = kv_store_file_open(s->dir, text, got, &err);
    if (fd >= 0) {
        bool named = memcmp(got->own.bytes, name->own, sizeof name->own) == 0 &&
                     got->count == name->count;
        if (named && kv_store_key_equal(&got->root, &s->root) &&
            kv_store_key_equal(&got->parent, &want->parent) &&
            got->page_index == want->page_index && got->payload_bytes == (int64_t)s->page_bytes)
            return fd;
        close(fd);
        error_set(&err, ERR_FORMAT, "the file is of another model, or has another file's name");
    }
    mark_unusable(s, name, &err);
    return -1;
}

static int common(const struct kv_store_file_header *a, const struct kv_store_file_header *b) {
    int most = a->count < b->count ? a->count : b->count, i = 0;
    while (i < most && a->tokens[i] == b->tokens[i]) i++;
    return i;
}

/* The files that may hold what is wanted: the very page, or those below its parent. */
static int candidates(struct kv_store *s, const struct kv_store_file_header *want,
                      struct kv_store_file_name out[CANDIDATES_MAX]) {
    int count = 0;
    pthread_mutex_lock(&s->lock);
    struct kv_store_entry *e = kv_store_table_find(&s->table, want->own.bytes);
    if (e && e->state == KV_STORE_PRESENT) out[count++] = e->name;
    struct kv_store_entry *child = NULL;
    while (!e && count < CANDIDATES_MAX &&
           (child = kv_store_table_child(&s->table, want->parent.bytes, child)))
        if (child->state == KV_STORE_PRESENT) out[count++] = child->name;
    pthread_mutex_unlock(&s->lock);
    return count;
}

/* Reads the best page into data; returns the tokens that it shares, 0: none. */
static int read_page(struct kv_store *s, const struct kv_store_file_header *want, uint8_t *data) {
    struct kv_store_file_name names[CANDIDATES_MAX];
    struct kv_store_file_header best = {0};
    int count = candidates(s, want, names), best_fd = -1, best_shared = 0, best_at = 0;
    for (int i = 0; i < count; i++) {
        struct kv_store_file_header got;
        int fd = open_page(s, &names[i], want, &got), shared = fd < 0 ? 0 : common(&got, want);
        if (shared <= best_shared) {
            if (fd >= 0) close(fd);
            continue;
        }
        if (best_fd >= 0) close(best_fd);
        best = got;
        best_fd = fd;
        best_shared = shared;
        best_at = i;
    }
    struct error err = {0};
    if (best_fd < 0) return 0;
    if (kv_store_file_payload(best_fd, &best, data, &err)) return best_shared;
    mark_unusable(s, &names[best_at], &err);
    return 0;
}

/* Names of wanted pages that the system may begin to read meanwhile. */
static int prefetches(struct kv_store *s, char (*out)[KV_STORE_FILE_NAME_BYTES]) {
    int count = 0;
    for (int i = 0; i < s->slot_count; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state != SLOT_WANTED || slot->prefetched || slot->want.count < KV_PAGE_TOKENS)
            continue;
        slot->prefetched = true;
        kv_store_file_name(out[count++], &slot->want);
    }
    return count;
}

static struct slot *next_wanted(struct kv_store *s) {
    struct slot *first = NULL;
    for (int i = 0; i < s->slot_count; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state == SLOT_WANTED && (!first || slot->order < first->order)) first = slot;
    }
    return first;
}

/* With the lock held, which is given up for the reading. */
static void serve_read(struct kv_store *s, struct slot *slot) {
    char names[SLOTS_MAX][KV_STORE_FILE_NAME_BYTES];
    slot->state = SLOT_READING;
    int count = prefetches(s, names);
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < count; i++) kv_store_file_prefetch(s->dir, names[i]);
    int shared = read_page(s, &slot->want, slot->data);
    pthread_mutex_lock(&s->lock);
    slot->shared = shared;
    slot->state = slot->abandoned ? SLOT_FREE : SLOT_DONE;
    s->counts.read += shared > 0;
    s->reads_done++;
    pthread_cond_signal(&s->finished);
}

/* ---- writing (disk thread) ---- */

static void list_add(struct write_list *list, struct write *w) {
    w->next = NULL;
    w->previous = list->last;
    if (list->last) list->last->next = w;
    else list->first = w;
    list->last = w;
}

static void list_remove(struct write_list *list, struct write *w) {
    if (w->next) w->next->previous = w->previous;
    else list->last = w->previous;
    if (w->previous) w->previous->next = w->next;
    else list->first = w->next;
}

/* A queued page will not be written; what is on disk under its name (damaged) stays known. */
static void unqueue(struct kv_store *s, const struct write *w) {
    struct kv_store_entry *e = kv_store_table_find(&s->table, w->header.own.bytes);
    if (!e || e->state != KV_STORE_QUEUED) return;
    if (e->bytes > 0) e->state = KV_STORE_DAMAGED;
    else kv_store_table_remove(&s->table, e);
}

static void drop_queue(struct kv_store *s) {
    while (s->queue.last) {
        struct write *w = s->queue.last;
        list_remove(&s->queue, w);
        unqueue(s, w);
        list_add(&s->done, w);
        s->queued--;
    }
}

static bool parent_is_known(const struct kv_store *s, const struct kv_store_file_header *h,
                            enum kv_store_state worst) {
    if (h->page_index == 0) return true;
    const struct kv_store_entry *e = kv_store_table_find(&s->table, h->parent.bytes);
    return e && (e->state == KV_STORE_PRESENT || e->state == worst);
}

/* Removes what is worth least until `bytes` more fit.  Called and left without the lock. */
static bool make_room(struct kv_store *s, const struct kv_store_file_header *h, int64_t bytes) {
    for (;;) {
        pthread_mutex_lock(&s->lock);
        const struct kv_store_entry *parent = kv_store_table_find(&s->table, h->parent.bytes);
        bool fits = s->table.bytes + bytes <= s->bytes_max;
        struct kv_store_entry *e = fits ? NULL : kv_store_table_victim(&s->table, parent);
        struct kv_store_file_name name;
        if (e) name = e->name;
        pthread_mutex_unlock(&s->lock);
        if (!e) return fits;
        if (!remove_file(s, &name)) return false;
        pthread_mutex_lock(&s->lock);
        e = kv_store_table_find(&s->table, name.own);
        if (e && e->state == KV_STORE_QUEUED) kv_store_table_resize(&s->table, e, 0);
        else if (e) kv_store_table_remove(&s->table, e);
        pthread_mutex_unlock(&s->lock);
    }
}

static void pause_writes(struct kv_store *s, const struct error *err) {
    char quoted[256];
    s->writes_paused_ms = clock_ms() + PAUSE_MS;
    s->counts.failed++;
    drop_queue(s);
    log_warn("kv_store_paused", "seconds=%d reason=%s", PAUSE_MS / 1000,
             log_quote(quoted, sizeof quoted, err->text));
}

/* With the lock held, which is given up for the writing. */
static void serve_write(struct kv_store *s, struct write *w) {
    int64_t bytes = KV_STORE_FILE_HEADER_BYTES + w->header.payload_bytes;
    struct error err = {0};
    list_remove(&s->queue, w);
    s->queued--;
    bool wanted = parent_is_known(s, &w->header, KV_STORE_PRESENT), written = false;
    pthread_mutex_unlock(&s->lock);
    if (wanted && make_room(s, &w->header, bytes))
        written = kv_store_file_write(s->dir, &w->header, kv_page_data(w->page), s->buffer, &err);
    pthread_mutex_lock(&s->lock);
    struct kv_store_entry *e = kv_store_table_find(&s->table, w->header.own.bytes);
    if (!written) unqueue(s, w);
    else if (e) {
        e->state = KV_STORE_PRESENT;
        e->used_ns = wall_ns();
        e->seen = s->scan;
        kv_store_table_resize(&s->table, e, bytes);
        s->counts.written++;
    }
    if (err.code) pause_writes(s, &err);
    list_add(&s->done, w);
}

/* ---- the disk thread ---- */

static void wait_for_work(struct kv_store *s) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RESCAN_MS / 1000;
    pthread_cond_timedwait(&s->wanted, &s->lock, &until);
}

static void *disk_main(void *arg) {
    struct kv_store *s = arg;
    pthread_setname_np(pthread_self(), "disk");
    pthread_mutex_lock(&s->lock);
    for (;;) {
        struct slot *slot = s->closing ? NULL : next_wanted(s);
        if (s->closing && (!s->queue.first || clock_ms() > s->close_by_ms)) break;
        if (slot) {
            serve_read(s, slot);
            continue;
        }
        bool work = s->queue.first != NULL;
        if (work) serve_write(s, s->queue.first);
        else if (!s->touched && !s->closing) wait_for_work(s);
        pthread_mutex_unlock(&s->lock);
        if (!work) touch_files(s);
        rescan(s);
        pthread_mutex_lock(&s->lock);
    }
    drop_queue(s);
    pthread_mutex_unlock(&s->lock);
    touch_files(s);
    return NULL;
}

/* ---- life ---- */

static int slots_for(size_t page_bytes) {
    size_t count = SLOT_BYTES_WANTED / page_bytes;
    return count < SLOTS_MIN ? SLOTS_MIN : count > SLOTS_MAX ? SLOTS_MAX : (int)count;
}

int64_t kv_store_slot_bytes(size_t page_bytes) {
    return (slots_for(page_bytes) + 1) * (int64_t)page_bytes + KV_STORE_FILE_HEADER_BYTES;
}

static bool open_buffers(struct kv_store *s, struct error *err) {
    s->slot_count = slots_for(s->page_bytes);
    s->buffer = malloc(KV_STORE_FILE_HEADER_BYTES + s->page_bytes);
    bool ok = s->buffer && s->dir;
    for (int i = 0; i < s->slot_count; i++) {
        s->slots[i].data = malloc(s->page_bytes);
        ok = ok && s->slots[i].data;
    }
    return ok || error_set(err, ERR_MEMORY, "no memory for the disk cache's %d buffers",
                           s->slot_count);
}

/* Prompts are private: only the owner may look into a directory that is made here. */
static bool open_directory(struct kv_store *s, struct error *err) {
    if (file_exists(s->dir)) return true;
    if (!file_make_directories(s->dir, err)) return false;
    return chmod(s->dir, 0700) == 0 || error_set_errno(err, "cannot make %s private", s->dir);
}

struct kv_store *kv_store_open(const struct kv_store_options *options, struct error *err) {
    struct kv_store *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(err, ERR_MEMORY, "no memory for the disk cache");
        return NULL;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wanted, &monotonic);
    pthread_cond_init(&s->finished, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->dir = strdup(options->dir);
    s->bytes_max = options->bytes_max;
    s->pool = options->pool;
    s->page_bytes = kv_pool_page_bytes(options->pool);
    s->root = options->root;
    strncpy(s->label, options->label, sizeof s->label - 1);
    int rc = 0;
    bool ok = open_buffers(s, err) && open_directory(s, err) && scan(s, err);
    if (ok) rc = pthread_create(&s->thread, NULL, disk_main, s);
    if (rc != 0) error_set(err, ERR_MEMORY, "cannot start the disk thread: %s", strerror(rc));
    s->thread_started = ok && rc == 0;
    if (!s->thread_started) {
        kv_store_close(s);
        return NULL;
    }
    log_event("kv_store_open", "dir=%s files=%lld bytes=%lld budget=%lld", s->dir,
              (long long)s->table.count, (long long)s->table.bytes, (long long)s->bytes_max);
    return s;
}

void kv_store_close(struct kv_store *s) {
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    s->close_by_ms = clock_ms() + CLOSE_WRITES_MS;
    pthread_cond_signal(&s->wanted);
    pthread_mutex_unlock(&s->lock);
    if (s->thread_started) pthread_join(s->thread, NULL);
    kv_store_collect(s);
    kv_store_table_deinit(&s->table);
    for (int i = 0; i < s->slot_count; i++) free(s->slots[i].data);
    free(s->buffer);
    free(s->dir);
    pthread_cond_destroy(&s->finished);
    pthread_cond_destroy(&s->wanted);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const struct kv_store_key *kv_store_root(const struct kv_store *s) {
    return &s->root;
}

/* ---- writing (engine thread) ---- */

/* A page that the tree or a prompt uses again keeps its place on disk. */
static void use(struct kv_store *s, struct kv_store_entry *e) {
    int64_t now = wall_ns();
    if (now - e->used_ns < (int64_t)TOUCH_EVERY_S * 1000000000) return;
    e->used_ns = now;
    e->touched = s->touched = true;
}

static struct write *write_open(const struct kv_store *s, const struct kv_store_page *page) {
    struct write *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->page = page->page;
    w->header = (struct kv_store_file_header){
        .root = s->root, .parent = *page->parent, .own = *page->own,
        .page_index = page->page_index, .count = page->count,
        .payload_bytes = (int64_t)s->page_bytes};
    memcpy(w->header.tokens, page->tokens, (size_t)page->count * sizeof *page->tokens);
    memcpy(w->header.label, s->label, sizeof s->label);
    return w;
}

void kv_store_put(struct kv_store *s, const struct kv_store_page *page) {
    assert(page->count >= 1 && page->count <= KV_PAGE_TOKENS);
    struct write *w = NULL;
    pthread_mutex_lock(&s->lock);
    struct kv_store_entry *e = kv_store_table_find(&s->table, page->own->bytes);
    if (e && e->state != KV_STORE_DAMAGED) {
        use(s, e);
        goto done;
    }
    if (s->queued == QUEUE_MAX || clock_ms() < s->writes_paused_ms ||
        page->page_index > KV_STORE_FILE_INDEX_MAX || !(w = write_open(s, page)))
        goto done;
    struct kv_store_file_name name = name_of(&w->header);
    bool known = parent_is_known(s, &w->header, KV_STORE_QUEUED);
    if (known && !e) e = kv_store_table_add(&s->table, &name, KV_STORE_QUEUED);
    if (!known || !e) {
        free(w);
        goto done;
    }
    e->state = KV_STORE_QUEUED;
    kv_page_retain(page->page);
    list_add(&s->queue, w);
    s->queued++;
    pthread_cond_signal(&s->wanted);
done:
    pthread_mutex_unlock(&s->lock);
}

void kv_store_collect(struct kv_store *s) {
    pthread_mutex_lock(&s->lock);
    struct write *w = s->done.first;
    s->done = (struct write_list){0};
    pthread_mutex_unlock(&s->lock);
    while (w) {
        struct write *next = w->next;
        kv_page_release(s->pool, w->page);
        free(w);
        w = next;
    }
}

bool kv_store_shed(struct kv_store *s) {
    pthread_mutex_lock(&s->lock);
    struct write *w = s->queue.last;
    if (w) {
        list_remove(&s->queue, w);
        unqueue(s, w);
        s->queued--;
    }
    pthread_mutex_unlock(&s->lock);
    if (!w) return false;
    kv_page_release(s->pool, w->page);
    free(w);
    return true;
}

/* ---- reading (engine thread) ---- */

bool kv_store_has(struct kv_store *s, const struct kv_store_key *own) {
    pthread_mutex_lock(&s->lock);
    struct kv_store_entry *e = kv_store_table_find(&s->table, own->bytes);
    bool has = e && e->state == KV_STORE_PRESENT && e->name.count == KV_PAGE_TOKENS &&
               clock_ms() >= s->reads_paused_ms;
    if (has) use(s, e);
    pthread_mutex_unlock(&s->lock);
    return has;
}

bool kv_store_has_below(struct kv_store *s, const struct kv_store_key *parent) {
    bool has = false;
    struct kv_store_entry *e = NULL;
    pthread_mutex_lock(&s->lock);
    while (!has && (e = kv_store_table_child(&s->table, parent->bytes, e)))
        has = e->state == KV_STORE_PRESENT;
    has = has && clock_ms() >= s->reads_paused_ms;
    pthread_mutex_unlock(&s->lock);
    return has;
}

int kv_store_read(struct kv_store *s, const struct kv_store_want *want) {
    assert(want->count >= 1 && want->count <= KV_PAGE_TOKENS);
    pthread_mutex_lock(&s->lock);
    int found = -1;
    for (int i = 0; i < s->slot_count && found < 0; i++)
        if (s->slots[i].state == SLOT_FREE) found = i;
    if (found >= 0) {
        struct slot *slot = &s->slots[found];
        slot->state = SLOT_WANTED;
        slot->abandoned = slot->prefetched = false;
        slot->order = s->next_order++;
        slot->want = (struct kv_store_file_header){
            .parent = *want->parent, .page_index = want->page_index, .count = want->count};
        memcpy(slot->want.tokens, want->tokens, (size_t)want->count * sizeof *want->tokens);
        kv_store_key_page(&slot->want.own, want->parent, want->tokens, want->count);
        pthread_cond_signal(&s->wanted);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

enum kv_store_read kv_store_read_poll(struct kv_store *s, int slot, int *shared) {
    pthread_mutex_lock(&s->lock);
    bool done = s->slots[slot].state == SLOT_DONE;
    *shared = done ? s->slots[slot].shared : 0;
    pthread_mutex_unlock(&s->lock);
    return !done ? KV_STORE_READING : *shared > 0 ? KV_STORE_READ : KV_STORE_NOT_FOUND;
}

void kv_store_read_take(struct kv_store *s, int slot, uint8_t *page) {
    /* A slot that is done is the engine thread's until it is free. */
    memcpy(page, s->slots[slot].data, s->page_bytes);
    kv_store_read_drop(s, slot);
}

void kv_store_read_drop(struct kv_store *s, int slot) {
    pthread_mutex_lock(&s->lock);
    if (s->slots[slot].state == SLOT_READING) s->slots[slot].abandoned = true;
    else s->slots[slot].state = SLOT_FREE;
    pthread_mutex_unlock(&s->lock);
}

void kv_store_read_wait(struct kv_store *s, int64_t timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&s->lock);
    int rc = 0;
    while (s->reads_done == s->reads_seen && rc == 0)
        rc = pthread_cond_timedwait(&s->finished, &s->lock, &until);
    s->reads_seen = s->reads_done;
    pthread_mutex_unlock(&s->lock);
}

void kv_store_read_stalled(struct kv_store *s) {
    pthread_mutex_lock(&s->lock);
    s->reads_paused_ms = clock_ms() + PAUSE_MS;
    pthread_mutex_unlock(&s->lock);
    log_warn("kv_store_stalled", "seconds=%d", PAUSE_MS / 1000);
}

void kv_store_counts(struct kv_store *s, struct kv_store_counts *out) {
    pthread_mutex_lock(&s->lock);
    *out = s->counts;
    out->files = s->table.count;
    out->bytes = s->table.bytes;
    out->bytes_max = s->bytes_max;
    out->queued = s->queued;
    pthread_mutex_unlock(&s->lock);
}
