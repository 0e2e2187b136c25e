/* nearest.h - "did you mean": the candidate nearest to a name that nobody knows.
 *
 * Near is a small edit distance for the length, or one name containing the other. */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

struct nearest {
    const char *wanted; /* borrowed */
    const char *best;   /* nearest so far; NULL: none is near */
    int distance;
};

void nearest_init(struct nearest *n, const char *wanted);
void nearest_offer(struct nearest *n, const char *candidate); /* borrowed; NULL is ignored */
const char *nearest_best(const struct nearest *n);

#endif
