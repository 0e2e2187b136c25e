/* clock.h - monotonic time.  Units are in the names. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include <stdint.h>

int64_t clock_ns(void);  /* CLOCK_MONOTONIC */
int64_t clock_ms(void);
int64_t clock_unix_s(void); /* wall clock, for "created" fields only */
void clock_sleep_ms(int64_t ms);

#endif
