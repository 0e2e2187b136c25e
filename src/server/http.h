/* http.h - libmicrohttpd's side: sockets in, calls to the routes out.
 *
 * One thread per connection, so that a handler may block.  Here is decided what can be decided
 * on the headers alone (route, key, sizes); such a refusal still reads the body it was sent,
 * within limits, because a client that is cut off while it sends never sees the answer. */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H
#include "base/error.h"
#include "server/context.h"

struct MHD_Daemon;

/* A listening socket; a taken port is one sentence. Caller closes. -1: err. */
int http_listen(const char *host, int port, struct error *err);
int http_port(int listen_fd);

/* Takes listen_fd (also on failure). */
struct MHD_Daemon *http_open(struct context *context, int listen_fd, struct error *err);
void http_stop_listening(struct MHD_Daemon *daemon);
void http_close(struct MHD_Daemon *daemon); /* waits for all connection threads */

#endif
