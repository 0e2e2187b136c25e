/* kv_page.c - the pool of KV pages: fixed size, reference counted.
 *
 * The engine thread owns the pool; nothing here locks.  The memory is one reservation
 * of address space; a page takes real memory when it is first written and keeps it
 * until the pool closes, since the next sequence will want it.  A page is handed out zeroed:
 * kernels may read (and ignore) slots that nobody has written, and what they read must be
 * finite. */
#include "kv/kv_page.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct kv_page {
    uint8_t *data;
    struct kv_page *next_free;
    int owners;
    bool dirty; /* was in use before: must be zeroed */
};

struct kv_pool {
    size_t page_bytes;
    int64_t page_count, used;
    uint8_t *memory;
    size_t memory_bytes;
    struct kv_page *pages;
    struct kv_page *free_list;
};

struct kv_pool *kv_pool_open(size_t page_bytes, int64_t page_count, struct error *err) {
    struct kv_pool *pool = calloc(1, sizeof *pool);
    struct kv_page *pages = page_count > 0 ? calloc((size_t)page_count, sizeof *pages) : NULL;
    if (!pool || !pages) {
        error_set(err, ERR_MEMORY, "no memory for %lld KV pages", (long long)page_count);
        free(pages);
        free(pool);
        return NULL;
    }
    *pool = (struct kv_pool){.page_bytes = page_bytes, .page_count = page_count, .pages = pages};
    pool->memory_bytes = page_bytes * (size_t)page_count;
    pool->memory = backend_alloc(pool->memory_bytes, err);
    if (!pool->memory) {
        error_prefix(err, "KV cache");
        kv_pool_close(pool);
        return NULL;
    }
    /* The lowest page comes out first, so that a small use stays in few huge pages. */
    for (int64_t i = page_count - 1; i >= 0; i--) {
        pages[i].data = pool->memory + (size_t)i * page_bytes;
        pages[i].next_free = pool->free_list;
        pool->free_list = &pages[i];
    }
    return pool;
}

void kv_pool_close(struct kv_pool *pool) {
    if (!pool) return;
    backend_free(pool->memory, pool->memory_bytes);
    free(pool->pages);
    free(pool);
}

int64_t kv_pool_page_count(const struct kv_pool *pool) {
    return pool->page_count;
}

int64_t kv_pool_used(const struct kv_pool *pool) {
    return pool->used;
}

size_t kv_pool_page_bytes(const struct kv_pool *pool) {
    return pool->page_bytes;
}

static struct kv_page *take_free(struct kv_pool *pool) {
    struct kv_page *page = pool->free_list;
    if (!page) return NULL;
    assert(page->owners == 0);
    pool->free_list = page->next_free;
    page->next_free = NULL;
    page->owners = 1;
    pool->used++;
    return page;
}

struct kv_page *kv_page_acquire(struct kv_pool *pool) {
    struct kv_page *page = take_free(pool);
    if (page && page->dirty) memset(page->data, 0, pool->page_bytes);
    if (page) page->dirty = true;
    return page;
}

struct kv_page *kv_page_copy(struct kv_pool *pool, const struct kv_page *from) {
    assert(from->owners > 0);
    struct kv_page *page = take_free(pool);
    if (!page) return NULL;
    memcpy(page->data, from->data, pool->page_bytes);
    page->dirty = true;
    return page;
}

void kv_page_retain(struct kv_page *page) {
    assert(page->owners > 0);
    page->owners++;
}

void kv_page_release(struct kv_pool *pool, struct kv_page *page) {
    assert(page->owners > 0);
    if (--page->owners > 0) return;
    page->next_free = pool->free_list;
    pool->free_list = page;
    pool->used--;
}

int kv_page_owners(const struct kv_page *page) {
    return page->owners;
}

uint8_t *kv_page_data(const struct kv_page *page) {
    return page->data;
}
