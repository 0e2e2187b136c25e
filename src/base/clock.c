/* clock.c - time from the operating system; see clock.h.  Thread-safe, no state. */
#include "base/clock.h"
#include <errno.h>
#include <time.h>

int64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_ms(void) {
    return clock_ns() / 1000000;
}

int64_t clock_unix_s(void) {
    return (int64_t)time(NULL);
}

void clock_sleep_ms(int64_t ms) {
    if (ms <= 0) return;
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        continue; /* a signal woke us: sleep the rest */
}
