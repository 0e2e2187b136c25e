/* arena.h - memory with one lifetime: a request, a file being read, a render.
 *
 * Allocation is a pointer bump in a chain of blocks; nothing is freed singly.
 * An arena has a byte limit; past it (or when the system has no memory left)
 * arena_alloc returns NULL and arena.failed stays set, so that a caller may check
 * once at the end.  Not thread-safe: one arena, one thread at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H
#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *head; /* newest block */
    size_t bytes_used;        /* handed out, including alignment */
    size_t bytes_max;
    bool failed;
};

void arena_init(struct arena *a, size_t bytes_max);
void arena_deinit(struct arena *a);                 /* also of a zeroed arena */
void arena_reset(struct arena *a);                  /* empties it, keeps one block */

/* Zeroed memory aligned to 16; NULL past the limit.  bytes may be 0. */
void *arena_alloc(struct arena *a, size_t bytes);
/* count * size with the multiplication checked. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* A NUL-terminated copy of n bytes. */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
