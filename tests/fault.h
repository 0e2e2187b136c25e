/* fault.h - makes the n-th call of malloc, write, rename … fail, for every n.
 *
 * Works by the linker's --wrap (tests/meson.build lists the programs in fault_tests), so
 * calls from our code are counted and calls inside libc are not.
 *
 *     for (long n = 0;; n++) {
 *         fault_at(FAULT_MEMORY, n);
 *         bool ok = thing(...);
 *         bool happened = fault_off();     // false: the run had n calls or fewer
 *         ... ok, or a clean failure without a leak ...
 *         if (!happened) break;
 *     }
 *
 * One thread only. */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H
#include <stdbool.h>
#include <stddef.h>

enum fault_kind {
    FAULT_MEMORY, /* malloc, calloc, realloc: NULL, ENOMEM                            */
    FAULT_IO,     /* open, read, write, fsync, rename, mkdir, fstat, mmap: -1, EIO     */
};

void fault_at(enum fault_kind kind, long calls_before); /* counts from now */
bool fault_off(void); /* back to normal; true when the fault happened */

/* read and write handle at most this many bytes a call (0: no limit), and every other
 * call of them is interrupted by a signal (EINTR). */
void fault_pieces(size_t bytes);

/* Told of every open for writing, write, fsync and rename that succeeded, in order: what a disk
 * saw.  path: of open and rename; fd: of open, write and fsync. */
enum fault_op { FAULT_OP_CREATE, FAULT_OP_WRITE, FAULT_OP_SYNC, FAULT_OP_RENAME };
struct fault_call {
    enum fault_op op;
    int fd;
    const char *path, *to;
    const void *data;
    size_t bytes;
};
typedef void fault_observer(void *arg, const struct fault_call *call);
void fault_observe(fault_observer *fn, void *arg); /* NULL: nobody any more */

#endif
