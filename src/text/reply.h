/* reply.h - the model's output on its way to a client: text in, deltas out.
 *
 * Holds back what might be the beginning of a stop string, and releases it as soon as it
 * cannot be one.  Later splits tool calls and reasoning as well (one state machine, one file a
 * format).  Never emits half a UTF-8 sequence because the detokenizer before it does not. */
#ifndef TEXT_REPLY_H
#define TEXT_REPLY_H
#include <stdbool.h>
#include "base/error.h"
#include "base/str.h"

enum { REPLY_STOPS_MAX = 16, REPLY_STOP_BYTES_MAX = 1024 };

struct reply;

/* stops: copied.  More or longer ones than the limits are ERR_ARGUMENT. */
struct reply *reply_open(const char *const *stops, int stop_count, struct error *err);
void reply_close(struct reply *r);

/* Takes text; appends to out what may be shown now.  Returns true once a stop string
 * was met: out ends before it, and later calls add nothing.  The stop string that is complete first
 * counts, however the text is cut into calls; of two completed by one byte, the longer. */
bool reply_add(struct reply *r, struct span text, struct str *out);
/* The end of the answer without a stop string: releases what was held back. */
void reply_finish(struct reply *r, struct str *out);
/* The stop string that was met, or NULL. */
const char *reply_stop(const struct reply *r);

#endif
