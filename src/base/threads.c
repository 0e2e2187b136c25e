/* threads.c - the worker pool: joining, sharing out and leaving a job without locks.
 *
 * One word, `gate`, holds the job's number, whether it is open, and how many workers
 * are inside.  A worker may join only while the gate is open; the caller closes it
 * when the pieces are handed out, and then waits for those inside to leave.  So nobody
 * waits for a worker that the operating system has not woken yet: its share is done by
 * the others, which is what keeps the pool going beside busy neighbours.
 *
 *     gate:  | job number (20 bits) | open (1) | workers inside (11) |
 *
 * The job's fields are written only while the gate is closed and nobody is inside. */
#include "base/threads.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    GATE_INSIDE_MASK = (1 << 11) - 1,
    GATE_OPEN = 1 << 11,
    GATE_JOB_ONE = 1 << 12,

    /* A futex sleep and wake costs about 50 µs on a virtual machine, the serial parts between
     * two jobs of a decode step a few µs: 40 µs of spinning bridges the one
     * and costs no more than the other. */
    SPIN_NS = 40 * 1000,
    SPIN_PAUSES = 32, /* between two looks at the clock */
};
_Static_assert((int)THREADS_MAX <= (int)GATE_INSIDE_MASK, "every worker fits in the gate");

struct worker {
    struct threads *pool;
    int index;
    pthread_t thread;
};

struct threads {
    int count;
    int started; /* workers whose thread exists; worker 0 is the caller */
    struct worker *workers;

    /* The job. */
    threads_fn *fn;
    void *arg;
    int64_t items, grain;

    _Alignas(64) _Atomic uint32_t gate;
    _Alignas(64) _Atomic int64_t next;       /* first item not handed out */
    _Alignas(64) _Atomic uint32_t sleepers;  /* workers in (or entering) a futex wait */
    _Atomic uint32_t caller_sleeps;
    _Atomic bool closing;
};

static void futex_wait(_Atomic uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Spins while *word == seen, for SPIN_NS at most; returns the last value seen. */
static uint32_t spin_while_equal(_Atomic uint32_t *word, uint32_t seen) {
    int64_t until = 0;
    for (;;) {
        for (int i = 0; i < SPIN_PAUSES; i++) {
            uint32_t now = atomic_load_explicit(word, memory_order_acquire);
            if (now != seen) return now;
            pause_cpu();
        }
        int64_t now_ns = clock_ns();
        if (until == 0) until = now_ns + SPIN_NS;
        if (now_ns >= until) return seen;
    }
}

static void run_pieces(struct threads *t, int worker) {
    for (;;) {
        int64_t begin = atomic_fetch_add_explicit(&t->next, t->grain, memory_order_relaxed);
        if (begin >= t->items) return;
        int64_t end = begin + t->grain < t->items ? begin + t->grain : t->items;
        t->fn(t->arg, worker, begin, end);
    }
}

/* Steps inside if the gate is open. */
static bool gate_enter(struct threads *t) {
    uint32_t gate = atomic_load_explicit(&t->gate, memory_order_acquire);
    while (gate & GATE_OPEN)
        if (atomic_compare_exchange_weak_explicit(&t->gate, &gate, gate + 1, memory_order_acq_rel,
                                                  memory_order_acquire))
            return true;
    return false;
}

static void gate_leave(struct threads *t) {
    uint32_t before = atomic_fetch_sub_explicit(&t->gate, 1, memory_order_acq_rel);
    bool last = (before & GATE_INSIDE_MASK) == 1;
    if (last && !(before & GATE_OPEN) && atomic_load(&t->caller_sleeps))
        futex_wake(&t->gate, INT_MAX);
}

/* Waits until the gate shows another value than seen. */
static void worker_wait(struct threads *t, uint32_t seen) {
    if (spin_while_equal(&t->gate, seen) != seen) return;
    atomic_fetch_add(&t->sleepers, 1);
    if (atomic_load(&t->gate) == seen && !atomic_load(&t->closing)) futex_wait(&t->gate, seen);
    atomic_fetch_sub(&t->sleepers, 1);
}

static void *worker_main(void *arg) {
    struct worker *w = arg;
    struct threads *t = w->pool;
    char name[16];
    snprintf(name, sizeof name, "worker-%d", w->index);
    pthread_setname_np(pthread_self(), name);
    while (!atomic_load(&t->closing)) {
        uint32_t gate = atomic_load_explicit(&t->gate, memory_order_acquire);
        if ((gate & GATE_OPEN) && gate_enter(t)) {
            run_pieces(t, w->index);
            /* What is handed out is handed out: nobody need join this job any more. */
            atomic_fetch_and_explicit(&t->gate, ~(uint32_t)GATE_OPEN, memory_order_acq_rel);
            gate_leave(t);
            continue;
        }
        worker_wait(t, gate);
    }
    return NULL;
}

struct threads *threads_open(int count, struct error *err) {
    if (count < 1 || count > THREADS_MAX) {
        error_set(err, ERR_ARGUMENT, "%d threads; must be 1 to %d", count, THREADS_MAX);
        return NULL;
    }
    struct threads *t = aligned_alloc(64, (sizeof *t + 63) / 64 * 64);
    struct worker *workers = calloc((size_t)count, sizeof *workers);
    if (!t || !workers) {
        free(t);
        free(workers);
        error_set(err, ERR_MEMORY, "no memory for %d threads", count);
        return NULL;
    }
    memset(t, 0, sizeof *t);
    t->count = count;
    t->workers = workers;
    t->started = 1;
    for (int i = 1; i < count; i++) {
        workers[i] = (struct worker){.pool = t, .index = i};
        int rc = pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]);
        if (rc != 0) {
            error_set(err, ERR_MEMORY, "cannot start worker thread %d of %d: %s", i, count,
                      strerror(rc));
            threads_close(t);
            return NULL;
        }
        t->started++;
    }
    return t;
}

void threads_close(struct threads *t) {
    if (!t) return;
    atomic_store(&t->closing, true);
    atomic_fetch_add(&t->gate, GATE_JOB_ONE);
    futex_wake(&t->gate, INT_MAX);
    for (int i = 1; i < t->started; i++) pthread_join(t->workers[i].thread, NULL);
    free(t->workers);
    free(t);
}

int threads_count(const struct threads *t) {
    return t->count;
}

/* Until everybody inside has left the closed gate. */
static void caller_wait(struct threads *t) {
    for (;;) {
        uint32_t gate = atomic_load_explicit(&t->gate, memory_order_acquire);
        if ((gate & GATE_INSIDE_MASK) == 0) return;
        if (spin_while_equal(&t->gate, gate) != gate) continue;
        atomic_store(&t->caller_sleeps, 1);
        if (atomic_load(&t->gate) == gate) futex_wait(&t->gate, gate);
        atomic_store(&t->caller_sleeps, 0);
    }
}

void threads_run(struct threads *t, threads_fn *fn, void *arg, int64_t count, int64_t grain) {
    if (count <= 0) return;
    if (grain < 1) grain = 1;
    if (t->count == 1 || count <= grain) {
        fn(arg, 0, 0, count);
        return;
    }
    t->fn = fn;
    t->arg = arg;
    t->items = count;
    t->grain = grain;
    atomic_store_explicit(&t->next, 0, memory_order_relaxed);
    /* A new job number and an open gate in one store: this publishes the fields above. */
    uint32_t gate = atomic_load_explicit(&t->gate, memory_order_relaxed);
    uint32_t job = (gate & ~(uint32_t)(GATE_JOB_ONE - 1)) + GATE_JOB_ONE;
    atomic_store(&t->gate, job | GATE_OPEN);
    if (atomic_load(&t->sleepers)) futex_wake(&t->gate, INT_MAX);
    run_pieces(t, 0);
    atomic_fetch_and_explicit(&t->gate, ~(uint32_t)GATE_OPEN, memory_order_acq_rel);
    caller_wait(t);
}

/* cgroup v2: "max 100000" or "200000 100000" (quota and period in µs). */
static int cgroup_cpus(void) {
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (!f) return 0;
    long long quota = 0, period = 0;
    int got = fscanf(f, "%lld %lld", &quota, &period);
    fclose(f);
    if (got != 2 || quota <= 0 || period <= 0) return 0;
    long long cpus = (quota + period - 1) / period;
    return cpus < 1 ? 1 : cpus > THREADS_MAX ? THREADS_MAX : (int)cpus;
}

int threads_cpu_count(void) {
    cpu_set_t set;
    int count = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
    int limit = cgroup_cpus();
    if (limit > 0 && limit < count) count = limit;
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : count;
}
