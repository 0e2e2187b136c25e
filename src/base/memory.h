/* memory.h - how much memory this process may still take. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H
#include <stdint.h>

/* Bytes that can be taken without swapping or being killed: the system's MemAvailable or what the
 * cgroup (v2) has left, whichever is less.  -1: unknown. */
int64_t memory_available(void);
/* Resident bytes of this process now; -1: unknown. */
int64_t memory_resident(void);

#endif
