/* threads.h - a pool of workers that runs one range at a time for one caller.
 *
 * threads_run() hands the items 0 … count-1 out in pieces of `grain` items; each
 * worker (the caller is worker 0) takes the next piece when it is done with its
 * last, so a core that somebody else is using delays its own piece only.  The
 * call returns when every piece is done.
 *
 * Which worker runs which piece is not determined; results must not depend on it.
 *
 * Waiting: a worker spins for a few microseconds and then sleeps in the kernel (futex).
 * Beside busy neighbours, spinning threads burn their time slice
 * for nothing and then get none when there is work; that is how the peers collapse.
 *
 * One caller at a time; not re-entrant. */
#ifndef BASE_THREADS_H
#define BASE_THREADS_H
#include <stdint.h>
#include "base/error.h"

enum { THREADS_MAX = 256 };

struct threads;

/* fn gets [begin, end) of the items and the worker's index (0 … count-1). */
typedef void threads_fn(void *arg, int worker, int64_t begin, int64_t end);

struct threads *threads_open(int count, struct error *err); /* count includes the caller */
void threads_close(struct threads *t);
int threads_count(const struct threads *t);
void threads_run(struct threads *t, threads_fn *fn, void *arg, int64_t count, int64_t grain);

/* How many CPUs this process may really use: affinity and cgroup quota. */
int threads_cpu_count(void);

#endif
