/* mutate.h - damages copies of a real input, the same way on every run.
 *
 * For the tests that promise "a malformed file gives an error and never a crash": a
 * fixed seed, N damaged copies of a real input, each handed to the reader under test.
 * Run under AddressSanitizer it finds what a fuzzer would find in its first minute.
 *
 *     struct mutate m;
 *     mutate_init(&m, &(struct mutate_options){.seed = 1, .hot_bytes = 64 << 10});
 *     for (int i = 0; i < 300; i++) {
 *         size_t bytes;
 *         uint8_t *damaged = mutate_next(&m, input, input_bytes, &bytes);
 *         ... must give an error or a usable value; mutate_what(&m) for the message ...
 *         free(damaged);
 *     }
 *
 * A damaged copy lies at the very end of its own heap block, so that a read past the end is
 * seen.  Of 300 copies every kind of damage below gets its turn (round robin), one to three
 * at a time: bit flips · bytes set to an extreme · a 4- or 8-byte little-endian length set to
 * an extreme, off by one or scaled · cut off at the end · a range removed, repeated, moved,
 * overwritten by another one or zeroed · a decimal number replaced (text) · a word of `words`
 * inserted.
 * Not thread-safe: one struct, one thread. */
#ifndef TESTS_MUTATE_H
#define TESTS_MUTATE_H
#include <stddef.h>
#include <stdint.h>
#include "base/random.h"

struct mutate_options {
    uint64_t seed;
    /* Damage falls into the first hot_bytes (0: anywhere): of a model file only the
     * metadata is worth it, the rest is weights. */
    size_t hot_bytes;
    /* For text: NULL-terminated words that are inserted now and then ("{%", "endfor", …). */
    const char *const *words;
};

struct mutate {
    struct mutate_options options;
    struct random random;
    unsigned turn;   /* which kind of damage comes next */
    char what[256];  /* the last copy's damage, for messages */
};

void mutate_init(struct mutate *m, const struct mutate_options *options);

/* A damaged copy of input; the caller frees it.  *bytes_out may be 0 (the pointer is still
 * valid for free).  Aborts when there is no memory: it is a test. */
uint8_t *mutate_next(struct mutate *m, const uint8_t *input, size_t bytes, size_t *bytes_out);

/* The same for text: NUL-terminated; NULs inside are possible. */
char *mutate_next_text(struct mutate *m, const char *input, size_t bytes, size_t *bytes_out);

/* "bit 3 of byte 117 flipped; cut to 4096 bytes" */
const char *mutate_what(const struct mutate *m);

#endif
