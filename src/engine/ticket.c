/* ticket.c - the events of one request.  See ticket.h. */
#include "engine/ticket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static void *copy_array(const void *from, size_t count, size_t size) {
    void *to = malloc(count * size + 1);
    if (to && count) memcpy(to, from, count * size);
    return to;
}

static void free_ticket(struct ticket *t) {
    if (t->request.constraint.arg) t->request.constraint.close(t->request.constraint.arg);
    free((void *)(uintptr_t)t->request.tokens);
    free((void *)(uintptr_t)t->request.bias);
    free((void *)(uintptr_t)t->request.ends);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

struct ticket *ticket_open(const struct engine_request *r, struct error *err) {
    struct ticket *t = calloc(1, sizeof *t);
    if (!t) {
        if (r->constraint.arg) r->constraint.close(r->constraint.arg);
        error_set(err, ERR_MEMORY, "no memory for a request");
        return NULL;
    }
    t->request = *r;
    t->request.tokens = copy_array(r->tokens, (size_t)r->token_count, sizeof *r->tokens);
    t->request.bias = copy_array(r->bias, (size_t)r->bias_count, sizeof *r->bias);
    t->request.ends = copy_array(r->ends, (size_t)r->end_count, sizeof *r->ends);
    t->submitted_ms = clock_ms();
    atomic_init(&t->owners, 1);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!t->request.tokens || !t->request.bias || !t->request.ends) {
        free_ticket(t);
        error_set(err, ERR_MEMORY, "no memory for a request of %d tokens", r->token_count);
        return NULL;
    }
    return t;
}

void ticket_retain(struct ticket *t) {
    atomic_fetch_add(&t->owners, 1);
}

void ticket_drop(struct ticket *t) {
    if (atomic_fetch_sub(&t->owners, 1) == 1) free_ticket(t);
}

/* ---- the engine's side ---- */

int ticket_room(struct ticket *t) {
    pthread_mutex_lock(&t->lock);
    int room = TICKET_TOKENS_MAX - t->ring_count;
    if (room == 0 && t->full_since_ms == 0) t->full_since_ms = clock_ms();
    pthread_mutex_unlock(&t->lock);
    return room;
}

int64_t ticket_stalled_ms(struct ticket *t, int64_t now_ms) {
    pthread_mutex_lock(&t->lock);
    int64_t since = t->full_since_ms;
    pthread_mutex_unlock(&t->lock);
    return since == 0 ? 0 : now_ms - since;
}

void ticket_put_token(struct ticket *t, const struct ticket_token *token) {
    pthread_mutex_lock(&t->lock);
    assert(t->ring_count < TICKET_TOKENS_MAX);
    t->ring[(t->ring_head + t->ring_count++) % TICKET_TOKENS_MAX] = *token;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void ticket_put_progress(struct ticket *t, const struct engine_event *event) {
    pthread_mutex_lock(&t->lock);
    t->progress = *event;
    t->has_progress = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void ticket_put_done(struct ticket *t, const struct engine_event *event) {
    pthread_mutex_lock(&t->lock);
    assert(!t->has_done);
    t->done = *event;
    t->has_done = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

/* ---- the caller's side ---- */

static struct timespec after_ms(int64_t ms) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* Under the lock. Progress first (it is older than any token behind it), then tokens, then done. */
static bool take_event(struct ticket *t, struct engine_event *out) {
    if (t->has_progress) {
        *out = t->progress;
        t->has_progress = false;
        return true;
    }
    if (t->ring_count > 0) {
        const struct ticket_token *token = &t->ring[t->ring_head];
        *out = (struct engine_event){.type = ENGINE_TOKEN, .token = token->token,
                                     .logprob = token->logprob, .top_count = token->top_count};
        memcpy(out->top, token->top, sizeof out->top);
        t->ring_head = (t->ring_head + 1) % TICKET_TOKENS_MAX;
        t->ring_count--;
        t->full_since_ms = 0;
        return true;
    }
    if (t->has_done && !t->done_taken) {
        *out = t->done;
        t->done_taken = true;
        return true;
    }
    return false;
}

bool ticket_next(struct ticket *t, struct engine_event *out, int64_t timeout_ms) {
    struct timespec until = after_ms(timeout_ms);
    pthread_mutex_lock(&t->lock);
    bool got = take_event(t, out);
    while (!got && !t->done_taken && timeout_ms > 0) {
        int rc = pthread_cond_timedwait(&t->changed, &t->lock, &until);
        got = take_event(t, out);
        if (rc == ETIMEDOUT) break;
    }
    pthread_mutex_unlock(&t->lock);
    return got;
}

void ticket_cancel(struct ticket *t) {
    atomic_store(&t->cancelled, true);
}

void ticket_release(struct ticket *t) {
    if (!t) return;
    ticket_cancel(t);
    ticket_drop(t);
}
