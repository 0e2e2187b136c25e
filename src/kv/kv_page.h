/* kv_page.h - the pool of KV pages: fixed size, reference counted.  See kv/README.md. */
#ifndef KV_KV_PAGE_H
#define KV_KV_PAGE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/backend.h"
#include "base/error.h"

enum { KV_PAGE_TOKENS = KV_BLOCK_TOKENS };

struct kv_pool;
struct kv_page;

/* Reserves address space for page_count pages; memory is taken as pages are first used. */
struct kv_pool *kv_pool_open(size_t page_bytes, int64_t page_count, struct error *err);
void kv_pool_close(struct kv_pool *pool);
int64_t kv_pool_page_count(const struct kv_pool *pool);
int64_t kv_pool_used(const struct kv_pool *pool); /* pages with an owner */
size_t kv_pool_page_bytes(const struct kv_pool *pool);

struct kv_page *kv_page_acquire(struct kv_pool *pool); /* zeroed, count 1; NULL when full */
/* A page of its own with the same bytes; NULL when the pool is full. */
struct kv_page *kv_page_copy(struct kv_pool *pool, const struct kv_page *from);
void kv_page_retain(struct kv_page *page);
void kv_page_release(struct kv_pool *pool, struct kv_page *page); /* the last frees it */
int kv_page_owners(const struct kv_page *page);
uint8_t *kv_page_data(const struct kv_page *page);

#endif
