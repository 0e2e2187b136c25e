/* chat_session.h - a conversation on a terminal: the messages so far, and one answer at a time.
 *
 * Main thread only.  Ctrl-C (SIGINT) cancels the answer that is being made; the part that was made
 * stays in the conversation. */
#ifndef CLI_CHAT_SESSION_H
#define CLI_CHAT_SESSION_H
#include <jansson.h>
#include <stdbool.h>
#include "engine/generation.h"

struct chat_session {
    struct native *native;      /* borrowed */
    json_t *messages;           /* owned */
    const char *system;         /* borrowed; NULL: none */
    struct sampling sampling;
    int max_tokens;
    bool stats;                 /* a line on stderr after each answer */
};

bool chat_session_init(struct chat_session *s, struct error *err);
void chat_session_deinit(struct chat_session *s);
/* Forgets everything but the system message. */
bool chat_session_clear(struct chat_session *s, struct error *err);
bool chat_session_add(struct chat_session *s, const char *role, const char *text, size_t len,
                      struct error *err);
void chat_session_drop_last(struct chat_session *s);
bool chat_session_save(const struct chat_session *s, const char *path, struct error *err);

/* Answers the conversation: text to stdout as it comes, progress and statistics to stderr; appends
 * the answer.  *cancelled: Ctrl-C ended it. */
bool chat_session_answer(struct chat_session *s, bool *cancelled, struct error *err);

/* Installs the handler of SIGINT; and whether it came since the last call. */
void chat_session_catch_interrupt(void);
bool chat_session_interrupted(void);

#endif
