/* connections.h - the open sockets and the deadlines of what their clients send.
 *
 * libmicrohttpd has one timeout, restarted by every byte; a client that sends one byte a minute
 * would keep its thread for ever.  Here each connection has a phase with a deadline of its
 * own, and a watching thread shuts down the socket of one that overstays, which wakes and ends the
 * connection's thread.  Phases are set by the connection's thread. */
#ifndef SERVER_CONNECTIONS_H
#define SERVER_CONNECTIONS_H
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

enum connection_phase {
    CONNECTION_IDLE,    /* no request yet, or between two */
    CONNECTION_HEADERS, /* the request line is here */
    CONNECTION_BODY,
    CONNECTION_ANSWER,  /* the server's turn: no deadline here */
    CONNECTION_PHASES
};

struct connections;
struct connection;

/* limits_ms by phase; 0: none. */
struct connections *connections_open(const int64_t limits_ms[CONNECTION_PHASES], struct error *err);
void connections_close(struct connections *all); /* every connection must have left */

struct connection *connection_enter(struct connections *all, int fd); /* NULL: no memory */
void connection_leave(struct connection *c); /* before its descriptor is closed */
void connection_phase(struct connection *c, enum connection_phase phase);
int connections_count(struct connections *all);

/* The client hung up or shut down its sending side; a client that waits for an answer does
 * neither.  Never blocks. */
bool connection_gone(int fd);

#endif
