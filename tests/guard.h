/* guard.h - memory that ends at a page which nobody may touch, for tests of kernels.
 *
 * guard_take gives zeroed memory whose last byte lies directly before an inaccessible page, so that
 * one byte read or written past the end stops the test.  With align > 1 the start is
 * aligned and up to align - 1 bytes lie between the end and the page. */
#ifndef TESTS_GUARD_H
#define TESTS_GUARD_H
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
    void *data;
    void *map;
    size_t map_bytes;
};

static inline struct guard guard_take(size_t bytes, size_t align) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (bytes + align + page - 1) / page * page;
    struct guard g = {.map_bytes = body + page};
    g.map = mmap(NULL, g.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.map == MAP_FAILED) return (struct guard){0};
    mprotect((char *)g.map + body, page, PROT_NONE);
    size_t at = body - bytes;
    g.data = (char *)g.map + at / align * align;
    return g;
}

static inline void guard_drop(struct guard *g) {
    if (g->map) munmap(g->map, g->map_bytes);
    *g = (struct guard){0};
}

#endif
