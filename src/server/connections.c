/* connections.c - phases, deadlines and the watching thread; see connections.h. */
#include "server/connections.h"
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"

enum { WATCH_MS = 250 }; /* how late a deadline may be noticed */

struct connection {
    struct connections *all;
    struct connection *next, *previous;
    int fd;
    enum connection_phase phase;
    int64_t since_ms;
    bool cut; /* shut down once already */
};

struct connections {
    pthread_mutex_t lock; /* guards the list, its members and closing */
    pthread_cond_t wake;  /* closing */
    struct connection *first;
    int count;
    bool closing;
    int64_t limits_ms[CONNECTION_PHASES];
    pthread_t watcher;
};

/* The lock is held over shutdown(), so the descriptor cannot have been closed and reused. */
static void cut_late_ones(struct connections *all, int64_t now_ms) {
    for (struct connection *c = all->first; c != NULL; c = c->next) {
        int64_t limit_ms = all->limits_ms[c->phase];
        if (limit_ms == 0 || c->cut || now_ms - c->since_ms <= limit_ms) continue;
        c->cut = true;
        shutdown(c->fd, SHUT_RDWR);
    }
}

static void *watch(void *arg) {
    struct connections *all = arg;
    pthread_mutex_lock(&all->lock);
    while (!all->closing) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += WATCH_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000L;
        }
        pthread_cond_timedwait(&all->wake, &all->lock, &until);
        cut_late_ones(all, clock_ms());
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

struct connections *connections_open(const int64_t limits_ms[CONNECTION_PHASES],
                                     struct error *err) {
    struct connections *all = calloc(1, sizeof *all);
    if (all == NULL) {
        error_set(err, ERR_MEMORY, "no memory for the connection list");
        return NULL;
    }
    for (int i = 0; i < CONNECTION_PHASES; i++) all->limits_ms[i] = limits_ms[i];
    pthread_mutex_init(&all->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&all->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    errno = pthread_create(&all->watcher, NULL, watch, all);
    if (errno != 0) {
        error_set_errno(err, "cannot start the thread that watches connections");
        pthread_cond_destroy(&all->wake);
        pthread_mutex_destroy(&all->lock);
        free(all);
        return NULL;
    }
    return all;
}

void connections_close(struct connections *all) {
    if (all == NULL) return;
    pthread_mutex_lock(&all->lock);
    all->closing = true;
    pthread_cond_signal(&all->wake);
    pthread_mutex_unlock(&all->lock);
    pthread_join(all->watcher, NULL);
    assert(all->first == NULL);
    pthread_cond_destroy(&all->wake);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

struct connection *connection_enter(struct connections *all, int fd) {
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    *c = (struct connection){.all = all, .fd = fd, .phase = CONNECTION_IDLE,
                             .since_ms = clock_ms()};
    pthread_mutex_lock(&all->lock);
    c->next = all->first;
    if (all->first != NULL) all->first->previous = c;
    all->first = c;
    all->count++;
    pthread_mutex_unlock(&all->lock);
    return c;
}

void connection_leave(struct connection *c) {
    if (c == NULL) return;
    struct connections *all = c->all;
    pthread_mutex_lock(&all->lock);
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        all->first = c->next;
    if (c->next != NULL) c->next->previous = c->previous;
    all->count--;
    pthread_mutex_unlock(&all->lock);
    free(c);
}

void connection_phase(struct connection *c, enum connection_phase phase) {
    if (c == NULL) return;
    pthread_mutex_lock(&c->all->lock);
    c->phase = phase;
    c->since_ms = clock_ms();
    pthread_mutex_unlock(&c->all->lock);
}

int connections_count(struct connections *all) {
    pthread_mutex_lock(&all->lock);
    int count = all->count;
    pthread_mutex_unlock(&all->lock);
    return count;
}

bool connection_gone(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}
