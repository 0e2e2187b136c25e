/* memory.c - how much memory this process may still take.  Linux only: /proc and cgroup v2. */
#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The number that follows `key` at the start of a line; -1: none. */
static int64_t number_after(const char *path, const char *key) {
    FILE *f = fopen(path, "r");
    if (!f) return -1;
    char line[256];
    int64_t out = -1;
    size_t key_len = strlen(key);
    while (out < 0 && fgets(line, sizeof line, f)) {
        long long value;
        if (strncmp(line, key, key_len) == 0 && sscanf(line + key_len, "%lld", &value) == 1)
            out = value;
    }
    fclose(f);
    return out;
}

/* What the cgroup has left.  The page cache counts as used there but can be dropped. */
static int64_t cgroup_available(void) {
    int64_t max = number_after("/sys/fs/cgroup/memory.max", ""); /* "max": no limit */
    int64_t used = number_after("/sys/fs/cgroup/memory.current", "");
    if (max < 0 || used < 0) return -1;
    int64_t cache = number_after("/sys/fs/cgroup/memory.stat", "inactive_file ");
    int64_t left = max - used + (cache > 0 ? cache : 0);
    return left > 0 ? left : 0;
}

int64_t memory_available(void) {
    int64_t kib = number_after("/proc/meminfo", "MemAvailable:");
    int64_t system = kib < 0 ? -1 : kib * 1024, cgroup = cgroup_available();
    if (system < 0 || (cgroup >= 0 && cgroup < system)) return cgroup;
    return system;
}

int64_t memory_resident(void) {
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return -1;
    long long pages = -1;
    if (fscanf(f, "%*d %lld", &pages) != 1) pages = -1;
    fclose(f);
    return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}
