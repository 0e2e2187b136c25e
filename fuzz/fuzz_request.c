/* fuzz_request.c - any bytes as the body of a request for a chat and for a completion. */
#include "fuzz.h"
#include "server/body.h"
#include "server/request.h"

enum { ARENA_BYTES_MAX = 8 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct str text = {0};
    struct error err = {0};
    str_add(&text, (const char *)data, bytes);
    json_t *body = body_parse(&text, &err);
    if (body != NULL) {
        struct arena arena;
        struct request request = {0};
        struct error chat = {0}, completion = {0};
        arena_init(&arena, ARENA_BYTES_MAX);
        request_read_chat(body, &arena, &request, &chat);
        request = (struct request){0};
        request_read_completion(body, &arena, &request, &completion);
        arena_deinit(&arena);
    }
    json_decref(body);
    str_deinit(&text);
    return 0;
}
