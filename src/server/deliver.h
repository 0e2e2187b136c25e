/* deliver.h - a completion's events to its client: as an event stream, or gathered into one object.
 *
 * The stream keeps the promise that no client has to wonder whether the server hangs: headers and
 * the role chunk leave before the request is queued; while it waits or is computed, a data chunk
 * (empty delta, with prompt_progress until the first token) leaves at least every liveness_ms.
 * Chunks with data are used because OpenAI clients do not see the comments of an event stream. */
#ifndef SERVER_DELIVER_H
#define SERVER_DELIVER_H
#include "server/completion.h"

/* Answers the call, as its request's "stream" says. */
void deliver(struct completion *c);

#endif
