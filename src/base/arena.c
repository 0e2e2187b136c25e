/* arena.c - a chain of blocks, bumped from the newest; see arena.h.
 *
 *     head -> [next|capacity|used|bytes ....free....] -> [next|...|bytes (full)] -> NULL
 *
 * Blocks grow with what was handed out (4 KiB to 1 MiB), and an allocation that
 * is larger than a block gets a block of its own size.  Under AddressSanitizer
 * the free part of a block and a gap after each allocation are poisoned, so that
 * an overrun inside an arena is found as it would be after malloc. */
#include "base/arena.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
enum { GAP_BYTES = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
enum { GAP_BYTES = 0 };
#endif

enum {
    ALIGN_BYTES = 16,
    BLOCK_BYTES_MIN = 4 << 10,
    BLOCK_BYTES_MAX = 1 << 20,
};

struct arena_block {
    struct arena_block *next;
    size_t capacity, used;
    size_t unused_; /* keeps bytes[] at a multiple of ALIGN_BYTES */
    char bytes[];
};
_Static_assert(sizeof(struct arena_block) % ALIGN_BYTES == 0, "bytes[] must be aligned");

void arena_init(struct arena *a, size_t bytes_max) {
    *a = (struct arena){.bytes_max = bytes_max};
}

static void free_block(struct arena_block *block) {
    ASAN_UNPOISON_MEMORY_REGION(block->bytes, block->capacity);
    free(block);
}

void arena_deinit(struct arena *a) {
    for (struct arena_block *block = a->head; block != NULL;) {
        struct arena_block *next = block->next;
        free_block(block);
        block = next;
    }
    *a = (struct arena){.bytes_max = a->bytes_max};
}

void arena_reset(struct arena *a) {
    struct arena_block *kept = a->head;
    if (kept != NULL) {
        a->head = kept->next;
        kept->next = NULL;
        arena_deinit(a);
        kept->used = 0;
        ASAN_POISON_MEMORY_REGION(kept->bytes, kept->capacity);
        a->head = kept;
    }
    a->bytes_used = 0;
    a->failed = false;
}

/* Puts a block with room for `bytes` in front. */
static bool add_block(struct arena *a, size_t bytes) {
    size_t capacity = a->bytes_used;
    if (capacity < BLOCK_BYTES_MIN) capacity = BLOCK_BYTES_MIN;
    if (capacity > BLOCK_BYTES_MAX) capacity = BLOCK_BYTES_MAX;
    if (capacity < bytes) capacity = bytes;
    struct arena_block *block = malloc(sizeof *block + capacity);
    if (block == NULL) return false;
    block->next = a->head;
    block->capacity = capacity;
    block->used = 0;
    ASAN_POISON_MEMORY_REGION(block->bytes, capacity);
    a->head = block;
    return true;
}

static void *refuse(struct arena *a) {
    a->failed = true;
    return NULL;
}

void *arena_alloc(struct arena *a, size_t bytes) {
    /* An empty allocation takes 16 bytes too, so that its pointer is its own. */
    size_t wanted = bytes == 0 ? 1 : bytes;
    if (a->failed || wanted > a->bytes_max) return refuse(a);
    size_t rounded = (wanted + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
    if (rounded < wanted || rounded > a->bytes_max - a->bytes_used) return refuse(a);
    size_t taken = rounded + GAP_BYTES;
    struct arena_block *block = a->head;
    if (block == NULL || block->capacity - block->used < taken) {
        if (taken > PTRDIFF_MAX - sizeof *block || !add_block(a, taken))
            return refuse(a);
        block = a->head;
    }
    char *p = block->bytes + block->used;
    block->used += taken;
    a->bytes_used += rounded;
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    return memset(p, 0, bytes);
}

void *arena_array(struct arena *a, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return refuse(a);
    return arena_alloc(a, bytes);
}

char *arena_strndup(struct arena *a, const char *s, size_t n) {
    if (n == SIZE_MAX) return refuse(a);
    char *copy = arena_alloc(a, n + 1);
    if (copy != NULL && n > 0) memcpy(copy, s, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s) {
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = NULL;
    if (len < 0)
        a->failed = true;
    else
        text = arena_alloc(a, (size_t)len + 1);
    if (text != NULL) vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}
