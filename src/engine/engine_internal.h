/* engine_internal.h - what engine.c and measure.c share; nobody else includes it. */
#ifndef ENGINE_ENGINE_INTERNAL_H
#define ENGINE_ENGINE_INTERNAL_H
#include <pthread.h>
#include <stdatomic.h>
#include "engine/engine.h"
#include "engine/scheduler.h"

struct engine_job { /* work that a caller hands to the engine thread and waits for */
    void (*fn)(struct engine *e, void *arg);
    void *arg;
    bool done;
};

struct engine {
    struct engine_info info;
    struct backend *backend;
    struct model *model;
    struct backend_kv_layout layout;
    struct sequence_env env;             /* pool, prefix tree, sampler's arithmetic */
    struct scheduler *scheduler;         /* engine thread only, like the three above it */

    pthread_t thread;
    bool thread_started;
    pthread_mutex_t lock;                /* guards all below */
    pthread_cond_t filled;               /* a ticket, a job, or closing */
    pthread_cond_t job_done;
    struct ticket *queue[ENGINE_QUEUE_MAX];
    int queue_head, queue_count;
    int waiting;                         /* in the scheduler, as of its last step */
    struct engine_job *job;
    bool closing;
    uint64_t next_id;
    struct engine_stats stats;           /* as of the last step */
};

/* Runs fn on the engine thread between two steps and waits for it.  False: closing. */
bool engine_run(struct engine *e, void (*fn)(struct engine *e, void *arg), void *arg);

#endif
