/* api_completions.c - POST /v1/completions: text or token ids go on, no template. */
#include "server/api.h"
#include "server/deliver.h"

void api_completions(struct call *call) {
    struct completion *c = completion_open(call, ANSWER_TEXT);
    if (c != NULL) deliver(c);
}
