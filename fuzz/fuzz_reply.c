/* fuzz_reply.c - stop strings and a streamed answer, both made of the input's bytes.
 *
 * Promise under test besides not crashing: what comes out does not depend on how the answer was
 * cut into pieces.  Input: the count of stops, then length-prefixed stops, then the answer. */
#include "fuzz.h"
#include "text/reply.h"
#include <stdlib.h>
#include <string.h>

enum { STOP_BYTES_MAX = 16, STOPS_MAX = 4 };

static void answer(const char *const *stops, int count, struct span text, size_t piece,
                   struct str *out) {
    struct reply *r = reply_open(stops, count, NULL);
    if (r == NULL) return;
    bool stopped = false;
    for (size_t at = 0; at < text.len && !stopped; at += piece) {
        size_t len = piece < text.len - at ? piece : text.len - at;
        stopped = reply_add(r, (struct span){text.data + at, len}, out);
    }
    if (!stopped) reply_finish(r, out);
    reply_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    char stop[STOPS_MAX][STOP_BYTES_MAX + 1] = {{0}};
    const char *stops[STOPS_MAX];
    int count = bytes > 0 ? *data % (STOPS_MAX + 1) : 0;
    size_t at = bytes > 0;
    for (int i = 0; i < count; i++) {
        size_t len = at < bytes ? data[at++] % STOP_BYTES_MAX : 0;
        if (len > bytes - at) len = bytes - at;
        memcpy(stop[i], data + at, len);
        at += len;
        stops[i] = stop[i];
    }
    struct span text = {(const char *)data + at, bytes - at};
    struct str whole = {0}, bytewise = {0};
    answer(stops, count, text, text.len + 1, &whole);
    answer(stops, count, text, 1, &bytewise);
    if (whole.len != bytewise.len || memcmp(str_text(&whole), str_text(&bytewise), whole.len) != 0)
        abort();
    str_deinit(&whole);
    str_deinit(&bytewise);
    return 0;
}
