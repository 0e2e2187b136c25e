/* keys.h - API keys: who may ask.
 *
 * A key is compared with every configured one over its whole length, so that the time
 * taken tells nothing about how much of a guess was right. */
#ifndef SERVER_KEYS_H
#define SERVER_KEYS_H
#include <stdbool.h>
#include "server/context.h"

/* authorization: the header's value or NULL.  Without configured keys everybody may. */
bool keys_accept(const struct context *context, const char *authorization);

#endif
