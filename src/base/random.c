/* random.c - xoshiro256** and splitmix64; see random.h.  No global state.
 *
 * Both algorithms from their authors' descriptions: D. Blackman, S. Vigna, "Scrambled
 * linear pseudorandom number generators" (2018), and G. Steele et al., "Fast splittable
 * pseudorandom number generators" (2014). */
#include "base/random.h"
#include <assert.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u; /* 2^64 / golden ratio, odd */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int bits) {
    return (x << bits) | (x >> (64 - bits));
}

void random_init(struct random *r, uint64_t seed) {
    /* Four outputs of splitmix64 are never all zero, the one state xoshiro cannot leave. */
    for (int i = 0; i < 4; i++) r->state[i] = splitmix64(&seed);
}

uint64_t random_u64(struct random *r) {
    uint64_t *s = r->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double random_unit(struct random *r) {
    return (double)(random_u64(r) >> 11) * 0x1p-53;
}

uint64_t random_below(struct random *r, uint64_t n) {
    assert(n > 0);
    /* 2^64 mod n values at the bottom would make some results likelier: draw again. */
    uint64_t unfair = (0 - n) % n;
    uint64_t drawn;
    do
        drawn = random_u64(r);
    while (drawn < unfair);
    return drawn % n;
}

uint64_t random_entropy(void) {
    uint64_t value;
    if (getrandom(&value, sizeof value, 0) == (ssize_t)sizeof value) return value;
    /* Only a kernel before 3.17 or a seccomp filter refuses: time and pid still differ
     * from run to run.  Seeds and ids need no more; nothing secret is made from this. */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t mixed = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    mixed ^= (uint64_t)getpid() << 40;
    return splitmix64(&mixed);
}
