/* nearest.c - picks the nearest of the candidates offered.  No state, no allocation, any thread. */
#include "config/nearest.h"
#include <string.h>
#include <strings.h>
#include "base/str.h"

/* A containing name counts as this far away: farther than one typing mistake, nearer than two. */
enum { CONTAINED_DISTANCE = 1 };

void nearest_init(struct nearest *n, const char *wanted) {
    *n = (struct nearest){.wanted = wanted};
}

static int distance_of(const char *wanted, const char *candidate) {
    if (strcasecmp(wanted, candidate) == 0)
        return 0;
    int distance = str_distance(wanted, candidate);
    /* Two letters are contained in too much to mean anything. */
    bool contained = strlen(wanted) >= 3 && strcasestr(candidate, wanted) != NULL;
    contained = contained || (strlen(candidate) >= 3 && strcasestr(wanted, candidate) != NULL);
    return contained && distance > CONTAINED_DISTANCE ? CONTAINED_DISTANCE : distance;
}

void nearest_offer(struct nearest *n, const char *candidate) {
    if (candidate == NULL)
        return;
    /* A third of the letters may be wrong, and always one. */
    int limit = (int)(strlen(n->wanted) + 2) / 3;
    int distance = distance_of(n->wanted, candidate);
    if (distance <= limit && (n->best == NULL || distance < n->distance)) {
        n->best = candidate;
        n->distance = distance;
    }
}

const char *nearest_best(const struct nearest *n) {
    return n->best;
}
