/* chat_message.h - what a client sends, checked once and brought into one shape.
 *
 * After this every message has a role and a content that is a string or null; parts of text are
 * joined with a line end; "developer" is "system", "function" is "tool"; a call is {id, type,
 * function: {name, arguments}} with the arguments as an object wherever they are JSON of one;
 * members that are null are gone, and unknown ones stay for templates that know them. */
#ifndef TEXT_CHAT_MESSAGE_H
#define TEXT_CHAT_MESSAGE_H
#include <jansson.h>
#include <stdbool.h>
#include "base/error.h"

enum { CHAT_MESSAGES_MAX = 100000, CHAT_TOOLS_MAX = 10000 };

/* A new array, or NULL.  *roles_known: all roles are of the fixed list system, user, assistant,
 * tool, so that they are no text of a user's making. */
json_t *chat_message_check(const json_t *messages, bool *roles_known, struct error *err);

/* The tools as a new array (empty for NULL, null or []), functions without parameters completed. */
json_t *chat_message_check_tools(const json_t *tools, struct error *err);

#endif
