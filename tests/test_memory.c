/* test_memory.c - what the system says about memory is plausible and follows what we take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/memory.h"

static void what_is_available_is_less_than_the_machine_has(void **state) {
    (void)state;
    int64_t machine = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    int64_t available = memory_available();
    assert_true(available > 0);
    assert_true(available <= machine);
}

static void touching_pages_makes_them_resident(void **state) {
    (void)state;
    enum { BYTES = 64 << 20 };
    int64_t before = memory_resident();
    assert_true(before > 0);
    void *taken = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(taken != MAP_FAILED);
    memset(taken, 1, BYTES);
    /* The kernel's counters may lag by some pages a thread. */
    assert_true(memory_resident() - before >= BYTES - (8 << 20));
    munmap(taken, BYTES);
    assert_true(memory_resident() - before < BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_available_is_less_than_the_machine_has),
        cmocka_unit_test(touching_pages_makes_them_resident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
