/* bench_child.h - runs another program to its end and takes what it prints.
 *
 * The program gets no stdin, a process group of its own (so that everything that it starts ends
 * with it), and finds shared libraries in its own folder first.  Whatever it does - is not there,
 * crashes, prints without end, never ends - comes back as an error that says so. */
#ifndef CLI_BENCH_CHILD_H
#define CLI_BENCH_CHILD_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"

enum { BENCH_CHILD_OUTPUT_BYTES_MAX = 4 << 20, BENCH_CHILD_TALK_BYTES_MAX = 16 << 10 };

struct bench_child {
    const char *const *argv;     /* [0] is the path of the program; ends with NULL */
    int64_t timeout_ms;
    bool (*tick)(void *arg);     /* ten times a second; false: end it.  May be NULL */
    void *arg;
};

/* out: its stdout.  talk: the last of its stderr, also when this fails. */
bool bench_child_run(const struct bench_child *child, struct str *out, struct str *talk,
                     struct error *err);

#endif
