/* random.h - small, seedable, reproducible random numbers (xoshiro256**, Blackman and
 * Vigna 2018, seeded by splitmix64).  Same seed, same sequence, on every machine. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H
#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_init(struct random *r, uint64_t seed);
uint64_t random_u64(struct random *r);
double random_unit(struct random *r);                  /* [0, 1), 53 bits */
uint64_t random_below(struct random *r, uint64_t n);   /* [0, n), unbiased; n > 0 */

uint64_t random_entropy(void);                         /* from the operating system: seeds, ids */

#endif
