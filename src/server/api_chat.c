/* api_chat.c - POST /v1/chat/completions. */
#include "server/api.h"
#include "server/deliver.h"

void api_chat(struct call *call) {
    struct completion *c = completion_open(call, ANSWER_CHAT);
    if (c != NULL) deliver(c);
}
