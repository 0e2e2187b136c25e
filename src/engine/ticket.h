/* ticket.h - a submitted request as the engine thread and its caller share it.
 *
 * One lock guards the events.  Tokens queue in a ring; progress is a single slot that is
 * overwritten, since only the newest matters; done is a single slot, written once.  The
 * engine never waits for the caller: it asks ticket_room first and leaves a sequence alone whose
 * ring is full. */
#ifndef ENGINE_TICKET_H
#define ENGINE_TICKET_H
#include <pthread.h>
#include <stdatomic.h>
#include "engine/engine.h"

enum { TICKET_TOKENS_MAX = 256 };

struct ticket_token {
    int32_t token;
    float logprob;
    int top_count;
    struct engine_logprob top[ENGINE_LOGPROBS_MAX];
};

struct ticket {
    /* Written by submit, read by both afterwards. */
    struct engine_request request;     /* its pointers are the ticket's own copies */
    int64_t submitted_ms;
    uint64_t id;

    atomic_bool cancelled;
    atomic_int owners;                 /* caller and engine */

    pthread_mutex_t lock;              /* guards all below */
    pthread_cond_t changed;
    struct ticket_token ring[TICKET_TOKENS_MAX];
    int ring_head, ring_count;
    int64_t full_since_ms;             /* 0: the ring has room */
    bool has_progress, has_done, done_taken;
    struct engine_event progress, done;
};

/* A copy of the request with one owner, the caller; NULL: no memory. */
struct ticket *ticket_open(const struct engine_request *r, struct error *err);
void ticket_retain(struct ticket *t);
void ticket_drop(struct ticket *t);    /* one owner less; the last frees it */

/* The engine thread's side. */
int ticket_room(struct ticket *t);     /* tokens that fit; 0 starts the stall clock */
void ticket_put_token(struct ticket *t, const struct ticket_token *token);
void ticket_put_progress(struct ticket *t, const struct engine_event *event);
void ticket_put_done(struct ticket *t, const struct engine_event *event);
/* How long the ring has been full, in ms. */
int64_t ticket_stalled_ms(struct ticket *t, int64_t now_ms);

#endif
